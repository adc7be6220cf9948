package pipelines

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// assembler turns protected drafts of one source into event batches: it adds the columns that the hub sets and the
// content hash. It is not safe for concurrent use.
type assembler struct {
	sourceID      string
	retentionDays int32
	ids           *event.IDs
	mem           memory.Allocator
	buf           []byte
}

func newAssembler(sourceID string, retentionDays int) *assembler {
	return &assembler{sourceID: sourceID, retentionDays: int32(retentionDays), ids: event.NewIDs(sourceID), mem: memory.DefaultAllocator}
}

var idType = &arrow.FixedSizeBinaryType{ByteWidth: 16}

// skipped are the columns that the store or the linkage decides.
func skipped(c event.Column) bool { return c.Setter == event.ByStore || c.Setter == event.ByLink }

// assemble builds the record batch of a protected draft. A required column that nobody set is an error: the batch is
// not stored with a guess.
func (a *assembler) assemble(d *event.Draft, readAt time.Time) (arrow.RecordBatch, error) {
	n := d.Rows
	own := map[string]arrow.Array{
		"source_id":   a.constant(a.sourceID, n),
		"schema_ver":  constInt16(a.mem, event.SchemaVersion, n),
		"ingested_at": constTime(a.mem, readAt, n),
	}
	defer func() {
		for _, v := range own {
			v.Release()
		}
	}()
	ids, err := a.eventIDs(d)
	if err != nil {
		return nil, err
	}
	own["event_id"] = ids
	if own["status_stage"], err = a.stages(d); err != nil {
		return nil, err
	}
	own["content_hash"] = a.hashes(d)
	flags := array.NewUint64Builder(a.mem)
	defer flags.Release()
	flags.Reserve(n)
	for _, f := range d.Flags {
		flags.UnsafeAppend(uint64(f))
	}
	own["quality_flags"] = flags.NewArray()
	if own["purge_after"], err = a.purge(d); err != nil {
		return nil, err
	}
	var fields []arrow.Field
	var cols []arrow.Array
	for i, c := range event.Columns() {
		if skipped(c) {
			continue
		}
		col := d.Cols[i]
		if o, ok := own[c.Name]; ok {
			col = o
		}
		if col == nil {
			if c.Required {
				return nil, fmt.Errorf("column %s is required and nothing sets it", c.Name)
			}
			continue
		}
		if col.Len() != n {
			return nil, fmt.Errorf("column %s has %d rows, batch has %d", c.Name, col.Len(), n)
		}
		if c.Required && col.NullN() > 0 {
			return nil, fmt.Errorf("column %s is required and null in %d rows", c.Name, col.NullN())
		}
		f := c.Field()
		f.Type = col.DataType()
		fields, cols = append(fields, f), append(cols, col)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(n)), nil
}

func (a *assembler) constant(v string, n int) arrow.Array {
	db := array.NewStringBuilder(a.mem)
	defer db.Release()
	db.Append(v)
	dict := db.NewArray()
	defer dict.Release()
	ib := array.NewInt16Builder(a.mem)
	defer ib.Release()
	ib.AppendValues(make([]int16, n), nil)
	idx := ib.NewArray()
	defer idx.Release()
	return array.NewDictionaryArray(event.Dict, idx, dict)
}

func constInt16(mem memory.Allocator, v int16, n int) arrow.Array {
	b := array.NewInt16Builder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

func constTime(mem memory.Allocator, t time.Time, n int) arrow.Array {
	b := array.NewTimestampBuilder(mem, event.Timestamp)
	defer b.Release()
	b.Reserve(n)
	v := arrow.Timestamp(t.UnixMicro())
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

func (a *assembler) eventIDs(d *event.Draft) (arrow.Array, error) {
	rid, ok := d.Col("source_record_id").(*array.String)
	if !ok {
		return nil, fmt.Errorf("column source_record_id is required and nothing sets it")
	}
	b := array.NewFixedSizeBinaryBuilder(a.mem, idType)
	defer b.Release()
	b.Reserve(d.Rows)
	for i := range d.Rows {
		id := a.ids.Of(rid.Value(i))
		b.Append(id[:])
	}
	return b.NewArray(), nil
}

func (a *assembler) stages(d *event.Draft) (arrow.Array, error) {
	st, ok := d.Col("status").(*array.Dictionary)
	if !ok {
		return nil, fmt.Errorf("column status is required and nothing sets it")
	}
	dict := st.Dictionary().(*array.String)
	of := make([]int8, dict.Len())
	for i := range of {
		of[i] = event.Stage(dict.Value(i))
	}
	b := array.NewInt8Builder(a.mem)
	defer b.Release()
	b.Reserve(d.Rows)
	for i := range d.Rows {
		b.UnsafeAppend(of[st.GetValueIndex(i)])
	}
	return b.NewArray(), nil
}

// purge is the last day of retention, counted from the day of the report (PIPL art. 19). A record that is not closed when
// the day comes is the business of the retention job, not of this column.
func (a *assembler) purge(d *event.Draft) (arrow.Array, error) {
	rep, ok := d.Col("reported_at").(*array.Timestamp)
	if !ok {
		return nil, fmt.Errorf("column reported_at is required and nothing sets it")
	}
	b := array.NewDate32Builder(a.mem)
	defer b.Release()
	b.Reserve(d.Rows)
	for i := range d.Rows {
		b.UnsafeAppend(arrow.Date32(event.Day(int64(rep.Value(i))) + a.retentionDays))
	}
	return b.NewArray(), nil
}

// hashes is the content hash of each row: SHA-256 over the columns that come from the source, after redaction, each
// non-null value as column number, length and bytes. The source's own update time is left out: a record that was only
// touched is the same state. What the hub derives is left out too, so that a new polygon makes no new version.
func (a *assembler) hashes(d *event.Draft) arrow.Array {
	var vs []hashColumn
	for i, c := range event.Columns() {
		if c.Setter != event.ByMapping || c.Name == "source_updated_at" || d.Cols[i] == nil {
			continue
		}
		vs = append(vs, newHashColumn(byte(i), d.Cols[i]))
	}
	b := array.NewFixedSizeBinaryBuilder(a.mem, event.Hash)
	defer b.Release()
	b.Reserve(d.Rows)
	var out [32]byte
	for row := range d.Rows {
		buf := a.buf[:0]
		for j := range vs {
			buf = vs[j].append(buf, row)
		}
		a.buf = buf
		out = sha256.Sum256(buf)
		b.Append(out[:])
	}
	return b.NewArray()
}

// hashColumn writes one column's values for hashing without an interface call a value.
type hashColumn struct {
	tag   byte
	arr   arrow.Array
	nulls bool
	text  *array.String
	idx   *array.Int16
	dict  [][]byte // encoded dictionary values
	fixed []byte   // values of a fixed width
	width int
	other func(i int) string
}

func newHashColumn(tag byte, a arrow.Array) hashColumn {
	h := hashColumn{tag: tag, arr: a, nulls: a.NullN() > 0}
	switch v := a.(type) {
	case *array.String:
		h.text = v
	case *array.Dictionary:
		words := v.Dictionary().(*array.String)
		h.idx = v.Indices().(*array.Int16)
		for i := range words.Len() {
			h.dict = append(h.dict, appendValue(nil, tag, words.Value(i)))
		}
	case *array.Timestamp:
		h.fixed, h.width = arrow.TimestampTraits.CastToBytes(v.Values()), 8
	case *array.Float64:
		h.fixed, h.width = arrow.Float64Traits.CastToBytes(v.Float64Values()), 8
	case *array.Float32:
		h.other = func(i int) string { return fmt.Sprint(math.Float32bits(v.Value(i))) }
	case *array.Int32:
		h.fixed, h.width = arrow.Int32Traits.CastToBytes(v.Int32Values()), 4
	case *array.Int16:
		h.fixed, h.width = arrow.Int16Traits.CastToBytes(v.Int16Values()), 2
	case *array.Int8:
		h.fixed, h.width = arrow.Int8Traits.CastToBytes(v.Int8Values()), 1
	default:
		h.other = a.ValueStr
	}
	return h
}

func appendValue(buf []byte, tag byte, v string) []byte {
	buf = append(buf, tag)
	buf = binary.AppendUvarint(buf, uint64(len(v)))
	return append(buf, v...)
}

func (h *hashColumn) append(buf []byte, row int) []byte {
	if h.nulls && h.arr.IsNull(row) {
		return buf
	}
	switch {
	case h.text != nil:
		return appendValue(buf, h.tag, h.text.Value(row))
	case h.idx != nil:
		return append(buf, h.dict[h.idx.Value(row)]...)
	case h.fixed != nil:
		buf = append(buf, h.tag)
		return append(buf, h.fixed[row*h.width:row*h.width+h.width]...)
	default:
		return appendValue(buf, h.tag, h.other(row))
	}
}
