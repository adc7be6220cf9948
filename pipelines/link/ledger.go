package link

import (
	"cmp"
	"math"
	"slices"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/score"
	"onegrid/warehouse"
)

func holds(v cluster.Verdict) bool { return v == cluster.Joined || v == cluster.Inside }

// proposed reports whether a person should look at a pair.
func proposed(v cluster.Verdict) bool {
	switch v {
	case cluster.ForReview, cluster.RefusedClass, cluster.RefusedSupport, cluster.RefusedDiameter, cluster.RefusedSpan:
		return true
	}
	return false
}

// links are the ledger rows that the result wants, one for each pair; only has a say about which pairs are given.
func (w *work) links(only func(a, b int32) bool, yield func(warehouse.Link) bool) {
	order := make([]int32, 0, len(w.res.Edges))
	for i := range w.res.Edges {
		if v := w.res.Cluster.Edges[i]; holds(v) || proposed(v) {
			order = append(order, int32(i))
		}
	}
	key := func(e *Edge) (int32, int32) { return min(e.A, e.B), max(e.A, e.B) }
	// The strongest evidence of a pair first: what the source says, then what is known, then what is weighed.
	slices.SortFunc(order, func(i, j int32) int {
		x, y := &w.res.Edges[i], &w.res.Edges[j]
		xa, xb := key(x)
		ya, yb := key(y)
		return cmp.Or(cmp.Compare(xa, ya), cmp.Compare(xb, yb), cmp.Compare(y.Kind, x.Kind), cmp.Compare(y.Bits, x.Bits), cmp.Compare(i, j))
	})
	lv := newLevels(w.res)
	last := [2]int32{-1, -1}
	for _, i := range order {
		e := &w.res.Edges[i]
		a, b := key(e)
		if last == [2]int32{a, b} {
			continue
		}
		last = [2]int32{a, b}
		if only != nil && !only(a, b) {
			continue
		}
		if !yield(w.ledgerRow(e, w.res.Cluster.Edges[i], lv)) {
			return
		}
	}
}

func (w *work) ledgerRow(e *Edge, v cluster.Verdict, lv *levels) warehouse.Link {
	l := warehouse.Link{From: w.all.refs[e.A], To: w.all.refs[e.B], Type: e.Type, Method: e.Method, Band: warehouse.BandLink, Weight: e.Bits,
		Model: w.r.model(), DecidedBy: "engine", Action: warehouse.Assert}
	if proposed(v) {
		l.Band = warehouse.BandReview
	}
	if e.Kind != cluster.Probable {
		l.Rule, l.Note, l.Probability = e.Code, e.Code, 1
		return l
	}
	// The later report is the one that is linked.
	if w.all.records[e.B].At > w.all.records[e.A].At || w.all.records[e.B].At == w.all.records[e.A].At && e.B > e.A {
		l.From, l.To = l.To, l.From
	}
	l.Type = certain.DuplicateOf.String()
	l.Probability = score.Probability(e.Bits)
	if int(e.Rule) < len(w.r.o.Spec.Blocking) {
		l.Rule = w.r.o.Spec.Blocking[e.Rule].Name
	}
	l.Levels = lv.of(e.Pattern, e.Bits)
	if v != cluster.Joined && v != cluster.Inside {
		l.Note = v.String()
	}
	return l
}

// levels are the names and weights of all levels of a model, made once.
type levels struct {
	res   *Result
	prior float64
	level [][]warehouse.Level
}

func newLevels(r *Result) *levels {
	l := &levels{res: r, prior: score.Bits(r.Model.Lambda)}
	for _, c := range r.Model.Comparisons {
		row := []warehouse.Level{{Name: c.Name, Gamma: -1}}
		for i, lv := range c.Levels {
			row = append(row, warehouse.Level{Name: c.Name + " " + lv.Level, Gamma: int8(i), Bits: float32(math.Log2(lv.M / lv.U))})
		}
		l.level = append(l.level, row)
	}
	return l
}

// of are the levels of a pattern; what term frequencies add to their sum comes last.
func (l *levels) of(g score.Pattern, bits float64) []warehouse.Level {
	out := make([]warehouse.Level, 0, len(l.level)+2)
	sum := l.prior
	out = append(out, warehouse.Level{Name: "prior", Bits: float32(l.prior)})
	for i, at := range l.res.Program.Levels(g) {
		lv := l.level[i][at]
		sum += float64(lv.Bits)
		out = append(out, lv)
	}
	if rest := bits - sum; math.Abs(rest) > 0.01 {
		out = append(out, warehouse.Level{Name: "frequency", Bits: float32(rest)})
	}
	return out
}
