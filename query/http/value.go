package http

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// safeInteger is the largest integer that every JSON reader keeps exactly (RFC 8259, section 6); larger ones are texts.
const safeInteger = 1<<53 - 1

// appendJSON appends one cell. Numbers are numbers, except decimals, integers beyond ±(2^53−1) and what JSON has no number
// for; times are ISO 8601, with Z where the column has a zone; bytes are base64; a map is a list of key and value.
func appendJSON(b []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(b, "null"...)
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(b, a.Value(i))
	case *array.Int8:
		return appendInt(b, int64(a.Value(i)))
	case *array.Int16:
		return appendInt(b, int64(a.Value(i)))
	case *array.Int32:
		return appendInt(b, int64(a.Value(i)))
	case *array.Int64:
		return appendInt(b, a.Value(i))
	case *array.Uint8:
		return appendInt(b, int64(a.Value(i)))
	case *array.Uint16:
		return appendInt(b, int64(a.Value(i)))
	case *array.Uint32:
		return appendInt(b, int64(a.Value(i)))
	case *array.Uint64:
		if v := a.Value(i); v > safeInteger {
			return appendText(b, strconv.FormatUint(v, 10))
		}
		return strconv.AppendUint(b, a.Value(i), 10)
	case *array.Float32:
		return appendFloat(b, float64(a.Value(i)), 32)
	case *array.Float64:
		return appendFloat(b, a.Value(i), 64)
	case array.StringLike:
		return appendText(b, a.Value(i))
	case *array.Binary:
		return appendText(b, base64.StdEncoding.EncodeToString(a.Value(i)))
	case *array.LargeBinary:
		return appendText(b, base64.StdEncoding.EncodeToString(a.Value(i)))
	case *array.Date32:
		return appendText(b, dateText(int64(a.Value(i))))
	case *array.Date64:
		return appendText(b, dateText(int64(a.Value(i))/86_400_000))
	case *array.Timestamp:
		return appendText(b, timestampText(a, i))
	case *array.Time32:
		return appendText(b, a.Value(i).ToTime(a.DataType().(*arrow.Time32Type).Unit).Format("15:04:05.999"))
	case *array.Time64:
		return appendText(b, a.Value(i).ToTime(a.DataType().(*arrow.Time64Type).Unit).Format("15:04:05.999999"))
	case *array.Dictionary:
		return appendJSON(b, a.Dictionary(), a.GetValueIndex(i))
	case array.ExtensionArray:
		return appendJSON(b, a.Storage(), i)
	case *array.Map:
		start, end := a.ValueOffsets(i)
		b = append(b, '[')
		for j := start; j < end; j++ {
			if j > start {
				b = append(b, ',')
			}
			b = append(b, `{"key":`...)
			b = appendJSON(b, a.Keys(), int(j))
			b = append(b, `,"value":`...)
			b = append(appendJSON(b, a.Items(), int(j)), '}')
		}
		return append(b, ']')
	case array.ListLike:
		start, end := a.ValueOffsets(i)
		b = append(b, '[')
		for j := start; j < end; j++ {
			if j > start {
				b = append(b, ',')
			}
			b = appendJSON(b, a.ListValues(), int(j))
		}
		return append(b, ']')
	case *array.Struct:
		b = append(b, '{')
		for f, field := range a.DataType().(*arrow.StructType).Fields() {
			if f > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, field.Name), ':')
			b = appendJSON(b, a.Field(f), i)
		}
		return append(b, '}')
	case *array.Decimal128:
		return appendText(b, a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.Decimal256:
		return appendText(b, a.Value(i).ToString(a.DataType().(*arrow.Decimal256Type).Scale))
	case *array.MonthDayNanoInterval:
		return appendText(b, intervalText(a.Value(i)))
	default:
		return appendText(b, a.ValueStr(i))
	}
}

func appendInt(b []byte, v int64) []byte {
	if v > safeInteger || v < -safeInteger {
		return appendText(b, strconv.FormatInt(v, 10))
	}
	return strconv.AppendInt(b, v, 10)
}

func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

func appendText(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0xe2 || c == 0x7f {
			plain = false
			break
		}
	}
	if plain && utf8.ValidString(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	// It escapes <, > and & too: no browser may take an answer for a page.
	q, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always marshals
	}
	return append(b, q...)
}

func dateText(days int64) string {
	switch days {
	case math.MaxInt32:
		return "infinity"
	case -math.MaxInt32:
		return "-infinity"
	}
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(days)).Format(time.DateOnly)
}

func timestampText(a *array.Timestamp, i int) string {
	typ := a.DataType().(*arrow.TimestampType)
	v := a.Value(i)
	switch v {
	case math.MaxInt64:
		return "infinity"
	case -math.MaxInt64:
		return "-infinity"
	}
	t := v.ToTime(typ.Unit).UTC()
	if typ.TimeZone != "" {
		return t.Format("2006-01-02T15:04:05.999999999Z")
	}
	return t.Format("2006-01-02T15:04:05.999999999")
}

// intervalText is an ISO 8601 duration of months, days and seconds, each with its own sign.
func intervalText(v arrow.MonthDayNanoInterval) string {
	return "P" + strconv.FormatInt(int64(v.Months), 10) + "M" + strconv.FormatInt(int64(v.Days), 10) + "DT" +
		strconv.FormatFloat(float64(v.Nanoseconds)/1e9, 'f', -1, 64) + "S"
}

// cellText is one cell for CSV: as in JSON, without quotes around a text; text says whether it is free text.
func cellText(scratch []byte, a arrow.Array, i int) (s string, text bool, rest []byte) {
	if a.IsNull(i) {
		return "", false, scratch
	}
	if d, ok := a.(*array.Dictionary); ok {
		return cellText(scratch, d.Dictionary(), d.GetValueIndex(i))
	}
	if st, ok := a.(array.StringLike); ok {
		return st.Value(i), true, scratch
	}
	scratch = appendJSON(scratch[:0], a, i)
	if n := len(scratch); n >= 2 && scratch[0] == '"' {
		return string(scratch[1 : n-1]), false, scratch
	}
	return string(scratch), false, scratch
}
