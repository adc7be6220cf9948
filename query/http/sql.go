package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"onegrid/query"
	"onegrid/query/front"
)

// sql answers POST /v1/sql.
func (s *Server) sql(w http.ResponseWriter, r *http.Request, who query.Principal) {
	body, err := readBody(w, r, s.cfg.Body)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	q, err := decodeQuestion(r.Header.Get("Content-Type"), body)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, who, q)
}

// named answers GET /v1/queries/{name}: a shipped question, which caches and dashboards can ask without a body.
func (s *Server) named(w http.ResponseWriter, r *http.Request, who query.Principal) {
	q := question{Query: r.PathValue("name"), Format: r.URL.Query().Get("format"), BOM: r.URL.Query().Get("bom") == "1"}
	for _, p := range r.URL.Query()["param"] {
		raw, err := json.Marshal(p)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		q.Params = append(q.Params, raw)
	}
	if n := r.URL.Query().Get("page_rows"); n != "" {
		rows, err := strconv.ParseInt(n, 10, 32)
		if err != nil {
			s.fail(w, r, invalid("page_rows", "page_rows is no number", "page_rows 不是数字"))
			return
		}
		q.PageRows = rows
	}
	if err := q.check(); err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, who, q)
}

// answer runs a question and writes its answer.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, who query.Principal, q question) {
	if q.Cursor != "" {
		s.nextPage(w, r, who, q)
		return
	}
	f, err := negotiate(r, q.Format)
	if err == nil && q.PageRows > 0 && f != formatJSON {
		err = invalid("page_rows", "pages are in JSON; the other formats are streamed whole", "分页仅支持 JSON")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var shipped front.Question
	if q.Query != "" {
		i := slices.IndexFunc(s.deps.Questions, func(o front.Question) bool { return o.Name == q.Query })
		if i < 0 {
			writeProblem(w, r, http.StatusNotFound, "there is no question of this name; GET /v1/queries lists them", "没有此名称的预置查询")
			return
		}
		shipped = s.deps.Questions[i]
		q.SQL = shipped.SQL
	}
	params, err := q.params()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for i := range min(len(params), len(shipped.Params)) {
		if params[i].Type == "" {
			params[i].Type = shipped.Params[i].Type // a link has texts only
		}
	}
	w.Header().Add("Vary", "Accept, Accept-Language, Authorization, Cookie")
	if g, ok := s.deps.Current(who.Scope); ok && s.unchanged(w, r, q, f, g) {
		s.generation(w.Header(), g)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	began := time.Now()
	defer s.running.add(&runningQuery{ID: id.String(), Tag: q.Tag, User: who.User, Started: began.UTC(), cancel: cancel})()
	req := query.Request{
		ID: id.String(), SQL: q.SQL, Params: params, Surface: query.HTTP, Client: s.client(r), Explain: q.Explain,
		MaxRows: q.MaxRows, MaxBytes: q.MaxBytes, Timeout: time.Duration(q.TimeoutMS) * time.Millisecond,
	}
	if q.PageRows > 0 && (req.MaxRows == 0 || req.MaxRows > maxPageRows) {
		req.MaxRows = maxPageRows
	}
	a, err := s.deps.Run.Run(ctx, who, req)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	st := &stream{id: req.ID, answer: a, began: began}
	defer func() {
		if err := st.close(); err != nil {
			s.log.Debug("closing an answer", "query", req.ID, "error", err)
		}
	}()
	s.write(w, r, who, q, f, st)
}

// write writes an answer in its format. What fails before the first byte is a problem with its own status; what fails later
// breaks the connection, so that nobody takes half an answer for a whole one.
func (s *Server) write(w http.ResponseWriter, r *http.Request, who query.Principal, q question, f format, st *stream) {
	if f == formatParquet {
		if err := parquetFits(st.answer.Schema()); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	if f != formatArrow { // whose bytes are passed on; its error is in the stream
		if err := st.open(); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	g := st.answer.Generation()
	h := w.Header()
	h.Set("X-Query-Id", st.id)
	s.generation(h, g)
	if tag := etag(q, f, g); tag != "" {
		h.Set("ETag", tag)
	}
	if q.PageRows > 0 {
		s.firstPage(w, r, who, q, st)
		return
	}
	h.Set("Content-Type", contentType(f))
	if f != formatJSON && f != formatNDJSON {
		ext := map[format]string{formatCSV: "csv", formatArrow: "arrows", formatParquet: "parquet"}[f]
		h.Set("Content-Disposition", `attachment; filename="onegrid-`+st.id+`.`+ext+`"`)
	}
	h.Set("Trailer", "X-Onegrid-Rows, X-Onegrid-Truncated")
	var err error
	switch f {
	case formatJSON:
		err = st.writeJSON(w)
	case formatNDJSON:
		err = st.writeNDJSON(w, chinese(r))
	case formatCSV:
		err = st.writeCSV(w, q.BOM)
	case formatArrow:
		err = st.writeArrow(w)
	case formatParquet:
		err = st.writeParquet(w)
	}
	if p, ok := w.(*patient); err != nil && ok && !p.wrote {
		h.Del("Trailer")
		s.fail(w, r, err)
		return
	}
	if err != nil {
		s.log.Debug("an answer broke off", "query", st.id, "format", f, "error", err)
		_ = st.close() // panics below; the deferred close finds it closed
		panic(http.ErrAbortHandler)
	}
	stats := st.answer.Stats()
	h.Set("X-Onegrid-Rows", strconv.FormatInt(stats.Rows, 10))
	h.Set("X-Onegrid-Truncated", strconv.FormatBool(stats.Truncated))
}

func contentType(f format) string {
	switch f {
	case formatJSON, formatNDJSON:
		return f.media() + "; charset=utf-8"
	case formatCSV:
		return f.media() + "; charset=utf-8; header=present"
	default:
		return f.media()
	}
}

func (s *Server) firstPage(w http.ResponseWriter, r *http.Request, who query.Principal, q question, st *stream) {
	k, err := st.keepAll(who)
	if err == nil {
		if err = s.pages.keep(k); err != nil {
			for _, b := range k.batches {
				b.Release()
			}
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.page(w, r, who, k.id, 0, q.PageRows, st.began)
}

func (s *Server) nextPage(w http.ResponseWriter, r *http.Request, who query.Principal, q question) {
	id, from, err := parseCursor(q.Cursor)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	n := q.PageRows
	if n == 0 {
		n = 1000
	}
	s.page(w, r, who, id, from, n, time.Now())
}

func (s *Server) page(w http.ResponseWriter, r *http.Request, who query.Principal, id [16]byte, from, n int64, began time.Time) {
	b, hd, err := s.pages.page(nil, id, from, min(n, maxPageRows), who, began)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("X-Query-Id", hd.QueryID)
	s.generation(w.Header(), hd.Generation)
	w.Header().Set("Content-Type", contentType(formatJSON))
	_, _ = w.Write(b) // the client went away: nobody is left to tell
}

// generation says in headers what answered and how fresh every source is (invariant 9).
func (s *Server) generation(h http.Header, g query.Generation) {
	h.Set("X-Onegrid-Generation", strconv.FormatInt(g.Number, 10))
	h.Set("X-Onegrid-Scope", g.Scope.String())
	h.Set("X-Onegrid-Published", g.Published.UTC().Format(time.RFC3339))
	h.Del("X-Onegrid-Freshness")
	for _, f := range g.Sources {
		v := token(f.Source) + "; last-read=" + stamp(f.LastRead) + "; newest=" + stamp(f.Newest) + "; events=" + strconv.FormatInt(f.Events, 10)
		h.Add("X-Onegrid-Freshness", v)
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// token makes a source id fit for a header.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == ';' || r == ',' {
			return '_'
		}
		return r
	}, s)
}

// volatile finds statements whose answer changes without a new generation; they have no ETag. It errs to the safe side: a
// column of such a name only costs a run.
func volatile(sql string) bool {
	return regexp.MustCompile(`(?i)\b(now|today|age|current_\w+|get_current_\w+|localtime\w*|transaction_timestamp|statement_timestamp|clock_timestamp|random|rand|setseed|gen_random_uuid|uuid\w*)\b|\b(TABLE)?SAMPLE\b`).MatchString(sql)
}

// etag names an answer by what it depends upon; "" if it depends upon more. It is weak: without ORDER BY the order of rows
// may differ.
func etag(q question, f format, g query.Generation) string {
	if volatile(q.SQL) {
		return ""
	}
	h := sha256.New()
	enc := json.NewEncoder(h)
	tagless := q
	tagless.Tag = ""
	if err := enc.Encode([]any{g.Scope, g.Number, g.SHA256, f, tagless}); err != nil {
		return ""
	}
	return `W/"` + strconv.FormatInt(g.Number, 10) + "-" + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// unchanged reports whether the client has this answer already.
func (s *Server) unchanged(w http.ResponseWriter, r *http.Request, q question, f format, g query.Generation) bool {
	match := r.Header.Get("If-None-Match")
	if match == "" || q.PageRows > 0 {
		return false
	}
	tag := etag(q, f, g)
	if tag == "" {
		return false
	}
	for m := range strings.SplitSeq(match, ",") {
		if strings.TrimSpace(m) == tag {
			w.Header().Set("ETag", tag)
			return true
		}
	}
	return false
}
