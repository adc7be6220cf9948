package evaluate_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onegrid/pipelines/link/evaluate"
)

var near = cmpopts.EquateApprox(0, 1e-9)

func TestClustersByHand(t *testing.T) {
	predicted := []int32{0, 0, 0, 1, 1, 2, 3}
	truth := []int32{5, 5, 6, 6, 6, 7, evaluate.NoTruth}
	got, err := evaluate.Clusters("hand", predicted, truth)
	if err != nil {
		t.Fatal(err)
	}
	want := evaluate.Report{Name: "hand", Rows: 7, Clusters: 4, LargestCluster: 3, LargestTrue: 3,
		Sizes: []evaluate.Bin{{Size: 1, Clusters: 2}, {Size: 2, Clusters: 1}, {Size: 3, Clusters: 1}},
		Rates: evaluate.Rates{Pairs: 4, Truth: 4, Correct: 2, Precision: 0.5, Recall: 0.5, F1: 0.5},
		// rows: 2/3 2/3 1/3 1 1 1 of the cluster; 1 1 1/3 2/3 2/3 1 of the true one
		B3: evaluate.B3{Precision: 14.0 / 18, Recall: 14.0 / 18, F1: 14.0 / 18}}
	if d := cmp.Diff(want, got, near); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

// The names of the JSON fields are a contract of `link eval`.
func TestReportAsJSON(t *testing.T) {
	r, err := evaluate.Clusters("", []int32{0, 0}, []int32{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"pairs", "precision", "recall", "f1", "largest_cluster", "candidates", "b3", "seconds", "peak_rss_mib"} {
		if _, ok := got[k]; !ok {
			t.Errorf("no %q in %s", k, b)
		}
	}
}

// slow counts pairs and rows one by one.
func slow(predicted, truth []int32) (pairs, truths, both int64, p, r float64) {
	rows := 0.0
	for i := range predicted {
		if truth[i] == evaluate.NoTruth {
			continue
		}
		rows++
		var inP, inT, inB float64
		for j := range predicted {
			if truth[j] == evaluate.NoTruth {
				continue
			}
			x, y := predicted[i] == predicted[j], truth[i] == truth[j]
			if x {
				inP++
			}
			if y {
				inT++
			}
			if x && y {
				inB++
			}
			if i < j {
				if x {
					pairs++
				}
				if y {
					truths++
				}
				if x && y {
					both++
				}
			}
		}
		p += inB / inP
		r += inB / inT
	}
	return pairs, truths, both, p / rows, r / rows
}

func TestClustersAgainstCountingOneByOne(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 2 + rng.IntN(60)
		predicted, truth, source := make([]int32, n), make([]int32, n), make([]uint16, n)
		for i := range n {
			predicted[i], truth[i], source[i] = rng.Int32N(12), rng.Int32N(12)-1, uint16(rng.IntN(3))
		}
		truth[0] = 3
		got, err := evaluate.Clusters("", predicted, truth)
		if err != nil {
			t.Fatal(err)
		}
		pairs, truths, both, p, r := slow(predicted, truth)
		if d := cmp.Diff(evaluate.NewRates(pairs, truths, both), got.Rates, near) + cmp.Diff([]float64{p, r}, []float64{got.B3.Precision, got.B3.Recall}, near); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		table, err := evaluate.Sources(predicted, truth, source, []string{"a", "b", "c"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[[2]string][4]int64{}
		for i := range n {
			for j := range i {
				if truth[i] == evaluate.NoTruth || truth[j] == evaluate.NoTruth {
					continue
				}
				s := [2]string{string(rune('a' + min(source[i], source[j]))), string(rune('a' + max(source[i], source[j])))}
				w, x, y := want[s], predicted[i] == predicted[j], truth[i] == truth[j]
				if x {
					w[0]++
				}
				if x && !y {
					w[1]++
				}
				if y {
					w[2]++
				}
				if y && !x {
					w[3]++
				}
				if x || y {
					want[s] = w
				}
			}
		}
		have := map[[2]string][4]int64{}
		for i, s := range table {
			have[[2]string{s.A, s.B}] = [4]int64{s.Pairs, s.False, s.Truth, s.Missed}
			if i > 0 && table[i-1].False < s.False {
				t.Fatal("not the most false links first")
			}
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Fatalf("seed %d: sources (-want +got):\n%s", seed, d)
		}
	}
}

func TestDoingNothingAndDoingAll(t *testing.T) {
	truth := []int32{0, 0, 1, 1}
	none, _ := evaluate.Clusters("", []int32{0, 1, 2, 3}, truth)
	all, _ := evaluate.Clusters("", []int32{0, 0, 0, 0}, truth)
	if none.Precision != 1 || none.Recall != 0 || none.F1 != 0 || none.B3.Precision != 1 {
		t.Errorf("nothing: %+v", none)
	}
	if all.Recall != 1 || all.Precision != 2.0/6 || all.LargestCluster != 4 {
		t.Errorf("all: %+v", all)
	}
}

func TestLabelled(t *testing.T) {
	predicted := []int32{0, 0, 0, 1, 1, 2}
	got, err := evaluate.Labelled(predicted, []evaluate.Label{{A: 0, B: 1, Same: true}, {A: 1, B: 0, Same: true}, {A: 5, B: 0, Same: true}, {A: 1, B: 2}, {A: 2, B: 3}})
	if err != nil {
		t.Fatal(err)
	}
	want := evaluate.LabelRates{Labels: 4, WrongJudged: 1, Rates: evaluate.NewRates(2, 2, 1)}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Only positive labels: every other pair counts as wrong, and the report says that this is a lower bound.
	got, err = evaluate.Labelled(predicted, []evaluate.Label{{A: 0, B: 1, Same: true}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Pairs != 4 || got.Precision != 0.25 || got.Recall != 1 || !got.LowerBound {
		t.Fatalf("%+v", got)
	}
	for name, ls := range map[string][]evaluate.Label{
		"both ways": {{A: 0, B: 1, Same: true}, {A: 1, B: 0}},
		"itself":    {{A: 1, B: 1}},
		"no row":    {{A: 0, B: 6}},
		"negative":  {{A: -1, B: 2}},
	} {
		if _, err := evaluate.Labelled(predicted, ls); !errors.Is(err, evaluate.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChurn(t *testing.T) {
	c, err := evaluate.Changed([]string{"", "a", "a", "b"}, []string{"x", "a", "b", "b"})
	if err != nil || c.Rows != 3 || c.Moved != 1 || math.Abs(c.Share-1.0/3) > 1e-12 {
		t.Fatal(c, err)
	}
	// Other names for the same sets are no difference; a row that moves changes both clusters.
	c, err = evaluate.Differing([]int32{0, 0, 1, 1, 2}, []int32{7, 7, 5, 5, 9})
	if err != nil || c.Moved != 0 {
		t.Fatal(c, err)
	}
	c, err = evaluate.Differing([]int32{0, 0, 1, 1, 2}, []int32{7, 7, 5, 9, 9})
	if err != nil || c.Moved != 3 || c.Share != 0.6 {
		t.Fatal(c, err)
	}
}

func TestPRCurve(t *testing.T) {
	scored := []evaluate.Scored{{Weight: 1}, {Weight: 9, Same: true}, {Weight: 5, Same: true}, {Weight: 5}, {Weight: 3, Same: true}}
	c, err := evaluate.PRCurve(scored, 4, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := evaluate.Curve{Missed: 1, Points: []evaluate.Point{
		{Threshold: 9, Rates: evaluate.NewRates(1, 4, 1)},
		{Threshold: 5, Rates: evaluate.NewRates(3, 4, 2)},
		{Threshold: 3, Rates: evaluate.NewRates(4, 4, 3)},
		{Threshold: 1, Rates: evaluate.NewRates(5, 4, 3)},
	}, Area: 1.0/4 + 2.0/3/4 + 3.0/4/4}
	want.Best = want.Points[2]
	if d := cmp.Diff(want, c, near); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Of equal ones the highest threshold is the best: 1 of 1 of 3, then 2 of 5 of 3.
	c, err = evaluate.PRCurve([]evaluate.Scored{{Weight: 9, Same: true}, {Weight: 5, Same: true}, {Weight: 5}, {Weight: 5}, {Weight: 5}}, 3, 0)
	if err != nil || c.Points[0].F1 != c.Points[1].F1 || c.Best.Threshold != 9 {
		t.Fatalf("%+v %v", c, err)
	}
	c, err = evaluate.PRCurve(scored, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]evaluate.Point{want.Points[0], want.Points[3]}, c.Points, near); d != "" || c.Best != want.Best {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if _, err := evaluate.PRCurve(scored, 2, 0); !errors.Is(err, evaluate.ErrInput) {
		t.Fatal(err)
	}
	if _, err := evaluate.PRCurve([]evaluate.Scored{{Weight: math.NaN()}}, 2, 0); !errors.Is(err, evaluate.ErrInput) {
		t.Fatal(err)
	}
}

func TestParents(t *testing.T) {
	const none = evaluate.NoParent
	parent := []int32{none, 0, 0, 0, none, 4, none}
	pairs := []evaluate.WeightedPair{
		{A: 0, B: 1, Weight: 9}, {A: 1, B: 4, Weight: 3}, // first
		{A: 2, B: 0, Weight: 5}, {A: 2, B: 4, Weight: 5}, // tied
		{A: 3, B: 6, Weight: 8}, // not found
		{A: 5, B: 4, Weight: 1}, {A: 5, B: 0, Weight: 2}, {A: 6, B: 5, Weight: 7},
	}
	got, err := evaluate.Parents(pairs, parent, nil, []int32{0, 0, 0, 1, 1, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	want := evaluate.Ranking{Children: 4, Found: 3, First: 1, Tied: 1, FirstFive: 3, Attached: 3, FirstRate: 0.25, AttachRate: 0.75, Candidates: 8, MeanOptions: 2}
	if d := cmp.Diff(want, got, near); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Only older rows can be parents.
	got, err = evaluate.Parents(pairs, parent, func(child, row int32) bool { return row < child && row != 0 }, nil)
	if err != nil || got.First != 3 || got.Attached != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := evaluate.Parents(nil, []int32{0}, nil, nil); !errors.Is(err, evaluate.ErrInput) {
		t.Fatal(err)
	}
	if _, err := evaluate.Parents([]evaluate.WeightedPair{{A: 0, B: 9}}, parent, nil, nil); !errors.Is(err, evaluate.ErrInput) {
		t.Fatal(err)
	}
}
