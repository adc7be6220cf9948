package cluster

import (
	"cmp"
	"slices"
)

// group is a cluster of one component while it grows.
type group struct {
	size   int
	policy Policy // the strictest of its rows
	voters int    // rows that are not loose
	// sketch are its voters, or its rows where it has none: those with the smallest hashes, at most MaxSamples. It is a sample
	// that does not depend on how the group grew.
	sketch []int32
	hull   []point
	width  float64 // metres between its two farthest rows
	placed bool
	timed  bool
	from   int64
	to     int64
	barred []int32 // rows that a person keeps apart from one of its rows
}

// alone is the group of one row.
func (r *run) alone(row int32) group {
	in := r.in
	g := group{size: 1, policy: in.Policies[0], sketch: r.keep(row), barred: r.cannot[row]}
	if in.Class != nil {
		g.policy = in.Policies[in.Class[row]]
	}
	if in.Loose != nil && in.Loose(row) {
		return g
	}
	g.voters = 1
	if in.X != nil && in.X[row]-in.X[row] == 0 && in.Y[row]-in.Y[row] == 0 { // finite
		r.points = append(r.points, point{in.X[row], in.Y[row]})
		g.hull = r.points[len(r.points)-1 : len(r.points) : len(r.points)]
		g.placed = true
	}
	if in.Time != nil && in.Time[row] != NoTime {
		g.from, g.to, g.timed = in.Time[row], in.Time[row], true
	}
	return g
}

// keep puts rows into memory that lives as long as the component.
func (r *run) keep(rows ...int32) []int32 {
	n := len(r.rows)
	r.rows = append(r.rows, rows...)
	return r.rows[n:len(r.rows):len(r.rows)]
}

// widthWith returns the metres between the two farthest rows of both groups.
func (g *group) widthWith(o *group) float64 {
	return max(g.width, o.width, farthest(g.hull, o.hull))
}

// spanWith returns the time between the first and the last row of both groups.
func (g *group) spanWith(o *group) uint64 {
	switch {
	case !g.timed:
		return o.span()
	case !o.timed:
		return g.span()
	}
	return uint64(max(g.to, o.to)) - uint64(min(g.from, o.from))
}

func (g *group) span() uint64 { return uint64(g.to) - uint64(g.from) }

// join makes g the union of both.
func (r *run) join(g, o *group) {
	g.width = g.widthWith(o)
	g.size += o.size
	g.policy = stricter(g.policy, o.policy)
	if o.timed {
		if g.timed {
			g.from, g.to = min(g.from, o.from), max(g.to, o.to)
		} else {
			g.from, g.to, g.timed = o.from, o.to, true
		}
	}
	if o.placed {
		if g.placed {
			r.scratch = append(append(r.scratch[:0], g.hull...), o.hull...)
			n := len(r.points)
			r.points = hullOf(r.scratch, r.points)
			g.hull = r.points[n:len(r.points):len(r.points)]
		} else {
			g.hull, g.placed = o.hull, true
		}
	}
	switch {
	case g.voters > 0 && o.voters == 0:
	case g.voters == 0 && o.voters > 0:
		g.sketch = o.sketch
	default:
		n := len(r.rows)
		r.rows = r.merge(r.rows, g.sketch, o.sketch)
		g.sketch = r.rows[n:len(r.rows):len(r.rows)]
	}
	g.voters += o.voters
	if len(o.barred) > 0 {
		g.barred = slices.Concat(g.barred, o.barred)
	}
}

// merge appends the MaxSamples rows with the smallest hashes of two sorted samples.
func (r *run) merge(out, a, b []int32) []int32 {
	for n := 0; n < MaxSamples && len(a)+len(b) > 0; n++ {
		if len(b) == 0 || len(a) > 0 && r.before(a[0], b[0]) < 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// before orders rows by the hash of their ids, independent of row numbers.
func (r *run) before(a, b int32) int {
	if x, y := mix(r.id(a)), mix(r.id(b)); x != y {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// supported reports whether the wanted share of the cross pairs of two groups supports a merge: of all cross pairs, or of
// MaxSamples of them that depend on the rows of the two groups only.
func (r *run) supported(g, o *group, p *Policy) bool {
	if p.Support == 0 {
		return true
	}
	a, b := g.sketch, o.sketch
	if r.before(a[0], b[0]) > 0 {
		a, b = b, a
	}
	n := MaxSamples
	if all := g.cast() * o.cast(); all <= MaxSamples {
		n = all
	}
	// The i-th sample is row i mod |a| with row i mod |b|, shifted by one each time that the two have gone round together,
	// so that no cross pair comes twice.
	round := len(a) / gcd(len(a), len(b)) * len(b)
	yes, no := 0, 0
	for i := range n {
		if r.weigh(a[i%len(a)], b[(i+i/round)%len(b)]) >= p.SupportBits {
			yes++
		} else {
			no++
		}
		if float64(yes) >= p.Support*float64(n) {
			return true
		}
		if float64(n-no) < p.Support*float64(n) {
			return false
		}
	}
	return false
}

// cast is the number of rows that have a say in a merge.
func (g *group) cast() int {
	if g.voters > 0 {
		return g.voters
	}
	return g.size
}

// weigh asks for the weight of a pair, always in the same direction.
func (r *run) weigh(a, b int32) float64 {
	r.stats.Weighed++
	if r.id(a) > r.id(b) {
		a, b = b, a
	}
	return r.in.Weight(a, b)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// mix spreads the bits of a hash (the finaliser of splitmix64: Steele, Lea, Flood, OOPSLA 2014), so that a sample by smallest
// hashes is fair also where ids are row numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
