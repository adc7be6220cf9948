package http_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/query"
	"onegrid/query/front"
	queryhttp "onegrid/query/http"
	"onegrid/query/identity"
)

// dial opens a raw connection to a door.
func dial(t *testing.T, d *door) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// closed reads until the server ends the connection.
func closed(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the server did not end the connection: %v", err)
	}
	return string(b)
}

func TestSlowClientsAreEnded(t *testing.T) {
	d := open(t, func(c *queryhttp.Config, _ *front.Config) {
		c.HeaderTimeout, c.ReadTimeout, c.IdleTimeout = 200*time.Millisecond, 300*time.Millisecond, 400*time.Millisecond
	})
	c := dial(t, d)
	if _, err := io.WriteString(c, "POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if got := closed(t, c); strings.Contains(got, "200 OK") {
		t.Errorf("half a header: %q", got)
	}
	c = dial(t, d)
	h := as("li")
	if _, err := fmt.Fprintf(c, "POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"sql\":", h["Authorization"]); err != nil {
		t.Fatal(err)
	}
	if got := closed(t, c); !strings.Contains(got, "400 Bad Request") {
		t.Errorf("half a body: %q", got)
	}
	c = dial(t, d)
	if _, err := fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 64<<10)); err == nil {
		if got := closed(t, c); !strings.Contains(got, "431") {
			t.Errorf("long headers: %.80q", got)
		}
	}
	if r := d.do("GET", "/healthz", ""); r.StatusCode != 200 {
		t.Errorf("everybody else: %s", r.Status)
	}
}

// A client that takes nothing of a large answer is ended, its place is given back, and the record says so.
func TestClientThatDoesNotRead(t *testing.T) {
	d := open(t, func(c *queryhttp.Config, f *front.Config) {
		c.WriteTimeout = 300 * time.Millisecond
		f.Concurrent, f.Bytes, f.ExportBytes = 1, 1<<30, 1<<30
	})
	c := dial(t, d)
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	body := `{"sql":"SELECT repeat('x', 2000) AS x FROM event","format":"ndjson"}`
	if _, err := fmt.Fprintf(c, "POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", as("li")["Authorization"], len(body), body); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReaderSize(c, 16).ReadByte(); err != nil {
		t.Fatal(err)
	}
	// The one place of this user is free again without the client's doing.
	d.ask(map[string]any{"sql": "SELECT 1"}).answer(t)
	d.http.CloseIdleConnections()
	d.stop()
	classes := ""
	for _, r := range d.records() {
		classes += r.Class + " "
	}
	if !strings.Contains(classes, "cancelled") {
		t.Errorf("classes %q", classes)
	}
}

func TestRunningAnswersOutliveTheStop(t *testing.T) {
	d := open(t, func(c *queryhttp.Config, _ *front.Config) { c.Grace = 20 * time.Second })
	const long = "SELECT count(*) FROM event a, event b WHERE a.note || b.note LIKE '%1%2%3%4%' AND a.event_id < 2000"
	got := make(chan reply)
	go func() { got <- d.ask(map[string]any{"sql": long, "tag": "last"}) }()
	for !strings.Contains(string(d.do("GET", "/v1/sql", "").body), `"last"`) {
		if t.Context().Err() != nil {
			t.Fatal("it does not run")
		}
	}
	ended := make(chan struct{})
	go func() { d.stop(); close(ended) }()
	(<-got).answer(t)
	<-ended
	if _, err := net.Dial("tcp", d.Addr()); err == nil {
		t.Error("it still listens")
	}
	// And one that does not end in time is cancelled, not waited for.
	d = open(t, func(c *queryhttp.Config, _ *front.Config) { c.Grace = 100 * time.Millisecond })
	failed := make(chan error)
	go func() {
		r, err := http.NewRequestWithContext(context.Background(), "POST", d.base+"/v1/sql", strings.NewReader(`{"sql":"SELECT count(*) FROM event a, event b, event c WHERE a.note < b.note AND b.note < c.note","tag":"last"}`))
		if err != nil {
			failed <- err
			return
		}
		r.SetBasicAuth("li", password)
		r.Header.Set("Content-Type", "application/json")
		res, err := d.http.Do(r)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != 200 {
				err = errors.Join(err, errors.New(res.Status))
			}
		}
		failed <- err
	}()
	for !strings.Contains(string(d.do("GET", "/v1/sql", "").body), `"last"`) {
		if t.Context().Err() != nil {
			t.Fatal("it does not run")
		}
	}
	d.http.CloseIdleConnections()
	began := time.Now()
	d.stop()
	if err := <-failed; err == nil {
		t.Error("the endless one was answered")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestConfig(t *testing.T) {
	deps := queryhttp.Deps{Log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		cfg  queryhttp.Config
		want string
	}{
		{queryhttp.Config{Listen: "0.0.0.0:0"}, "in clear"},
		{queryhttp.Config{Listen: "192.0.2.1:8687"}, "in clear"},
		{queryhttp.Config{Listen: "nowhere"}, "listen"},
		{queryhttp.Config{Proxies: []string{"proxy"}}, "proxies"},
		{queryhttp.Config{Body: -1}, "positive"},
		{queryhttp.Config{}, "needed"},
		{queryhttp.Config{Listen: "0.0.0.0:0", TLS: &tls.Config{}}, "needed"},
	} {
		if _, err := queryhttp.New(c.cfg, deps); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg.Listen, err, c.want)
		}
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "onegrid"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, func(c *queryhttp.Config, _ *front.Config) {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	})
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	d.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	if res, err := d.http.Get(d.base + "/healthz"); err == nil { // plain HTTP on a TLS port
		_ = res.Body.Close()
		if res.StatusCode == 200 {
			t.Error("plain HTTP was answered")
		}
	}
	d.base = "https://" + d.Addr()
	d.ask(map[string]any{"sql": "SELECT 1"}).answer(t)
	r := d.do("POST", "/v1/login", `{"user":"li","password":"`+password+`"}`, header{"Authorization": "-"})
	set := r.Header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-onegrid=") || !strings.Contains(set, "Secure") || r.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%q %v", set, r.Header)
	}
	old, err := tls.Dial("tcp", d.Addr(), &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

func TestLimitsAreSaid(t *testing.T) {
	d := open(t, func(_ *queryhttp.Config, f *front.Config) {
		f.Rows, f.ExportRows, f.Rate, f.Burst = 100, 100, 0.001, 6
	})
	a := d.ask(map[string]any{"sql": "SELECT event_id FROM event"}).answer(t)
	if len(a.Rows) != 100 || !a.Truncated {
		t.Errorf("%d rows, truncated %v", len(a.Rows), a.Truncated)
	}
	r := d.ask(map[string]any{"sql": "SELECT event_id FROM event", "format": "csv", "max_rows": 7})
	if strings.Count(string(r.body), "\r\n") != 8 || r.Trailer.Get("X-Onegrid-Truncated") != "true" {
		t.Errorf("%q %v", r.body, r.Trailer)
	}
	a = d.ask(map[string]any{"sql": "EXPLAIN SELECT 1", "explain": false}).answerOrProblem(t)
	if a.RowCount > 0 && a.QueryID == "" {
		t.Error("an answer without an id")
	}
	if r := d.ask(map[string]any{"sql": "SELECT count(*) FROM event", "explain": true}); r.StatusCode != 200 || !strings.Contains(string(r.body), "event") {
		t.Errorf("explain: %s %s", r.Status, r.body)
	}
	for range 3 {
		r = d.ask(map[string]any{"sql": "SELECT 1"})
	}
	r.problem(t, 429, query.RateLimited)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func (r reply) answerOrProblem(t testing.TB) answer {
	t.Helper()
	if r.StatusCode == 200 {
		return r.answer(t)
	}
	return answer{}
}

// breaking answers two batches and then fails.
type breaking struct{ after int }

func (b breaking) Run(context.Context, query.Principal, query.Request) (query.Answer, error) {
	return &breakingAnswer{left: b.after}, nil
}

func (b breaking) Describe(context.Context, query.Principal, query.Request) (query.Shape, error) {
	return query.Shape{}, nil
}

type breakingAnswer struct{ left int }

func (a *breakingAnswer) Generation() query.Generation {
	return query.Generation{Scope: city(), Number: 1}
}
func (a *breakingAnswer) Columns() []query.Column {
	return []query.Column{{Name: "x", Type: "BIGINT"}}
}
func (a *breakingAnswer) Schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil)
}
func (a *breakingAnswer) Stats() query.Stats { return query.Stats{} }
func (a *breakingAnswer) Close() error       { return nil }
func (a *breakingAnswer) Next() (arrow.RecordBatch, error) {
	if a.left == 0 {
		return nil, &query.Error{Code: query.OutOfMemory, Message: "memory", ZH: "内存", QueryID: "q", Cause: errors.New("a value of a row")}
	}
	a.left--
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range int64(50_000) {
		b.Append(i)
	}
	col := b.NewInt64Array()
	defer col.Release()
	return array.NewRecordBatch(a.Schema(), []arrow.Array{col}, -1), nil
}

// anybody is a directory that lets everybody in.
type anybody struct{ queryhttp.Sessions }

func (anybody) Password(context.Context, string, string, identity.From) (query.Principal, error) {
	return query.Principal{User: "li", Role: query.Analyst, Scope: city()}, nil
}

func (anybody) Bearer(context.Context, string, identity.From) (query.Principal, error) {
	return query.Principal{}, errors.New("never")
}

type noCatalog struct{}

func (noCatalog) Tables(context.Context, query.Principal, query.Request) ([]front.Table, query.Generation, error) {
	return nil, query.Generation{}, nil
}

// An answer that breaks off in the middle cannot be taken for a whole one, in any format.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	for _, format := range []string{"json", "ndjson", "csv", "arrow", "parquet"} {
		for _, after := range []int{0, 8} {
			s, err := queryhttp.New(queryhttp.Config{Listen: "127.0.0.1:0"}, queryhttp.Deps{Run: breaking{after}, Directory: anybody{}, Catalog: noCatalog{},
				Current: func(query.Scope) (query.Generation, bool) { return query.Generation{}, false }, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			d := &door{Server: s, t: t, base: "http://" + s.Addr(), http: &http.Client{Transport: &http.Transport{Proxy: nil}}}
			r := d.ask(map[string]any{"sql": "SELECT 1", "format": format})
			switch {
			case strings.Contains(string(r.body), "value of a row"):
				t.Errorf("%s: the cause is in the answer", format)
			case after == 0:
				r.problem(t, 422, query.OutOfMemory)
			case format == "ndjson":
				if !strings.Contains(string(r.body), `{"error":{`) || r.err != nil {
					t.Errorf("%s: %v, %.80s", format, r.err, r.body[max(0, len(r.body)-80):])
				}
			case r.err == nil:
				t.Errorf("%s after %d: the body ended as if it were whole", format, after)
			}
			d.http.CloseIdleConnections()
			d.stop()
		}
	}
}
