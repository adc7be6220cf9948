package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/worker"
)

// ending writes the second record of a query, once, and frees its place.
type ending struct {
	front  *Front
	id     string
	user   string
	began  time.Time
	report worker.Report
	leave  func()
	once   sync.Once
}

// finish records the end; cause is nil for an answer that was read to its end.
func (e *ending) finish(s query.Stats, cause error) {
	e.once.Do(func() {
		if e.leave != nil {
			defer e.leave()
		}
		o := audit.Outcome{
			ID: e.id, User: e.user, Rule: e.report.Rule, Tables: e.report.Tables, Functions: e.report.Functions,
			Generation: e.report.Generation.Number, Rows: s.Rows, Bytes: s.Bytes, Elapsed: time.Since(e.began), PeakRSS: s.PeakRSS,
			Truncated: s.Truncated, Class: "ok",
		}
		if e.report.Decided {
			o.Decision = "denied"
			if e.report.Allowed {
				o.Decision = "allowed"
			}
		}
		var qe *query.Error
		switch {
		case errors.As(cause, &qe):
			o.Class, o.Rule = string(qe.Code), firstOf(o.Rule, qe.Rule)
		case cause != nil:
			o.Class = string(query.Internal)
		}
		if err := e.front.deps.Audit.End(o); err != nil {
			// It is kept and written later; until then the log refuses every start.
			e.front.deps.Log.Error("the end of a query could not be recorded yet", "query", e.id, "error", err)
		}
	})
}

// running is an answer on its way through the front.
type running struct {
	Answer // of the worker
	front  *Front
	who    query.Principal
	req    query.Request
	bounds bounds
	end    *ending
	stop   func() bool

	mu       sync.Mutex // held while a batch is read: Close ends the statement first and then waits for it
	rows     int64
	bytes    int64
	exported bool
	over     error // what every further Next returns
	closing  atomic.Bool
	closed   sync.Once
}

// Next returns the next batch. The first rows beyond what everybody gets leave only after a record of the export.
func (r *running) Next() (rec arrow.RecordBatch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over != nil {
		return nil, r.over
	}
	defer func() {
		if p := recover(); p != nil {
			rec, err = nil, r.fail(fmt.Errorf("panic of type %T", p))
		}
	}()
	rec, err = r.Answer.Next()
	if errors.Is(err, io.EOF) {
		if r.closing.Load() { // not the end of the rows, but of the reading
			return nil, r.fail(errGone())
		}
		r.over = io.EOF
		r.settle(nil)
		return nil, io.EOF
	}
	if err != nil {
		return nil, r.fail(err)
	}
	r.rows += rec.NumRows()
	for _, c := range rec.Columns() {
		r.bytes += int64(c.Data().SizeInBytes())
	}
	if r.rows > r.front.cfg.Rows || r.bytes > r.front.cfg.Bytes {
		if err := r.export(); err != nil {
			rec.Release()
			return nil, r.fail(err)
		}
	}
	return rec, nil
}

// WriteTo passes the Arrow IPC stream on.
func (r *running) WriteTo(w io.Writer) (n int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over != nil {
		return 0, r.over
	}
	defer func() {
		if p := recover(); p != nil {
			err = r.fail(fmt.Errorf("panic of type %T", p))
		}
	}()
	// Rows are not counted on this way, so an answer that may be an export is recorded as one before it begins.
	if r.bounds.export {
		if err := r.export(); err != nil {
			return 0, r.fail(err)
		}
	}
	n, err = r.Answer.WriteTo(w)
	if err == nil && r.closing.Load() {
		err = errGone()
	}
	if err != nil {
		return n, r.fail(err)
	}
	r.over = io.EOF
	r.settle(nil)
	return n, nil
}

// export records, durably, that an answer goes beyond what everybody gets.
func (r *running) export() error {
	if r.exported {
		return nil
	}
	r.exported = true
	client, address := split(r.req.Client)
	err := r.front.deps.Audit.Note(context.Background(), audit.Note{
		Kind: audit.KindExport, QueryID: r.req.ID, User: r.who.User, Role: string(r.who.Role), Org: r.who.Org, Scope: r.who.Scope.String(),
		Token: r.who.Token, Surface: string(r.req.Surface), Client: client, Address: address, Action: "more than an interactive answer",
		Generation: r.Generation().Number,
	})
	if err != nil {
		return errAudit(err)
	}
	return nil
}

// fail ends the answer with an error for the client.
func (r *running) fail(err error) error {
	var qe *query.Error
	if !errors.As(err, &qe) && r.front != nil {
		r.front.deps.Log.Error("a query failed while its answer was read", "query", r.req.ID, "error", err)
	}
	e := asError(err, r.req.ID)
	r.over = e
	r.settle(e)
	return e
}

// settle ends the worker's part first, so that the figures are final, then records them. mu is held.
func (r *running) settle(cause error) {
	if r.stop != nil {
		r.stop()
	}
	_ = r.Answer.Close() // a worker that cannot end is killed by its pool, which logs it
	r.end.finish(r.Answer.Stats(), cause)
}

// Stats of the answer so far.
func (r *running) Stats() query.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Answer.Stats()
}

// Close ends the statement if it still runs; the record then says cancelled. It is safe to call twice and from another
// goroutine than the reader's.
func (r *running) Close() error {
	var err error
	r.closed.Do(func() {
		r.closing.Store(true)
		err = r.Answer.Close() // also makes a Next that waits return
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.over == nil {
			r.over = asError(errGone(), r.req.ID)
			r.settle(r.over)
		}
	})
	return err
}
