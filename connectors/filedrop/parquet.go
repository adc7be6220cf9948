package filedrop

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"onegrid/connectors"
)

// parquetReader reads a Parquet file row group by row group and gives every value its canonical text.
type parquetReader struct {
	rr    pqarrow.RecordReader
	batch arrow.RecordBatch
	next  int // row of batch
	rec   int64
}

func (s *source) openParquet(ctx context.Context, m member) (o opened, err error) {
	defer func() {
		if recover() != nil { // the decoder's panics over a damaged footer; their text may quote the file
			err = errors.New("its footer cannot be decoded")
		}
	}()
	at, size, err := m.random(s.cfg.Limits.Held)
	if err != nil {
		return o, err
	}
	var tail [8]byte
	if size < 12 {
		return o, errors.New("it is not a Parquet file")
	}
	if _, err := at.ReadAt(tail[:], size-8); err != nil {
		return o, err
	}
	if string(tail[4:]) != "PAR1" {
		return o, errors.New("it is not a Parquet file, or its end is missing")
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > s.cfg.Limits.Held || n > size {
		return o, fmt.Errorf("%w: its footer is larger than limits.held_size or than the file", connectors.ErrLimit)
	}
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	props.MaxUncompressedPageSize = s.cfg.Limits.Held
	f, err := file.NewParquetReader(io.NewSectionReader(at, 0, size), file.WithReadProps(props))
	if err != nil {
		return o, errors.New("its footer cannot be read") // the decoder's text may quote the file
	}
	unpacked := f.NumRows() // a row of nulls takes almost no bytes, but it is a record to deliver
	for i := range f.NumRowGroups() {
		unpacked += max(0, f.MetaData().RowGroup(i).TotalByteSize())
	}
	if unpacked > m.budget.max {
		return o, fmt.Errorf("%w: it unpacks to more than %d bytes", connectors.ErrLimit, m.budget.max)
	}
	fr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: int64(min(s.env.Rows(), 8192))}, memory.DefaultAllocator)
	if err != nil {
		return o, errors.New("its schema cannot be read")
	}
	rr, err := fr.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return o, errors.New("its columns cannot be read")
	}
	var names []string
	for _, fl := range rr.Schema().Fields() {
		names = append(names, leafNames(fl.Name, fl.Type)...)
	}
	return opened{&parquetReader{rr: rr}, headerNames(names)}, nil
}

// leafNames are the columns of a field: those of its members, joined with dots, when it is a struct.
func leafNames(name string, t arrow.DataType) []string {
	st, ok := t.(*arrow.StructType)
	if !ok || st.NumFields() == 0 {
		return []string{name}
	}
	var out []string
	for _, f := range st.Fields() {
		out = append(out, leafNames(name+"."+f.Name, f.Type)...)
	}
	return out
}

func (r *parquetReader) at() position { return position{Rec: r.rec} }

func (r *parquetReader) read(t *table) error {
	for !t.full() {
		if r.batch == nil || r.next >= int(r.batch.NumRows()) {
			b, err := r.rr.Read()
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			if err != nil {
				return errors.New("its pages cannot be read") // the decoder's text may quote the file
			}
			r.batch, r.next = b, 0 // the reader keeps ownership until the next Read
			continue
		}
		r.row(t)
	}
	return nil
}

func (r *parquetReader) row(t *table) {
	col, ok := 0, true
	var add func(a arrow.Array, i int, null bool)
	add = func(a arrow.Array, i int, null bool) {
		null = null || a.IsNull(i)
		if s, isStruct := a.(*array.Struct); isStruct && s.NumField() > 0 {
			for k := range s.NumField() {
				add(s.Field(k), i, null)
			}
			return
		}
		if c := &t.cols[col]; !null {
			v := valueText(c.data, a, i)
			ok = ok && utf8.Valid(v[len(c.data):])
			c.data = v
			c.end()
		}
		col++
	}
	for _, a := range r.batch.Columns() {
		add(a, r.next, false)
	}
	r.next++
	r.rec++
	if !ok {
		t.undo()
		t.reject("row "+strconv.FormatInt(r.rec, 10), "bad_encoding", "a text of the row is not valid UTF-8", "该行有不合法的 UTF-8 文本", nil)
		return
	}
	t.endRow()
}

// valueText appends the canonical text of a value that is not null.
func valueText(b []byte, a arrow.Array, i int) []byte {
	switch v := a.(type) {
	case *array.String:
		return append(b, v.Value(i)...)
	case *array.LargeString:
		return append(b, v.Value(i)...)
	case *array.Binary:
		return binaryText(b, v.Value(i))
	case *array.FixedSizeBinary:
		return binaryText(b, v.Value(i))
	case *array.Boolean:
		return strconv.AppendBool(b, v.Value(i))
	case *array.Int8:
		return strconv.AppendInt(b, int64(v.Value(i)), 10)
	case *array.Int16:
		return strconv.AppendInt(b, int64(v.Value(i)), 10)
	case *array.Int32:
		return strconv.AppendInt(b, int64(v.Value(i)), 10)
	case *array.Int64:
		return strconv.AppendInt(b, v.Value(i), 10)
	case *array.Float32:
		return floatText(b, float64(v.Value(i)), 32)
	case *array.Float64:
		return floatText(b, v.Value(i), 64)
	case *array.Timestamp:
		typ, _ := v.DataType().(*arrow.TimestampType)
		at := v.Value(i).ToTime(typ.Unit)
		if typ.TimeZone != "" {
			return at.AppendFormat(b, "2006-01-02T15:04:05.999999999Z07:00")
		}
		return at.AppendFormat(b, "2006-01-02 15:04:05.999999999")
	case *array.Date32:
		return v.Value(i).ToTime().AppendFormat(b, time.DateOnly)
	case *array.Date64:
		return v.Value(i).ToTime().AppendFormat(b, time.DateOnly)
	case *array.Time32:
		typ, _ := v.DataType().(*arrow.Time32Type)
		return v.Value(i).ToTime(typ.Unit).AppendFormat(b, "15:04:05.999999999")
	case *array.Time64:
		typ, _ := v.DataType().(*arrow.Time64Type)
		return v.Value(i).ToTime(typ.Unit).AppendFormat(b, "15:04:05.999999999")
	case *array.Dictionary:
		return valueText(b, v.Dictionary(), v.GetValueIndex(i))
	case *array.List, *array.LargeList, *array.FixedSizeList, *array.Map:
		if text, err := json.Marshal(a.GetOneForMarshal(i)); err == nil {
			return append(b, text...)
		}
	}
	return append(b, a.ValueStr(i)...)
}

// binaryText is text where the bytes are text, as many writers do not say so, and \x and hexadecimal digits otherwise.
func binaryText(b, v []byte) []byte {
	if utf8.Valid(v) {
		return append(b, v...)
	}
	return hex.AppendEncode(append(b, '\\', 'x'), v)
}

// floatText is the shortest exact form, without an exponent for everyday sizes.
func floatText(b []byte, v float64, bits int) []byte {
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(b, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(b, v, 'f', -1, bits)
}
