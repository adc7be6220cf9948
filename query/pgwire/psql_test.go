package pgwire_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"onegrid/query/audit"
)

// Everything that psql offers for looking around answers without an error, and shows the published tables and no other.
func TestPSQLBrowses(t *testing.T) {
	r := open(t)
	for _, command := range []string{`\d`, `\d+`, `\dt`, `\dt+`, `\dt public.*`, `\dt ev*`, `\dv`, `\dv+`, `\di`, `\ds`, `\dm`, `\dE`, `\d event`, `\d+ event`, `\d generation`, `\d+ generation`, `\d public.event`,
		`\dn`, `\dn+`, `\l`, `\l+`, `\du`, `\du+`, `\dg+`, `\df`, `\df+`, `\dfa`, `\dT`, `\dT+`, `\dp`, `\z`, `\z event`, `\ddp`, `\db`, `\db+`, `\dC`, `\dC+`, `\dD`, `\do`, `\do+`, `\dO`, `\dO+`, `\dc`, `\dA`, `\dAc`, `\dAf`,
		`\dAo`, `\dAp`, `\dL`, `\dL+`, `\dF`, `\dFd`, `\dFp`, `\dFt`, `\dx`, `\dx+`, `\dy`, `\dX`, `\dP`, `\det`, `\des`, `\dew`, `\deu`, `\drds`, `\dRp`, `\dRs`, `\dconfig`, `\dd`, `\dl`, `\sv generation`, `\conninfo`, `\encoding`} {
		t.Run(command, func(t *testing.T) {
			out := r.psql(t, command+"\n")
			if strings.Contains(out, "ERROR") || strings.Contains(out, "invalid command") {
				t.Errorf("%s", out)
			}
			for _, ours := range []string{"pgc_", "pg_class", "information_schema_", "duckdb"} {
				if strings.Contains(out, ours) {
					t.Errorf("%s shows %s:\n%s", command, ours, out)
				}
			}
		})
	}
	for command, wants := range map[string][]string{
		`\d`:        {"public | event      | table", "public | generation | view", "(6 rows)"},
		`\dt+`:      {"governance events · 治理事件"},
		`\d event`:  {"reported_at | timestamp with time zone", "category    | integer", "closed      | boolean", "event_day   | date"},
		`\d kinds`:  {"d      | numeric(18,6)", "li     | integer[]", "u      | uuid", "iv     | interval", "js     | json"},
		`\d+ event`: {"county · 区县"},
		`\dn`:       {"public | onegrid\n(1 row)"},
		`\d nosuch`: {`Did not find any relation named "nosuch"`},
		`\conninfo`: {`database "onegrid"`, "SSL connection"},
	} {
		out := r.psql(t, command+"\n")
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s lacks %q:\n%s", command, want, out)
			}
		}
	}
}

// Statements as people type them, with what PostgreSQL would answer.
func TestPSQLStatements(t *testing.T) {
	r := open(t)
	for script, want := range map[string]string{
		"select count(*) from event;":                                                    "   500\n",
		"select 1 as a, 'x' as b, now() as c \\gdesc":                                    " c      | timestamp with time zone\n",
		"\\timing\nselect 1;":                                                            "Time: ",
		"select current_user, session_user, user;":                                       "duty-desk    | duty-desk    | duty-desk",
		"select current_database(), current_schema, current_catalog;":                    "onegrid          | public         | onegrid",
		"select version();":                                                              "PostgreSQL 15.0 (onegrid",
		"select '{1,2}' as braces, 'pg_catalog.x' as dotted;":                            " {1,2}  | pg_catalog.x",
		"select to_char(timestamp '2026-02-03 14:05:06', 'YYYY-MM-DD HH24:MI:SS') as t;": "2026-02-03 14:05:06",
		"select array_length([1,2,3]) as n;":                                             " 3\n",
		"select 'event'::regclass::oid > 0 as known;":                                    " t\n",
		"select cast(16384 as regclass) as name;":                                        " area\n",
		"explain select 1;":                                                              "physical_plan",
		"table area;":                                                                    "990104 | 区4",
		"select * from area where code = 'nosuch';":                                      "(0 rows)",
		"show onegrid.generation;":                                                       "onegrid.generation",
		"select 1; show onegrid.generation;":                                             "7 2026-03-01T12:00:00+08:00",
		"select 1; show onegrid.freshness;":                                              `"source":"hotline"`,
		"show timezone;":                                                                 "Asia/Shanghai",
		"set timezone to 'UTC';":                                                         "times are shown in Asia/Shanghai",
		"begin; select count(*) from event; commit;":                                     "COMMIT",
		"select nosuch from event;":                                                      "ERROR:  42703",
		"select * from nosuch;":                                                          "ERROR:  42P01",
		"select nosuch(1);":                                                              "ERROR:  42883",
		"selec 1;":                                                                       "ERROR:  42601",
		"show nosuch;":                                                                   "ERROR:  42704",
		"select pg_read_file('/etc/passwd');":                                            "ERROR:  42883",
		"select * from read_csv('/etc/passwd');":                                         "ERROR:  42883",
		"select * from duckdb_settings();":                                               "ERROR:  42883",
		"\\copy area to '/dev/null'":                                                     "ERROR:  0A000",
		"copy event to stdout;":                                                          "ERROR:  0A000",
		"copy event from stdin;":                                                         "ERROR:  0A000",
		"declare c cursor for select 1;":                                                 "ERROR:  0A000",
		"prepare p as select 1;":                                                         "ERROR:  0A000",
		"listen x;":                                                                      "ERROR:  0A000",
		"insert into event values (1);":                                                  "ERROR:  25006",
		"update event set closed = true;":                                                "ERROR:  25006",
		"delete from event;":                                                             "ERROR:  25006",
		"create table x(a int);":                                                         "ERROR:  25006",
		"drop table event;":                                                              "ERROR:  25006",
		"truncate event;":                                                                "ERROR:  25006",
		"set role admin;":                                                                "ERROR:  42501",
		"begin; select nosuch; select 1;":                                                "ERROR:  25P02",
		"begin; select nosuch; commit;":                                                  "ROLLBACK\n",
		"rollback to savepoint x;":                                                       "only possible within a transaction block",
	} {
		t.Run(script, func(t *testing.T) {
			if out := r.psql(t, script+"\n"); !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		})
	}
}

// Several statements of one -c are one simple query: up to the first error, whose position counts from its beginning.
func TestPSQLManyInOne(t *testing.T) {
	r := open(t)
	out := r.psql(t, "", "-c", "select 'first'; select '区', nosuch from event; select 'third'")
	if !strings.Contains(out, "first") || strings.Contains(out, "third") {
		t.Errorf("ran %s", out)
	}
	if !regexp.MustCompile(`LINE 1: .*nosuch from event; select 'thir.*\n +\^`).MatchString(out) {
		t.Errorf("position:\n%s", out)
	}
	if out := r.psql(t, "", "-At", "-c", "select 1; ; select 2;;"); out != "1\n2\n" {
		t.Errorf("two statements: %q", out)
	}
}

// Whatever is refused is in the audit log, with its rule and without what the client wrote in quotes.
func TestRefusalsAreAudited(t *testing.T) {
	r := open(t)
	r.psql(t, "insert into event values ('19900001111');\ncopy event to stdout;\nselect * from nosuch where a = '19900001111';\nselect count(*) from event;\n")
	ends := map[string]audit.Record{}
	texts := map[string]string{}
	for _, rec := range r.records(t) {
		switch rec.Kind {
		case audit.KindStart:
			texts[rec.QueryID] = rec.SQL
			if rec.User != user || rec.Surface != "pgwire" || !strings.Contains(rec.Client, "psql") {
				t.Errorf("start: %+v", rec)
			}
		case audit.KindEnd:
			ends[texts[rec.QueryID]] = rec
		}
		if strings.Contains(rec.SQL, "19900001111") {
			t.Errorf("a literal is in the audit log: %s", rec.SQL)
		}
	}
	for start, want := range map[string][3]string{"insert": {"denied", "statement", "denied"}, "copy": {"denied", "statement", "denied"}, "select * from nosuch": {"denied", "table", "denied"}, "select count": {"allowed", "", "ok"}} {
		found := false
		for text, rec := range ends {
			if strings.HasPrefix(strings.ToLower(text), start) {
				found = true
				if got := [3]string{rec.Decision, rec.Rule, rec.Class}; got != want && !(want[2] == "denied" && got[2] == "syntax") {
					t.Errorf("%s: %v, want %v", start, got, want)
				}
			}
		}
		if !found {
			t.Errorf("no record of %q in %v", start, texts)
		}
	}
}

// The transcript of docs/bi-clients.md is what psql prints.
func TestTranscriptOfTheGuide(t *testing.T) {
	r := open(t)
	path := filepath.Join("..", "..", "docs", "bi-clients.md")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	guide := new(strings.Builder)
	if _, err := f.WriteTo(guide); err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(guide.String(), "```console psql\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the guide has no block ```console psql")
	}
	var script, want strings.Builder
	for line := range strings.Lines(block) {
		if in, ok := strings.CutPrefix(line, "onegrid=> "); ok {
			script.WriteString(in)
			continue
		}
		want.WriteString(line)
	}
	// The id of a query is another one each time, and so is the colour of white space.
	squeeze := func(s string) string {
		s = regexp.MustCompile(`query [0-9a-f-]{36}`).ReplaceAllString(s, "query …")
		s = regexp.MustCompile(`[ \t]+\n`).ReplaceAllString(s, "\n")
		return strings.TrimSpace(regexp.MustCompile(`\n+`).ReplaceAllString(s, "\n"))
	}
	got := r.psql(t, script.String(), "-v", "VERBOSITY=default")
	if squeeze(got) != squeeze(want.String()) {
		t.Errorf("psql prints\n%s\nthe guide says\n%s", squeeze(got), squeeze(want.String()))
	}
}
