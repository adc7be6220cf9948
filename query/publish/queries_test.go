package publish_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"onegrid/event"
	"onegrid/query/publish"
)

type question struct{ name, sql string }

// questions reads docs/queries.sql: each begins with "-- name: x" and ends with a semicolon.
func questions(t testing.TB) []question {
	t.Helper()
	b, err := os.ReadFile("../../docs/queries.sql")
	if err != nil {
		t.Fatal(err)
	}
	var out []question
	for _, part := range strings.Split(string(b), "-- name: ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		comment, _, _ := strings.Cut(rest, "\n")
		if !strings.Contains(comment, "·") {
			t.Errorf("%s has no comment in two languages", name)
		}
		out = append(out, question{name, strings.TrimSuffix(strings.TrimSpace(rest), ";")})
	}
	return out
}

// arguments binds what a question takes.
func arguments(q question, now time.Time, incident string) []any {
	d := now.In(event.Shanghai)
	day := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)
	switch {
	case !strings.Contains(q.sql, "$1"):
		return nil
	case strings.Contains(q.sql, "-- $1 UUID"):
		return []any{incident}
	case strings.Contains(q.sql, "-- $1 DATE first"):
		return []any{day.AddDate(0, 0, 1-day.Day())}
	case strings.Contains(q.sql, "-- $1 DATE"):
		return []any{day}
	default:
		return []any{now}
	}
}

// typed gives the parameter its type, as a client that binds it does.
func typed(q question) string {
	for _, typ := range []string{"TIMESTAMPTZ", "DATE", "UUID"} {
		if strings.Contains(q.sql, "-- $1 "+typ) {
			var out []string
			for line := range strings.Lines(q.sql) {
				if !strings.HasPrefix(line, "--") {
					line = strings.ReplaceAll(line, "$1", "$1::"+typ)
				}
				out = append(out, line)
			}
			return strings.Join(out, "")
		}
	}
	return q.sql
}

func ask(ctx context.Context, db *sql.DB, q question, args []any) (int, error) {
	rows, err := db.QueryContext(ctx, typed(q), args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// The ten questions run in every scope, and answer something in the city.
func TestTenQuestions(t *testing.T) {
	f := newTown()
	first := report(1100, nil)["event_id"]
	f.put(reports(t, 900, 1640, func(n int, r row) {
		if n%100 == 0 {
			r["incident_id"], r["incident_role"], r["is_countable"] = first, "duplicate", n == 1100
		}
	})...)
	opts := options(t, f)
	publishNow(t, open(t, opts))
	qs := questions(t)
	if len(qs) != 10 {
		t.Fatalf("%d questions", len(qs))
	}
	for _, s := range publish.DefaultScopes(opts.Catalog) {
		db, _ := snapshot(t, opts.Dir, s)
		if _, err := db.ExecContext(t.Context(), "SET TimeZone='Asia/Shanghai'"); err != nil {
			t.Fatal(err)
		}
		for _, q := range qs {
			n, err := ask(t.Context(), db, q, arguments(q, clockAt, fmt.Sprint(first)))
			if err != nil {
				t.Errorf("%s in %s: %v", q.name, s, err)
			}
			if s == cityMasked && n == 0 {
				t.Errorf("%s answers nothing", q.name)
			}
		}
	}
}

// TestLargeQuestions measures the ten questions on the snapshots that TestLarge made, in DuckDB with two threads.
func TestLargeQuestions(t *testing.T) {
	dir := os.Getenv("ONEGRID_LARGE_SNAP")
	if dir == "" {
		t.Skip("skipped: ONEGRID_LARGE_SNAP does not name the folder of large snapshots")
	}
	l, err := publish.Acquire(dir, cityMasked)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db, err := sql.Open("duckdb", l.Path+"?access_mode=READ_ONLY&threads=2&memory_limit=1GB")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var incident string
	if _, err := db.ExecContext(t.Context(), "SET TimeZone='Asia/Shanghai'"); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT incident_id::VARCHAR FROM event WHERE incident_id IS NOT NULL AND event_day = DATE '2025-09-01' LIMIT 1").Scan(&incident); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2025, 10, 24, 9, 0, 0, 0, event.Shanghai)
	for _, q := range questions(t) {
		var took []time.Duration
		n, before := 0, cpu(t)
		for range 15 {
			started := time.Now()
			if n, err = ask(t.Context(), db, q, arguments(q, now, incident)); err != nil {
				t.Fatal(q.name, err)
			}
			took = append(took, time.Since(started))
		}
		slices.Sort(took)
		t.Logf("%-22s p50 %4d ms, p95 %4d ms, cpu %4d ms, %d rows", q.name, took[7].Milliseconds(), took[14].Milliseconds(), (cpu(t)-before).Milliseconds()/15, n)
	}
}

// cpu is the processor time of the process: on a machine that others use as well, the time taken says little.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
