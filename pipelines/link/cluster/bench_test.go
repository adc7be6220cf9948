package cluster_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"onegrid/pipelines/link/cluster"
)

func guarded() []cluster.Policy {
	return []cluster.Policy{{Class: "point", Link: 6, Review: 2, Support: 0.35, SupportBits: 6, Diameter: 300, Span: 1 << 40, Alarm: 50}}
}

// place is a table where the weight of a pair falls with distance.
func place(n int, side float64) cluster.Input {
	rng := rand.New(rand.NewPCG(1, 7))
	in := cluster.Input{Rows: n, Policies: guarded()}
	for i := range n {
		in.ID = append(in.ID, rng.Uint64())
		in.X, in.Y = append(in.X, rng.Float64()*side), append(in.Y, rng.Float64()*side)
		in.Time = append(in.Time, int64(i))
	}
	in.Weight = func(a, b int32) float64 {
		dx, dy := in.X[a]-in.X[b], in.Y[a]-in.Y[b]
		return 10 - math.Sqrt(dx*dx+dy*dy)/20
	}
	return in
}

// BenchmarkStorm: one component of 5,000 rows and 100,000 edges.
func BenchmarkStorm(b *testing.B) {
	in := place(5000, 400)
	rng := rand.New(rand.NewPCG(2, 7))
	for len(in.Edges) < 100_000 {
		x, y := rng.Int32N(5000), rng.Int32N(5000)
		if x != y {
			in.Edges = append(in.Edges, cluster.Edge{A: x, B: y, Weight: in.Weight(x, y)})
		}
	}
	var res cluster.Result
	for b.Loop() {
		res = agglomerate(b, in)
	}
	b.ReportMetric(float64(res.Stats.Largest), "largest")
	b.ReportMetric(float64(res.Stats.Weighed), "weighed")
}

// BenchmarkCity1M: one million rows, one million edges between neighbours in a list by place, in small components.
func BenchmarkCity1M(b *testing.B) {
	const n = 1_000_000
	in := place(n, 100_000)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int {
		return int(math.Floor(in.X[x]/100)-math.Floor(in.X[y]/100))*100000 + int(in.Y[x]-in.Y[y])
	})
	for i := 0; i+3 < n; i++ {
		for d := range 3 {
			x, y := order[i], order[i+1+d]
			if w := in.Weight(x, y); w >= 2 {
				in.Edges = append(in.Edges, cluster.Edge{A: x, B: y, Weight: w})
			}
		}
	}
	var res cluster.Result
	for b.Loop() {
		res = agglomerate(b, in)
	}
	b.ReportMetric(float64(len(in.Edges)), "edges")
	b.ReportMetric(float64(res.Stats.Components), "components")
	b.ReportMetric(float64(res.Stats.Largest), "largest")
}
