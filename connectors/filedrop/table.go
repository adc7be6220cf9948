package filedrop

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/connectors"
)

// batchBytes ends a batch early: large records must not make large batches.
const batchBytes = 16 << 20

// table collects one batch: text columns laid out as Arrow wants them (one run of bytes and one of offsets for each
// column), the rejects and the notes. Readers that know their columns add values in order with put; readers that find
// columns as they go use set. Both end with endRow, or drop what they added with undo.
type table struct {
	cols    []column
	index   map[string]int
	rows    int
	limit   int // rows and rejects after which the batch is full
	maxCols int
	rejects []connectors.Reject
	notes   []connectors.Note
	bytes   int
	schema  *arrow.Schema
}

type column struct {
	name    string
	data    []byte
	offsets []int32 // rows+1 of them; one more while a row is being built
	valid   []byte  // bitmap, nil as long as nothing is null
	nulls   int
}

func newTable(limit, maxCols int) *table {
	return &table{index: map[string]int{}, limit: limit, maxCols: maxCols}
}

// columns gives the table exactly these columns. It must be empty.
func (t *table) columns(names []string) {
	if len(t.cols) == len(names) {
		same := true
		for i := range names {
			same = same && t.cols[i].name == names[i]
		}
		if same {
			return
		}
	}
	t.cols, t.index, t.schema = nil, map[string]int{}, nil
	for _, n := range names {
		t.column(n)
	}
}

// column returns the index of a column, adding it when it is new; earlier rows are null in it.
func (t *table) column(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	i := len(t.cols)
	c := column{name: name, offsets: make([]int32, t.rows+1, max(t.rows+1, min(t.limit, 1024)+1)), nulls: t.rows}
	if t.rows > 0 {
		c.valid = make([]byte, (t.rows+8)/8)
	}
	t.cols = append(t.cols, c)
	t.index[name] = i
	t.schema = nil
	return i
}

// full reports whether the batch should be delivered.
func (t *table) full() bool { return t.rows+len(t.rejects) >= t.limit || t.bytes >= batchBytes }

// put adds the next value of column i in the current row.
func (c *column) put(v []byte) {
	c.data = append(c.data, v...)
	c.end()
}

// end closes the value whose bytes were appended to data.
func (c *column) end() {
	if c.valid != nil {
		c.mark(len(c.offsets)-1, true)
	}
	c.offsets = append(c.offsets, int32(len(c.data)))
}

func (c *column) mark(row int, valid bool) {
	for len(c.valid) <= row>>3 {
		c.valid = append(c.valid, 0)
	}
	if valid {
		c.valid[row>>3] |= 1 << (row & 7)
	} else {
		c.valid[row>>3] &^= 1 << (row & 7)
	}
}

func (c *column) null() {
	row := len(c.offsets) - 1
	if c.valid == nil {
		c.valid = bytes.Repeat([]byte{0xFF}, row>>3+1)
	}
	c.mark(row, false)
	c.nulls++
	c.offsets = append(c.offsets, int32(len(c.data)))
}

// set gives a column of the current row its value; a second one is ignored. It returns false when the columns run out.
func (t *table) set(name, v []byte) bool {
	i, ok := t.index[string(name)]
	if !ok {
		if len(t.cols) >= t.maxCols {
			return false
		}
		i = t.column(string(name))
	}
	if c := &t.cols[i]; len(c.offsets) == t.rows+1 {
		c.put(v)
	}
	return true
}

// endRow ends a row of which some columns may be missing.
func (t *table) endRow() {
	t.rows++
	for i := range t.cols {
		c := &t.cols[i]
		if len(c.offsets) <= t.rows {
			c.null()
		}
		t.bytes += int(c.offsets[t.rows] - c.offsets[t.rows-1])
	}
}

// undo drops what was added to the current row.
func (t *table) undo() {
	for i := range t.cols {
		c := &t.cols[i]
		c.offsets = c.offsets[:t.rows+1]
		c.data = c.data[:c.offsets[t.rows]]
	}
}

// reject adds a record that could not be decoded. The messages must not quote it.
func (t *table) reject(position, rule, message, zh string, raw []byte) {
	if len(raw) > maxRaw {
		raw = raw[:maxRaw]
	}
	t.rejects = append(t.rejects, connectors.Reject{Position: position, Rule: rule, Message: message, MessageZH: zh, Raw: raw})
	t.bytes += len(raw)
}

func (t *table) note(rule, format string, args ...any) {
	t.notes = append(t.notes, connectors.Note{Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// take hands over the batch and starts anew with the same columns. Columns in which every row is null are kept: they
// are part of the file's shape.
func (t *table) take() (rec arrow.RecordBatch, rejects []connectors.Reject, notes []connectors.Note) {
	if t.rows > 0 {
		rec = t.record()
	}
	rejects, notes = t.rejects, t.notes
	for i := range t.cols {
		c := &t.cols[i]
		// The buffers now belong to the batch. The new ones are made as large as the last were, and a little more.
		if t.rows > 0 {
			c.data, c.valid, c.nulls = make([]byte, 0, len(c.data)+len(c.data)/16), nil, 0
			c.offsets = make([]int32, 1, t.rows+2)
		}
	}
	t.rows, t.bytes, t.rejects, t.notes = 0, 0, nil, nil
	return rec, rejects, notes
}

func (t *table) record() arrow.RecordBatch {
	if t.schema == nil {
		fields := make([]arrow.Field, len(t.cols))
		for i := range t.cols {
			fields[i] = arrow.Field{Name: t.cols[i].name, Type: arrow.BinaryTypes.String, Nullable: true}
		}
		t.schema = arrow.NewSchema(fields, nil)
	}
	arrs := make([]arrow.Array, len(t.cols))
	for i := range t.cols {
		c := &t.cols[i]
		var valid *memory.Buffer
		if c.nulls > 0 {
			c.mark(t.rows-1, c.valid[(t.rows-1)>>3]&(1<<((t.rows-1)&7)) != 0)
			valid = memory.NewBufferBytes(c.valid)
		}
		data := array.NewData(arrow.BinaryTypes.String, t.rows,
			[]*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)), memory.NewBufferBytes(c.data)}, nil, c.nulls, 0)
		arrs[i] = array.NewStringData(data)
		data.Release()
	}
	rec := array.NewRecordBatch(t.schema, arrs, int64(t.rows))
	for _, a := range arrs {
		a.Release()
	}
	return rec
}

// reset drops everything collected, keeping the columns.
func (t *table) reset() {
	for i := range t.cols {
		c := &t.cols[i]
		c.offsets, c.data, c.valid, c.nulls = c.offsets[:1], c.data[:0], nil, 0
	}
	t.rows, t.bytes, t.rejects, t.notes = 0, 0, nil, nil
}
