package httpjson

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// upstream is a small department system on loopback: numbered records with a change time, in every paging style.
type upstream struct {
	*httptest.Server
	mu       sync.Mutex
	records  []record
	requests []*http.Request
	// before may answer instead of the system; it reports whether it did. n counts requests from 1, without HEAD.
	before func(w http.ResponseWriter, r *http.Request, n int) bool
	cap    int           // most records of a page, whatever is asked
	clamp  bool          // a page number beyond the end gives the last page
	skew   time.Duration // of the Date header
	noCut  bool          // ignores the upper bound
	n      int
}

type record struct {
	id int
	at time.Time
}

var epoch = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

func newUpstream(t testing.TB, n int) *upstream {
	u := &upstream{cap: 1000}
	u.grow(n)
	u.Server = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) grow(n int) (keys []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for range n {
		id := len(u.records) + 1
		u.records = append(u.records, record{id, epoch.Add(time.Duration(id) * time.Minute)})
		keys = append(keys, strconv.Itoa(id))
	}
	return keys
}

// change alters the upstream between requests; a page fetched ahead may still be under way.
func (u *upstream) change(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f()
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(u.skew).UTC().Format(http.TimeFormat))
	if r.Method == http.MethodHead {
		return
	}
	u.n++
	u.requests = append(u.requests, r)
	if u.before != nil && u.before(w, r, u.n) {
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/notes/"); ok {
		fmt.Fprintf(w, `{"notes":[{"n":"a%s"},{"n":"b%s"}]}`, id, id)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	u.page(w, r.URL)
}

func (u *upstream) page(w http.ResponseWriter, at *url.URL) {
	q := at.Query()
	recs := u.between(q.Get("from"), q.Get("to"), q.Get("since"))
	size := min(number1(q.Get("size"), 1000), u.cap)
	start := number1(q.Get("offset"), 0)
	if p := number1(q.Get("page"), 0); p > 0 {
		start = (p - 1) * size
		if u.clamp && start >= len(recs) {
			start = max(0, (len(recs)-1)/size*size)
		}
	}
	if c := q.Get("cursor"); c != "" {
		start = number1(strings.TrimPrefix(c, "c"), 0)
	}
	start = min(start, len(recs))
	end := min(start+size, len(recs))
	var items []string
	for _, r := range recs[start:end] {
		items = append(items, fmt.Sprintf(`{"id":%d,"at":"%s","text":"路灯 %d","sub":{"x":null}}`, r.id, r.at.Format(time.RFC3339), r.id))
	}
	next, cursor := "", ""
	if end < len(recs) {
		q.Set("offset", strconv.Itoa(end))
		q.Del("key")
		next, cursor = at.Path+"?"+q.Encode(), fmt.Sprintf("c%d", end)
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	fmt.Fprintf(w, `{"code":0,"served":%d,"total":%d,"more":%t,"next":%q,"cursor":%q,"data":{"list":[%s]}}`,
		u.n, len(recs), end < len(recs), next, cursor, strings.Join(items, ","))
}

func (u *upstream) between(from, to, since string) (out []record) {
	lo, errLo := time.Parse(time.RFC3339, from)
	hi, errHi := time.Parse(time.RFC3339, to)
	for _, r := range u.records {
		if errLo == nil && r.at.Before(lo) || errHi == nil && !u.noCut && !r.at.Before(hi) || r.id < number1(since, 0) {
			continue
		}
		out = append(out, r)
	}
	return out
}

func number1(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}

// asked is the requests so far, without HEAD.
func (u *upstream) asked() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

var secrets = map[string]string{"env:KEY": "swordfish-key", "env:PASSWORD": "open sesame&co"}

// env is what the hub lends in tests.
func env() connectors.Env {
	return connectors.Env{SourceID: "test", BatchRows: 4, Secret: func(ref string) (string, error) {
		if v, ok := secrets[ref]; ok {
			return v, nil
		}
		return "", errors.New("no such secret")
	}}
}

// open opens a source by the kind, from YAML, as the hub does. Waits are short unless the settings say otherwise.
func open(t testing.TB, u *upstream, settings string) connectors.Source {
	t.Helper()
	return openAt(t, u.URL, settings)
}

func openAt(t testing.TB, base, settings string) connectors.Source {
	t.Helper()
	var n yaml.Node
	text := "base_url: " + base + "\npath: /calls\nrecords: data.list\n" + settings
	if !strings.Contains(settings, "retry:") {
		text += "\nretry: {max: 3, wait_min: 1ms, wait_max: 20ms}\n"
	}
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
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
	return src
}

// result is a reading reduced to what tests look at.
type result struct {
	ids     []string
	streams map[string]int
	rejects []connectors.Reject
	notes   []string
	last    connectors.Checkpoint
	err     error
}

func read(t testing.TB, src connectors.Source, from connectors.Checkpoint) result {
	t.Helper()
	return readCtx(t.Context(), src, from)
}

func readCtx(ctx context.Context, src connectors.Source, from connectors.Checkpoint) (res result) {
	res.last, res.streams = from, map[string]int{}
	for b, err := range src.Read(ctx, from) {
		if err != nil {
			res.err = err
			return res
		}
		res.last = b.Resume
		res.rejects = append(res.rejects, b.Rejects...)
		for _, n := range b.Notes {
			res.notes = append(res.notes, n.Rule)
		}
		if b.Records == nil {
			continue
		}
		for row := range int(b.Records.NumRows()) {
			res.streams[b.Stream]++
			if id, ok := rowValues(b.Records, row)["id"]; ok {
				res.ids = append(res.ids, strings.Clone(id))
			}
		}
		b.Records.Release()
	}
	return res
}

func ids(from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// want requires a reading without error that gave just these ids, in order.
func (r result) want(t testing.TB, ids []string) {
	t.Helper()
	if r.err != nil {
		t.Fatalf("reading: %v", r.err)
	}
	if !slices.Equal(r.ids, ids) {
		t.Fatalf("got ids %v, want %v", r.ids, ids)
	}
}
