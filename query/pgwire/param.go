package pgwire

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// decodeParam reads one bound parameter. Text forms stay text and are cast by the engine to the declared type; binary
// forms are decoded here.
func decodeParam(raw []byte, oid uint32, binary bool) (query.Param, error) {
	typ := pgcatalog.ParamType(oid)
	if raw == nil {
		return query.Param{Type: typ}, nil
	}
	if elem := pgcatalog.ElemOf(oid); elem != 0 {
		text, err := decodeList(raw, elem, binary)
		if err != nil {
			return query.Param{}, &query.Error{Code: query.Invalid, Message: "an array parameter cannot be read", ZH: "无法读取数组参数", Hint: "arrays have one dimension", HintZH: "仅支持一维数组", Cause: err}
		}
		return query.Param{Value: text}, nil
	}
	if !binary {
		if !utf8.Valid(raw) {
			return query.Param{}, &query.Error{Code: query.Invalid, Message: "a parameter is not valid UTF-8", ZH: "参数不是合法的 UTF-8 文本"}
		}
		return query.Param{Value: string(raw), Type: typ}, nil
	}
	v, err := decodeBinary(raw, oid)
	if err != nil {
		return query.Param{}, &query.Error{Code: query.Unsupported, Message: fmt.Sprintf("a binary parameter of type %d cannot be read", oid), ZH: "无法读取该类型的二进制参数",
			Hint: "send the parameter as text", HintZH: "请以文本格式发送参数", Cause: err}
	}
	return query.Param{Value: v, Type: typ}, nil
}

func decodeBinary(raw []byte, oid uint32) (any, error) {
	m := pgtype.NewMap()
	scan := func(dst any) error { return m.Scan(oid, pgtype.BinaryFormatCode, raw, dst) }
	switch oid {
	case pgcatalog.OIDBool:
		var v bool
		err := scan(&v)
		return v, err
	case pgcatalog.OIDInt2, pgcatalog.OIDInt4, pgcatalog.OIDInt8:
		var v int64
		err := scan(&v)
		return v, err
	case pgcatalog.OIDFloat4, pgcatalog.OIDFloat8:
		var v float64
		err := scan(&v)
		return v, err
	case pgcatalog.OIDDate, pgcatalog.OIDTimestamp, pgcatalog.OIDTimestamptz:
		var v time.Time
		if err := scan(&v); err != nil {
			return nil, err
		}
		if oid != pgcatalog.OIDTimestamptz {
			return v.Format("2006-01-02 15:04:05.999999"), nil
		}
		return v, nil
	case pgcatalog.OIDUUID:
		var v [16]byte
		err := scan(&v)
		return uuid.UUID(v).String(), err
	case pgcatalog.OIDNumeric:
		var n pgtype.Numeric
		if err := scan(&n); err != nil {
			return nil, err
		}
		return decimalText(n)
	case pgcatalog.OIDTime:
		var v pgtype.Time
		if err := scan(&v); err != nil || !v.Valid {
			return nil, fmt.Errorf("no time: %w", err)
		}
		return time.UnixMicro(v.Microseconds).UTC().Format("15:04:05.999999"), nil
	case pgcatalog.OIDInterval:
		var v pgtype.Interval
		if err := scan(&v); err != nil {
			return nil, err
		}
		return string(appendInterval(nil, arrow.MonthDayNanoInterval{Months: v.Months, Days: v.Days, Nanoseconds: v.Microseconds * 1000})), nil
	case pgcatalog.OIDBytea:
		return append([]byte(nil), raw...), nil
	case pgcatalog.OIDText, pgcatalog.OIDVarchar, pgcatalog.OIDUnknown, pgcatalog.OIDJSON, 0, 19, 1042:
		if !utf8.Valid(raw) {
			return nil, fmt.Errorf("text is not valid UTF-8")
		}
		return string(raw), nil
	default:
		return nil, fmt.Errorf("no binary form of type %d", oid)
	}
}

// maxDigits is the widest decimal of the engine.
const maxDigits = 38

// decimalText writes a numeric without an exponent.
func decimalText(n pgtype.Numeric) (string, error) {
	if !n.Valid || n.NaN || n.InfinityModifier != pgtype.Finite || n.Exp > maxDigits || n.Exp < -maxDigits {
		return "", errors.New("a numeric that the engine cannot hold")
	}
	digits := new(big.Int).Abs(n.Int).String()
	if n.Exp >= 0 {
		digits += strings.Repeat("0", int(n.Exp))
	} else {
		scale := int(-n.Exp)
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Int.Sign() < 0 {
		digits = "-" + digits
	}
	return digits, nil
}
