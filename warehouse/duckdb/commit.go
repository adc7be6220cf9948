package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

	"onegrid/internal/faultpoint"
	"onegrid/warehouse"
)

// tx is the one open transaction of the writer lane.
type tx struct {
	s      *Store
	arrow  *duckdb.Arrow
	seq    int64
	unit   *warehouse.Unit
	counts warehouse.Counts
	now    time.Time
	change int64     // number of this transaction among those that store states
	newest time.Time // newest reported_at of the states stored
	moved  bool      // whether anything that an event shows has changed
	side   side      // narrow rows, written at the end

	deciding, inserting time.Duration // spent on chunks, for the debug log
}

// Commit stores a unit in one transaction (invariant 1). It waits for the writer lane, so that two units never overlap,
// and reads the outcome back when the engine reports an error.
//
// Cancelling ctx is honoured until the transaction begins and between chunks; once the last chunk is in, the commit is
// finished (invariant 6).
func (s *Store) Commit(ctx context.Context, u *warehouse.Unit) (warehouse.Receipt, error) {
	release, err := s.takeLane(ctx)
	if err != nil {
		return warehouse.Receipt{}, err
	}
	defer release()
	if err := s.checkSpace(); err != nil {
		return warehouse.Receipt{}, err
	}
	s.lastUse = time.Now()
	rec, landed, err := s.commit(ctx, u)
	s.lastUse = time.Now()
	if err != nil {
		return warehouse.Receipt{}, s.afterFailure(context.WithoutCancel(ctx), u, err)
	}
	_ = faultpoint.Hit("commit.committed")
	// The witness is written after the commit is durable and before anybody is told: a store that is behind it has lost
	// an acknowledged commit.
	if err := s.witness.append(entry{Source: u.Source, Seq: rec.Seq, Run: u.RunID, Unit: u.No, Landed: landed.Path, SHA256: landed.SHA256, At: time.Now().UTC()}); err != nil {
		s.log.Error("witness not written", "source", u.Source, "seq", rec.Seq, "error", err)
	}
	_ = faultpoint.Hit("commit.witnessed")
	s.checkpointLong(context.WithoutCancel(ctx))
	return rec, nil
}

// maxLog is the size of the log at which a commit is followed by a checkpoint.
const maxLog = 192 << 20

// checkpointLong writes a long log into the database after a commit. A failure leaves the log, which is no failure of
// the commit. The caller holds the lane.
func (s *Store) checkpointLong(ctx context.Context) {
	if s.Sizes().Log > maxLog {
		if err := s.checkpoint(ctx); err != nil {
			s.log.Warn("the log could not be written into the database", "error", short(err))
			if isFatal(err) || s.broken(ctx) {
				if err := s.reopen(ctx); err != nil {
					s.log.Error("store is down until the next commit", "error", short(err))
				}
			}
		}
	}
}

func (s *Store) commit(ctx context.Context, u *warehouse.Unit) (rec warehouse.Receipt, landed warehouse.Landed, err error) {
	hard := context.WithoutCancel(ctx)
	ar, err := duckdb.NewArrowFromConn(s.writer)
	if err != nil {
		return rec, landed, err
	}
	if err := s.exec(hard, "BEGIN TRANSACTION"); err != nil {
		return rec, landed, fmt.Errorf("beginning: %w", err)
	}
	open := true
	defer func() {
		if open {
			s.exec(hard, "ROLLBACK")
		}
	}()
	if err := faultpoint.Hit("commit.begun"); err != nil {
		return rec, landed, err
	}
	// Fencing: the unit builds on Base or nothing is stored.
	latest, err := s.latestSeq(hard, u.Source)
	if err != nil {
		return rec, landed, fmt.Errorf("reading the resume point: %w", err)
	}
	if latest != u.Base {
		return rec, landed, fmt.Errorf("%w: at %d, unit builds on %d", warehouse.ErrFenced, latest, u.Base)
	}
	last, err := s.lastChange(hard, changeState)
	if err != nil {
		return rec, landed, fmt.Errorf("numbering the change: %w", err)
	}
	t := &tx{s: s, arrow: ar, seq: latest + 1, unit: u, now: time.Now().UTC(), change: last + 1}
	for c, err := range u.Chunks {
		if err != nil {
			return rec, landed, err
		}
		if err := ctx.Err(); err != nil {
			return rec, landed, err
		}
		if err := t.append(hard, c); err != nil {
			return rec, landed, err
		}
		if err := faultpoint.Hit("commit.appended"); err != nil {
			return rec, landed, err
		}
	}
	fin, err := u.Final()
	if err != nil {
		return rec, landed, err
	}
	if err := t.finish(hard, fin); err != nil {
		return rec, landed, err
	}
	if err := faultpoint.Hit("commit.before"); err != nil {
		return rec, landed, err
	}
	open = false
	began := time.Now()
	if err := s.withMemory(hard, "COMMIT"); err != nil {
		s.exec(hard, "ROLLBACK")
		return rec, landed, commitError{err}
	}
	if t.moved {
		s.seenChange.Store(t.change)
	}
	s.log.Debug("unit stored", "source", u.Source, "seq", t.seq, "records", t.counts.Read, "decide_ms", t.deciding.Milliseconds(), "insert_ms", t.inserting.Milliseconds(),
		"commit_ms", time.Since(began).Milliseconds(), "log_bytes", s.Sizes().Log)
	return warehouse.Receipt{Seq: t.seq, Counts: t.counts}, fin.Landed, nil
}

// commitError marks an error of COMMIT itself: the outcome is unknown until it is read back.
type commitError struct{ error }

func (e commitError) Unwrap() error { return e.error }

// afterFailure classifies an error and, where the engine or COMMIT failed, reopens and reads the outcome back: the
// resume point says whether the unit is stored. Nothing is reported as stored from here, since the caller cannot know
// the counts; it continues from State and finds the unit there.
func (s *Store) afterFailure(ctx context.Context, u *warehouse.Unit, err error) error {
	var ce commitError
	unknown := errors.As(err, &ce)
	if isFatal(err) || s.broken(ctx) {
		s.log.Warn("store handle lost, reopening", "source", u.Source, "error", short(err))
		if rerr := s.reopen(ctx); rerr != nil {
			if unknown {
				return fmt.Errorf("%w: %w: %w", warehouse.ErrUnknownOutcome, rerr, err)
			}
			return errors.Join(rerr, err)
		}
	}
	if unknown {
		seq, serr := s.latestSeq(ctx, u.Source)
		switch {
		case serr != nil:
			return fmt.Errorf("%w: %w", warehouse.ErrUnknownOutcome, serr)
		case seq > u.Base:
			return fmt.Errorf("%w: stored, though the engine reported: %w", warehouse.ErrFenced, err)
		}
	}
	if isDiskFull(err) {
		return fmt.Errorf("%w: %w", warehouse.ErrDiskFull, err)
	}
	return err
}

// broken probes the writer connection.
func (s *Store) broken(ctx context.Context) bool {
	return s.writer == nil || s.exec(ctx, "SELECT 1") != nil
}

func short(err error) string {
	msg, _, _ := strings.Cut(err.Error(), "\n")
	return msg
}

func (s *Store) latestSeq(ctx context.Context, source string) (int64, error) {
	rows, err := queryRow(ctx, s.writer, "SELECT coalesce(max(seq), 0) FROM checkpoint WHERE source_id = ?", source)
	if err != nil {
		return 0, err
	}
	return rows[0].(int64), nil
}

// append decides about the rows of a chunk and inserts what is new.
func (t *tx) append(ctx context.Context, c *warehouse.Chunk) error {
	n := int(c.Events.NumRows())
	if n == 0 {
		return nil
	}
	if len(c.ValidFrom) != n || len(c.Fingerprint) != n {
		return fmt.Errorf("chunk of %d rows has %d clocks and %d fingerprints", n, len(c.ValidFrom), len(c.Fingerprint))
	}
	in, err := openChunk(c)
	if err != nil {
		return err
	}
	began := time.Now()
	d, err := t.decide(ctx, in)
	if err != nil {
		return err
	}
	t.deciding += time.Since(began)
	began = time.Now()
	defer func() { t.inserting += time.Since(began) }()
	for _, f := range d.fate {
		switch f {
		case fateNew:
			t.counts.New++
		case fateUpdated:
			t.counts.Updated++
		case fateUnchanged:
			t.counts.Unchanged++
		case fateStale:
			t.counts.Stale++
		}
	}
	if t.counts.New >= bulkUnit {
		if err := t.s.roomFor(ctx, t.counts.New); err != nil {
			return err
		}
	}
	if d.keep > 0 {
		if err := t.insert(ctx, c, in, d); err != nil {
			return err
		}
	}
	if err := t.supersede(ctx, d); err != nil {
		return err
	}
	t.moved = t.moved || d.keep > 0 || len(d.refresh) > 0
	for i, f := range d.fate {
		if at := time.UnixMicro(int64(in.reported.Value(i))).UTC(); f != fateUnchanged && at.After(t.newest) {
			t.newest = at
		}
	}
	t.side.add(c, in, d)
	return nil
}

// openChunk finds the columns that decide and casts them.
func openChunk(c *warehouse.Chunk) (input, error) {
	in := input{from: c.ValidFrom, fp: c.Fingerprint, rows: int(c.Events.NumRows())}
	sc := c.Events.Schema()
	var ok [4]bool
	var status arrow.Array
	for i, f := range sc.Fields() {
		col := c.Events.Column(i)
		switch f.Name {
		case "event_id":
			in.ids, ok[0] = col.(*array.FixedSizeBinary)
		case "reported_at":
			in.reported, ok[1] = col.(*array.Timestamp)
		case "ingested_at":
			in.ingested, ok[2] = col.(*array.Timestamp)
		case "content_hash":
			in.hash, ok[3] = col.(*array.FixedSizeBinary)
		case "status":
			status = col
		case "source_updated_at":
			in.updated, _ = col.(*array.Timestamp)
		}
	}
	for i, name := range []string{"event_id", "reported_at", "ingested_at", "content_hash"} {
		if !ok[i] {
			return in, fmt.Errorf("chunk has no usable column %s", name)
		}
	}
	text, err := textAt(status)
	if err != nil {
		return in, fmt.Errorf("chunk column status: %w", err)
	}
	in.status = text
	return in, nil
}

// textAt reads a utf8 or dictionary<utf8> column.
func textAt(a arrow.Array) (func(int) string, error) {
	switch a := a.(type) {
	case *array.String:
		return a.Value, nil
	case *array.Dictionary:
		if dict, ok := a.Dictionary().(*array.String); ok {
			return func(i int) string { return dict.Value(a.GetValueIndex(i)) }, nil
		}
	}
	return nil, errors.New("is not text")
}

// insert appends the kept rows of a chunk to event_version in one statement.
func (t *tx) insert(ctx context.Context, c *warehouse.Chunk, in input, d *decision) error {
	rec, err := wide(c, in, d)
	if err != nil {
		return err
	}
	defer rec.Release()
	if err := t.s.feeds.chunk.give(rec); err != nil {
		return err
	}
	defer t.s.feeds.chunk.drop()
	where := ""
	if d.keep < in.rows || d.linked { // the columns of the incident lie behind the mask, which is then read as well
		// The mask travels with the batch; filtering is cheaper in the scan than copying every column here.
		where = " WHERE keep"
	}
	columns := chunkColumns()
	if d.linked {
		columns += ", " + incidentColumns
	}
	got, err := t.s.execN(ctx, fmt.Sprintf("INSERT INTO event_version (%s, unit_seq, change_no) SELECT %s, %d, %d FROM memory.chunk%s", columns, columns, t.seq, t.change, where))
	if err != nil {
		return fmt.Errorf("inserting versions: %w", err)
	}
	if got != int64(d.keep) {
		return fmt.Errorf("%w: %d of %d versions inserted", warehouse.ErrUnbalanced, got, d.keep)
	}
	return nil
}

// supersede ends the stored states that a chunk replaces: one narrow column, by row id.
func (t *tx) supersede(ctx context.Context, d *decision) error {
	if len(d.supersede) > 0 {
		rows := make([]rowFP, len(d.supersede))
		for i, r := range d.supersede {
			rows[i] = rowFP{rowid: r.rowid, clock: r.at}
		}
		if err := t.update(ctx, rows, "known_to = make_timestamptz(u.v)"); err != nil {
			return err
		}
	}
	if len(d.refresh) > 0 {
		// The update time moves with it, so that an older state that comes after is seen to be older.
		return t.update(ctx, d.refresh, fmt.Sprintf(`source_fp = u.w, source_updated_at = CASE WHEN u.v = 0 THEN source_updated_at ELSE make_timestamptz(u.v) END,
 change_no = CASE WHEN u.v = 0 OR source_updated_at = make_timestamptz(u.v) THEN change_no ELSE %d END`, t.change))
	}
	return nil
}

func (t *tx) update(ctx context.Context, rows []rowFP, set string) error {
	ids := array.NewInt64Builder(allocator)
	vals := array.NewInt64Builder(allocator)
	bits := array.NewUint64Builder(allocator)
	defer ids.Release()
	defer vals.Release()
	defer bits.Release()
	for _, r := range rows {
		ids.Append(r.rowid)
		vals.Append(r.clock)
		bits.Append(r.fp)
	}
	cols := []arrow.Array{ids.NewArray(), vals.NewArray(), bits.NewArray()}
	rec := array.NewRecordBatch(updateSchema, cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	defer rec.Release()
	if err := t.s.feeds.update.give(rec); err != nil {
		return err
	}
	defer t.s.feeds.update.drop()
	// Copied first, as in lookup: the size of a batch is not known to the engine.
	if err := t.s.exec(ctx, "CREATE OR REPLACE TEMP TABLE upd AS SELECT * FROM memory.upd"); err != nil {
		return fmt.Errorf("superseding states: %w", err)
	}
	got, err := t.s.execN(ctx, "UPDATE event_version SET "+set+" FROM upd u WHERE event_version.rowid = u.rid")
	if err != nil {
		return fmt.Errorf("superseding states: %w", err)
	}
	if got != int64(len(rows)) {
		return fmt.Errorf("%w: %d of %d states superseded", warehouse.ErrUnbalanced, got, len(rows))
	}
	return nil
}
