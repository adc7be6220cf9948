package evaluate

import (
	"cmp"
	"fmt"
	"slices"
)

// SourcePair are the pairs of rows in one cluster whose rows come from these two sources (or one, twice).
type SourcePair struct {
	A         string  `json:"a"`
	B         string  `json:"b"`
	Pairs     int64   `json:"pairs"`
	False     int64   `json:"false"`
	Truth     int64   `json:"truth_pairs"`
	Missed    int64   `json:"missed"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Sources says between which sources links are wrong or missing: the pair with the most false links first. source is an
// index of names for each row. Rows without truth are left out.
func Sources(predicted, truth []int32, source []uint16, names []string) ([]SourcePair, error) {
	if len(predicted) != len(truth) || len(predicted) != len(source) {
		return nil, fmt.Errorf("%w: %d clusters, %d true ones and %d sources", ErrInput, len(predicted), len(truth), len(source))
	}
	for _, s := range source {
		if int(s) >= len(names) {
			return nil, fmt.Errorf("%w: source %d of %d", ErrInput, s, len(names))
		}
	}
	rows := make([]int, 0, len(truth))
	for i := range truth {
		if truth[i] != NoTruth {
			rows = append(rows, i)
		}
	}
	pairs := bySource(rows, source, func(i int) [2]int32 { return [2]int32{predicted[i], 0} })
	truths := bySource(rows, source, func(i int) [2]int32 { return [2]int32{truth[i], 0} })
	correct := bySource(rows, source, func(i int) [2]int32 { return [2]int32{predicted[i], truth[i]} })
	keys := map[[2]uint16]bool{}
	for k := range pairs {
		keys[k] = true
	}
	for k := range truths {
		keys[k] = true
	}
	out := make([]SourcePair, 0, len(keys))
	for k := range keys {
		out = append(out, SourcePair{A: names[k[0]], B: names[k[1]], Pairs: pairs[k], False: pairs[k] - correct[k],
			Truth: truths[k], Missed: truths[k] - correct[k], Precision: ratio(correct[k], pairs[k]), Recall: ratio(correct[k], truths[k])})
	}
	slices.SortFunc(out, func(x, y SourcePair) int {
		return cmp.Or(cmp.Compare(y.False, x.False), cmp.Compare(y.Missed, x.Missed), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return out, nil
}

// bySource counts the pairs of rows of one group by their sources, without looking at pairs.
func bySource(rows []int, source []uint16, group func(int) [2]int32) map[[2]uint16]int64 {
	type key struct {
		group  [2]int32
		source uint16
	}
	keys := make([]key, len(rows))
	for k, i := range rows {
		keys[k] = key{group(i), source[i]}
	}
	slices.SortFunc(keys, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.group[0], y.group[0]), cmp.Compare(x.group[1], y.group[1]), cmp.Compare(x.source, y.source))
	})
	type count struct {
		source uint16
		rows   int64
	}
	out := map[[2]uint16]int64{}
	var counts []count
	for i := 0; i < len(keys); {
		counts = counts[:0]
		j := i
		for ; j < len(keys) && keys[j].group == keys[i].group; j++ {
			if n := len(counts); n > 0 && counts[n-1].source == keys[j].source {
				counts[n-1].rows++
			} else {
				counts = append(counts, count{keys[j].source, 1})
			}
		}
		for a, x := range counts {
			if n := choose2(x.rows); n > 0 {
				out[[2]uint16{x.source, x.source}] += n
			}
			for _, y := range counts[a+1:] {
				out[[2]uint16{x.source, y.source}] += x.rows * y.rows
			}
		}
		i = j
	}
	return out
}
