package duckdb_test

import (
	"context"
	"errors"
	"testing"

	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
	"onegrid/warehouse/warehousetest"
)

func open(t *testing.T, dir string) *duckdb.Store {
	t.Helper()
	s, err := duckdb.Open(context.Background(), duckdb.Options{Dir: dir, MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func count(t *testing.T, s *duckdb.Store, query string) int64 {
	t.Helper()
	var n int64
	if err := s.DB().QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestStore(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T) warehousetest.Engine {
		s := open(t, t.TempDir())
		return warehousetest.Engine{Store: s, State: s.State, Count: func(q string) int64 { return count(t, s, q) }}
	})
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := duckdb.Open(context.Background(), duckdb.Options{Dir: dir}); !errors.Is(err, warehouse.ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("b", "received", 0)))); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	r, err := s.Commit(ctx, warehousetest.Unit("src", 1, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("c", "received", 0))))
	if err != nil || r.Counts.Unchanged != 1 || r.Counts.New != 1 {
		t.Fatalf("after reopening: %+v %v", r, err)
	}
	if p, err := duckdb.Invariants(ctx, s.DB()); err != nil || len(p) > 0 {
		t.Fatalf("invariants: %v %v", p, err)
	}
}

func TestUnchangedNeedsSameFingerprintAndCurrentState(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	old, now := warehousetest.R("a", "received", 0), warehousetest.R("a", "closed", 5)
	for i, r := range []warehousetest.Rec{old, now} {
		if _, err := s.Commit(ctx, warehousetest.Unit("src", int64(i), nil, warehousetest.Chunk("src", warehousetest.Base, r))); err != nil {
			t.Fatal(err)
		}
	}
	c := warehousetest.Chunk("src", warehousetest.Base, old, now, warehousetest.R("z", "received", 0))
	var ids []byte
	for _, id := range [][]byte{idOf("a"), idOf("a"), idOf("z")} {
		ids = append(ids, id...)
	}
	got, err := s.Unchanged(ctx, ids, c.Fingerprint)
	if err != nil || len(got) != 3 || got[0] || !got[1] || got[2] {
		t.Fatalf("unchanged = %v, %v; want only the current state", got, err)
	}
}

// A view over memory that lay in the store's own catalog would crash whoever reads it after a restart.
func TestNoViewOfMemoryIsStored(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0)))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unchanged(ctx, idOf("a"), []uint64{1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if n := count(t, s, "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = 'onegrid' AND sql NOT LIKE 'CREATE VIEW%AS SELECT%FROM%'"); n > 0 {
		t.Fatalf("%d views without a query are stored", n)
	}
	if n := count(t, s, "SELECT count(*) FROM duckdb_indexes()"); n > 0 {
		t.Fatalf("%d indexes", n)
	}
	if n := count(t, s, "SELECT count(*) FROM duckdb_constraints() WHERE database_name = 'onegrid'"); n > 0 {
		t.Fatalf("%d constraints", n)
	}
}
