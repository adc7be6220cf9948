package score_test

import (
	"testing"

	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
)

// TestChicagoDay1 attaches flagged duplicates to the requests that staff named as their parents. The labels are incomplete,
// so that no precision is asked for: candidates and the largest cluster are shown beside.
func TestChicagoDay1(t *testing.T) {
	s, tab, rep := load(t, "chicago311.yaml", "chicago311_day1/chicago_311_day1.csv")
	if tab.Rows() != 763 || rep.Dropped[0] != 2190 || len(rep.Unreadable) > 0 {
		t.Errorf("%d rows kept, %v dropped, unreadable %v", tab.Rows(), rep.Dropped, rep.Unreadable)
	}
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.Train(t.Context(), p, candidates(s, tab))
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		logModel(t, m)
	}
	sc, err := p.Weigh(m)
	if err != nil {
		t.Fatal(err)
	}
	at, spot := tab.Time("at"), tab.Point("spot")
	partners := make([][]int32, tab.Rows()) // earlier candidates of a row
	n := 0
	var edges []cluster.Edge
	err = candidates(s, tab)(t.Context(), score.All, func(a, b int32) {
		n++
		if at.At(a) > at.At(b) {
			a, b = b, a
		}
		partners[b] = append(partners[b], a)
		edges = append(edges, cluster.Edge{A: a, B: b, Weight: sc.Weight(a, b)})
	})
	if err != nil {
		t.Fatal(err)
	}
	in := cluster.Input{Rows: tab.Rows(), Edges: edges, Weight: sc.Weight,
		Policies: []cluster.Policy{{Link: score.Bits(s.Bands.Link), Review: score.Bits(s.Bands.Review), Support: s.Cluster.Support,
			SupportBits: score.Bits(s.Cluster.Weight), Diameter: s.Cluster.Diameter, Span: s.Cluster.Span.D().Microseconds()}}}
	in.X, in.Y = spot.Plane()
	for row := range int32(tab.Rows()) {
		in.Time = append(in.Time, at.At(row))
	}
	out, err := cluster.Agglomerate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	truth := tab.Text(spec.TruthColumn)
	children, attached, first := 0, 0, 0
	for row := range int32(tab.Rows()) {
		id, ok := truth.Value(row)
		parent, here := tab.Find(id)
		if !ok || !here {
			continue
		}
		children++
		if out.Cluster[row] == out.Cluster[parent] {
			attached++
		}
		// The incident that a new report would join: the candidates that stand highest, of which the oldest founded it. A
		// later duplicate of the same incident is no rival of its parent.
		best := int32(-1)
		for _, c := range partners[row] {
			if best < 0 || sc.Weight(row, c) > sc.Weight(row, best) {
				best = c
			}
		}
		if best >= 0 && (best == parent || out.Cluster[best] == out.Cluster[parent]) {
			first++
		} else {
			t.Logf("parent not first: %.0f m, %.1f min", spot.Metres(row, parent), float64(at.At(row)-at.At(parent))/60e6)
		}
	}
	linked := map[string]int{}
	for i, e := range edges {
		if v := out.Edges[i]; v == cluster.Joined || v == cluster.Inside {
			switch d := spot.Metres(e.A, e.B); {
			case d <= 15:
				linked["15 m"]++
			case d <= 50:
				linked["50 m"]++
			case d <= 200:
				linked["200 m"]++
			default:
				linked["no distance"]++
			}
		}
	}
	t.Logf("linked pairs by distance: %v; clusters %d of %d rows", linked, out.Clusters, tab.Rows())
	t.Logf("%d children with their parent in the file: %d attached, %d with the parent's incident first; %d candidates, largest cluster %d",
		children, attached, first, n, out.Stats.Largest)
	if children != 27 || float64(attached) < 0.93*float64(children) || float64(first) < 0.96*float64(children) {
		t.Errorf("%d children, %d attached, %d first", children, attached, first)
	}
	if out.Stats.Largest > 20 {
		t.Errorf("the largest cluster has %d members", out.Stats.Largest)
	}
}
