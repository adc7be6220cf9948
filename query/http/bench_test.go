package http_test

import (
	"errors"
	"io"
	"testing"

	"onegrid/query/worker"
)

// What the door, the front and the audit add to the same statement given to the pool.
func BenchmarkStatement(b *testing.B) {
	d := open(b)
	const sql = "SELECT county_code, count(*) FROM event GROUP BY county_code ORDER BY 1"
	b.Run("pool", func(b *testing.B) {
		for b.Loop() {
			a, _, err := d.pool.Run(b.Context(), city(), worker.Statement{SQL: sql, MaxRows: 1000, MaxBytes: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			for {
				rec, err := a.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				rec.Release()
			}
			if err := a.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("http", func(b *testing.B) {
		for b.Loop() {
			if r := d.ask(map[string]any{"sql": sql}); r.StatusCode != 200 {
				b.Fatalf("%s", r.body)
			}
		}
	})
	b.Run("http_unchanged", func(b *testing.B) {
		tag := d.ask(map[string]any{"sql": sql}).Header.Get("ETag")
		for b.Loop() {
			if r := d.ask(map[string]any{"sql": sql}, header{"If-None-Match": tag}); r.StatusCode != 304 {
				b.Fatalf("%s", r.body)
			}
		}
	})
	b.Run("arrow_1m_rows", func(b *testing.B) {
		for b.Loop() {
			const big = "SELECT a.event_id, a.county_code, a.gen, a.event_id + b.event_id AS s, b.event_id AS t FROM event a, event b WHERE b.event_id < 50"
			r := d.ask(map[string]any{"sql": big, "format": "arrow"})
			if r.StatusCode != 200 || r.Trailer.Get("X-Onegrid-Rows") != "1000000" {
				b.Fatalf("%s %v", r.Status, r.Trailer)
			}
			b.SetBytes(int64(len(r.body)))
		}
	})
}
