package http_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"go.uber.org/goleak"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/front"
	"onegrid/query/gate/redact"
	queryhttp "onegrid/query/http"
	"onegrid/query/identity"
	"onegrid/query/worker"
)

// The test binary is its own worker, as the program is.
func TestMain(m *testing.M) {
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}

const password = "seven quiet lamps"

func city() query.Scope { return query.Scope{Tier: query.Masked, Area: "city"} }

func snapshot(t testing.TB, number int64) worker.Snapshot {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("gen-%d.duckdb", number))
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprintf(`CREATE TABLE event AS SELECT i AS event_id, '99010' || (i %% 4) AS county_code, 'note ' || i AS note, %d AS gen FROM range(20000) r(i)`, number),
		`CREATE TABLE text AS SELECT * FROM (VALUES (1, '=HYPERLINK("http://evil.example")'), (2, '+1'), (3, '-1'), (4, '@x'), (5, '＝1+1'), (6, E'\tx'), (7, ' =1'), (8, 'harmless, "quoted"'), (9, '路灯不亮'), (10, NULL), (11, '')) v(id, body)`,
		`CREATE TABLE cat_dataset AS SELECT 'event' AS dataset, 'Events' AS title, '事件' AS title_zh, '' AS doc`,
		`CREATE TABLE cat_column AS SELECT 'event' AS dataset, 'note' AS "column", 'VARCHAR' AS type, '' AS unit, '' AS code_list, '' AS doc, '' AS doc_zh, 1 AS position`,
		"CHECKPOINT",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	return worker.Snapshot{Path: path, Tables: []string{"event", "text", "cat_dataset", "cat_column"}, Generation: query.Generation{
		Scope: city(), Number: number, SHA256: hex.EncodeToString(h.Sum(nil)), Published: at,
		Sources: []query.Freshness{{Source: "hotline", LastRead: at, Newest: at.Add(-time.Minute), Events: 12000}, {Source: "police 110", Events: 0}},
	}}
}

// door is a whole query surface on a loopback port: users, audit, front, real workers over a small snapshot, HTTP.
type door struct {
	*queryhttp.Server
	t     testing.TB
	base  string
	http  *http.Client
	dir   *identity.Directory
	pool  *worker.Pool
	log   *audit.Log
	audit string
	users string
}

func open(t testing.TB, change ...func(*queryhttp.Config, *front.Config)) *door {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	d := &door{t: t, audit: t.TempDir(), users: filepath.Join(t.TempDir(), "users")}
	cfg, limits := queryhttp.Config{Listen: "127.0.0.1:0", Grace: 5 * time.Second}, front.Defaults()
	limits.Rate, limits.Burst = 1000, 1000
	for _, c := range change {
		c(&cfg, &limits)
	}
	var err error
	if d.log, err = audit.Open(audit.Config{Dir: d.audit}, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.log.Close(); err != nil {
			t.Error(err)
		}
	})
	ids := identity.Defaults()
	ids.Dir = d.users
	ids.Password.MemoryKiB, ids.Password.Passes, ids.Password.Iterations = 64, 1, 4096
	if d.dir, err = identity.Open(ids, d.log, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.dir.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, role := range map[string]query.Role{"li": query.Analyst, "wang": query.Analyst, "auditor": query.Auditor, "viewer": query.Viewer, "boss": query.Admin} {
		if _, err := d.dir.Add(t.Context(), "test", identity.NewUser{Name: name, Role: role, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	workers := worker.Config{Workers: 2}
	if instrumented {
		workers.AddressSpace, workers.Resident = 1<<47, 4<<30
	}
	if d.pool, err = worker.NewPool(workers, quiet); err != nil {
		t.Fatal(err)
	}
	if err := d.pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		if err := d.pool.Stop(ctx); err != nil {
			t.Errorf("stopping the pool: %v", err)
		}
	})
	d.publish(1)
	questions := []front.Question{{Name: "per_county", Title: "Per county", ZH: "各区", Params: []front.QuestionParam{{Type: "BIGINT", Doc: "least number"}}, SQL: "SELECT county_code, count(*) AS n FROM event GROUP BY county_code HAVING n > $1 ORDER BY 1"}}
	f, err := front.New(limits, front.Deps{Workers: front.Pool(d.pool), Audit: d.log, Redact: redact.SQL, Valid: d.dir.Valid, Questions: questions, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if d.Server, err = queryhttp.New(cfg, queryhttp.Deps{Run: f, Directory: d.dir, Catalog: f, Questions: questions, Current: d.pool.Generation, Healthy: func() bool { return d.log.Err() == nil }, Version: "test", Log: quiet}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.base = "http://" + d.Addr()
	d.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: nil, DisableCompression: true}}
	t.Cleanup(func() {
		d.http.CloseIdleConnections()
		d.stop()
	})
	return d
}

func (d *door) stop() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		d.t.Errorf("stopping the door: %v", err)
	}
}

func (d *door) publish(number int64) {
	d.t.Helper()
	if err := d.pool.Use(d.t.Context(), snapshot(d.t, number)); err != nil {
		d.t.Fatal(err)
	}
}

// reply is an answer read to its end.
type reply struct {
	*http.Response
	body []byte
	err  error // of reading the body
}

type header map[string]string

// do sends a request as li unless the headers say otherwise; "-" leaves one out.
func (d *door) do(method, path, body string, h ...header) reply {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.base+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.SetBasicAuth("li", password)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, x := range h {
		for k, v := range x {
			switch {
			case v == "-":
				r.Header.Del(k)
			case k == "Host":
				r.Host = v
			default:
				r.Header.Set(k, v)
			}
		}
	}
	res, err := d.http.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res, b, err}
}

func as(user string) header {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return header{"Authorization": r.Header.Get("Authorization")}
}

// ask sends a question as JSON.
func (d *door) ask(q map[string]any, h ...header) reply {
	d.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.do("POST", "/v1/sql", string(b), h...)
}

type answer struct {
	QueryID    string           `json:"query_id"`
	Generation query.Generation `json:"generation"`
	Columns    []query.Column   `json:"columns"`
	Rows       [][]any          `json:"rows"`
	RowCount   int64            `json:"row_count"`
	Truncated  bool             `json:"truncated"`
	ElapsedMS  float64          `json:"elapsed_ms"`
	Next       string           `json:"next"`
}

func (r reply) answer(t testing.TB) (a answer) {
	t.Helper()
	if r.StatusCode != http.StatusOK || r.err != nil {
		t.Fatalf("%s: %s, %v", r.Status, r.body, r.err)
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(&a); err != nil {
		t.Fatalf("%v in %.300s", err, r.body)
	}
	return a
}

type problem struct {
	Status  int        `json:"status"`
	Detail  string     `json:"detail"`
	Code    query.Code `json:"code"`
	Rule    string     `json:"rule"`
	Hint    string     `json:"hint"`
	QueryID string     `json:"query_id"`
}

func (r reply) problem(t testing.TB, status int, code query.Code) (p problem) {
	t.Helper()
	if err := json.Unmarshal(r.body, &p); err != nil || r.StatusCode != status || p.Code != code || p.Status != status {
		t.Errorf("%s, want %d %s: %.300s", r.Status, status, code, r.body)
	}
	return p
}

// records closes the log and returns it, verified.
func (d *door) records() (out []audit.Record) {
	d.t.Helper()
	if err := d.log.Close(); err != nil {
		d.t.Fatal(err)
	}
	v, err := audit.Verify(d.audit, audit.VerifyOptions{})
	if err != nil || !v.OK() || len(v.Running) > 0 {
		d.t.Fatalf("audit log: %+v, %v", v, err)
	}
	for rec, err := range audit.Read(context.Background(), d.audit, audit.Filter{}) {
		if err != nil {
			d.t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

func tokenFor(owner string) identity.NewToken {
	return identity.NewToken{Owner: owner, Name: "dashboard", For: time.Hour}
}
