package pgwire_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BenchmarkTrivial is what the way through the door costs: TLS, front, audit on the disk, gate, worker.
func BenchmarkTrivial(b *testing.B) {
	for name, mode := range map[string]pgx.QueryExecMode{"prepared": pgx.QueryExecModeCacheStatement, "simple": pgx.QueryExecModeSimpleProtocol} {
		b.Run(name, func(b *testing.B) {
			r := open(b)
			c := r.pgx(b)
			var n int
			for range 5 {
				if err := c.QueryRow(b.Context(), "SELECT 1", mode).Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := c.QueryRow(b.Context(), "SELECT 1", mode).Scan(&n); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

// BenchmarkRows reads 100,000 rows of five columns.
func BenchmarkRows(b *testing.B) {
	for name, format := range map[string]int16{"text": 0, "binary": 1} {
		b.Run(name, func(b *testing.B) {
			r := open(b)
			c := r.pgx(b)
			total := 0
			for b.Loop() {
				rows, err := c.Query(b.Context(), "SELECT a.event_id, a.event_day, a.reported_at, a.category, a.cost FROM event a, event b WHERE b.event_id < 'e00200'", pgx.QueryResultFormats{format})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for rows.Next() {
					n += len(rows.RawValues()) / 5
				}
				if err := rows.Err(); err != nil || n != 100_000 {
					b.Fatal(n, err)
				}
				total += n
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
