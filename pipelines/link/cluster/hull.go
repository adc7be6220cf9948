package cluster

import (
	"cmp"
	"math"
	"slices"
)

// point is a place in metres.
type point struct{ x, y float64 }

// hullOf returns the convex hull of points (Andrew's monotone chain, Information Processing Letters 9, 1979), whose two
// farthest points are the two farthest of all. It reorders the points and appends to into.
func hullOf(points []point, into []point) []point {
	slices.SortFunc(points, func(a, b point) int {
		if a.x != b.x {
			return cmp.Compare(a.x, b.x)
		}
		return cmp.Compare(a.y, b.y)
	})
	points = slices.Compact(points)
	if len(points) < 3 {
		return append(into, points...)
	}
	start := len(into)
	chain := func(p point, floor int) {
		for len(into) >= floor+2 && turn(into[len(into)-2], into[len(into)-1], p) <= 0 {
			into = into[:len(into)-1]
		}
		into = append(into, p)
	}
	for _, p := range points {
		chain(p, start)
	}
	floor := len(into) - 1
	for i := len(points) - 2; i >= 0; i-- {
		chain(points[i], floor)
	}
	return into[:len(into)-1] // the first point again
}

func turn(o, a, b point) float64 { return (a.x-o.x)*(b.y-o.y) - (a.y-o.y)*(b.x-o.x) }

// farthest returns the largest distance between a point of one list and one of the other.
func farthest(a, b []point) float64 {
	d2 := 0.0
	for _, p := range a {
		for _, q := range b {
			dx, dy := p.x-q.x, p.y-q.y
			d2 = max(d2, dx*dx+dy*dy)
		}
	}
	return math.Sqrt(d2)
}
