package surface

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/publish"
	"onegrid/query/worker"
)

// followEvery is how often the manifests are looked at. A look is one small file per scope.
const followEvery = 500 * time.Millisecond

// follower hands every new generation of the published scopes to the pool, and gives its lease back once no worker reads
// its file any more.
type follower struct {
	dir    string
	scopes []query.Scope
	pool   *worker.Pool
	log    *slog.Logger

	mu     sync.Mutex
	check  *publish.Verifier
	leases map[held]*publish.Lease
	seen   map[query.Scope]int64
	failed map[query.Scope]string // last error told, so that it is told once
}

type held struct {
	scope  query.Scope
	number int64
}

func newFollower(dir string, scopes []query.Scope, log *slog.Logger) *follower {
	return &follower{dir: dir, scopes: scopes, log: log, check: publish.NewVerifier(), leases: map[held]*publish.Lease{}, seen: map[query.Scope]int64{}, failed: map[query.Scope]string{}}
}

// released is worker.Config.Released.
func (f *follower) released(g query.Generation) {
	f.mu.Lock()
	k := held{g.Scope, g.Number}
	l := f.leases[k]
	delete(f.leases, k)
	f.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

// run follows until ctx ends. It is ready after its first look, also when nothing is published yet.
func (f *follower) run(ctx context.Context, ready func()) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		f.look(ctx)
		ready()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes up what is new in every scope. A scope that fails keeps the generation that it has.
func (f *follower) look(ctx context.Context) {
	for _, s := range f.scopes {
		err := f.take(ctx, s)
		said := ""
		if err != nil && !errors.Is(err, publish.ErrNone) && ctx.Err() == nil {
			said = err.Error()
		}
		if said != "" && said != f.failed[s] {
			f.log.Error("a published generation could not be taken up; the one before stays", "scope", s.String(), "error", err)
		}
		f.failed[s] = said
	}
}

func (f *follower) take(ctx context.Context, s query.Scope) error {
	m, err := publish.ReadManifest(f.dir, s)
	if err != nil || m.Generation == f.seen[s] {
		return err
	}
	l, err := publish.Acquire(f.dir, s)
	if err != nil {
		return err
	}
	g := l.Manifest.Answering()
	k := held{s, g.Number}
	f.mu.Lock()
	f.leases[k] = l
	f.mu.Unlock()
	if err := f.pool.Use(ctx, f.snapshot(l)); err != nil {
		f.released(g)
		return err
	}
	f.seen[s] = g.Number
	return nil
}

// close gives back every lease, after the pool has stopped.
func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, l := range f.leases {
		l.Close()
		delete(f.leases, k)
	}
}

// snapshot tells a worker what of a file may be named: the published tables and what PostgreSQL clients browse by.
func (f *follower) snapshot(l *publish.Lease) worker.Snapshot {
	return worker.Snapshot{Generation: l.Manifest.Answering(), Path: l.Path, Tables: append(slices.Clone(l.Manifest.Tables), l.Manifest.System...), Macros: l.Manifest.Macros,
		Verify: func(ctx context.Context) error { return f.check.Verify(ctx, l.Path, l.Manifest) }}
}
