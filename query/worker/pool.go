package worker

import (
	"context"
	"log/slog"

	"onegrid/query"
)

// Pool runs statements in workers, several scopes at a time. It is a service: see internal/service.
type Pool struct {
	cfg Config
	log *slog.Logger
}

// NewPool checks the configuration.
func NewPool(cfg Config, log *slog.Logger) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Pool{cfg: cfg, log: log}, nil
}

// Start makes the pool take statements. Workers start when they are needed.
func (p *Pool) Start(ctx context.Context) error { return nil }

// Stop refuses new statements, lets running ones finish until ctx ends, then kills every worker.
func (p *Pool) Stop(ctx context.Context) error { return nil }

// Use makes s the generation of its scope for statements that begin from now on. It checks the file against its hash
// first and returns ErrAltered, changing nothing, when it differs. Older generations are released as they drain.
func (p *Pool) Use(ctx context.Context, s Snapshot) error { return nil }

// Retire ends a scope; its generation is released once it has drained.
func (p *Pool) Retire(scope query.Scope) {}

// Generation is the generation that a statement would be answered from now.
func (p *Pool) Generation(scope query.Scope) (query.Generation, bool) {
	return query.Generation{}, false
}

// Run answers a statement; it returns once the answer's columns are known. The error is a *query.Error. The context
// ends the statement, not only the waiting.
func (p *Pool) Run(ctx context.Context, scope query.Scope, st Statement) (*Answer, Report, error) {
	return nil, Report{}, &query.Error{Code: query.Unavailable, Message: "no generation", ZH: "尚无可查询的数据版本"}
}

// Describe tells columns and parameters of a statement without running it. The error is a *query.Error.
func (p *Pool) Describe(ctx context.Context, scope query.Scope, st Statement) (query.Shape, Report, error) {
	return query.Shape{}, Report{}, &query.Error{Code: query.Unavailable, Message: "no generation", ZH: "尚无可查询的数据版本"}
}
