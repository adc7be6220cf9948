package connectors

import (
	"errors"
	"fmt"
	"time"
)

// Sentinels that the hub acts upon; wrap them with Error or %w.
var (
	// ErrAuth means the upstream refused the credentials: the breaker opens at once, so that no account is locked.
	ErrAuth = errors.New("credentials refused")
	// ErrThrottled means the upstream asked to slow down.
	ErrThrottled = errors.New("throttled by the upstream")
	// ErrUnavailable means the upstream could not be reached or answered with a server error after all retries.
	ErrUnavailable = errors.New("upstream unavailable")
	// ErrDecode means the upstream's answer could not be read at all; it is never retried within a run.
	ErrDecode = errors.New("answer not readable")
	// ErrLimit means a size limit was met (page, record, unpacked archive).
	ErrLimit = errors.New("size limit met")
	// ErrCheckpoint means the stored checkpoint does not fit this source any more.
	ErrCheckpoint = errors.New("checkpoint not usable")
	// ErrDrift means the pages of one reading contradict each other; the run ends without moving the resume point.
	ErrDrift = errors.New("upstream changed while it was read")
)

// Error says what failed, where, and what a person can do about it. Messages carry no record values and no secrets.
type Error struct {
	Op     string // "GET /requests", "SELECT to_rec", "reading drop/a.csv"
	Source string
	Err    error
	Hint   string
	HintZH string
	// RetryAfter is the wait that the upstream asked for, already capped; zero if none.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	s := e.Op
	if e.Source != "" {
		s = e.Source + ": " + s
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
