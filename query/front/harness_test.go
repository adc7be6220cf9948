package front_test

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
	"onegrid/query/audit"
	"onegrid/query/front"
	"onegrid/query/gate/redact"
	"onegrid/query/worker"
)

// The test binary is its own worker, as the program is.
func TestMain(m *testing.M) {
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func city() query.Scope { return query.Scope{Tier: query.Masked, Area: "city"} }

func analyst() query.Principal {
	return query.Principal{User: "li", Role: query.Analyst, Org: "command-centre", Scope: city()}
}

// pool is a pool of real workers over a small snapshot; one for a test binary's tests would outlive goleak's look.
func pool(t testing.TB) *worker.Pool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gen-1.duckdb")
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`CREATE TABLE event AS SELECT i AS event_id, '99010' || (i % 4) AS county_code, 'note ' || i AS note FROM range(200000) r(i)`,
		`CREATE TABLE cat_dataset AS SELECT * FROM (VALUES ('event', 'Events', '事件', 'all of them'), ('gone', 'Gone', '无', '')) v(dataset, title, title_zh, doc)`,
		`CREATE TABLE cat_column AS SELECT * FROM (VALUES ('event', 'county_code', 'VARCHAR', NULL::VARCHAR, 'area', 'county', '区县', 1)) v(dataset, "column", type, unit, code_list, doc, doc_zh, position)`,
		"CHECKPOINT",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	cfg := worker.Config{Workers: 2}
	if instrumented {
		cfg.AddressSpace, cfg.Resident = 1<<47, 4<<30
	}
	p, err := worker.NewPool(cfg, quiet())
	if err != nil {
		t.Fatal(err)
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
	s := worker.Snapshot{Generation: query.Generation{Scope: city(), Number: 7, SHA256: fileHash(t, path)}, Path: path, Tables: []string{"event", "cat_dataset", "cat_column"}}
	if err := p.Use(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return p
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

type rig struct {
	*front.Front
	log *audit.Log
	dir string
}

// make puts a front before workers, with a real audit log.
func open(t testing.TB, cfg front.Config, w front.Workers, change ...func(*front.Deps)) rig {
	t.Helper()
	r := rig{dir: t.TempDir()}
	var err error
	if r.log, err = audit.Open(audit.Config{Dir: r.dir}, quiet()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.log.Close() })
	d := front.Deps{Workers: w, Audit: r.log, Redact: redact.SQL, Valid: func(context.Context, query.Principal) error { return nil }, Log: quiet()}
	for _, c := range change {
		c(&d)
	}
	if r.Front, err = front.New(cfg, d); err != nil {
		t.Fatal(err)
	}
	return r
}

// records closes the log and returns what it holds of queries, after verifying that every start has its end.
func (r rig) records(t testing.TB) (out []audit.Record) {
	t.Helper()
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := audit.Verify(r.dir, audit.VerifyOptions{})
	if err != nil || !v.OK() || len(v.Running) > 0 {
		t.Fatalf("audit log: %+v, %v", v, err)
	}
	for rec, err := range audit.Read(context.Background(), r.dir, audit.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Kind != audit.KindOpen && rec.Kind != audit.KindClose {
			out = append(out, rec)
		}
	}
	return out
}

// ends are the end records as "class rule decision rows".
func ends(rs []audit.Record) (out []string) {
	for _, r := range rs {
		if r.Kind == audit.KindEnd {
			out = append(out, fmt.Sprintf("%s %s %s %d", r.Class, r.Rule, r.Decision, r.Rows))
		}
	}
	return out
}

// drain reads an answer to its end.
func drain(a query.Answer) (rows int64, err error) {
	for {
		rec, err := a.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += rec.NumRows()
		rec.Release()
	}
}

func code(err error) query.Code {
	var e *query.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
