package audit

import "errors"

var (
	// ErrLocked means that another process writes this log.
	ErrLocked = errors.New("another process writes this audit log")
	// ErrClosed means that the log was closed.
	ErrClosed = errors.New("the audit log is closed")
	// ErrWrite means that a record could not be made durable; whatever depends upon it must not happen.
	ErrWrite = errors.New("the audit log cannot be written")
	// ErrKey means that the key does not fit: too short, missing for a log that has one, or readable by others.
	ErrKey = errors.New("audit key")
)
