package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/pipelines/privacy"
	"onegrid/warehouse/duckdb"
)

// search looks for the seeded values in bytes. It tells kinds and places, never values.
type search struct {
	t     *testing.T
	seeds []city.Personal
}

func (s search) kinds(b []byte) map[string]int {
	out := map[string]int{}
	for _, p := range s.seeds {
		if n := len(p.Pattern.FindAllIndex(b, -1)); n > 0 {
			out[p.Kind] = n
		}
	}
	return out
}

// clean fails the test when bytes hold a seeded value, in any of the forms that privacy.FindSeeds knows.
func (s search) clean(what string, b []byte) {
	s.t.Helper()
	if found := s.kinds(b); len(found) > 0 {
		s.t.Errorf("%s holds seeded values: %v", what, found)
	}
}

// text checks readable text for the general shapes of personal values as well.
func (s search) text(what string, b []byte) {
	s.t.Helper()
	s.clean(what, b)
	byKind := map[string]int{}
	// Run ids and seconds are digits of the program's own: a group of them looks like a landline once in a while.
	for _, f := range privacy.Scan(ownDigits.ReplaceAll(b, []byte("_"))) {
		byKind[f.Kind]++
	}
	if len(byKind) > 0 {
		s.t.Errorf("%s looks as if it held personal values: %v", what, byKind)
	}
}

var ownDigits = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|seconds=[0-9.e-]+|"seconds":[0-9.e-]+`)

// searchAll searches everything that a hub has written.
func (w *town) searchAll(ctx context.Context, t *testing.T, h *hub.Hub, data string) {
	s := search{t, w.city.Seeded()}
	// A search that finds nothing proves something only if it finds what is there: in the upstreams.
	page, err := w.raw()
	if err != nil {
		t.Fatal(err)
	}
	urban, err := os.ReadFile(filepath.Join(w.dir, "city", "urban.db"))
	if err != nil {
		t.Fatal(err)
	}
	there := s.kinds(append(page, urban...))
	for _, kind := range []string{"phone", "plate", "name", "room"} {
		if there[kind] == 0 {
			t.Fatalf("the upstreams hold no %s: %v", kind, there)
		}
	}

	if n := number(t, h.Store.DB(), "SELECT count(*) FROM run WHERE error IS NOT NULL"); n == 0 {
		t.Error("no failed run is stored: the search would prove little about error texts")
	}
	w.searchTables(t, s, h)

	// Exports in every format, and a backup.
	out := t.TempDir()
	for _, name := range []string{"events.csv", "events.parquet", "events.arrow"} {
		path := filepath.Join(out, name)
		if n, err := h.Store.Export(ctx, "SELECT * FROM event", path, ""); err != nil || n < 500 {
			t.Fatalf("exporting %s: %d rows, %v", name, n, err)
		}
		s.clean(name, readBack(t, path))
	}
	if _, err := h.Store.Backup(ctx, filepath.Join(out, "backup.duckdb")); err != nil {
		t.Fatal(err)
	}
	s.text("log", w.log.bytes())
	if len(w.log.bytes()) == 0 {
		t.Error("nothing was logged")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, dir := range []string{data, out} {
		if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			files++
			s.clean(filepath.Base(path), b)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if files < 10 {
		t.Errorf("%d files were searched", files)
	}
	restored := image{}.lay(t)
	b, err := os.ReadFile(filepath.Join(out, "backup.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(duckdb.DatabasePath(restored), b, 0o640); err != nil {
		t.Fatal(err)
	}
	r := openStore(t, duckdb.Options{Dir: restored, ReadOnly: true})
	defer r.Close()
	for _, l := range lines(t, r.DB(), "SELECT * FROM event_version") {
		s.clean("a row of the backup", []byte(l))
	}
}

// searchTables searches every column of every table of the live store.
func (w *town) searchTables(t *testing.T, s search, h *hub.Hub) {
	t.Helper()
	rows, err := h.Store.DB().Query("SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all [][2]string
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	tables := map[string]bool{}
	for _, c := range all {
		tables[c[0]] = true
		values := lines(t, h.Store.DB(), fmt.Sprintf("SELECT DISTINCT %q::VARCHAR FROM %q WHERE %q IS NOT NULL", c[1], c[0], c[1]))
		s.clean(c[0]+"."+c[1], []byte(strings.Join(values, "\n")))
	}
	for _, want := range []string{"event_version", "event_transition", "event_party_token", "reject", "run_step", "checkpoint"} {
		if !tables[want] {
			t.Errorf("table %s was not searched: %v", want, tables)
		}
	}
}

// readBack gives the values of an export as text: the files themselves are compressed.
func readBack(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rdr array.RecordReader
	switch filepath.Ext(path) {
	case ".csv":
		return raw
	case ".arrow":
		r, err := ipc.NewFileReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var out strings.Builder
		for i := range r.NumRecords() {
			rec, err := r.RecordBatch(i)
			if err != nil {
				t.Fatal(err)
			}
			for c := range int(rec.NumCols()) {
				for row := range int(rec.NumRows()) {
					out.WriteString(rec.Column(c).ValueStr(row))
					out.WriteByte('\n')
				}
			}
		}
		return []byte(out.String())
	default:
		pf, err := file.NewParquetReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer pf.Close()
		pr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 4096}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		if rdr, err = pr.GetRecordReader(context.Background(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	defer rdr.Release()
	var out strings.Builder
	for rdr.Next() {
		rec := rdr.RecordBatch()
		for c := range int(rec.NumCols()) {
			for row := range int(rec.NumRows()) {
				out.WriteString(rec.Column(c).ValueStr(row))
				out.WriteByte('\n')
			}
		}
	}
	return []byte(out.String())
}
