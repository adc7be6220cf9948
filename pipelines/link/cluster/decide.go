package cluster

import (
	"cmp"
	"slices"
)

// decide sorts out the decisions: of several about one pair the newest counts (a cannot-link if they are of the same time),
// and must-links are taken newest first, so that the older one is refused where they contradict a cannot-link together.
func (r *run) decide() (must []int32, verdicts []Verdict) {
	ds := r.in.Decisions
	verdicts = make([]Verdict, len(ds))
	order := make([]int32, len(ds))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &ds[i], &ds[j]
		if a.At != b.At {
			return cmp.Compare(b.At, a.At)
		}
		if a.Must != b.Must {
			if a.Must {
				return 1
			}
			return -1
		}
		return r.byIDs(a.A, a.B, b.A, b.B)
	})
	seen := map[[2]int32]bool{}
	for _, i := range order {
		d := &ds[i]
		pair := [2]int32{min(d.A, d.B), max(d.A, d.B)}
		switch {
		case seen[pair]:
			verdicts[i] = Overruled
		case d.Must:
			must = append(must, i)
		default:
			verdicts[i] = Apart
			r.cannot[d.A] = append(r.cannot[d.A], d.B)
			r.cannot[d.B] = append(r.cannot[d.B], d.A)
		}
		seen[pair] = true
	}
	return must, verdicts
}

// byIDs orders pairs by their rows' ids, whichever way round they are given.
func (r *run) byIDs(a, b, c, d int32) int {
	p, q := r.id(a), r.id(b)
	s, t := r.id(c), r.id(d)
	if p > q {
		p, q = q, p
	}
	if s > t {
		s, t = t, s
	}
	if p != s {
		return cmp.Compare(p, s)
	}
	return cmp.Compare(q, t)
}
