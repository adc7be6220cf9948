package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/worker/failure"
	"onegrid/query/worker/wire"
)

// conversation is one statement with one worker, from the question to the last frame. It ends exactly once, and then the
// worker is given back or killed. It is for one goroutine, except for cancel.
type conversation struct {
	ctx   context.Context // the caller's
	lane  *lane
	p     *process
	began time.Time
	seq   uint64
	stop  func() bool // ends the watch over the caller's context
	peak  int64       // resident bytes, once known
	bytes int64       // of the answer

	mu        sync.Mutex // guards what follows: timers and cancel run on other goroutines
	over      bool
	asked     bool // to cancel
	overdue   *time.Timer
	cancelled *time.Timer
}

// put sends the question and arms what ends it: the worker keeps the deadline by itself; if it does not, it is killed.
func (c *conversation) put(ask wire.Ask, left time.Duration) {
	c.p.seq++
	c.seq = c.p.seq
	ask.Seq, ask.Deadline = c.seq, max(left, time.Millisecond)
	c.overdue = time.AfterFunc(ask.Deadline+c.lane.cfg.Grace, func() { c.kill(overdue) })
	// A worker that died meanwhile shows when its answer is read.
	_ = c.p.out.Send(wire.KindAsk, ask)
	c.stop = context.AfterFunc(c.ctx, c.cancel)
}

// kill ends the worker if the conversation still runs: it may have gone on to another one.
func (c *conversation) kill(why reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.p.kill(why)
	}
}

// cancel asks the worker to end the statement, and kills it if it has not within the grace.
func (c *conversation) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.asked {
		return
	}
	c.asked = true
	c.cancelled = time.AfterFunc(c.lane.cfg.Grace, func() { c.kill(cancelled) })
	_ = c.p.out.Send(wire.KindCancel, wire.Cancel{Seq: c.seq}) // if it is gone, reading tells
}

// done reports whether the conversation is over.
func (c *conversation) done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// next reads a frame. On any error the conversation is over and the error is for the client.
func (c *conversation) next() (wire.Kind, []byte, error) {
	if c.done() {
		return 0, nil, failure.Cancelled()
	}
	kind, payload, err := c.p.in.Next()
	if err != nil {
		return 0, nil, c.lost(err)
	}
	switch kind {
	case wire.KindData:
		if err := wire.CheckMessage(payload); err != nil {
			return 0, nil, c.lost(err)
		}
		c.bytes += int64(len(payload))
	case wire.KindFailed:
		var f wire.Failed
		if err := wire.Decode(payload, &f); err != nil {
			return 0, nil, c.lost(err)
		}
		c.peak = f.PeakRSS
		e := f.Err()
		if f.Code == query.Cancelled && errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
			e = failure.Timeout()
		}
		if f.Code == query.Internal || f.Unfit {
			e.Cause = fmt.Errorf("worker %d: %s error", c.p.hello.PID, f.Class)
		}
		c.finish(!f.Unfit)
		return 0, nil, e
	}
	return kind, payload, nil
}

// expect reads a frame of one kind into v.
func (c *conversation) expect(kind wire.Kind, v any) error {
	got, payload, err := c.next()
	if err != nil {
		return err
	}
	if got != kind {
		return c.lost(fmt.Errorf("%w: %c instead of %c", wire.ErrFrame, got, kind))
	}
	if err := wire.Decode(payload, v); err != nil {
		return c.lost(err)
	}
	return nil
}

// decision reads what the gate said. A denial is followed by the frame that tells it to the client.
func (c *conversation) decision(r *Report) error {
	if c.lane.base.Ungated {
		return nil
	}
	var d wire.Decision
	if err := c.expect(wire.KindDecision, &d); err != nil {
		return err
	}
	r.Decided, r.Allowed, r.Rule, r.Tables, r.Functions, r.Redacted = true, d.Allowed, d.Rule, d.Tables, d.Functions, d.Redacted
	return nil
}

func (c *conversation) shape(r *Report) (query.Shape, error) {
	if err := c.decision(r); err != nil {
		return query.Shape{}, err
	}
	var s wire.Shape
	if err := c.expect(wire.KindShape, &s); err != nil {
		return query.Shape{}, err
	}
	c.finish(true)
	return query.Shape{Columns: s.Columns, Params: s.Params}, nil
}

// lost ends a conversation whose worker is gone or makes no sense, and tells the client what it was.
func (c *conversation) lost(cause error) *query.Error {
	if c.done() { // the worker is somebody else's by now: what it sent was not right
		return failure.Internal(cause)
	}
	c.p.kill(broken)
	<-c.p.exited
	c.peak = c.p.peak()
	why, starved, how := c.p.reason(), c.p.starved(), c.p.end()
	c.finish(false)
	cause = fmt.Errorf("worker %d: %s: %w", c.p.hello.PID, how, cause)
	var e *query.Error
	switch {
	case why == overdue:
		e = failure.Timeout()
	case why == cancelled:
		e = failure.Cancelled()
	case why == stopping:
		e = unavailable(ErrStopped)
	case starved:
		e = failure.OutOfMemory()
	default:
		e = failure.Internal(nil)
	}
	e.Cause = cause
	return e
}

// finish gives the worker back, once.
func (c *conversation) finish(fit bool) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	c.overdue.Stop()
	if c.cancelled != nil {
		c.cancelled.Stop()
	}
	c.mu.Unlock()
	c.stop()
	c.lane.release(c.p, fit)
}

// drain reads what is left after a cancel.
func (c *conversation) drain() {
	for {
		kind, payload, err := c.next()
		if err != nil {
			return // it is over
		}
		if kind == wire.KindEnd {
			_, _ = c.end(payload)
			return
		}
	}
}

// end reads the last frame of an answer.
func (c *conversation) end(payload []byte) (wire.End, error) {
	var e wire.End
	if err := wire.Decode(payload, &e); err != nil {
		return e, c.lost(err)
	}
	c.peak = e.PeakRSS
	c.finish(true)
	return e, nil
}
