package block

import (
	"cmp"
	"slices"
)

// ranking is the order in which rows are visited: by Order, then ID, then as given. Everything inside the package counts
// in ranks, so that "later" is "greater" and rows that are close in time are close in memory.
type ranking struct {
	row  []uint32 // rank → row
	rank []uint32 // row → rank; nil = the same
	at   []int64  // rank → Order; nil = no order
}

func newRanking(in *Input) ranking {
	type place struct {
		at  int64
		id  uint64
		row uint32
	}
	places := make([]place, in.Rows)
	for i := range places {
		p := place{row: uint32(i)}
		if in.Order != nil {
			p.at = in.Order[i]
		}
		if in.ID != nil {
			p.id = in.ID[i]
		}
		places[i] = p
	}
	compare := func(a, b place) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		if a.id != b.id {
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(a.row, b.row)
	}
	if !slices.IsSortedFunc(places, compare) {
		slices.SortFunc(places, compare)
	}
	r := ranking{row: make([]uint32, in.Rows), rank: make([]uint32, in.Rows)}
	if in.Order != nil {
		r.at = make([]int64, in.Rows)
	}
	for k, p := range places {
		r.row[k] = p.row
		r.rank[p.row] = uint32(k)
		if r.at != nil {
			r.at[k] = p.at
		}
	}
	return r
}

// within reports whether b, which is not before a, is at most limit after a. What is unknown excludes nothing.
func (r *ranking) within(a, b uint32, limit int64) bool {
	if limit == 0 || r.at == nil || r.at[a] == NoOrder {
		return true
	}
	d := uint64(r.at[b]) - uint64(r.at[a]) // the difference of any two int64 in order fits a uint64
	return d <= uint64(limit)
}
