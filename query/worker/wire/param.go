package wire

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"onegrid/query"
)

// Param is a query.Param that survives JSON: integers stay exact, NaN and bytes exist.
type Param struct {
	Kind  string `json:"k"` // null, bool, int, float, text, bytes, time
	Text  string `json:"t,omitempty"`
	Bytes []byte `json:"b,omitempty"`
	Type  string `json:"y,omitempty"`
}

// EncodeParam turns a parameter into what is sent. It returns a *query.Error for a value of another Go type than
// query.Param lists, or text that is not UTF-8.
func EncodeParam(p query.Param) (Param, error) {
	out := Param{Type: p.Type}
	switch v := p.Value.(type) {
	case nil:
		out.Kind = "null"
	case bool:
		out.Kind, out.Text = "bool", strconv.FormatBool(v)
	case int64:
		out.Kind, out.Text = "int", strconv.FormatInt(v, 10)
	case float64:
		out.Kind, out.Text = "float", strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		out.Kind, out.Text = "text", v
	case []byte:
		out.Kind, out.Bytes = "bytes", v
	case time.Time:
		out.Kind, out.Text = "time", v.Format(time.RFC3339Nano)
	default:
		return Param{}, &query.Error{Code: query.Unsupported, Message: fmt.Sprintf("a parameter of type %T cannot be bound", v), ZH: "参数类型不受支持"}
	}
	if !utf8.ValidString(out.Text) || !utf8.ValidString(out.Type) {
		return Param{}, &query.Error{Code: query.Invalid, Message: "a text parameter is not valid UTF-8", ZH: "文本参数不是有效的 UTF-8"}
	}
	return out, nil
}

// Decode is the inverse of EncodeParam. The error wraps ErrFrame.
func (p Param) Decode() (query.Param, error) {
	out := query.Param{Type: p.Type}
	var err error
	switch p.Kind {
	case "null":
	case "bool":
		out.Value, err = strconv.ParseBool(p.Text)
	case "int":
		out.Value, err = strconv.ParseInt(p.Text, 10, 64)
	case "float":
		out.Value, err = strconv.ParseFloat(p.Text, 64)
	case "text":
		out.Value = p.Text
	case "bytes":
		b := p.Bytes
		if b == nil {
			b = []byte{}
		}
		out.Value = b
	case "time":
		out.Value, err = time.Parse(time.RFC3339Nano, p.Text)
	default:
		return query.Param{}, fmt.Errorf("%w: parameter kind %q", ErrFrame, p.Kind)
	}
	if err != nil {
		return query.Param{}, fmt.Errorf("%w: parameter of kind %s", ErrFrame, p.Kind)
	}
	return out, nil
}
