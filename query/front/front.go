package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"onegrid/query"
	"onegrid/query/audit"
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

// Auditor keeps the record; *audit.Log is one.
type Auditor interface {
	// Start returns once the record is durable; on an error the query does not run.
	Start(ctx context.Context, q audit.Query) error
	End(o audit.Outcome) error
}

// Deps are what a front works with.
type Deps struct {
	Workers Workers
	Audit   Auditor
	// Redact replaces the literals of any text, SQL or not, for the audit: query/gate/redact.SQL.
	Redact func(sql string) string
	// Valid reports whether a principal still is what it was when it logged in: identity.Directory.Valid.
	Valid func(ctx context.Context, who query.Principal) error
	Log   *slog.Logger
}

// Front implements query.Runner. It is safe for concurrent use.
type Front struct {
	cfg  Config
	deps Deps
}

// New returns a front; an error names what is missing or wrong.
func New(cfg Config, deps Deps) (*Front, error) {
	if deps.Workers == nil || deps.Audit == nil || deps.Redact == nil || deps.Valid == nil || deps.Log == nil {
		return nil, errors.New("making the query front: workers, audit, redaction, validity and logger are all needed")
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("making the query front: %w", err)
	}
	return &Front{cfg: cfg, deps: deps}, nil
}

var _ query.Runner = (*Front)(nil)

// Run answers a question; see query.Runner. The answer also implements io.WriterTo, which writes its Arrow IPC stream.
func (f *Front) Run(ctx context.Context, who query.Principal, req query.Request) (query.Answer, error) {
	return nil, &query.Error{Code: query.Unavailable, Message: "no generation", ZH: "尚无可查询的数据版本"}
}

// Describe tells what a statement takes and gives, without running it.
func (f *Front) Describe(ctx context.Context, who query.Principal, req query.Request) (query.Shape, error) {
	return query.Shape{}, &query.Error{Code: query.Unavailable, Message: "no generation", ZH: "尚无可查询的数据版本"}
}

// pool adapts the concrete answer of a pool.
type pool struct{ p *worker.Pool }

// Pool makes the workers of a pool those of a front.
func Pool(p *worker.Pool) Workers { return pool{p} }

func (p pool) Run(ctx context.Context, scope query.Scope, st worker.Statement) (Answer, worker.Report, error) {
	a, r, err := p.p.Run(ctx, scope, st)
	if err != nil {
		return nil, r, err // a nil *worker.Answer must not become an Answer that is not nil
	}
	return a, r, nil
}

func (p pool) Describe(ctx context.Context, scope query.Scope, st worker.Statement) (query.Shape, worker.Report, error) {
	return p.p.Describe(ctx, scope, st)
}

// Config of a front. The zero value of no field is useful: begin with Defaults.
type Config struct {
	SQLBytes    int           `yaml:"sql_bytes"`    // of one statement
	Rows        int64         `yaml:"rows"`         // of one answer
	Bytes       int64         `yaml:"bytes"`        // Arrow IPC bytes of one answer
	ExportRows  int64         `yaml:"export_rows"`  // with the right to export
	ExportBytes int64         `yaml:"export_bytes"` // with the right to export
	ExportRoles []query.Role  `yaml:"export_roles"` // roles with that right
	Timeout     time.Duration `yaml:"timeout"`      // of one statement, waiting included
	Concurrent  int           `yaml:"concurrent"`   // statements of one user at the same time
	Waiting     int           `yaml:"waiting"`      // further ones of one user that wait in order of arrival
	Rate        float64       `yaml:"rate"`         // statements a second of one user, in the long run
	Burst       int           `yaml:"burst"`        // statements of one user at once
}

// Defaults are the limits of the design: 64 KiB of SQL, 50 k rows or 64 MB, a million rows with the right to export,
// 30 s, two statements at a time for a user.
func Defaults() Config {
	return Config{
		SQLBytes: 64 << 10, Rows: 50_000, Bytes: 64 << 20, ExportRows: 1_000_000, ExportBytes: 1 << 30,
		ExportRoles: []query.Role{query.SensitiveAnalyst, query.Steward},
		Timeout:     30 * time.Second, Concurrent: 2, Waiting: 16, Rate: 20, Burst: 40,
	}
}

// Validate reports every limit that makes no sense.
func (c Config) Validate() error {
	var errs []error
	for key, ok := range map[string]bool{
		"sql_bytes": c.SQLBytes > 0, "rows": c.Rows > 0, "bytes": c.Bytes > 0, "export_rows": c.ExportRows >= c.Rows,
		"export_bytes": c.ExportBytes >= c.Bytes, "timeout": c.Timeout > 0, "concurrent": c.Concurrent > 0,
		"waiting": c.Waiting >= 0, "rate": c.Rate > 0, "burst": c.Burst > 0,
	} {
		if !ok {
			errs = append(errs, fmt.Errorf("query limit %s is missing or too small", key))
		}
	}
	return errors.Join(errs...)
}
