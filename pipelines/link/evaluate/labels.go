package evaluate

import (
	"fmt"
	"slices"
)

// Label is a pair of rows that somebody has judged.
type Label struct {
	A, B int32
	Same bool
}

// LabelRates are the rates over judged pairs. Truth and Correct count pairs judged the same; WrongJudged those judged
// different that are in one cluster.
type LabelRates struct {
	Rates
	Labels      int   `json:"labels"`
	WrongJudged int64 `json:"wrong_judged"`
}

// Labelled compares a clustering with judged pairs, which need not be complete: that a pair is not judged says nothing.
// Recall is over the pairs judged the same. Precision is over the judged pairs that are in one cluster. Where nobody has
// judged a pair different, that would always be 1; then every pair in one cluster that is not judged the same counts as
// wrong, and the precision is a lower bound. A pair that comes twice counts once, and must not be judged both ways.
func Labelled(predicted []int32, labels []Label) (LabelRates, error) {
	sorted := slices.Clone(labels)
	for i := range sorted {
		l := &sorted[i]
		if l.A > l.B {
			l.A, l.B = l.B, l.A
		}
		if l.A == l.B || l.A < 0 || int(l.B) >= len(predicted) {
			return LabelRates{}, fmt.Errorf("%w: label %d is no pair of rows", ErrInput, i)
		}
	}
	slices.SortFunc(sorted, func(x, y Label) int {
		if x.A != y.A {
			return int(x.A) - int(y.A)
		}
		return int(x.B) - int(y.B)
	})
	var out LabelRates
	var truth, correct int64
	for i, l := range sorted {
		if i > 0 && sorted[i-1].A == l.A && sorted[i-1].B == l.B {
			if sorted[i-1].Same != l.Same {
				return LabelRates{}, fmt.Errorf("%w: a pair is judged both ways", ErrInput)
			}
			continue
		}
		out.Labels++
		together := predicted[l.A] == predicted[l.B]
		switch {
		case l.Same:
			truth++
			if together {
				correct++
			}
		case together:
			out.WrongJudged++
		}
	}
	pairs := correct + out.WrongJudged
	different := int64(out.Labels) - truth
	if different == 0 {
		pairs = 0
		bins, _, _ := sizes(predicted)
		for _, b := range bins {
			pairs += int64(b.Clusters) * choose2(int64(b.Size))
		}
	}
	out.Rates = NewRates(pairs, truth, correct)
	out.LowerBound = different == 0
	return out, nil
}

// Churn is how much of a clustering a new run changed.
type Churn struct {
	Rows  int     `json:"rows"`  // that were in both
	Moved int     `json:"moved"` // of these, with another incident id
	Share float64 `json:"share"`
}

// Changed compares the incident ids of the same rows before and after a run. A row whose id before is the zero value is new
// and left out.
func Changed[ID comparable](before, after []ID) (Churn, error) {
	if len(before) != len(after) {
		return Churn{}, fmt.Errorf("%w: %d rows before, %d after", ErrInput, len(before), len(after))
	}
	var c Churn
	var none ID
	for i := range before {
		if before[i] == none {
			continue
		}
		c.Rows++
		if before[i] != after[i] {
			c.Moved++
		}
	}
	if c.Rows > 0 {
		c.Share = float64(c.Moved) / float64(c.Rows)
	}
	return c, nil
}

// Differing counts the rows whose cluster is another set of rows in two clusterings, whatever the clusters are called: the
// measure of an incremental run against a full one.
func Differing(a, b []int32) (Churn, error) {
	if len(a) != len(b) {
		return Churn{}, fmt.Errorf("%w: clusterings of %d and %d rows", ErrInput, len(a), len(b))
	}
	cells := make([]cell, len(a))
	for i := range a {
		cells[i] = cell{a[i], b[i], 1}
	}
	cells = contingency(cells)
	inA := totals(cells, func(c cell) int32 { return c.predicted })
	inB := totals(cells, func(c cell) int32 { return c.truth })
	c := Churn{Rows: len(a)}
	for _, x := range cells {
		if x.rows != inA[x.predicted] || x.rows != inB[x.truth] {
			c.Moved += int(x.rows)
		}
	}
	if c.Rows > 0 {
		c.Share = float64(c.Moved) / float64(c.Rows)
	}
	return c, nil
}
