package http_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/front"
	queryhttp "onegrid/query/http"
)

func TestAnswersInEveryFormat(t *testing.T) {
	d := open(t)
	const sql = "SELECT event_id, note FROM event WHERE event_id < $1 ORDER BY event_id"
	q := func(format string) map[string]any {
		return map[string]any{"sql": sql, "params": []any{3}, "format": format}
	}
	r := d.ask(q("json"))
	a := r.answer(t)
	want := [][]any{{json.Number("0"), "note 0"}, {json.Number("1"), "note 1"}, {json.Number("2"), "note 2"}}
	if d := cmp.Diff(want, a.Rows); d != "" || a.RowCount != 3 || a.Truncated || a.Generation.Number != 1 || len(a.Generation.Sources) != 2 {
		t.Errorf("%+v (-want +got):\n%s", a, d)
	}
	if d := cmp.Diff([]query.Column{{Name: "event_id", Type: "BIGINT"}, {Name: "note", Type: "VARCHAR"}}, a.Columns); d != "" {
		t.Error(d)
	}
	if r.Header.Get("X-Query-Id") != a.QueryID || a.QueryID == "" || r.Header.Get("X-Onegrid-Generation") != "1" || r.Header.Get("X-Onegrid-Scope") != "city_masked" {
		t.Errorf("headers %v", r.Header)
	}
	fresh := []string{"hotline; last-read=2026-11-22T08:00:00Z; newest=2026-11-22T07:59:00Z; events=12000", "police_110; last-read=never; newest=never; events=0"}
	if d := cmp.Diff(fresh, r.Header.Values("X-Onegrid-Freshness")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if r.Trailer.Get("X-Onegrid-Rows") != "3" || r.Trailer.Get("X-Onegrid-Truncated") != "false" {
		t.Errorf("trailers %v", r.Trailer)
	}

	lines := strings.Split(strings.TrimSpace(string(d.ask(q("ndjson")).body)), "\n")
	if len(lines) != 5 || lines[1] != `[0,"note 0"]` || !strings.HasPrefix(lines[4], `{"end":{"row_count":3`) {
		t.Errorf("%q", lines)
	}
	r = d.do("POST", "/v1/sql", "SELECT 1 AS x, 'a,\"b' AS y", header{"Content-Type": "application/sql", "Accept": "text/csv;q=0.9, application/json;q=0.1"})
	if string(r.body) != "x,y\r\n1,\"a,\"\"b\"\r\n" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") || !strings.Contains(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", r.body, r.Header)
	}

	r = d.ask(map[string]any{"sql": "SELECT event_id, note FROM event", "format": "arrow"})
	rd, err := ipc.NewReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Release()
	n := int64(0)
	for rd.Next() {
		n += rd.RecordBatch().NumRows()
	}
	if n != 20_000 || rd.Err() != nil || r.Header.Get("Content-Type") != "application/vnd.apache.arrow.stream" || r.Trailer.Get("X-Onegrid-Rows") != "20000" {
		t.Errorf("%d rows, %v, %v", n, rd.Err(), r.Trailer)
	}

	r = d.ask(map[string]any{"sql": "SELECT event_id, note, DATE '2026-01-02' AS day, now() AS t, 1.5::DECIMAL(10,2) AS m, [1,2] AS l, true AS b FROM event", "format": "parquet"})
	pf, err := file.NewParquetReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatalf("%v in %.200s", err, r.body)
	}
	defer pf.Close()
	if pf.NumRows() != 20_000 || pf.MetaData().Schema.NumColumns() != 7 {
		t.Errorf("%d rows, %d columns", pf.NumRows(), pf.MetaData().Schema.NumColumns())
	}
	d.ask(map[string]any{"sql": "SELECT INTERVAL 1 DAY AS i", "format": "parquet"}).problem(t, 400, query.Unsupported)
	d.do("POST", "/v1/sql", `{"sql":"SELECT 1"}`, header{"Accept": "image/png"}).problem(t, 400, query.Unsupported)
	d.ask(map[string]any{"sql": "SELECT 1", "format": "xml"}).problem(t, 400, query.Invalid)
}

func TestValuesInJSON(t *testing.T) {
	d := open(t)
	a := d.ask(map[string]any{"sql": `SELECT 9007199254740991, 9007199254740993, -9007199254740993, 1e300::DOUBLE, 'NaN'::DOUBLE, '-inf'::DOUBLE, 1.50::DECIMAL(5,2), 170141183460469231731687303715884105727::HUGEINT,
		true, NULL, DATE '2026-03-01' - 1, TIMESTAMP '2026-01-02 03:04:05.678', TIMESTAMPTZ '2026-01-02 03:04:05+08', TIME '03:04:05.5', '市<b>&"\' || chr(10), '\xAA\x00'::BLOB,
		[1, NULL, 3], {'a': 1, 'b': ['x']}, MAP {'k': 1}, '0190163d-8694-739b-aea5-966c26f8ad91'::UUID, 200::UTINYINT, INTERVAL '1 month 2 days 3.5 seconds', DATE 'infinity', 'a'::ENUM('a','b')`}).answer(t)
	var got []string
	for _, v := range a.Rows[0] {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	want := []string{`9007199254740991`, `"9007199254740993"`, `"-9007199254740993"`, `1e+300`, `"NaN"`, `"-Infinity"`, `"1.50"`, `"170141183460469231731687303715884105727"`,
		`true`, `null`, `"2026-02-28"`, `"2026-01-02T03:04:05.678"`, `"2026-01-01T19:04:05Z"`, `"03:04:05.5"`, `"市\u003cb\u003e\u0026\"\\\n"`, `"qgA="`,
		`[1,null,3]`, `{"a":1,"b":["x"]}`, `[{"key":"k","value":1}]`, `"0190163d-8694-739b-aea5-966c26f8ad91"`, `200`, `"P1M2DT3.5S"`, `"infinity"`, `"a"`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestParameters(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		sql    string
		params []any
		want   string
	}{
		{"SELECT $1 || 'x'", []any{"'; DROP TABLE event; --"}, `["'; DROP TABLE event; --x"]`},
		{"SELECT $1 + 1, $2", []any{41, true}, `["42",true]`},
		{"SELECT $1 IS NULL", []any{nil}, `[true]`},
		{"SELECT $1 + INTERVAL 1 DAY", []any{map[string]any{"value": "2026-01-31", "type": "DATE"}}, `["2026-02-01T00:00:00"]`},
		{"SELECT $1 * 2", []any{1.25}, `[2.5]`},
		{"SELECT $1", []any{map[string]any{"value": "12.30", "type": "DECIMAL(10,2)"}}, `["12.30"]`},
	} {
		a := d.ask(map[string]any{"sql": c.sql, "params": c.params}).answer(t)
		got, err := json.Marshal(a.Rows[0])
		if err != nil || (string(got) != c.want && strings.ReplaceAll(c.want, `"42"`, "42") != string(got)) {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
	for _, bad := range []string{`[[1]]`, `[{"value":1}]`, `[{"value":1,"type":"DATE); DROP"}]`, `[{"value":{"value":1,"type":"DATE"},"type":"DATE"}]`, `[1e999]`} {
		d.do("POST", "/v1/sql", `{"sql":"SELECT $1","params":`+bad+`}`).problem(t, 400, query.Invalid)
	}
	d.ask(map[string]any{"sql": "SELECT $1"}).problem(t, 400, query.Invalid)
}

func TestCSVIsNoFormula(t *testing.T) {
	d := open(t)
	r := d.ask(map[string]any{"sql": `SELECT id, body AS "=name", -id AS negative FROM text ORDER BY id`, "format": "csv", "bom": true})
	text, ok := strings.CutPrefix(string(r.body), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !ok {
		t.Fatal(err, ok)
	}
	var got []string
	for _, row := range rows {
		got = append(got, row[1])
		if row[0] != "id" && row[2] != "-"+row[0] {
			t.Errorf("a number was changed: %q", row[2])
		}
	}
	want := []string{"'=name", `'=HYPERLINK("http://evil.example")`, "'+1", "'-1", "'@x", "'＝1+1", "'\tx", "' =1", `harmless, "quoted"`, "路灯不亮", "", ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPagesAreOfOneGeneration(t *testing.T) {
	d := open(t)
	a := d.ask(map[string]any{"sql": "SELECT event_id, gen FROM event ORDER BY hash(event_id) LIMIT 2500", "page_rows": 1000}).answer(t)
	d.publish(2)
	seen := map[string]bool{}
	pages := 0
	for {
		pages++
		if a.Generation.Number != 1 {
			t.Errorf("a page of generation %d", a.Generation.Number)
		}
		for _, r := range a.Rows {
			if seen[fmt.Sprint(r[0])] || fmt.Sprint(r[1]) != "1" {
				t.Fatalf("row %v twice or of another generation", r)
			}
			seen[fmt.Sprint(r[0])] = true
		}
		if a.Next == "" {
			break
		}
		// Nobody else gets it, and nothing but the cursor goes with it.
		d.ask(map[string]any{"cursor": a.Next}, as("wang")).problem(t, 400, query.Invalid)
		d.ask(map[string]any{"cursor": a.Next, "sql": "SELECT 1"}).problem(t, 400, query.Invalid)
		a = d.ask(map[string]any{"cursor": a.Next, "page_rows": 1000}).answer(t)
	}
	if pages != 3 || len(seen) != 2500 {
		t.Errorf("%d pages, %d rows", pages, len(seen))
	}
	for _, bad := range []string{"x", strings.Repeat("A", 32), "////"} {
		d.ask(map[string]any{"cursor": bad}).problem(t, 400, query.Invalid)
	}
	if a := d.ask(map[string]any{"sql": "SELECT DISTINCT gen FROM event"}).answer(t); a.Generation.Number != 2 || fmt.Sprint(a.Rows[0][0]) != "2" {
		t.Errorf("a new question is answered from %+v", a)
	}
	d.ask(map[string]any{"sql": "SELECT 1", "page_rows": 1, "format": "csv"}).problem(t, 400, query.Invalid)
}

func TestETagFollowsTheGeneration(t *testing.T) {
	d := open(t)
	q := map[string]any{"sql": "SELECT count(*) FROM event"}
	r := d.ask(q)
	tag := r.Header.Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	if r := d.ask(q, header{"If-None-Match": `"x", ` + tag}); r.StatusCode != 304 || len(r.body) > 0 || r.Header.Get("ETag") != tag || r.Header.Get("X-Onegrid-Generation") != "1" {
		t.Errorf("%s %v", r.Status, r.Header)
	}
	if r := d.ask(map[string]any{"sql": "SELECT count(*) FROM text"}, header{"If-None-Match": tag}); r.StatusCode != 200 {
		t.Errorf("another statement: %s", r.Status)
	}
	if r := d.ask(map[string]any{"sql": q["sql"], "format": "csv"}, header{"If-None-Match": tag}); r.StatusCode != 200 {
		t.Errorf("another format: %s", r.Status)
	}
	if r := d.ask(map[string]any{"sql": "SELECT now(), count(*) FROM event"}); r.Header.Get("ETag") != "" {
		t.Error("an answer that changes with time has an ETag")
	}
	if r := d.do("GET", "/v1/queries/per_county?param=10&format=json", "", header{"If-None-Match": "x"}); len(r.answer(t).Rows) != 4 || r.Header.Get("ETag") == "" {
		t.Errorf("%s", r.body)
	}
	d.publish(2)
	if r := d.ask(q, header{"If-None-Match": tag}); r.StatusCode != 200 || r.Header.Get("ETag") == tag {
		t.Errorf("after a new generation: %s", r.Status)
	}
}

func TestCancel(t *testing.T) {
	d := open(t)
	const long = "SELECT count(*) FROM event a, event b, event c WHERE a.note < b.note AND b.note < c.note"
	ended := make(chan reply)
	ask := func() { ended <- d.ask(map[string]any{"sql": long, "tag": "dashboard-7"}) }
	go ask()
	running := func() (id string) {
		for id == "" && t.Context().Err() == nil {
			var list struct {
				Running []struct{ ID, Tag, User string }
			}
			if err := json.Unmarshal(d.do("GET", "/v1/sql", "").body, &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Running) == 1 && list.Running[0].Tag == "dashboard-7" && list.Running[0].User == "li" {
				id = list.Running[0].ID
			}
		}
		return id
	}
	id := running()
	if r := d.do("DELETE", "/v1/sql/"+id, "", as("wang")); r.StatusCode != 404 {
		t.Errorf("somebody else's: %s", r.Status)
	}
	if r := d.do("DELETE", "/v1/sql/dashboard-7", "", as("boss")); r.StatusCode != 404 {
		t.Errorf("somebody else's tag: %s", r.Status)
	}
	if r := d.do("DELETE", "/v1/sql/dashboard-7", ""); r.StatusCode != 204 {
		t.Errorf("by tag: %s", r.Status)
	}
	if p := (<-ended).problem(t, 499, query.Cancelled); p.QueryID != id {
		t.Errorf("%+v", p)
	}
	go ask()
	if r := d.do("DELETE", "/v1/sql/"+running(), "", as("boss")); r.StatusCode != 204 {
		t.Errorf("by the administrator: %s", r.Status)
	}
	(<-ended).problem(t, 499, query.Cancelled)
	if r := d.do("DELETE", "/v1/sql/"+id, ""); r.StatusCode != 404 {
		t.Errorf("one that is over: %s", r.Status)
	}
	// Waiting counts: the workers of the two cancelled ones may have to be replaced first.
	d.ask(map[string]any{"sql": long, "timeout_ms": 3000}).problem(t, 408, query.Timeout)
	d.ask(map[string]any{"sql": "SELECT 1"}).answer(t)
}

func TestRefusalsAreProblems(t *testing.T) {
	d := open(t)
	p := d.ask(map[string]any{"sql": "SELECT * FROM read_text('/etc/passwd')"}).problem(t, 403, query.Denied)
	if p.QueryID == "" || p.Detail == "" {
		t.Errorf("%+v", p)
	}
	zh := d.ask(map[string]any{"sql": "SELECT * FROM read_text('/etc/passwd')"}, header{"Accept-Language": "en;q=0.5, zh-CN"}).problem(t, 403, query.Denied)
	if !regexp.MustCompile(`\p{Han}`).MatchString(zh.Detail) || regexp.MustCompile(`\p{Han}`).MatchString(p.Detail) {
		t.Errorf("%q and %q", p.Detail, zh.Detail)
	}
	d.ask(map[string]any{"sql": "SELECT 1"}, as("auditor")).problem(t, 403, query.Forbidden)
	d.ask(map[string]any{"sql": "SELECT 1"}, as("viewer")).problem(t, 403, query.Forbidden)
	if n := len(d.ask(map[string]any{"query": "per_county", "params": []any{0}}, as("viewer")).answer(t).Rows); n != 4 {
		t.Errorf("%d rows for the viewer", n)
	}
	d.ask(map[string]any{"query": "none"}).problem(t, 404, query.Invalid)
	d.do("GET", "/v1/nothing", "").problem(t, 404, query.Invalid)
	d.do("GET", "/v1/generation", "", as("auditor")).problem(t, 403, query.Forbidden)
	for _, c := range []struct {
		body, contentType string
		status            int
		code              query.Code
	}{
		{`{"sql":"SELECT 1"`, "application/json", 400, query.Invalid},
		{`{"sql":"SELECT 1"} x`, "application/json", 400, query.Invalid},
		{`{"sql":"SELECT 1","sqll":1}`, "application/json", 400, query.Invalid},
		{`{"sql":1}`, "application/json", 400, query.Invalid},
		{`{}`, "application/json", 400, query.Invalid},
		{`[]`, "application/json", 400, query.Invalid},
		{`{"sql":"SELECT 1","max_rows":-1}`, "application/json", 400, query.Invalid},
		{`{"sql":"SELECT 1","tag":"a b"}`, "application/json", 400, query.Invalid},
		{"SELECT 1", "application/x-www-form-urlencoded", 400, query.Invalid},
		{"SELECT 1", "text/plain; charset=gbk", 400, query.Invalid},
		{"SELECT '\xff'", "application/sql", 400, query.Invalid},
		{strings.Repeat(" ", 70<<10), "application/sql", 413, query.TooLarge},
		{strings.Repeat(" ", 2<<20), "application/sql", 413, query.TooLarge},
	} {
		d.do("POST", "/v1/sql", c.body, header{"Content-Type": c.contentType}).problem(t, c.status, c.code)
	}
}

func TestNothingWithoutALogin(t *testing.T) {
	d := open(t)
	for _, r := range queryhttp.Routes(d.Server) {
		method, path, _ := strings.Cut(r, " ")
		path = strings.NewReplacer("{id}", "x", "{name}", "per_county").Replace(path)
		body := ""
		if method == "POST" {
			body = "{}"
		}
		res := d.do(method, path, body, header{"Authorization": "-"})
		switch path {
		case "/healthz":
			if res.StatusCode != 200 || strings.TrimSpace(string(res.body)) != `{"ok":true}` {
				t.Errorf("%s: %s %s", r, res.Status, res.body)
			}
		default:
			if res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == "" && path != "/v1/login" && path != "/v1/password" {
				t.Errorf("%s: %s", r, res.Status)
			}
		}
		h := res.Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", r, h)
		}
	}
	for _, a := range []string{"Basic !!!", "Bearer ", "Bearer ogt_x", "Digest x", "Basic bGk6d3Jvbmc="} {
		d.do("GET", "/v1/me", "", header{"Authorization": a}).problem(t, 401, query.Unauthenticated)
	}
	d.do("GET", "/nothing", "", header{"Authorization": "-"}).problem(t, 401, query.Unauthenticated)
	if r := d.do("GET", "/healthz", "", header{"Host": "evil.example"}); r.StatusCode != 421 {
		t.Errorf("a foreign host name: %s", r.Status)
	}
	if r := d.do("TRACE", "/v1/me", ""); r.StatusCode < 400 {
		t.Errorf("TRACE: %s", r.Status)
	}
}

func TestBrowserSession(t *testing.T) {
	d := open(t)
	login := `{"user":"li","password":"` + password + `"}`
	none := header{"Authorization": "-"}
	for _, h := range []header{{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}} {
		d.do("POST", "/v1/login", login, none, h).problem(t, 403, query.Forbidden)
	}
	d.do("POST", "/v1/login", login, none, header{"Content-Type": "text/plain"}).problem(t, 400, query.Invalid)
	r := d.do("POST", "/v1/login", login, none, header{"Origin": d.base})
	var me struct {
		User, CSRF string
		Scope      query.Scope
	}
	if err := json.Unmarshal(r.body, &me); err != nil || me.User != "li" || me.CSRF == "" || me.Scope != city() {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	set := r.Header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("cookie %q lacks %s", set, want)
		}
	}
	cookie := header{"Authorization": "-", "Cookie": strings.Split(set, ";")[0]}
	if r := d.do("GET", "/v1/me", "", cookie); !strings.Contains(string(r.body), me.CSRF) {
		t.Errorf("%s %s", r.Status, r.body)
	}
	const q = `{"sql":"SELECT 1"}`
	csrf := header{"X-CSRF-Token": me.CSRF}
	d.do("POST", "/v1/sql", q, cookie, csrf).answer(t)
	d.do("POST", "/v1/sql", q, cookie).problem(t, 403, query.Forbidden)
	d.do("POST", "/v1/sql", q, cookie, header{"X-CSRF-Token": strings.Repeat("0", 32)}).problem(t, 403, query.Forbidden)
	d.do("POST", "/v1/sql", q, cookie, csrf, header{"Origin": "https://evil.example"}).problem(t, 403, query.Forbidden)
	d.do("POST", "/v1/sql", q, cookie, csrf, header{"Sec-Fetch-Site": "same-site"}).problem(t, 403, query.Forbidden)
	d.do("DELETE", "/v1/sql/x", "", cookie).problem(t, 403, query.Forbidden)
	d.do("POST", "/v1/password", `{"user":"li","old":"`+password+`","new":"eight quiet lamps"}`, none, header{"Origin": "https://evil.example"}).problem(t, 403, query.Forbidden)
	if r := d.do("POST", "/v1/logout", "", cookie, csrf); r.StatusCode != 204 || !strings.Contains(r.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("%s %v", r.Status, r.Header)
	}
	d.do("GET", "/v1/me", "", cookie).problem(t, 401, query.Unauthenticated)
	// A new password ends the old one everywhere.
	r = d.do("POST", "/v1/login", login, none)
	cookie["Cookie"] = strings.Split(r.Header.Get("Set-Cookie"), ";")[0]
	if r := d.do("POST", "/v1/password", `{"user":"li","old":"`+password+`","new":"eight quiet lamps"}`, none); r.StatusCode != 204 {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	d.do("GET", "/v1/me", "", cookie).problem(t, 401, query.Unauthenticated)
	d.do("GET", "/v1/me", "").problem(t, 401, query.Unauthenticated)
}

func TestMeGenerationTablesQuestions(t *testing.T) {
	d := open(t)
	if r := d.do("GET", "/v1/me", "", as("auditor")); r.StatusCode != 200 || strings.Contains(string(r.body), "scope") {
		t.Errorf("%s %s", r.Status, r.body)
	}
	var g struct {
		query.Generation
		Age int64 `json:"age_seconds"`
	}
	r := d.do("GET", "/v1/generation", "")
	if err := json.Unmarshal(r.body, &g); err != nil || g.Number != 1 || len(g.Sources) != 2 || len(r.Header.Values("X-Onegrid-Freshness")) != 2 {
		t.Errorf("%s", r.body)
	}
	for range 2 {
		var tables struct{ Tables []front.Table }
		if err := json.Unmarshal(d.do("GET", "/v1/tables", "", as("viewer")).body, &tables); err != nil || len(tables.Tables) != 1 || len(tables.Tables[0].Columns) != 4 {
			t.Errorf("%+v, %v", tables, err)
		}
	}
	if r := d.do("GET", "/v1/queries", ""); !strings.Contains(string(r.body), "各区") {
		t.Errorf("%s", r.body)
	}
	secret, _, err := d.dir.IssueToken(t.Context(), "test", tokenFor("li"))
	if err != nil {
		t.Fatal(err)
	}
	if r := d.do("GET", "/v1/me", "", header{"Authorization": "Bearer " + secret}); r.StatusCode != 200 || !strings.Contains(string(r.body), `"token"`) {
		t.Errorf("%s %s", r.Status, r.body)
	}
}

// Every request is in the log, with its start and its end, and no literal of it.
func TestAuditOfTheDoor(t *testing.T) {
	d := open(t)
	d.ask(map[string]any{"sql": "SELECT count(*) FROM event WHERE note = '199 0000 1234'"}, header{"User-Agent": "dashboard/1"}).answer(t)
	d.ask(map[string]any{"sql": "SELECT * FROM read_blob('/secret/path')"})
	d.do("GET", "/v1/me", "", header{"Authorization": "Basic bGk6d3Jvbmc="})
	d.http.CloseIdleConnections()
	d.stop()
	var starts, ends, logins, denied int
	for _, r := range d.records() {
		line, err := json.Marshal(r)
		if err != nil || bytes.Contains(line, []byte("199 0000")) || bytes.Contains(line, []byte("/secret")) || bytes.Contains(line, []byte(password)) {
			t.Errorf("%s, %v", line, err)
		}
		switch r.Kind {
		case audit.KindStart:
			starts++
			if r.Surface != "http" || r.Address == "" || !slices.Contains([]string{"dashboard/1", "Go-http-client/1.1"}, r.Client) {
				t.Errorf("%s", line)
			}
		case audit.KindEnd:
			ends++
		case audit.KindLogin:
			logins++
		case audit.KindLoginDenied:
			denied++
		}
	}
	if starts != 2 || ends != 2 || logins != 1 || denied != 1 {
		t.Errorf("%d starts, %d ends, %d logins, %d denied", starts, ends, logins, denied)
	}
}

func TestAuditGoneMeansNothingRuns(t *testing.T) {
	d := open(t)
	d.ask(map[string]any{"sql": "SELECT 1"}).answer(t)
	if err := d.log.Close(); err != nil {
		t.Fatal(err)
	}
	d.ask(map[string]any{"sql": "SELECT 1"}).problem(t, 503, query.Unavailable)
	d.do("POST", "/v1/login", `{"user":"wang","password":"`+password+`"}`, header{"Authorization": "-"}).problem(t, 503, query.Unavailable)
}
