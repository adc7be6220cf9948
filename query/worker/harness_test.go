package worker_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"go.uber.org/goleak"

	"onegrid/query"
	"onegrid/query/worker"
)

// The test binary is its own worker, as the program is.
func TestMain(m *testing.M) {
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}

func city() query.Scope { return query.Scope{Tier: query.Masked, Area: "city"} }

// rows is how many events the small snapshot has.
const rows = 20_000

// setup is what the small snapshot holds: two published tables, a view and a macro, and one table that is not published.
func setup() []string {
	return []string{
		fmt.Sprintf(`CREATE TABLE event AS SELECT i AS event_id, DATE '2026-01-01' + (i %% 200)::INTEGER AS event_day,
			'9901' || lpad((i %% 7)::VARCHAR, 2, '0') AS county, (i %% 97)::INTEGER AS category, 'note ' || i AS note,
			TIMESTAMPTZ '2026-01-01 00:00:00+08' + INTERVAL 1 MINUTE * i AS reported_at, (i %% 1000)::DECIMAL(10,2) AS amount
			FROM range(%d) r(i)`, rows),
		`CREATE TABLE area AS SELECT '9901' || lpad(i::VARCHAR, 2, '0') AS county, 'district ' || i AS name FROM range(7) r(i)`,
		`CREATE TABLE hidden AS SELECT 'LEAK' || i AS body FROM range(100) r(i)`,
		`CREATE VIEW open_event AS SELECT * FROM event WHERE category < 10`,
		`CREATE MACRO twice(x) AS x * 2`,
	}
}

// publish writes a snapshot and returns it as the publisher would.
func publish(t testing.TB, number int64, statements ...string) worker.Snapshot {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("gen-%d.duckdb", number))
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if _, err := db.Exec("CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	return worker.Snapshot{
		Generation: query.Generation{Scope: city(), Number: number, SHA256: fileHash(t, path)}, Path: path,
		Tables: []string{"event", "area", "open_event"}, Macros: []string{"twice"},
	}
}

func fileHash(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// config is a small pool. Instrumented binaries reserve address space by the terabyte.
func config() worker.Config {
	c := worker.Config{Workers: 2}
	if instrumented {
		c.AddressSpace, c.Resident = 1<<47, 4<<30
	}
	return c
}

// open starts a pool and stops it with the test.
func open(t testing.TB, cfg worker.Config, change ...func(*worker.Pool)) *worker.Pool {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	p, err := worker.NewPool(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(p)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		if err := p.Stop(ctx); err != nil {
			t.Errorf("stopping the pool: %v", err)
		}
	})
	return p
}

func use(t testing.TB, p *worker.Pool, s worker.Snapshot) {
	t.Helper()
	if err := p.Use(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// ask is a statement with ordinary limits.
func ask(sql string) worker.Statement {
	return worker.Statement{SQL: sql, MaxRows: 50_000, MaxBytes: 64 << 20, Timeout: 20 * time.Second}
}

// run runs a statement to its end and returns its rows as text.
func run(t testing.TB, p *worker.Pool, st worker.Statement) ([]string, query.Stats, error) {
	t.Helper()
	out, stats, _, err := runReport(t, p, st)
	return out, stats, err
}

func runReport(t testing.TB, p *worker.Pool, st worker.Statement) ([]string, query.Stats, worker.Report, error) {
	t.Helper()
	a, report, err := p.Run(t.Context(), city(), st)
	if err != nil {
		return nil, query.Stats{}, report, err
	}
	defer a.Close()
	var out []string
	for {
		b, err := a.Next()
		if err == io.EOF {
			return out, a.Stats(), report, nil
		}
		if err != nil {
			return out, a.Stats(), report, err
		}
		for r := range int(b.NumRows()) {
			line := ""
			for c := range int(b.NumCols()) {
				if c > 0 {
					line += "|"
				}
				line += b.Column(c).ValueStr(r)
			}
			out = append(out, line)
		}
		b.Release()
	}
}

// must is run for a statement that has to succeed.
func must(t testing.TB, p *worker.Pool, sql string, params ...query.Param) []string {
	t.Helper()
	st := ask(sql)
	st.Params = params
	out, _, err := run(t, p, st)
	if err != nil {
		t.Fatalf("%s: %v (cause %v)", sql, err, errors.Unwrap(err))
	}
	return out
}

// code is the class of an error, "" for none. Every error of a pool is a *query.Error.
func code(t testing.TB, err error) query.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *query.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a *query.Error: %T %v", err, err)
	}
	if e.Message == "" || e.ZH == "" {
		t.Errorf("%v has no message in both languages", e.Code)
	}
	return e.Code
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
