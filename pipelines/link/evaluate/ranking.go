package evaluate

import (
	"fmt"
	"math"
)

// NoParent is the parent of a row that no source calls a child.
const NoParent = -1

// WeightedPair is a candidate pair with its weight in bits.
type WeightedPair struct {
	A, B   int32
	Weight float64
}

// Ranking says how well candidate weights find the parents that a source names.
type Ranking struct {
	Children    int     `json:"children"`    // with a parent in the table
	Found       int     `json:"found"`       // the parent is a candidate of the child
	First       int     `json:"first"`       // ... and weighs more than every other possible parent
	Tied        int     `json:"tied"`        // ... or as much as the best of them; not in First
	FirstFive   int     `json:"first_five"`  // fewer than five weigh as much or more
	Attached    int     `json:"attached"`    // in the parent's cluster
	FirstRate   float64 `json:"first_rate"`  // of Children
	AttachRate  float64 `json:"attach_rate"` // of Children
	Candidates  int64   `json:"candidates"`
	MeanOptions float64 `json:"mean_options"` // possible parents per child
}

// Parents measures the ranking of parents among the candidates of each child. parent is per row, NoParent = none. possible
// says which rows may be the child's parent at all (older, not itself a child, ...); nil = any row. cluster is per row,
// nil = nothing is attached. Each pair must come once.
func Parents(pairs []WeightedPair, parent []int32, possible func(child, row int32) bool, cluster []int32) (Ranking, error) {
	n := len(parent)
	if cluster != nil && len(cluster) != n {
		return Ranking{}, fmt.Errorf("%w: %d clusters for %d rows", ErrInput, len(cluster), n)
	}
	r := Ranking{Candidates: int64(len(pairs))}
	for i, p := range parent {
		if p == NoParent {
			continue
		}
		if p < 0 || int(p) >= n || int(p) == i {
			return Ranking{}, fmt.Errorf("%w: row %d has no such parent", ErrInput, i)
		}
		r.Children++
		if cluster != nil && cluster[i] == cluster[p] {
			r.Attached++
		}
	}
	own := make([]float64, n) // weight of the true parent, NaN = no candidate
	for i := range own {
		own[i] = math.NaN()
	}
	for i, p := range pairs {
		if p.A < 0 || p.B < 0 || int(p.A) >= n || int(p.B) >= n || p.A == p.B || math.IsNaN(p.Weight) {
			return Ranking{}, fmt.Errorf("%w: pair %d", ErrInput, i)
		}
	}
	each := func(f func(child, row int32, w float64)) {
		for _, p := range pairs {
			for _, d := range [2][2]int32{{p.A, p.B}, {p.B, p.A}} {
				if c := d[0]; parent[c] != NoParent && (parent[c] == d[1] || possible == nil || possible(c, d[1])) {
					f(c, d[1], p.Weight)
				}
			}
		}
	}
	options := 0
	each(func(child, row int32, w float64) {
		options++
		if row == parent[child] && !(own[child] >= w) {
			own[child] = w
		}
	})
	above, equal := make([]int, n), make([]int, n)
	each(func(child, row int32, w float64) {
		if row == parent[child] {
			return
		}
		switch {
		case w > own[child]:
			above[child]++
		case w == own[child]:
			equal[child]++
		}
	})
	for i, p := range parent {
		if p == NoParent || math.IsNaN(own[i]) {
			continue
		}
		r.Found++
		switch {
		case above[i] == 0 && equal[i] == 0:
			r.First++
		case above[i] == 0:
			r.Tied++
		}
		if above[i]+equal[i] < 5 {
			r.FirstFive++
		}
	}
	if r.Children > 0 {
		r.FirstRate = float64(r.First) / float64(r.Children)
		r.AttachRate = float64(r.Attached) / float64(r.Children)
		r.MeanOptions = float64(options) / float64(r.Children)
	}
	return r, nil
}
