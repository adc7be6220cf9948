package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Scored is a candidate pair with its weight and whether it is true.
type Scored struct {
	Weight float64 // bits
	Same   bool
}

// Point is the confusion at one threshold: pairs of at least this weight are called the same.
type Point struct {
	Threshold float64 `json:"threshold"` // bits
	Rates
}

// Curve is precision and recall over thresholds, the highest threshold first.
type Curve struct {
	Points []Point `json:"points"`
	Best   Point   `json:"best"` // the highest F1; of equal ones the highest threshold
	// Missed are true pairs that are no candidates: no threshold finds them.
	Missed int64 `json:"missed_by_blocking"`
	// Area is the average precision: precision averaged over the recall gained.
	Area float64 `json:"average_precision"`
}

// PRCurve computes the curve of candidate pairs. truth is the number of true pairs, candidates or not; it must not be below
// the number of true candidates. At most points points are kept, spread evenly over the distinct weights, the first and
// the last included; 0 = all.
func PRCurve(scored []Scored, truth int64, points int) (Curve, error) {
	sorted := slices.Clone(scored)
	found := int64(0)
	for i := range sorted {
		if math.IsNaN(sorted[i].Weight) {
			return Curve{}, fmt.Errorf("%w: pair %d has no weight", ErrInput, i)
		}
		if sorted[i].Same {
			found++
		}
	}
	if found > truth {
		return Curve{}, fmt.Errorf("%w: %d true candidates of %d true pairs", ErrInput, found, truth)
	}
	slices.SortFunc(sorted, func(a, b Scored) int { return cmp.Compare(b.Weight, a.Weight) })
	c := Curve{Missed: truth - found}
	var all []Point
	var predicted, correct, before int64
	for i := 0; i < len(sorted); {
		w := sorted[i].Weight
		for ; i < len(sorted) && sorted[i].Weight == w; i++ {
			predicted++
			if sorted[i].Same {
				correct++
			}
		}
		p := Point{w, NewRates(predicted, truth, correct)}
		if len(all) == 0 || p.F1 > c.Best.F1 {
			c.Best = p
		}
		if truth > 0 {
			c.Area += p.Precision * float64(correct-before) / float64(truth)
		}
		before = correct
		all = append(all, p)
	}
	c.Points = thin(all, points)
	return c, nil
}

func thin(all []Point, n int) []Point {
	if n <= 0 || len(all) <= n {
		return all
	}
	if n == 1 {
		return all[len(all)-1:]
	}
	out := make([]Point, 0, n)
	for i := range n {
		out = append(out, all[i*(len(all)-1)/(n-1)])
	}
	return out
}
