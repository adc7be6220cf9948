package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/internal/dbtest"
)

const secret = "throw-away-4711"

// database is an upstream of a test: the settings that reach it and a handle that may write.
type database struct {
	name     string
	settings string // YAML without streams
	dir      string
	db       *sql.DB
	server   *dbtest.Server
	stamp    string // column type of a time without zone, microseconds
}

func (d *database) exec(tb testing.TB, q string, args ...any) {
	tb.Helper()
	if _, err := d.db.Exec(q, args...); err != nil {
		tb.Fatalf("%v: %s", err, q)
	}
}

// param is the n-th parameter in the database's notation.
func (d *database) param(n int) string {
	if d.name == "postgres" {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

func newSQLite(tb testing.TB) *database {
	tb.Helper()
	dir := tb.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "dept.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(0)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return &database{name: "sqlite", settings: "driver: sqlite\npath: dept.db\n", dir: dir, db: db, stamp: "TEXT"}
}

func newPostgres(tb testing.TB) *database {
	tb.Helper()
	s := dbtest.StartPostgres(tb)
	return onServer(tb, s, "postgres", "pgx", "timestamp(6)")
}

func newMariaDB(tb testing.TB) *database {
	tb.Helper()
	s := dbtest.StartMariaDB(tb)
	return onServer(tb, s, "mysql", "mysql", "datetime(6)")
}

func onServer(tb testing.TB, s *dbtest.Server, driver, open, stamp string) *database {
	tb.Helper()
	db, err := sql.Open(open, s.DSN())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return &database{name: driver, dir: tb.TempDir(), db: db, server: s, stamp: stamp, settings: serverSettings(s, driver, s.Port)}
}

func serverSettings(s *dbtest.Server, driver string, port int) string {
	return fmt.Sprintf("driver: %s\nhost: %s\nport: %d\ndatabase: %s\nuser: %s\npassword: env:PW\ntls: {mode: disable}\nretry_wait: 10ms\n", driver, s.Host, port, s.Database, s.User)
}

// each runs a test on every engine that can be had here.
func each(t *testing.T, f func(t *testing.T, d *database)) {
	for name, make := range map[string]func(testing.TB) *database{"sqlite": newSQLite, "postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) { f(t, make(t)) })
	}
}

func (d *database) env(rows int) connectors.Env {
	return connectors.Env{SourceID: "dept", Logger: slog.New(slog.DiscardHandler), Dir: d.dir, BatchRows: rows, Zone: time.FixedZone("CST", 8*3600),
		Secret: func(ref string) (string, error) {
			if ref != "env:PW" {
				return "", errors.New("no such secret")
			}
			return secret, nil
		}}
}

func (d *database) source(tb testing.TB, rows int, streams string) connectors.Source {
	tb.Helper()
	return openSource(tb, d.env(rows), d.settings+streams)
}

func openSource(tb testing.TB, env connectors.Env, settings string) connectors.Source {
	tb.Helper()
	reg, err := connectors.NewRegistry(Kind())
	if err != nil {
		tb.Fatal(err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(settings), &n); err != nil {
		tb.Fatal(err)
	}
	s, err := reg.Open("sqltable", env, &n)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// row is one record of a batch, columns by name; a null has no entry.
type row map[string]string

// drain reads to the end and returns the records, the rejects and the last checkpoint.
func drain(tb testing.TB, src connectors.Source, from connectors.Checkpoint) ([]row, []connectors.Reject, connectors.Checkpoint) {
	tb.Helper()
	rows, rejects, cp, err := take(src.Read(tb.Context(), from), from, -1)
	if err != nil {
		tb.Fatal(err)
	}
	return rows, rejects, cp
}

// take reads at most n batches that hold records, all of them if n is negative.
func take(seq iter.Seq2[connectors.Batch, error], from connectors.Checkpoint, n int) ([]row, []connectors.Reject, connectors.Checkpoint, error) {
	var rows []row
	var rejects []connectors.Reject
	cp := from
	for b, err := range seq {
		if err != nil {
			return rows, rejects, cp, err
		}
		rows, rejects, cp = append(rows, rowsOf(b)...), append(rejects, b.Rejects...), b.Resume
		if b.Records != nil {
			b.Records.Release()
			if n--; n == 0 {
				break
			}
		}
	}
	return rows, rejects, cp, nil
}

func rowsOf(b connectors.Batch) []row {
	if b.Records == nil {
		return nil
	}
	out := make([]row, b.Records.NumRows())
	for i := range out {
		out[i] = row{}
		for j, f := range b.Records.Schema().Fields() {
			if c := b.Records.Column(j).(*array.String); !c.IsNull(i) {
				out[i][f.Name] = strings.Clone(c.Value(i))
			}
		}
	}
	return out
}

func keysOf(rows []row, key string) map[string]int {
	m := map[string]int{}
	for _, r := range rows {
		m[r[key]]++
	}
	return m
}

// missing counts the keys that were not read at all.
func missing0(want map[string]bool, rows []row, key string) (n int) {
	got := keysOf(rows, key)
	for k := range want {
		if got[k] == 0 {
			n++
		}
	}
	return n
}

func readErr(ctx context.Context, src connectors.Source, from connectors.Checkpoint) error {
	for b, err := range src.Read(ctx, from) {
		if err != nil {
			return err
		}
		if b.Records != nil {
			b.Records.Release()
		}
	}
	return nil
}

func replace(pattern, v string) string { return strings.Replace(pattern, "%s", v, 1) }
