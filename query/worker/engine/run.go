package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2/arrowmapping"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"onegrid/query"
)

// Sink takes an answer as it is made.
type Sink interface {
	// Columns is called once, before the first message.
	Columns([]query.Column) error
	// Message is called with each Arrow IPC message, schema first. It reports false when no more fits; an error of write
	// is returned as it is, and nothing of that message is sent.
	Message(write func(io.Writer) error) (bool, error)
}

// Result is what was sent.
type Result struct {
	Rows      int64
	Truncated bool // there were more rows than the limit, or the sink took no more
}

// interruptEvery repeats an interrupt: the engine clears it between the phases of a statement.
const interruptEvery = 20 * time.Millisecond

// Run executes a statement on a connection of its own and streams the answer. It returns the context's cause when that
// ended it.
func (e *Engine) Run(ctx context.Context, s Statement, zone *time.Location, sink Sink) (Result, error) {
	c, err := e.connect()
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	stop := c.interruptWith(ctx)
	defer stop()
	res, err := c.run(ctx, s, zone, sink)
	if err != nil && ctx.Err() != nil {
		return res, context.Cause(ctx)
	}
	return res, err
}

// interruptWith interrupts the connection from the end of ctx until stop is called, which waits: a late interrupt would
// hit a connection that is gone.
func (c *connection) interruptWith(ctx context.Context) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		again := time.NewTicker(interruptEvery)
		defer again.Stop()
		for {
			mapping.Interrupt(c.c)
			select {
			case <-over:
				return
			case <-again.C:
			}
		}
	}()
	return func() { close(over); <-done }
}

func (c *connection) run(ctx context.Context, s Statement, zone *time.Location, sink Sink) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	p, names, err := c.prepareFor(s)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	if err := p.bind(s.Params, zone); err != nil {
		return Result{}, err
	}
	var pending mapping.PendingResult
	// Streaming keeps the answer out of the worker's memory and its first rows are on their way at once. The C interface
	// calls it deprecated without offering another; the engine's version is pinned.
	state := bindings.PendingPreparedStreaming(p.stmt, &pending)
	defer mapping.DestroyPending(&pending)
	if state == mapping.StateError {
		return Result{}, &Failure{Text: mapping.PendingError(pending)}
	}
	var res mapping.Result
	defer mapping.DestroyResult(&res)
	if mapping.ExecutePending(pending, &res) == mapping.StateError {
		return Result{}, &Failure{Text: mapping.ResultError(&res)}
	}
	opts := arrowmapping.ResultGetArrowOptions(&res)
	defer arrowmapping.DestroyArrowOptions(&opts)
	schema, columns, err := describeResult(opts, &res, names)
	if err != nil {
		return Result{}, err
	}
	if err := sink.Columns(columns); err != nil {
		return Result{}, err
	}
	return stream(ctx, s.MaxRows, opts, &res, schema, sink)
}

func describeResult(opts arrowmapping.ArrowOptions, res *mapping.Result, names []string) (*arrow.Schema, []query.Column, error) {
	n := mapping.ColumnCount(res)
	labels, types, columns := make([]string, n), make([]mapping.LogicalType, n), make([]query.Column, n)
	for i := range n {
		labels[i], types[i] = mapping.ColumnName(res, i), mapping.ColumnLogicalType(res, i)
		if int(i) < len(names) {
			labels[i] = names[i]
		}
		columns[i] = query.Column{Name: labels[i], Type: typeName(types[i])}
	}
	defer func() {
		for i := range types {
			mapping.DestroyLogicalType(&types[i])
		}
	}()
	schema, failed := arrowmapping.NewArrowSchema(opts, types, labels)
	if err := errorOf(failed); err != nil {
		return nil, nil, err
	}
	return schema, columns, nil
}

func errorOf(e mapping.ErrorData) error {
	defer mapping.DestroyErrorData(&e)
	if !mapping.ErrorDataHasError(e) {
		return nil
	}
	return &Failure{Text: mapping.ErrorDataMessage(e)}
}

func stream(ctx context.Context, most int64, opts arrowmapping.ArrowOptions, res *mapping.Result, schema *arrow.Schema, sink Sink) (Result, error) {
	pw := &payloads{sink: sink}
	w := ipc.NewWriterWithPayloadWriter(pw, ipc.WithSchema(schema))
	out, err := fetch(ctx, most, opts, res, schema, w, pw)
	pw.muted = err != nil
	// Closing sends the schema of an answer without rows.
	if closed := w.Close(); err == nil {
		err = closed
	}
	return out, tooLong(err)
}

func fetch(ctx context.Context, most int64, opts arrowmapping.ArrowOptions, res *mapping.Result, schema *arrow.Schema, w *ipc.Writer, pw *payloads) (Result, error) {
	var out Result
	for !out.Truncated {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		chunk := mapping.FetchChunk(*res)
		if chunk.Ptr == nil {
			if msg := mapping.ResultError(res); msg != "" {
				return out, &Failure{Text: msg}
			}
			return out, nil
		}
		rec, failed := arrowmapping.DataChunkToArrowArray(opts, schema, chunk)
		mapping.DestroyDataChunk(&chunk)
		if err := errorOf(failed); err != nil {
			return out, err
		}
		if out.Rows+rec.NumRows() > most {
			out.Truncated = true
			cut := rec.NewSlice(0, most-out.Rows)
			rec.Release()
			rec = cut
		}
		sent, err := writeRecord(w, pw, rec)
		rec.Release()
		out.Rows += sent
		if err != nil {
			return out, err
		}
		out.Truncated = out.Truncated || pw.full
	}
	return out, nil
}

// writeRecord writes a record batch in pieces that fit into messages, and returns the rows that the sink took.
func writeRecord(w *ipc.Writer, pw *payloads, rec arrow.RecordBatch) (int64, error) {
	rows := rec.NumRows()
	var sent int64
	for at := int64(0); at < rows; {
		n := piece(rec, at, messageGoal)
		part := rec.NewSlice(at, at+n)
		err := w.Write(part)
		part.Release()
		if pw.err != nil {
			return sent, pw.err
		}
		if err != nil {
			return sent, fmt.Errorf("encoding rows: %w", err)
		}
		if pw.full {
			return sent, nil
		}
		at += n
		sent += n
	}
	return sent, nil
}
