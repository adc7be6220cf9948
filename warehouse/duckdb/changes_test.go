package duckdb_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
	"onegrid/warehouse/warehousetest"
)

func feeder(t *testing.T) warehousetest.Feeder {
	s := open(t, t.TempDir())
	return warehousetest.Feeder{Store: s, Feed: s, Fresh: s}
}

func TestChanges(t *testing.T) { warehousetest.RunChanges(t, feeder) }

// deaf is a feed that is broken in one way.
type deaf struct {
	*duckdb.Store
	broken string
}

func (d deaf) Changes(ctx context.Context, q warehouse.ChangeQuery, each func(arrow.RecordBatch) error) (warehouse.ChangeSet, error) {
	switch d.broken {
	case "forgets where the reader was":
		q.From = warehouse.Position{}
	case "loses a row":
		next := each
		each = func(b arrow.RecordBatch) error {
			cut := b.NewSlice(0, b.NumRows()-1)
			defer cut.Release()
			return next(cut)
		}
	case "takes any position":
		set, err := d.Store.Changes(ctx, q, each)
		if errors.Is(err, warehouse.ErrPosition) {
			err = nil
		}
		return set, err
	case "hides errors":
		set, _ := d.Store.Changes(ctx, q, each)
		return set, nil
	}
	return d.Store.Changes(ctx, q, each)
}

func (d deaf) Poll(ctx context.Context, q warehouse.ChangeQuery) (bool, error) {
	if d.broken == "never polls" {
		return false, nil
	}
	return d.Store.Poll(ctx, q)
}

func (d deaf) Watermarks(ctx context.Context) ([]warehouse.Watermark, error) {
	w, err := d.Store.Watermarks(ctx)
	if d.broken == "counts wrong" && len(w) > 0 {
		w[0].Events++
	}
	return w, err
}

// A check that a broken feed passes would check nothing.
func TestBrokenFeedsFailTheSuite(t *testing.T) {
	twin := map[string]string{
		"everything_in_order_of_days": "loses a row", "only_what_changed": "forgets where the reader was", "once_however_often_it_changed": "forgets where the reader was",
		"poll_tells_what_changes_would": "never polls", "position_of_another_history": "takes any position", "the_readers_error_ends_it": "hides errors",
		"every_column_can_be_read": "loses a row", "watermarks": "counts wrong",
	}
	for _, c := range warehousetest.FeedChecks() {
		t.Run(c.Name, func(t *testing.T) {
			if twin[c.Name] == "" {
				t.Fatal("no broken twin")
			}
			d := deaf{open(t, t.TempDir()), twin[c.Name]}
			if !fails(func() error {
				return c.Run(context.Background(), warehousetest.Feeder{Store: d.Store, Feed: d, Fresh: d})
			}) {
				t.Errorf("a feed that %s passes", d.broken)
			}
		})
	}
}

// fails reports whether a check is not passed; running into what is missing is failing too.
func fails(check func() error) (failed bool) {
	defer func() {
		if recover() != nil {
			failed = true
		}
	}()
	return check() != nil
}

// A day that is longer than one query gives comes in parts, in order, each event once.
func TestLongDayIsStreamedInParts(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	const n = 40_000 // above the size of one part
	var recs []warehousetest.Rec
	for i := range n {
		recs = append(recs, warehousetest.R(fmt.Sprintf("r%05d", i), "received", 0))
	}
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("first", "received", 0)))); err != nil {
		t.Fatal(err)
	}
	from, err := s.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"status"}}, func(arrow.RecordBatch) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 1, nil, warehousetest.Chunk("src", warehousetest.Base, recs...))); err != nil {
		t.Fatal(err)
	}
	for what, q := range map[string]struct {
		from warehouse.Position
		want int64
	}{"all": {warehouse.Position{}, n + 1}, "changed": {from.To, n}} {
		ids := map[string]bool{}
		var rows int64
		set, err := s.Changes(ctx, warehouse.ChangeQuery{From: q.from, Columns: []string{"source_record_id"}}, func(b arrow.RecordBatch) error {
			for i := range int(b.NumRows()) {
				ids[string([]byte(b.Column(0).ValueStr(i)))] = true
				rows++
			}
			return nil
		})
		if err != nil || set.Events != q.want || rows != q.want || int64(len(ids)) != q.want {
			t.Errorf("%s: %d events, %d rows, %d distinct, %v; want %d", what, set.Events, rows, len(ids), err, q.want)
		}
	}
}

// A store that was put back from a backup and has gone on since has another history, though it is the same store.
func TestPositionOfARestoredStoreIsRefused(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	commit := func(s *duckdb.Store, base int64, id string) {
		t.Helper()
		if _, err := s.Commit(ctx, warehousetest.Unit("src", base, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R(id, "received", 0)))); err != nil {
			t.Fatal(err)
		}
	}
	commit(s, 0, "a")
	restored := t.TempDir()
	if _, err := s.Backup(ctx, filepath.Join(restored, filepath.Base(duckdb.DatabasePath(restored)))); err != nil {
		t.Fatal(err)
	}
	commit(s, 1, "b")
	none := func(arrow.RecordBatch) error { return nil }
	set, err := s.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"status"}}, none)
	if err != nil {
		t.Fatal(err)
	}
	old := open(t, restored)
	commit(old, 1, "c")
	if _, err := old.Changes(ctx, warehouse.ChangeQuery{From: set.To, Columns: []string{"status"}}, none); !errors.Is(err, warehouse.ErrPosition) {
		t.Fatalf("a position of the lost history: %v", err)
	}
}

// Events that retention removed are told, once.
func TestGoneEventsAreTold(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("b", "received", 0)))); err != nil {
		t.Fatal(err)
	}
	none := func(arrow.RecordBatch) error { return nil }
	before, err := s.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"status"}}, none)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"BEGIN", "INSERT INTO event_gone SELECT event_id, event_day, 2, 'retention' FROM event_version WHERE source_record_id = 'a'",
		"DELETE FROM event_version WHERE source_record_id = 'a'", "INSERT INTO store_change VALUES ('state', 2, 7, now())", "COMMIT"} {
		if _, err := s.DB().Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	after, err := s.Changes(ctx, warehouse.ChangeQuery{From: before.To, Columns: []string{"status"}}, none)
	if err != nil || after.Events != 0 || len(after.Gone) != 1 || string(after.Gone[0].Event[:]) != string(idOf("a")) {
		t.Fatalf("%+v, %v", after, err)
	}
	if again, err := s.Changes(ctx, warehouse.ChangeQuery{From: after.To, Columns: []string{"status"}}, none); err != nil || len(again.Gone) != 0 {
		t.Fatalf("again: %+v, %v", again, err)
	}
}
