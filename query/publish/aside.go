package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// job is a file that is built aside: a first one of a scope, or a clean one in place of one that is worn. It is filled from
// a generation of the base that is leased meanwhile, so that it is consistent, and takes no part in publications until it
// is finished. The next round then brings it up to date with the changes since, as it does with every file.
type job struct {
	shelf *shelf
	base  *generation
	lease *Lease
	path  string
}

// baseUsable reports whether files can be built from the published base.
func (p *Publisher) baseUsable() bool { return p.shelves[0].current != nil && !p.shelves[0].stale }

// startAside begins to build the next file that is due, one at a time.
func (p *Publisher) startAside(ctx context.Context, running *sync.WaitGroup) {
	p.work.Lock()
	defer p.work.Unlock()
	if p.asideOf != nil || !p.baseUsable() {
		return
	}
	now := p.opts.Now()
	for _, s := range p.shelves {
		if !s.needs(now, p.opts.ScrubAfter) || now.Before(s.notBefore) {
			continue
		}
		base := p.shelves[0]
		err := p.checkSpace()
		var lease *Lease
		if err == nil {
			lease, err = acquire(base.folder)
		}
		if err != nil {
			s.fail(err, now)
			p.noteScopes()
			p.log.Warn("a file cannot be built aside yet", "scope", s.scope.String(), "error", err)
			continue
		}
		s.building = filepath.Join(s.folder, fmt.Sprintf("%s%d.duckdb", cleanPrefix, p.number))
		j := job{shelf: s, base: base.current, lease: lease, path: s.building}
		p.asideOf = s
		p.noteScopes()
		running.Go(func() { p.runAside(ctx, j) })
		return
	}
}

func (p *Publisher) runAside(ctx context.Context, j job) {
	// As Run does: the thread keeps its low priority and ends with the goroutine.
	runtime.LockOSThread()
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness); err != nil {
		p.log.Debug("building aside runs at the priority of the process", "error", err)
	}
	started := time.Now()
	p.log.Info("building a file aside", "scope", j.shelf.scope.String(), "generation", j.base.m.Generation)
	g, err := p.buildClean(ctx, j)
	err = errors.Join(err, j.lease.Close())
	p.work.Lock()
	defer p.work.Unlock()
	s := j.shelf
	p.asideOf, s.building = nil, ""
	switch {
	case err == nil:
		s.clean = g
		p.log.Info("a clean file was built aside", "scope", s.scope.String(), "generation", g.m.Generation, "rows", g.m.Rows, "seconds", int(time.Since(started).Seconds()))
	default:
		err = errors.Join(err, os.RemoveAll(j.path))
		if ctx.Err() == nil {
			s.fail(err, p.opts.Now())
			p.log.Error("a file could not be built aside; the scope keeps its generation", "scope", s.scope.String(), "error", err)
		}
	}
	p.noteScopes()
	p.Notify()
}

// buildClean fills a new file of a scope from a generation of the base.
func (p *Publisher) buildClean(ctx context.Context, j job) (g *generation, err error) {
	if err := os.RemoveAll(j.path); err != nil {
		return nil, err
	}
	now := p.opts.Now()
	r := &round{p: p, number: j.base.m.Generation, at: now.UTC(), works: []*work{{}}, levels: j.base.levels}
	r.set.To = j.base.m.Position
	if r.eng, err = openEngine(ctx, p.opts.MemoryLimit, p.opts.Threads, p.temp()+asideSuffix); err != nil {
		return nil, err
	}
	r.eng.log = p.log
	w := &work{path: j.path, fresh: true}
	for _, step := range []func() error{
		func() error { return r.eng.attachRead(ctx, j.lease.Path, "b") },
		func() error { return r.stageLevels(ctx) },
		func() error { return r.wideOrgs(ctx) },
		func() error { return r.eng.attach(ctx, w.path, "w") },
		func() error { return r.rebuild(ctx, j.shelf, "b") },
		func() error { return r.finish(ctx, j.shelf, w, "w", "", "", false, now) },
	} {
		if err = step(); err != nil {
			break
		}
	}
	if err = errors.Join(err, r.eng.close()); err != nil {
		return nil, fmt.Errorf("building %s aside: %w", j.shelf.scope, diskError(err))
	}
	g = &generation{m: r.built[0].m, path: j.path, levels: j.base.levels}
	f, err := os.Open(j.path)
	if err != nil {
		return nil, err
	}
	g.tree, _, err = hashFile(ctx, f, nil)
	return g, errors.Join(err, f.Close())
}
