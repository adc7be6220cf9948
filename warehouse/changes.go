package warehouse

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Position says what a reader of changes has seen. It is opaque: a reader keeps it as JSON and hands it back. The zero
// Position has seen nothing.
//
// Change numbers the transactions that stored states, Link those that stored links, each from 1 without a gap. Mark is
// drawn anew for each of them, so that a position of a store that was restored, cut or replaced since is recognised.
type Position struct {
	Store  string `json:"store"`
	Change int64  `json:"change"`
	Link   int64  `json:"link"`
	Mark   string `json:"mark"`
}

// IsZero reports whether nothing has been seen.
func (p Position) IsZero() bool { return p == Position{} }

// ChangeQuery asks what changed since From.
type ChangeQuery struct {
	From Position
	// Columns of the view event, in the order wanted. Text columns come as utf8, also where event.Schema has a dictionary;
	// event_id and incident_id as fixed_size_binary[16] with the extension arrow.uuid; all others as event.Schema has them.
	Columns []string
	// StatesOnly leaves out events of which only the incident changed: incident linkage does not follow itself.
	StatesOnly bool
}

// ChangeSet says what a reading of changes covered.
type ChangeSet struct {
	To     Position
	Events int64  // events delivered
	Gone   []Gone // events that existed at From and are no more; empty when From is zero
	// Watermarks are those of the same snapshot as the events.
	Watermarks []Watermark
}

// Gone is an event that was removed by retention.
type Gone struct {
	Event [16]byte
	Day   int32 // event_day, days since 1970-01-01
}

// Watermark says how new a source is (invariant 9).
type Watermark struct {
	Source   string    `json:"source"`
	LastRead time.Time `json:"last_read"` // last time at which the source was read, successfully
	Newest   time.Time `json:"newest"`    // newest reported_at ever stored; zero when there is none
	Events   int64     `json:"events"`
	Seq      int64     `json:"seq"` // units committed
}

// ChangeFeed tells what changed.
//
// Changes streams the current state of every event whose state or incident columns changed since q.From: each event
// once, as of one snapshot, in order of event_day and, within a day, in the order in which the states were stored. A zero
// From streams all events. Batches hold at most 65,536 rows and belong to the callee: each must not keep one. An error of each
// ends the reading. ErrPosition means that From is of another store or of a history that this store no longer has: start
// from the zero Position.
//
// A small change is copied before the first batch, so that each may take its time; while a large one is streamed, the
// store cannot write its log into the database.
//
// Poll reports whether Changes with the same query may deliver an event; false is certain. It asks memory, not the
// store. Watermarks move with every reading of a source, also with one that found nothing new.
type ChangeFeed interface {
	Changes(ctx context.Context, q ChangeQuery, each func(arrow.RecordBatch) error) (ChangeSet, error)
	Poll(ctx context.Context, q ChangeQuery) (bool, error)
}

// Freshness tells how new each source is.
type Freshness interface {
	Watermarks(ctx context.Context) ([]Watermark, error)
}
