package linkage

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"slices"
	"time"

	"onegrid/internal/hub"
	"onegrid/pipelines/link"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/evaluate"
	"onegrid/pipelines/link/explain"
	"onegrid/pipelines/link/score"
	"onegrid/warehouse/duckdb"
)

// shownPairs is how many links a report takes apart.
const shownPairs = 6

var zone = time.FixedZone("CST", 8*3600)

// WriteReport writes the page about a linked file.
func (r *Run) WriteReport(w io.Writer, tr Truths) error {
	e, err := r.Measure(tr, true)
	if err != nil {
		return err
	}
	res := r.Result
	rep := &explain.Report{Title: "Linkage of " + r.Spec.Doc, TitleZH: "关联报告:" + cmp.Or(r.Spec.DocZH, r.Spec.Doc), At: time.Now(), Zone: zone, LowerBound: e.LowerBound,
		Threshold: explain.Thresholds{Link: score.Probability(res.Link), Review: score.Probability(res.Review)}}
	rep.Figures = figures(e)
	for _, b := range e.Sizes {
		rep.Sizes = append(rep.Sizes, bar("records in a cluster: ", "组内记录数 ", b.Size, int64(b.Clusters)))
	}
	for _, c := range e.CandidatesByRule {
		rep.Candidates = append(rep.Candidates, explain.Bar{EN: c.Rule, Count: c.Candidates})
	}
	codes := map[string]int64{}
	for _, x := range res.Edges {
		if x.Kind != cluster.Probable {
			codes[x.Code]++
		}
	}
	rep.Certain = bars(codes)
	rep.Refused = refused(e.Verdicts)
	if e.Curve != nil {
		for _, p := range e.Curve.Points {
			rep.Curve = append(rep.Curve, explain.CurvePoint{Threshold: score.Probability(p.Threshold), Precision: p.Precision, Recall: p.Recall, Pairs: p.Pairs, Correct: p.Correct, Truth: p.Truth})
		}
	}
	for i, c := range res.Model.Comparisons {
		comp := explain.Comparison{EN: cmp.Or(r.Spec.Comparisons[i].Label, c.Name), ZH: r.Spec.Comparisons[i].LabelZH}
		for j, l := range c.Levels {
			own := r.Spec.Comparisons[i].Levels[j]
			comp.Levels = append(comp.Levels, explain.Level{EN: cmp.Or(own.Label, l.Level), ZH: own.LabelZH, M: l.M, U: l.U, Bits: math.Log2(l.M / l.U)})
		}
		rep.Weights = append(rep.Weights, comp)
	}
	for _, s := range e.Sources {
		rep.Sources = append(rep.Sources, explain.SourceRow{A: s.A, B: s.B, Pairs: s.Pairs, Correct: s.Pairs - s.False, Truth: s.Truth})
	}
	rep.Methods = append(rep.Methods, method("onegrid", "onegrid", e.Report))
	for _, b := range e.Baselines {
		rep.Methods = append(rep.Methods, method(b.Name, baselineZH[b.Name], b))
	}
	eng := &link.Engine{Spec: r.Spec}
	for _, k := range spread(res.Edges, shownPairs) {
		p, err := res.Explain(eng, res.Edges[k].A, res.Edges[k].B)
		if err != nil {
			return err
		}
		rep.Pairs = append(rep.Pairs, *p)
	}
	return rep.WriteHTML(w)
}

func figures(e *Eval) []explain.Figure {
	f := []explain.Figure{{EN: "records", ZH: "记录", Value: float64(e.Rows), Unit: "records"}, {EN: "clusters", ZH: "组", Value: float64(e.Clusters)},
		{EN: "largest cluster", ZH: "最大组", Value: float64(e.LargestCluster), Unit: "records"}, {EN: "candidates", ZH: "候选对", Value: float64(e.Candidates), Unit: "pairs"},
		{EN: "time", ZH: "用时", Value: e.Seconds, Unit: "s"}, {EN: "peak memory", ZH: "内存峰值", Value: e.PeakRSSMiB, Unit: "MiB"}}
	if e.Truth > 0 {
		f = append(f, explain.Figure{EN: "precision", ZH: "查准率", Value: e.Precision, Unit: "share"}, explain.Figure{EN: "recall", ZH: "查全率", Value: e.Recall, Unit: "share"},
			explain.Figure{EN: "F1", ZH: "F1", Value: e.F1, Unit: "share"})
	}
	return f
}

func method(en, zh string, r evaluate.Report) explain.Method {
	return explain.Method{EN: en, ZH: zh, Pairs: r.Pairs, Correct: r.Correct, Truth: r.Truth, Precision: r.Precision, Recall: r.Recall, F1: r.F1, Largest: r.LargestCluster,
		Candidates: r.Candidates, Seconds: r.Seconds, PeakMiB: r.PeakRSSMiB}
}

func bar(en, zh string, n int, count int64) explain.Bar {
	b := explain.Bar{Count: count}
	text, _ := json.Marshal(n)
	b.EN, b.ZH = en+string(text), zh+string(text)
	return b
}

func bars(m map[string]int64) []explain.Bar {
	var out []explain.Bar
	for k, n := range m {
		out = append(out, explain.Bar{EN: k, Count: n})
	}
	slices.SortFunc(out, func(a, b explain.Bar) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.EN, b.EN)) })
	return out
}

// refused are the merges that a guard refused.
func refused(verdicts map[string]int64) []explain.Bar {
	zh := map[string]string{"refused_class": "类别策略", "refused_cannot": "人工判定不同", "refused_support": "支持不足", "refused_diameter": "范围过大", "refused_span": "时间过长"}
	var out []explain.Bar
	for _, b := range bars(verdicts) {
		if z, ok := zh[b.EN]; ok {
			b.ZH = z
			out = append(out, b)
		}
	}
	return out
}

// spread chooses pairs from the strongest to the weakest.
func spread(edges []link.Edge, n int) []int {
	var order []int
	for i, e := range edges {
		if e.Kind == cluster.Probable && !math.IsInf(e.Bits, 0) && e.Bits > -3 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(edges[j].Bits, edges[i].Bits) })
	if len(order) <= n {
		return order
	}
	out := make([]int, n)
	for k := range out {
		out[k] = order[k*(len(order)-1)/(n-1)]
	}
	return out
}

// storeReport describes the last run over a store.
func storeReport(ctx context.Context, h *hub.Hub, truthFile string, log *slog.Logger) (*explain.Report, error) {
	s := h.Store
	rep := &explain.Report{Title: "Incidents of the store", TitleZH: "事件关联报告", At: time.Now(), Zone: zone}
	state, err := s.LinkState(ctx)
	if err != nil {
		return nil, err
	}
	var last link.Report
	if len(state.Last.Counts) > 0 {
		if err := json.Unmarshal(state.Last.Counts, &last); err != nil {
			return nil, err
		}
	}
	for _, r := range last.Rules {
		rep.Candidates = append(rep.Candidates, explain.Bar{EN: r.Rule, Count: r.Candidates})
	}
	rep.Certain, rep.Refused = bars(last.Certain.Links), refused(last.Verdicts)
	st, err := readStored(ctx, s)
	if err != nil {
		return nil, err
	}
	var truth []int32
	if truthFile != "" {
		if truth, err = st.truth(ctx, truthFile, log); err != nil {
			return nil, err
		}
	}
	e, err := evaluate.Clusters("onegrid", st.incident, truth)
	if err != nil {
		return nil, err
	}
	e.Candidates, e.Seconds, e.PeakRSSMiB = last.Candidates, last.Seconds, peakMiB()
	rep.Figures = figures(&Eval{Report: e})
	rep.Methods = []explain.Method{method("onegrid", "onegrid", e)}
	for _, b := range e.Sizes {
		rep.Sizes = append(rep.Sizes, bar("reports of an incident: ", "每起事件的报告数 ", b.Size, int64(b.Clusters)))
	}
	ledger, err := st.ledger(ctx, s)
	if err != nil {
		return nil, err
	}
	rules, err := h.LinkRules()
	if err != nil {
		return nil, err
	}
	bits, review := link.Bands(rules)
	rep.Threshold = explain.Thresholds{Link: score.Probability(bits), Review: score.Probability(review)}
	if truth != nil {
		if err := st.judged(ctx, s, rep, e, ledger, truth, bits); err != nil {
			return nil, err
		}
	}
	for _, c := range rules.Comparisons {
		comp := explain.Comparison{EN: cmp.Or(c.Label, c.Name), ZH: c.LabelZH}
		for _, l := range c.Levels {
			if l.M != nil && l.U != nil && *l.M > 0 && *l.U > 0 {
				comp.Levels = append(comp.Levels, explain.Level{EN: cmp.Or(l.Label, score.LevelText(l)), ZH: l.LabelZH, M: *l.M, U: *l.U, Bits: math.Log2(*l.M / *l.U)})
			}
		}
		if len(comp.Levels) > 0 {
			rep.Weights = append(rep.Weights, comp)
		}
	}
	return rep, explainSome(ctx, h, rep, ledger)
}

// judged adds what the true incidents say: the curve over weights, the wrong-source table and the baselines.
func (st *stored) judged(ctx context.Context, s *duckdb.Store, rep *explain.Report, e evaluate.Report, ledger []held, truth []int32, link float64) error {
	pairs, err := evaluate.Sources(st.incident, truth, st.source, st.names)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		rep.Sources = append(rep.Sources, explain.SourceRow{A: p.A, B: p.B, Pairs: p.Pairs, Correct: p.Pairs - p.False, Truth: p.Truth})
	}
	var scored []evaluate.Scored
	for _, l := range ledger {
		if !l.certain && truth[l.a] != evaluate.NoTruth && truth[l.b] != evaluate.NoTruth {
			scored = append(scored, evaluate.Scored{Weight: l.bits, Same: truth[l.a] == truth[l.b]})
		}
	}
	curve, err := evaluate.PRCurve(scored, e.Truth, curvePoints)
	if err != nil {
		return err
	}
	for _, p := range curve.Points {
		rep.Curve = append(rep.Curve, explain.CurvePoint{Threshold: score.Probability(p.Threshold), Precision: p.Precision, Recall: p.Recall, Pairs: p.Pairs, Correct: p.Correct, Truth: p.Truth})
	}
	base, err := st.baselines(ctx, s, truth, link)
	if err != nil {
		return err
	}
	for _, b := range base {
		rep.Methods = append(rep.Methods, method(b.Name, baselineZH[b.Name], b))
	}
	return nil
}

// explainSome takes some links of the ledger apart, from the strongest to the weakest.
func explainSome(ctx context.Context, h *hub.Hub, rep *explain.Report, ledger []held) error {
	var weighed []held
	for _, l := range ledger {
		if !l.certain {
			weighed = append(weighed, l)
		}
	}
	if len(weighed) == 0 {
		return nil
	}
	slices.SortFunc(weighed, func(a, b held) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	l, err := h.Linker()
	if err != nil {
		return err
	}
	for k := range min(shownPairs, len(weighed)) {
		w := weighed[k*(len(weighed)-1)/max(1, min(shownPairs, len(weighed))-1)]
		a, err := find(ctx, h.Store, w.from)
		if err != nil {
			return err
		}
		b, err := find(ctx, h.Store, w.to)
		if err != nil {
			return err
		}
		p, err := l.Explain(ctx, a, b)
		if err != nil {
			return err
		}
		rep.Pairs = append(rep.Pairs, *p)
	}
	return nil
}
