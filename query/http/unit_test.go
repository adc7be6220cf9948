package http

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"

	"onegrid/query"
)

func TestAddressBehindAProxy(t *testing.T) {
	s := &Server{cfg: Config{Proxies: []string{"127.0.0.1", "192.0.2.1"}}}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"198.51.100.7:50", "203.0.113.9", "198.51.100.7:50"}, // no proxy of ours: anybody can write the header
		{"127.0.0.1:50", "203.0.113.9", "203.0.113.9:50"},
		{"127.0.0.1:50", "10.9.9.9, 203.0.113.9, 192.0.2.1", "203.0.113.9:50"}, // what the client wrote itself stands further left
		{"127.0.0.1:50", "", "127.0.0.1:50"},
		{"127.0.0.1:50", "garbage", "127.0.0.1:50"},
		{"127.0.0.1:50", "2001:db8::1", "[2001:db8::1]:50"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := s.address(r); got != c.want {
			t.Errorf("%s behind %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestNegotiation(t *testing.T) {
	for _, c := range []struct {
		accept, name string
		want         format
	}{
		{"", "", formatJSON}, {"*/*", "", formatJSON}, {"text/*", "", formatCSV}, {"text/csv", "json", formatJSON},
		{"application/json;q=0.5, text/csv;q=0.6", "", formatCSV}, {"*/*;q=0.1, application/vnd.apache.arrow.stream", "", formatArrow},
		{"application/json;q=0, */*", "", formatNDJSON}, {"image/png", "", ""}, {"", "xls", ""}, {"text/html, */*;q=0.8", "", formatJSON},
	} {
		r := &http.Request{Header: http.Header{}}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		got, err := negotiate(r, c.name)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q %q: %q, %v", c.accept, c.name, got, err)
		}
	}
	for accept, want := range map[string]bool{"": false, "zh": true, "zh-Hans-CN,zh;q=0.9,en;q=0.8": true, "en-GB,en;q=0.9,zh;q=0.8": false, "fr": false, "en;q=0.1, zh;q=0.2": true} {
		r := &http.Request{Header: http.Header{"Accept-Language": {accept}}}
		if got := chinese(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

// Whatever the bytes are, decoding ends in a question that keeps its rules or in an error for the client.
func FuzzDecodeQuestion(f *testing.F) {
	for _, s := range []string{`{"sql":"SELECT 1"}`, `{"query":"a","params":[1,null,"x",{"value":1,"type":"DATE"}]}`, `{"cursor":"x","page_rows":5}`, `SELECT 1`, `{"sql":"\ud800"}`, `{"params":[[[[`, "{}"} {
		f.Add("application/json", []byte(s))
		f.Add("application/sql; charset=utf-8", []byte(s))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		q, err := decodeQuestion(contentType, body)
		if err != nil {
			if p := problemOf(err, true); p.Status != 400 || p.Code != query.Invalid || p.Detail == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		given := 0
		for _, s := range []string{q.SQL, q.Query, q.Cursor} {
			if s != "" {
				given++
			}
		}
		if given != 1 || q.MaxRows < 0 || q.PageRows < 0 || len(q.Tag) > 64 {
			t.Fatalf("%+v", q)
		}
		ps, err := q.params()
		if err != nil {
			return
		}
		for _, p := range ps {
			switch v := p.Value.(type) {
			case nil, bool, int64, float64:
			case string:
				if utf8.Valid(body) && !utf8.ValidString(v) {
					t.Fatalf("%q", v)
				}
			default:
				t.Fatalf("%T", v)
			}
		}
	})
}
