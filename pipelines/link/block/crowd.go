package block

import (
	"cmp"
	"slices"
)

// maxKnown is the largest number of known clusters whose representatives a crowded stretch is compared with: the clusters
// with the most rows in it.
const maxKnown = 16

// crowds finds the rows that have more than the cap's number of partners in a block and links the crowded stretches with
// their representatives.
func (g *grouper) crowds(x *index, r *Rule, st *RuleStats) {
	limit := r.limit()
	for b := range x.blocks() {
		members := x.block(b)
		if len(members) <= limit {
			continue
		}
		capped := int64(0)
		start := -1
		for p := range members {
			crowded := g.crowded(r, members, p)
			// A stretch is at most one time limit long: its representatives must be within reach of its rows.
			if start >= 0 && (!crowded || !g.rows.within(members[start], members[p], r.Within)) {
				g.represent(x, r, members[start:min(len(members), p+limit)])
				start = -1
			}
			if crowded {
				capped++
				x.mark(x.off[b] + uint32(p))
				if start < 0 {
					start = p
				}
			}
		}
		if start >= 0 {
			g.represent(x, r, members[start:])
		}
		if capped > 0 {
			st.CappedBlocks++
			st.CappedRows += capped
		}
	}
	slices.SortFunc(x.extra, func(a, b link) int {
		if a.lo != b.lo {
			return cmp.Compare(a.lo, b.lo)
		}
		return cmp.Compare(a.hi, b.hi)
	})
	x.extra = slices.Compact(x.extra)
}

func (x *index) mark(at uint32) {
	if x.crowd == nil {
		x.crowd = make([]uint64, len(x.members)>>6+1)
	}
	x.crowd[at>>6] |= 1 << (at & 63)
}

func (r *Rule) limit() int {
	if r.Cap > 0 {
		return r.Cap
	}
	return DefaultCap
}

// crowded reports whether the member at p has more partners after it than the cap allows. Without a limit in time the
// whole block is crowded or none of it.
func (g *grouper) crowded(r *Rule, members []uint32, p int) bool {
	limit := r.limit()
	if r.Within == 0 || g.rows.at == nil {
		return len(members) > limit
	}
	return p+limit < len(members) && g.rows.within(members[p], members[p+limit], r.Within)
}

// represent links every row of a crowded stretch with the representatives of the known clusters in it and with rows spread
// evenly over it.
func (g *grouper) represent(x *index, r *Rule, stretch []uint32) {
	count := g.in.Representatives
	if count == 0 {
		count = DefaultRepresentatives
	}
	var reps []uint32
	for k := range min(count, len(stretch)) {
		reps = append(reps, stretch[k*len(stretch)/count])
	}
	reps = append(reps, g.known(stretch)...)
	slices.Sort(reps)
	for _, rep := range slices.Compact(reps) {
		for _, m := range stretch {
			l := link{min(m, rep), max(m, rep)}
			if m == rep || g.fresh != nil && !g.fresh[m] && !g.fresh[rep] || !g.rows.within(l.lo, l.hi, r.Within) {
				continue
			}
			x.extra = append(x.extra, l)
		}
	}
}

// known returns the representatives that most rows of the stretch name.
func (g *grouper) known(stretch []uint32) []uint32 {
	if g.in.Known == nil {
		return nil
	}
	count := map[uint32]int{}
	for _, m := range stretch {
		for _, row := range g.in.Known(int32(g.rows.row[m])) {
			count[g.rows.rank[row]]++
		}
	}
	var reps []uint32
	for rep := range count {
		reps = append(reps, rep)
	}
	slices.SortFunc(reps, func(a, b uint32) int {
		if count[a] != count[b] {
			return cmp.Compare(count[b], count[a])
		}
		return cmp.Compare(a, b)
	})
	return reps[:min(len(reps), maxKnown)]
}
