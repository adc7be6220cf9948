package engine

import "errors"

var (
	// ErrOpen is a snapshot that the engine cannot open.
	ErrOpen = errors.New("opening the snapshot")
	// ErrLock is a setting that could not be made.
	ErrLock = errors.New("locking the engine")
	// ErrSelfTest is an engine that did what it must refuse.
	ErrSelfTest = errors.New("the locked engine did what it must refuse")
	// ErrStatement is a text that is not exactly one SELECT.
	ErrStatement = errors.New("not exactly one SELECT")
	// ErrParameter is a parameter that cannot be bound.
	ErrParameter = errors.New("parameter cannot be bound")
	// ErrRowTooLong is a single row that does not fit into a message.
	ErrRowTooLong = errors.New("one row is larger than a message can be")
)

// Failure is an error of the engine itself. Its text may hold names and values: it is for query/worker/failure to read,
// never for a log or a client (invariant 4).
type Failure struct{ Text string }

func (f *Failure) Error() string { return "the engine refused" }
