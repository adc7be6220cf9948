package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/warehouse"
)

// round is one publication: all scopes go from their generations to the next, at one position of the store.
type round struct {
	p       *Publisher
	eng     *engine
	number  int64
	at      time.Time
	today   int32
	from    warehouse.Position
	set     warehouse.ChangeSet
	works   []*work // one per shelf; works[0] is the base
	levels  months
	days    string // condition on event_day that all touched rows of the base fulfil, "" unknown
	built   []*built
	hashed  int64
	reading time.Duration // of the changes, with the store's part

	published int
	failed    []error // of scopes that keep their generation
}

// built is a file that is ready to be published.
type built struct {
	shelf *shelf
	work  *work
	tree  *tree
	m     *Manifest
}

// takeWorks chooses the file of every shelf. Shelves without a usable one get a new file, to be filled from the base; while
// files are built aside they are left out (nil).
func (r *round) takeWorks(ctx context.Context, again bool) error {
	first, aside := true, r.p.aside && r.p.baseUsable() && !again
	for i, s := range r.p.shelves {
		var w *work
		var err error
		if again {
			s.clean = nil
		}
		switch worn := s.worn(r.at, r.p.opts.ScrubAfter); {
		case s.clean != nil:
			if w, err = s.takeClean(r.number); err != nil {
				r.p.log.Warn("a clean file is lost; it is built again", "scope", s.scope.String(), "error", err)
				if aside && (s.current == nil || s.stale) {
					continue
				}
				w, err = nil, nil
			}
		case again:
		case s.current == nil || s.stale:
			if aside {
				continue
			}
		case worn && !aside:
			if i == 0 {
				w = &work{path: s.workPath(r.number), scrub: true, from: s.current.m.Position, levels: s.current.levels}
				if err := os.Remove(w.path); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
			}
		default:
			if w, err = s.takeSpare(r.number); err == nil && w == nil {
				w, err = s.copyCurrent(ctx, r.number)
			}
		}
		if err != nil {
			if i == 0 || ctx.Err() != nil {
				return err
			}
			r.drop(i, err)
			continue
		}
		if w == nil {
			w = &work{path: s.workPath(r.number), fresh: true}
			if err := os.Remove(w.path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if !w.fresh && (first || w.from.Change+w.from.Link < r.from.Change+r.from.Link) {
			r.from, first = w.from, false
		}
		r.works[i] = w
		if i == 0 && w.fresh {
			again = true // what changed is not known: everything is made from the new base
		}
	}
	if r.works[0].fresh {
		r.from = warehouse.Position{}
	}
	return nil
}

func (r *round) query() warehouse.ChangeQuery {
	return warehouse.ChangeQuery{From: r.from, Columns: baseColumns()}
}

// stage reads the changes into the tables delta and gone of the engine's memory.
func (r *round) stage(ctx context.Context) error {
	if err := r.eng.exec(ctx, eventDDL("memory.delta", false)); err != nil {
		return err
	}
	if err := r.read(ctx, "memory.delta", nil); err != nil {
		return err
	}
	if err := r.eng.exec(ctx, "CREATE TABLE memory.gone (event_id UUID, event_day DATE)"); err != nil {
		return err
	}
	if err := r.stageGone(ctx, r.set.Gone); err != nil {
		return err
	}
	if err := r.eng.exec(ctx, "CREATE TABLE memory.touched AS SELECT event_id, event_day FROM memory.delta UNION ALL SELECT event_id, event_day FROM memory.gone"); err != nil {
		return err
	}
	var err error
	r.days, err = r.dayCondition(ctx)
	return err
}

// read streams the changes into a table. progress is called after every batch.
func (r *round) read(ctx context.Context, table string, progress func(rows int64) error) error {
	var t *tap
	started := time.Now()
	set, err := r.p.opts.Feed.Changes(ctx, r.query(), func(rec arrow.RecordBatch) error {
		var err error
		if t == nil {
			if t, err = r.eng.tap(rec.Schema()); err != nil {
				return err
			}
			// Row groups of a large transaction go to the file as they fill.
			if err := r.eng.exec(ctx, "BEGIN"); err != nil {
				return err
			}
		}
		if err := r.eng.insert(ctx, t, rec, "INSERT INTO "+table+" SELECT "+strings.Join(baseColumns(), ", ")+", 'none' FROM {batch}"); err != nil {
			return err
		}
		if progress == nil {
			return nil
		}
		return progress(rec.NumRows())
	})
	if t != nil {
		defer t.close()
		if err == nil {
			err = r.eng.exec(ctx, "COMMIT")
		} else {
			err = errors.Join(err, r.eng.exec(context.WithoutCancel(ctx), "ROLLBACK"))
		}
	}
	if err != nil {
		return fmt.Errorf("reading the changes of the store: %w", err)
	}
	r.set = set
	r.reading = time.Since(started)
	r.p.log.Debug("read the changes of the store", "ms", r.reading.Milliseconds(), "events", set.Events)
	return nil
}

func (r *round) stageGone(ctx context.Context, gone []warehouse.Gone) error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "event_id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16},
		Metadata: arrow.MetadataFrom(map[string]string{"ARROW:extension:name": "arrow.uuid"})}, {Name: "event_day", Type: arrow.FixedWidthTypes.Date32}}, nil)
	for len(gone) > 0 {
		n := min(len(gone), 65_536)
		b := array.NewRecordBuilder(r.p.alloc, schema)
		for _, g := range gone[:n] {
			b.Field(0).(*array.FixedSizeBinaryBuilder).Append(g.Event[:])
			b.Field(1).(*array.Date32Builder).Append(arrow.Date32(g.Day))
		}
		rec := b.NewRecordBatch()
		b.Release()
		err := r.eng.insertOne(ctx, rec, "INSERT INTO memory.gone SELECT event_id, event_day FROM {batch}")
		rec.Release()
		if err != nil {
			return err
		}
		gone = gone[n:]
	}
	return nil
}

// maxDays bounds the list of days in a statement.
const maxDays = 400

// dayCondition bounds the days of the touched rows, so that a scan reads only the row groups of those days.
func (r *round) dayCondition(ctx context.Context) (string, error) {
	rows, err := r.eng.conn.QueryContext(ctx, fmt.Sprintf(`SELECT strftime(d, '%%Y-%%m-%%d') FROM (SELECT event_day AS d FROM memory.touched UNION
SELECT date_trunc('month', event_day)::DATE FROM memory.touched) ORDER BY 1 LIMIT %d`, maxDays+1))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return "", err
		}
		days = append(days, "DATE '"+d+"'")
	}
	switch {
	case rows.Err() != nil:
		return "", rows.Err()
	case len(days) == 0:
		return "false", nil
	case len(days) > maxDays:
		return "true", nil
	}
	return "e.event_day IN (" + strings.Join(days, ", ") + ")", nil
}

// fillBase streams the whole store into a new base. The feed comes in the order of event_day, which is the order wanted.
func (r *round) fillBase(ctx context.Context) error {
	w := r.works[0]
	if err := r.eng.attach(ctx, w.path, "b"); err != nil {
		return err
	}
	if err := r.eng.exec(ctx, eventDDL("b.event", false)); err != nil {
		return err
	}
	started, n, since := time.Now(), int64(0), int64(0)
	return r.read(ctx, "b.event", func(rows int64) error {
		n += rows
		if since += rows; since < 1_000_000 {
			return nil
		}
		since = 0
		if err := r.eng.exec(ctx, "COMMIT"); err != nil {
			return err
		}
		r.p.log.Info("first publication: reading the store", "events", n, "seconds", int(time.Since(started).Seconds()))
		return r.eng.exec(ctx, "BEGIN")
	})
}

// updateBase brings the base up to date and notes in memory.hit what was there before.
func (r *round) updateBase(ctx context.Context) error {
	base := r.p.shelves[0]
	if r.works[0].scrub {
		for _, step := range []func() error{
			func() error { return r.eng.attach(ctx, r.works[0].path, "w") },
			func() error { return r.eng.attachRead(ctx, base.current.path, "o") },
			func() error { return r.rebuild(ctx, base, "o") },
			func() error { return r.incidents(ctx, "w", "", "") },
			func() error { return r.eng.settle(ctx, "w") },
			func() error { return r.eng.exec(ctx, "DETACH o") },
		} {
			if err := step(); err != nil {
				return fmt.Errorf("building a clean base: %w", err)
			}
		}
	}
	if err := r.eng.attach(ctx, r.works[0].path, "b"); err != nil {
		return err
	}
	if r.days == "false" {
		return r.eng.exec(ctx, "CREATE TABLE memory.hit (r BIGINT, event_id UUID, event_day DATE, category VARCHAR, incident_id UUID, incident_role VARCHAR)")
	}
	before := "CREATE TABLE memory.hit AS SELECT *, NULL::UUID AS incident_id, NULL AS incident_role FROM memory.found"
	if some, err := r.hasIncidents(ctx, "b"); err != nil {
		return err
	} else if some {
		before = "CREATE TABLE memory.hit AS SELECT e.rowid AS r, e.event_id, e.event_day, e.category, e.incident_id, e.incident_role FROM b.event e WHERE e.rowid IN (SELECT r FROM memory.found)"
	}
	for _, q := range []string{
		"CREATE TABLE memory.found AS SELECT e.rowid AS r, e.event_id, e.event_day, e.category FROM b.event e SEMI JOIN memory.touched t ON e.event_id = t.event_id WHERE " + r.days,
		before,
		"DELETE FROM b.event WHERE rowid IN (SELECT r FROM memory.hit)",
		"INSERT INTO b.event SELECT * FROM memory.delta ORDER BY event_day, reported_at, event_id",
	} {
		if err := r.eng.exec(ctx, q); err != nil {
			return fmt.Errorf("bringing the base up to date: %w", err)
		}
	}
	return nil
}

// hasIncidents reports whether a file has incidents with several reports: without one, a row that goes takes none along,
// and the wide column of their ids need not be read.
func (r *round) hasIncidents(ctx context.Context, db string) (bool, error) {
	n, err := r.eng.int(ctx, "SELECT count(*) FROM (FROM "+db+".incident LIMIT 1)")
	return n > 0, err
}

// decideLevels decides anew the levels of the months in which an incident of a sensitive category came, went or became
// a day old; of all months when the base is new.
func (r *round) decideLevels(ctx context.Context) error {
	where := ""
	if !r.works[0].fresh {
		var list []string
		months := map[int32]bool{}
		sensitive := r.p.opts.Sensitive
		rows, err := r.eng.conn.QueryContext(ctx, "SELECT DISTINCT (date_trunc('month', event_day)::DATE - DATE '1970-01-01')::INTEGER FROM (SELECT event_day FROM memory.hit h WHERE "+
			inCells("h", sensitive)+" UNION ALL SELECT event_day FROM memory.delta d WHERE "+inCells("d", sensitive)+")")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m int32
			if err := rows.Scan(&m); err != nil {
				return err
			}
			months[m] = true
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for d := r.p.levelsDay; d < r.today; d++ {
			months[monthOf(d)] = true
		}
		if len(months) == 0 {
			r.levels = r.p.levels
			return nil
		}
		for m := range months {
			list = append(list, dateLiteral(m))
		}
		where = " AND date_trunc('month', e.event_day)::DATE IN (" + strings.Join(list, ", ") + ")"
		r.levels = maps.Clone(r.p.levels)
		for m := range months {
			delete(r.levels, m)
		}
	} else {
		r.levels = months{}
	}
	found, err := readLevels(ctx, r.eng, "b", where, r.p.opts, r.today)
	if err != nil {
		return err
	}
	maps.Copy(r.levels, found)
	return nil
}

func dateLiteral(day int32) string {
	return "DATE '" + time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) + "'"
}

// readLevels counts the cells of an attached base and decides the levels of their months.
func readLevels(ctx context.Context, e *engine, base, where string, opts Options, today int32) (months, error) {
	rows, err := e.conn.QueryContext(ctx, "SELECT e.category, coalesce(e.county_code, ''), (e.event_day - DATE '1970-01-01')::INTEGER, count(*) FROM "+base+".event e WHERE "+
		counted("e", opts.Sensitive)+where+" GROUP BY ALL")
	if err != nil {
		return nil, fmt.Errorf("counting the cells: %w", err)
	}
	defer rows.Close()
	counts := map[int32]map[cellKey]int64{}
	for rows.Next() {
		var c cellKey
		var n int64
		if err := rows.Scan(&c.category, &c.county, &c.day, &n); err != nil {
			return nil, err
		}
		m := monthOf(c.day)
		if counts[m] == nil {
			counts[m] = map[cellKey]int64{}
		}
		counts[m][c] += n
	}
	out := months{}
	for m, cells := range counts {
		out[m] = levelsOf(cells, int64(opts.K), today)
	}
	return out, rows.Err()
}

// stageLevels puts the levels of the wanted months (nil for all) into memory.lvl, and the cells whose level differs from
// what some work file has into memory.moved.
func (r *round) stageLevels(ctx context.Context) error {
	moved := map[cellKey]bool{}
	for _, w := range r.works[1:] {
		if w == nil || w.fresh {
			continue
		}
		for m := range r.levels {
			differ(moved, w.levels[m], r.levels[m])
		}
		for m := range w.levels {
			if _, ok := r.levels[m]; !ok {
				differ(moved, w.levels[m], nil)
			}
		}
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "category", Type: arrow.BinaryTypes.String}, {Name: "county", Type: arrow.BinaryTypes.String},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32}, {Name: "level", Type: arrow.PrimitiveTypes.Uint8}}, nil)
	put := func(table string, each func(yield func(cellKey, uint8) bool)) error {
		if err := r.eng.exec(ctx, "CREATE TABLE memory."+table+" (category VARCHAR, county VARCHAR, day DATE, level UTINYINT)"); err != nil {
			return err
		}
		b := array.NewRecordBuilder(r.p.alloc, schema)
		defer b.Release()
		for c, level := range each {
			b.Field(0).(*array.StringBuilder).Append(c.category)
			b.Field(1).(*array.StringBuilder).Append(c.county)
			b.Field(2).(*array.Date32Builder).Append(arrow.Date32(c.day))
			b.Field(3).(*array.Uint8Builder).Append(level)
		}
		rec := b.NewRecordBatch()
		defer rec.Release()
		return r.eng.insertOne(ctx, rec, "INSERT INTO memory."+table+" SELECT category, county, day, level FROM {batch}")
	}
	if err := put("lvl", func(yield func(cellKey, uint8) bool) {
		for _, cells := range r.levels {
			for c, level := range cells {
				if !yield(c, level) {
					return
				}
			}
		}
	}); err != nil {
		return err
	}
	return put("moved", func(yield func(cellKey, uint8) bool) {
		for c := range moved {
			if !yield(c, 0) {
				return
			}
		}
	})
}

func differ(out map[cellKey]bool, a, b map[cellKey]uint8) {
	for c, level := range a {
		if b[c] != level {
			out[c] = true
		}
	}
	for c, level := range b {
		if a[c] != level {
			out[c] = true
		}
	}
}
