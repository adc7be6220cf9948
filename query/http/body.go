package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"onegrid/query"
)

// question is the body of POST /v1/sql.
type question struct {
	SQL       string            `json:"sql"`        // a statement,
	Query     string            `json:"query"`      // or the name of a shipped one,
	Cursor    string            `json:"cursor"`     // or the next page of an answer
	Params    []json.RawMessage `json:"params"`     // of $1, $2, ...
	Format    string            `json:"format"`     // instead of Accept
	MaxRows   int64             `json:"max_rows"`   // lowers the limit of the role
	MaxBytes  int64             `json:"max_bytes"`  // lowers the limit of the role
	TimeoutMS int64             `json:"timeout_ms"` // lowers the limit of the role
	PageRows  int64             `json:"page_rows"`  // JSON only: so many rows and a cursor for the next ones
	Explain   bool              `json:"explain"`    // the plan instead of the rows
	Tag       string            `json:"tag"`        // a name of the client's for DELETE /v1/sql/{id}
	BOM       bool              `json:"bom"`        // CSV only: begin with a byte order mark, for Excel
}

// limited makes too large a body an *query.Error.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &query.Error{Code: query.TooLarge, Rule: "body", Message: fmt.Sprintf("the request is longer than %d bytes", limit), ZH: fmt.Sprintf("请求超过 %d 字节", limit),
			Hint: "bind fewer parameters", HintZH: "请减少参数"}
	case err != nil:
		return nil, invalid("body", "the request did not arrive whole", "请求不完整")
	case !utf8.Valid(b):
		return nil, invalid("body", "the request is not UTF-8", "请求不是 UTF-8 编码")
	}
	return b, nil
}

// strictJSON decodes one JSON value without members that are not known.
func strictJSON(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) {
			return invalid("body", fmt.Sprintf("member %q has the wrong type", typ.Field), fmt.Sprintf("字段 %q 类型错误", typ.Field))
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(name) < 80 {
			return invalid("body", "unknown member "+name, "未知字段 "+name)
		}
		return invalid("body", "the body is not one JSON object", "请求体不是 JSON 对象")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("body", "there is something behind the JSON object", "JSON 对象之后有多余内容")
	}
	return nil
}

// decodeQuestion reads a body: JSON, or the SQL text itself (application/sql, text/plain).
func decodeQuestion(contentType string, body []byte) (question, error) {
	var q question
	mt := "application/json"
	if contentType != "" {
		var params map[string]string
		var err error
		if mt, params, err = mime.ParseMediaType(contentType); err != nil {
			return q, invalid("content_type", "the Content-Type cannot be read", "Content-Type 无法识别")
		}
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
			return q, invalid("content_type", "the charset must be utf-8", "字符集须为 utf-8")
		}
	}
	switch mt {
	case "application/json":
		if err := strictJSON(body, &q); err != nil {
			return question{}, err
		}
	case "application/sql", "text/plain":
		q.SQL = string(body)
	default:
		return q, invalid("content_type", "the body must be application/json, or SQL as application/sql or text/plain", "请求体须为 application/json、application/sql 或 text/plain")
	}
	return q, q.check()
}

func (q question) check() error {
	given := 0
	for _, s := range []string{q.SQL, q.Query, q.Cursor} {
		if s != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return invalid("body", "exactly one of sql, query and cursor is needed", "sql、query、cursor 须且仅须提供一个")
	case q.MaxRows < 0 || q.MaxBytes < 0 || q.TimeoutMS < 0 || q.PageRows < 0:
		return invalid("body", "limits must not be negative", "限额不得为负数")
	case q.TimeoutMS > math.MaxInt64/int64(time.Millisecond):
		return invalid("body", "timeout_ms is out of range", "timeout_ms 超出范围")
	case q.Tag != "" && !regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`).MatchString(q.Tag):
		return invalid("tag", "a tag has 1 to 64 letters, digits, dots, hyphens and underscores", "tag 须为 1 至 64 位字母、数字、点、短横或下划线")
	case q.Cursor != "" && (len(q.Params) > 0 || q.Explain || q.MaxRows > 0 || q.MaxBytes > 0):
		return invalid("cursor", "a cursor goes with page_rows and nothing else", "cursor 只能与 page_rows 同用")
	}
	return nil
}

// params decodes bound parameters: null, true, a number, a text, or {"value": ..., "type": "DATE"}.
func (q question) params() ([]query.Param, error) {
	var out []query.Param
	for i, raw := range q.Params {
		p, err := param(raw)
		if err != nil {
			return nil, invalid("params", fmt.Sprintf("parameter $%d: %v", i+1, err), fmt.Sprintf("参数 $%d 无法识别", i+1))
		}
		out = append(out, p)
	}
	return out, nil
}

func param(raw json.RawMessage) (query.Param, error) {
	if len(raw) > 0 && raw[0] == '{' {
		var typed struct {
			Value json.RawMessage `json:"value"`
			Type  string          `json:"type"`
		}
		if err := strictJSON(raw, &typed); err != nil || typed.Value == nil {
			return query.Param{}, errors.New("needs value and type")
		}
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ ]{0,30}(\([0-9]{1,2}(, ?[0-9]{1,2})?\))?$`).MatchString(typed.Type) {
			return query.Param{}, errors.New("type is no name of a type")
		}
		p, err := param(typed.Value)
		if err != nil || (len(typed.Value) > 0 && typed.Value[0] == '{') {
			return query.Param{}, errors.New("value must be null, true, false, a number or a text")
		}
		p.Type = typed.Type
		return p, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return query.Param{}, errors.New("is not JSON")
	}
	switch v := v.(type) {
	case nil, bool, string:
		return query.Param{Value: v}, nil
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return query.Param{Value: n}, nil
		}
		f, err := v.Float64()
		if err != nil {
			return query.Param{}, errors.New("is out of range; send it as a text with a type")
		}
		return query.Param{Value: f}, nil
	default:
		return query.Param{}, errors.New("must be null, true, false, a number, a text or {value, type}")
	}
}
