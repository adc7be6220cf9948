package httpjson

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"onegrid/connectors"
)

// answering is an upstream whose every answer, or that of the given request numbers only, is made by f.
func answering(t testing.TB, records int, f func(w http.ResponseWriter), at ...int) *upstream {
	u := newUpstream(t, records)
	u.before = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		for _, want := range at {
			if n == want {
				f(w)
				return true
			}
		}
		if len(at) == 0 {
			f(w)
		}
		return len(at) == 0
	}
	return u
}

func TestPassingFaultsAreRepeated(t *testing.T) {
	for name, f := range map[string]func(http.ResponseWriter){
		"500":        func(w http.ResponseWriter) { w.WriteHeader(500) },
		"408":        func(w http.ResponseWriter) { w.WriteHeader(408) },
		"429":        func(w http.ResponseWriter) { w.WriteHeader(429) },
		"503 with 0": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(503) },
		"cut length": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprint(w, `{"data":{"list":[]}}`)
		},
		"cut chunked": cutChunked(`{"data":{"list":[{"id":666}]}}`),
		"cut gzip": func(w http.ResponseWriter) {
			packed := pack([]byte(`{"data":{"list":[]}}`))
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed[:len(packed)-5])
		},
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			u := answering(t, 12, f, 2, 3)
			read(t, open(t, u, styles["link"]), connectors.Checkpoint{}).want(t, ids(1, 12))
			if n := len(u.asked()); n != 5 {
				t.Errorf("%d requests, want 3 pages and 2 repeats", n)
			}
		})
	}
}

// cutChunked sends a whole JSON document in chunks and cuts the connection before the end marker.
func cutChunked(doc string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		fmt.Fprint(w, doc)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func pack(b []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(b)
	_ = z.Close()
	return buf.Bytes()
}

func TestLastingFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   func(http.ResponseWriter)
		settings string
		is       error
		tries    int
		message  string
	}{
		"500":         {func(w http.ResponseWriter) { w.WriteHeader(500) }, "", connectors.ErrUnavailable, 4, "status 500"},
		"429":         {func(w http.ResponseWriter) { w.WriteHeader(429) }, "", connectors.ErrThrottled, 4, "status 429"},
		"404":         {func(w http.ResponseWriter) { w.WriteHeader(404) }, "", errRefused, 1, "status 404"},
		"cut chunked": {cutChunked(`{"data":{"list":[{"id":666}]}}`), "", connectors.ErrUnavailable, 4, "unexpected EOF"},
		"a day":       {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "86400"); w.WriteHeader(429) }, "", connectors.ErrThrottled, 1, "429"},
		"not JSON":    {func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{"list":[{"id":1}`) }, "", connectors.ErrDecode, 1, "not JSON"},
		"two values":  {func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{"list":[]}}{}`) }, "", connectors.ErrDecode, 1, "more after the end"},
		"HTML": {func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html"); fmt.Fprint(w, "<html>login") }, "",
			connectors.ErrDecode, 1, "HTML page"},
		"wrong path":   {func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{}}`) }, "", connectors.ErrDecode, 1, `nothing stands at "data.list"`},
		"text at path": {func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{"list":"x"}}`) }, "", connectors.ErrDecode, 1, "neither"},
		"wrong charset": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json; charset=utf-16")
			fmt.Fprint(w, "\xff\xfe[\x00")
		}, "", connectors.ErrDecode, 1, "utf-16"},
		"wrong encoding": {func(w http.ResponseWriter) { w.Header().Set("Content-Encoding", "br"); fmt.Fprint(w, "x") }, "", connectors.ErrDecode, 1, "content encoding"},
		"false gzip": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "plain text, not packed")
		}, "", connectors.ErrDecode, 1, "not gzip"},
		"gzip bomb": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(pack(bytes.Repeat([]byte(" "), 8<<20)))
		}, "", connectors.ErrLimit, 1, "times its size"},
		"large": {func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat(" ", 5000)) }, "limits: {response_bytes: 4096}", connectors.ErrLimit, 1, "4096"},
		"large packed": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(pack(bytes.Repeat([]byte("x"), 5000)))
		}, "limits: {response_bytes: 4096}", connectors.ErrLimit, 1, "4096"},
		"lines without end": {func(w http.ResponseWriter) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"id\":1}\n")
				c.Close()
			}
		}, "format: lines", connectors.ErrDecode, 1, "a cut could not be told"},
	} {
		t.Run(name, func(t *testing.T) {
			u := answering(t, 0, tc.answer)
			res := read(t, open(t, u, tc.settings), connectors.Checkpoint{})
			if !errors.Is(res.err, tc.is) || !strings.Contains(res.err.Error(), tc.message) || len(res.ids) > 0 {
				t.Errorf("error %v, want %v with %q", res.err, tc.is, tc.message)
			}
			if n := len(u.asked()); n != tc.tries {
				t.Errorf("%d tries, want %d", n, tc.tries)
			}
			var e *connectors.Error
			if !errors.As(res.err, &e) || e.Op != "GET /calls" || e.Source != "test" || (e.Hint == "") != (e.HintZH == "") {
				t.Errorf("error %#v", res.err)
			}
			if name == "a day" && e.RetryAfter != 15*time.Minute {
				t.Errorf("RetryAfter %v, want the cap", e.RetryAfter)
			}
		})
	}
}

func TestRules(t *testing.T) {
	const rules = `rules:
  - when: {status: ["404"]}
    then: empty
  - when: {json: code, equals: ["7"]}
    then: throttle
  - when: {json: code, equals: ["8"]}
    then: auth
  - when: {json: data, exists: false, content_type: json}
    then: empty
  - when: {content_type: text/html, body_contains: maintenance}
    then: retry
    message: the service is under maintenance
  - when: {json: code, not: ["0"]}
    then: fail
    message: the service reports an error
    message_zh: 服务返回错误码
  - when: {status: ["500-503"], json: data.list, exists: true}
    then: ok
`
	for name, tc := range map[string]struct {
		status int
		ct     string
		body   string
		is     error
		tries  int
		ids    int
	}{
		"404 means none":     {404, "text/plain", "no", nil, 1, 0},
		"code throttles":     {200, "application/json", `{"code":7}`, connectors.ErrThrottled, 4, 0},
		"code refuses login": {200, "application/json", `{"code":"8"}`, connectors.ErrAuth, 1, 0},
		"no data":            {200, "application/json", `{"code":0,"data":null}`, nil, 1, 0},
		"maintenance":        {200, "text/html", "<p>maintenance", connectors.ErrUnavailable, 4, 0},
		"other code":         {200, "application/json", `{"code":"E1","data":{}}`, errRefused, 1, 0},
		"500 with data":      {500, "application/json", `{"code":0,"data":{"list":[{"id":1}]}}`, nil, 1, 1},
		"500 without":        {500, "application/json", `{"code":0,"data":{}}`, connectors.ErrUnavailable, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := answering(t, 0, func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", tc.ct)
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			res := read(t, open(t, u, rules), connectors.Checkpoint{})
			if !errors.Is(res.err, tc.is) || len(u.asked()) != tc.tries || len(res.ids) != tc.ids {
				t.Errorf("%d tries, %d records, error %v", len(u.asked()), len(res.ids), res.err)
			}
			var e *connectors.Error
			if name == "other code" && (!errors.As(res.err, &e) || e.HintZH != "服务返回错误码" || !strings.Contains(e.Error(), "reports an error")) {
				t.Errorf("message: %#v", e)
			}
		})
	}
}

func TestBadRecordsAreRejectedAlone(t *testing.T) {
	u := answering(t, 0, func(w http.ResponseWriter) {
		fmt.Fprint(w, "{\"data\":{\"list\":[{\"id\":1},{\"id\":\"\xff\xfe\"},{\"id\":\"\\ud800\"},7,{\"id\":4}]}}")
	})
	res := read(t, open(t, u, ""), connectors.Checkpoint{})
	res.want(t, []string{"1", "4"})
	if len(res.rejects) != 3 || res.rejects[0].Position != "page 1 item 2" || res.rejects[0].Rule != "bad_encoding" || string(res.rejects[2].Raw) != "7" {
		t.Errorf("rejects %+v", res.rejects)
	}
}

func TestChildStream(t *testing.T) {
	u := newUpstream(t, 7)
	res := read(t, open(t, u, styles["link"]+"child: {path: '/notes/{id}', records: notes, as: stream, name: notes, copy: {parent: id}}"), connectors.Checkpoint{})
	res.want(t, ids(1, 7))
	if res.streams["notes"] != 14 || res.streams["calls"] != 7 {
		t.Errorf("streams %v", res.streams)
	}
	gone := newUpstream(t, 2)
	gone.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasPrefix(r.URL.Path, "/notes/1") {
			w.WriteHeader(404)
			return true
		}
		return false
	}
	var texts []string
	for b, err := range open(t, gone, "child: {path: '/notes/{id}', records: notes, name: notes}").Read(t.Context(), connectors.Checkpoint{}) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Records == nil {
			continue
		}
		for row := range int(b.Records.NumRows()) {
			texts = append(texts, strings.Clone(rowValues(b.Records, row)["notes"]))
		}
		b.Records.Release()
	}
	if strings.Join(texts, "|") != `|[{"n":"a2"},{"n":"b2"}]` {
		t.Errorf("children %q", texts)
	}
}

func TestRateHeaders(t *testing.T) {
	date := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		headers map[string]string
		want    time.Duration
	}{
		"draft 10":       {map[string]string{"RateLimit": `"default";r=0;t=7`}, 7 * time.Second},
		"draft 8":        {map[string]string{"RateLimit": `limit=10, remaining=0, reset=9`}, 9 * time.Second},
		"draft 6":        {map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "4"}, 4 * time.Second},
		"some left":      {map[string]string{"RateLimit-Remaining": "3", "RateLimit-Reset": "4"}, 0},
		"Unix seconds":   {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(date.Unix() + 30)}, 30 * time.Second},
		"Unix millis":    {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(date.UnixMilli() + 1500)}, 1500 * time.Millisecond},
		"nonsense":       {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, 0},
		"retry seconds":  {map[string]string{"Retry-After": "12"}, 12 * time.Second},
		"retry date":     {map[string]string{"Retry-After": date.Add(time.Minute).Format(http.TimeFormat)}, time.Minute},
		"retry past":     {map[string]string{"Retry-After": date.Add(-time.Minute).Format(http.TimeFormat)}, 0},
		"retry negative": {map[string]string{"Retry-After": "-5"}, 0},
	} {
		h := http.Header{"Date": {date.Format(http.TimeFormat)}}
		for k, v := range tc.headers {
			h.Set(k, v)
		}
		if got := max(exhausted(h), retryAfter(h)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestSharedLimiter has two endpoints of one host take their tokens from one bucket.
func TestSharedLimiter(t *testing.T) {
	u := newUpstream(t, 3)
	var mu sync.Mutex
	values := map[string]any{}
	e := env()
	e.Shared = func(key string, make func() any) any {
		mu.Lock()
		defer mu.Unlock()
		if values[key] == nil {
			values[key] = make()
		}
		return values[key]
	}
	c := Defaults()
	c.BaseURL, c.Records, c.Rate = u.URL, "data.list", Rate{PerSecond: 0.001, Burst: 2}
	for _, path := range []string{"/a", "/b"} {
		c.Path = path
		src, err := New(e, c)
		if err != nil {
			t.Fatal(err)
		}
		read(t, src, connectors.Checkpoint{}).want(t, ids(1, 3))
	}
	src, err := New(e, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if res := readCtx(ctx, src, connectors.Checkpoint{}); res.err == nil || len(u.asked()) != 2 || len(values) != 1 {
		t.Errorf("a third request went out: %d requests, %d limiters, error %v", len(u.asked()), len(values), res.err)
	}
}

func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another origin was asked") }))
	t.Cleanup(other.Close)
	for name, tc := range map[string]struct {
		target string
		is     error
	}{
		"same origin":  {"/calls2", nil},
		"other origin": {other.URL + "/calls", errForbidden},
		"endless":      {"/calls", errForbidden},
	} {
		u := newUpstream(t, 3)
		u.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == "/calls2" {
				if r.Header.Get("X-Key") != "" {
					t.Error("credentials went along")
				}
				return false
			}
			w.Header().Set("Location", tc.target)
			w.WriteHeader(302)
			return true
		}
		res := read(t, open(t, u, "auth: {type: header, name: X-Key, value: 'env:KEY'}"), connectors.Checkpoint{})
		if !errors.Is(res.err, tc.is) || (tc.is == nil) != (len(res.ids) == 3) {
			t.Errorf("%s: %d records, error %v", name, len(res.ids), res.err)
		}
	}
}
