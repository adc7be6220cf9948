package front

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/identity"
	"onegrid/query/worker"
)

// Answer is what workers give: an answer that can also pass its Arrow IPC stream on without decoding it.
type Answer interface {
	query.Answer
	io.WriterTo
}

// Workers answer statements of a scope from its current generation; Pool makes one of a *worker.Pool.
type Workers interface {
	Run(ctx context.Context, scope query.Scope, st worker.Statement) (Answer, worker.Report, error)
	Describe(ctx context.Context, scope query.Scope, st worker.Statement) (query.Shape, worker.Report, error)
}

// Auditor keeps the pairs of records; *audit.Log is one.
type Auditor interface {
	// Start returns once the record is durable; on an error the query does not run.
	Start(ctx context.Context, q audit.Query) error
	End(o audit.Outcome) error
}

// Record is the audit log as a front needs it; *audit.Log is one.
type Record interface {
	Auditor
	identity.Recorder
}

// Deps are what a front works with.
type Deps struct {
	Workers Workers
	Audit   Record
	// Redact replaces the literals of any text, SQL or not, for the audit: redact.SQL of query/gate/redact.
	Redact func(sql string) string
	// Valid reports whether a principal still is what it was when it logged in: identity.Directory.Valid.
	Valid func(ctx context.Context, who query.Principal) error
	// Questions are the statements that a viewer may ask.
	Questions []Question
	Log       *slog.Logger
}

// Front implements query.Runner. It is safe for concurrent use.
type Front struct {
	cfg   Config
	deps  Deps
	turns *turnstile
	fixed map[string]bool
	known tables
}

// New returns a front; an error names what is missing or wrong.
func New(cfg Config, deps Deps) (*Front, error) {
	if deps.Workers == nil || deps.Audit == nil || deps.Redact == nil || deps.Valid == nil || deps.Log == nil {
		return nil, errors.New("making the query front: workers, audit, redaction, validity and logger are all needed")
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("making the query front: %w", err)
	}
	f := &Front{cfg: cfg, deps: deps, turns: newTurnstile(cfg), fixed: map[string]bool{}, known: tables{seen: map[query.Scope]described{}}}
	for _, q := range deps.Questions {
		f.fixed[same(q.SQL)] = true
	}
	return f, nil
}

var _ query.Runner = (*Front)(nil)

// Questions are the statements that are shipped with names.
func (f *Front) Questions() []Question { return f.deps.Questions }

// Run answers a question; see query.Runner. The answer also implements io.WriterTo, which writes its Arrow IPC stream.
// Whatever happens, the audit log holds a record of the end for every record of a start, unless the process dies.
func (f *Front) Run(ctx context.Context, who query.Principal, req query.Request) (answer query.Answer, err error) {
	if req.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, errInternal(err)
		}
		req.ID = id.String()
	}
	if err := f.welcome(ctx, who, req); err != nil {
		return nil, err
	}
	if err := f.limit(ctx, who, req); err != nil {
		return nil, err
	}
	began := time.Now()
	// No query runs unless its record is on the disk.
	if err := f.deps.Audit.Start(ctx, f.started(who, req)); err != nil {
		if ctx.Err() != nil && !errors.Is(err, audit.ErrWrite) {
			return nil, asError(errGone(), req.ID)
		}
		f.deps.Log.Error("a query was refused: the audit log cannot be written", "query", req.ID, "error", err)
		return nil, asError(errAudit(err), req.ID)
	}
	end := &ending{front: f, id: req.ID, user: who.User, began: began}
	defer func() {
		if p := recover(); p != nil {
			// The value may hold anything, also of a row: its type must do (invariant 4).
			err = asError(errInternal(fmt.Errorf("panic of type %T", p)), req.ID)
			f.deps.Log.Error("a query ended in a panic", "query", req.ID, "type", fmt.Sprintf("%T", p))
		}
		if err != nil {
			answer = nil
			end.finish(query.Stats{}, err)
		}
	}()
	if err := f.may(ctx, who, req); err != nil {
		return nil, asError(err, req.ID)
	}
	b := f.cfg.bounds(who.Role, req)
	leave, err := f.turns.enter(ctx, who.User, b.timeout)
	if err != nil {
		return nil, asError(err, req.ID)
	}
	end.leave = leave
	left := max(time.Millisecond, b.timeout-time.Since(began))
	inner, report, err := f.deps.Workers.Run(ctx, who.Scope, worker.Statement{
		SQL: req.SQL, Params: req.Params, Explain: req.Explain, MaxRows: b.rows, MaxBytes: b.bytes, Timeout: left,
	})
	end.report = report
	if err != nil {
		e := asError(err, req.ID)
		if e.Code == query.Internal {
			f.deps.Log.Error("a query failed inside", "query", req.ID, "error", e.Cause)
		}
		return nil, e
	}
	a := &running{Answer: inner, front: f, who: who, req: req, bounds: b, end: end}
	// A door that is gone without closing must leave neither a running statement nor an open record.
	a.stop = context.AfterFunc(ctx, func() { _ = a.Close() })
	return a, nil
}

// Describe tells what a statement takes and gives, without running it. It leaves a record only if it is refused.
func (f *Front) Describe(ctx context.Context, who query.Principal, req query.Request) (shape query.Shape, err error) {
	if req.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return query.Shape{}, errInternal(err)
		}
		req.ID = id.String()
	}
	if err := f.welcome(ctx, who, req); err != nil {
		return query.Shape{}, err
	}
	var report worker.Report
	err = f.may(ctx, who, req)
	if err == nil {
		shape, report, err = f.describe(ctx, who, req)
	}
	if err == nil {
		return shape, nil
	}
	e := asError(err, req.ID)
	n := f.refusal(who, req, string(e.Code), firstOf(report.Rule, e.Rule))
	n.SQL, n.SQLSHA256, n.SQLBytes = f.text(req.SQL)
	if aerr := f.deps.Audit.Note(ctx, n); aerr != nil {
		return query.Shape{}, asError(errAudit(aerr), req.ID)
	}
	return query.Shape{}, e
}

func (f *Front) describe(ctx context.Context, who query.Principal, req query.Request) (query.Shape, worker.Report, error) {
	b := f.cfg.bounds(who.Role, req)
	leave, err := f.turns.enter(ctx, who.User, b.timeout)
	if err != nil {
		return query.Shape{}, worker.Report{}, err
	}
	defer leave()
	return f.deps.Workers.Describe(ctx, who.Scope, worker.Statement{SQL: req.SQL, Params: req.Params, MaxRows: b.rows, MaxBytes: b.bytes, Timeout: b.timeout})
}

// welcome asks whether this principal may ask anything now; a refusal is recorded without becoming a query.
func (f *Front) welcome(ctx context.Context, who query.Principal, req query.Request) error {
	if err := f.deps.Valid(ctx, who); err != nil {
		e := asError(err, req.ID)
		if aerr := f.deps.Audit.Note(ctx, f.refusal(who, req, string(e.Code), "principal")); aerr != nil {
			return asError(errAudit(aerr), req.ID)
		}
		return e
	}
	return nil
}

// limit takes one statement from the principal's bucket. Describe takes none: clients of the PostgreSQL protocol describe
// every statement before they run it, and their places bound it anyway.
func (f *Front) limit(ctx context.Context, who query.Principal, req query.Request) error {
	ok, report := f.turns.admit(who.User)
	if ok {
		return nil
	}
	if report > 0 {
		n := f.refusal(who, req, string(query.RateLimited), "rate")
		n.Count = report
		if aerr := f.deps.Audit.Note(ctx, n); aerr != nil {
			return asError(errAudit(aerr), req.ID)
		}
	}
	return asError(errRate(), req.ID)
}

// may decides what does not need the text to be understood. The tier is decided again here, whoever made the principal.
func (f *Front) may(ctx context.Context, who query.Principal, req query.Request) error {
	tier, ok := identity.TierOf(who.Role)
	switch {
	case !ok:
		return errRole(who.Role)
	case who.Scope.Area == "" || who.Scope.Tier == "":
		return errScope(who.Org)
	case who.Scope.Tier != query.Masked && who.Scope.Tier != tier:
		return errTier()
	case len(req.SQL) > f.cfg.SQLBytes:
		return errLong(f.cfg.SQLBytes)
	case len(req.Params) > f.cfg.Params:
		return errParams(f.cfg.Params)
	case who.Role == query.Viewer && ctx.Value(ownStatement{}) == nil && !f.fixed[same(req.SQL)]:
		return errViewer()
	}
	return nil
}

// text is what the audit keeps of a statement: one that is too long is not read, only counted.
func (f *Front) text(sql string) (redacted, sum string, bytes int) {
	h := sha256.Sum256([]byte(sql))
	if len(sql) <= f.cfg.SQLBytes {
		redacted = f.deps.Redact(sql)
	}
	return redacted, hex.EncodeToString(h[:]), len(sql)
}

func (f *Front) started(who query.Principal, req query.Request) audit.Query {
	client, address := split(req.Client)
	q := audit.Query{
		ID: req.ID, User: who.User, Role: string(who.Role), Org: who.Org, Token: who.Token, Surface: string(req.Surface),
		Client: client, Address: address, Params: len(req.Params), Explain: req.Explain,
	}
	if who.Scope != (query.Scope{}) {
		q.Scope = who.Scope.String()
	}
	q.SQL, q.SQLSHA256, q.SQLBytes = f.text(req.SQL)
	return q
}

func (f *Front) refusal(who query.Principal, req query.Request, class, rule string) audit.Note {
	client, address := split(req.Client)
	return audit.Note{
		Kind: audit.KindRefused, QueryID: req.ID, User: who.User, Role: string(who.Role), Org: who.Org, Token: who.Token,
		Surface: string(req.Surface), Client: client, Address: address, Class: class, Reason: rule,
	}
}

// split takes the address off a client's description "name host:port".
func split(client string) (name, address string) {
	i := strings.LastIndexByte(client, ' ')
	if _, _, err := net.SplitHostPort(client[i+1:]); err == nil {
		return strings.TrimSpace(client[:max(i, 0)]), client[i+1:]
	}
	return client, ""
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
