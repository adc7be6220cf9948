package http

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"onegrid/query"
)

// problem is the body of every refusal (RFC 9457). It holds what a *query.Error may say and never its cause.
type problem struct {
	Type     string     `json:"type"`
	Title    string     `json:"title"`
	Status   int        `json:"status"`
	Detail   string     `json:"detail"`
	Code     query.Code `json:"code"`
	Rule     string     `json:"rule,omitempty"`
	Hint     string     `json:"hint,omitempty"`
	QueryID  string     `json:"query_id,omitempty"`
	Position int        `json:"position,omitempty"` // 1-based character in the SQL text
}

func problemOf(err error, zh bool) problem {
	var e *query.Error
	if !errors.As(err, &e) {
		e = &query.Error{Code: query.Internal, Message: "the request failed inside the query service", ZH: "查询服务内部错误", Cause: err}
	}
	status := e.HTTPStatus()
	p := problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code, Rule: e.Rule,
		Hint: e.Hint, QueryID: e.QueryID, Position: e.Pos,
	}
	if p.Title == "" {
		p.Title = "Client Closed Request" // 499, which net/http has no name for
	}
	if zh && e.ZH != "" {
		p.Detail = e.ZH
		if e.HintZH != "" {
			p.Hint = e.HintZH
		}
	}
	return p
}

// chinese reports whether a client prefers Chinese: of zh and en, the one named first or with the higher weight.
func chinese(r *http.Request) bool {
	best, zh := -1.0, false
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := weight(params)
		tag = strings.ToLower(tag)
		isZH, isEN := tag == "zh" || strings.HasPrefix(tag, "zh-"), tag == "en" || strings.HasPrefix(tag, "en-")
		if (isZH || isEN) && q > best && q > 0 {
			best, zh = q, isZH
		}
	}
	return zh
}

// fail answers with a problem. It must be called before anything else was written.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err, chinese(r))
	if p.Status >= 500 && p.Code == query.Internal {
		s.log.Error("a request failed inside", "path", r.Pattern, "query", p.QueryID, "error", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json; charset=utf-8")
	h.Del("ETag")
	h.Del("Content-Disposition")
	if p.QueryID != "" {
		h.Set("X-Query-Id", p.QueryID)
	}
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="onegrid"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away: nobody is left to tell
}

func invalid(rule, en, zh string) *query.Error {
	return &query.Error{Code: query.Invalid, Rule: rule, Message: en, ZH: zh, Hint: "GET /v1/openapi.json describes every request", HintZH: "请求格式见 GET /v1/openapi.json"}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody is left to tell
}
