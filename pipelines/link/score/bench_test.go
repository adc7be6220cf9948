package score_test

import (
	"math/rand/v2"
	"testing"

	"onegrid/pipelines/link/score"
)

// BenchmarkScore weighs random pairs: nothing is remembered from one pair to the next, which is the dear case.
func BenchmarkScore(b *testing.B) {
	for _, bench := range []struct{ name, mapping, file string }{
		{"febrl3", "febrl3.yaml", "linkage_public/dataset3.csv"},
		{"fake_1000", "fake_1000.yaml", "linkage_public/fake_1000.csv"},
		{"chicago", "chicago311.yaml", "chicago311_day1/chicago_311_day1.csv"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s, tab, _ := load(b, bench.mapping, bench.file)
			p, err := score.Compile(s, tab)
			if err != nil {
				b.Fatal(err)
			}
			sc, err := p.Weigh(score.Prior(p))
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			n := int32(tab.Rows())
			pairs := make([][2]int32, 1<<16)
			for i := range pairs {
				pairs[i] = [2]int32{rng.Int32N(n), rng.Int32N(n)}
			}
			b.ReportAllocs()
			sum := 0.0
			for i := 0; b.Loop(); i++ {
				p := pairs[i&(len(pairs)-1)]
				sum += sc.Weight(p[0], p[1])
			}
			if sum > 0 {
				b.Fatal("random pairs are matches on average")
			}
		})
	}
}
