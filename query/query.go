package query

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Role is what a user is for. Roles do not contain one another.
type Role string

const (
	Viewer           Role = "viewer"            // fixed questions and saved queries only
	Analyst          Role = "analyst"           // own SQL on the masked tier
	SensitiveAnalyst Role = "sensitive-analyst" // own SQL on the sensitive tier
	Steward          Role = "steward"           // masked tier; decides link reviews and rejects
	Auditor          Role = "auditor"           // reads the audit log; cannot query
	Admin            Role = "admin"             // manages users and sees operations; cannot read the sensitive tier
)

// Tier is how much a snapshot shows.
type Tier string

const (
	Masked    Tier = "masked"
	Sensitive Tier = "sensitive"
)

// Scope names a published snapshot: a tier and the area it holds. Area is "city" or a county code of six digits.
type Scope struct {
	Tier Tier   `json:"tier"`
	Area string `json:"area"`
}

// String is the name of the scope's folder: "city_masked", "city_sensitive", "990101_masked".
func (s Scope) String() string { return s.Area + "_" + string(s.Tier) }

// Principal is somebody who proved who they are. Scope follows from role and organisation.
type Principal struct {
	User  string
	Role  Role
	Org   string
	Scope Scope
	Token string // id of the service token used, "" for a password or a session
}

// Surface is the door that a question came through.
type Surface string

const (
	HTTP    Surface = "http"
	PGWire  Surface = "pgwire"
	CLI     Surface = "cli"
	Console Surface = "console"
)

// Param is a bound parameter; it is never spliced into the text. Value is nil, bool, int64, float64, string, []byte,
// time.Time or decimal text with Type set. Type is a DuckDB type name to cast to, "" to leave it to the engine.
type Param struct {
	Value any
	Type  string
}

// Request is one question.
type Request struct {
	ID      string // UUIDv7; the front sets it when empty
	SQL     string
	Params  []Param
	Surface Surface
	Client  string // application name and address, for the audit; never used to decide
	Explain bool   // answer the plan instead of the rows
	// MaxRows, MaxBytes and Timeout lower the limits of the principal's role; 0 leaves them.
	MaxRows  int64
	MaxBytes int64
	Timeout  time.Duration
}

// Freshness says how new a source is in the generation that answered (invariant 9).
type Freshness struct {
	Source   string    `json:"source"`
	LastRead time.Time `json:"last_read"`
	Newest   time.Time `json:"newest"` // newest report in the snapshot
	Events   int64     `json:"events"`
}

// Generation identifies the snapshot that answered.
type Generation struct {
	Scope     Scope       `json:"scope"`
	Number    int64       `json:"number"`
	SHA256    string      `json:"sha256"`
	Published time.Time   `json:"published"`
	Sources   []Freshness `json:"sources"`
}

// Column describes a column of an answer. Type is DuckDB's name of its type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Shape is what a statement takes and gives.
type Shape struct {
	Columns []Column
	Params  []string // DuckDB type names, "" where the engine could not tell
}

// Stats of an answer; complete once Next returned io.EOF.
type Stats struct {
	Rows      int64
	Bytes     int64 // Arrow IPC bytes
	Elapsed   time.Duration
	PeakRSS   int64 // bytes, of the worker
	Truncated bool  // a limit cut the answer
}

// Answer is a running result. It is read to io.EOF or closed early; Close is safe to call twice and cancels what runs.
type Answer interface {
	Generation() Generation
	Columns() []Column
	Schema() *arrow.Schema
	// Next returns the next batch, which the caller releases, or io.EOF. Any other error is an *Error.
	Next() (arrow.RecordBatch, error)
	Stats() Stats
	Close() error
}

// Runner answers questions. Every error is an *Error. Run returns once the first rows are on their way; the context ends
// the statement, not only the waiting.
type Runner interface {
	Run(ctx context.Context, who Principal, req Request) (Answer, error)
	Describe(ctx context.Context, who Principal, req Request) (Shape, error)
}
