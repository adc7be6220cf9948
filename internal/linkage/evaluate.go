package linkage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onegrid/pipelines/link"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/evaluate"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// Run is a linked file with what it took.
type Run struct {
	Spec    *spec.Spec
	Table   *table.Table
	Loaded  *spec.Report
	Result  *link.Result
	Seconds float64 // reading, training, comparing and clustering
}

// Link reads and links a file. keep keeps the pairs below review as well.
func Link(ctx context.Context, s *spec.Spec, path string, model *score.Model, keep bool, log *slog.Logger) (*Run, error) {
	t0 := time.Now()
	t, rep, err := Load(ctx, s, path, log)
	if err != nil {
		return nil, err
	}
	if model == nil && s.Train.Mode == "file" {
		if model, err = score.LoadModel(s.Train.File); err != nil {
			return nil, err
		}
	}
	e := &link.Engine{Spec: s, Model: model}
	res, err := e.Run(ctx, link.Input{Table: t, KeepAll: keep})
	if err != nil {
		return nil, err
	}
	return &Run{Spec: s, Table: t, Loaded: rep, Result: res, Seconds: time.Since(t0).Seconds()}, nil
}

// Eval is what `link eval` answers.
type Eval struct {
	evaluate.Report
	Labels    *evaluate.LabelRates  `json:"labels,omitempty"`  // against judged pairs
	Parents   *evaluate.Ranking     `json:"parents,omitempty"` // against parents that a source names
	Curve     *evaluate.Curve       `json:"curve,omitempty"`
	Sources   []evaluate.SourcePair `json:"sources,omitempty"`
	Verdicts  map[string]int64      `json:"verdicts,omitempty"`
	Nulled    []table.Nulled        `json:"placeholders,omitempty"`
	Stages    link.Stages           `json:"stages"`
	Baselines []evaluate.Report     `json:"baselines,omitempty"`
}

// ErrLabels means that a file of labels does not fit the table.
var ErrLabels = errors.New("labels do not fit the records")

// Truths are the labels of a table.
type Truths struct {
	Clusters []int32          // per row; nil without
	Pairs    []evaluate.Label // judged pairs; nil without
	Parent   []int32          // row of the parent; nil without
}

// OwnTruth are the labels that the mapping's truth column holds.
func OwnTruth(s *spec.Spec, t *table.Table) (tr Truths) {
	col := t.Text(spec.TruthColumn)
	if col == nil {
		return tr
	}
	if !s.Truth.Parent {
		tr.Clusters = make([]int32, t.Rows())
		for i := range tr.Clusters {
			tr.Clusters[i] = int32(col.Code(int32(i))) - 1 // null is NoTruth
		}
		return tr
	}
	tr.Parent = make([]int32, t.Rows())
	for i := range tr.Parent {
		tr.Parent[i] = evaluate.NoParent
		if v, ok := col.Value(int32(i)); ok {
			if p, ok := t.Find(v); ok && p != int32(i) {
				tr.Parent[i] = p
			}
		}
	}
	// Children of one parent, and the parent, are one thing. Staff did not flag every one.
	f := cluster.NewForest(t.Rows())
	for i, p := range tr.Parent {
		if p != evaluate.NoParent {
			f.Join(int32(i), p)
		}
	}
	tr.Clusters, _ = f.Labels()
	return tr
}

// ReadTruth reads a file of labels: judged pairs (two columns of record numbers, and one that says whether they are the
// same: 1/0, true/false, a probability), or clusters (a column of record numbers and one of clusters). Which it is shows
// in the values: in a file of pairs both columns hold record numbers of the table.
func ReadTruth(ctx context.Context, t *table.Table, path string, log *slog.Logger) (tr Truths, err error) {
	header, rows, err := rowsOf(ctx, path, log)
	if err != nil {
		return tr, err
	}
	// The columns of record numbers are those whose values are found most.
	hits := make([]int, len(header))
	for _, r := range rows[:min(len(rows), 2000)] {
		for i, v := range r {
			if _, ok := t.Find(strings.TrimSpace(v)); ok {
				hits[i]++
			}
		}
	}
	var ids []int
	for i := range header {
		if n := min(len(rows), 2000); hits[i]*2 > n && !isScore(header[i]) {
			ids = append(ids, i)
		}
	}
	switch {
	case len(ids) >= 2:
		ids = chooseIDs(header, ids)
		err = tr.pairs(t, rows, ids, scoreColumn(header, ids))
	case len(ids) == 1 && len(header) >= 2:
		err = tr.clusters(t, rows, ids[0], clusterColumn(header, ids[0]))
	default:
		err = fmt.Errorf("%w: no column holds record numbers of the table", ErrLabels)
	}
	return tr, err
}

func isScore(name string) bool {
	n := strings.ToLower(name)
	return strings.Contains(n, "score") || strings.Contains(n, "match") || strings.Contains(n, "label") || strings.Contains(n, "same") || strings.Contains(n, "prob")
}

// chooseIDs takes the two columns whose names say that they are the sides of a pair, else the first two.
func chooseIDs(header []string, ids []int) []int {
	side := func(name, end string) bool {
		n := strings.ToLower(name)
		return strings.HasSuffix(n, "_"+end) || strings.HasPrefix(n, end+"_")
	}
	for _, ends := range [][2]string{{"l", "r"}, {"left", "right"}, {"a", "b"}, {"1", "2"}} {
		var l, r = -1, -1
		for _, i := range ids {
			if l < 0 && side(header[i], ends[0]) {
				l = i
			} else if r < 0 && side(header[i], ends[1]) {
				r = i
			}
		}
		if l >= 0 && r >= 0 {
			return []int{l, r}
		}
	}
	return ids[:2]
}

func scoreColumn(header []string, ids []int) int {
	for i, h := range header {
		if isScore(h) && !slices.Contains(ids, i) {
			return i
		}
	}
	return -1
}

func clusterColumn(header []string, id int) int {
	for i, h := range header {
		n := strings.ToLower(h)
		if i != id && (strings.Contains(n, "cluster") || strings.Contains(n, "incident") || strings.Contains(n, "truth") || strings.Contains(n, "group") || strings.Contains(n, "entity")) {
			return i
		}
	}
	if id == 0 {
		return 1
	}
	return 0
}

func (tr *Truths) pairs(t *table.Table, rows [][]string, ids []int, judged int) error {
	missing := 0
	for _, r := range rows {
		a, okA := t.Find(strings.TrimSpace(r[ids[0]]))
		b, okB := t.Find(strings.TrimSpace(r[ids[1]]))
		if !okA || !okB || a == b {
			missing++
			continue
		}
		same := true
		if judged >= 0 {
			v := strings.ToLower(strings.TrimSpace(r[judged]))
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				same = f >= 0.5
			} else {
				same = v == "true" || v == "t" || v == "yes" || v == "y" || v == "match"
			}
		}
		tr.Pairs = append(tr.Pairs, evaluate.Label{A: a, B: b, Same: same})
	}
	if len(tr.Pairs) == 0 {
		return fmt.Errorf("%w: none of %d pairs", ErrLabels, missing)
	}
	return nil
}

func (tr *Truths) clusters(t *table.Table, rows [][]string, id, col int) error {
	tr.Clusters = make([]int32, t.Rows())
	for i := range tr.Clusters {
		tr.Clusters[i] = evaluate.NoTruth
	}
	number := map[string]int32{}
	found := 0
	for _, r := range rows {
		row, ok := t.Find(strings.TrimSpace(r[id]))
		v := strings.TrimSpace(r[col])
		if !ok || v == "" {
			continue
		}
		n, known := number[v]
		if !known {
			n = int32(len(number))
			number[v] = n
		}
		tr.Clusters[row] = n
		found++
	}
	if found == 0 {
		return fmt.Errorf("%w: none of %d rows", ErrLabels, len(rows))
	}
	return nil
}

// Measure compares a run with labels.
func (r *Run) Measure(tr Truths, baselines bool) (*Eval, error) {
	res := r.Result
	rep, err := evaluate.Clusters(r.Spec.Doc, res.Cluster.Cluster, tr.Clusters)
	if err != nil {
		return nil, err
	}
	rep.LowerBound = tr.Parent != nil
	e := &Eval{Report: rep, Verdicts: res.Cluster.Stats.Edges, Nulled: r.Loaded.Nulled, Stages: res.Took}
	e.Seconds, e.PeakRSSMiB, e.Candidates = r.Seconds, peakMiB(), res.Block.Candidates
	for _, b := range res.Block.Rules {
		e.CandidatesByRule = append(e.CandidatesByRule, evaluate.RuleCount{Rule: b.Rule, Candidates: b.Candidates})
	}
	if tr.Pairs != nil {
		l, err := evaluate.Labelled(res.Cluster.Cluster, tr.Pairs)
		if err != nil {
			return nil, err
		}
		e.Labels = &l
		if tr.Clusters == nil {
			e.Rates = l.Rates
		}
	}
	if tr.Parent != nil {
		if err := r.parents(tr, e); err != nil {
			return nil, err
		}
	}
	if tr.Clusters != nil {
		if err := r.curve(tr, e); err != nil {
			return nil, err
		}
		if err := r.sources(tr, e); err != nil {
			return nil, err
		}
	}
	if baselines {
		if err := r.baselines(tr, e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (r *Run) parents(tr Truths, e *Eval) error {
	var pairs []evaluate.WeightedPair
	seen := map[[2]int32]int{}
	for _, x := range r.Result.Edges {
		k := [2]int32{min(x.A, x.B), max(x.A, x.B)}
		if i, ok := seen[k]; ok {
			pairs[i].Weight = math.Max(pairs[i].Weight, x.Bits)
			continue
		}
		seen[k] = len(pairs)
		pairs = append(pairs, evaluate.WeightedPair{A: k[0], B: k[1], Weight: x.Bits})
	}
	// A parent is older than its child and no child itself.
	at := r.Table.Time(r.Spec.Cluster.Time)
	possible := func(child, row int32) bool {
		if tr.Parent[row] != evaluate.NoParent {
			return false
		}
		return at == nil || at.Null(child) || at.Null(row) || at.At(row) <= at.At(child)
	}
	k, err := evaluate.Parents(pairs, tr.Parent, possible, r.Result.Cluster.Cluster)
	e.Parents = &k
	return err
}

// curvePoints is the resolution of the curve.
const curvePoints = 60

func (r *Run) curve(tr Truths, e *Eval) error {
	var scored []evaluate.Scored
	for _, x := range r.Result.Edges {
		if a, b := tr.Clusters[x.A], tr.Clusters[x.B]; x.Kind == cluster.Probable && a != evaluate.NoTruth && b != evaluate.NoTruth {
			scored = append(scored, evaluate.Scored{Weight: x.Bits, Same: a == b})
		}
	}
	c, err := evaluate.PRCurve(scored, e.Truth, curvePoints)
	if err != nil {
		return err
	}
	e.Curve = &c
	return nil
}

func (r *Run) sources(tr Truths, e *Eval) error {
	col := r.Table.Text(spec.SourceColumn)
	if col == nil {
		return nil
	}
	names := []string{""}
	for c := 1; c <= col.Dict().Len(); c++ {
		names = append(names, col.Dict().At(uint32(c)))
	}
	src := make([]uint16, r.Table.Rows())
	for i := range src {
		src[i] = uint16(col.Code(int32(i)))
	}
	var err error
	e.Sources, err = evaluate.Sources(r.Result.Cluster.Cluster, tr.Clusters, src, names)
	return err
}

// baselines are what simpler methods give on the same candidates: connected components of the same links, and, where
// records have place and time, the same type within 30 m and 24 h.
func (r *Run) baselines(tr Truths, e *Eval) error {
	res := r.Result
	var edges []cluster.Edge
	for _, x := range res.Edges {
		edges = append(edges, cluster.Edge{A: x.A, B: x.B, Weight: x.Bits, Kind: x.Kind})
	}
	add := func(name string, label []int32) error {
		rep, err := evaluate.Clusters(name, label, tr.Clusters)
		if err != nil {
			return err
		}
		if tr.Clusters == nil && tr.Pairs != nil {
			l, err := evaluate.Labelled(label, tr.Pairs)
			if err != nil {
				return err
			}
			rep.Rates = l.Rates
		}
		rep.Sizes, rep.LowerBound, rep.Candidates = nil, e.LowerBound, e.Candidates
		e.Baselines = append(e.Baselines, rep)
		return nil
	}
	raw, _ := cluster.Raw(r.Table.Rows(), edges, res.Link)
	if err := add(baselineRaw, raw); err != nil {
		return err
	}
	point, clock := r.Table.Point(r.Spec.Cluster.Point), r.Table.Time(r.Spec.Cluster.Time)
	kind := r.typeColumn()
	if point == nil || clock == nil || kind == nil {
		return nil
	}
	f := cluster.NewForest(r.Table.Rows())
	const day = int64(24 * time.Hour / time.Microsecond)
	for _, x := range res.Edges {
		if c := kind.Code(x.A); c == 0 || c != kind.Code(x.B) {
			continue
		}
		if d := point.Metres(x.A, x.B); !(d <= 30) {
			continue
		}
		if lag := clock.At(x.A) - clock.At(x.B); !clock.Null(x.A) && !clock.Null(x.B) && lag <= day && -lag <= day {
			f.Join(x.A, x.B)
		}
	}
	label, _ := f.Labels()
	return add(baselineNear, label)
}

// typeColumn is the column that says what a record is about.
func (r *Run) typeColumn() *table.Text {
	if c := r.Spec.Classes; c != nil {
		return r.Table.Text(c.Column)
	}
	for _, name := range []string{"type", "category", "matter"} {
		if c := r.Table.Text(name); c != nil {
			return c
		}
	}
	return nil
}

// peakMiB is the largest resident set of this process so far.
func peakMiB() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024
}
