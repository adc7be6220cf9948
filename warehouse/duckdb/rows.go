package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

var allocator memory.Allocator = memory.DefaultAllocator

// ownFields are the columns of event_version that the store itself decides.
var ownFields = []arrow.Field{
	{Name: "event_day", Type: arrow.FixedWidthTypes.Date32},
	{Name: "version", Type: arrow.PrimitiveTypes.Int32},
	{Name: "first_seen_at", Type: event.Timestamp},
	{Name: "valid_from", Type: event.Timestamp},
	{Name: "known_from", Type: event.Timestamp},
	{Name: "known_to", Type: event.Timestamp, Nullable: true},
	{Name: "source_fp", Type: arrow.PrimitiveTypes.Uint64},
	{Name: "hash_head", Type: arrow.PrimitiveTypes.Uint64},
}

// incidentFields are the columns that linkage sets beside a state; a new state takes them over from the one before.
var incidentFields = []arrow.Field{
	uuidField("incident_id"),
	{Name: "incident_role", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "is_countable", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "link_no", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}

// incidentColumns are their names for SQL.
const incidentColumns = "incident_id, incident_role, is_countable, link_no"

// incidentArrays are the incidents that the rows of a chunk take over.
func incidentArrays(d *decision, rows int) []arrow.Array {
	out := make([]arrow.Array, len(incidentFields))
	if !d.linked {
		for i, f := range incidentFields {
			out[i] = array.MakeArrayOfNull(allocator, f.Type, rows)
		}
		return out
	}
	b := array.NewRecordBuilder(allocator, arrow.NewSchema(incidentFields, nil))
	defer b.Release()
	for _, inc := range d.incident {
		switch {
		case inc == nil:
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		case inc.role == "": // was in an incident once, and is its own again
			b.Field(0).AppendNull()
			b.Field(1).AppendNull()
			b.Field(2).AppendNull()
		default:
			b.Field(0).(*array.FixedSizeBinaryBuilder).Append(inc.id[:])
			b.Field(1).(*array.StringBuilder).Append(inc.role)
			b.Field(2).(*array.BooleanBuilder).Append(inc.countable)
		}
		b.Field(3).(*array.Int64Builder).Append(inc.no)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	for i, c := range rec.Columns() {
		c.Retain()
		out[i] = c
	}
	return out
}

// updateSchema addresses stored rows: a row id with a value as a signed and as an unsigned number.
var updateSchema = arrow.NewSchema([]arrow.Field{{Name: "rid", Type: arrow.PrimitiveTypes.Int64},
	{Name: "v", Type: arrow.PrimitiveTypes.Int64}, {Name: "w", Type: arrow.PrimitiveTypes.Uint64}}, nil)

func ownColumns(d *decision, in input) []arrow.Array {
	n := in.rows
	days := make([]arrow.Date32, n)
	for i, v := range d.day {
		days[i] = arrow.Date32(v)
	}
	known := array.NewTimestampBuilder(allocator, event.Timestamp)
	defer known.Release()
	known.Reserve(n)
	for _, v := range d.knownTo {
		if v == 0 {
			known.AppendNull()
		} else {
			known.Append(arrow.Timestamp(v))
		}
	}
	heads := make([]uint64, n)
	for i := range heads {
		heads[i] = in.head(i)
	}
	in.ingested.Retain()
	return []arrow.Array{
		fixed(arrow.FixedWidthTypes.Date32, n, arrow.Date32Traits.CastToBytes(days)),
		fixed(arrow.PrimitiveTypes.Int32, n, arrow.Int32Traits.CastToBytes(d.version)),
		fixed(event.Timestamp, n, arrow.Int64Traits.CastToBytes(d.firstSeen)),
		fixed(event.Timestamp, n, arrow.Int64Traits.CastToBytes(in.from)),
		in.ingested,
		known.NewArray(),
		fixed(arrow.PrimitiveTypes.Uint64, n, arrow.Uint64Traits.CastToBytes(in.fp)),
		fixed(arrow.PrimitiveTypes.Uint64, n, arrow.Uint64Traits.CastToBytes(heads)),
	}
}

// fixed wraps a slice as an array without nulls and without a copy.
func fixed(t arrow.DataType, n int, b []byte) arrow.Array {
	data := array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(b)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// queryRow runs a query that gives one row.
func queryRow(ctx context.Context, conn driver.Conn, query string, args ...any) ([]driver.Value, error) {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, query, named)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(out); err != nil {
		if err == io.EOF {
			return nil, fmt.Errorf("no row for %q", query)
		}
		return nil, err
	}
	return out, nil
}

func driverValues(row []any) []driver.Value {
	out := make([]driver.Value, len(row))
	for i, v := range row {
		out[i] = v
	}
	return out
}
