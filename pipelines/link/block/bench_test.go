package block_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"onegrid/pipelines/link/block"
)

// city is a table of the size that a full rebuild meets: n rows over 30 days in a plane of 30 km, in every rule two to
// five keys for each row, most of them rare.
func city(n, rules int) block.Input {
	rng := rand.New(rand.NewPCG(1, 9))
	in := block.Input{Rows: n}
	for i := range n {
		in.Order = append(in.Order, int64(i)*2_600_000+rng.Int64N(2_000_000))
		in.ID = append(in.ID, rng.Uint64())
		in.X, in.Y = append(in.X, rng.Float64()*30_000), append(in.Y, rng.Float64()*30_000)
	}
	in.Rules = append(in.Rules, block.Rule{Name: "place", Radius: 60, Within: 24 * 3600 * 1e6})
	for k := range rules - 1 {
		in.Rules = append(in.Rules, block.Rule{Name: "key", Within: 7 * 24 * 3600 * 1e6, MaxFrequency: 5000, Keys: func() (block.Keys, error) {
			rng := rand.New(rand.NewPCG(uint64(k), 10))
			b := block.NewBuilder(n, 4)
			for range n {
				for range 2 + rng.IntN(4) {
					b.Add(uint64(rng.IntN(n)) * 0x9e3779b97f4a7c15)
				}
				b.End()
			}
			return b.Keys()
		}})
	}
	return in
}

// BenchmarkPairs1M: one million rows, six rules, with the time the rules take to make their keys. MiB-held is what the
// indexes of all rules take while pairs are handed out, MiB-heap the largest heap at that time with its garbage.
func BenchmarkPairs1M(b *testing.B) {
	in := city(1_000_000, 6)
	var st block.Stats
	for b.Loop() {
		var err error
		st, err = block.Pairs(b.Context(), in, func(ps []block.Pair) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(st.Candidates), "pairs")
	var before, built, held runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := block.Pairs(b.Context(), in, func(ps []block.Pair) error {
		if held.HeapAlloc == 0 {
			runtime.ReadMemStats(&built)
			runtime.GC()
			runtime.ReadMemStats(&held)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(held.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
	b.ReportMetric(float64(built.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-heap")
}

// BenchmarkIncremental: 1,000 new rows among one million.
func BenchmarkIncremental(b *testing.B) {
	in := city(1_000_000, 6)
	in.New = func(row int32) bool { return row >= 999_000 }
	var st block.Stats
	for b.Loop() {
		var err error
		st, err = block.Pairs(b.Context(), in, func(ps []block.Pair) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(st.Candidates), "pairs")
}

// BenchmarkStorm: 5,000 rows about one place in an hour.
func BenchmarkStorm(b *testing.B) {
	in := city(5000, 6)
	for i := range in.Rows {
		in.Order[i], in.X[i], in.Y[i] = int64(i)*720_000, float64(i%40), float64(i%30)
	}
	var st block.Stats
	for b.Loop() {
		var err error
		st, err = block.Pairs(b.Context(), in, func(ps []block.Pair) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(st.Candidates), "pairs")
}
