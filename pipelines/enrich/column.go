package enrich

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// words reads a dictionary column. A nil *words is null in every row.
type words struct {
	dict   *array.Dictionary
	index  []int16
	values []string
}

// wordsOf returns the column as words, nil where it is unset.
func wordsOf(d *event.Draft, name string) (*words, error) {
	col := d.Col(name)
	if col == nil {
		return nil, nil
	}
	dict, ok := col.(*array.Dictionary)
	if !ok {
		return nil, fmt.Errorf("column %s is %s where a dictionary is expected", name, col.DataType())
	}
	values, ok := dict.Dictionary().(*array.String)
	index, ok2 := dict.Indices().(*array.Int16)
	if !ok || !ok2 {
		return nil, fmt.Errorf("column %s is %s where %s is expected", name, col.DataType(), event.Dict)
	}
	w := &words{dict: dict, index: index.Int16Values(), values: make([]string, values.Len())}
	for i := range w.values {
		w.values[i] = values.Value(i)
	}
	return w, nil
}

// at returns the index of a row's value, -1 where it is null.
func (w *words) at(row int) int {
	if w == nil || w.dict.IsNull(row) {
		return -1
	}
	return int(w.index[row])
}

// text returns the value of an index that at returned, "" for -1.
func (w *words) text(i int) string {
	if i < 0 {
		return ""
	}
	return w.values[i]
}

// floats reads a float64 column; nil is null in every row.
type floats struct {
	arr  *array.Float64
	vals []float64
}

func floatsOf(a arrow.Array, name string) (*floats, error) {
	if a == nil {
		return nil, nil
	}
	f, ok := a.(*array.Float64)
	if !ok {
		return nil, fmt.Errorf("column %s is %s where float64 is expected", name, a.DataType())
	}
	return &floats{f, f.Float64Values()}, nil
}

// at returns the value of a row, NaN where it is null.
func (f *floats) at(row int) float64 {
	if f == nil || f.arr.IsNull(row) {
		return math.NaN()
	}
	return f.vals[row]
}

// texts reads a string column; nil is null in every row.
func textsOf(d *event.Draft, name string) (*array.String, error) {
	col := d.Col(name)
	if col == nil {
		return nil, nil
	}
	s, ok := col.(*array.String)
	if !ok {
		return nil, fmt.Errorf("column %s is %s where utf8 is expected", name, col.DataType())
	}
	return s, nil
}

func textAt(a *array.String, row int) string {
	if a == nil || a.IsNull(row) {
		return ""
	}
	return a.Value(row)
}

// wordBuilder makes a dictionary column; "" is null.
type wordBuilder struct {
	index []int16
	valid []bool
	codes map[string]int16
	dict  []string
	last  string
	code  int16
	any   bool
}

func newWordBuilder(rows int) *wordBuilder {
	return &wordBuilder{index: make([]int16, rows), valid: make([]bool, rows), codes: map[string]int16{}}
}

func (b *wordBuilder) set(row int, v string) {
	if v == "" {
		return
	}
	if v != b.last {
		b.last, b.code = v, b.find(v)
	}
	b.index[row], b.valid[row], b.any = b.code, true, true
}

// find returns the code of a value. Most columns have a handful of values: looking through them beats hashing.
func (b *wordBuilder) find(v string) int16 {
	for i, w := range b.dict[:min(len(b.dict), 6)] {
		if w == v {
			return int16(i)
		}
	}
	code, ok := b.codes[v]
	if !ok {
		code = int16(len(b.dict))
		b.codes[v] = code
		b.dict = append(b.dict, v)
	}
	return code
}

// array returns the column, nil where every row is null.
func (b *wordBuilder) array() arrow.Array {
	if !b.any {
		return nil
	}
	ib := array.NewInt16Builder(memory.DefaultAllocator)
	ib.AppendValues(b.index, b.valid)
	sb := array.NewStringBuilder(memory.DefaultAllocator)
	sb.AppendValues(b.dict, nil)
	index, dict := ib.NewArray(), sb.NewArray()
	defer index.Release()
	defer dict.Release()
	return array.NewDictionaryArray(event.Dict, index, dict)
}

// floatArray makes a float64 column; NaN is null. It returns nil where every row is null.
func floatArray(vals []float64) arrow.Array {
	valid := make([]bool, len(vals))
	any := false
	for i, v := range vals {
		if v == v {
			valid[i], any = true, true
		}
	}
	if !any {
		return nil
	}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues(vals, valid)
	return b.NewArray()
}

// textArray makes a string column; "" is null. It returns nil where every row is null.
func textArray(vals []string) arrow.Array {
	size, any := 0, false
	for _, v := range vals {
		size += len(v)
		any = any || v != ""
	}
	if !any {
		return nil
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Reserve(len(vals))
	b.ReserveData(size)
	for _, v := range vals {
		if v == "" {
			b.AppendNull()
		} else {
			b.Append(v)
		}
	}
	return b.NewArray()
}
