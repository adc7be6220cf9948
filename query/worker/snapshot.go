package worker

import (
	"context"
	"time"

	"onegrid/query"
)

// Snapshot is one published file and what may be named in it.
type Snapshot struct {
	Generation query.Generation
	Path       string // readable by everybody (0444); its folder need not be
	// Verify checks the file at Path against what was published; it is called once, before the first worker opens it.
	// query/publish.Verifier does so at the cost of what changed since the generation before. Without it
	// Generation.SHA256 must be the SHA-256 of the whole file, hexadecimal.
	Verify func(ctx context.Context) error
	// Names as query/gate takes them: tables and views, scalar macros, table macros.
	Tables, Macros, TableMacros []string
}

// Statement is one question to a scope.
type Statement struct {
	SQL      string
	Params   []query.Param
	Explain  bool          // answer the plan instead of the rows
	MaxRows  int64         // rows of the answer, at least 1
	MaxBytes int64         // Arrow IPC bytes of the answer, at least 1
	Timeout  time.Duration // of the whole answer from the call on, waiting and reading included; 0 takes Config.Timeout
}

// Report is what the audit wants to know besides the answer. It is as complete as the statement came far.
type Report struct {
	Generation query.Generation
	Waited     time.Duration // for a worker
	Decided    bool          // the gate has spoken
	Allowed    bool          // what it said
	Rule       string        // why not
	Tables     []string      // published tables that the text names
	Functions  []string
	Redacted   string // the text without literals
	PeakRSS    int64  // resident bytes of the worker, of a statement that failed; an answer's are in its Stats
}
