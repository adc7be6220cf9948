package connectors

import (
	"context"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Source reads one upstream system, oldest change first.
//
// Read yields batches until the upstream has nothing more at the moment, then ends. A yielded error ends the sequence;
// breaking out of the loop must stop the source and release what it holds. Batch.Resume is true once everything up to
// and including that batch is stored; the hub keeps it and hands it back as from, so a Source holds no progress of its own.
// Read must observe ctx at every wait.
type Source interface {
	Read(ctx context.Context, from Checkpoint) iter.Seq2[Batch, error]
}

// Checker is implemented by sources that can reach and log in to the upstream without reading records.
type Checker interface {
	Check(ctx context.Context) error
}

// Discoverer is implemented by sources that can list streams and columns.
type Discoverer interface {
	Discover(ctx context.Context) ([]Stream, error)
}

// Windower is implemented by sources that can re-read a closed window of time, for backfill. The batches of a window
// carry checkpoints that are only valid for resuming the same window.
type Windower interface {
	ReadWindow(ctx context.Context, from, to time.Time, at Checkpoint) iter.Seq2[Batch, error]
}

// Acknowledger is implemented by sources that act after a checkpoint is stored, such as moving a read file away. Ack
// must be safe to repeat: a crash between commit and Ack leads to a second call or to none.
type Acknowledger interface {
	Ack(ctx context.Context, stored Checkpoint) error
}

// Stream describes one table, file pattern or endpoint of a source.
type Stream struct {
	Name    string
	Columns []string
	Note    string // for instance the detected encoding or the row estimate
}

// Batch is a run of records as the source gave them.
//
// Records is source-shaped: every column is a nullable utf8 (arrow string) array that holds the value as received,
// in its canonical text (times RFC 3339 with zone where the source has one, else "2006-01-02 15:04:05.999999"; numbers
// as written or in shortest exact form; booleans true/false; nested values as JSON text; nested JSON objects flattened
// with dots). A missing value is null, an empty text is empty. Columns may differ from batch to batch. The consumer
// releases Records.
type Batch struct {
	Stream  string            // which table, file or endpoint
	Records arrow.RecordBatch // may be nil or empty when only Rejects or Resume are delivered
	Rejects []Reject          // records of this batch that could not be decoded
	Resume  Checkpoint        // true once this batch and all before it are stored
	AsOf    time.Time         // when the source made this statement: file modification time; zero means now
	Origin  string            // what the batch came from, for provenance: file name, URL path without query, table
	Notes   []Note            // findings about the batch as a whole, for the run report
}

// Reject is a record that could not be decoded. Raw goes to the encrypted landing only; Message never quotes values.
type Reject struct {
	Position  string // "line 17", "byte 4711", "row 3 of sheet 1", "item 12"
	Rule      string // stable short code: bad_encoding, bad_row, too_large, ...
	Message   string // for people; no values
	MessageZH string
	Raw       []byte // the bytes as received, at most 64 KiB
}

// Note is a finding about a batch as a whole, such as a changed header.
type Note struct {
	Rule    string `json:"rule"`    // header_drift, page_drift, total_changed, ...
	Message string `json:"message"` // no values
}

// Checkpoint is the resume point of a source. Data is opaque to the hub and JSON by convention; Version is the
// connector's format version, so that a newer connector can read or refuse an older point.
type Checkpoint struct {
	Version int    `json:"v"`
	Data    []byte `json:"data"`
}

// IsZero reports whether the source has never been read.
func (c Checkpoint) IsZero() bool { return c.Version == 0 && len(c.Data) == 0 }
