package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// each does something for every finished file. A scope for which it fails is left out; the base must not fail, since
// every later round starts from it.
func (r *round) each(do func(*built) error) error {
	for _, b := range slices.Clone(r.built) {
		err := do(b)
		if err == nil {
			continue
		}
		if b.shelf == r.p.shelves[0] || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		r.drop(slices.Index(r.p.shelves, b.shelf), err)
		r.built = slices.DeleteFunc(r.built, func(o *built) bool { return o == b })
	}
	return nil
}

// drop leaves a scope out of the round: it keeps the generation that it has. A file that could not be written for want of
// space is not doubted; after any other error the scope is built anew from the base.
func (r *round) drop(i int, err error) {
	s := r.p.shelves[i]
	r.works[i].close()
	r.works[i] = nil
	if !errors.Is(err, ErrDiskFull) {
		s.stale = true
	}
	s.fail(err, r.at)
	r.failed = append(r.failed, fmt.Errorf("%s: %w", s.scope, err))
	r.p.log.Error("a scope could not be published; its generation stays", "scope", s.scope.String(), "failures", s.failures, "error", err)
}

// isolate drops a scope whose file could not be brought up to date and frees the engine for the next one. It returns an
// error when the engine cannot go on: the scope is marked all the same, so that the next round goes without it.
func (r *round) isolate(ctx context.Context, i int, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	r.drop(i, diskError(cause))
	for _, q := range []string{"ROLLBACK", "USE memory", "DETACH w"} {
		_ = r.eng.exec(ctx, q) // each may have nothing to do; what counts is asked below
	}
	if n, err := r.eng.int(ctx, "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'w'"); err != nil || n > 0 {
		return errors.Join(cause, err)
	}
	return nil
}

// doubtBase counts failures to bring the base up to date. The first may be that of a damaged spare, which is not taken again;
// after the second the base itself is built anew from the store.
func (p *Publisher) doubtBase(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrDiskFull) {
		return err
	}
	base := p.shelves[0]
	base.fail(err, p.opts.Now())
	if base.failures > 1 {
		base.stale = true
	}
	return err
}
