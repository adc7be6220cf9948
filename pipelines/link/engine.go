package link

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"onegrid/pipelines/link/block"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// Engine links tables by one mapping.
type Engine struct {
	Spec *spec.Spec
	// Model holds the weights; nil trains or takes the prior, as the mapping says.
	Model *score.Model
	// Workers score pairs at the same time; 0 = one for each processor.
	Workers int
	// Options of the compiled program: frequencies of values where the table is too small to know them.
	Options []score.Option
}

// Input is one table and what is known besides.
type Input struct {
	Table *table.Table
	// Certain are links that need no weight, in addition to those of the mapping.
	Certain []Edge
	// Decisions of people.
	Decisions []cluster.Decision
	// New limits candidates to pairs with at least one new row, and Known gives the representatives of a row's known
	// cluster; both nil for a table that is linked as a whole.
	New   func(row int32) bool
	Known func(row int32) []int32
	// Stored are links of earlier runs between rows of the table.
	Stored []Edge
	// ID is a hash of each record's identity, so that ties do not depend on the order of rows; nil = hash of Table.ID.
	ID []uint64
	// NoRules leaves the certain links of the mapping out: Certain holds them all.
	NoRules bool
	// KeepAll keeps the scored pairs below review as well: for curves over thresholds.
	KeepAll bool
}

// Edge is a pair with what speaks for it.
type Edge struct {
	A, B    int32
	Bits    float64
	Pattern score.Pattern // of a weighed pair
	Rule    uint8         // blocking rule of a weighed pair
	Kind    cluster.Kind
	Type    string // of a certain link: child_of, …; "" else
	Method  string // source_field, id_in_text, copy, spatial_text
	Code    string // evidence of a certain link
}

// Result is what a run found.
type Result struct {
	Model   *score.Model
	Program *score.Program
	Block   block.Stats
	Edges   []Edge // all given to clustering, with those below review where KeepAll was set
	Cluster cluster.Result
	Scored  int64
	Link    float64 // bits from which a pair is linked
	Review  float64 // bits from which it is proposed
	Classes []string
	Class   []uint8
	Took    Stages
}

// Stages are seconds.
type Stages struct {
	Train   float64 `json:"train"`
	Pairs   float64 `json:"pairs"` // finding and weighing
	Cluster float64 `json:"cluster"`
}

// ErrPoints means that blocking rules name different point columns: one map has one plane.
var ErrPoints = errors.New("blocking rules name different point columns")

// Run links a table.
func (e *Engine) Run(ctx context.Context, in Input) (*Result, error) {
	prog, err := score.Compile(e.Spec, in.Table, e.Options...)
	if err != nil {
		return nil, err
	}
	r := &Result{Program: prog}
	r.Class, r.Classes = e.Spec.ClassOf(in.Table)
	if in.ID == nil {
		in.ID = hashIDs(in.Table)
	}
	blocks, err := e.blocking(in, r)
	if err != nil {
		return nil, err
	}
	t0 := time.Now()
	if r.Model, err = e.model(ctx, prog, blocks); err != nil {
		return nil, err
	}
	r.Took.Train = time.Since(t0).Seconds()
	r.Link, r.Review = Bands(e.Spec)

	t0 = time.Now()
	r.Edges = append(slices.Clone(in.Certain), in.Stored...)
	if !in.NoRules {
		r.Edges = append(r.Edges, rulesOf(e.Spec, in.Table)...)
	}
	weighed, err := e.weigh(ctx, prog, r, blocks, in, followups(r.Edges, in.Table.Rows()))
	if err != nil {
		return nil, err
	}
	r.Edges = append(r.Edges, weighed...)
	r.Took.Pairs = time.Since(t0).Seconds()

	t0 = time.Now()
	if err := e.cluster(ctx, prog, r, in); err != nil {
		return nil, err
	}
	r.Took.Cluster = time.Since(t0).Seconds()
	return r, nil
}

// model is the given one, the file's, a trained one or the prior.
func (e *Engine) model(ctx context.Context, prog *score.Program, blocks block.Input) (*score.Model, error) {
	switch {
	case e.Model != nil:
		return e.Model, e.Model.Fits(prog)
	case e.Spec.Train.Mode == "auto":
		m, err := score.Train(ctx, prog, trainingPairs(blocks))
		if errors.Is(err, score.ErrNoPairs) {
			return score.Prior(prog), nil // nothing to learn from, and nothing to link
		}
		return m, err
	default:
		return score.Prior(prog), nil
	}
}

// trainingPairs hands out the pairs of one rule, or of all.
func trainingPairs(in block.Input) score.Candidates {
	return func(ctx context.Context, rule int, emit func(a, b int32)) error {
		one := in
		one.New, one.Known = nil, nil
		if rule != score.All {
			one.Rules = in.Rules[rule : rule+1]
		}
		_, err := block.Pairs(ctx, one, func(pairs []block.Pair) error {
			for _, p := range pairs {
				emit(p.A, p.B)
			}
			return nil
		})
		return err
	}
}

// Bands are the weights in bits from which a mapping links a pair and from which it proposes one.
func Bands(s *spec.Spec) (link, review float64) {
	link, review = score.Bits(s.Bands.Link), score.Bits(s.Bands.Review)
	if s.Bands.LinkBits != nil {
		link = *s.Bands.LinkBits
	}
	if s.Bands.ReviewBits != nil {
		review = *s.Bands.ReviewBits
	}
	return link, min(link, review)
}

// blocking translates the blocking rules of the mapping.
func (e *Engine) blocking(in Input, r *Result) (block.Input, error) {
	s, t := e.Spec, in.Table
	out := block.Input{Rows: t.Rows(), ID: in.ID, New: in.New, Known: in.Known}
	point, clock := "", s.Cluster.Time
	for _, rule := range s.Blocking {
		if rule.Within != nil {
			clock = rule.Within.Time
			break
		}
	}
	out.Order = instants(t, clock)
	hidden := e.hidden(r)
	for _, rule := range s.Blocking {
		b := block.Rule{Name: rule.Name, Cap: rule.Cap}
		if len(rule.Keys) > 0 {
			b.Keys = func() (block.Keys, error) {
				offsets, hashes := rule.Hashes(t)
				return block.Keys{Offsets: offsets, Hashes: hashes}, nil
			}
		}
		if rule.Near != nil {
			if point != "" && rule.Near.Point != point {
				return out, s.Problem("blocking", ErrPoints.Error(), "use one point column in all rules")
			}
			point, b.Radius = rule.Near.Point, rule.Near.Metres
		}
		var tests []func(a, b int32) bool
		if rule.Within != nil {
			if rule.Within.Time == clock {
				b.Within = rule.Within.Lag.D().Microseconds()
			} else {
				tests = append(tests, within(instants(t, rule.Within.Time), rule.Within.Lag.D().Microseconds()))
			}
		}
		if rule.WhileOpen != nil {
			tests = append(tests, rule.WhileOpen.Holds(t))
		}
		b.Accept = all(tests)
		out.Rules = append(out.Rules, b)
	}
	if point != "" {
		out.X, out.Y = places(t, point, hidden)
	}
	return out, nil
}

// hidden reports the rows whose class has its place suppressed: they are in no block of places.
func (e *Engine) hidden(r *Result) func(row int32) bool {
	if e.Spec.Classes == nil {
		return nil
	}
	suppressed := make([]bool, len(r.Classes))
	any := false
	for i, name := range r.Classes {
		if p := e.Spec.Classes.Policy[name]; p != nil && p.SuppressPlace {
			suppressed[i], any = true, true
		}
	}
	if !any {
		return nil
	}
	return func(row int32) bool { return suppressed[r.Class[row]] }
}

func places(t *table.Table, point string, hidden func(int32) bool) (x, y []float64) {
	x, y = t.Point(point).Plane()
	if hidden != nil {
		for i := range x {
			if hidden(int32(i)) {
				x[i], y[i] = math.NaN(), math.NaN()
			}
		}
	}
	return x, y
}

// instants are the values of a time or date column in microseconds; nil without one.
func instants(t *table.Table, name string) []int64 {
	if name == "" {
		return nil
	}
	out := make([]int64, t.Rows())
	if c := t.Date(name); c != nil {
		for i := range out {
			out[i] = block.NoOrder
			if v := c.At(int32(i)); v != 0 {
				out[i] = time.Date(int(v/10000), time.Month(v/100%100), int(v%100), 0, 0, 0, 0, time.UTC).UnixMicro()
			}
		}
		return out
	}
	c := t.Time(name)
	if c == nil {
		return nil
	}
	for i := range out {
		out[i] = c.At(int32(i)) // table.NoTime is block.NoOrder
	}
	return out
}

func within(at []int64, lag int64) func(a, b int32) bool {
	return func(a, b int32) bool {
		x, y := at[a], at[b]
		return x == block.NoOrder || y == block.NoOrder || x-y <= lag && y-x <= lag
	}
}

func all(tests []func(a, b int32) bool) func(a, b int32) bool {
	switch len(tests) {
	case 0:
		return nil
	case 1:
		return tests[0]
	}
	return func(a, b int32) bool {
		for _, t := range tests {
			if !t(a, b) {
				return false
			}
		}
		return true
	}
}

// followups reports the rows that are known to go on with another report. What such a call says is about the call that it
// quotes ("on the spot, the caller cannot be reached"), so that it is weighed with nothing: its incident is the other's.
func followups(known []Edge, rows int) []bool {
	var out []bool
	for i := range known {
		if e := &known[i]; e.Kind == cluster.Given && e.Type == "followup_of" {
			if out == nil {
				out = make([]bool, rows)
			}
			out[e.A] = true
		}
	}
	return out
}

// weigh scores all candidates on several goroutines and keeps those from review on. The order of the result does not
// depend on how they were shared out.
func (e *Engine) weigh(ctx context.Context, prog *score.Program, r *Result, blocks block.Input, in Input, follows []bool) ([]Edge, error) {
	workers := e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	floor := r.Review
	if in.KeepAll {
		floor = math.Inf(-1)
	}
	work := make(chan []block.Pair, 2*workers)
	found := make([][]Edge, workers)
	scored := make([]int64, workers)
	var group sync.WaitGroup
	for w := range workers {
		scorer, err := prog.Weigh(r.Model)
		if err != nil {
			close(work)
			return nil, err
		}
		group.Go(func() {
			for pairs := range work {
				for _, p := range pairs {
					if follows != nil && (follows[p.A] || follows[p.B]) {
						continue
					}
					s := scorer.Score(p.A, p.B)
					if s.Bits >= floor {
						found[w] = append(found[w], Edge{A: p.A, B: p.B, Bits: s.Bits, Pattern: s.Pattern, Rule: p.Rule, Method: "spatial_text"})
					}
				}
				scored[w] += int64(len(pairs))
			}
		})
	}
	var err error
	r.Block, err = block.Pairs(ctx, blocks, func(pairs []block.Pair) error {
		select {
		case work <- slices.Clone(pairs):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(work)
	group.Wait()
	if err != nil {
		return nil, fmt.Errorf("finding candidates: %w", err)
	}
	var out []Edge
	for w := range workers {
		out = append(out, found[w]...)
		r.Scored += scored[w]
	}
	slices.SortFunc(out, func(x, y Edge) int {
		if x.A != y.A {
			return int(x.A) - int(y.A)
		}
		return int(x.B) - int(y.B)
	})
	return out, nil
}

// cluster joins what the links, the guards and people's decisions allow.
func (e *Engine) cluster(ctx context.Context, prog *score.Program, r *Result, in Input) error {
	scorer, err := prog.Weigh(r.Model)
	if err != nil {
		return err
	}
	s := e.Spec
	ci := cluster.Input{Rows: in.Table.Rows(), Decisions: in.Decisions, Class: r.Class, Weight: scorer.Weight, ID: in.ID, Policies: e.policies(r)}
	if s.Cluster.Point != "" {
		ci.X, ci.Y = places(in.Table, s.Cluster.Point, e.hidden(r))
	}
	ci.Time = instants(in.Table, s.Cluster.Time)
	loose := map[int32]bool{}
	for _, x := range r.Edges {
		ci.Edges = append(ci.Edges, cluster.Edge{A: x.A, B: x.B, Weight: x.Bits, Kind: x.Kind})
		if x.Type == "followup_of" || x.Type == "transferred_from" {
			loose[x.A] = true
		}
	}
	if len(loose) > 0 {
		ci.Loose = func(row int32) bool { return loose[row] }
	}
	r.Cluster, err = cluster.Agglomerate(ctx, ci)
	return err
}

// policies are the rules of every class of the mapping.
func (e *Engine) policies(r *Result) []cluster.Policy {
	c := e.Spec.Cluster
	base := cluster.Policy{Link: r.Link, Review: r.Review, Support: c.Support, SupportBits: score.Bits(c.Weight), Diameter: c.Diameter, Span: c.Span.D().Microseconds(), Alarm: c.Alarm}
	out := make([]cluster.Policy, len(r.Classes))
	for i, name := range r.Classes {
		p := base
		p.Class = name
		if e.Spec.Classes != nil {
			if own := e.Spec.Classes.Policy[name]; own != nil {
				p.Mode = map[string]cluster.Mode{"auto": cluster.Auto, "review": cluster.Review, "never": cluster.Never}[own.Mode]
				p.FollowGiven = own.FollowGiven
				if own.Link > 0 {
					p.Link = score.Bits(own.Link)
				}
				if own.Review > 0 {
					p.Review = score.Bits(own.Review)
				}
				p.Review = min(p.Review, p.Link)
				if own.Support > 0 {
					p.Support = own.Support
				}
				if own.Diameter > 0 {
					p.Diameter = own.Diameter
				}
				if own.Span > 0 {
					p.Span = own.Span.D().Microseconds()
				}
			}
		}
		out[i] = p
	}
	return out
}
