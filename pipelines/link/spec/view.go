package spec

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"
)

// view reads one source column of a batch, whatever its type. The zero view is a column that the batch does not have.
type view struct {
	arr  arrow.Array
	text func(row int) string // nil where the type has no text
	num  func(row int) float64
	time func(row int) int64 // microseconds UTC
	list func(row int) []string
}

func (v *view) null(row int) bool { return v.arr == nil || v.arr.IsNull(row) }

// newView binds a column. It reports false for types that no column of a table can come from.
func newView(a arrow.Array) (view, bool) {
	v := view{arr: a}
	switch a := a.(type) {
	case array.StringLike:
		v.text = a.Value
	case *array.Binary:
		v.text = a.ValueString
	case *array.Dictionary:
		d, ok := newView(a.Dictionary())
		if !ok || d.text == nil {
			return v, false
		}
		v.text = func(row int) string { return d.text(a.GetValueIndex(row)) }
	case *array.Boolean:
		v.text = func(row int) string { return strconv.FormatBool(a.Value(row)) }
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		v.time = func(row int) int64 { return micros(int64(a.Value(row)), unit) }
	case *array.Date32:
		v.time = func(row int) int64 { return int64(a.Value(row)) * 86400e6 }
	case *array.Date64:
		v.time = func(row int) int64 { return int64(a.Value(row)) * 1000 }
	case array.ExtensionArray:
		v.text = a.ValueStr // ids of events are UUIDs
	case *array.Null:
		v.arr = nil
	case array.ListLike:
		inner, ok := newView(a.ListValues())
		if !ok {
			return v, false
		}
		v.list = func(row int) []string {
			from, to := a.ValueOffsets(row)
			out := make([]string, 0, to-from)
			for i := from; i < to; i++ {
				if !inner.null(int(i)) {
					out = append(out, inner.token(int(i)))
				}
			}
			return out
		}
	default:
		if !v.numbers(a) {
			return v, false
		}
	}
	return v, true
}

// numbers binds the numeric types. Their text is the number as it is written without an exponent.
func (v *view) numbers(a arrow.Array) bool {
	whole := func(at func(int) int64) {
		v.num = func(row int) float64 { return float64(at(row)) }
		v.text = func(row int) string { return strconv.FormatInt(at(row), 10) }
	}
	switch a := a.(type) {
	case *array.Int8:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Int16:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Int32:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Int64:
		whole(a.Value)
	case *array.Uint8:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Uint16:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Uint32:
		whole(func(r int) int64 { return int64(a.Value(r)) })
	case *array.Uint64:
		v.num = func(row int) float64 { return float64(a.Value(row)) }
		v.text = func(row int) string { return strconv.FormatUint(a.Value(row), 10) }
	case *array.Float32:
		v.num = func(row int) float64 { return float64(a.Value(row)) }
		v.text = func(row int) string { return strconv.FormatFloat(float64(a.Value(row)), 'f', -1, 32) }
	case *array.Float64:
		v.num = a.Value
		v.text = func(row int) string { return strconv.FormatFloat(a.Value(row), 'f', -1, 64) }
	case *array.FixedSizeBinary:
		v.text = func(row int) string { return string(a.Value(row)) }
		if a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth == 16 {
			v.text = func(row int) string { return uuid.UUID(a.Value(row)).String() } // ids of events
		}
	default:
		return false
	}
	return true
}

// token is one entry of a list. Whole numbers are hashes as a rule: eight bytes instead of up to twenty digits.
func (v *view) token(row int) string {
	if a, ok := v.arr.(*array.Uint64); ok {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], a.Value(row))
		return string(b[:])
	}
	if v.text == nil {
		return ""
	}
	return strings.Clone(v.text(row))
}

// hashes are the entries of a list as 32-bit hashes, false where the column is no list of whole numbers.
func (v *view) hashes(row int, dst []uint32) ([]uint32, bool) {
	l, ok := v.arr.(array.ListLike)
	if !ok {
		return dst, false
	}
	from, to := l.ValueOffsets(row)
	switch a := l.ListValues().(type) {
	case *array.Uint32:
		return append(dst, a.Uint32Values()[from:to]...), true
	case *array.Int32:
		for _, t := range a.Int32Values()[from:to] {
			dst = append(dst, uint32(t))
		}
		return dst, true
	case *array.Uint64:
		for _, t := range a.Uint64Values()[from:to] {
			dst = append(dst, fold(t))
		}
		return dst, true
	case *array.Int64:
		for _, t := range a.Int64Values()[from:to] {
			dst = append(dst, fold(uint64(t)))
		}
		return dst, true
	}
	return dst, false
}

func fold(h uint64) uint32 { return uint32(h>>32) ^ uint32(h) }

func micros(v int64, unit arrow.TimeUnit) int64 {
	switch unit {
	case arrow.Second:
		return v * 1e6
	case arrow.Millisecond:
		return v * 1e3
	case arrow.Nanosecond:
		return v / 1e3
	}
	return v
}

// number reads a number from a typed column or from text; NaN where there is none.
func (v *view) number(row int) float64 {
	switch {
	case v.null(row):
		return math.NaN()
	case v.num != nil:
		return v.num(row)
	case v.text != nil:
		return parseNumber(v.text(row))
	}
	return math.NaN()
}

func parseNumber(s string) float64 {
	s = strings.TrimFunc(s, isSpace)
	if strings.IndexByte(s, ',') > 0 {
		s = strings.ReplaceAll(s, ",", "") // 1,440
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f-f != 0 {
		return math.NaN()
	}
	return f
}
