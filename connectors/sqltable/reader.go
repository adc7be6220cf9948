package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"onegrid/connectors"
)

var (
	// errStopped ends a reading whose consumer has had enough.
	errStopped = errors.New("stopped by the consumer")
	// errCut ends a page that holds enough bytes.
	errCut = errors.New("page is large enough")
	// errTimeout is the cause of a statement that ran out of time on our side.
	errTimeout     = errors.New("statement timeout")
	errUnknownType = errors.New("the driver gave a value of an unknown type")
)

// maxRetryWait caps the doubling wait between tries.
const maxRetryWait = 30 * time.Second

// reader is one call of Read or ReadWindow.
type reader struct {
	s      *source
	db     *sql.DB
	st     state
	window *window
	yield  func(connectors.Batch) bool
	noted  bool
}

// prepared is what a reading of a stream starts from.
type prepared struct {
	p      *plan
	form   timeForm
	now    time.Time // the database's clock
	newest *value    // the largest time not above the clock minus lag, or the largest key; nil where there is no row
	note   string
}

// stream reads one stream to its end.
func (r *reader) stream(ctx context.Context, s Stream) error {
	if r.window != nil && (s.Cursor == nil || s.Cursor.Time == "") {
		return r.skipped(s)
	}
	pr, err := r.prepare(ctx, s)
	if err != nil {
		return err
	}
	if s.Cursor == nil {
		return r.unpaged(ctx, pr.p, pr.p.all())
	}
	own := r.st.Streams[s.Name]
	pos, err := own.position(pr.p)
	if err != nil {
		return err
	}
	if r.window != nil {
		return r.readWindow(ctx, pr, own, pos)
	}
	if own.Upper != nil && pos != nil {
		// A reading was cut short. It is finished up to its own bound first: only then does lookback, counted from
		// its last row, reach every row that was committed late while it ran.
		if pos, err = r.pages(ctx, pr.p, bounds{lower: pos, upper: own.Upper}, pos); err != nil {
			return err
		}
	}
	last := pos
	if pr.newest != nil {
		if last, err = r.pages(ctx, pr.p, fresh(pr, pos), pos); err != nil {
			return err
		}
	}
	var future *value
	if pr.p.time >= 0 {
		v := pr.form.value(pr.now.Add(24 * time.Hour))
		future = &v
	}
	if pr.p.hasStrays(future) {
		if err := r.unpaged(ctx, pr.p, pr.p.strays(future)); err != nil {
			return err
		}
	}
	return r.settle(pr.p, own, last)
}

// fresh returns the bounds of a new reading after position pos. Its upper bound is the newest row there was when it
// began: a row committed later belongs to the next reading, which looks back from that bound at most. The clock alone
// would not do, because the clock that stamps the rows may be behind the database's.
func fresh(pr prepared, pos []value) bounds {
	b := bounds{upper: pr.newest}
	c := pr.p.stream.Cursor
	switch {
	case pos == nil:
	case pr.p.time >= 0:
		b.lower, b.inclusive = []value{pr.form.back(pos[0], c.lookback())}, true
	default:
		b.lower, b.inclusive = []value{backID(pos[0], c.overlap())}, true
	}
	return b
}

// settle ends a reading: the open bound goes from the checkpoint, which is delivered without records.
func (r *reader) settle(p *plan, before streamState, last []value) error {
	now := newStreamState(p, last, nil)
	cp, err := r.st.with(p.stream.Name, now).encode()
	if err != nil {
		return err
	}
	old, err := r.st.with(p.stream.Name, before).encode()
	if err != nil {
		return err
	}
	moved := string(old.Data) != string(cp.Data) || r.st.Streams[p.stream.Name].Upper != nil
	r.st = r.st.with(p.stream.Name, now)
	if moved && !r.yield(connectors.Batch{Stream: p.stream.Name, Resume: cp}) {
		return errStopped
	}
	return nil
}

func (r *reader) readWindow(ctx context.Context, pr prepared, own streamState, pos []value) error {
	if own.Done {
		return nil
	}
	to := pr.form.value(r.window.to)
	b := bounds{lower: pos, upper: &to, below: pr.form.exact(r.window.to)}
	if pos == nil {
		b.lower, b.inclusive = []value{pr.form.value(r.window.from)}, true
	}
	last, err := r.pages(ctx, pr.p, b, pos)
	if err != nil {
		return err
	}
	end := newStreamState(pr.p, last, nil)
	end.Done = true
	return r.mark(pr.p.stream.Name, end, nil)
}

// skipped says that a window cannot be cut from a stream.
func (r *reader) skipped(s Stream) error {
	if r.st.Streams[s.Name].Done {
		return nil
	}
	return r.mark(s.Name, streamState{By: cursorNames(s), Done: true},
		[]connectors.Note{{Rule: "no_time_cursor", Message: "stream " + s.Name + " has no time column and is not part of a backfill window"}})
}

func (r *reader) mark(stream string, s streamState, notes []connectors.Note) error {
	r.st = r.st.with(stream, s)
	cp, err := r.st.encode()
	if err != nil {
		return err
	}
	if !r.yield(connectors.Batch{Stream: stream, Resume: cp, Notes: notes}) {
		return errStopped
	}
	return nil
}

// prepare looks at the stream in the database: its columns, the form of its times, the clock.
func (r *reader) prepare(ctx context.Context, s Stream) (prepared, error) {
	var pr prepared
	err := r.statement(ctx, r.s.cfg.StatementTimeout, func(ctx context.Context, c *sql.Conn, tx *sql.Tx, _ *time.Timer) error {
		var err error
		if pr.p, err = newPlan(ctx, r.s.d, s, tx); err != nil {
			return err
		}
		if pr.form, err = pr.p.timeForm(ctx, tx, r.s.env.Zone); err != nil {
			return err
		}
		if r.s.d.note != nil {
			if pr.note, err = r.s.d.note(ctx, c, len(s.Tables)); err != nil {
				return err
			}
		}
		if pr.now, err = clock(ctx, r.s.d, tx); err != nil || s.Cursor == nil {
			return err
		}
		// The clock is the database's: ours may be wrong, and theirs is nearer to what stamped the rows.
		var bound *value
		if pr.p.time >= 0 {
			v := pr.form.value(pr.now.Add(-s.Cursor.lag()))
			bound = &v
		}
		pr.newest, err = pr.p.newest(ctx, c, tx, bound)
		return err
	})
	if err == nil && pr.note != "" && !r.noted {
		r.noted = true
		cp, cerr := r.st.encode()
		if cerr != nil {
			return pr, cerr
		}
		if !r.yield(connectors.Batch{Stream: s.Name, Resume: cp, Notes: []connectors.Note{{Rule: "no_snapshot", Message: pr.note}}}) {
			return pr, errStopped
		}
	}
	return pr, err
}

// statement runs f in a read-only transaction of its own, under the statement timeout, and tries again after a
// transient error. f must start from nothing at every call. It may stop the timer while it waits for the consumer.
func (r *reader) statement(ctx context.Context, timeout time.Duration, f func(context.Context, *sql.Conn, *sql.Tx, *time.Timer) error) error {
	for try := 0; ; try++ {
		err := r.attempt(ctx, timeout, f)
		if err == nil || ctx.Err() != nil || try >= r.s.cfg.Retries || !r.s.judge(err).transient {
			if ctx.Err() != nil && err != nil && !errors.Is(err, errStopped) {
				return ctx.Err()
			}
			return err
		}
		wait := min(r.s.cfg.RetryWait<<min(try, 10), maxRetryWait)
		t := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

func (r *reader) attempt(ctx context.Context, timeout time.Duration, f func(context.Context, *sql.Conn, *sql.Tx, *time.Timer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The server has the same limit; ours has some seconds more and also ends a connection that went dead.
	watch := time.AfterFunc(r.s.cfg.ConnectTimeout+timeout+2*time.Second, func() { cancel(errTimeout) })
	defer watch.Stop()
	err := r.transaction(ctx, timeout, watch, f)
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return errTimeout
	}
	return err
}

func (r *reader) transaction(ctx context.Context, timeout time.Duration, watch *time.Timer, f func(context.Context, *sql.Conn, *sql.Tx, *time.Timer) error) error {
	c, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	tx, err := c.BeginTx(ctx, &r.s.d.readOnly)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written: there is nothing to commit
	for _, q := range r.s.d.setup(timeout) {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return f(ctx, c, tx, watch)
}
