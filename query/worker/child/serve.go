package child

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"onegrid/query"
	"onegrid/query/worker/engine"
	"onegrid/query/worker/failure"
	"onegrid/query/worker/wire"
)

// watchEvery is how often the resident set is compared with its limit while a statement runs.
const watchEvery = 25 * time.Millisecond

var (
	errDeadline  = errors.New("deadline")
	errCancelled = errors.New("cancelled")
)

// frame is what the parent said, or that it is gone.
type frame struct {
	ask    *wire.Ask
	cancel uint64
	code   int // the end of the process
	end    bool
}

// serve answers statements until the parent hangs up. A goroutine reads the socket all the time, so that a cancel and
// the parent's death are seen while a statement runs; the death ends the process at once, in the middle of anything.
func (w *worker) serve() int {
	asks, over := make(chan *wire.Ask), make(chan int, 3)
	r := &running{}
	go func() {
		for {
			f := w.read()
			switch {
			case f.end:
				over <- f.code
				return
			case f.ask != nil:
				asks <- f.ask
			default:
				r.cancel(f.cancel)
			}
		}
	}()
	go func() {
		for a := range asks {
			if err := w.answer(a, r, over); err != nil {
				over <- ExitDone // the parent does not read any more
				return
			}
		}
	}()
	return <-over
}

func (w *worker) read() frame {
	kind, payload, err := w.in.Next()
	if err != nil {
		if errors.Is(err, wire.ErrFrame) || errors.Is(err, wire.ErrTooLong) {
			return frame{end: true, code: ExitProtocol}
		}
		return frame{end: true, code: ExitDone}
	}
	switch kind {
	case wire.KindAsk:
		var a wire.Ask
		if wire.Decode(payload, &a) == nil {
			return frame{ask: &a}
		}
	case wire.KindCancel:
		var c wire.Cancel
		if wire.Decode(payload, &c) == nil {
			return frame{cancel: c.Seq}
		}
	}
	return frame{end: true, code: ExitProtocol}
}

// answer answers one statement. The error is the socket's only.
func (w *worker) answer(a *wire.Ask, r *running, over chan<- int) error {
	began := time.Now()
	ctx, end := r.begin(a.Seq, a.Deadline)
	defer end()
	_ = w.meter.Reset() // a peak of the time before is then shown: a figure, not a limit
	stopWatch := w.watch(over)
	defer stopWatch()

	s, told := w.decide(ctx, a)
	if told != nil {
		return w.fail(*told)
	}
	if a.Describe {
		shape, err := w.engine.Describe(s)
		if err != nil {
			return w.fail(tell(err, s.Text))
		}
		return w.out.Send(wire.KindShape, wire.Shape{Columns: shape.Columns, Params: shape.Params})
	}
	sink := &sink{out: w.out, left: a.MaxBytes}
	res, err := w.engine.Run(ctx, s, w.zone, sink)
	if sink.broken != nil {
		return sink.broken
	}
	if err != nil {
		return w.fail(tell(err, s.Text))
	}
	return w.out.Send(wire.KindEnd, wire.End{Rows: res.Rows, Bytes: sink.sent, Elapsed: time.Since(began), PeakRSS: w.meter.Peak(), Truncated: res.Truncated})
}

// decide asks the gate and sends what it said.
func (w *worker) decide(ctx context.Context, a *wire.Ask) (engine.Statement, *failure.Told) {
	s := engine.Statement{Text: string(a.SQL), MaxRows: a.MaxRows, Explain: a.Explain, Raw: w.spec.Raw}
	for _, p := range a.Params {
		d, err := p.Decode()
		if err != nil {
			return s, &failure.Told{Err: failure.Internal(err), Unfit: true}
		}
		s.Params = append(s.Params, d)
	}
	if w.gate == nil { // only tests of what holds without it
		return s, nil
	}
	v, err := w.gate.Check(ctx, s.Text, w.names)
	if err != nil {
		if ctx.Err() != nil {
			t := tell(context.Cause(ctx), "")
			return s, &t
		}
		return s, &failure.Told{Err: failure.Internal(err), Class: "Gate", Unfit: true}
	}
	d := wire.Decision{Allowed: v.Allowed, Rule: string(v.Rule), Tables: v.Tables, Functions: v.Functions, Redacted: v.Redacted}
	if err := w.out.Send(wire.KindDecision, d); err != nil {
		return s, &failure.Told{Err: failure.Internal(err), Unfit: true}
	}
	if !v.Allowed {
		return s, &failure.Told{Err: v.Err(), Class: "Gate"}
	}
	s.Text = v.Text
	return s, nil
}

// fail sends why there is no answer.
func (w *worker) fail(t failure.Told) error {
	f := wire.Failure(t.Err)
	f.Class, f.Unfit, f.PeakRSS = t.Class, t.Unfit, w.meter.Peak()
	return w.out.Send(wire.KindFailed, f)
}

// tell turns what ended a statement into what the client may know.
func tell(err error, sql string) failure.Told {
	switch {
	case errors.Is(err, errDeadline):
		return failure.Told{Err: failure.Timeout(), Class: "INTERRUPT"}
	case errors.Is(err, errCancelled):
		return failure.Told{Err: failure.Cancelled(), Class: "INTERRUPT"}
	case errors.Is(err, engine.ErrStatement):
		return failure.Told{Err: failure.Statement(), Class: "Parser"}
	case errors.Is(err, engine.ErrParameter):
		return failure.Told{Err: failure.Parameter(strings.TrimPrefix(err.Error(), engine.ErrParameter.Error()+": ")), Class: "Parameter"}
	case errors.Is(err, engine.ErrRowTooLong):
		return failure.Told{Err: failure.RowTooLong(), Class: "Size"}
	}
	if text, ok := engine.IsFailure(err); ok {
		return failure.Tell(text, sql)
	}
	return failure.Told{Err: failure.Internal(err), Class: "Worker", Unfit: true}
}

// watch ends the process when its resident set passes the limit: RLIMIT_AS counts what is reserved, this what is used.
func (w *worker) watch(over chan<- int) (stop func()) {
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				if w.spec.Resident > 0 && w.meter.Resident() > w.spec.Resident {
					over <- ExitMemory
					return
				}
			}
		}
	}()
	return func() { close(done) }
}

// sink sends an answer to the parent.
type sink struct {
	out    *wire.Writer
	left   int64
	sent   int64
	broken error // the socket's
}

var errFull = errors.New("no more fits")

func (s *sink) Columns(c []query.Column) error {
	s.broken = s.out.Send(wire.KindColumns, wire.Columns{Columns: c})
	return s.broken
}

func (s *sink) Message(write func(io.Writer) error) (bool, error) {
	var size int64
	var refused error
	err := s.out.Write(wire.KindData, func(out io.Writer) error {
		c := counter{w: out}
		if refused = write(&c); refused != nil {
			return refused
		}
		size = c.n
		if s.sent > 0 && s.sent+size > s.left { // the schema always fits
			refused = errFull
		}
		return refused
	})
	switch {
	case errors.Is(err, errFull):
		return false, nil
	case refused != nil:
		return false, refused
	case err != nil:
		s.broken = err
		return false, err
	}
	s.sent += size
	return true, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
