package enrich

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"onegrid/catalog"
)

// star is a ring with corners at random distances, not convex as a rule.
func star(r *rand.Rand, cx, cy, size float64) orb.Ring {
	n := 3 + r.IntN(40)
	var ring orb.Ring
	for i := range n {
		d := size * (0.2 + 0.8*r.Float64())
		a := directions[i*len(directions)/n]
		ring = append(ring, orb.Point{cx + d*a[0], cy + d*a[1]})
	}
	return append(ring, ring[0])
}

var directions = func() (out [48][2]float64) {
	r := rand.New(rand.NewPCG(7, 7))
	for i := range out {
		// Points of a diamond in order: no trigonometry needed.
		q, t := i/12, (float64(i%12)+r.Float64()*0.5)/12
		p := [4][2]float64{{1 - t, t}, {-t, 1 - t}, {t - 1, -t}, {t, t - 1}}[q]
		out[i] = p
	}
	return out
}()

// TestContainsLikeOrb compares the prepared polygons with the library's plain answer.
func TestContainsLikeOrb(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	inside := 0
	for range 300 {
		poly := orb.Polygon{star(r, 119.4, 32.4, 0.05), star(r, 119.4, 32.4, 0.008)}
		e := newEdges(poly)
		for range 200 {
			p := orb.Point{119.4 + (r.Float64()-0.5)*0.12, 32.4 + (r.Float64()-0.5)*0.12}
			want := planar.PolygonContains(poly, p)
			if got := e.contains(p[0], p[1]); got != want {
				t.Fatalf("point %v: %v, the library says %v; polygon %v", p, got, want, poly)
			}
			if want {
				inside++
			}
		}
		// Corners and the middle of horizontal edges belong to the shape.
		for _, p := range poly[0] {
			if !e.contains(p[0], p[1]) {
				t.Fatalf("corner %v is outside of %v", p, poly)
			}
		}
	}
	if inside < 1000 {
		t.Fatalf("only %d points fell inside: the test says little", inside)
	}
}

func TestBorders(t *testing.T) {
	square := newEdges(orb.Polygon{{{0, 0}, {2, 0}, {2, 2}, {0, 2}, {0, 0}}})
	for _, c := range []struct {
		x, y float64
		want bool
	}{{1, 1, true}, {0, 0, true}, {2, 2, true}, {1, 0, true}, {1, 2, true}, {0, 1, true}, {2, 1, true}, {-0.1, 0, false}, {2.1, 2, false}, {1, 2.1, false}, {1, -0.1, false}, {3, 1, false}} {
		if got := square.contains(c.x, c.y); got != c.want {
			t.Errorf("(%v, %v) = %v", c.x, c.y, got)
		}
	}
	degenerate := newEdges(orb.Polygon{{{0, 0}, {1, 0}, {2, 0}, {0, 0}}})
	if !degenerate.contains(1, 0) || degenerate.contains(1, 0.1) {
		t.Error("a polygon without height is its own line")
	}
}

func TestNearest(t *testing.T) {
	var l layer
	for _, c := range []struct {
		code string
		x    float64
	}{{"b", 0.01}, {"a", -0.01}, {"far", 0.5}} {
		l.add(catalog.Shape{Code: c.code, Validity: catalog.Always(), Geometry: orb.MultiPolygon{{{{c.x, 0}, {c.x * 2, 0}, {c.x * 2, 0.01}, {c.x, 0.01}, {c.x, 0}}}}})
	}
	for _, c := range []struct {
		x, within float64
		want      string
	}{{0.009, 200, "b"}, {-0.009, 200, "a"}, {0, 2000, "a"}, {0, 1000, ""}, {0.0079, 200, ""}} {
		got := ""
		if s := l.near(c.x, 0.005, c.within, 0); s != nil {
			got = s.code
		}
		if got != c.want {
			t.Errorf("near(%v, within %v m) = %q, want %q", c.x, c.within, got, c.want)
		}
	}
}
