package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"onegrid/query"
	"onegrid/query/worker/failure"
	"onegrid/query/worker/wire"
)

// Answer is a running result. It is read either with Next, batch by batch, or with WriteTo, which passes the Arrow IPC
// stream on without decoding it. It implements query.Answer and belongs to one goroutine, except for Close.
//
// The parent holds one message at a time; a reader that is slow makes the worker wait, until the statement's deadline.
type Answer struct {
	generation query.Generation
	columns    []query.Column
	schema     *arrow.Schema
	head       []byte // the schema message
	ahead      []byte // the first message with rows, copied

	mu     sync.Mutex // held while a frame is read
	c      *conversation
	stats  query.Stats
	ended  bool // End was read
	failed error
	rows   *ipc.Reader
	part   []byte // what Read has not handed out yet

	closed bool

	closing sync.Once
}

var _ query.Answer = (*Answer)(nil)

// newAnswer reads until the first rows, so that what fails before them fails here.
func newAnswer(c *conversation, r *Report) (*Answer, error) {
	a := &Answer{generation: r.Generation, c: c}
	if err := c.decision(r); err != nil {
		return nil, err
	}
	var cols wire.Columns
	if err := c.expect(wire.KindColumns, &cols); err != nil {
		return nil, err
	}
	a.columns = cols.Columns
	head, err := a.frame()
	if err != nil {
		return nil, err
	}
	a.head = bytes.Clone(head)
	if a.schema, err = readSchema(a.head); err != nil {
		return nil, c.lost(err)
	}
	first, err := a.frame()
	if err != nil && err != io.EOF {
		return nil, err
	}
	a.ahead = bytes.Clone(first)
	return a, nil
}

func readSchema(head []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(head))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMessage, err)
	}
	defer r.Release()
	return r.Schema(), nil
}

// frame returns the next Arrow message, valid until the next call, or io.EOF after the last. The lock is held, or the
// answer is not yet anybody's.
func (a *Answer) frame() ([]byte, error) {
	switch {
	case a.failed != nil:
		return nil, a.failed
	case a.ended:
		return nil, io.EOF
	}
	kind, payload, err := a.c.next()
	if err == nil && kind != wire.KindData && kind != wire.KindEnd {
		err = a.c.lost(fmt.Errorf("%w: %c within an answer", wire.ErrFrame, kind))
	}
	if err == nil && kind == wire.KindEnd {
		var e wire.End
		if e, err = a.c.end(payload); err == nil {
			a.ended = true
			a.stats = query.Stats{Rows: e.Rows, Bytes: a.c.bytes, Elapsed: time.Since(a.c.began), PeakRSS: e.PeakRSS, Truncated: e.Truncated}
			return nil, io.EOF
		}
	}
	if err != nil {
		a.failed = err
		a.stats = query.Stats{Bytes: a.c.bytes, Elapsed: time.Since(a.c.began), PeakRSS: a.c.peak}
		return nil, err
	}
	return payload, nil
}

// message is frame with what was read ahead.
func (a *Answer) message() ([]byte, error) {
	if a.ahead != nil {
		b := a.ahead
		a.ahead = nil
		return b, nil
	}
	return a.frame()
}

// Generation is the snapshot that answers.
func (a *Answer) Generation() query.Generation { return a.generation }

// Columns are names and engine types.
func (a *Answer) Columns() []query.Column { return a.columns }

// Schema is the Arrow schema.
func (a *Answer) Schema() *arrow.Schema { return a.schema }

// Next returns the next batch, which the caller releases, or io.EOF. Other errors are *query.Error.
func (a *Answer) Next() (batch arrow.RecordBatch, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { // a worker in wrong hands can send arrays that do not hold together
		if p := recover(); p != nil {
			a.failed = a.c.lost(fmt.Errorf("%w: %v", wire.ErrMessage, p))
			batch, err = nil, a.failed
		}
	}()
	switch {
	case a.failed != nil:
		return nil, a.failed
	case a.closed:
		return nil, io.EOF
	}
	if a.rows == nil {
		stream := io.MultiReader(bytes.NewReader(a.head), (*frames)(a))
		// Messages are bounded by their frames, which are checked; these limits say it once more.
		m := ipc.NewMessageReader(stream, ipc.WithBodySizeLimit(wire.MaxData), ipc.WithMetadataSizeLimit(wire.MaxData))
		if a.rows, err = ipc.NewReaderFromMessageReader(m); err != nil {
			if a.failed == nil {
				a.failed = a.c.lost(err)
			}
			return nil, a.failed
		}
	}
	if a.rows.Next() {
		b := a.rows.RecordBatch()
		b.Retain()
		return b, nil
	}
	switch err := a.rows.Err(); {
	case a.failed != nil:
		return nil, a.failed
	case err != nil && !errors.Is(err, io.EOF):
		a.failed = a.c.lost(err)
		return nil, a.failed
	}
	return nil, io.EOF
}

// frames is the messages of an answer as one stream.
type frames Answer

func (f *frames) Read(p []byte) (int, error) {
	a := (*Answer)(f)
	for len(a.part) == 0 {
		var err error
		if a.part, err = a.message(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.part)
	a.part = a.part[n:]
	return n, nil
}

// WriteTo writes the whole Arrow IPC stream, schema and end mark included. An error of the answer is a *query.Error, and
// the stream then has no end mark; an error of w is w's. It implements io.WriterTo.
func (a *Answer) WriteTo(w io.Writer) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var total int64
	write := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	if a.failed != nil {
		return 0, a.failed
	}
	if err := write(a.head); err != nil {
		return total, err
	}
	for {
		b, err := a.message()
		if err == io.EOF {
			return total, write(wire.EndOfStream())
		}
		if err != nil {
			return total, err
		}
		if err := write(b); err != nil {
			return total, err
		}
	}
}

// Stats are complete after io.EOF.
func (a *Answer) Stats() query.Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

// Close ends the statement if it still runs, and waits until the worker is free again or gone: no longer than the grace.
// It is safe to call twice and from another goroutine; a Next that waits then returns an error.
func (a *Answer) Close() error {
	a.closing.Do(func() {
		a.c.cancel()
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.c.done() {
			a.c.drain()
		}
		a.closed = true
		if a.failed == nil && !a.ended {
			a.failed = failure.Cancelled()
			a.stats = query.Stats{Bytes: a.c.bytes, Elapsed: time.Since(a.c.began), PeakRSS: a.c.peak}
		}
		if a.rows != nil {
			a.rows.Release()
			a.rows = nil
		}
	})
	return nil
}
