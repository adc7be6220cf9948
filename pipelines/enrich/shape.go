package enrich

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/tidwall/rtree"

	"onegrid/catalog"
)

// layer is a set of polygons that can be asked for a point.
type layer struct {
	tree   rtree.RTreeG[int32]
	shapes []shape
}

type shape struct {
	code      string
	community string
	priority  int
	size      float64 // of the box, to prefer the smaller of two shapes
	validity  catalog.Validity
	temporal  bool
	parts     []edges // one for each polygon
}

func (s *shape) contains(x, y float64) bool {
	for i := range s.parts {
		if s.parts[i].contains(x, y) {
			return true
		}
	}
	return false
}

func (l *layer) add(s catalog.Shape) {
	b := s.Geometry.Bound()
	var parts []edges
	for _, poly := range s.Geometry {
		parts = append(parts, newEdges(poly))
	}
	l.tree.Insert(b.Min, b.Max, int32(len(l.shapes)))
	l.shapes = append(l.shapes, shape{
		code: s.Code, community: s.Community, priority: s.Priority, size: (b.Max[0] - b.Min[0]) * (b.Max[1] - b.Min[1]),
		validity: s.Validity, temporal: s.Validity != catalog.Always(), parts: parts,
	})
}

// better reports whether a wins over b where both hold a point: priority, then the smaller one, then the code, so that
// a point on a border always falls to the same side.
func (l *layer) better(a, b int32) bool {
	x, y := &l.shapes[a], &l.shapes[b]
	switch {
	case x.priority != y.priority:
		return x.priority > y.priority
	case x.size != y.size:
		return x.size < y.size
	}
	return x.code < y.code
}

// edges is a polygon prepared for many questions: its edges sorted into horizontal bands. The answers are those of
// orb/planar (a test compares them), but for the border of a hole, which belongs to the shape here.
type edges struct {
	minY, perBand float64
	maxY          float64
	bands         [][]edge
}

type edge struct{ x1, y1, x2, y2 float64 } // y1 <= y2

func newEdges(poly orb.Polygon) edges {
	b := poly.Bound()
	var all []edge
	for _, ring := range poly {
		for i := 0; i+1 < len(ring); i++ {
			p, q := ring[i], ring[i+1]
			if p[1] > q[1] || p[1] == q[1] && p[0] > q[0] {
				p, q = q, p
			}
			all = append(all, edge{p[0], p[1], q[0], q[1]})
		}
	}
	n := max(1, min(len(all)/2, 4096))
	e := edges{minY: b.Min[1], maxY: b.Max[1], bands: make([][]edge, n)}
	if h := b.Max[1] - b.Min[1]; h > 0 {
		e.perBand = float64(n) / h
	}
	for _, s := range all {
		for i := e.band(s.y1); i <= e.band(s.y2); i++ {
			e.bands[i] = append(e.bands[i], s)
		}
	}
	return e
}

func (e *edges) band(y float64) int {
	return min(max(int((y-e.minY)*e.perBand), 0), len(e.bands)-1)
}

func (e *edges) contains(x, y float64) bool {
	if !(y >= e.minY && y <= e.maxY) {
		return false
	}
	in := false
	for _, s := range e.bands[e.band(y)] {
		if y < s.y1 || y > s.y2 {
			continue
		}
		if s.y1 == s.y2 {
			if x >= s.x1 && x <= s.x2 {
				return true // on a horizontal border
			}
			continue
		}
		side := (s.x2-s.x1)*(y-s.y1) - (x-s.x1)*(s.y2-s.y1)
		if side == 0 {
			return true // on a border
		}
		if y < s.y2 && side > 0 {
			in = !in
		}
	}
	return in
}

// distance is the distance in metres from a point to the border.
func (e *edges) distance(x, y float64) float64 {
	const metre = 6371008.8 * math.Pi / 180
	east := metre * math.Cos(y*math.Pi/180)
	best := math.Inf(1)
	for _, band := range e.bands {
		for _, s := range band {
			ax, ay := (s.x1-x)*east, (s.y1-y)*metre
			bx, by := (s.x2-x)*east, (s.y2-y)*metre
			dx, dy := bx-ax, by-ay
			t := 0.0
			if l := dx*dx + dy*dy; l > 0 {
				t = min(max(-(ax*dx+ay*dy)/l, 0), 1)
			}
			best = min(best, math.Hypot(ax+t*dx, ay+t*dy))
		}
	}
	return best
}

// finder asks layers without allocating: the callback is made once for all points of a batch.
type finder struct {
	l    *layer
	x, y float64
	day  catalog.Day
	best int32
	hit  func(min, max [2]float64, i int32) bool
}

func newFinder() *finder {
	f := &finder{}
	f.hit = func(_, _ [2]float64, i int32) bool {
		s := &f.l.shapes[i]
		if (!s.temporal || s.validity.Has(f.day)) && s.contains(f.x, f.y) && (f.best < 0 || f.l.better(i, f.best)) {
			f.best = i
		}
		return true
	}
	return f
}

// at returns the shape that holds a point, nil if none.
func (f *finder) at(l *layer, x, y float64, day catalog.Day) *shape {
	if len(l.shapes) == 0 {
		return nil
	}
	f.l, f.x, f.y, f.day, f.best = l, x, y, day, -1
	p := [2]float64{x, y}
	l.tree.Search(p, p, f.hit)
	if f.best < 0 {
		return nil
	}
	return &l.shapes[f.best]
}

// near returns the nearest shape within a distance, nil if none.
func (l *layer) near(x, y, within float64, day catalog.Day) *shape {
	const metre = 6371008.8 * math.Pi / 180
	dy := within / metre
	dx := dy / math.Max(math.Cos(y*math.Pi/180), 0.01)
	var best *shape
	bestD := within
	l.tree.Search([2]float64{x - dx, y - dy}, [2]float64{x + dx, y + dy}, func(_, _ [2]float64, i int32) bool {
		s := &l.shapes[i]
		if !s.validity.Has(day) {
			return true
		}
		for i := range s.parts {
			if d := s.parts[i].distance(x, y); d < bestD || d == bestD && (best == nil || s.code < best.code) {
				best, bestD = s, d
			}
		}
		return true
	})
	return best
}
