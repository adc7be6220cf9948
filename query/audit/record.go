package audit

import "time"

// Kind says what a record is about.
type Kind string

const (
	// KindOpen begins every file and every run of the writing process. Running lists the queries that were running when
	// a file was rotated.
	KindOpen Kind = "open"
	// KindStart and KindEnd are the two records of a query.
	KindStart Kind = "start"
	KindEnd   Kind = "end"
	// KindUnpaired ends a query whose process died: nothing is known of what it answered.
	KindUnpaired Kind = "unpaired"
	// KindRepaired says that the file ended in the middle of a line, which a crash does, and that the rest was cut off.
	KindRepaired Kind = "repaired"
	// KindDamaged says that the writer found the chain broken when it opened the log and went on behind the break.
	KindDamaged Kind = "damaged"
	// KindClose is the last record of a process that ended in order.
	KindClose Kind = "close"

	KindLogin       Kind = "login"
	KindLoginDenied Kind = "login_denied"
	KindLogout      Kind = "logout"
	KindRefused     Kind = "refused" // a request that was refused before it became a query
	KindUser        Kind = "user"    // a user was added, changed, disabled; a token issued, revoked
	KindExport      Kind = "export"
	KindPublish     Kind = "publish"
	KindReview      Kind = "review" // a person's decision on a link or a reject
	KindRead        Kind = "read"   // the audit log itself was read
	// KindUnreadable stands for a note that another process left and that cannot be read.
	KindUnreadable Kind = "unreadable"
)

// Record is one line. Its members are written in this order, without white space, and the empty ones are left out.
// Hash is over the line as it is written, without the member "hash" (see Verify).
type Record struct {
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"` // UTC
	Kind Kind      `json:"kind"`

	QueryID string `json:"query_id,omitempty"` // UUIDv7
	User    string `json:"user,omitempty"`
	Role    string `json:"role,omitempty"`
	Org     string `json:"org,omitempty"`
	Scope   string `json:"scope,omitempty"`
	Token   string `json:"token,omitempty"` // id of the service token, never the token
	Surface string `json:"surface,omitempty"`
	Client  string `json:"client,omitempty"`  // what the client says of itself
	Address string `json:"address,omitempty"` // of the client

	SQLSHA256 string `json:"sql_sha256,omitempty"` // of the original text
	SQL       string `json:"sql,omitempty"`        // literals redacted
	SQLBytes  int    `json:"sql_bytes,omitempty"`
	Params    int    `json:"params,omitempty"` // how many were bound; never their values
	Explain   bool   `json:"explain,omitempty"`

	Decision   string   `json:"decision,omitempty"` // "allowed", "denied", "" when the gate was not reached
	Rule       string   `json:"rule,omitempty"`
	Tables     []string `json:"tables,omitempty"`
	Functions  []string `json:"functions,omitempty"`
	Generation int64    `json:"generation,omitempty"`
	Rows       int64    `json:"rows,omitempty"`
	Bytes      int64    `json:"bytes,omitempty"`
	Ms         float64  `json:"ms,omitempty"`
	PeakRSS    int64    `json:"peak_rss,omitempty"`
	Truncated  bool     `json:"truncated,omitempty"`
	Class      string   `json:"class,omitempty"` // "ok" or a query.Code

	By      string   `json:"by,omitempty"`      // who did it, when that is not User
	Action  string   `json:"action,omitempty"`  // of a user, export, publish or review record
	Reason  string   `json:"reason,omitempty"`  // short and fixed, no text of a user
	Count   int64    `json:"count,omitempty"`   // this record stands for so many like it
	Running []string `json:"running,omitempty"` // of an open record
	Alg     string   `json:"alg,omitempty"`     // of an open record: "sha256" or "hmac-sha256"
	Spooled string   `json:"spooled,omitempty"` // when a record came from another process: its own time, RFC 3339

	Prev string `json:"prev"` // hash of the record before, 64 zeros for the very first
	Hash string `json:"hash"`
}

// Query is what is known before a query runs.
type Query struct {
	ID      string
	User    string
	Role    string
	Org     string
	Scope   string
	Token   string
	Surface string
	Client  string
	Address string

	SQLSHA256 string
	SQL       string // redacted
	SQLBytes  int
	Params    int
	Explain   bool
}

// Outcome is what is known after it.
type Outcome struct {
	ID         string
	User       string
	Decision   string
	Rule       string
	Tables     []string
	Functions  []string
	Generation int64
	Rows       int64
	Bytes      int64
	Elapsed    time.Duration
	PeakRSS    int64
	Truncated  bool
	Class      string // "ok" or a query.Code
	Reason     string
}

// Note is every other record.
type Note struct {
	Kind    Kind
	User    string
	By      string
	Role    string
	Org     string
	Scope   string
	Token   string
	Surface string
	Client  string
	Address string
	QueryID string

	SQLSHA256 string
	SQL       string // redacted
	SQLBytes  int

	Action     string
	Class      string
	Reason     string
	Generation int64
	Rows       int64
	Bytes      int64
	Count      int64
}

func (q Query) record() Record {
	return Record{
		Kind: KindStart, QueryID: q.ID, User: q.User, Role: q.Role, Org: q.Org, Scope: q.Scope, Token: q.Token,
		Surface: q.Surface, Client: q.Client, Address: q.Address, SQLSHA256: q.SQLSHA256, SQL: q.SQL, SQLBytes: q.SQLBytes,
		Params: q.Params, Explain: q.Explain,
	}
}

func (o Outcome) record() Record {
	return Record{
		Kind: KindEnd, QueryID: o.ID, User: o.User, Decision: o.Decision, Rule: o.Rule, Tables: o.Tables, Functions: o.Functions,
		Generation: o.Generation, Rows: o.Rows, Bytes: o.Bytes, Ms: float64(o.Elapsed.Microseconds()) / 1000, PeakRSS: o.PeakRSS,
		Truncated: o.Truncated, Class: o.Class, Reason: o.Reason,
	}
}

func (n Note) record() Record {
	return Record{
		Kind: n.Kind, User: n.User, By: n.By, Role: n.Role, Org: n.Org, Scope: n.Scope, Token: n.Token, Surface: n.Surface,
		Client: n.Client, Address: n.Address, QueryID: n.QueryID, SQLSHA256: n.SQLSHA256, SQL: n.SQL, SQLBytes: n.SQLBytes,
		Action: n.Action, Class: n.Class, Reason: n.Reason, Generation: n.Generation, Rows: n.Rows, Bytes: n.Bytes, Count: n.Count,
	}
}
