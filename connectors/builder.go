package connectors

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Builder makes source-shaped record batches row by row, so that a connector author writes no Arrow code:
//
//	b := connectors.NewBuilder("id", "time", "text")
//	b.Set(0, "4711"); b.Set(2, "灯不亮"); b.EndRow()
//	batch.Records = b.Take()
//
// Columns that a row does not set are null in it. A column may be added at any time; earlier rows are null in it.
type Builder struct {
	names []string
	index map[string]int
	cols  []*array.StringBuilder
	mem   memory.Allocator
	rows  int
	bytes int
}

// NewBuilder returns a builder with the given columns.
func NewBuilder(columns ...string) *Builder {
	b := &Builder{index: map[string]int{}, mem: memory.DefaultAllocator}
	for _, c := range columns {
		b.Column(c)
	}
	return b
}

// Column returns the index of a column and adds it when it is new.
func (b *Builder) Column(name string) int {
	if i, ok := b.index[name]; ok {
		return i
	}
	i := len(b.names)
	b.index[name] = i
	b.names = append(b.names, name)
	sb := array.NewStringBuilder(b.mem)
	sb.AppendNulls(b.rows)
	b.cols = append(b.cols, sb)
	return i
}

// Set gives column i of the current row its value. A second Set of the same column in a row is ignored.
func (b *Builder) Set(i int, value string) {
	if c := b.cols[i]; c.Len() == b.rows {
		c.Append(value)
		b.bytes += len(value)
	}
}

// SetBytes is Set for a byte slice, which is copied.
func (b *Builder) SetBytes(i int, value []byte) {
	if c := b.cols[i]; c.Len() == b.rows {
		c.BinaryBuilder.Append(value)
		b.bytes += len(value)
	}
}

// EndRow ends the current row.
func (b *Builder) EndRow() {
	b.rows++
	for _, c := range b.cols {
		if c.Len() < b.rows {
			c.AppendNull()
		}
	}
}

// Rows is the number of ended rows, Bytes the size of their values.
func (b *Builder) Rows() int  { return b.rows }
func (b *Builder) Bytes() int { return b.bytes }

// Take returns the rows so far as a record batch and starts anew with the same columns.
func (b *Builder) Take() arrow.RecordBatch {
	fields := make([]arrow.Field, len(b.cols))
	cols := make([]arrow.Array, len(b.cols))
	for i, c := range b.cols {
		fields[i] = arrow.Field{Name: b.names[i], Type: arrow.BinaryTypes.String, Nullable: true}
		cols[i] = c.NewArray()
	}
	rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(b.rows))
	for _, c := range cols {
		c.Release()
	}
	b.rows, b.bytes = 0, 0
	return rec
}
