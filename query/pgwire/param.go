package pgwire

import (
	"fmt"
	"time"
	"unicode/utf8"

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
		err := scan(&v)
		return v, err
	case pgcatalog.OIDUUID:
		var v [16]byte
		err := scan(&v)
		return uuid.UUID(v).String(), err
	case pgcatalog.OIDNumeric:
		var n pgtype.Numeric
		if err := scan(&n); err != nil {
			return nil, err
		}
		return n.Value()
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
