package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"onegrid/warehouse"
)

// State returns the latest resume point of a source: that of the running reading, or of a backfill window.
func (s *Store) State(ctx context.Context, source, point string) (warehouse.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := warehouse.State{Source: source, Point: point}
	if s.db == nil {
		return st, warehouse.ErrDown
	}
	if err := s.db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM checkpoint WHERE source_id = ?", source).Scan(&st.Seq); err != nil {
		return st, fmt.Errorf("reading the resume point of %s: %w", source, err)
	}
	err := s.db.QueryRowContext(ctx, `SELECT version, data, committed_at, run_id FROM checkpoint WHERE source_id = ? AND point = ? ORDER BY seq DESC LIMIT 1`, source, point).
		Scan(&st.Resume.Version, &st.Resume.Data, &st.At, &st.RunID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return st, fmt.Errorf("reading the resume point of %s: %w", source, err)
	}
	return st, nil
}

// SetState moves a resume point by hand; it is a checkpoint of its own without records. reason goes into the run row.
func (s *Store) SetState(ctx context.Context, source, point string, base int64, resume warehouse.Checkpoint, reason string) (warehouse.Receipt, error) {
	now := time.Now().UTC()
	run := uuid.NewString()
	rec, err := s.Commit(ctx, &warehouse.Unit{Source: source, Point: point, RunID: run, Base: base,
		Chunks: func(func(*warehouse.Chunk, error) bool) {},
		Final: func() (warehouse.Final, error) {
			return warehouse.Final{Resume: resume, ReadAt: now, Run: warehouse.Run{Trigger: "state", Started: now, Window: point}}, nil
		}})
	if err != nil {
		return rec, err
	}
	return rec, s.EndRun(ctx, RunEnd{RunID: run, Source: source, Trigger: "state", Window: point, Status: "ok", Step: 1, Started: now, Notes: reason})
}

// Mark stores a resume point without records: the end of a backfill window.
func (s *Store) Mark(ctx context.Context, source, point string, resume warehouse.Checkpoint) error {
	st, err := s.State(ctx, source, point)
	if err != nil {
		return err
	}
	_, err = s.SetState(ctx, source, point, st.Seq, resume, "window read to its end")
	return err
}

// Points returns the latest state of every resume point of a source: the running one first, then backfill windows by name.
func (s *Store) Points(ctx context.Context, source string) ([]warehouse.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return nil, warehouse.ErrDown
	}
	rows, err := s.db.QueryContext(ctx, `SELECT point, seq, version, data, committed_at, run_id FROM checkpoint WHERE source_id = ?
 QUALIFY row_number() OVER (PARTITION BY point ORDER BY seq DESC) = 1 ORDER BY point`, source)
	if err != nil {
		return nil, fmt.Errorf("reading the resume points of %s: %w", source, err)
	}
	defer rows.Close()
	var out []warehouse.State
	for rows.Next() {
		st := warehouse.State{Source: source}
		if err := rows.Scan(&st.Point, &st.Seq, &st.Resume.Version, &st.Resume.Data, &st.At, &st.RunID); err != nil {
			return nil, fmt.Errorf("reading the resume points of %s: %w", source, err)
		}
		out = append(out, st)
	}
	return out, rows.Err()
}

// Settle closes rejects without storing a record: all of them or none.
func (s *Store) Settle(ctx context.Context, settled []warehouse.Settled) error {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		if err := s.reopen(ctx); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	err := s.settle(ctx, settled, time.Now().UTC())
	if err == nil {
		err = s.exec(ctx, "COMMIT")
	}
	if err != nil {
		s.exec(ctx, "ROLLBACK")
		if isFatal(err) {
			err = errors.Join(err, s.reopen(ctx))
		}
	}
	return err
}

// RunEnd closes a run.
type RunEnd struct {
	RunID, Source, Trigger, Window, Status string
	Step                                   int
	Slot                                   time.Time // of the schedule; zero for a manual run
	Started                                time.Time
	ErrorClass, Error, Hint, Notes         string
}

// EndRun appends the last row of a run: how it ended and why.
func (s *Store) EndRun(ctx context.Context, r RunEnd) error {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		if err := s.reopen(ctx); err != nil {
			return err
		}
	}
	err := s.exec(ctx, "INSERT INTO run_step VALUES (?,?,?,?,?,?,?,?,?,0,0,0,0,0,0,?,?,?,?)", r.RunID, r.Source, r.Trigger, r.Window, int32(r.Step), r.Status,
		nullableTime(r.Slot), r.Started.UTC(), time.Now().UTC(), nullable(r.ErrorClass), nullable(r.Error), nullable(r.Hint), nullable(r.Notes))
	if err != nil && isFatal(err) {
		return errors.Join(err, s.reopen(ctx))
	}
	return err
}

func nullableTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// LastSlots returns the newest slot of the schedule that was run, per source.
func (s *Store) LastSlots(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.DB().QueryContext(ctx, "SELECT source_id, max(slot) FROM run_step WHERE slot IS NOT NULL GROUP BY source_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var id string
		var at time.Time
		if err := rows.Scan(&id, &at); err != nil {
			return nil, err
		}
		out[id] = at
	}
	return out, rows.Err()
}

// SaveBreaker keeps the state of a source's breaker over restarts; LoadBreakers returns the latest ones. The state is
// opaque here.
func (s *Store) SaveBreaker(ctx context.Context, source, state string) error {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		return warehouse.ErrDown
	}
	return s.exec(ctx, "INSERT INTO breaker VALUES (?, ?, ?)", source, state, time.Now().UTC())
}

// LoadBreakers returns the latest saved state per source.
func (s *Store) LoadBreakers(ctx context.Context) (map[string]string, error) {
	rows, err := s.DB().QueryContext(ctx, "SELECT source_id, arg_max(state, saved_at) FROM breaker GROUP BY source_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, state string
		if err := rows.Scan(&id, &state); err != nil {
			return nil, err
		}
		out[id] = state
	}
	return out, rows.Err()
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Unchanged marks which records are stored as they are: same id, same fingerprint, current state. It is what lets a
// source be read again at the price of reading.
//
// ids holds 16 bytes a record; the answer has a true for every record that need not be mapped.
func (s *Store) Unchanged(ctx context.Context, ids []byte, fps []uint64) ([]bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]bool, len(fps))
	if s.db == nil || s.seen == nil {
		return out, nil
	}
	idb := array.NewFixedSizeBinaryBuilder(allocator, uuidType)
	fpb := array.NewUint64Builder(allocator)
	nb := array.NewInt32Builder(allocator)
	defer idb.Release()
	defer fpb.Release()
	defer nb.Release()
	s.seenMu.RLock()
	for i := range fps {
		if id := ids[16*i : 16*i+16]; s.seen.maybe(id) {
			idb.Append(id)
			fpb.Append(fps[i])
			nb.Append(int32(i))
		}
	}
	s.seenMu.RUnlock()
	if nb.Len() == 0 {
		return out, nil
	}
	k, err := s.asker(ctx)
	if err != nil {
		return nil, err
	}
	defer s.putAsker(k)
	cols := []arrow.Array{idb.NewArray(), fpb.NewArray(), nb.NewArray()}
	rec := array.NewRecordBatch(knownSchema, cols, int64(cols[2].Len()))
	for _, c := range cols {
		c.Release()
	}
	defer rec.Release()
	if err := k.feed.give(rec); err != nil {
		return nil, err
	}
	defer k.feed.drop()
	// The fingerprint is the join key: eight bytes a stored row. The id settles it.
	if _, err := k.conn.(driver.ExecerContext).ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE known AS SELECT * FROM "+k.feed.view, nil); err != nil {
		return nil, fmt.Errorf("comparing with the store: %w", err)
	}
	rdr, err := k.arrow.QueryContext(ctx, "SELECT p.n FROM event_version e JOIN known p ON e.source_fp = p.fp AND e.event_id = p.id WHERE e.known_to IS NULL")
	if err != nil {
		return nil, fmt.Errorf("comparing with the store: %w", err)
	}
	defer rdr.Release()
	for rdr.Next() {
		for _, n := range rdr.RecordBatch().Column(0).(*array.Int32).Int32Values() {
			out[n] = true
		}
	}
	return out, rdr.Err()
}

// asker is a reading connection with its view; they are kept, since making one costs more than a small question.
type asker struct {
	conn  driver.Conn
	arrow *duckdb.Arrow
	feed  *feed
}

// asker takes a kept one or makes another. The caller holds s.mu for reading.
func (s *Store) asker(ctx context.Context) (*asker, error) {
	select {
	case k := <-s.askers:
		return k, nil
	default:
	}
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	k := &asker{conn: conn}
	exec := func(q string) error {
		_, err := conn.(driver.ExecerContext).ExecContext(ctx, q, nil)
		return err
	}
	if k.arrow, err = duckdb.NewArrowFromConn(conn); err == nil {
		k.feed, err = newFeed(k.arrow, exec, s.probes.next(), knownSchema)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return k, nil
}

func (s *Store) putAsker(k *asker) {
	select {
	case s.askers <- k:
	default:
		k.close()
	}
}

func (k *asker) close() {
	k.conn.Close()
	k.feed.close()
}

// closeAskers closes the kept ones, before the engine is closed.
func (s *Store) closeAskers() {
	for {
		select {
		case k := <-s.askers:
			k.close()
		default:
			return
		}
	}
}

// knownSchema is what Unchanged asks about: id, fingerprint, row.
var knownSchema = arrow.NewSchema([]arrow.Field{uuidField("id"), {Name: "fp", Type: arrow.PrimitiveTypes.Uint64}, {Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil)

// DB gives read access to the live store for the program's own statements. Analysts never get it (invariant 5).
func (s *Store) DB() *sql.DB {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db
}

// Ready proves that the store can be read and written: the canary of /readyz.
func (s *Store) Ready(ctx context.Context) error {
	select {
	case s.lane <- struct{}{}:
	case <-ctx.Done():
		return nil // a commit is running: that is as ready as it gets
	}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		if err := s.reopen(ctx); err != nil {
			return err
		}
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	for _, q := range []string{"BEGIN", "CREATE OR REPLACE TABLE store_canary AS SELECT now() AS at", "ROLLBACK", "SELECT layout FROM store_meta"} {
		if err := s.exec(ctx, q); err != nil {
			s.exec(ctx, "ROLLBACK")
			if isFatal(err) {
				return errors.Join(err, s.reopen(ctx))
			}
			return err
		}
	}
	return nil
}
