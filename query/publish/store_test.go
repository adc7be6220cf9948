package publish_test

import (
	"testing"

	"onegrid/warehouse/duckdb"
)

// The embedded store is a feed: an empty one gives empty snapshots, on which the questions run.
func TestEmptyStore(t *testing.T) {
	store, err := duckdb.Open(t.Context(), duckdb.Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	opts := options(t, nil)
	opts.Feed = store
	p := open(t, opts)
	for range 2 {
		publishNow(t, p)
	}
	db, m := snapshot(t, opts.Dir, cityMasked)
	if m.Rows != 0 || m.Generation != 1 {
		t.Fatalf("%+v", m)
	}
	for _, q := range questions(t) {
		if _, err := ask(t.Context(), db, q, arguments(q, clockAt, "8b1f7d7c-0000-4000-8000-000000000001")); err != nil {
			t.Errorf("%s: %v", q.name, err)
		}
	}
}
