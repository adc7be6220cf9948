package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"onegrid/event"
	"onegrid/warehouse"
)

var _ warehouse.EventReader = (*Store)(nil)

// reader is a connection for the program's own larger questions, in a transaction of its own, with views for what the
// question is about. Readers are kept.
type reader struct {
	conn  driver.Conn
	arrow *duckdb.Arrow
	ids   *feed
	keys  *feed
}

// askedSchema is a list of events with a number each; keySchema one of keys.
var (
	askedSchema = arrow.NewSchema([]arrow.Field{uuidField("id"), {Name: "day", Type: arrow.FixedWidthTypes.Date32}, {Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil)
	keySchema   = arrow.NewSchema([]arrow.Field{{Name: "key", Type: arrow.PrimitiveTypes.Uint64}, {Name: "ref", Type: arrow.FixedWidthTypes.Boolean}}, nil)
)

// read runs f in a transaction that sees one snapshot. What f makes in the temporary schema is gone afterwards.
//
// The handles cannot be reopened meanwhile, and the log cannot be written into the database: f should be short, or end
// when its context does.
func (s *Store) read(ctx context.Context, f func(r *reader) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.connector == nil || s.db == nil {
		return warehouse.ErrDown
	}
	s.roomToRead(ctx)
	r, err := s.reader(ctx)
	if err != nil {
		return err
	}
	if err := r.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		r.close()
		return fmt.Errorf("beginning to read: %w", err)
	}
	err = f(r)
	if rerr := r.exec(context.WithoutCancel(ctx), "ROLLBACK"); rerr != nil {
		r.close()
		return errors.Join(err, rerr)
	}
	select {
	case s.readers <- r:
	default:
		r.close()
	}
	return err
}

// roomToRead gives the engine the memory that a large store wants, if no commit is running; a small commit has given it
// then, and a bulk load keeps its small memory.
func (s *Store) roomToRead(ctx context.Context) {
	if s.opts.ReadOnly {
		return
	}
	select {
	case s.lane <- struct{}{}:
	default:
		return
	}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil || s.seen == nil {
		return
	}
	if err := s.roomFor(ctx, 0); err != nil {
		s.log.Warn("setting the engine's memory limit", "error", short(err))
	}
}

func (s *Store) reader(ctx context.Context) (*reader, error) {
	select {
	case r := <-s.readers:
		return r, nil
	default:
	}
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn}
	exec := func(q string) error { return r.exec(ctx, q) }
	if r.arrow, err = duckdb.NewArrowFromConn(conn); err == nil && !s.opts.ReadOnly {
		if r.ids, err = newFeed(r.arrow, exec, s.probes.next(), askedSchema); err == nil {
			r.keys, err = newFeed(r.arrow, exec, s.probes.next(), keySchema)
		}
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("opening a reader: %w", err)
	}
	return r, nil
}

func (r *reader) close() {
	r.conn.Close()
	r.ids.close()
	r.keys.close()
}

// closeReaders closes the kept ones, before the engine is closed.
func (s *Store) closeReaders() {
	for {
		select {
		case r := <-s.readers:
			r.close()
		default:
			return
		}
	}
}

func (r *reader) exec(ctx context.Context, query string) error {
	_, err := r.conn.(driver.ExecerContext).ExecContext(ctx, query, nil)
	return err
}

// ask puts events into a temporary table asked(id, day, n); n counts from 0.
func (r *reader) ask(ctx context.Context, events []warehouse.EventRef) error {
	if r.ids == nil {
		return r.askText(ctx, events)
	}
	b := array.NewRecordBuilder(allocator, askedSchema)
	defer b.Release()
	for i, e := range events {
		putRef(b, 0, e)
		b.Field(2).(*array.Int32Builder).Append(int32(i))
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := r.ids.give(rec); err != nil {
		return err
	}
	defer r.ids.drop()
	return r.exec(ctx, "CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM "+r.ids.view)
}

// askText is ask for a store that is open for reading only, where no view can be made.
func (r *reader) askText(ctx context.Context, events []warehouse.EventRef) error {
	if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE asked (id UUID, day DATE, n INTEGER)"); err != nil {
		return err
	}
	for at := 0; at < len(events); at += 1000 {
		rows := make([]string, 0, 1000)
		for i, e := range events[at:min(at+1000, len(events))] {
			rows = append(rows, fmt.Sprintf("('%s'::UUID, DATE '1970-01-01' + %d, %d)", uuid.UUID(e.ID), e.Day, at+i))
		}
		if err := r.exec(ctx, "INSERT INTO asked VALUES "+strings.Join(rows, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// spanOf bounds a column by the days of some events; a day that is not known opens it to all.
func spanOf(column string, events []warehouse.EventRef) string {
	var from, to int32 = math.MaxInt32, math.MinInt32
	for _, e := range events {
		if e.Day == 0 {
			return "true"
		}
		from, to = min(from, e.Day), max(to, e.Day)
	}
	return between(column, from, to)
}

// scan runs a query and hands over its batches, which belong to the reader.
func (r *reader) scan(ctx context.Context, query string, each func(arrow.RecordBatch) error) error {
	rdr, err := r.arrow.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rdr.Release()
	for rdr.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(rdr.RecordBatch()); err != nil {
			return err
		}
	}
	return rdr.Err()
}

// shape is a selection of columns of the view event, read from event_version.
type shape struct {
	list   string // for SELECT, from event_version AS v
	schema *arrow.Schema
}

// shapeOf checks the names of columns.
func shapeOf(columns []string) (shape, error) {
	var list []string
	var fields []arrow.Field
	for _, name := range columns {
		c, ok := event.Lookup(name)
		if !ok {
			return shape{}, fmt.Errorf("event has no column %s", quoteIdent(name))
		}
		expr, link := linkColumns[name]
		if !link {
			expr = "v." + name
		}
		f := arrow.Field{Name: name, Type: c.Type, Nullable: !c.Required}
		if d, dict := c.Type.(*arrow.DictionaryType); dict {
			f.Type = d.ValueType
		}
		if name == "event_id" || name == "incident_id" {
			// As BLOB: the Arrow form of UUID is text, twice the bytes and ten times the work.
			expr += "::BLOB"
			f = uuidField(name)
			f.Nullable = false
		}
		list = append(list, expr+" AS "+quoteIdent(name))
		fields = append(fields, f)
	}
	return shape{strings.Join(list, ", "), arrow.NewSchema(fields, nil)}, nil
}

// batch gives the engine's columns, after the first skip ones, their types. The caller releases it.
func (sh shape) batch(rec arrow.RecordBatch, skip int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, sh.schema.NumFields())
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, f := range sh.schema.Fields() {
		got := rec.Column(skip + i)
		var err error
		if cols[i], err = retype(got, f.Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	// List and map columns keep the engine's names of their children.
	fields := sh.schema.Fields()
	for i, c := range cols {
		fields[i].Type = c.DataType()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, rec.NumRows()), nil
}

// retype gives an array another type of the same values.
func retype(a arrow.Array, want arrow.DataType) (arrow.Array, error) {
	if arrow.TypeEqual(a.DataType(), want) || a.DataType().ID() == want.ID() && want.ID() != arrow.TIMESTAMP {
		a.Retain()
		return a, nil
	}
	switch want := want.(type) {
	case *arrow.TimestampType: // the zone is how it is shown; the value is UTC
		if t, ok := a.DataType().(*arrow.TimestampType); !ok || t.Unit != want.Unit {
			break
		}
		d := a.Data()
		data := array.NewData(want, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
		defer data.Release()
		return array.MakeFromData(data), nil
	case *arrow.FixedSizeBinaryType:
		bin, ok := a.(*array.Binary)
		if !ok {
			break
		}
		b := array.NewFixedSizeBinaryBuilder(allocator, want)
		defer b.Release()
		b.Reserve(bin.Len())
		for i := range bin.Len() {
			if bin.IsNull(i) {
				b.AppendNull()
				continue
			}
			v := bin.Value(i)
			if len(v) != want.ByteWidth {
				return nil, fmt.Errorf("value of %d bytes, want %d", len(v), want.ByteWidth)
			}
			b.Append(v)
		}
		return b.NewArray(), nil
	}
	return nil, fmt.Errorf("is %s, want %s", a.DataType(), want)
}

// Events implements warehouse.EventReader.
func (s *Store) Events(ctx context.Context, events []warehouse.EventRef, columns []string, each func(arrow.RecordBatch) error) error {
	sh, err := shapeOf(columns)
	if err != nil {
		return err
	}
	err = s.read(ctx, func(r *reader) error {
		if err := r.ask(ctx, events); err != nil {
			return err
		}
		if err := r.exec(ctx, `CREATE OR REPLACE TEMP TABLE changed AS SELECT rid, row_number() OVER (ORDER BY event_day, reported_at, event_id) AS n FROM (
 SELECT v.rowid AS rid, v.event_day, v.reported_at, v.event_id FROM event_version v SEMI JOIN asked a ON a.id = v.event_id WHERE v.known_to IS NULL AND `+spanOf("v.event_day", events)+")"); err != nil {
			return err
		}
		n, err := r.number(ctx, "SELECT count(*) FROM changed")
		if err != nil {
			return err
		}
		for at := int64(0); at < n; at += slice {
			if err := r.changed(ctx, sh, at, at+slice, each); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return nil
}
