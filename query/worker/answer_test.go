package worker_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"onegrid/query"
	"onegrid/query/worker"
)

func TestOrderIsKept(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, sql := range []string{
		"SELECT event_id FROM event ORDER BY event_id DESC",
		"SELECT event_id FROM event ORDER BY hash(event_id)",
		"WITH e AS (SELECT * FROM event) SELECT event_id FROM e ORDER BY category, event_id DESC",
		"SELECT event_id FROM event WHERE category > 5 ORDER BY note",
		"SELECT event_id FROM event ORDER BY ALL DESC",
		"(SELECT event_id FROM event ORDER BY 1 LIMIT 10) UNION ALL SELECT event_id FROM event ORDER BY 1 DESC",
		"SELECT event_id FROM event", // insertion order
		"SELECT DISTINCT ON (category) event_id FROM event ORDER BY category, event_id DESC",
	} {
		got := must(t, p, sql)
		// The same text once more, sorted by its own row number: the order that the engine gives the text alone.
		if want := must(t, p, "SELECT event_id FROM (SELECT event_id, row_number() OVER () AS n FROM ("+sql+")) ORDER BY n"); !cmp.Equal(got, want) {
			t.Errorf("%s: another order", sql)
		}
	}
}

func TestLimits(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct {
		name      string
		rows      int64
		bytes     int64
		sql       string
		want      int
		truncated bool
	}{
		{"under", 20_001, 1 << 30, "SELECT event_id FROM event", 20_000, false},
		{"exactly", 20_000, 1 << 30, "SELECT event_id FROM event", 20_000, false},
		{"one over", 19_999, 1 << 30, "SELECT event_id FROM event", 19_999, true},
		{"within a chunk", 3, 1 << 30, "SELECT event_id FROM event", 3, true},
		{"bytes", 1 << 40, 100_000, "SELECT event_id FROM event", 12_288, true},
	} {
		st := ask(c.sql)
		st.MaxRows, st.MaxBytes = c.rows, c.bytes
		out, stats, err := run(t, p, st)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(out) != c.want || stats.Rows != int64(c.want) || stats.Truncated != c.truncated {
			t.Errorf("%s: %d rows, %+v", c.name, len(out), stats)
		}
		if stats.Bytes > c.bytes || stats.PeakRSS < 1<<20 || stats.Elapsed <= 0 {
			t.Errorf("%s: %+v", c.name, stats)
		}
	}
	_, _, err := run(t, p, ask("SELECT repeat('x', 20000000)"))
	if c := code(t, err); c != query.TooLarge && c != query.Denied {
		t.Errorf("a row of 20 MB: %v", err)
	}
}

// Long rows travel in messages of a bounded size.
func TestLongRows(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, "CREATE TABLE event AS SELECT i, repeat('x', 20000) AS body FROM range(3000) r(i)"))
	s := ask("SELECT i, body FROM event")
	s.MaxBytes = 100 << 20
	out, stats, err := run(t, p, s)
	if err != nil || len(out) != 3000 || stats.Truncated {
		t.Errorf("%d rows, %+v, %v", len(out), stats, err)
	}
}

func TestTypes(t *testing.T) {
	s := publish(t, 1, "CREATE TYPE mood AS ENUM ('calm', 'urgent')",
		"CREATE TABLE event AS SELECT i, (CASE WHEN i % 3 = 0 THEN 'calm' WHEN i % 3 = 1 THEN 'urgent' END)::mood AS m FROM range(5000) r(i)")
	p := open(t, config(), func(p *worker.Pool) { p.Ungated(false) })
	use(t, p, s)
	for _, c := range []struct{ sql, typ, value string }{
		{"SELECT 1::TINYINT", "TINYINT", "1"},
		{"SELECT 1::HUGEINT", "HUGEINT", "1"},
		{"SELECT sum(i) FROM event", "HUGEINT", "12497500"},
		{"SELECT 1.5::DECIMAL(10,2)", "DECIMAL(10,2)", "1.5"},
		{"SELECT DATE '2026-01-02'", "DATE", "2026-01-02"},
		{"SELECT TIME '01:02:03'", "TIME", "01:02:03.000000"},
		{"SELECT TIMESTAMPTZ '2026-01-02 03:04:05'", "TIMESTAMP WITH TIME ZONE", "2026-01-02T03:04:05+08:00"},
		{"SELECT '北京'", "VARCHAR", "北京"},
		{"SELECT [1, 2]", "INTEGER[]", "[1,2]"},
		{"SELECT {'a': 1, 'b': 'x'}", `STRUCT("a" INTEGER, "b" VARCHAR)`, `{"a":1,"b":"x"}`},
		{"SELECT uuid '00000000-0000-0000-0000-000000000001'", "UUID", "00000000-0000-0000-0000-000000000001"},
		{"SELECT m FROM event WHERE i = 4", "ENUM('calm', 'urgent')", "urgent"},
		{"SELECT NULL", "INTEGER", "(null)"},
		{"SELECT '{\"a\":1}'::JSON", "JSON", `{"a":1}`},
		{"SELECT INTERVAL 1 DAY", "INTERVAL", `{"months":0,"days":1,"nanoseconds":0}`},
	} {
		a, _, err := p.Run(t.Context(), city(), ask(c.sql))
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if got := a.Columns()[0].Type; got != c.typ {
			t.Errorf("%s: type %s", c.sql, got)
		}
		a.Close()
		if got := must(t, p, c.sql); len(got) != 1 || got[0] != c.value {
			t.Errorf("%s: %q", c.sql, got)
		}
	}
	if got := must(t, p, "SELECT m, count(*) FROM (SELECT m FROM event) GROUP BY m ORDER BY m NULLS LAST"); strings.Join(got, " ") != "calm|1667 urgent|1667 (null)|1666" {
		t.Error(got)
	}
}

func TestColumnNamesAreTheirOwn(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	a, _, err := p.Run(t.Context(), city(), ask("SELECT a.county, e.county, 1 AS county_1 FROM area a, event e LIMIT 1"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var names []string
	for _, c := range a.Columns() {
		names = append(names, c.Name)
	}
	if d := cmp.Diff([]string{"county", "county", "county_1"}, names); d != "" {
		t.Error(d)
	}
	if got := a.Schema().Field(1).Name; got != "county" {
		t.Errorf("Arrow calls it %q", got)
	}
}

// The stream that is passed on undecoded is what a client's own reader takes.
func TestWriteTo(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct {
		sql  string
		want int64
	}{{"SELECT * FROM event", rows}, {"SELECT * FROM event WHERE false", 0}, {"SELECT 1", 1}} {
		a, _, err := p.Run(t.Context(), city(), ask(c.sql))
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		n, err := a.WriteTo(&buf)
		if err != nil || n != int64(buf.Len()) {
			t.Fatalf("%d of %d bytes: %v", n, buf.Len(), err)
		}
		a.Close()
		r, err := ipc.NewReader(&buf)
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		for r.Next() {
			got += r.RecordBatch().NumRows()
		}
		if r.Err() != nil && r.Err() != io.EOF || got != c.want || a.Stats().Rows != c.want {
			t.Errorf("%s: %d rows, %v", c.sql, got, r.Err())
		}
		r.Release()
	}
}

func TestDescribeAndExplain(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct {
		sql  string
		want query.Shape
	}{
		{"SELECT event_id, note FROM event WHERE event_day = $1 AND category > $2", query.Shape{
			Columns: []query.Column{{Name: "event_id", Type: "BIGINT"}, {Name: "note", Type: "VARCHAR"}}, Params: []string{"DATE", "INTEGER"}}},
		{"SELECT 1 AS a", query.Shape{Columns: []query.Column{{Name: "a", Type: "INTEGER"}}}},
		{"SELECT $1 AS a, count(*) AS n FROM event", query.Shape{
			Columns: []query.Column{{Name: "a", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}}, Params: []string{""}}},
	} {
		got, report, err := p.Describe(t.Context(), city(), ask(c.sql))
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		for i := range got.Columns { // a NULL has whatever type the engine gives it
			if c.want.Columns[i].Name == "a" && got.Columns[i].Type != "" {
				got.Columns[i].Type = c.want.Columns[i].Type
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.sql, d)
		}
		if !report.Decided || !report.Allowed {
			t.Errorf("%+v", report)
		}
	}
	st := ask("SELECT count(*) FROM event WHERE category = 3")
	st.Explain = true
	out, _, err := run(t, p, st)
	if err != nil || !strings.Contains(strings.Join(out, "\n"), "event") {
		t.Errorf("%v %v", out, err)
	}
	st.SQL = "ANALYZE SELECT count(*) FROM event"
	if _, _, err := run(t, p, st); err == nil {
		t.Error("EXPLAIN ANALYZE got through")
	}
}

// The gate stands in front, and what it says is in the report and in the error.
func TestGateStandsInFront(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, sql := range []string{"SELECT * FROM hidden", "SELECT * FROM read_text('/etc/passwd')", "DROP TABLE event", "SELECT 1; SELECT 2", "SELECT \x00"} {
		_, report, err := p.Run(t.Context(), city(), ask(sql))
		c := code(t, err)
		var e *query.Error
		errors.As(err, &e)
		if c == "" || c == query.Internal || !report.Decided || report.Allowed || e.Rule == "" || report.Rule != e.Rule {
			t.Errorf("%s: %v %+v", sql, err, report)
		}
	}
	_, report, err := p.Run(t.Context(), city(), ask("SELECT count(*), max(note) FROM event WHERE note <> 'secret'"))
	if err != nil || strings.Join(report.Tables, ",") != "event" && strings.Join(report.Tables, ",") != "main.event" || len(report.Functions) == 0 || strings.Contains(report.Redacted, "secret") {
		t.Errorf("%+v %v", report, err)
	}
}

// Nothing of one statement is left for the next, even without the gate.
func TestNoStateBetweenStatements(t *testing.T) {
	cfg := config()
	cfg.Workers, cfg.NoSpare = 1, true
	p := open(t, cfg, func(p *worker.Pool) { p.Ungated(true) })
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct{ leave, look, want string }{
		{"SET VARIABLE v = 'kept'", "SELECT getvariable('v') IS NULL", "true"},
		{"CREATE TEMP TABLE event AS SELECT 1 AS event_id", "SELECT count(*) FROM event", "20000"},
		{"CREATE TEMP VIEW area AS SELECT 1 AS x", "SELECT count(*) FROM area", "7"},
		{"CREATE TEMP MACRO lower(x) AS 'shadow'", "SELECT lower('A')", "a"},
		{"PREPARE p AS SELECT 1", "SELECT count(*) FROM duckdb_prepared_statements()", "0"},
		{"BEGIN", "SELECT count(*) FROM event", "20000"},
		{"USE temp", "SELECT count(*) FROM event", "20000"},
		{"SET search_path = 'temp'", "SELECT count(*) FROM event", "20000"},
	} {
		_, _, err := run(t, p, ask(c.leave))
		_ = code(t, err) // refused or not: what counts is what stays
		if got := must(t, p, c.look); len(got) != 1 || got[0] != c.want {
			t.Errorf("after %s: %s gives %v", c.leave, c.look, got)
		}
	}
}

// Errors say what the client can use, and nothing that he did not write.
func TestErrorsLeakNothing(t *testing.T) {
	p := open(t, config(), func(p *worker.Pool) { p.Ungated(false) })
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct {
		sql  string
		code query.Code
		says string
	}{
		{"SELECT event_ids FROM event", query.Invalid, `column "event_ids" does not exist`},
		{"SELECT e.nope FROM event e", query.Invalid, `"nope"`},
		{"SELECT * FROM hiden", query.Invalid, `table "hiden" does not exist`},
		{"SELECT lowerr('x')", query.Invalid, `function "lowerr"`},
		{"SELECT body::INTEGER FROM hidden", query.Invalid, "could not be converted to INT32"},
		{"SELECT event_id::TINYINT FROM event", query.Invalid, "INT64"},
		{"SELECT error(body) FROM hidden", query.Invalid, ""},
		{"SELECT sum(note) FROM event", query.Invalid, `function "sum"`},
		{"SELECT strptime(body, '%Y') FROM hidden", query.Invalid, ""},
		{"SELECT note, count(*) FROM event", query.Invalid, `"note"`},
		{"SELECT (SELECT event_id FROM event)", query.Invalid, "more than one row"},
		{"SELECT 9223372036854775807 + event_id FROM event", query.Invalid, ""},
		{"SELECT * FROM read_text('/etc/passwd')", query.Denied, ""},
		{"SELECT FROM WHERE", query.Syntax, ""},
		{"SELECT date_trunc(body, event_day) FROM hidden, event", query.Invalid, ""},
		{"SELECT json_extract(body, '$.a') FROM hidden", query.Invalid, ""},
		{"SELECT regexp_matches('a', body || '(') FROM hidden", query.Invalid, ""},
		{"SELECT $1::INTEGER", query.Invalid, ""},
	} {
		_, _, err := run(t, p, ask(c.sql))
		if got := code(t, err); got != c.code {
			t.Errorf("%s: %s %v", c.sql, got, err)
			continue
		}
		text := err.Error()
		for _, leak := range []string{"LEAK", "Did you mean", "Candidate", "/proc", "LINE 1", "open_event", "event_day"} {
			if strings.Contains(text, leak) && !strings.Contains(c.sql, leak) {
				t.Errorf("%s: %q", c.sql, text)
			}
		}
		if !strings.Contains(text, c.says) {
			t.Errorf("%s: %q does not say %q", c.sql, text, c.says)
		}
	}
}

// A failure in the middle of an answer ends it with an error, not with fewer rows.
func TestFailureInTheMiddle(t *testing.T) {
	p := open(t, config(), func(p *worker.Pool) { p.Ungated(false) })
	use(t, p, publish(t, 1, setup()...))
	out, _, err := run(t, p, ask("SELECT CASE WHEN event_id = 15000 THEN error('x') ELSE event_id END FROM event"))
	if code(t, err) != query.Invalid || len(out) >= 15001 {
		t.Errorf("%d rows, %v", len(out), err)
	}
}
