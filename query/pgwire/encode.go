package pgwire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"onegrid/query/pgcatalog"
)

var shanghai = time.FixedZone("CST", 8*3600)

// pgEpoch is PostgreSQL's: 2000-01-01, in days and microseconds since 1970.
const (
	pgEpochDays  = 10957
	pgEpochMicro = pgEpochDays * 86400 * 1_000_000
)

// column encodes the values of one result column in the text or the binary form (PostgreSQL 15, section 55.7 and the send
// functions of the types).
type column struct {
	typ    pgcatalog.Type
	binary bool
}

// append encodes the value at row i, which is not null.
func (c column) append(dst []byte, a arrow.Array, i int) ([]byte, error) {
	if d, ok := a.(*array.Dictionary); ok {
		return c.append(dst, d.Dictionary(), d.GetValueIndex(i))
	}
	if c.typ.Elem != 0 {
		return c.list(dst, a, i)
	}
	if c.binary {
		return appendBinary(dst, a, i, c.typ.OID)
	}
	return appendText(dst, a, i, c.typ.OID)
}

func appendText(dst []byte, a arrow.Array, i int, oid uint32) ([]byte, error) {
	switch v := a.(type) {
	case *array.String:
		return append(dst, v.Value(i)...), nil
	case *array.LargeString:
		return append(dst, v.Value(i)...), nil
	case *array.StringView:
		return append(dst, v.Value(i)...), nil
	case *array.Boolean:
		if v.Value(i) {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case *array.Float32:
		return appendFloat(dst, float64(v.Value(i)), 32), nil
	case *array.Float64:
		return appendFloat(dst, v.Value(i), 64), nil
	case *array.Decimal128:
		return append(dst, v.Value(i).ToString(v.DataType().(*arrow.Decimal128Type).Scale)...), nil
	case *array.Decimal256:
		return append(dst, v.Value(i).ToString(v.DataType().(*arrow.Decimal256Type).Scale)...), nil
	case *array.Date32:
		if inf := infinite(int64(v.Value(i)), math.MaxInt32); inf != "" {
			return append(dst, inf...), nil
		}
		return appendTime(dst, v.Value(i).ToTime(), time.DateOnly), nil
	case *array.Timestamp:
		if inf := infinite(int64(v.Value(i)), math.MaxInt64); inf != "" {
			return append(dst, inf...), nil
		}
		t := v.Value(i).ToTime(v.DataType().(*arrow.TimestampType).Unit)
		if oid == pgcatalog.OIDTimestamptz {
			return appendTime(dst, t.In(shanghai), "2006-01-02 15:04:05.999999-07"), nil
		}
		return appendTime(dst, t, "2006-01-02 15:04:05.999999"), nil
	case *array.Time64:
		return v.Value(i).ToTime(v.DataType().(*arrow.Time64Type).Unit).AppendFormat(dst, "15:04:05.999999"), nil
	case *array.MonthDayNanoInterval:
		return appendInterval(dst, v.Value(i)), nil
	case *array.Binary:
		return hex.AppendEncode(append(dst, `\x`...), v.Value(i)), nil
	case *array.LargeBinary:
		return hex.AppendEncode(append(dst, `\x`...), v.Value(i)), nil
	case *array.FixedSizeBinary:
		if b := v.Value(i); oid == pgcatalog.OIDUUID && len(b) == 16 {
			return append(dst, uuid.UUID(b).String()...), nil
		}
		return hex.AppendEncode(append(dst, `\x`...), v.Value(i)), nil
	case array.ExtensionArray:
		return appendText(dst, v.Storage(), i, oid)
	case *array.Struct, *array.Map, *array.List, *array.LargeList, *array.FixedSizeList:
		b, err := json.Marshal(a.GetOneForMarshal(i))
		return append(dst, b...), err
	}
	if n, ok := integer(a, i); ok {
		return strconv.AppendInt(dst, n, 10), nil
	}
	if u, ok := a.(*array.Uint64); ok {
		return strconv.AppendUint(dst, u.Value(i), 10), nil
	}
	return append(dst, a.ValueStr(i)...), nil
}

// infinite is PostgreSQL's word for the engine's infinite dates and times: the largest value of their type and its negative.
func infinite(v, most int64) string {
	switch v {
	case most:
		return "infinity"
	case -most:
		return "-infinity"
	default:
		return ""
	}
}

// appendTime writes a time; years before 1 have the mark BC and no year 0, as in PostgreSQL.
func appendTime(dst []byte, t time.Time, layout string) []byte {
	if y := t.Year(); y <= 0 {
		return append(t.AddDate(1-2*y, 0, 0).AppendFormat(dst, layout), " BC"...)
	}
	return t.AppendFormat(dst, layout)
}

// integer reads every integer type that fits int64 whatever its value.
func integer(a arrow.Array, i int) (int64, bool) {
	switch v := a.(type) {
	case *array.Int8:
		return int64(v.Value(i)), true
	case *array.Int16:
		return int64(v.Value(i)), true
	case *array.Int32:
		return int64(v.Value(i)), true
	case *array.Int64:
		return v.Value(i), true
	case *array.Uint8:
		return int64(v.Value(i)), true
	case *array.Uint16:
		return int64(v.Value(i)), true
	case *array.Uint32:
		return int64(v.Value(i)), true
	default:
		return 0, false
	}
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	// The shortest digits, with an exponent where PostgreSQL writes one: below 1e-4, and from 15 or, in float4, 6 digits on.
	at, limit := len(dst), 15
	if bits == 32 {
		limit = 6
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if e := bytes.LastIndexByte(dst[at:], 'e'); e >= 0 {
		if exp, err := strconv.Atoi(string(dst[at+e+1:])); err == nil && exp >= -4 && exp < limit {
			return strconv.AppendFloat(dst[:at], f, 'f', -1, bits)
		}
	}
	return dst
}

// appendInterval writes IntervalStyle postgres.
func appendInterval(dst []byte, v arrow.MonthDayNanoInterval) []byte {
	start := len(dst)
	part := func(n int32, one, many string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendInt(dst, int64(n), 10), ' ')
		if n == 1 {
			dst = append(dst, one...)
		} else {
			dst = append(dst, many...)
		}
	}
	part(v.Months/12, "year", "years")
	part(v.Months%12, "mon", "mons")
	part(v.Days, "day", "days")
	us := v.Nanoseconds / 1000
	if us == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	dst = fmt.Appendf(dst, "%02d:%02d:%02d", us/3_600_000_000, us/60_000_000%60, us/1_000_000%60)
	if f := us % 1_000_000; f != 0 {
		dst = fmt.Appendf(dst, ".%06d", f)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

func appendBinary(dst []byte, a arrow.Array, i int, oid uint32) ([]byte, error) {
	be := binary.BigEndian
	switch oid {
	case pgcatalog.OIDInt2, pgcatalog.OIDInt4, pgcatalog.OIDInt8:
		n, ok := integer(a, i)
		switch {
		case !ok:
			return dst, fmt.Errorf("%s as an integer", a.DataType())
		case oid == pgcatalog.OIDInt2:
			return be.AppendUint16(dst, uint16(n)), nil
		case oid == pgcatalog.OIDInt4:
			return be.AppendUint32(dst, uint32(n)), nil
		default:
			return be.AppendUint64(dst, uint64(n)), nil
		}
	case pgcatalog.OIDNumeric:
		text, err := appendText(nil, a, i, oid)
		if err != nil {
			return dst, err
		}
		return appendNumeric(dst, string(text))
	}
	switch v := a.(type) {
	case *array.Boolean:
		if v.Value(i) {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case *array.Float32:
		return be.AppendUint32(dst, math.Float32bits(v.Value(i))), nil
	case *array.Float64:
		return be.AppendUint64(dst, math.Float64bits(v.Value(i))), nil
	case *array.Date32:
		switch infinite(int64(v.Value(i)), math.MaxInt32) {
		case "infinity":
			return be.AppendUint32(dst, math.MaxInt32), nil
		case "-infinity":
			return be.AppendUint32(dst, 1<<31), nil
		}
		return be.AppendUint32(dst, uint32(int32(v.Value(i))-pgEpochDays)), nil
	case *array.Timestamp:
		switch infinite(int64(v.Value(i)), math.MaxInt64) {
		case "infinity":
			return be.AppendUint64(dst, math.MaxInt64), nil
		case "-infinity":
			return be.AppendUint64(dst, 1<<63), nil
		}
		t := v.Value(i).ToTime(v.DataType().(*arrow.TimestampType).Unit)
		return be.AppendUint64(dst, uint64(t.UnixMicro()-pgEpochMicro)), nil
	case *array.Time64:
		t := v.Value(i).ToTime(v.DataType().(*arrow.Time64Type).Unit)
		return be.AppendUint64(dst, uint64(t.Sub(t.Truncate(24*time.Hour)).Microseconds())), nil
	case *array.MonthDayNanoInterval:
		x := v.Value(i)
		dst = be.AppendUint64(dst, uint64(x.Nanoseconds/1000))
		return be.AppendUint32(be.AppendUint32(dst, uint32(x.Days)), uint32(x.Months)), nil
	case *array.Binary:
		return append(dst, v.Value(i)...), nil
	case *array.FixedSizeBinary:
		return append(dst, v.Value(i)...), nil
	case *array.String:
		if oid == pgcatalog.OIDUUID {
			u, err := uuid.Parse(v.Value(i))
			return append(dst, u[:]...), err
		}
		return append(dst, v.Value(i)...), nil
	case array.ExtensionArray:
		return appendBinary(dst, v.Storage(), i, oid)
	}
	return appendText(dst, a, i, oid)
}

// appendNumeric encodes decimal text as numeric's binary form.
func appendNumeric(dst []byte, text string) ([]byte, error) {
	var n pgtype.Numeric
	if err := n.Scan(text); err != nil {
		return dst, err
	}
	if n.Int == nil {
		n.Int = new(big.Int)
	}
	out, err := pgtype.NewMap().Encode(pgcatalog.OIDNumeric, pgtype.BinaryFormatCode, n, dst)
	return out, err
}

// list encodes an array: text as {a,"b c",NULL}, binary with its header (one dimension).
func (c column) list(dst []byte, a arrow.Array, i int) ([]byte, error) {
	l, ok := a.(array.ListLike)
	if !ok {
		return dst, fmt.Errorf("%s as an array", a.DataType())
	}
	from, to := l.ValueOffsets(i)
	values := l.ListValues()
	elem := column{typ: pgcatalog.Type{OID: c.typ.Elem}, binary: c.binary}
	if c.binary {
		be := binary.BigEndian
		if from == to {
			dst = be.AppendUint32(dst, 0)
			return be.AppendUint32(be.AppendUint32(dst, 0), c.typ.Elem), nil
		}
		dst = be.AppendUint32(dst, 1)
		dst = be.AppendUint32(be.AppendUint32(dst, 1), c.typ.Elem)
		dst = be.AppendUint32(be.AppendUint32(dst, uint32(to-from)), 1)
		for k := from; k < to; k++ {
			if values.IsNull(int(k)) {
				dst = be.AppendUint32(dst, math.MaxUint32)
				continue
			}
			at := len(dst)
			dst = append(dst, 0, 0, 0, 0)
			var err error
			if dst, err = elem.append(dst, values, int(k)); err != nil {
				return dst, err
			}
			be.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
		return dst, nil
	}
	dst = append(dst, '{')
	var one []byte
	for k := from; k < to; k++ {
		if k > from {
			dst = append(dst, ',')
		}
		if values.IsNull(int(k)) {
			dst = append(dst, "NULL"...)
			continue
		}
		var err error
		if one, err = elem.append(one[:0], values, int(k)); err != nil {
			return dst, err
		}
		dst = appendElement(dst, one)
	}
	return append(dst, '}'), nil
}

// appendElement quotes an array element where PostgreSQL would read it otherwise (section 8.15.6).
func appendElement(dst, one []byte) []byte {
	plain := len(one) > 0 && string(one) != "NULL" && string(one) != "null"
	for _, b := range one {
		if b == '{' || b == '}' || b == ',' || b == '"' || b == '\\' || b <= ' ' {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, one...)
	}
	dst = append(dst, '"')
	for _, b := range one {
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
