package publish_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"go.uber.org/goleak"

	"onegrid/catalog"
	"onegrid/query"
	"onegrid/query/publish"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	cityMasked    = query.Scope{Tier: query.Masked, Area: "city"}
	citySensitive = query.Scope{Tier: query.Sensitive, Area: "city"}
	north         = query.Scope{Tier: query.Masked, Area: "990101"}
)

func cityCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	for k, v := range map[string]string{"ONEGRID_PEPPER": "0123456789abcdef0123456789abcdef"} {
		t.Setenv(k, v)
	}
	c, _ := catalog.Inspect("../../configs/city")
	if c == nil || c.Hub == nil {
		t.Fatal("the example city cannot be read")
	}
	return c
}

func options(t testing.TB, f *town) publish.Options {
	return publish.Options{Dir: t.TempDir(), Feed: f, Catalog: cityCatalog(t), MinFree: -1, MemoryLimit: "400MB", Now: func() time.Time { return clockAt }}
}

func open(t testing.TB, opts publish.Options) *publish.Publisher {
	t.Helper()
	p, err := publish.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func publishNow(t testing.TB, p *publish.Publisher) publish.Report {
	t.Helper()
	rep, err := p.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// snapshot opens the current generation of a scope as a worker does.
func snapshot(t testing.TB, dir string, scope query.Scope) (*sql.DB, *publish.Manifest) {
	t.Helper()
	lease, err := publish.Acquire(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.Verify(t.Context(), lease.Path, lease.Manifest); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", lease.Path+"?access_mode=READ_ONLY")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(); lease.Close() })
	return db, lease.Manifest
}

func count(t testing.TB, db *sql.DB, q string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRowContext(t.Context(), q, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return n
}

func TestFirstAndNext(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 400, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	if rep := publishNow(t, p); rep.Generation != 1 || rep.Scopes != 6 || rep.Changed != -1 {
		t.Fatalf("%+v", rep)
	}
	if rep := publishNow(t, p); rep.Scopes != 0 || rep.Generation != 1 {
		t.Fatalf("nothing changed, and yet %+v", rep)
	}
	for i := range 4 {
		f.put(reports(t, 400+10*i, 410+10*i, nil)...)
		if rep := publishNow(t, p); rep.Changed < 10 || rep.Generation != int64(i+2) {
			t.Fatalf("%+v", rep)
		}
		for scope, want := range map[query.Scope]int64{cityMasked: int64(410 + 10*i), citySensitive: int64(410 + 10*i)} {
			db, m := snapshot(t, opts.Dir, scope)
			if n := count(t, db, "SELECT count(*) FROM event"); n != want || m.Rows != want {
				t.Fatalf("%s: %d events, manifest %d, want %d", scope, n, m.Rows, want)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(opts.Dir, "*", "*.duckdb"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil || st.Mode().Perm() != 0o444 {
			t.Errorf("%s: mode %v, %v", f, st.Mode(), err)
		}
	}
}

// Clients that browse find the published tables, and the macros that the manifest names exist.
func TestClientCatalog(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 50, nil)...)
	opts := options(t, f)
	publishNow(t, open(t, opts))
	db, m := snapshot(t, opts.Dir, north)
	if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname = 'event'"); n != 1 {
		t.Errorf("%d tables event in pg_class", n)
	}
	for _, name := range append(m.System, m.Tables...) {
		if n := count(t, db, "SELECT count(*) FROM duckdb_columns() WHERE table_name = ? AND NOT internal", name); n == 0 {
			t.Errorf("%s is in the manifest and not in the file", name)
		}
	}
	for _, name := range m.Macros {
		if n := count(t, db, "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", name); n == 0 {
			t.Errorf("%s is in the manifest and not in the file", name)
		}
	}
}
