package warehouse

import (
	"context"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
)

// Committer stores a unit: its events, versions, transitions, rejects, tokens, resume point and run row, all in one
// transaction or none of them (invariant 1).
//
// A unit that was read before changes nothing but the resume point and the run row (invariant 2). After an error the
// caller asks State for the truth: ErrFenced means that somebody else moved the resume point; any other error means
// that nothing of the unit is stored, unless it is ErrUnknownOutcome.
type Committer interface {
	Commit(ctx context.Context, u *Unit) (Receipt, error)
}

// Checkpoint is a source's resume point as stored.
type Checkpoint struct {
	Version int
	Data    []byte
}

// State is the latest resume point of a source. Seq counts the units of the source, whatever their point; it is 0 for a
// source that was never read.
type State struct {
	Source string
	Point  string
	Seq    int64
	Resume Checkpoint
	At     time.Time
	RunID  string
}

// Unit is what one transaction stores. Chunks is ranged over once, inside the transaction; Final is called after it is
// exhausted and says where the unit ends.
type Unit struct {
	Source string
	Point  string // which resume point of the source: "" for the running one, else a backfill window
	RunID  string
	No     int
	Base   int64 // State.Seq that the unit builds on
	Chunks iter.Seq2[*Chunk, error]
	Final  func() (Final, error)
}

// Chunk is a part of a unit that fits in memory.
//
// Events holds columns of event.Schema (a subset, in any order) without those that the store sets, with event_id as
// fixed_size_binary[16]. It must have passed pipelines/privacy. ValidFrom and Fingerprint run beside it.
type Chunk struct {
	Events arrow.RecordBatch
	// ValidFrom is the source's clock of each state in microseconds UTC: its update time, else the time of the batch.
	ValidFrom []int64
	// Fingerprint is the keyed hash of each source record as received with the mapping's version; equal means that the
	// record need not be mapped again.
	Fingerprint []uint64
	Tokens      []Token
}

// Token is a keyed, expiring token of a direct identifier; Row is the row of the chunk.
type Token struct {
	Row     int
	Kind    string
	Role    string
	KeyID   string
	Epoch   int32
	Token   []byte
	Expires int32 // date32
}

// Final ends a unit.
type Final struct {
	Resume  Checkpoint
	Read    int64 // records read, rejects included
	Skipped int64 // records recognised as unchanged before mapping
	Rejects []Reject
	Settled []Settled // stored rejects that this unit closes
	Landed  Landed
	ReadAt  time.Time
	Newest  time.Time // newest clock of the source in the unit, for freshness; not stored
	Run     Run
}

// Reject is a rejected record with the place of its sealed original.
type Reject struct {
	event.Reject
	ID      [16]byte // UUIDv5 of source, rule and record: the same bad record is one row however often it is read
	Segment int32    // segment of the landing file
}

// Settled closes a stored reject: what was done about it, by whom and why.
type Settled struct {
	Reject [16]byte
	Action string // replayed, discarded
	Actor  string
	Note   string
}

// Landed names the sealed batch of the unit; empty when landing is off.
type Landed struct {
	Path   string
	SHA256 string
	Rows   int64
	Bytes  int64
}

// Run is the state of the run that the unit belongs to, stored with it.
type Run struct {
	Trigger string // schedule, manual, backfill, missed, rebuild, replay
	Started time.Time
	Status  string // running, ok, failed, stopped
	Mapping string // digest of mapping and lists
	Window  string // backfill window, "" otherwise
}

// Counts says what became of the records of a unit: Read = New + Updated + Unchanged + Stale + Rejected.
type Counts struct {
	Read        int64 `json:"read"`
	New         int64 `json:"new"`
	Updated     int64 `json:"updated"`
	Unchanged   int64 `json:"unchanged"`
	Stale       int64 `json:"stale"`
	Rejected    int64 `json:"rejected"`
	Transitions int64 `json:"transitions"`
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Read += o.Read
	c.New += o.New
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Stale += o.Stale
	c.Rejected += o.Rejected
	c.Transitions += o.Transitions
}

// Balanced reports whether every record read is accounted for (invariant 3).
func (c Counts) Balanced() bool { return c.Read == c.New+c.Updated+c.Unchanged+c.Stale+c.Rejected }

// Receipt is the answer to a stored unit.
type Receipt struct {
	Seq    int64
	Counts Counts
}
