package link

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/pipelines/link/block"
	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/explain"
	"onegrid/pipelines/link/score"
	"onegrid/warehouse"
)

// Explain takes a pair of a result apart, whether or not it was a candidate.
func (r *Result) Explain(e *Engine, a, b int32) (*explain.Pair, error) {
	scorer, err := r.Program.Weigh(r.Model)
	if err != nil {
		return nil, err
	}
	t := r.Program.Table()
	x := scorer.Explain(a, b)
	p := &explain.Pair{A: t.ID(a), B: t.ID(b), Prior: x.Prior, Total: x.Bits, Probability: x.Probability, Band: r.band(x.Bits), SameIncident: r.Cluster.Cluster[a] == r.Cluster.Cluster[b]}
	for _, part := range x.Parts {
		p.Steps = append(p.Steps, explain.Step{Name: part.Comparison, Level: part.Level, EN: part.EN, ZH: part.ZH, Bits: part.Bits, TF: part.TF, Null: part.Index == 0})
	}
	p.Policy = "auto"
	if c := e.Spec.Classes; c != nil {
		p.Class = r.Classes[r.Class[a]]
		if pol := c.Policy[p.Class]; pol != nil {
			p.Policy = pol.Mode
		}
	}
	for i, edge := range r.Edges {
		if !(edge.A == a && edge.B == b || edge.A == b && edge.B == a) {
			continue
		}
		if edge.Kind != cluster.Probable {
			p.Certain = append(p.Certain, explain.Evidence{Type: edge.Type, Method: edge.Method, Code: edge.Code})
		} else if int(edge.Rule) < len(e.Spec.Blocking) {
			p.Rule = e.Spec.Blocking[edge.Rule].Name
		}
		if g, refused := guardOf(r.Cluster.Edges[i]); refused {
			p.Guards = append(p.Guards, g)
		}
	}
	return p, nil
}

func (r *Result) band(bits float64) explain.Band {
	switch {
	case bits >= r.Link:
		return explain.BandLink
	case bits >= r.Review:
		return explain.BandReview
	default:
		return explain.BandDrop
	}
}

// guardOf is the guard that refused an edge.
func guardOf(v cluster.Verdict) (explain.Guard, bool) {
	name := map[cluster.Verdict]string{cluster.RefusedSupport: "support", cluster.RefusedDiameter: "diameter", cluster.RefusedSpan: "span", cluster.RefusedCannot: "cannot_link",
		cluster.RefusedClass: "class"}[v]
	return explain.Guard{Name: name}, name != ""
}

// Explain compares two stored events as they are now and says what linkage made of them.
func (r *Runner) Explain(ctx context.Context, a, b warehouse.EventRef) (*explain.Pair, error) {
	g, err := newGatherer(r.o.Spec, r.ex)
	if err != nil {
		return nil, err
	}
	if err := r.store.Events.Events(ctx, []warehouse.EventRef{a, b}, g.columns(), g.add); err != nil {
		return nil, fmt.Errorf("reading the events: %w", err)
	}
	two, err := g.finish()
	if err != nil {
		return nil, err
	}
	if len(two.refs) != 2 {
		return nil, fmt.Errorf("%d of the two events take part in linkage: exercises, tests and invalid calls do not", len(two.refs))
	}
	state, err := r.store.Links.LinkState(ctx)
	if err != nil {
		return nil, err
	}
	var opts []score.Option
	if r.loadStats(state) == nil {
		opts = r.stats.lend(two.table)
	}
	prog, err := score.Compile(r.o.Spec, two.table, opts...)
	if err != nil {
		return nil, err
	}
	e := &Engine{Spec: r.o.Spec, Model: r.o.Model, Options: opts}
	if e.Model == nil {
		e.Model = score.Prior(prog)
	}
	res, err := e.Run(ctx, Input{Table: two.table, NoRules: true})
	if err != nil {
		return nil, err
	}
	p, err := res.Explain(e, 0, 1)
	if err != nil {
		return nil, err
	}
	p.A, p.B, p.Model = rowID(two.refs[0].ID), rowID(two.refs[1].ID), r.model()
	for _, c := range certain.Find(two.records, certain.Options{}).Edges {
		p.Certain = append(p.Certain, explain.Evidence{Type: c.Type.String(), Method: c.Method.String(), Code: c.Code})
	}
	near, err := r.store.Finder.Neighbourhood(ctx, two.refs)
	if err != nil {
		return nil, err
	}
	p.SameIncident = two.previous[0] == two.previous[1]
	if p.SameIncident {
		p.Incident = rowID(two.previous[0])
	}
	for _, d := range current(near.Decisions) {
		if d.From.ID == a.ID && d.To.ID == b.ID || d.From.ID == b.ID && d.To.ID == a.ID {
			if d.Says != warehouse.Withdrawn {
				p.Decided = d.Says
			}
		}
	}
	p.Guards = nil
	for _, l := range near.Links {
		if l.From.ID == a.ID && l.To.ID == b.ID || l.From.ID == b.ID && l.To.ID == a.ID {
			p.Rule = l.Rule
			for v := cluster.RefusedClass; v <= cluster.RefusedSpan; v++ {
				if l.Band == warehouse.BandReview && l.Note == v.String() {
					g, _ := guardOf(v)
					p.Guards = append(p.Guards, g)
				}
			}
		}
	}
	return p, nil
}

// trainRows bounds what weights are learnt from: the newest events.
const trainRows = 300_000

// Train learns weights from the newest events of the store, without labels.
func (r *Runner) Train(ctx context.Context) (*score.Model, error) {
	g, err := newGatherer(r.o.Spec, r.ex)
	if err != nil {
		return nil, err
	}
	var last []warehouse.EventRef
	if _, err := r.store.Changes.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"event_id", "event_day"}}, func(b arrow.RecordBatch) error {
		ids, days := b.Column(0), b.Column(1)
		for row := range int(b.NumRows()) {
			id, err := idAt(ids, row)
			if err != nil {
				return err
			}
			last = append(last, warehouse.EventRef{ID: id, Day: dayAt(days, row)})
		}
		if len(last) > 2*trainRows { // events come in the order of days
			last = slices.Clone(last[len(last)-trainRows:])
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	last = last[max(0, len(last)-trainRows):]
	if err := r.store.Events.Events(ctx, last, g.columns(), g.add); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	all, err := g.finish()
	if err != nil {
		return nil, err
	}
	prog, err := score.Compile(r.o.Spec, all.table)
	if err != nil {
		return nil, err
	}
	e := &Engine{Spec: r.o.Spec}
	res := &Result{Program: prog}
	res.Class, res.Classes = r.o.Spec.ClassOf(all.table)
	blocks, err := e.blocking(Input{Table: all.table, ID: hashIDs(all.table)}, res)
	if err != nil {
		return nil, err
	}
	return score.Train(ctx, prog, trainingPairs(blocks))
}

// Train learns weights from a table, without labels.
func (e *Engine) Train(ctx context.Context, in Input) (*score.Model, error) {
	prog, err := score.Compile(e.Spec, in.Table, e.Options...)
	if err != nil {
		return nil, err
	}
	in.ID = hashIDs(in.Table)
	res := &Result{Program: prog}
	res.Class, res.Classes = e.Spec.ClassOf(in.Table)
	var blocks block.Input
	if blocks, err = e.blocking(in, res); err != nil {
		return nil, err
	}
	return score.Train(ctx, prog, trainingPairs(blocks))
}
