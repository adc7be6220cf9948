package block

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// index is one rule, ready to be walked: blocks of ranks, each in rising order.
//
// The walk is bound by looks into memory that miss the cache, so a row of a rule with keys knows its place in members, and
// the end of a block is a mark on its last member: what comes after the row is found with one look.
type index struct {
	members []uint32 // rank, | marked on the last of a block
	rowOff  []uint32 // rank → its part of rowAt
	rowAt   []uint32 // keys: place in members, | marked if the row is crowded there; cells: block

	// Cells only.
	off     []uint32 // block → its part of members
	todo    []uint32 // block → first member that was not visited yet
	nearOff []uint32 // block → its part of near
	near    []uint32 // the cells around a cell, itself included
	hash    []uint64 // block → hash of cell and key, while cells are linked

	// newAt is for walks that want pairs with a new row: place in members → place of the first new member there or
	// after it in the block, or none. nil = all pairs are wanted.
	newAt []uint32

	extra []link // pairs of crowded blocks with their representatives, by rising lo
	next  int    // first of extra that was not visited yet

	crowd []uint64 // bit set over members: crowded; while the index is built
}

type link struct{ lo, hi uint32 }

// marked is a bit that no rank and no place has: rows are below 1<<31 and so are (row, key).
const marked = 1 << 31

func (x *index) blocks() int { return len(x.off) - 1 }

// block returns the members of a block while the index is built, without marks.
func (x *index) block(b int) []uint32 { return x.members[x.off[b]:x.off[b+1]] }

// grouper turns the keys of one rule after the other into blocks. Its buffers serve all rules.
type grouper struct {
	in    *Input
	rows  ranking
	fresh []bool // rank → new; nil = all pairs are wanted

	hashes []uint64
	ranks  []uint32

	slots  []uint32 // open addressing: group of the part + 1
	groups []group
	of     []uint32 // entry of the part → group, or none
	copied []uint32
}

type group struct {
	hash  uint64
	count uint32
	last  uint32
	fresh bool
	at    uint32 // where its next member goes
}

const none = math.MaxUint32

// mix spreads the bits of a hash (the finaliser of splitmix64: Steele, Lea, Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// index groups the rows of a rule.
func (g *grouper) index(r *Rule, st *RuleStats) (*index, error) {
	keys := Keys{}
	if r.Keys != nil {
		var err error
		if keys, err = r.Keys(); err != nil {
			return nil, fmt.Errorf("computing the keys of rule %s: %w", r.Name, err)
		}
		if err := g.check(keys, r); err != nil {
			return nil, err
		}
	}
	if len(keys.Hashes) >= marked {
		return nil, fmt.Errorf("%w: rule %s has %d keys", ErrInput, r.Name, len(keys.Hashes))
	}
	part := g.scatter(r, keys)
	x := g.group(r, part, st)
	g.crowds(x, r, st)
	cells := r.Radius > 0
	if cells {
		g.neighbours(x, r)
	}
	g.rowsToBlocks(x, cells)
	if g.fresh != nil {
		g.onlyNew(x)
	}
	for b := range x.blocks() {
		x.members[x.off[b+1]-1] |= marked
	}
	x.crowd, x.hash = nil, nil
	if cells {
		x.todo = slices.Clone(x.off[:x.blocks()])
	} else {
		x.off = nil
	}
	return x, nil
}

func (g *grouper) check(k Keys, r *Rule) error {
	if len(k.Offsets) != g.in.Rows+1 || k.Offsets[0] != 0 || int(k.Offsets[g.in.Rows]) != len(k.Hashes) || !slices.IsSorted(k.Offsets) {
		return fmt.Errorf("%w: rule %s has %d offsets and %d keys for %d rows", ErrInput, r.Name, len(k.Offsets), len(k.Hashes), g.in.Rows)
	}
	return nil
}

// entries calls each with the grouping hash of every (rank, key) in rank order.
func (g *grouper) entries(r *Rule, k Keys, each func(rank uint32, hash uint64)) {
	for rank, row := range g.rows.row {
		cell := uint64(0)
		if r.Radius > 0 {
			cx, cy, ok := g.cell(row, r.Radius)
			if !ok {
				continue
			}
			cell = cellHash(cx, cy)
			if r.Keys == nil {
				each(uint32(rank), cell)
				continue
			}
		}
		for _, h := range k.Hashes[k.Offsets[row]:k.Offsets[row+1]] {
			each(uint32(rank), mix(h)+cell)
		}
	}
}

// cell is the square of side radius that a row lies in.
func (g *grouper) cell(row uint32, radius float64) (cx, cy int64, ok bool) {
	x, y := math.Floor(g.in.X[row]/radius), math.Floor(g.in.Y[row]/radius)
	const far = 1 << 52
	if !(math.Abs(x) < far && math.Abs(y) < far) { // NaN and infinity included
		return 0, 0, false
	}
	return int64(x), int64(y), true
}

func cellHash(cx, cy int64) uint64 { return mix(mix(uint64(cx)+0x9e3779b97f4a7c15) ^ uint64(cy)) }

// scatter splits the entries by the top bits of their hash, so that the table of one part stays in the cache. Within a part
// they keep their rank order.
func (g *grouper) scatter(r *Rule, k Keys) (part []int) {
	total := len(k.Hashes)
	if r.Keys == nil {
		total = g.in.Rows
	}
	shift := 64 - max(0, bits.Len(uint(total>>13)))
	part = make([]int, 1<<(64-shift)+1)
	g.entries(r, k, func(_ uint32, h uint64) { part[h>>shift+1]++ })
	for i := 1; i < len(part); i++ {
		part[i] += part[i-1]
	}
	n := part[len(part)-1]
	if cap(g.hashes) < n {
		g.hashes, g.ranks = make([]uint64, n), make([]uint32, n)
	}
	g.hashes, g.ranks = g.hashes[:n], g.ranks[:n]
	at := slices.Clone(part)
	g.entries(r, k, func(rank uint32, h uint64) {
		p := h >> shift
		g.hashes[at[p]], g.ranks[at[p]] = h, rank
		at[p]++
	})
	return part
}

// group makes one block of each hash that at least two rows have (of every hash for cells: the partners may be next door).
func (g *grouper) group(r *Rule, part []int, st *RuleStats) *index {
	x := &index{off: []uint32{0}}
	cells := r.Radius > 0
	written := uint32(0) // members overwrite the entries that were read already
	for p := range len(part) - 1 {
		hashes, ranks := g.hashes[part[p]:part[p+1]], g.ranks[part[p]:part[p+1]]
		g.count(hashes, ranks)
		for i := range g.groups {
			gr := &g.groups[i]
			st.LargestBlock = max(st.LargestBlock, int(gr.count))
			switch {
			case r.MaxFrequency > 0 && int(gr.count) > r.MaxFrequency:
				st.IgnoredKeys++
				st.IgnoredRows += int64(gr.count)
				gr.at = none
			case !cells && (gr.count < 2 || g.fresh != nil && !gr.fresh):
				gr.at = none
			default:
				gr.at = written
				written += gr.count
				x.off = append(x.off, written)
				if cells {
					x.hash = append(x.hash, gr.hash)
				}
			}
			if gr.at != none && gr.count > 1 {
				st.Blocks++
			}
		}
		g.copied = append(g.copied[:0], ranks...)
		for i, k := range g.of {
			if k == none || g.groups[k].at == none {
				continue
			}
			g.ranks[g.groups[k].at] = g.copied[i]
			g.groups[k].at++
		}
	}
	x.members = slices.Clone(g.ranks[:written])
	x.off = slices.Clip(x.off)
	return x
}

// count finds the groups of one part; a rank that has a hash twice is counted once.
func (g *grouper) count(hashes []uint64, ranks []uint32) {
	size := 1 << bits.Len(uint(2*len(hashes)))
	if len(g.slots) < size {
		g.slots = make([]uint32, size)
	}
	slots := g.slots[:size]
	clear(slots)
	g.groups, g.of = g.groups[:0], g.of[:0]
	for i, h := range hashes {
		s := int(h*0x9e3779b97f4a7c15>>32) & (size - 1)
		for slots[s] != 0 && g.groups[slots[s]-1].hash != h {
			s = (s + 1) & (size - 1)
		}
		rank := ranks[i]
		if slots[s] == 0 {
			g.groups = append(g.groups, group{hash: h, last: none})
			slots[s] = uint32(len(g.groups))
		}
		gr := &g.groups[slots[s]-1]
		if gr.last == rank {
			g.of = append(g.of, none)
			continue
		}
		gr.count++
		gr.last = rank
		gr.fresh = gr.fresh || g.fresh != nil && g.fresh[rank]
		g.of = append(g.of, slots[s]-1)
	}
}

// rowsToBlocks inverts blocks → members.
func (g *grouper) rowsToBlocks(x *index, cells bool) {
	n := len(g.rows.row)
	x.rowOff = make([]uint32, n+1)
	for _, m := range x.members {
		x.rowOff[m+1]++
	}
	for i := range n {
		x.rowOff[i+1] += x.rowOff[i]
	}
	x.rowAt = make([]uint32, len(x.members))
	for b := range x.blocks() {
		for i, m := range x.block(b) {
			at := uint32(b)
			if !cells {
				at = x.off[b] + uint32(i)
				if x.crowd != nil && x.crowd[at>>6]>>(at&63)&1 == 1 {
					at |= marked
				}
			}
			x.rowAt[x.rowOff[m]] = at
			x.rowOff[m]++
		}
	}
	copy(x.rowOff[1:], x.rowOff[:n]) // each now stands at the end of its row: shift back
	x.rowOff[0] = 0
}

func (g *grouper) onlyNew(x *index) {
	x.newAt = make([]uint32, len(x.members))
	for b := range x.blocks() {
		next := uint32(none)
		for i := x.off[b+1]; i > x.off[b]; i-- {
			if g.fresh[x.members[i-1]] {
				next = i - 1
			}
			x.newAt[i-1] = next
		}
	}
}

// neighbours links each cell to the cells around it that hold the same key. A cell without a new row needs only those that
// have one, if only pairs with a new row are wanted.
func (g *grouper) neighbours(x *index, r *Rule) {
	n := x.blocks()
	size := 1 << bits.Len(uint(2*n))
	slots := make([]uint32, size)
	hash := x.hash
	fresh := make([]bool, n) // holds a new row
	cells := make([][2]int64, n)
	find := func(h uint64) int {
		s := int(mix(h)) & (size - 1)
		for slots[s] != 0 && hash[slots[s]-1] != h {
			s = (s + 1) & (size - 1)
		}
		return s
	}
	for b := range n {
		members := x.block(b)
		cx, cy, _ := g.cell(g.rows.row[members[0]], r.Radius)
		cells[b] = [2]int64{cx, cy}
		for _, m := range members {
			fresh[b] = fresh[b] || g.fresh != nil && g.fresh[m]
		}
		slots[find(hash[b])] = uint32(b) + 1
	}
	x.nearOff = make([]uint32, n+1)
	for b := range n {
		cx, cy := cells[b][0], cells[b][1]
		key := hash[b] - cellHash(cx, cy)
		for dx := int64(-1); dx <= 1; dx++ {
			for dy := int64(-1); dy <= 1; dy++ {
				s := find(key + cellHash(cx+dx, cy+dy))
				if slots[s] == 0 {
					continue
				}
				if other := slots[s] - 1; g.fresh == nil || fresh[b] || fresh[other] {
					x.near = append(x.near, other)
				}
			}
		}
		x.nearOff[b+1] = uint32(len(x.near))
	}
}
