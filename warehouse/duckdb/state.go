package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

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

// SetState moves a resume point by hand; it is a checkpoint of its own without records.
func (s *Store) SetState(ctx context.Context, source string, base int64, resume warehouse.Checkpoint, actor string) (warehouse.Receipt, error) {
	return s.Commit(ctx, &warehouse.Unit{Source: source, RunID: "set-state:" + actor, Base: base,
		Chunks: func(func(*warehouse.Chunk, error) bool) {},
		Final: func() (warehouse.Final, error) {
			return warehouse.Final{Resume: resume, ReadAt: time.Now(), Run: warehouse.Run{Trigger: "state", Started: time.Now(), Status: "ok"}}, nil
		}})
}

// RunEnd closes a run.
type RunEnd struct {
	RunID, Source, Trigger, Window, Status string
	Step                                   int
	Started                                time.Time
	ErrorClass, Error, Hint, Notes         string
	Rejected                               int64
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
	err := s.exec(ctx, "INSERT INTO run_step VALUES (?,?,?,?,?,?,?,?,0,0,0,0,0,0,?,?,?,?)", r.RunID, r.Source, r.Trigger, r.Window, int32(r.Step), r.Status,
		r.Started.UTC(), time.Now().UTC(), nullable(r.ErrorClass), nullable(r.Error), nullable(r.Hint), nullable(r.Notes))
	if err != nil && isFatal(err) {
		return errors.Join(err, s.reopen(ctx))
	}
	return err
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
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ar, err := duckdb.NewArrowFromConn(conn)
	if err != nil {
		return nil, err
	}
	cols := []arrow.Array{idb.NewArray(), fpb.NewArray(), nb.NewArray()}
	rec := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{uuidField("id"), {Name: "fp", Type: arrow.PrimitiveTypes.Uint64}, {Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil), cols, int64(cols[2].Len()))
	for _, c := range cols {
		c.Release()
	}
	defer rec.Release()
	release, err := register(ar, rec, "probe")
	if err != nil {
		return nil, err
	}
	defer release()
	// The fingerprint is the join key: eight bytes a stored row. The id settles it.
	rdr, err := ar.QueryContext(ctx, "SELECT p.n FROM event_version e JOIN probe p ON e.source_fp = p.fp AND e.event_id = p.id WHERE e.known_to IS NULL")
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
