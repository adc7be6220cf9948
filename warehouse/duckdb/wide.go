package duckdb

import (
	"fmt"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
	"onegrid/warehouse"
)

// chunkFields are the columns in which a chunk goes to event_version: those that pipelines set, then those of the store,
// then the mask, then the incident. The schema is fixed because the view is (see feed). The engine takes a scan's columns
// by place, not by name: a statement must name the columns from the first on, without a gap.
func chunkFields() []arrow.Field {
	var out []arrow.Field
	for _, c := range storedColumns() {
		if c.Setter == event.ByStore {
			continue
		}
		f := arrow.Field{Name: c.Name, Type: c.Type, Nullable: true}
		if c.Name == "event_id" {
			f = uuidField(c.Name)
		}
		out = append(out, f)
	}
	out = append(out, ownFields...)
	out = append(out, arrow.Field{Name: "keep", Type: arrow.FixedWidthTypes.Boolean})
	return append(out, incidentFields...)
}

// chunkSchema is the schema of the chunk view.
var chunkSchema = sync.OnceValue(func() *arrow.Schema { return arrow.NewSchema(chunkFields(), nil) })

// chunkColumns is the column list of the insert: all but the mask and the incident, which few rows have.
var chunkColumns = sync.OnceValue(func() string {
	var names []string
	for _, f := range chunkFields() {
		if f.Name == "keep" {
			break
		}
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
})

// wide builds the batch of a chunk: its own columns in the order of the view, null where it has none, and the store's.
func wide(c *warehouse.Chunk, in input, d *decision) (arrow.RecordBatch, error) {
	sc := chunkSchema()
	fields := sc.Fields()
	cols := make([]arrow.Array, len(fields))
	var made []arrow.Array
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	for i, f := range c.Events.Schema().Fields() {
		col, ok := event.Lookup(f.Name)
		if !ok || col.Setter == event.ByStore {
			return nil, fmt.Errorf("chunk column %s is not one that a pipeline sets", f.Name)
		}
		if _, link := linkColumns[f.Name]; link {
			continue
		}
		at := sc.FieldIndices(f.Name)[0]
		a := c.Events.Column(i)
		if want := fields[at].Type; !arrow.TypeEqual(a.DataType(), want) {
			enc, err := encode(a, want)
			if err != nil {
				return nil, fmt.Errorf("chunk column %s: %w", f.Name, err)
			}
			made = append(made, enc)
			a = enc
		}
		cols[at] = a
	}
	own, inc := ownColumns(d, in), incidentArrays(d, in.rows)
	made = append(append(made, own...), inc...)
	at := sc.FieldIndices("keep")[0]
	copy(cols[at-len(own):], own)
	copy(cols[at+1:], inc)
	m := array.NewBooleanBuilder(allocator)
	defer m.Release()
	m.Reserve(in.rows)
	for _, f := range d.fate {
		m.UnsafeAppend(f != fateUnchanged)
	}
	mask := m.NewArray()
	made = append(made, mask)
	cols[at] = mask
	for i, a := range cols {
		if a == nil {
			null := array.MakeArrayOfNull(allocator, fields[i].Type, in.rows)
			made = append(made, null)
			cols[i] = null
		}
	}
	return array.NewRecordBatch(sc, cols, int64(in.rows)), nil
}

// encode turns a plain text column into the dictionary type of the schema; anything else does not fit.
func encode(a arrow.Array, want arrow.DataType) (arrow.Array, error) {
	text, ok := a.(*array.String)
	dt, isDict := want.(*arrow.DictionaryType)
	if !ok || !isDict {
		return nil, fmt.Errorf("is %s, want %s", a.DataType(), want)
	}
	b := array.NewDictionaryBuilder(allocator, dt).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	for i := range text.Len() {
		if text.IsNull(i) {
			b.AppendNull()
		} else if err := b.AppendString(text.Value(i)); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}
