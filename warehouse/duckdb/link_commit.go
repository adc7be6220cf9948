package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/internal/faultpoint"
	"onegrid/warehouse"
)

var _ warehouse.LinkCommitter = (*Store)(nil)

// linkTx is the open transaction of a linkage unit.
type linkTx struct {
	s   *Store
	u   *warehouse.LinkUnit
	seq int64
	now time.Time
	rec warehouse.LinkReceipt
}

// CommitLinks implements warehouse.LinkCommitter: one transaction, fenced by the sequence of runs, on the writer lane.
func (s *Store) CommitLinks(ctx context.Context, u *warehouse.LinkUnit) (warehouse.LinkReceipt, error) {
	none := warehouse.LinkReceipt{}
	release, err := s.takeLane(ctx)
	if err != nil {
		return none, err
	}
	defer release()
	if err := s.checkSpace(); err != nil {
		return none, err
	}
	hard := context.WithoutCancel(ctx)
	before := s.memory
	if u.Whole || s.seen.total > largeStore {
		if err := s.setMemory(hard, lookupMemory); err != nil {
			return none, err
		}
	}
	rec, err := s.commitLinks(ctx, u)
	s.lastUse = time.Now()
	if err != nil {
		return none, s.linkFailure(hard, u, err)
	}
	_ = faultpoint.Hit("link.committed")
	if u.Whole {
		if err := s.setMemory(hard, before); err != nil {
			s.log.Warn("setting the engine's memory limit back", "error", short(err))
		}
	}
	s.checkpointLong(hard)
	return rec, nil
}

// takeLane waits for the writer lane and sees to it that the store is open.
func (s *Store) takeLane(ctx context.Context) (release func(), err error) {
	select {
	case s.lane <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.down != nil || s.writer == nil {
		if err := s.reopen(context.WithoutCancel(ctx)); err != nil {
			<-s.lane
			return nil, err
		}
	}
	return func() { <-s.lane }, nil
}

func (s *Store) commitLinks(ctx context.Context, u *warehouse.LinkUnit) (rec warehouse.LinkReceipt, err error) {
	hard := context.WithoutCancel(ctx)
	if err := s.exec(hard, "BEGIN TRANSACTION"); err != nil {
		return rec, fmt.Errorf("beginning: %w", err)
	}
	open := true
	defer func() {
		if open {
			s.exec(hard, "ROLLBACK")
		}
	}()
	if err := faultpoint.Hit("link.begun"); err != nil {
		return rec, err
	}
	last, err := s.lastChange(hard, changeLink)
	if err != nil {
		return rec, fmt.Errorf("reading where linkage stands: %w", err)
	}
	if last != u.Base {
		return rec, fmt.Errorf("%w: linkage is at %d, unit builds on %d", warehouse.ErrFenced, last, u.Base)
	}
	t := &linkTx{s: s, u: u, seq: last + 1, now: time.Now().UTC()}
	t.rec.Seq = t.seq
	if err := t.take(ctx); err != nil {
		return rec, err
	}
	fin, err := u.Final()
	if err != nil {
		return rec, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{{"the ledger", t.ledger}, {"membership", t.membership}, {"aliases", t.aliases}, {"features", func(ctx context.Context) error { return t.features(ctx, fin.FeaturesFrom) }}} {
		if err := step.do(hard); err != nil {
			return rec, fmt.Errorf("storing %s: %w", step.what, err)
		}
		if err := faultpoint.Hit("link.stored"); err != nil {
			return rec, err
		}
	}
	if err := t.run(hard, fin); err != nil {
		return rec, fmt.Errorf("storing the linkage run: %w", err)
	}
	if err := faultpoint.Hit("link.before"); err != nil {
		return rec, err
	}
	open = false
	if err := s.withMemory(hard, "COMMIT"); err != nil {
		s.exec(hard, "ROLLBACK")
		return rec, commitError{err}
	}
	if t.rec.Joined+t.rec.Left > 0 {
		s.seenLink.Store(t.seq)
	}
	return t.rec, nil
}

// linkFailure is afterFailure for linkage: the sequence of runs says whether the unit is stored.
func (s *Store) linkFailure(ctx context.Context, u *warehouse.LinkUnit, err error) error {
	var ce commitError
	unknown := errors.As(err, &ce)
	if isFatal(err) || s.broken(ctx) {
		s.log.Warn("store handle lost, reopening", "linkage", u.RunID, "error", short(err))
		if rerr := s.reopen(ctx); rerr != nil {
			if unknown {
				return fmt.Errorf("%w: %w: %w", warehouse.ErrUnknownOutcome, rerr, err)
			}
			return errors.Join(rerr, err)
		}
	}
	if unknown {
		last, serr := s.lastChange(ctx, changeLink)
		switch {
		case serr != nil:
			return fmt.Errorf("%w: %w", warehouse.ErrUnknownOutcome, serr)
		case last > u.Base:
			return fmt.Errorf("%w: stored, though the engine reported: %w", warehouse.ErrFenced, err)
		}
	}
	if isDiskFull(err) {
		return fmt.Errorf("%w: %w", warehouse.ErrDiskFull, err)
	}
	return err
}

// take copies the chunks of the unit into temporary tables.
func (t *linkTx) take(ctx context.Context) error {
	hard := context.WithoutCancel(ctx)
	f := &t.s.feeds
	for table, v := range map[string]*feed{"in_link": f.links, "in_member": f.members, "in_feature": f.features, "in_alias": f.aliases} {
		v.drop()
		if err := t.s.exec(hard, "CREATE OR REPLACE TEMP TABLE "+table+" AS SELECT * FROM "+v.view); err != nil {
			return fmt.Errorf("taking the unit: %w", err)
		}
	}
	for c, err := range t.u.Chunks {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.takeChunk(hard, c); err != nil {
			return err
		}
		if err := faultpoint.Hit("link.appended"); err != nil {
			return err
		}
	}
	return nil
}

func (t *linkTx) takeChunk(ctx context.Context, c *warehouse.LinkChunk) error {
	links, err := linkBatch(c.Links)
	if err != nil {
		return err
	}
	defer links.Release()
	members, err := memberBatch(c.Members, c.Singles)
	if err != nil {
		return err
	}
	defer members.Release()
	features, aliases := featureBatch(c.Features), aliasBatch(c.Aliases)
	defer features.Release()
	defer aliases.Release()
	f := &t.s.feeds
	for _, part := range []struct {
		table string
		feed  *feed
		rec   arrow.RecordBatch
	}{{"in_link", f.links, links}, {"in_member", f.members, members}, {"in_feature", f.features, features}, {"in_alias", f.aliases, aliases}} {
		if part.rec.NumRows() == 0 {
			continue
		}
		if err := t.put(ctx, part.table, part.feed, part.rec); err != nil {
			return fmt.Errorf("taking the unit: %w", err)
		}
	}
	return nil
}

func (t *linkTx) put(ctx context.Context, table string, f *feed, rec arrow.RecordBatch) error {
	if err := f.give(rec); err != nil {
		return err
	}
	defer f.drop()
	return t.s.exec(ctx, "INSERT INTO "+table+" SELECT * FROM "+f.view)
}

// count runs a query that answers one number, inside the transaction.
func (t *linkTx) count(ctx context.Context, query string) (int64, error) {
	row, err := queryRow(ctx, t.s.writer, query)
	if err != nil {
		return 0, err
	}
	n, _ := row[0].(int64)
	return n, nil
}

// none refuses the unit when a query counts anything.
func (t *linkTx) none(ctx context.Context, what, query string) error {
	n, err := t.count(ctx, query)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %s: %d", warehouse.ErrLinks, what, n)
	}
	return err
}

// run stores the run row and the number of this transaction.
func (t *linkTx) run(ctx context.Context, fin warehouse.LinkFinal) error {
	u := t.u
	after, err := json.Marshal(u.Position)
	if err != nil {
		return err
	}
	counts := fin.Counts
	if len(counts) == 0 {
		counts = json.RawMessage("{}")
	}
	if !json.Valid(counts) {
		return errors.New("counts of the run are not JSON")
	}
	trigger := "incremental"
	if u.Whole {
		trigger = "rebuild"
	}
	err = t.s.exec(ctx, `INSERT INTO link_run SELECT ?, ?, ?, coalesce((SELECT position_after FROM link_run WHERE link_seq = ?), ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ok'`,
		t.seq, u.RunID, trigger, u.Base, string(after), u.Decision, u.Started.UTC(), t.now, u.Model, u.Spec, string(counts),
		t.rec.Asserted, t.rec.Revoked, t.rec.Joined, t.rec.Left, t.rec.Features)
	if err != nil {
		return err
	}
	return t.s.numberChange(ctx, changeLink, t.seq, t.now)
}

// LinkState implements warehouse.LinkCommitter.
func (s *Store) LinkState(ctx context.Context) (warehouse.LinkState, error) {
	var st warehouse.LinkState
	err := s.read(ctx, func(r *reader) error {
		n, err := r.number(ctx, "SELECT coalesce(max(link_seq), 0) FROM link_run")
		if err != nil || n == 0 {
			return err
		}
		row, err := queryRow(ctx, r.conn, `SELECT position_after, decision_no, run_id, run_trigger, epoch_us(started_at), epoch_us(ended_at), model, spec, counts FROM link_run WHERE link_seq = ?`, n)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(row[0].(string)), &st.Position); err != nil {
			return err
		}
		st.Seq, st.Decision, st.Model, st.Spec = n, row[1].(int64), row[6].(string), row[7].(string)
		st.Last = warehouse.LinkRun{Seq: n, RunID: row[2].(string), Trigger: row[3].(string), Started: time.UnixMicro(row[4].(int64)).UTC(), Ended: time.UnixMicro(row[5].(int64)).UTC(),
			Model: st.Model, Spec: st.Spec, Counts: json.RawMessage(row[8].(string))}
		return nil
	})
	if err != nil {
		return st, fmt.Errorf("reading where linkage stands: %w", err)
	}
	return st, nil
}
