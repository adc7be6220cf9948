package httpjson

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// TestResumeAtEveryPage breaks after each batch and requires exactly the rest of the window, nothing twice.
func TestResumeAtEveryPage(t *testing.T) {
	for name, settings := range styles {
		if name == "keyset" || name == "children" {
			continue // keyset repeats the records at a page's edge; children are one parent's matter
		}
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, 27)
			src := open(t, u, settings)
			given := 0
			for b, err := range src.Read(t.Context(), connectors.Checkpoint{}) {
				if err != nil {
					t.Fatal(err)
				}
				if b.Records != nil {
					given += int(b.Records.NumRows())
					b.Records.Release()
				}
				if p, err := readPosition(b.Resume, Config{Paging: Paging{Style: src.(*source).c.Paging.Style}}); err != nil || p.Win == nil {
					continue // the last one: without a cursor the next reading starts over
				}
				read(t, open(t, u, settings), b.Resume).want(t, ids(given+1, 27))
			}
			if given != 27 {
				t.Errorf("%d records", given)
			}
		})
	}
}

// TestChangedPageStartsOver deletes a record before the resume point: its page no longer holds what was given.
func TestChangedPageStartsOver(t *testing.T) {
	u := newUpstream(t, 20)
	src := open(t, u, styles["page"])
	var at connectors.Checkpoint
	for b := range src.Read(t.Context(), connectors.Checkpoint{}) {
		b.Records.Release()
		at = b.Resume
		break
	}
	u.change(func() { u.records = u.records[1:] })
	res := read(t, open(t, u, styles["page"]), at)
	res.want(t, ids(2, 20))
	if !slices.Contains(res.notes, "page_drift") {
		t.Errorf("notes: %v", res.notes)
	}
}

func TestExpiredCursorStartsOver(t *testing.T) {
	u := newUpstream(t, 20)
	src := open(t, u, styles["cursor"])
	var at connectors.Checkpoint
	batches := 0
	for b := range src.Read(t.Context(), connectors.Checkpoint{}) {
		b.Records.Release()
		// Of the second batch: that of the first, if the next page was asked for ahead of it, may hold no cursor yet.
		if at, batches = b.Resume, batches+1; batches > 1 {
			break
		}
	}
	u.change(func() {
		u.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
			if first := n == len(u.requests); first && r.URL.Query().Get("cursor") != "" && u.cap == 1000 {
				u.cap = 999
				w.WriteHeader(http.StatusGone)
				return true
			}
			return false
		}
	})
	read(t, open(t, u, styles["cursor"]), at).want(t, ids(1, 20))
}

func TestRepeatingPagesEnd(t *testing.T) {
	same := `{"total":99,"cursor":"c1","next":"/calls?offset=1","data":{"list":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5}]}}`
	for _, name := range []string{"page", "offset", "until_empty", "cursor", "link", "next_url", "page total"} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, 0)
			u.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Link", `</calls?offset=1>; rel="next"`)
				fmt.Fprint(w, same)
				return true
			}
			res := read(t, open(t, u, styles[name]), connectors.Checkpoint{})
			if !errors.Is(res.err, connectors.ErrDrift) || len(u.asked()) > 4 {
				t.Errorf("%d requests, error %v", len(u.asked()), res.err)
			}
		})
	}
}

// TestSameCursorTwice has other records on every page, but leads back to the same cursor.
func TestSameCursorTwice(t *testing.T) {
	u := newUpstream(t, 0)
	u.before = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		fmt.Fprintf(w, `{"cursor":"c%d","data":{"list":[{"id":%d}]}}`, n%2, n)
		return true
	}
	if res := read(t, open(t, u, styles["cursor"]), connectors.Checkpoint{}); !errors.Is(res.err, connectors.ErrDrift) {
		t.Errorf("error %v", res.err)
	}
}

func TestClampedPageNumberIsTheEnd(t *testing.T) {
	u := newUpstream(t, 13)
	u.clamp = true
	read(t, open(t, u, styles["page"]), connectors.Checkpoint{}).want(t, ids(1, 13))
	few := newUpstream(t, 3)
	few.clamp = true
	read(t, open(t, few, styles["page"]), connectors.Checkpoint{}).want(t, ids(1, 3))
}

func TestTotalDrift(t *testing.T) {
	u := newUpstream(t, 20)
	u.before = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 2 { // shifts all pages once
			u.records = u.records[1:]
		}
		return false
	}
	res := read(t, open(t, u, styles["page total"]), connectors.Checkpoint{})
	if res.err != nil || !slices.Contains(res.notes, "page_drift") {
		t.Fatalf("one drift: %v, notes %v", res.err, res.notes)
	}
	got := slices.Compact(slices.Sorted(slices.Values(res.ids)))
	want := slices.Sorted(slices.Values(ids(1, 20)))
	if !slices.Equal(got, want) {
		t.Errorf("ids %v", got)
	}
	u.change(func() {
		u.before = func(_ http.ResponseWriter, _ *http.Request, _ int) bool {
			u.records = u.records[1:]
			return false
		}
	})
	if res = read(t, open(t, u, styles["page total"]), connectors.Checkpoint{}); !errors.Is(res.err, connectors.ErrDrift) {
		t.Errorf("drift for good: %v", res.err)
	}
}

func TestPagesEndBeforeTotal(t *testing.T) {
	u := newUpstream(t, 0)
	u.before = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		list := ""
		if n%2 == 1 {
			list = fmt.Sprintf(`{"id":%d}`, n)
		}
		fmt.Fprintf(w, `{"total":9,"data":{"list":[%s]}}`, list)
		return true
	}
	if res := read(t, open(t, u, styles["page total"]), connectors.Checkpoint{}); !errors.Is(res.err, connectors.ErrDrift) {
		t.Errorf("error %v", res.err)
	}
}

func TestMaxPages(t *testing.T) {
	u := newUpstream(t, 100)
	res := read(t, open(t, u, "paging: {style: page, param: page, size_param: size, size: 5, max_pages: 3}"), connectors.Checkpoint{})
	if !errors.Is(res.err, connectors.ErrLimit) || len(res.ids) == 0 || len(u.asked()) != 3 {
		t.Errorf("%d records, %d requests, error %v", len(res.ids), len(u.asked()), res.err)
	}
}

func TestNextOnAnotherOrigin(t *testing.T) {
	for _, name := range []string{"link", "next_url"} {
		u := newUpstream(t, 0)
		u.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 1 {
				fmt.Fprint(w, `{"data":{"list":[{"id":2}]}}`)
				return true
			}
			w.Header().Set("Link", `<http://inner.example:81/calls?offset=1>; rel="next"`)
			fmt.Fprint(w, `{"next":"http://inner.example:81/calls?offset=1","data":{"list":[{"id":1}]}}`)
			return true
		}
		settings := "paging: {style: " + name + ", next_path: next"
		if res := read(t, open(t, u, settings+"}"), connectors.Checkpoint{}); !errors.Is(res.err, connectors.ErrDecode) || len(u.asked()) != 1 {
			t.Errorf("%s: %d requests, error %v", name, len(u.asked()), res.err)
		}
		u.change(func() { u.n = 0 })
		read(t, open(t, u, settings+", next_origin: ignore}"), connectors.Checkpoint{}).want(t, ids(1, 2))
	}
}

// TestUpperBoundIsTheUpstreamsClock runs against a clock that is a day behind, then one that is ahead.
func TestUpperBoundIsTheUpstreamsClock(t *testing.T) {
	for _, skew := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		u := newUpstream(t, 3)
		u.skew = skew
		res := read(t, open(t, u, "paging: {style: page, param: page, size_param: size, size: 2}\ncursor: {column: at, from_param: from, to_param: to, lag: 1h}\n"), connectors.Checkpoint{})
		res.want(t, ids(1, 3))
		bounds := map[string]bool{}
		for _, r := range u.asked() {
			bounds[r.URL.Query().Get("to")] = true
			to, err := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
			if off := time.Until(to) - skew + time.Hour; err != nil || off.Abs() > time.Minute {
				t.Errorf("upper bound is %v off (%v)", off, err)
			}
		}
		if len(bounds) != 1 {
			t.Errorf("the upper bound moved while paging: %v", bounds)
		}
	}
}

// TestLookBackFindsLateRecords stores a record late, with a time before the mark.
func TestLookBackFindsLateRecords(t *testing.T) {
	u := newUpstream(t, 10)
	first := read(t, open(t, u, styles["page"]+timeCursor), connectors.Checkpoint{})
	first.want(t, ids(1, 10))
	u.change(func() { u.records = append(u.records, record{77, u.records[9].at.Add(-2 * time.Minute)}) })
	second := read(t, open(t, u, styles["page"]+timeCursor), first.last)
	if second.err != nil || !slices.Contains(second.ids, "77") || len(second.ids) != 5 {
		t.Errorf("ids %v, error %v", second.ids, second.err)
	}
}

// TestMarkStaysBelowPoisonedTimes has one record with a time far in the future; later records must not be lost.
func TestMarkStaysBelowPoisonedTimes(t *testing.T) {
	u := newUpstream(t, 5)
	u.noCut = true
	u.records = append(u.records, record{99, time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)})
	first := read(t, open(t, u, styles["page"]+timeCursor), connectors.Checkpoint{})
	u.change(func() { u.records = append(u.records, record{100, time.Now().Add(time.Minute)}) })
	second := read(t, open(t, u, styles["page"]+timeCursor), first.last)
	if second.err != nil || !slices.Contains(second.ids, "100") {
		t.Errorf("ids %v, error %v", second.ids, second.err)
	}
}

func TestSteps(t *testing.T) {
	u := newUpstream(t, 5)
	src := open(t, u, styles["page"]+"cursor: {column: at, from_param: from, to_param: to, start: 2024-05-01T00:00:00Z, step: 2400h, layout: '2006-01-02T15:04:05Z07:00', zone: Asia/Shanghai}\n")
	res := read(t, src, connectors.Checkpoint{})
	res.want(t, ids(1, 5))
	spans := map[string]bool{}
	for _, r := range u.asked() {
		spans[r.URL.Query().Get("from")] = true
	}
	if len(spans) < 8 || !spans["2024-05-01T08:00:00+08:00"] {
		t.Errorf("lower bounds %v", spans)
	}
}

func TestCursorFormats(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	const at = "2024-05-01T00:30:00.000000000Z"
	for layout, want := range map[string]string{"": "2024-05-01T08:30:00+08:00", "unix": "1714523400", "unix_ms": "1714523400000", "20060102150405": "20240501083000"} {
		c := Cursor{Column: "x", Layout: layout}
		if got := c.bound(at, shanghai); got != want {
			t.Errorf("%q: %s, want %s", layout, got, want)
		}
		if got, ok := c.observed(want, shanghai); !ok || got != at {
			t.Errorf("%q back: %s (%t)", layout, got, ok)
		}
		if _, ok := c.observed("昨天", shanghai); ok {
			t.Errorf("%q: a word is read as a time", layout)
		}
	}
	for _, pair := range [][2]string{{"9", "10"}, {"09", "10"}, {"a1", "a2"}, {"99", "a"}} {
		if !idLess(pair[0], pair[1]) || idLess(pair[1], pair[0]) {
			t.Errorf("order of %v", pair)
		}
	}
}

func TestOtherCursorColumnIsRefused(t *testing.T) {
	u := newUpstream(t, 5)
	at := read(t, open(t, u, styles["page"]+timeCursor), connectors.Checkpoint{}).last
	res := read(t, open(t, u, styles["page"]+"cursor: {column: id, kind: id, from_param: since}\n"), at)
	if !errors.Is(res.err, connectors.ErrCheckpoint) {
		t.Errorf("error %v", res.err)
	}
}

// TestSilentClock has an upstream without a Date header: the local clock bounds the reading, and the run says so.
func TestSilentClock(t *testing.T) {
	u := newUpstream(t, 0)
	u.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		if r.Method != http.MethodHead {
			fmt.Fprint(w, `{"data":{"list":[{"id":1,"at":"gestern"}]}}`)
		}
	})
	res := read(t, open(t, u, timeCursor), connectors.Checkpoint{})
	res.want(t, ids(1, 1))
	for _, rule := range []string{"no_date", "cursor_unreadable", "cursor_missing"} {
		if !slices.Contains(res.notes, rule) {
			t.Errorf("no note %s in %v", rule, res.notes)
		}
	}
}

func TestSingleRecordAndRootForms(t *testing.T) {
	for body, tc := range map[string]struct {
		settings string
		ids      []string
		message  string
	}{
		`[{"id":1},{"id":2}]`:      {"", ids(1, 2), ""},
		`{"id":1}`:                 {"records: '.'", ids(1, 1), ""},
		`{"id":2}`:                 {"", nil, "an object, not an array"},
		`{"data":{"id":1}}`:        {"records: data", ids(1, 1), ""},
		`null`:                     {"", nil, ""},
		"{\"id\":1}\n{\"id\":2}\n": {"format: lines", ids(1, 2), ""},
	} {
		u := answering(t, 0, func(w http.ResponseWriter) { fmt.Fprint(w, body) })
		var n yaml.Node
		if err := yaml.Unmarshal([]byte("base_url: "+u.URL+"\npath: x\n"+tc.settings), &n); err != nil {
			t.Fatal(err)
		}
		reg, err := connectors.NewRegistry(Kind())
		if err != nil {
			t.Fatal(err)
		}
		src, err := reg.Open("httpjson", env(), &n)
		if err != nil {
			t.Fatal(err)
		}
		res := read(t, src, connectors.Checkpoint{})
		if tc.message != "" {
			if !errors.Is(res.err, connectors.ErrDecode) || !strings.Contains(res.err.Error(), tc.message) {
				t.Errorf("%s: error %v", body, res.err)
			}
			continue
		}
		res.want(t, tc.ids)
	}
}

// TestPost puts the paging into the body.
func TestPost(t *testing.T) {
	u := newUpstream(t, 0)
	u.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
		b, _ := io.ReadAll(r.Body)
		if want := fmt.Sprintf(`{"q":{"page":%d,"size":2}}`, n); string(b) != want || r.Method != http.MethodPost {
			t.Errorf("%s body %s, want %s", r.Method, b, want)
		}
		list := ""
		if n < 3 {
			list = fmt.Sprintf(`{"id":%d}`, n)
		}
		fmt.Fprintf(w, `{"data":{"list":[%s]}}`, list)
		return true
	}
	read(t, open(t, u, "method: POST\nbody: '{\"q\":{\"page\":{page},\"size\":{size}}}'\npaging: {style: until_empty, size: 2}"), connectors.Checkpoint{}).want(t, ids(1, 2))
}

// TestClockIsTheEndpoints has a gateway with another clock than the endpoint behind it, which asks for a key.
func TestClockIsTheEndpoints(t *testing.T) {
	u := newUpstream(t, 3)
	u.skew = -48 * time.Hour
	u.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/calls" || r.Header.Get("X-Key") == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		u.serve(w, r)
	})
	read(t, open(t, u, "auth: {type: header, name: X-Key, value: 'env:KEY'}\n"+timeCursor), connectors.Checkpoint{}).want(t, ids(1, 3))
	to, err := time.Parse(time.RFC3339, u.asked()[0].URL.Query().Get("to"))
	if off := time.Until(to) + 48*time.Hour; err != nil || off.Abs() > time.Minute {
		t.Errorf("upper bound is %v off the endpoint's clock (%v)", off, err)
	}
}
