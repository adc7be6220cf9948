package normalize

import (
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// validity is a bitmap that exists only when some row is null.
type validity struct {
	buf   *memory.Buffer
	nulls int
}

func (v *validity) clear(mem memory.Allocator, rows, row int) {
	if v.buf == nil {
		v.buf = memory.NewResizableBuffer(mem)
		v.buf.Resize((rows + 7) / 8)
		memory.Set(v.buf.Bytes(), 0xff)
	}
	bitutil.ClearBit(v.buf.Bytes(), row)
	v.nulls++
}

// finish makes an array of the buffers and gives up its references to them.
func (v *validity) finish(dt arrow.DataType, rows int, rest ...*memory.Buffer) arrow.Array {
	data := array.NewData(dt, rows, append([]*memory.Buffer{v.buf}, rest...), nil, v.nulls, 0)
	defer data.Release()
	if v.buf != nil {
		v.buf.Release()
	}
	for _, b := range rest {
		b.Release()
	}
	return array.MakeFromData(data)
}

// fixed makes a column of fixed width. A column that is null in every row is nil, which is how a draft says so.
func fixed[T int8 | int16 | int32 | int64 | float32 | float64](r *run, f *field, dt arrow.DataType, flag event.Flag, rule string, conv func(*alt, string) (T, outcome)) arrow.Array {
	if r.absent(f) {
		return nil
	}
	buf := memory.NewResizableBuffer(r.n.mem)
	buf.Resize(r.rows * dt.(arrow.FixedWidthDataType).Bytes())
	vals := arrow.GetData[T](buf.Bytes())
	var def T
	hasDef := false
	if f.hasDef {
		var o outcome
		def, o = conv(&alt{scale: 1, times: f.alts[0].times}, f.def) // in the target's unit
		hasDef = o == isOK
	}
	var valid validity
rows:
	for row := range vals {
		last, missed := isNull, ""
		for _, a := range f.alts {
			s, o := a.text(r, row)
			if o == isOK {
				var v T
				if v, o = conv(a, s); o == isOK {
					if f.lo != nil && float64(v) < *f.lo || f.hi != nil && float64(v) > *f.hi {
						if f.strict {
							r.reject(row, "out_of_range", f.name)
						}
						r.flags[row] |= event.ColumnShift
						vals[row] = 0
						valid.clear(r.n.mem, r.rows, row)
						continue rows
					}
					vals[row] = v
					continue rows
				}
			}
			if o == isUnmapped {
				missed = s
			}
			last = max(last, o)
		}
		vals[row] = 0
		switch {
		case last == isUnmapped:
			r.unmapped(f, row, missed)
		case hasDef && (last == isNull || last == isSentinel):
			vals[row] = def
			continue
		case last != isNull || f.require:
			r.failed(f, row, last, flag, rule)
		}
		if f.needed && !f.require { // a count that the source does not give is 0
			continue
		}
		valid.clear(r.n.mem, r.rows, row)
	}
	if valid.nulls == r.rows && r.rows > 0 {
		buf.Release()
		valid.buf.Release()
		return nil
	}
	return valid.finish(dt, r.rows, buf)
}

// absent reports whether no column of a field is in the batch and nothing else gives it a value.
func (r *run) absent(f *field) bool {
	if f.require || f.hasDef || f.needed {
		return false
	}
	for _, a := range f.alts {
		if a.sel != fromColumn && a.sel != fromFirst && a.sel != fromConcat {
			return false
		}
		for _, c := range a.cols {
			if v := &r.cols[c]; v.arr != nil || v.konst != "" {
				return false
			}
		}
	}
	return true
}

func integers[T int8 | int16 | int32](r *run, f *field, dt arrow.DataType) arrow.Array {
	return fixed(r, f, dt, event.NumberUnparsed, "bad_number", func(a *alt, s string) (T, outcome) {
		v, ok := a.integer(s, f.kind)
		if !ok {
			return 0, isBad
		}
		return T(v), isOK
	})
}

func floats[T float32 | float64](r *run, f *field, dt arrow.DataType) arrow.Array {
	return fixed(r, f, dt, event.NumberUnparsed, "bad_number", func(a *alt, s string) (T, outcome) {
		v, ok := a.float(s)
		if !ok {
			return 0, isBad
		}
		return T(v), isOK
	})
}

// integer reads a whole number that fits the target. With a scale the result is rounded; without one a fraction other
// than zeros is no whole number.
func (a *alt) integer(s string, k targetKind) (int64, bool) {
	limit := int64(math.MaxInt32)
	switch k {
	case int8Target:
		limit = math.MaxInt8
	case int16Target:
		limit = math.MaxInt16
	}
	if a.scale == 1 && len(s) <= 10 {
		if v, end, ok := digits(s, 0, 1, 10); ok && end == len(s) {
			return int64(v), int64(v) <= limit
		}
	}
	f, ok := a.float(s)
	if !ok {
		return 0, false
	}
	v := math.Round(f)
	if a.scale == 1 && v != f || math.Abs(v) > float64(limit) {
		return 0, false
	}
	return int64(v), true
}

// float reads a decimal number; hexadecimal, infinities and digits with underscores are not numbers here.
func (a *alt) float(s string) (float64, bool) {
	if a.comma {
		s = strings.ReplaceAll(strings.ReplaceAll(s, ",", ""), "，", "")
	}
	if s == "" {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c-'0' > 9 && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !finite(f) {
		return 0, false
	}
	if a.scale != 1 {
		f *= a.scale
	}
	return f, true
}

// truth reads a truth value.
func truth(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "t", "1", "yes", "y", "是", "有", "真":
		return true, true
	case "false", "f", "0", "no", "n", "否", "无", "假":
		return false, true
	}
	return false, false
}

// booleans makes a column of truth values.
func (r *run) booleans(f *field) arrow.Array {
	if r.absent(f) {
		return nil
	}
	b := array.NewBooleanBuilder(r.n.mem)
	defer b.Release()
	b.Reserve(r.rows)
	for row := range r.rows {
		s, o := r.value(f, row)
		if o == isOK {
			v, ok := truth(s)
			if ok {
				b.UnsafeAppend(v)
				continue
			}
			// Neither yes nor no is a code that nobody mapped.
			if !f.require && !f.strict {
				r.unmapped(f, row, s)
			} else {
				r.reject(row, "bad_bool", f.name)
			}
			b.UnsafeAppendBoolToBitmap(false)
			continue
		}
		if o == isUnmapped {
			r.unmapped(f, row, s)
		} else if o != isNull || f.require {
			r.failed(f, row, o, 0, "bad_bool")
		}
		b.UnsafeAppendBoolToBitmap(false)
	}
	if b.NullN() == r.rows && r.rows > 0 {
		return nil
	}
	return b.NewArray()
}

// lists makes a column of text lists.
func (r *run) lists(f *field) arrow.Array {
	if r.absent(f) {
		return nil
	}
	lb := array.NewListBuilder(r.n.mem, arrow.BinaryTypes.String)
	defer lb.Release()
	sb := lb.ValueBuilder().(*array.StringBuilder)
	sep := f.split
	if sep == "" {
		sep = ","
	}
	for row := range r.rows {
		s, o := r.value(f, row)
		if o != isOK {
			if o == isUnmapped {
				r.unmapped(f, row, s)
			} else if o != isNull || f.require {
				r.failed(f, row, o, 0, "missing_required")
			}
			lb.AppendNull()
			continue
		}
		lb.Append(true)
		for part := range strings.SplitSeq(s, sep) {
			if part, ok := clean(part, true); ok {
				sb.Append(part)
			}
		}
	}
	if lb.NullN() == r.rows && r.rows > 0 {
		return nil
	}
	return lb.NewArray()
}
