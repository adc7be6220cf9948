package cluster

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// memoFrom is the number of steps of a component from which refused merges are remembered: below it, remembering costs more
// than weighing again.
const memoFrom = 16

// run is one call. What a component needs is taken from slices that all components share.
type run struct {
	in     *Input
	cannot map[int32][]int32 // row → rows that a person keeps apart from it
	pair   [][]Policy        // class × class
	stats  Stats

	// of the component at work
	local   []int32 // row → its number in the component
	rowOf   []int32
	forest  Forest
	groups  []group // by root
	refused map[[2]int32]refusal
	points  []point
	scratch []point
	rows    []int32
}

// refusal is a merge that a guard refused while both groups had these sizes.
type refusal struct {
	a, b int
	why  Verdict
}

// step is an edge or must-link that may join.
type step struct {
	comp   int32
	phase  uint8 // 0 must-link, then Given, Certain, Probable
	weight float64
	at     int32 // index of the edge or of the order of must-links
}

func (r *run) id(row int32) uint64 {
	if r.in.ID == nil {
		return uint64(row)
	}
	return r.in.ID[row]
}

// Agglomerate computes the clusters. An error is a contradiction in the input (ErrInput) or the end of ctx.
func Agglomerate(ctx context.Context, in Input) (Result, error) {
	if err := in.check(); err != nil {
		return Result{}, err
	}
	r := &run{in: &in, cannot: map[int32][]int32{}, local: make([]int32, in.Rows)}
	r.pair = make([][]Policy, len(in.Policies))
	for i := range in.Policies {
		for _, q := range in.Policies {
			r.pair[i] = append(r.pair[i], stricter(in.Policies[i], q))
		}
	}
	res := Result{Edges: make([]Verdict, len(in.Edges))}
	must, decided := r.decide()
	res.Decided = decided

	// Only what may join connects components: pairs below that change nothing in any other cluster.
	whole := NewForest(in.Rows)
	steps := make([]step, 0, len(must)+len(in.Edges))
	for _, d := range must {
		whole.Join(in.Decisions[d].A, in.Decisions[d].B)
		steps = append(steps, step{at: d})
	}
	for i := range in.Edges {
		e := &in.Edges[i]
		res.Edges[i] = r.policy(e.A, e.B).first(e)
		if res.Edges[i] == Joined {
			whole.Join(e.A, e.B)
			steps = append(steps, step{phase: 1 + uint8(Given-e.Kind), weight: e.Weight, at: int32(i)})
		}
	}
	place := make(map[int32]int, len(must)) // decision → place in the order of must-links
	for k, d := range must {
		place[d] = k
	}
	for i := range steps {
		a, _ := r.ends(&steps[i])
		steps[i].comp = whole.Find(a)
	}
	slices.SortFunc(steps, func(s, t step) int {
		switch {
		case s.comp != t.comp:
			return cmp.Compare(s.comp, t.comp)
		case s.phase != t.phase:
			return cmp.Compare(s.phase, t.phase)
		case s.phase == 0:
			return cmp.Compare(place[s.at], place[t.at])
		case s.weight != t.weight:
			return cmp.Compare(t.weight, s.weight)
		}
		e, f := &in.Edges[s.at], &in.Edges[t.at]
		if c := r.byIDs(e.A, e.B, f.A, f.B); c != 0 {
			return c
		}
		return cmp.Compare(s.at, t.at) // the same pair again: whichever comes first joins
	})

	final := NewForest(in.Rows)
	for i := 0; i < len(steps); {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("clustering: %w", err)
		}
		j := i + 1
		for j < len(steps) && steps[j].comp == steps[i].comp {
			j++
		}
		r.component(steps[i:j], final, &res)
		i = j
	}
	r.finish(final, &res)
	return res, nil
}

func (r *run) policy(a, b int32) *Policy {
	if r.in.Class == nil {
		return &r.pair[0][0]
	}
	return &r.pair[r.in.Class[a]][r.in.Class[b]]
}

func (r *run) ends(s *step) (a, b int32) {
	if s.phase == 0 {
		d := &r.in.Decisions[s.at]
		return d.A, d.B
	}
	e := &r.in.Edges[s.at]
	return e.A, e.B
}

// component joins what may be joined of one connected component.
func (r *run) component(steps []step, final *Forest, res *Result) {
	r.stats.Components++
	r.rowOf, r.groups = r.rowOf[:0], r.groups[:0]
	r.points, r.rows = r.points[:0], r.rows[:0]
	for i := range steps {
		a, b := r.ends(&steps[i])
		r.enter(a)
		r.enter(b)
	}
	if cap(r.forest.parent) < len(r.rowOf) {
		r.forest.parent = make([]int32, 2*len(r.rowOf))
	}
	r.forest.parent = r.forest.parent[:len(r.rowOf)]
	r.forest.reset()
	r.refused = nil
	if len(steps) >= memoFrom {
		r.refused = map[[2]int32]refusal{}
	}
	for i := range steps {
		s := &steps[i]
		a, b := r.ends(s)
		v := r.take(s, r.local[a]-1, r.local[b]-1)
		if v == Joined {
			final.Join(a, b)
		}
		if s.phase == 0 {
			res.Decided[s.at] = v
		} else {
			res.Edges[s.at] = v
		}
	}
}

// enter gives a row its number in the component.
func (r *run) enter(row int32) {
	// What another component left in local names another row, or none, of this one.
	if k := r.local[row] - 1; k >= 0 && int(k) < len(r.rowOf) && r.rowOf[k] == row {
		return
	}
	r.rowOf = append(r.rowOf, row)
	r.local[row] = int32(len(r.rowOf))
	r.groups = append(r.groups, r.alone(row))
}

// take joins the groups of two rows unless a guard refuses.
func (r *run) take(s *step, a, b int32) Verdict {
	a, b = r.forest.Find(a), r.forest.Find(b)
	if a == b {
		return Inside
	}
	if b < a {
		a, b = b, a
	}
	g, o := &r.groups[a], &r.groups[b]
	if known, ok := r.refused[[2]int32{a, b}]; ok && known.a == g.size && known.b == o.size {
		return known.why
	}
	if why := r.guard(s, g, o, a, b); why != Joined {
		if r.refused != nil {
			r.refused[[2]int32{a, b}] = refusal{g.size, o.size, why}
		}
		return why
	}
	r.forest.Join(a, b)
	if root := r.forest.Find(a); root == a {
		r.join(g, o)
	} else {
		r.join(o, g)
	}
	return Joined
}

// guard is the whole list of what must hold before two clusters become one.
func (r *run) guard(s *step, g, o *group, a, b int32) Verdict {
	// invariant 7: a person's decision outlives every run, whatever the evidence.
	keep, root := g, b
	if len(o.barred) < len(g.barred) {
		keep, root = o, a // each cannot-link is in both lists: the shorter one is enough
	}
	if r.apart(keep, root) {
		return RefusedCannot
	}
	if s.phase == 0 {
		return Joined
	}
	p := stricter(g.policy, o.policy)
	kind := r.in.Edges[s.at].Kind
	if kind == Given {
		if !p.follows() {
			return RefusedClass
		}
		return Joined
	}
	if p.Mode == Never {
		return RefusedClass
	}
	// A cluster that a person or a source made wider or longer than the limit may grow within its size, not beyond it.
	if p.Diameter > 0 {
		if w := g.widthWith(o); w > max(p.Diameter, g.width, o.width) {
			return RefusedDiameter
		}
	}
	if p.Span > 0 {
		if t := g.spanWith(o); t > max(uint64(p.Span), g.span(), o.span()) {
			return RefusedSpan
		}
	}
	if kind == Probable && !r.supported(g, o, &p) {
		return RefusedSupport
	}
	return Joined
}

// apart reports whether a person keeps a row of g apart from a row of the group with that root.
func (r *run) apart(g *group, root int32) bool {
	for _, row := range g.barred {
		k := r.local[row] - 1
		if k >= 0 && int(k) < len(r.rowOf) && r.rowOf[k] == row && r.forest.Find(k) == root {
			return true
		}
	}
	return false
}

// finish numbers the clusters and counts.
func (r *run) finish(final *Forest, res *Result) {
	in := r.in
	res.Cluster, res.Clusters = final.Labels()
	for i, v := range res.Edges {
		if e := &in.Edges[i]; v != Joined && v != Below && res.Cluster[e.A] == res.Cluster[e.B] {
			res.Edges[i] = Inside
		}
	}
	for i, v := range res.Decided {
		if d := &in.Decisions[i]; v == RefusedCannot && res.Cluster[d.A] == res.Cluster[d.B] {
			res.Decided[i] = Inside
		}
	}
	size := make([]int, res.Clusters)
	alarm := make([]int, res.Clusters)
	for row, c := range res.Cluster {
		size[c]++
		class := uint8(0)
		if in.Class != nil {
			class = in.Class[row]
		}
		alarm[c] = least(alarm[c], in.Policies[class].Alarm)
	}
	for c := range size {
		r.stats.Largest = max(r.stats.Largest, size[c])
		if alarm[c] > 0 && size[c] >= alarm[c] {
			res.Alarms = append(res.Alarms, Alarm{int32(c), size[c]})
		}
	}
	slices.SortStableFunc(res.Alarms, func(a, b Alarm) int { return cmp.Compare(b.Rows, a.Rows) })
	var count [verdicts]int64
	for _, v := range res.Edges {
		count[v]++
	}
	r.stats.Edges = map[string]int64{}
	for v, n := range count {
		if n > 0 {
			r.stats.Edges[Verdict(v).String()] = n
		}
	}
	res.Stats = r.stats
}

func (in *Input) check() error {
	if len(in.Policies) == 0 || len(in.Policies) > 256 {
		return fmt.Errorf("%w: %d policies", ErrInput, len(in.Policies))
	}
	guarded := false
	for i := range in.Policies {
		if err := in.Policies[i].check(); err != nil {
			return err
		}
		guarded = guarded || in.Policies[i].Support > 0
	}
	if guarded && in.Weight == nil {
		return fmt.Errorf("%w: support is wanted, but no weights are given", ErrInput)
	}
	for _, l := range []struct {
		name string
		n    int
	}{{"Class", len(in.Class)}, {"X", len(in.X)}, {"Y", len(in.Y)}, {"Time", len(in.Time)}, {"ID", len(in.ID)}} {
		if l.n != 0 && l.n != in.Rows {
			return fmt.Errorf("%w: %s has %d values for %d rows", ErrInput, l.name, l.n, in.Rows)
		}
	}
	if (in.X == nil) != (in.Y == nil) {
		return fmt.Errorf("%w: X without Y", ErrInput)
	}
	for _, c := range in.Class {
		if int(c) >= len(in.Policies) {
			return fmt.Errorf("%w: class %d has no policy", ErrInput, c)
		}
	}
	bad := func(a, b int32) bool {
		return a == b || a < 0 || b < 0 || int(a) >= in.Rows || int(b) >= in.Rows
	}
	for i := range in.Edges {
		if e := &in.Edges[i]; bad(e.A, e.B) || math.IsNaN(e.Weight) || e.Kind > Given {
			return fmt.Errorf("%w: edge %d", ErrInput, i)
		}
	}
	for i := range in.Decisions {
		if d := &in.Decisions[i]; bad(d.A, d.B) {
			return fmt.Errorf("%w: decision %d", ErrInput, i)
		}
	}
	return nil
}

// String is the word for a verdict in statistics and ledgers.
func (v Verdict) String() string {
	names := [verdicts]string{"below", "review", "joined", "inside", "refused_class", "refused_cannot", "refused_support",
		"refused_diameter", "refused_span", "apart", "overruled"}
	if v >= verdicts {
		return "unknown"
	}
	return names[v]
}
