package evaluate

import (
	"cmp"
	"fmt"
	"slices"
)

// NoTruth is the truth of a row that nobody has labelled. Such rows are left out of every comparison.
const NoTruth = -1

// Rates are counts of pairs with what follows from them.
type Rates struct {
	Pairs     int64   `json:"pairs"`         // predicted
	Truth     int64   `json:"truth_pairs"`   // true
	Correct   int64   `json:"correct_pairs"` // both
	Precision float64 `json:"precision"`     // 1 if nothing is predicted
	Recall    float64 `json:"recall"`        // 1 if nothing is true
	F1        float64 `json:"f1"`
	// LowerBound: labels are incomplete, and pairs without a label count as wrong. The real precision is higher.
	LowerBound bool `json:"precision_is_lower_bound,omitempty"`
}

// NewRates computes the rates.
func NewRates(predicted, truth, correct int64) Rates {
	r := Rates{Pairs: predicted, Truth: truth, Correct: correct, Precision: ratio(correct, predicted), Recall: ratio(correct, truth)}
	r.F1 = harmonic(r.Precision, r.Recall)
	return r
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func harmonic(p, r float64) float64 {
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

// B3 is B-cubed: for each row the share of its cluster that belongs with it, and of its true cluster that was found,
// averaged over rows.
type B3 struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Bin is one bar of the histogram of cluster sizes.
type Bin struct {
	Size     int `json:"size"`
	Clusters int `json:"clusters"`
}

// RuleCount are the candidates of one blocking rule.
type RuleCount struct {
	Rule       string `json:"rule"`
	Candidates int64  `json:"candidates"`
}

// Report is the result for one clustering of one table. Candidates, CandidatesByRule, Seconds and PeakRSSMiB are the
// caller's to fill in.
type Report struct {
	Name string `json:"name,omitempty"` // of the data set or method
	Rows int    `json:"rows"`
	Rates
	B3               B3          `json:"b3"`
	Clusters         int         `json:"clusters"`
	LargestCluster   int         `json:"largest_cluster"`
	LargestTrue      int         `json:"largest_true_cluster,omitempty"`
	Sizes            []Bin       `json:"sizes,omitempty"`
	Candidates       int64       `json:"candidates"`
	CandidatesByRule []RuleCount `json:"candidates_by_rule,omitempty"`
	Seconds          float64     `json:"seconds"`
	PeakRSSMiB       float64     `json:"peak_rss_mib"`
}

// Clusters compares a clustering with the true one. Sizes and LargestCluster are of all rows; every comparison is of the
// labelled rows. truth nil = no labels: rates stay zero.
func Clusters(name string, predicted, truth []int32) (Report, error) {
	r := Report{Name: name, Rows: len(predicted)}
	r.Sizes, r.Clusters, r.LargestCluster = sizes(predicted)
	if truth == nil {
		return r, nil
	}
	if len(truth) != len(predicted) {
		return Report{}, fmt.Errorf("%w: %d true clusters for %d rows", ErrInput, len(truth), len(predicted))
	}
	cells := make([]cell, 0, len(truth))
	for i := range truth {
		if truth[i] != NoTruth {
			cells = append(cells, cell{predicted[i], truth[i], 1})
		}
	}
	cells = contingency(cells)
	size := totals(cells, func(c cell) int32 { return c.predicted })
	trueSize := totals(cells, func(c cell) int32 { return c.truth })
	var both, pairs, truths int64
	var rows, precision, recall float64
	for _, c := range cells {
		both += choose2(c.rows)
		n := float64(c.rows)
		rows += n
		precision += n * n / float64(size[c.predicted])
		recall += n * n / float64(trueSize[c.truth])
	}
	for _, n := range size {
		pairs += choose2(n)
	}
	for _, n := range trueSize {
		truths += choose2(n)
		r.LargestTrue = max(r.LargestTrue, int(n))
	}
	r.Rates = NewRates(pairs, truths, both)
	r.B3 = B3{Precision: 1, Recall: 1, F1: 1}
	if rows > 0 {
		r.B3 = B3{Precision: precision / rows, Recall: recall / rows}
		r.B3.F1 = harmonic(r.B3.Precision, r.B3.Recall)
	}
	return r, nil
}

// cell is a field of the contingency table: how many rows are in one predicted and one true cluster.
type cell struct {
	predicted, truth int32
	rows             int64
}

func contingency(cells []cell) []cell {
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.predicted, b.predicted), cmp.Compare(a.truth, b.truth))
	})
	out := cells[:0]
	for _, c := range cells {
		if n := len(out); n > 0 && out[n-1].predicted == c.predicted && out[n-1].truth == c.truth {
			out[n-1].rows += c.rows
			continue
		}
		out = append(out, c)
	}
	return out
}

func totals(cells []cell, of func(cell) int32) map[int32]int64 {
	out := make(map[int32]int64, len(cells))
	for _, c := range cells {
		out[of(c)] += c.rows
	}
	return out
}

func choose2(n int64) int64 { return n * (n - 1) / 2 }

// sizes returns the histogram of cluster sizes, the number of clusters and the largest size.
func sizes(label []int32) (bins []Bin, clusters, largest int) {
	size := make(map[int32]int, len(label))
	for _, l := range label {
		size[l]++
	}
	count := map[int]int{}
	for _, n := range size {
		count[n]++
		largest = max(largest, n)
	}
	for n, k := range count {
		bins = append(bins, Bin{n, k})
	}
	slices.SortFunc(bins, func(a, b Bin) int { return cmp.Compare(a.Size, b.Size) })
	return bins, len(size), largest
}
