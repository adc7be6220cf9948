package city

import (
	"cmp"
	"slices"
)

// entry is one call in the order that the API gives: update time, then number. key orders numbers without writing them:
// the rank of the county, minutes, and the four digits after them.
type entry struct {
	key uint64
	t   uint32 // seconds since 30 days before the start
	ord uint32
}

const beforeStart = 30 * daySeconds

func (e entry) compare(o entry) int {
	if e.t != o.t {
		return cmp.Compare(e.t, o.t)
	}
	return cmp.Compare(e.key, o.key)
}

// reindex brings the index of the 110 API to the city's time. Only blocks that could still change are made again. The
// caller holds the lock, or nobody else has the city.
func (c *City) reindex() {
	to := c.blocksAt(c.now)
	kept := c.index[:0:0]
	if c.settled > 0 {
		kept = make([]entry, 0, len(c.index)+int(to-c.settled)*policeSlots)
		limit := uint32(c.settled * policeSlots)
		for _, e := range c.index {
			if e.ord < limit {
				kept = append(kept, e)
			}
		}
	}
	var fresh []entry
	var l layout
	var rec record
	for b := c.settled; b < to; b++ {
		c.plan(b, &l)
		for slot := range policeSlots {
			c.build(&l, slot, &rec)
			if n := rec.at(c.now); n > 0 {
				fresh = append(fresh, c.entry(&rec, rec.steps[n-1].t))
			}
		}
	}
	slices.SortFunc(fresh, entry.compare)
	c.index = mergeEntries(kept, fresh)
	c.settled = c.settledAt(c.now)
}

// entry places a call at an update time, or at that of a touch after it.
func (c *City) entry(rec *record, updated int64) entry {
	county := 0
	for i := range c.counties {
		if &c.counties[i] == rec.county {
			county = i
		}
	}
	return entry{
		key: uint64(county)<<48 | uint64(rec.idTime/60)<<14 | uint64(rec.ord%10_000),
		t:   uint32(max(updated, c.touched[rec.ord]) - c.start + beforeStart),
		ord: uint32(rec.ord),
	}
}

func mergeEntries(a, b []entry) []entry {
	if len(a) == 0 {
		return b
	}
	out := make([]entry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].compare(b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// window returns the calls updated from..until (wall clock, until not included).
func (c *City) window(from, until int64) []entry {
	find := func(t int64) int {
		rel := t - c.start + beforeStart
		if rel <= 0 {
			return 0
		}
		i, _ := slices.BinarySearchFunc(c.index, rel, func(e entry, v int64) int {
			return cmp.Compare(int64(e.t), v)
		})
		return i
	}
	lo, hi := find(from), find(until)
	if hi < lo {
		hi = lo
	}
	return c.index[lo:hi]
}

// touch rewrites calls at the city's time, as a desk does that corrects a row while somebody pages through: they leave
// their place and come again at the end. Nothing else of them changes.
func (c *City) touch(rows []entry) {
	if len(rows) == 0 {
		return
	}
	moved := slices.Clone(rows)
	for _, e := range moved {
		c.touched[int64(e.ord)] = c.now
	}
	kept := make([]entry, 0, len(c.index))
	for _, e := range c.index {
		if c.touched[int64(e.ord)] != c.now || !slices.Contains(moved, e) {
			kept = append(kept, e)
		}
	}
	for i := range moved {
		moved[i].t = uint32(c.now - c.start + beforeStart)
	}
	slices.SortFunc(moved, entry.compare)
	c.index = mergeEntries(kept, moved)
}
