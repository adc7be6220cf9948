package warehousetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"onegrid/event"
	"onegrid/warehouse"
)

// Engine is a store under test.
type Engine struct {
	Store warehouse.Committer
	State func(ctx context.Context, source, point string) (warehouse.State, error)
	// Count answers a count query in SQL over the tables of the event model.
	Count func(query string) int64
}

// Run checks an engine. open gives an empty store and closes it with the test.
func Run(t *testing.T, open func(t *testing.T) Engine) {
	ctx := context.Background()
	commit := func(t *testing.T, e Engine, u *warehouse.Unit) warehouse.Receipt {
		t.Helper()
		r, err := e.Store.Commit(ctx, u)
		if err != nil {
			t.Fatalf("commit: %v", err)
		}
		return r
	}
	want := func(t *testing.T, e Engine, what string, n int64, query string) {
		t.Helper()
		if got := e.Count(query); got != n {
			t.Errorf("%s: got %d, want %d", what, got, n)
		}
	}
	t.Run("stores_once", func(t *testing.T) {
		e := open(t)
		chunk := func() *warehouse.Chunk { return Chunk("src", Base, R("a", "received", 0), R("b", "received", 1)) }
		r := commit(t, e, Unit("src", 0, nil, chunk()))
		if r.Seq != 1 || r.Counts.New != 2 {
			t.Fatalf("receipt %+v", r)
		}
		r = commit(t, e, Unit("src", 1, nil, chunk()))
		if r.Counts.Unchanged != 2 || r.Counts.New != 0 {
			t.Fatalf("second reading: %+v", r)
		}
		want(t, e, "events", 2, "SELECT count(*) FROM event")
		want(t, e, "versions", 2, "SELECT count(*) FROM event_version")
		want(t, e, "resume points", 2, "SELECT count(*) FROM checkpoint")
	})
	t.Run("same_id_in_rebuild", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0))))
		want(t, e, "event with the derived id", 1, fmt.Sprintf("SELECT count(*) FROM event WHERE event_id = '%s'", event.ID("src", "a")))
	})
	t.Run("update_makes_version_and_transition", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0), R("b", "received", 0))))
		r := commit(t, e, Unit("src", 1, nil, Chunk("src", Base.Add(time.Hour), R("a", "dispatched", 5))))
		if r.Counts.Updated != 1 || r.Counts.Transitions != 1 {
			t.Fatalf("receipt %+v", r)
		}
		want(t, e, "events", 2, "SELECT count(*) FROM event")
		want(t, e, "versions", 3, "SELECT count(*) FROM event_version")
		want(t, e, "current state", 1, "SELECT count(*) FROM event WHERE source_record_id = 'a' AND status = 'dispatched' AND version = 2")
		want(t, e, "first seen kept", 1, "SELECT count(*) FROM event WHERE source_record_id = 'a' AND first_seen_at < ingested_at")
		want(t, e, "transition", 1, "SELECT count(*) FROM event_transition WHERE from_status = 'received' AND to_status = 'dispatched' AND inferred")
	})
	t.Run("older_batch_read_again_changes_nothing", func(t *testing.T) {
		e := open(t)
		first := func() *warehouse.Chunk { return Chunk("src", Base, R("a", "received", 0)) }
		commit(t, e, Unit("src", 0, nil, first()))
		commit(t, e, Unit("src", 1, nil, Chunk("src", Base, R("a", "closed", 9))))
		r := commit(t, e, Unit("src", 2, nil, first()))
		if r.Counts.Unchanged != 1 {
			t.Fatalf("receipt %+v", r)
		}
		want(t, e, "versions", 2, "SELECT count(*) FROM event_version")
		want(t, e, "current", 1, "SELECT count(*) FROM event WHERE status = 'closed'")
	})
	t.Run("late_older_state_is_history", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "closed", 9))))
		r := commit(t, e, Unit("src", 1, nil, Chunk("src", Base, R("a", "dispatched", 4))))
		if r.Counts.Stale != 1 {
			t.Fatalf("receipt %+v", r)
		}
		want(t, e, "current", 1, "SELECT count(*) FROM event WHERE status = 'closed'")
		want(t, e, "versions", 2, "SELECT count(*) FROM event_version")
		r = commit(t, e, Unit("src", 2, nil, Chunk("src", Base, R("a", "dispatched", 4))))
		if r.Counts.Unchanged != 1 {
			t.Fatalf("stale state again: %+v", r)
		}
	})
	t.Run("back_to_an_earlier_state_is_a_new_version", func(t *testing.T) {
		e := open(t)
		for i, s := range []string{"in_progress", "suspended", "in_progress"} {
			commit(t, e, Unit("src", int64(i), nil, Chunk("src", Base, R("a", s, i))))
		}
		want(t, e, "versions", 3, "SELECT count(*) FROM event_version")
		want(t, e, "current", 1, "SELECT count(*) FROM event WHERE status = 'in_progress' AND version = 3")
	})
	t.Run("touched_states_keep_their_place", func(t *testing.T) {
		e := open(t)
		touched := func(n int) Rec { return R("a", "in_progress", n) }
		all := func() []*warehouse.Chunk {
			return []*warehouse.Chunk{Chunk("src", Base, R("a", "received", 0)), Chunk("src", Base, touched(2)), Chunk("src", Base, touched(5), touched(6)), Chunk("src", Base, R("a", "closed", 4))}
		}
		r := commit(t, e, Unit("src", 0, nil, all()...))
		if c := r.Counts; c.New != 1 || c.Updated != 1 || c.Unchanged != 2 || c.Stale != 1 {
			t.Fatalf("receipt %+v: a state older than the last update that changed nothing must not win", r)
		}
		want(t, e, "current", 1, "SELECT count(*) FROM event WHERE status = 'in_progress'")
		r = commit(t, e, Unit("src", 1, nil, all()...))
		if r.Counts.Unchanged != 5 {
			t.Fatalf("read again: %+v", r)
		}
		r = commit(t, e, Unit("src", 2, nil, Chunk("src", Base, R("a", "resolved", 9)), Chunk("src", Base, touched(3)), Chunk("src", Base, R("a", "closed", 5))))
		if c := r.Counts; c.Updated != 1 || c.Unchanged != 2 {
			t.Fatalf("states that were told before: %+v", r)
		}
	})
	t.Run("one_record_many_times_in_a_unit", func(t *testing.T) {
		e := open(t)
		r := commit(t, e, Unit("src", 0, nil,
			Chunk("src", Base, R("a", "received", 0), R("b", "received", 0), R("a", "received", 0), R("a", "dispatched", 2)),
			Chunk("src", Base, R("a", "closed", 3), R("b", "received", 0), R("c", "received", 0))))
		if c := r.Counts; c.New != 3 || c.Updated != 2 || c.Unchanged != 2 || !c.Balanced() {
			t.Fatalf("receipt %+v", r)
		}
		want(t, e, "events", 3, "SELECT count(*) FROM event")
		want(t, e, "versions", 5, "SELECT count(*) FROM event_version")
		want(t, e, "current", 1, "SELECT count(*) FROM event WHERE source_record_id = 'a' AND status = 'closed' AND version = 3")
		want(t, e, "transitions", 2, "SELECT count(*) FROM event_transition")
	})
	t.Run("event_day_is_immutable", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0))))
		moved := R("a", "dispatched", 3)
		moved.Reported = Base.AddDate(0, 0, -40)
		commit(t, e, Unit("src", 1, nil, Chunk("src", Base, moved)))
		want(t, e, "day kept, attribute corrected", 1, "SELECT count(*) FROM event WHERE event_day = DATE '2025-09-12' AND reported_at < '2025-09-01'::TIMESTAMPTZ")
	})
	t.Run("two_sources_may_use_one_number", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("one", 0, nil, Chunk("one", Base, R("a", "received", 0))))
		commit(t, e, Unit("two", 0, nil, Chunk("two", Base, R("a", "received", 0))))
		want(t, e, "events", 2, "SELECT count(*) FROM event")
	})
	t.Run("fenced", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0))))
		if _, err := e.Store.Commit(ctx, Unit("src", 0, nil, Chunk("src", Base, R("b", "received", 0)))); !errors.Is(err, warehouse.ErrFenced) {
			t.Fatalf("a unit on an old resume point: %v", err)
		}
		want(t, e, "events", 1, "SELECT count(*) FROM event")
	})
	t.Run("failed_unit_leaves_nothing", func(t *testing.T) {
		e := open(t)
		boom := errors.New("upstream died")
		u := Unit("src", 0, nil)
		u.Chunks = func(yield func(*warehouse.Chunk, error) bool) {
			if yield(Chunk("src", Base, R("a", "received", 0)), nil) {
				yield(nil, boom)
			}
		}
		if _, err := e.Store.Commit(ctx, u); !errors.Is(err, boom) {
			t.Fatalf("got %v", err)
		}
		want(t, e, "events", 0, "SELECT count(*) FROM event_version")
		want(t, e, "resume points", 0, "SELECT count(*) FROM checkpoint")
		r := commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0), R("a", "closed", 1), R("b", "received", 0))))
		if r.Counts.New != 2 || r.Counts.Updated != 1 {
			t.Fatalf("after the failure: %+v", r)
		}
	})
	t.Run("counts_that_do_not_add_up_are_refused", func(t *testing.T) {
		e := open(t)
		u := Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0)))
		final := u.Final
		u.Final = func() (warehouse.Final, error) {
			f, err := final()
			f.Read++ // a record that ended nowhere
			return f, err
		}
		if _, err := e.Store.Commit(ctx, u); !errors.Is(err, warehouse.ErrUnbalanced) {
			t.Fatalf("got %v", err)
		}
		want(t, e, "events", 0, "SELECT count(*) FROM event_version")
	})
	t.Run("reject_is_one_row_however_often_read", func(t *testing.T) {
		e := open(t)
		rej := warehouse.Reject{Reject: event.Reject{Stream: "s", Row: 3, Position: "line 4", Stage: "map", Rule: "bad_time", Message: "no time", MessageZH: "时间缺失"}, ID: [16]byte{7}}
		commit(t, e, Unit("src", 0, []warehouse.Reject{rej, rej}))
		r := commit(t, e, Unit("src", 1, []warehouse.Reject{rej}))
		if r.Counts.Rejected != 1 {
			t.Fatalf("receipt %+v", r)
		}
		want(t, e, "rejects", 1, "SELECT count(*) FROM reject")
	})
	t.Run("tokens_follow_the_current_state", func(t *testing.T) {
		e := open(t)
		a, b := R("a", "received", 0), R("a", "dispatched", 1)
		a.Token, b.Token = "token-one-aaaa", "token-two-bbbb"
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, a)))
		commit(t, e, Unit("src", 1, nil, Chunk("src", Base, b)))
		want(t, e, "tokens", 1, "SELECT count(*) FROM event_party_token")
		commit(t, e, Unit("src", 2, nil, Chunk("src", Base, b)))
		want(t, e, "tokens after reading again", 1, "SELECT count(*) FROM event_party_token")
	})
	t.Run("tokens_of_a_state_replaced_in_the_same_unit", func(t *testing.T) {
		e := open(t)
		a, b, c := R("a", "received", 0), R("a", "dispatched", 1), R("a", "closed", 2)
		a.Token, b.Token, c.Token = "token-one-aaaa", "token-two-bbbb", "token-three-cc"
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, a), Chunk("src", Base, b, c)))
		want(t, e, "tokens", 1, "SELECT count(*) FROM event_party_token")
		want(t, e, "token of the current state", 1, "SELECT count(*) FROM event_party_token WHERE token = 'token-three-cc'::BLOB")
	})
	t.Run("a_window_has_its_own_resume_point", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0))))
		u := Unit("src", 1, nil, Chunk("src", Base, R("b", "received", 0)))
		u.Point = "2025-01-01/2025-02-01"
		commit(t, e, u)
		run, _ := e.State(ctx, "src", "")
		win, _ := e.State(ctx, "src", u.Point)
		if run.Seq != 2 || string(run.Resume.Data) != `{"after":1}` || string(win.Resume.Data) != `{"after":2}` {
			t.Fatalf("running %+v, window %+v", run, win)
		}
		if other, _ := e.State(ctx, "src", "another"); other.Seq != 2 || len(other.Resume.Data) > 0 {
			t.Fatalf("window that was never read: %+v", other)
		}
	})
	t.Run("resume_point_reads_back", func(t *testing.T) {
		e := open(t)
		commit(t, e, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0))))
		st, err := e.State(ctx, "src", "")
		if err != nil || st.Seq != 1 || string(st.Resume.Data) != `{"after":1}` || st.Resume.Version != 1 {
			t.Fatalf("state %+v, %v", st, err)
		}
		if st, err := e.State(ctx, "never", ""); err != nil || st.Seq != 0 {
			t.Fatalf("unknown source: %+v, %v", st, err)
		}
	})
}
