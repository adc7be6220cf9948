package duckdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/warehouse"
)

var (
	_ warehouse.ChangeFeed = (*Store)(nil)
	_ warehouse.Freshness  = (*Store)(nil)
)

// Kinds of numbered transactions.
const (
	changeState = "state"
	changeLink  = "link"
)

// slice is how many events one query of a reading gives. The engine holds a whole answer in memory before it gives the
// first row, so an answer must be small.
const slice = 32_768

// lastChange returns the number of the last transaction of a kind, as the writer's transaction sees it.
func (s *Store) lastChange(ctx context.Context, kind string) (int64, error) {
	row, err := queryRow(ctx, s.writer, "SELECT coalesce(max(no), 0) FROM store_change WHERE kind = ?", kind)
	if err != nil {
		return 0, err
	}
	return row[0].(int64), nil
}

// numberChange stores that this transaction is number no of its kind. The mark is what another history does not have.
func (s *Store) numberChange(ctx context.Context, kind string, no int64, at time.Time) error {
	if err := s.exec(ctx, "INSERT INTO store_change VALUES (?, ?, ?, ?)", kind, no, rand.Uint64(), at); err != nil {
		return fmt.Errorf("numbering the change: %w", err)
	}
	return nil
}

// loadChanges reads what Poll answers from. Whether the last transactions changed anything is not stored; saying that
// they did costs one reading that finds nothing.
func (s *Store) loadChanges(ctx context.Context) error {
	var state, link int64
	err := s.db.QueryRowContext(ctx, "SELECT coalesce(max(no) FILTER (kind = 'state'), 0), coalesce(max(no) FILTER (kind = 'link'), 0) FROM store_change").Scan(&state, &link)
	s.seenChange.Store(state)
	s.seenLink.Store(link)
	return err
}

// Poll implements warehouse.ChangeFeed.
func (s *Store) Poll(_ context.Context, q warehouse.ChangeQuery) (bool, error) {
	if q.From.IsZero() || q.From.Store != s.id {
		return true, nil
	}
	return s.seenChange.Load() > q.From.Change || !q.StatesOnly && s.seenLink.Load() > q.From.Link, nil
}

// Changes implements warehouse.ChangeFeed.
//
// What changed is found by number: row groups in which no number is newer are skipped by their statistics, which an
// update in place widens. Found rows are read by row id, so that a scattered change does not read the wide columns of a
// whole store.
func (s *Store) Changes(ctx context.Context, q warehouse.ChangeQuery, each func(arrow.RecordBatch) error) (warehouse.ChangeSet, error) {
	var set warehouse.ChangeSet
	sh, err := shapeOf(q.Columns)
	if err != nil {
		return set, err
	}
	var kept []arrow.RecordBatch // delivered after the transaction
	defer func() {
		for _, b := range kept {
			b.Release()
		}
	}()
	err = s.read(ctx, func(r *reader) error {
		if err := s.position(ctx, r, q.From, &set); err != nil {
			return err
		}
		if q.From.IsZero() {
			return r.stream(ctx, sh, &set.Events, each)
		}
		where := fmt.Sprintf("change_no > %d", q.From.Change)
		found := "SELECT rowid AS rid, event_day, reported_at, event_id FROM event_version WHERE known_to IS NULL AND " + where
		if !q.StatesOnly {
			found += fmt.Sprintf(" UNION SELECT rowid, event_day, reported_at, event_id FROM event_version WHERE known_to IS NULL AND link_no > %d", q.From.Link)
		}
		if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE changed AS SELECT rid, row_number() OVER (ORDER BY event_day, reported_at, event_id) AS n FROM ("+found+")"); err != nil {
			return err
		}
		n, err := r.number(ctx, "SELECT count(*) FROM changed")
		if err != nil {
			return err
		}
		if err := r.gone(ctx, q.From, &set); err != nil {
			return err
		}
		set.Events = n
		if n <= slice {
			return r.changed(ctx, sh, 0, n, func(b arrow.RecordBatch) error {
				b.Retain()
				kept = append(kept, b)
				return nil
			})
		}
		for at := int64(0); at < n; at += slice {
			if err := r.changed(ctx, sh, at, at+slice, each); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return set, fmt.Errorf("reading changes: %w", err)
	}
	for _, b := range kept {
		if err := each(b); err != nil {
			return set, fmt.Errorf("reading changes: %w", err)
		}
	}
	return set, nil
}

// position checks where the reader stands and says where the snapshot does.
func (s *Store) position(ctx context.Context, r *reader, from warehouse.Position, set *warehouse.ChangeSet) error {
	to, err := r.at(ctx, s.id, -1, -1)
	if err != nil {
		return err
	}
	if !from.IsZero() {
		have, err := r.at(ctx, s.id, from.Change, from.Link)
		if err != nil {
			return err
		}
		if have != from {
			return warehouse.ErrPosition
		}
	}
	set.To = to
	set.Watermarks, err = r.watermarks(ctx)
	return err
}

// at is the position after the given transactions, -1 for the last ones.
func (r *reader) at(ctx context.Context, store string, change, link int64) (warehouse.Position, error) {
	p := warehouse.Position{Store: store}
	bound := func(kind string, no int64) string {
		if no < 0 {
			return "kind = '" + kind + "'"
		}
		return fmt.Sprintf("kind = '%s' AND no = %d", kind, no)
	}
	row, err := queryRow(ctx, r.conn, fmt.Sprintf(`SELECT coalesce(max(no) FILTER (%[1]s), 0)::BIGINT, coalesce(max(no) FILTER (%[2]s), 0)::BIGINT,
 printf('%%016x-%%016x', coalesce(arg_max(mark, no) FILTER (%[1]s), 0::UBIGINT), coalesce(arg_max(mark, no) FILTER (%[2]s), 0::UBIGINT)) FROM store_change`,
		bound(changeState, change), bound(changeLink, link)))
	if err != nil {
		return p, err
	}
	p.Change, p.Link, p.Mark = row[0].(int64), row[1].(int64), row[2].(string)
	return p, nil
}

// changed delivers events number from+1 to to of the table changed.
func (r *reader) changed(ctx context.Context, sh shape, from, to int64, each func(arrow.RecordBatch) error) error {
	if from == to {
		return nil
	}
	return r.deliver(ctx, sh, fmt.Sprintf(`SELECT %s FROM event_version v WHERE v.rowid IN (SELECT rid FROM changed WHERE n > %d AND n <= %d)
 ORDER BY v.event_day, v.reported_at, v.event_id`, sh.list, from, to), each)
}

func (r *reader) deliver(ctx context.Context, sh shape, query string, each func(arrow.RecordBatch) error) error {
	return r.scan(ctx, query, func(rec arrow.RecordBatch) error {
		b, err := sh.batch(rec, 0)
		if err != nil {
			return err
		}
		defer b.Release()
		return each(b)
	})
}

// stream delivers all current events, some days at a time; a day that is too long comes in parts.
func (r *reader) stream(ctx context.Context, sh shape, events *int64, each func(arrow.RecordBatch) error) error {
	type span struct{ day, n int64 }
	var days []span
	err := r.scan(ctx, "SELECT (event_day - DATE '1970-01-01')::BIGINT, count(*) FROM event_version WHERE known_to IS NULL GROUP BY 1 ORDER BY 1", func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			days = append(days, span{rec.Column(0).(*array.Int64).Value(i), rec.Column(1).(*array.Int64).Value(i)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	counted := func(b arrow.RecordBatch) error {
		*events += b.NumRows()
		return each(b)
	}
	for len(days) > 0 {
		n, total := 0, int64(0)
		for n < len(days) && (n == 0 || total+days[n].n <= slice) {
			total += days[n].n
			n++
		}
		bound := fmt.Sprintf("v.known_to IS NULL AND v.event_day BETWEEN DATE '1970-01-01' + %d AND DATE '1970-01-01' + %d", days[0].day, days[n-1].day)
		days = days[n:]
		if total <= slice {
			if err := r.deliver(ctx, sh, "SELECT "+sh.list+" FROM event_version v WHERE "+bound+" ORDER BY v.event_day, v.reported_at, v.event_id", counted); err != nil {
				return err
			}
			continue
		}
		if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE changed AS SELECT v.rowid AS rid, row_number() OVER (ORDER BY reported_at, event_id) AS n FROM event_version v WHERE "+bound); err != nil {
			return err
		}
		for at := int64(0); at < total; at += slice {
			if err := r.changed(ctx, sh, at, at+slice, counted); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone lists the events that were removed.
func (r *reader) gone(ctx context.Context, from warehouse.Position, set *warehouse.ChangeSet) error {
	return r.scan(ctx, fmt.Sprintf("SELECT event_id::BLOB, event_day FROM event_gone WHERE change_no > %d ORDER BY event_day, event_id", from.Change), func(rec arrow.RecordBatch) error {
		id, day := rec.Column(0).(*array.Binary), rec.Column(1).(*array.Date32)
		for i := range id.Len() {
			set.Gone = append(set.Gone, warehouse.Gone{Event: [16]byte(id.Value(i)), Day: int32(day.Value(i))})
		}
		return nil
	})
}

// Watermarks implements warehouse.Freshness.
func (s *Store) Watermarks(ctx context.Context) (w []warehouse.Watermark, err error) {
	err = s.read(ctx, func(r *reader) error {
		w, err = r.watermarks(ctx)
		return err
	})
	return w, err
}

// watermarks reads what the units of each source left, not the events.
func (r *reader) watermarks(ctx context.Context) ([]warehouse.Watermark, error) {
	var out []warehouse.Watermark
	err := r.scan(ctx, `SELECT source_id, epoch_us(max(read_at)), coalesce(epoch_us(max(newest_reported)), 0), sum(n_new)::BIGINT, max(seq) FROM checkpoint GROUP BY source_id ORDER BY source_id`,
		func(rec arrow.RecordBatch) error {
			src, read, newest := rec.Column(0).(*array.String), rec.Column(1).(*array.Int64), rec.Column(2).(*array.Int64)
			events, seq := rec.Column(3).(*array.Int64), rec.Column(4).(*array.Int64)
			for i := range src.Len() {
				// Copied: what the reader gives lives in memory that the engine takes back.
				w := warehouse.Watermark{Source: string([]byte(src.Value(i))), LastRead: time.UnixMicro(read.Value(i)).UTC(), Events: events.Value(i), Seq: seq.Value(i)}
				if v := newest.Value(i); v != 0 {
					w.Newest = time.UnixMicro(v).UTC()
				}
				out = append(out, w)
			}
			return nil
		})
	return out, err
}

// number runs a query that answers one number.
func (r *reader) number(ctx context.Context, query string) (int64, error) {
	row, err := queryRow(ctx, r.conn, query)
	if err != nil {
		return 0, err
	}
	return row[0].(int64), nil
}
