package gate

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCheck measures the honest corpus, nothing cached; p50 and p95 in microseconds.
func BenchmarkCheck(b *testing.B) {
	g, c := openGate(b), published(b)
	queries := honestQueries(b)
	var took []time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		v, err := g.Check(context.Background(), queries[n%len(queries)].text, c)
		took = append(took, time.Since(start))
		if err != nil || !v.Allowed {
			b.Fatal(v.Message, err)
		}
		n++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-us")
}

func BenchmarkSmallest(b *testing.B) {
	g, c := openGate(b), published(b)
	for b.Loop() {
		if _, err := g.Check(context.Background(), "SELECT 1", c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnions measures the largest texts.
func BenchmarkUnions(b *testing.B) {
	g, c := openGate(b), published(b)
	for _, q := range []struct{ name, text string }{
		{"unions_64KiB", "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 3440)},
		{"list_64KiB", "SELECT a IN (" + strings.Repeat("1,", 32000) + "1)"},
		{"and_64KiB", "SELECT 1" + strings.Repeat(" AND a=1", 8000)},
		{"case", "SELECT " + strings.Repeat("CASE ", 12) + "x" + strings.Repeat(" WHEN 1 THEN 1 WHEN 2 THEN 2 END", 12)},
		{"columns_1000", "SELECT " + strings.Repeat("title, ", 1000) + "title FROM event"},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := g.Check(context.Background(), q.text, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
