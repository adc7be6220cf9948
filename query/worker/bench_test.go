package worker_test

import (
	"database/sql"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"onegrid/query"
	"onegrid/query/worker"
)

// million is a snapshot of a million rows of ten columns of the usual types.
func million(t testing.TB) worker.Snapshot {
	s := publish(t, 1, `CREATE TABLE event AS SELECT i AS a, i * 2 AS b, 'event ' || i AS c, (i % 97)::INTEGER AS d, i / 3.0 AS e,
		TIMESTAMPTZ '2026-01-01' + i * INTERVAL 1 SECOND AS f, 'note ' || (i % 1000) AS g, i % 2 = 0 AS h, (i % 10000)::DECIMAL(10,2) AS k,
		DATE '2026-01-01' + (i % 300)::INTEGER AS l FROM range(1000000) r(i)`)
	s.Tables, s.Macros = []string{"event"}, nil
	return s
}

// A million rows of ten columns arrive in three seconds, and the parent holds no more than a few messages of them.
func TestMillionRows(t *testing.T) {
	if instrumented {
		t.Skip("an instrumented binary says nothing about speed")
	}
	p := open(t, config())
	use(t, p, million(t))
	must(t, p, "SELECT 1")
	for _, how := range []struct {
		name string
		read func(*worker.Answer) (int64, error)
	}{
		{"decoded", func(a *worker.Answer) (n int64, err error) {
			for {
				b, err := a.Next()
				if err == io.EOF {
					return n, nil
				}
				if err != nil {
					return n, err
				}
				n += b.NumRows()
				b.Release()
			}
		}},
		{"passed on", func(a *worker.Answer) (int64, error) {
			_, err := a.WriteTo(io.Discard)
			return a.Stats().Rows, err
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			st := ask("SELECT * FROM event")
			st.MaxRows, st.MaxBytes = 1_000_000, 1<<30
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			a, _, err := p.Run(t.Context(), city(), st)
			if err != nil {
				t.Fatal(err)
			}
			first := time.Since(began)
			n, err := how.read(a)
			took := time.Since(began)
			a.Close()
			runtime.ReadMemStats(&after)
			if err != nil || n != 1_000_000 {
				t.Fatalf("%d rows, %v", n, err)
			}
			t.Logf("%v, first rows after %v, %d MB of Arrow, worker peak %d MB, parent heap grew to %d MB from %d MB",
				took, first, a.Stats().Bytes>>20, a.Stats().PeakRSS>>20, after.HeapSys>>20, before.HeapSys>>20)
			if took > 3*time.Second {
				t.Errorf("%v", took)
			}
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 128<<20 {
				t.Errorf("the parent's heap grew by %d MB", grown>>20)
			}
		})
	}
}

// BenchmarkStatement compares a worker with the engine in this process, on a trivial statement and an ordinary one.
func BenchmarkStatement(b *testing.B) {
	snap := million(b)
	p := open(b, config())
	use(b, p, snap)
	must(b, p, "SELECT 1")
	db, err := sql.Open("duckdb", snap.Path+"?access_mode=READ_ONLY")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct{ name, sql string }{
		{"trivial", "SELECT 1"},
		{"group", "SELECT d, count(*), avg(e) FROM event WHERE l BETWEEN DATE '2026-02-01' AND DATE '2026-03-01' GROUP BY d ORDER BY 2 DESC"},
	} {
		measure := func(b *testing.B, once func() error) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := once(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
		}
		b.Run(c.name+"/worker", func(b *testing.B) {
			measure(b, func() error { _, _, err := run(b, p, ask(c.sql)); return err })
		})
		b.Run(c.name+"/plain", func(b *testing.B) {
			measure(b, func() error {
				r, err := db.QueryContext(b.Context(), c.sql)
				if err != nil {
					return err
				}
				for r.Next() {
				}
				return r.Close()
			})
		})
	}
}

// BenchmarkStart is the time from starting a worker to its first answer, and its memory then.
func BenchmarkStart(b *testing.B) {
	snap := publish(b, 1, setup()...)
	cfg := config()
	cfg.Workers, cfg.NoSpare, cfg.Statements = 1, true, 1
	p := open(b, cfg)
	use(b, p, snap)
	var took []time.Duration
	var stats query.Stats
	for b.Loop() {
		began := time.Now()
		var err error
		if _, stats, err = run(b, p, ask("SELECT 1")); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(stats.PeakRSS>>20), "MB")
}
