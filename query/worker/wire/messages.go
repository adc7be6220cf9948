package wire

import (
	"time"

	"onegrid/query"
)

// Spec is the first frame that a worker gets: its whole configuration.
type Spec struct {
	Tables, Macros, TableMacros []string // what may be named, as query/gate takes it

	Threads      int
	Memory       int64 // bytes, the engine's
	AddressSpace int64 // bytes, RLIMIT_AS
	Resident     int64 // bytes at which the worker ends itself
	Nice         int
	OwnAccount   bool   // the process runs under an account for workers only
	Zone         string // of times without one, "Asia/Shanghai"

	// Ungated and Raw exist for the tests that show what the sandbox holds without the gate, and without the wrapping
	// into a SELECT. Only tests of the pool can set them.
	Ungated, Raw bool
}

// Hello is a worker's word that it is ready and what protects it.
type Hello struct {
	PID      int
	Engine   string        // version
	Landlock int           // ABI version in force, 0 where the kernel has none
	Seccomp  bool          // system call filter in force
	Checks   int           // self-tests that were refused, as they must be
	Resident int64         // bytes
	Took     time.Duration // from the start of its program
}

// Ask is one statement.
type Ask struct {
	Seq      uint64
	SQL      []byte // as received: JSON strings would repair what the gate must see
	Params   []Param
	Explain  bool
	Describe bool
	MaxRows  int64
	MaxBytes int64
	Deadline time.Duration // from now on
}

// Cancel ends the statement with that number, if it still runs.
type Cancel struct{ Seq uint64 }

// Decision is what the gate said.
type Decision struct {
	Allowed   bool
	Rule      string
	Tables    []string
	Functions []string
	Redacted  string
}

// Columns begins an answer.
type Columns struct{ Columns []query.Column }

// End completes an answer.
type End struct {
	Rows      int64
	Bytes     int64
	Elapsed   time.Duration
	PeakRSS   int64
	Truncated bool
}

// Shape answers an Ask that describes.
type Shape struct {
	Columns []query.Column
	Params  []string
}

// Failed ends an answer. It holds what a client may see, nothing else.
type Failed struct {
	Code         query.Code
	Rule         string
	Message, ZH  string
	Hint, HintZH string
	Pos          int
	Class        string // the engine's class of the error, for our log: "Binder", "Conversion", ...
	Unfit        bool   // the worker must be replaced
	PeakRSS      int64
}

// Err is the failure as the client gets it.
func (f Failed) Err() *query.Error {
	return &query.Error{Code: f.Code, Rule: f.Rule, Message: f.Message, ZH: f.ZH, Hint: f.Hint, HintZH: f.HintZH, Pos: f.Pos}
}

// Failure turns an error into a frame.
func Failure(e *query.Error) Failed {
	return Failed{Code: e.Code, Rule: e.Rule, Message: e.Message, ZH: e.ZH, Hint: e.Hint, HintZH: e.HintZH, Pos: e.Pos}
}
