package city

// Records come in blocks of 64 that follow each other in time. A block fixes how many records each department has in it,
// so that record n of a department lies in a known block, and which of the block's incidents each record reports. That
// makes a record a function of its number, and the incidents of a block a function of the block's number.
const (
	blockSize     = 64
	policeSlots   = 29
	hotlineSlots  = 25
	urbanSlots    = 10
	hotlineAt     = policeSlots
	urbanAt       = policeSlots + hotlineSlots
	noRef         = 255
	singleConsult = 0.63 // of the hotline's records
)

// Department numbers, used as index everywhere.
const (
	police = iota
	hotline
	urban
	departments
)

// SourceIDs are the ids of the three sources, in the order of their departments.
func SourceIDs() [3]string { return [3]string{"police_110", "hotline_12345", "urban_mgmt"} }

func slotsOf(dept int) (from, n int) {
	switch dept {
	case police:
		return 0, policeSlots
	case hotline:
		return hotlineAt, hotlineSlots
	default:
		return urbanAt, urbanSlots
	}
}

func deptOf(slot int) int {
	switch {
	case slot < hotlineAt:
		return police
	case slot < urbanAt:
		return hotline
	default:
		return urban
	}
}

// role is why a record exists.
type role uint8

const (
	first     role = iota // the first report of its incident
	again                 // another report of the same incident
	followup              // the unit calls back and quotes a call of this block
	followFar             // the same, about the first call of an earlier block
	transfer              // handed over by another department, with its number
)

type slotPlan struct {
	incident uint8
	role     role
	ref      uint8  // slot quoted or handed over from, noRef if none
	onward   uint8  // slot of the record that this one was handed over to, noRef if none
	far      uint32 // followFar: how many blocks back
}

// layout is the plan of one block.
type layout struct {
	block    int64
	storm    bool
	n        int // incidents
	slots    [blockSize]slotPlan
	kind     [blockSize]uint8
	big      [blockSize]bool // many reports within hours
	shuffled [blockSize]uint8
}

// kindTable draws a kind by the departments that hear of it. Index: departments bitmask, shared, storm.
type kindTable [8][2][2][]uint8

func newKindTable(ks []kind) *kindTable {
	t := new(kindTable)
	for mask := 1; mask < 8; mask++ {
		for shared := range 2 {
			for storm := range 2 {
				var draw []uint8
				for i, k := range ks {
					if k.heard&mask != mask || shared == 1 && k.alone || k.demand == "咨询" {
						continue
					}
					w := k.weight
					if storm == 1 && k.storm {
						w *= 12
					}
					for range w {
						draw = append(draw, uint8(i))
					}
				}
				t[mask][shared][storm] = draw
			}
		}
	}
	return t
}

// groupSize is how many records report an incident that is no storm's.
func groupSize(r *random) int {
	switch v := r.below(100); {
	case v < 62:
		return 1
	case v < 80:
		return 2
	case v < 90:
		return 3
	case v < 95:
		return 4
	case v < 98:
		return 6
	default:
		return 9
	}
}

// plan lays out block b. Incident 0 always holds police slot 0 as its first report: follow-up calls of later blocks quote
// it, and its number can be told without laying out its block.
func (c *City) plan(b int64, l *layout) {
	r := random{s: hash(c.cfg.Seed^saltLayout, uint64(b))}
	*l = layout{block: b, storm: r.chance(c.cfg.Rates.Storm)}
	for i := range l.slots {
		l.slots[i].ref, l.slots[i].onward = noRef, noRef
	}
	// Follow-up calls first: they belong to an incident that another record opened.
	follow := c.cfg.Rates.FollowUp * policeSlots / (policeSlots - 1)
	left := l.shuffled[:0]
	var consult [blockSize]bool
	for s := 1; s < blockSize; s++ {
		switch {
		case s < hotlineAt && r.chance(follow):
			l.slots[s].role = followup
		case s >= hotlineAt && s < urbanAt && r.chance(singleConsult):
			consult[s] = true
		default:
			left = append(left, uint8(s))
		}
	}
	for i := len(left) - 1; i > 0; i-- {
		j := r.below(i + 1)
		left[i], left[j] = left[j], left[i]
	}
	size := groupSize(&r)
	if l.storm {
		size = 12 + r.below(18)
	}
	for member := 0; ; {
		k := l.n
		group := left[:min(size-1+member, len(left))] // the anchor's group has slot 0 as well
		mask := 0
		if member == 0 {
			mask = byPolice
			l.slots[0] = slotPlan{role: first, ref: noRef, onward: noRef}
		}
		for i, s := range group {
			mask |= 1 << deptOf(int(s))
			p := &l.slots[s]
			p.incident, p.role = uint8(k), again
			if i == 0 && member == 1 {
				p.role = first
			}
		}
		total := len(group) + 1 - member
		shared, storm := 0, 0
		if total > 1 {
			shared = 1
		}
		if l.storm {
			storm = 1
		}
		draw := c.draw[mask][shared][storm]
		l.kind[k] = draw[r.below(len(draw))]
		l.big[k] = total >= 8
		l.n++
		if mask&(mask-1) != 0 {
			c.handOver(&r, l, uint8(k), group, member == 0)
		}
		left = left[len(group):]
		if len(left) == 0 {
			break
		}
		member = 1
		size = groupSize(&r)
	}
	for s := hotlineAt; s < urbanAt; s++ {
		if consult[s] {
			l.slots[s].incident = uint8(l.n)
			l.kind[l.n] = c.consult
			l.n++
		}
	}
	c.quote(&r, l)
}

// handOver makes some reports of a shared incident hand-overs from one department to the next instead of independent
// reports.
func (c *City) handOver(r *random, l *layout, k uint8, group []uint8, anchor bool) {
	at := [departments]int{noRef, noRef, noRef}
	if anchor {
		at[police] = 0
	}
	opener := noRef
	if len(group) > 0 && !anchor {
		opener = int(group[0])
	}
	for _, s := range group {
		if d := deptOf(int(s)); at[d] == noRef || at[d] == opener && d != police {
			at[d] = int(s)
		}
	}
	link := func(from, to int, p float64) bool {
		if from == noRef || to == noRef || l.slots[to].role != again || !r.chance(p) {
			return false
		}
		l.slots[to].role, l.slots[to].ref = transfer, uint8(from)
		l.slots[from].onward = uint8(to)
		return true
	}
	if !link(at[police], at[hotline], c.cfg.Rates.PoliceToHotline) {
		link(at[hotline], at[police], c.cfg.Rates.HotlineToPolice)
	}
	if at[hotline] == noRef || l.slots[at[hotline]].onward == noRef {
		link(at[hotline], at[urban], c.cfg.Rates.HotlineToUrban)
	}
}

// quote gives every follow-up call the call that it quotes: 47 of 75 were found in the same extract.
func (c *City) quote(r *random, l *layout) {
	for s := 1; s < policeSlots; s++ {
		p := &l.slots[s]
		if p.role != followup {
			continue
		}
		back := c.blocksPerDay + r.below(c.blocksPerDay) // a call of the day before, or of the one before that
		if !r.chance(c.cfg.Rates.FollowUpNear) && l.block >= int64(back) {
			p.role, p.far = followFar, uint32(back)
			continue
		}
		to := r.below(policeSlots)
		for l.slots[to].role == followup || l.slots[to].role == followFar {
			to = (to + 1) % policeSlots // slot 0 is never a follow-up, so this ends
		}
		p.ref, p.incident = uint8(to), l.slots[to].incident
	}
}
