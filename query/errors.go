package query

import "fmt"

// Code is the class of a refusal or failure; each has one SQLSTATE and one HTTP status.
type Code string

const (
	Denied          Code = "denied"          // the gate: outside the allow-list
	Syntax          Code = "syntax"          // not SQL, or not one statement
	Invalid         Code = "invalid"         // names, types or parameters do not fit
	Unauthenticated Code = "unauthenticated" // no or wrong proof
	Forbidden       Code = "forbidden"       // this role may not
	RateLimited     Code = "rate_limited"    // too many questions or attempts
	Busy            Code = "busy"            // the queue is full
	TooLarge        Code = "too_large"       // SQL text, rows or bytes over the limit
	Timeout         Code = "timeout"         // over the time limit; it was ended
	Cancelled       Code = "cancelled"       // by the client
	OutOfMemory     Code = "out_of_memory"   // over the worker's memory; it was ended or refused
	Unsupported     Code = "unsupported"     // a feature that this surface does not have
	Unavailable     Code = "unavailable"     // no generation yet, no worker, audit cannot be written
	Internal        Code = "internal"        // a fault of ours
)

// Error is every error that a client sees. It holds no value of a row and no name outside the published catalog.
type Error struct {
	Code    Code
	Rule    string // which rule of the gate, "" otherwise: "function", "table", "node", ...
	Message string
	ZH      string // the message in Chinese
	Hint    string
	HintZH  string
	QueryID string
	Pos     int   // 1-based character position in the SQL text, 0 unknown
	Cause   error // for our log, never sent to a client
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return fmt.Sprintf("%s. Try: %s", e.Message, e.Hint)
}

func (e *Error) Unwrap() error { return e.Cause }

// SQLState is the PostgreSQL error code (PostgreSQL 16, appendix A).
func (e *Error) SQLState() string {
	switch e.Code {
	case Denied, Forbidden:
		return "42501"
	case Syntax:
		return "42601"
	case Invalid:
		return "42P02"
	case Unauthenticated:
		return "28P01"
	case RateLimited, Busy:
		return "53400"
	case TooLarge:
		return "54000"
	case Timeout, Cancelled:
		return "57014"
	case OutOfMemory:
		return "53200"
	case Unsupported:
		return "0A000"
	case Unavailable:
		return "57P03"
	default:
		return "XX000"
	}
}

// HTTPStatus is the status code of an HTTP answer.
func (e *Error) HTTPStatus() int {
	switch e.Code {
	case Denied, Forbidden:
		return 403
	case Syntax, Invalid, Unsupported:
		return 400
	case Unauthenticated:
		return 401
	case RateLimited:
		return 429
	case TooLarge:
		return 413
	case Timeout:
		return 408
	case Cancelled:
		return 499
	case OutOfMemory:
		return 422
	case Busy, Unavailable:
		return 503
	default:
		return 500
	}
}
