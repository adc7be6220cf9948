package engine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"onegrid/query"
)

// order maps the engine's parameter numbers to positions in Statement.Params: $2 means the second whatever its place in
// the text, and names count in the order of their first use.
func (p *prepared) order(given int) ([]int, error) {
	out := make([]int, len(p.types))
	most := 0
	for i := range out {
		out[i] = i
		if n, err := strconv.Atoi(mapping.ParameterName(p.stmt, mapping.IdxT(i+1))); err == nil && n >= 1 {
			out[i] = n - 1
		}
		most = max(most, out[i]+1)
	}
	if most != given {
		return nil, fmt.Errorf("%w: the statement has %d parameters, %d were given", ErrParameter, most, given)
	}
	return out, nil
}

// bind binds every parameter. A text is read as the type that the parameter names or, if it names none, as the type that
// the engine expects; what is not read here is bound as text, and the engine casts it or refuses.
func (p *prepared) bind(params []query.Param, zone *time.Location) error {
	order, err := p.order(len(params))
	if err != nil {
		return err
	}
	for i, at := range order {
		var want string
		if params[at].Type != "" {
			want = strings.ToUpper(strings.TrimSpace(params[at].Type))
		} else {
			lt := mapping.ParamLogicalType(p.stmt, mapping.IdxT(i+1))
			want = typeName(lt)
			mapping.DestroyLogicalType(&lt)
		}
		v, err := value(params[at].Value, want, params[at].Type != "", zone)
		if err != nil {
			return fmt.Errorf("%w: $%d: %w", ErrParameter, at+1, err)
		}
		state := mapping.BindValue(p.stmt, mapping.IdxT(i+1), v)
		mapping.DestroyValue(&v)
		if state == mapping.StateError {
			return &Failure{Text: mapping.PrepareError(p.stmt)}
		}
	}
	return nil
}

func (p *prepared) bindNull(i int, _ mapping.Type) error {
	v := mapping.CreateNullValue()
	defer mapping.DestroyValue(&v)
	if mapping.BindValue(p.stmt, mapping.IdxT(i+1), v) == mapping.StateError {
		return &Failure{Text: mapping.PrepareError(p.stmt)}
	}
	return nil
}

// value makes an engine value of v. want is a type's name; it binds when the caller named it and is a wish otherwise.
// Errors never hold the value (invariant 4).
func value(v any, want string, binding bool, zone *time.Location) (mapping.Value, error) {
	switch v := v.(type) {
	case nil:
		return mapping.CreateNullValue(), nil
	case bool:
		if !binding || want == "BOOLEAN" || want == "BOOL" {
			return mapping.CreateBool(v), nil
		}
		return fromText(strconv.FormatBool(v), want, zone)
	case int64:
		if !binding || want == "BIGINT" || want == "INT8" {
			return mapping.CreateInt64(v), nil
		}
		return fromText(strconv.FormatInt(v, 10), want, zone)
	case float64:
		if !binding || want == "DOUBLE" || want == "FLOAT8" {
			return mapping.CreateDouble(v), nil
		}
		return fromText(strconv.FormatFloat(v, 'f', -1, 64), want, zone)
	case []byte:
		if binding && want != "BLOB" && want != "BYTEA" {
			return mapping.Value{}, fmt.Errorf("bytes cannot be a %s", known(want))
		}
		return mapping.CreateBlob(v), nil
	case time.Time:
		switch want {
		case "DATE", "TIMESTAMP", "DATETIME":
			return fromText(v.Format("2006-01-02T15:04:05.999999"), want, zone)
		case "TIME":
			return fromText(v.Format("15:04:05.999999"), want, zone)
		}
		return mapping.CreateTimestampTZ(mapping.NewTimestamp(v.UnixMicro())), nil
	case string:
		out, err := fromText(v, want, zone)
		if err == nil || binding {
			return out, err
		}
		return mapping.CreateVarchar(v), nil
	}
	return mapping.Value{}, fmt.Errorf("a value of type %T", v)
}

// known keeps a type name for an error only if it is one of ours.
func known(want string) string {
	if len(want) <= 32 && strings.Trim(want, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_(), ") == "" {
		return want
	}
	return "value of that type"
}

func wrong(want string) error { return fmt.Errorf("its text is not a %s", known(want)) }

// fromText reads a text as a type. The names are the engine's and the usual aliases.
func fromText(s, want string, zone *time.Location) (mapping.Value, error) {
	base, args, _ := strings.Cut(want, "(")
	switch base {
	case "VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR":
		return mapping.CreateVarchar(s), nil
	}
	s = strings.TrimSpace(s)
	switch base {
	case "BOOLEAN", "BOOL", "LOGICAL":
		b, err := strconv.ParseBool(strings.ToLower(s))
		if err != nil {
			return mapping.Value{}, wrong(want)
		}
		return mapping.CreateBool(b), nil
	case "TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "INT1", "INT2", "INT4", "INT8", "LONG", "SHORT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT":
		return integer(s, base, want)
	case "FLOAT", "FLOAT4", "REAL":
		f, err := strconv.ParseFloat(s, 32)
		if err != nil {
			return mapping.Value{}, wrong(want)
		}
		return mapping.CreateFloat(float32(f)), nil
	case "DOUBLE", "FLOAT8":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return mapping.Value{}, wrong(want)
		}
		return mapping.CreateDouble(f), nil
	case "DECIMAL", "NUMERIC":
		return decimal(s, args, want)
	case "BLOB", "BYTEA":
		b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`))
		if err != nil || !strings.HasPrefix(s, `\x`) {
			return mapping.Value{}, wrong(want)
		}
		return mapping.CreateBlob(b), nil
	case "UUID":
		b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
		if err != nil || len(b) != 16 {
			return mapping.Value{}, wrong(want)
		}
		return mapping.CreateUUID(mapping.NewUHugeInt(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:8]))), nil
	case "DATE", "TIMESTAMP", "DATETIME", "TIME", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE":
		return moment(s, base, want, zone)
	}
	return mapping.Value{}, fmt.Errorf("text cannot be bound as %s: cast it in the statement", known(want))
}

func integer(s, base, want string) (mapping.Value, error) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return mapping.Value{}, wrong(want)
	}
	in := func(lo int64, hi uint64) bool {
		return n.Cmp(big.NewInt(lo)) >= 0 && n.Cmp(new(big.Int).SetUint64(hi)) <= 0
	}
	switch {
	case (base == "TINYINT" || base == "INT1") && in(math.MinInt8, math.MaxInt8):
		return mapping.CreateInt8(int8(n.Int64())), nil
	case (base == "SMALLINT" || base == "INT2" || base == "SHORT") && in(math.MinInt16, math.MaxInt16):
		return mapping.CreateInt16(int16(n.Int64())), nil
	case (base == "INTEGER" || base == "INT" || base == "INT4") && in(math.MinInt32, math.MaxInt32):
		return mapping.CreateInt32(int32(n.Int64())), nil
	case (base == "BIGINT" || base == "INT8" || base == "LONG") && in(math.MinInt64, math.MaxInt64):
		return mapping.CreateInt64(n.Int64()), nil
	case base == "UTINYINT" && in(0, math.MaxUint8):
		return mapping.CreateUInt8(uint8(n.Uint64())), nil
	case base == "USMALLINT" && in(0, math.MaxUint16):
		return mapping.CreateUInt16(uint16(n.Uint64())), nil
	case base == "UINTEGER" && in(0, math.MaxUint32):
		return mapping.CreateUInt32(uint32(n.Uint64())), nil
	case base == "UBIGINT" && in(0, math.MaxUint64):
		return mapping.CreateUInt64(n.Uint64()), nil
	case base == "HUGEINT" && n.BitLen() <= 126:
		return mapping.CreateHugeInt(huge(n)), nil
	}
	return mapping.Value{}, wrong(want)
}

// huge is the engine's form: the upper half signed, the lower not.
func huge(n *big.Int) mapping.HugeInt {
	upper, lower := new(big.Int).DivMod(n, new(big.Int).Lsh(big.NewInt(1), 64), new(big.Int))
	return mapping.NewHugeInt(lower.Uint64(), upper.Int64())
}

// decimal reads digits exactly. Without width and scale it takes as many as the text has.
func decimal(s, args, want string) (mapping.Value, error) {
	digits, exponent, hasExponent := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, _ := strings.Cut(digits, ".")
	if hasExponent {
		return mapping.Value{}, fmt.Errorf("a decimal with an exponent (%d digits of it)", len(exponent))
	}
	width, scale := 0, len(fraction)
	if args != "" {
		w, sc, ok := strings.Cut(strings.TrimSuffix(args, ")"), ",")
		var err1, err2 error
		width, err1 = strconv.Atoi(strings.TrimSpace(w))
		if scale = 0; ok {
			scale, err2 = strconv.Atoi(strings.TrimSpace(sc))
		}
		if err1 != nil || err2 != nil || width < 1 || width > 38 || scale < 0 || scale > width {
			return mapping.Value{}, fmt.Errorf("a decimal type that does not exist")
		}
	}
	if len(fraction) > scale && strings.Trim(fraction[scale:], "0") != "" {
		return mapping.Value{}, fmt.Errorf("its text has more decimals than %s", known(want))
	}
	if fraction = fraction[:min(scale, len(fraction))]; len(fraction) < scale {
		fraction += strings.Repeat("0", scale-len(fraction))
	}
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || strings.Trim(fraction, "0123456789") != "" {
		return mapping.Value{}, wrong(want)
	}
	count := len(new(big.Int).Abs(n).String())
	if width == 0 {
		width = max(count, scale, 1)
	}
	if count > width || width > 38 {
		return mapping.Value{}, wrong(want)
	}
	return mapping.CreateDecimal(mapping.NewDecimal(uint8(width), uint8(scale), huge(n))), nil
}

// moment reads dates and times. A time without a zone that becomes one with a zone is local to zone.
func moment(s, base, want string, zone *time.Location) (mapping.Value, error) {
	if base == "TIME" {
		t, err := time.Parse("15:04:05", s)
		if err != nil {
			if t, err = time.Parse("15:04", s); err != nil {
				return mapping.Value{}, wrong(want)
			}
		}
		return mapping.CreateTime(mapping.NewTime(t.Sub(t.Truncate(24 * time.Hour)).Microseconds())), nil
	}
	s = strings.Replace(s, "T", " ", 1)
	var at time.Time
	zoned, found := false, false
	for _, l := range []struct {
		layout string
		zoned  bool
	}{
		{"2006-01-02", false}, {"2006-01-02 15:04:05", false}, {"2006-01-02 15:04", false},
		{"2006-01-02 15:04:05Z07:00", true}, {"2006-01-02 15:04:05Z07", true}, {"2006-01-02 15:04:05 Z07:00", true}, {"2006-01-02 15:04Z07:00", true},
	} {
		if t, err := time.ParseInLocation(l.layout, s, zone); err == nil {
			at, zoned, found = t, l.zoned, true
			break
		}
	}
	if !found {
		return mapping.Value{}, wrong(want)
	}
	wall := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	switch base {
	case "DATE":
		return mapping.CreateDate(mapping.NewDate(int32(wall.Unix() / 86400))), nil
	case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return mapping.CreateTimestampTZ(mapping.NewTimestamp(at.UnixMicro())), nil
	}
	if zoned {
		in := at.In(zone)
		wall = time.Date(in.Year(), in.Month(), in.Day(), in.Hour(), in.Minute(), in.Second(), in.Nanosecond(), time.UTC)
	}
	return mapping.CreateTimestamp(mapping.NewTimestamp(wall.UnixMicro())), nil
}
