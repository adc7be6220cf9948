package publish

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"onegrid/internal/faultpoint"
	"onegrid/query"
)

// round makes the next generation of every shelf and publishes them: first all files are finished, then the manifests
// follow one another without pause.
func (p *Publisher) round(ctx context.Context, now time.Time, again bool) (*round, error) {
	r := &round{p: p, number: p.number + 1, at: now.UTC(), today: today(now), works: make([]*work, len(p.shelves))}
	defer func() {
		for _, w := range r.works {
			w.close()
		}
	}()
	if err := r.takeWorks(ctx, again); err != nil {
		return nil, err
	}
	var err error
	if r.eng, err = openEngine(ctx, p.opts.MemoryLimit, p.opts.Threads, p.temp()); err != nil {
		return nil, err
	}
	r.eng.log = p.log
	err = r.build(ctx, now)
	if err = errors.Join(err, r.eng.close()); err != nil {
		return nil, err
	}
	hashing := time.Now()
	if err := r.hash(ctx); err != nil {
		return nil, err
	}
	p.log.Debug("hashed the next generation", "ms", time.Since(hashing).Milliseconds(), "mb", r.hashed>>20)
	return r, r.publish(ctx)
}

func (r *round) build(ctx context.Context, now time.Time) error {
	if err := faultpoint.Hit("publish.stage"); err != nil {
		return err
	}
	base := r.works[0]
	if base.fresh {
		if err := r.fillBase(ctx); err != nil {
			return err
		}
	} else {
		if err := r.stage(ctx); err != nil {
			return err
		}
		if err := r.updateBase(ctx); err != nil {
			return r.p.doubtBase(ctx, err)
		}
	}
	if err := faultpoint.Hit("publish.base"); err != nil {
		return err
	}
	if err := r.decideLevels(ctx); err != nil {
		return err
	}
	if err := r.stageLevels(ctx); err != nil {
		return err
	}
	if err := r.wideOrgs(ctx); err != nil {
		return err
	}
	if !base.fresh {
		if err := r.stageMasked(ctx); err != nil {
			return err
		}
	}
	for i, s := range r.p.shelves {
		if i == 0 || r.works[i] == nil {
			continue
		}
		if err := r.buildShelf(ctx, s, r.works[i], now); err != nil {
			if err := r.isolate(ctx, i, err); err != nil {
				return fmt.Errorf("publishing %s: %w", s.scope, err)
			}
			continue
		}
		if err := faultpoint.Hit("publish.scope"); err != nil {
			return err
		}
	}
	before := "memory.old_base"
	if base.fresh {
		before = ""
	} else if err := r.eng.exec(ctx, "CREATE TABLE memory.old_base AS SELECT incident_id, incident_role FROM memory.hit"); err != nil {
		return err
	}
	residue := base.dirty
	if !base.fresh {
		n, err := r.eng.int(ctx, "SELECT count(*) FROM memory.hit h SEMI JOIN memory.gone g ON g.event_id = h.event_id")
		if err != nil {
			return err
		}
		residue = residue || n > 0
	}
	return r.finish(ctx, r.p.shelves[0], base, "b", before, "memory.delta", residue, now)
}

func (r *round) wideOrgs(ctx context.Context) error {
	if err := r.eng.exec(ctx, "CREATE TABLE memory.wide_org (org_code VARCHAR)"); err != nil {
		return err
	}
	if orgs := wideOrgs(r.p.opts.Catalog); len(orgs) > 0 {
		return r.eng.exec(ctx, "INSERT INTO memory.wide_org SELECT unnest(["+textList(orgs)[1:len(textList(orgs))-1]+"])")
	}
	return nil
}

func (r *round) buildShelf(ctx context.Context, s *shelf, w *work, now time.Time) error {
	if err := r.eng.attach(ctx, w.path, "w"); err != nil {
		return err
	}
	residue := w.dirty
	before, after := "", ""
	switch {
	case w.fresh:
		if err := r.rebuild(ctx, s, "b"); err != nil {
			return err
		}
	default:
		left, err := r.updateMasked(ctx, s)
		if err != nil {
			return err
		}
		residue = residue || left
		before, after = "memory.old", "memory.rows"
	}
	return r.finish(ctx, s, w, "w", before, after, residue, now)
}

// finish writes the small tables of a file, its log, and what its manifest says.
func (r *round) finish(ctx context.Context, s *shelf, w *work, db, before, after string, residue bool, now time.Time) error {
	b := &built{shelf: s, work: w, m: &Manifest{Format: manifestFormat, Scope: s.scope, Generation: r.number, Published: r.at, Position: r.set.To,
		Rules: r.p.rules, Catalog: r.p.opts.Catalog.Digest(), File: fmt.Sprintf("gen-%d.duckdb", r.number), Leaves: fmt.Sprintf("gen-%d.leaves", r.number)}}
	if !w.fresh {
		b.m.Appended = w.appended + r.set.Events
	}
	if residue {
		since := r.at
		if !w.rebuilt && s.current != nil && s.current.m.ResidueSince != nil {
			since = *s.current.m.ResidueSince
		}
		b.m.ResidueSince = &since
	}
	if err := r.incidents(ctx, db, before, after); err != nil {
		return fmt.Errorf("writing the incidents: %w", err)
	}
	if w.fresh || w.scrub || w.catalog != b.m.Catalog {
		if err := r.eng.writeReference(ctx, db, reference(r.p.opts.Catalog, s.masked(), s.county())); err != nil {
			return err
		}
	}
	if err := r.sources(ctx, b, db); err != nil {
		return err
	}
	if w.fresh || w.scrub {
		if err := r.compat(ctx, db); err != nil {
			return err
		}
	}
	if err := r.describe(ctx, b, db); err != nil {
		return err
	}
	if err := r.eng.conn.QueryRowContext(ctx, "SELECT version()").Scan(&b.m.Engine); err != nil {
		return err
	}
	if err := r.eng.settle(ctx, db); err != nil {
		return err
	}
	r.built = append(r.built, b)
	return nil
}

// hash hashes the finished files, which nobody writes any more, and makes them durable.
func (r *round) hash(ctx context.Context) error {
	return r.each(func(b *built) error {
		f, err := os.Open(b.work.path)
		if err != nil {
			return err
		}
		var read int
		b.tree, read, err = hashFile(ctx, f, b.work.tree)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("hashing the snapshot of %s: %w", b.shelf.scope, diskError(err))
		}
		b.m.SHA256, b.m.Size = b.tree.root(), b.tree.size
		r.hashed += int64(read) * blockLeaf
		return ctx.Err()
	})
}

// publish gives the files their names and replaces the manifests. A reader that finds the old manifest finds the old
// file, which stays. What fails for one scope leaves that scope as it is.
func (r *round) publish(ctx context.Context) error {
	if err := r.each(func(b *built) error {
		if err := os.Chmod(b.work.path, 0o444); err != nil {
			return err
		}
		if err := os.Rename(b.work.path, filepath.Join(b.shelf.folder, b.m.File)); err != nil {
			return err
		}
		b.work.close() // readers may lease it as soon as the manifest names it
		return diskError(saveLeaves(b.shelf.folder, b.m.Leaves, b.tree))
	}); err != nil {
		return err
	}
	for _, b := range r.built {
		if err := faultpoint.Hit("publish.manifest"); err != nil {
			return err
		}
		if err := r.announce(ctx, b); err != nil {
			if b.shelf == r.p.shelves[0] {
				return err
			}
			r.drop(slices.Index(r.p.shelves, b.shelf), err)
			continue
		}
		r.published++
	}
	r.p.levels, r.p.levelsDay = r.levels, r.today
	for _, s := range r.p.shelves {
		if err := s.sweep(); err != nil {
			r.p.log.Warn("an old generation could not be removed yet", "scope", s.scope.String(), "error", err)
		}
	}
	return faultpoint.Hit("publish.done")
}

// announce replaces the manifest of a finished file.
func (r *round) announce(ctx context.Context, b *built) error {
	if rec := r.p.opts.Record; rec != nil && !b.shelf.hidden {
		if err := rec.Record(ctx, b.m); err != nil {
			return fmt.Errorf("recording the generation of %s: %w", b.shelf.scope, err)
		}
	}
	data, err := marshal(b.m)
	if err != nil {
		return err
	}
	if err := writeAtomic(b.shelf.folder, manifestName, data, 0o444); err != nil {
		// It may be in place and only its durability in doubt: then readers have it already.
		if m, rerr := readManifest(b.shelf.folder); rerr != nil || m.Generation != b.m.Generation {
			return diskError(fmt.Errorf("writing the manifest of %s: %w", b.shelf.scope, err))
		}
	}
	if err := b.shelf.retire(b.work.fresh || b.work.scrub || b.work.rebuilt); err != nil {
		r.p.log.Warn("an old generation could not be removed yet", "scope", b.shelf.scope.String(), "error", err)
	}
	s := b.shelf
	s.current = &generation{m: b.m, path: filepath.Join(s.folder, b.m.File), tree: b.tree, levels: r.levels}
	s.stale, s.failure, s.failures, s.notBefore = false, nil, 0, time.Time{}
	r.p.number = r.number
	return nil
}

// sourceRow is a row of the table freshness.
type sourceRow struct {
	source string
	read   sql.NullTime
	newest sql.NullTime
	events int64
}

func (s sourceRow) freshness() query.Freshness {
	return query.Freshness{Source: s.source, LastRead: s.read.Time.UTC(), Newest: s.newest.Time.UTC(), Events: s.events}
}
