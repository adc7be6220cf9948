package worker

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/query"
)

// Answer is a running result. It is read either with Next, batch by batch, or with WriteTo, which passes the Arrow IPC
// stream on without decoding it. It implements query.Answer and belongs to one goroutine, except for Close.
type Answer struct{}

// Generation is the snapshot that answers.
func (a *Answer) Generation() query.Generation { return query.Generation{} }

// Columns are names and engine types.
func (a *Answer) Columns() []query.Column { return nil }

// Schema is the Arrow schema.
func (a *Answer) Schema() *arrow.Schema { return nil }

// Next returns the next batch, which the caller releases, or io.EOF. Other errors are *query.Error.
func (a *Answer) Next() (arrow.RecordBatch, error) { return nil, io.EOF }

// WriteTo writes the whole Arrow IPC stream, schema and end mark included. It implements io.WriterTo.
func (a *Answer) WriteTo(w io.Writer) (int64, error) { return 0, nil }

// Stats are complete after io.EOF.
func (a *Answer) Stats() query.Stats { return query.Stats{} }

// Close ends the statement if it still runs. It is safe to call twice and from another goroutine.
func (a *Answer) Close() error { return nil }

var _ query.Answer = (*Answer)(nil)
