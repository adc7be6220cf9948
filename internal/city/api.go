package city

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// MaxPage is the largest page size that the 110 API gives.
const MaxPage = 5000

// Handler is the 110 API: GET /api/jjd?page=&size=&start=&end= with the key in X-Api-Key. Rows updated from start
// (included) to end (not included) in the order GXSJ, JJDBH; times as 2006-01-02 15:04:05 on the city's clock. The answer
// is {"code":0,"msg":"ok","total":N,"page":P,"size":S,"data":[...]}; a wrong key gives 401, a wrong parameter 400, both with
// a code other than 0. GET /healthz needs no key. The Date header is the city's time.
func (c *City) Handler() http.Handler {
	a := &api{city: c, bodies: sync.Pool{New: func() any { return new(body) }}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/jjd", a.calls)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// ServeAPI serves Handler on l until ctx ends, then closes l and all connections. It returns nil after a regular end.
func (c *City) ServeAPI(ctx context.Context, l net.Listener) error {
	s := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type api struct {
	city   *City
	bodies sync.Pool
}

// body is the scratch space of one answer.
type body struct {
	out []byte
	row row
	w   walker
	rec record
}

// question is what a request asks, after the faults changed it.
type question struct {
	page, size  int
	from, until int64 // on the city's true clock
	shift       int64
	faults      []Fault
	now         int64
	rows        []entry
}

func (a *api) calls(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Api-Key") != a.city.cfg.APIKey {
		fail(w, http.StatusUnauthorized, 4010, "接口密钥无效")
		return
	}
	q, msg := parseQuestion(r)
	if msg != "" {
		fail(w, http.StatusBadRequest, 4000, msg)
		return
	}
	a.city.ask(&q)
	w.Header().Set("Date", unwall(q.now+q.shift).UTC().Format(http.TimeFormat))
	for _, f := range q.faults {
		switch f.Kind {
		case FaultTooMany:
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
			fail(w, http.StatusTooManyRequests, 4290, "请求过于频繁")
			return
		case FaultServerError:
			http.Error(w, "internal server error", http.StatusInternalServerError)
			return
		case FaultHTML:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write([]byte("<!DOCTYPE html><html><body><h1>系统维护中</h1></body></html>"))
			return
		case FaultVendorError:
			fail(w, http.StatusOK, 5001, "数据库连接超时")
			return
		}
	}
	b := a.bodies.Get().(*body)
	defer a.bodies.Put(b)
	a.city.answer(b, &q)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	send(r.Context(), w, b.out, q.faults)
}

func fail(w http.ResponseWriter, status, code int, msg string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	b := strconv.AppendInt([]byte(`{"code":`), int64(code), 10)
	b = appendJSONString(append(b, `,"msg":`...), []byte(msg))
	w.Write(append(b, `,"data":null}`...))
}

func parseQuestion(r *http.Request) (question, string) {
	v := r.URL.Query()
	q := question{page: 1, size: 100, until: 1 << 40}
	number := func(name string, to *int, most int) bool {
		s := v.Get(name)
		if s == "" {
			return true
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return false
		}
		*to = n
		return true
	}
	if !number("page", &q.page, 1<<31) {
		return q, "page 参数错误"
	}
	if !number("size", &q.size, MaxPage) {
		return q, "size 参数错误"
	}
	for name, to := range map[string]*int64{"start": &q.from, "end": &q.until} {
		s := v.Get(name)
		if s == "" {
			continue
		}
		t, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			return q, name + " 参数错误"
		}
		*to = t.Unix()
	}
	return q, ""
}

// ask counts the request, lets its faults happen and takes the rows that it gets.
func (c *City) ask(q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script.requests++
	q.faults = c.script.due("api", c.script.requests)
	q.shift = skew(q.faults)
	q.from, q.until, q.now = q.from-q.shift, q.until-q.shift, c.now
	if f, ok := find(q.faults, FaultShiftPage); ok {
		rows := c.window(q.from, q.until)
		c.touch(rows[:min(max(1, f.Rows), len(rows))])
	}
	if _, ok := find(q.faults, FaultRepeatPage); ok && q.page > 1 {
		q.page--
	}
	// The index is replaced, never changed, so the slice stays good after the lock.
	q.rows = c.window(q.from, q.until)
}

// answer renders the page into b.out.
func (c *City) answer(b *body, q *question) {
	lo := min((q.page-1)*q.size, len(q.rows))
	hi := min(lo+q.size, len(q.rows))
	keys := renamed(PoliceColumns(), q.faults)
	for i, k := range keys {
		keys[i] = string(append(appendJSONString(nil, []byte(k)), ':'))
	}
	out := append(b.out[:0], `{"code":0,"msg":"ok","total":`...)
	out = appendInt(out, int64(len(q.rows)))
	out = appendInt(append(out, `,"page":`...), int64(q.page))
	out = appendInt(append(out, `,"size":`...), int64(q.size))
	out = append(out, `,"data":[`...)
	b.w.c = c
	for i, e := range q.rows[lo:hi] {
		if i > 0 {
			out = append(out, ',')
		}
		b.w.record(police, int64(e.ord), &b.rec)
		c.police(&b.row, &b.rec, max(1, b.rec.at(q.now)), int64(e.t)-beforeStart+c.start, q.shift)
		out = b.row.appendJSON(out, keys, policeNumbers)
	}
	b.out = append(out, "]}"...)
}

// send writes the body, slowly or not to its end where the faults say so.
func send(ctx context.Context, w http.ResponseWriter, text []byte, faults []Fault) {
	cut, isCut := find(faults, FaultCut)
	if isCut && !cut.AtEnd {
		text = text[:len(text)/2]
	}
	flush := http.NewResponseController(w).Flush
	if slow, ok := find(faults, FaultSlow); ok {
		piece := max(1, slow.BytesPerS/10)
		tick := time.NewTicker(time.Second / 10)
		defer tick.Stop()
		for len(text) > 0 {
			n := min(piece, len(text))
			if _, err := w.Write(text[:n]); err != nil || flush() != nil {
				return
			}
			text = text[n:]
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	} else {
		if !isCut {
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		}
		w.Write(text)
	}
	if isCut { // the peer sees the connection close before the end mark of a chunked body
		flush()
		panic(http.ErrAbortHandler)
	}
}
