package front

import (
	"context"

	"onegrid/query"
	"onegrid/query/worker"
)

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
