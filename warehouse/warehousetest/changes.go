package warehousetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
	"onegrid/warehouse"
)

// Feeder is a store under test that tells what changed.
type Feeder struct {
	Store warehouse.Committer
	Feed  warehouse.ChangeFeed
	Fresh warehouse.Freshness
}

// FeedCheck is one promise of a change feed. It returns what is broken, so that a broken feed can be shown to fail it.
type FeedCheck struct {
	Name string
	Run  func(ctx context.Context, e Feeder) error
}

// RunChanges checks a change feed. open gives an empty store and closes it with the test.
func RunChanges(t *testing.T, open func(t *testing.T) Feeder) {
	for _, c := range FeedChecks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(context.Background(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// seen is what a reading delivered, in order: record number and state.
func seen(ctx context.Context, e Feeder, from warehouse.Position) ([]string, warehouse.ChangeSet, error) {
	var out []string
	set, err := e.Feed.Changes(ctx, warehouse.ChangeQuery{From: from, Columns: []string{"event_id", "source_record_id", "status", "source_updated_at"}}, func(b arrow.RecordBatch) error {
		if b.NumRows() > 65_536 {
			return fmt.Errorf("a batch of %d rows", b.NumRows())
		}
		id, ok := b.Column(0).(*array.FixedSizeBinary)
		if !ok || !arrow.TypeEqual(b.Column(3).DataType(), event.Timestamp) {
			return fmt.Errorf("types %v", b.Schema())
		}
		for i := range int(b.NumRows()) {
			rec := b.Column(1).(*array.String).Value(i)
			if want := event.ID("src", rec); !bytes.Equal(id.Value(i), want[:]) {
				return fmt.Errorf("event_id %x, want %x", id.Value(i), want)
			}
			out = append(out, rec+" "+b.Column(2).(*array.String).Value(i))
		}
		return nil
	})
	if err == nil && set.Events != int64(len(out)) {
		err = fmt.Errorf("%d events told, %d delivered", set.Events, len(out))
	}
	return out, set, err
}

func equal(what string, got, want []string) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: got %q, want %q", what, got, want)
	}
	return nil
}

func store(ctx context.Context, e Feeder, base int64, recs ...Rec) error {
	_, err := e.Store.Commit(ctx, Unit("src", base, nil, Chunk("src", Base, recs...)))
	return err
}

func onDay(r Rec, days int) Rec {
	r.Reported = r.Reported.AddDate(0, 0, days)
	return r
}

// FeedChecks are the promises of warehouse.ChangeFeed and warehouse.Freshness.
func FeedChecks() []FeedCheck {
	return []FeedCheck{
		{"everything_in_order_of_days", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, onDay(R("c", "received", 0), 2), R("a", "received", 0), onDay(R("b", "received", 0), 1)); err != nil {
				return err
			}
			got, set, err := seen(ctx, e, warehouse.Position{})
			if err != nil {
				return err
			}
			if set.To.IsZero() || len(set.Gone) > 0 {
				return fmt.Errorf("set %+v", set)
			}
			return equal("everything", got, []string{"a received", "b received", "c received"})
		}},
		{"only_what_changed", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("a", "received", 0), R("b", "received", 0), R("c", "closed", 9), R("d", "received", 0)); err != nil {
				return err
			}
			_, set, err := seen(ctx, e, warehouse.Position{})
			if err != nil {
				return err
			}
			kept, err := json.Marshal(set.To) // a reader keeps it as JSON
			if err != nil {
				return err
			}
			// a changes, b is only touched, c gets an older state, d is read again as it is, e is new.
			if err := store(ctx, e, 1, R("a", "dispatched", 5), R("b", "received", 7), R("c", "received", 3), R("d", "received", 0), R("e", "received", 0)); err != nil {
				return err
			}
			var from warehouse.Position
			if err := json.Unmarshal(kept, &from); err != nil {
				return err
			}
			got, next, err := seen(ctx, e, from)
			if err != nil {
				return err
			}
			slices.Sort(got)
			if err := equal("changed", got, []string{"a dispatched", "b received", "e received"}); err != nil {
				return err
			}
			got, _, err = seen(ctx, e, next.To)
			if err != nil {
				return err
			}
			return equal("after that", got, nil)
		}},
		{"once_however_often_it_changed", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("z", "received", 0)); err != nil {
				return err
			}
			_, set, err := seen(ctx, e, warehouse.Position{})
			if err != nil {
				return err
			}
			for i, s := range []string{"received", "dispatched", "closed"} {
				if err := store(ctx, e, int64(i+1), R("a", s, i)); err != nil {
					return err
				}
			}
			got, _, err := seen(ctx, e, set.To)
			if err != nil {
				return err
			}
			return equal("changed", got, []string{"a closed"})
		}},
		{"poll_tells_what_changes_would", func(ctx context.Context, e Feeder) error {
			poll := func(from warehouse.Position, want bool) error {
				got, err := e.Feed.Poll(ctx, warehouse.ChangeQuery{From: from})
				if err == nil && got != want {
					err = fmt.Errorf("poll: %v, want %v", got, want)
				}
				return err
			}
			if err := store(ctx, e, 0, R("a", "received", 0)); err != nil {
				return err
			}
			_, set, err := seen(ctx, e, warehouse.Position{})
			if err != nil {
				return err
			}
			if err := errors.Join(poll(warehouse.Position{}, true), poll(set.To, false)); err != nil {
				return err
			}
			if err := store(ctx, e, 1, R("a", "received", 0)); err != nil { // nothing new
				return err
			}
			if err := poll(set.To, false); err != nil {
				return err
			}
			if err := store(ctx, e, 2, R("a", "closed", 4)); err != nil {
				return err
			}
			return poll(set.To, true)
		}},
		{"position_of_another_history", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("a", "received", 0)); err != nil {
				return err
			}
			_, set, err := seen(ctx, e, warehouse.Position{})
			if err != nil {
				return err
			}
			for what, alter := range map[string]func(*warehouse.Position){
				"another store": func(p *warehouse.Position) { p.Store = "00000000-0000-4000-8000-000000000000" }, "ahead of the store": func(p *warehouse.Position) { p.Change++ },
				"another past": func(p *warehouse.Position) { p.Mark = "1" + p.Mark[1:] + "x" },
			} {
				p := set.To
				alter(&p)
				if _, _, err := seen(ctx, e, p); !errors.Is(err, warehouse.ErrPosition) {
					return fmt.Errorf("position of %s: %v", what, err)
				}
			}
			return nil
		}},
		{"the_readers_error_ends_it", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("a", "received", 0)); err != nil {
				return err
			}
			boom := errors.New("boom")
			if _, err := e.Feed.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"status"}}, func(arrow.RecordBatch) error { return boom }); !errors.Is(err, boom) {
				return fmt.Errorf("got %v", err)
			}
			if _, err := e.Feed.Changes(ctx, warehouse.ChangeQuery{Columns: []string{"no_such"}}, func(arrow.RecordBatch) error { return nil }); err == nil {
				return errors.New("an unknown column was accepted")
			}
			return store(ctx, e, 1, R("b", "received", 0)) // and the store goes on
		}},
		{"every_column_can_be_read", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("a", "received", 0)); err != nil {
				return err
			}
			var names []string
			for _, c := range event.Columns() {
				names = append(names, c.Name)
			}
			_, err := e.Feed.Changes(ctx, warehouse.ChangeQuery{Columns: names}, func(b arrow.RecordBatch) error {
				for i, f := range b.Schema().Fields() {
					if f.Name != names[i] {
						return fmt.Errorf("column %d is %s, want %s", i, f.Name, names[i])
					}
				}
				id, inc := b.Column(slices.Index(names, "event_id")).(*array.FixedSizeBinary), b.Column(slices.Index(names, "incident_id")).(*array.FixedSizeBinary)
				if !bytes.Equal(id.Value(0), inc.Value(0)) {
					return errors.New("an event in no incident is not its own")
				}
				return nil
			})
			return err
		}},
		{"watermarks", func(ctx context.Context, e Feeder) error {
			if err := store(ctx, e, 0, R("a", "received", 0), onDay(R("b", "received", 0), 3)); err != nil {
				return err
			}
			if err := store(ctx, e, 1, R("a", "closed", 5)); err != nil {
				return err
			}
			w, err := e.Fresh.Watermarks(ctx)
			if err != nil {
				return err
			}
			want := warehouse.Watermark{Source: "src", LastRead: Base.Add(time.Hour), Newest: Base.AddDate(0, 0, 3), Events: 2, Seq: 2}
			if len(w) != 1 || w[0] != want {
				return fmt.Errorf("got %+v, want %+v", w, want)
			}
			return nil
		}},
	}
}
