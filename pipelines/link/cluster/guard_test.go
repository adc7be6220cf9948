package cluster_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/cluster"
)

var open = cluster.Policy{Class: "open", Link: 5, Review: 2}

// line is n rows 10 m and 10 time units apart, in a chain of strong pairs of falling weight.
func line(n int, p cluster.Policy) cluster.Input {
	in := cluster.Input{Rows: n, Policies: []cluster.Policy{p}, Weight: func(a, b int32) float64 {
		if a-b == 1 || b-a == 1 {
			return 10
		}
		return -10
	}}
	for i := range n {
		in.X, in.Y = append(in.X, float64(i)*10), append(in.Y, 0)
		in.Time = append(in.Time, int64(i)*10)
		if i > 0 {
			in.Edges = append(in.Edges, cluster.Edge{A: int32(i - 1), B: int32(i), Weight: float64(100 - i)})
		}
	}
	return in
}

// Each case is a guard that changes the result: without the guard both columns would be the same.
func TestEachGuard(t *testing.T) {
	with := func(change func(*cluster.Policy)) cluster.Policy {
		p := open
		change(&p)
		return p
	}
	kind := func(in cluster.Input, k cluster.Kind) cluster.Input {
		for i := range in.Edges {
			in.Edges[i].Kind = k
		}
		return in
	}
	decided := func(in cluster.Input, ds ...cluster.Decision) cluster.Input {
		in.Decisions = ds
		return in
	}
	never := with(func(p *cluster.Policy) { p.Mode = cluster.Never })
	follow := with(func(p *cluster.Policy) { p.Mode, p.FollowGiven = cluster.Never, true })
	review := with(func(p *cluster.Policy) { p.Mode = cluster.Review })
	support := with(func(p *cluster.Policy) { p.Support, p.SupportBits = 0.35, 5 })
	narrow := with(func(p *cluster.Policy) { p.Diameter = 25 })
	short := with(func(p *cluster.Policy) { p.Span = 25 })
	for _, c := range []struct {
		name string
		in   cluster.Input
		want []int
		why  cluster.Verdict // of the last edge
	}{
		{"no guard chains", line(6, open), []int{0, 0, 0, 0, 0, 0}, cluster.Joined},
		// {0,1}+{2}: 1 of 2 supports; {0,1,2}+{3}: 1 of 3 is too few.
		{"support", line(6, support), []int{0, 0, 0, 1, 1, 1}, cluster.Joined},
		{"support is not asked of certain ones", kind(line(6, support), cluster.Certain), []int{0, 0, 0, 0, 0, 0}, cluster.Joined},
		{"diameter", line(4, narrow), []int{0, 0, 0, 1}, cluster.RefusedDiameter},
		{"diameter of certain ones", kind(line(4, narrow), cluster.Certain), []int{0, 0, 0, 1}, cluster.RefusedDiameter},
		{"diameter is not asked of given ones", kind(line(4, narrow), cluster.Given), []int{0, 0, 0, 0}, cluster.Joined},
		{"span", line(4, short), []int{0, 0, 0, 1}, cluster.RefusedSpan},
		{"span of certain ones", kind(line(4, short), cluster.Certain), []int{0, 0, 0, 1}, cluster.RefusedSpan},
		{"span is not asked of given ones", kind(line(4, short), cluster.Given), []int{0, 0, 0, 0}, cluster.Joined},
		{"cannot", decided(line(2, open), cluster.Decision{A: 0, B: 1}), []int{0, 1}, cluster.RefusedCannot},
		{"cannot, through another", decided(line(3, open), cluster.Decision{A: 2, B: 0}), []int{0, 0, 1}, cluster.RefusedCannot},
		{"cannot, certain", decided(kind(line(3, open), cluster.Certain), cluster.Decision{A: 2, B: 0}), []int{0, 0, 1}, cluster.RefusedCannot},
		{"cannot, given", decided(kind(line(3, open), cluster.Given), cluster.Decision{A: 2, B: 0}), []int{0, 0, 1}, cluster.RefusedCannot},
		{"class never", line(2, never), []int{0, 1}, cluster.RefusedClass},
		{"class never, certain", kind(line(2, never), cluster.Certain), []int{0, 1}, cluster.RefusedClass},
		{"class never, given", kind(line(2, never), cluster.Given), []int{0, 1}, cluster.RefusedClass},
		{"class never that follows, given", kind(line(2, follow), cluster.Given), []int{0, 0}, cluster.Joined},
		{"class never that follows, certain", kind(line(2, follow), cluster.Certain), []int{0, 1}, cluster.RefusedClass},
		{"class review", line(2, review), []int{0, 1}, cluster.RefusedClass},
		{"class review, certain", kind(line(2, review), cluster.Certain), []int{0, 0}, cluster.Joined},
		{"must", decided(line(2, never), cluster.Decision{A: 0, B: 1, Must: true}), []int{0, 0}, cluster.Inside},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := agglomerate(t, c.in)
			if d := cmp.Diff(c.want, canonical(res.Cluster)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got := res.Edges[len(res.Edges)-1]; got != c.why {
				t.Errorf("last edge: %v, want %v", got, c.why)
			}
		})
	}
}

func TestBands(t *testing.T) {
	in := line(2, open)
	for weight, want := range map[float64]cluster.Verdict{5: cluster.Joined, 4.9: cluster.ForReview, 2: cluster.ForReview, 1.9: cluster.Below} {
		in.Edges[0].Weight = weight
		if res := agglomerate(t, in); res.Edges[0] != want || (res.Clusters == 1) != (want == cluster.Joined) {
			t.Errorf("%g bits: %v, %d clusters", weight, res.Edges[0], res.Clusters)
		}
	}
	// Between two classes the stricter value holds.
	in.Policies = append(in.Policies, cluster.Policy{Class: "strict", Link: 9, Review: 8})
	in.Class = []uint8{0, 1}
	for weight, want := range map[float64]cluster.Verdict{9: cluster.Joined, 8.5: cluster.ForReview, 7: cluster.Below} {
		in.Edges[0].Weight = weight
		if res := agglomerate(t, in); res.Edges[0] != want {
			t.Errorf("%g bits between classes: %v", weight, res.Edges[0])
		}
	}
}

// A person that is in a cluster by a human's word brings nobody else in.
func TestNeverHoldsForTheWholeCluster(t *testing.T) {
	in := line(3, open)
	in.Policies = append(in.Policies, cluster.Policy{Class: "person", Mode: cluster.Never, Link: 5, Review: 2})
	in.Class = []uint8{1, 0, 0}
	in.Edges = in.Edges[1:] // 1-2
	in.Decisions = []cluster.Decision{{A: 0, B: 1, Must: true}}
	res := agglomerate(t, in)
	if d := cmp.Diff([]int{0, 0, 1}, canonical(res.Cluster)); d != "" || res.Edges[0] != cluster.RefusedClass {
		t.Fatalf("%v (-want +got):\n%s", res.Edges[0], d)
	}
}

// A source joined two rows that are far apart. What lies between them still joins; what lies outside does not.
func TestWideClusterGrowsInsideOnly(t *testing.T) {
	p := open
	p.Diameter, p.Span = 25, 25
	in := line(12, p)
	in.Edges = append(in.Edges, cluster.Edge{A: 0, B: 10, Weight: 1, Kind: cluster.Given})
	res := agglomerate(t, in)
	want := []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	if d := cmp.Diff(want, canonical(res.Cluster)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// The follow-up call says nothing about where and when the incident was.
	in.Loose = func(row int32) bool { return row == 10 }
	in.Edges = append(in.Edges[:2], in.Edges[len(in.Edges)-1])
	in.Edges = append(in.Edges, cluster.Edge{A: 2, B: 3, Weight: 50})
	res = agglomerate(t, in)
	want = []int{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0, 8}
	if d := cmp.Diff(want, canonical(res.Cluster)); d != "" || res.Edges[3] != cluster.RefusedDiameter {
		t.Fatalf("%v (-want +got):\n%s", res.Edges[3], d)
	}
}

func TestDecisionsThatContradict(t *testing.T) {
	in := cluster.Input{Rows: 3, Policies: []cluster.Policy{open}}
	must := func(a, b int32, at int64) cluster.Decision {
		return cluster.Decision{A: a, B: b, Must: true, At: at}
	}
	cannot := func(a, b int32, at int64) cluster.Decision { return cluster.Decision{A: a, B: b, At: at} }
	for _, c := range []struct {
		name string
		ds   []cluster.Decision
		want []int
		vs   []cluster.Verdict
	}{
		{"the newer of one pair", []cluster.Decision{cannot(0, 1, 1), must(1, 0, 2)}, []int{0, 0, 1}, []cluster.Verdict{cluster.Overruled, cluster.Joined}},
		{"and the other way", []cluster.Decision{cannot(0, 1, 3), must(1, 0, 2)}, []int{0, 1, 2}, []cluster.Verdict{cluster.Apart, cluster.Overruled}},
		{"at the same time apart is safer", []cluster.Decision{must(1, 0, 2), cannot(0, 1, 2)}, []int{0, 1, 2}, []cluster.Verdict{cluster.Overruled, cluster.Apart}},
		{"three together: the older link goes", []cluster.Decision{must(0, 1, 1), must(1, 2, 2), cannot(0, 2, 0)}, []int{0, 1, 1}, []cluster.Verdict{cluster.RefusedCannot, cluster.Joined, cluster.Apart}},
		{"twice the same", []cluster.Decision{must(0, 1, 1), must(0, 1, 2)}, []int{0, 0, 1}, []cluster.Verdict{cluster.Overruled, cluster.Joined}},
	} {
		in.Decisions = c.ds
		res := agglomerate(t, in)
		if d := cmp.Diff(c.want, canonical(res.Cluster)) + cmp.Diff(c.vs, res.Decided); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestAlarms(t *testing.T) {
	p := open
	p.Alarm = 3
	in := line(7, p)
	in.Edges = append(in.Edges[:2], in.Edges[3:]...) // 3 rows and 4 rows
	want := []cluster.Alarm{{Cluster: 1, Rows: 4}, {Cluster: 0, Rows: 3}}
	res := agglomerate(t, in)
	if d := cmp.Diff(want, res.Alarms); d != "" || res.Stats.Largest != 4 {
		t.Fatalf("(-want +got):\n%s", d)
	}
	in.Policies[0].Alarm = 5
	if res := agglomerate(t, in); len(res.Alarms) != 0 {
		t.Fatal(res.Alarms)
	}
}

func TestBaselines(t *testing.T) {
	in := line(5, open)
	in.Edges[1].Weight = 1
	in.Edges[3] = cluster.Edge{A: 3, B: 4, Weight: 0, Kind: cluster.Certain}
	raw, n := cluster.Raw(in.Rows, in.Edges, 5)
	if d := cmp.Diff([]int32{0, 0, 1, 1, 1}, raw); d != "" || n != 2 {
		t.Fatalf("%d (-want +got):\n%s", n, d)
	}
	same, n := cluster.SameKey([]uint64{4, 0, 4, 0, 9})
	if d := cmp.Diff([]int32{0, 1, 0, 2, 3}, same); d != "" || n != 4 {
		t.Fatalf("%d (-want +got):\n%s", n, d)
	}
}

func TestInputThatContradictsItself(t *testing.T) {
	for name, change := range map[string]func(*cluster.Input){
		"no policy":       func(in *cluster.Input) { in.Policies = nil },
		"review > link":   func(in *cluster.Input) { in.Policies[0].Review = 9 },
		"support 2":       func(in *cluster.Input) { in.Policies[0].Support = 2 },
		"negative":        func(in *cluster.Input) { in.Policies[0].Span = -1 },
		"NaN":             func(in *cluster.Input) { in.Edges[0].Weight = math.NaN() },
		"row":             func(in *cluster.Input) { in.Edges[0].A = 2 },
		"itself":          func(in *cluster.Input) { in.Edges[0].A = 1 },
		"decision":        func(in *cluster.Input) { in.Decisions = []cluster.Decision{{A: 0, B: 7}} },
		"class":           func(in *cluster.Input) { in.Class = []uint8{0, 1} },
		"times":           func(in *cluster.Input) { in.Time = in.Time[:1] },
		"x without y":     func(in *cluster.Input) { in.Y = nil },
		"no weights":      func(in *cluster.Input) { in.Weight, in.Policies[0].Support = nil, 0.3 },
		"unknown kind":    func(in *cluster.Input) { in.Edges[0].Kind = 7 },
		"unknown mode":    func(in *cluster.Input) { in.Policies[0].Mode = 7 },
		"limit no number": func(in *cluster.Input) { in.Policies[0].Link = math.NaN() },
	} {
		in := line(2, open)
		change(&in)
		if _, err := cluster.Agglomerate(t.Context(), in); !errors.Is(err, cluster.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cluster.Agglomerate(ctx, line(2, open)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
