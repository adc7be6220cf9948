package sqltable

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestStatements holds the SQL of every dialect. For SQL Server and Oracle this is the only test: no server can be had.
func TestStatements(t *testing.T) {
	types := map[string][2]string{"postgres": {"TIMESTAMP", "TEXT"}, "mysql": {"DATETIME", "DECIMAL"}, "sqlite": {"DATETIME", "TEXT"},
		"sqlserver": {"DATETIME", "VARCHAR"}, "oracle": {"DATE", "NUMBER"}}
	for driver, ty := range types {
		d, _ := dialectFor(driver)
		var out strings.Builder
		say := func(title string, q string, args []value) {
			out.WriteString("-- " + title + "\n" + strings.ReplaceAll(q, "\n", " ") + "\n")
			for _, a := range args {
				out.WriteString("   " + string(a.tag) + " " + string(a.b) + "\n")
			}
		}
		for _, q := range d.setup(time.Minute) {
			say("set-up", q, nil)
		}
		say("clock", d.clock, nil)
		lower, upper := []value{text("2024-03-01 08:00:00"), text("4711")}, text("2024-03-02 00:00:00")
		for _, tables := range [][]string{{`dept.工单"`}, {"to_rec", "to_his_rec"}} {
			p := examplePlan(d, tables, ty)
			name := strings.Join(tables, "+") + ": "
			q := p.page(bounds{upper: &upper, limit: 101})
			say(name+"first page", q.String(), q.args)
			q = p.page(bounds{lower: lower[:1], inclusive: true, upper: &upper, below: true, limit: 101})
			say(name+"look-back page of a window", q.String(), q.args)
			q = p.page(bounds{lower: lower, upper: &upper, limit: 101})
			say(name+"next page", q.String(), q.args)
			q = p.group(lower)
			say(name+"rows of one position", q.String(), q.args)
			q = p.strays(&upper)
			say(name+"rows without a position", q.String(), q.args)
			q = p.all()
			say(name+"everything", q.String(), q.args)
			q = p.newestStmt(&upper)
			say(name+"newest time", q.String(), q.args)
			p.quoted = [][]string{{p.quoted[0][1]}, {p.quoted[len(p.quoted)-1][1]}}
			p.time = -1
			q = p.newestStmt(nil)
			say(name+"largest key", q.String(), q.args)
		}
		file := filepath.Join("testdata", driver+".sql")
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", driver, diff)
		}
	}
}

func examplePlan(d dialect, tables []string, types [2]string) *plan {
	p := &plan{d: d, stream: Stream{Name: "c", Cursor: &Cursor{Time: "gxsj", Key: "jjdbh"}}, time: 0, key: 1}
	for _, n := range []struct{ name, t string }{{"gxsj", types[0]}, {"jjdbh", types[1]}, {`报警]内"容` + "`", "TEXT"}} {
		c := column{name: n.name, dbType: n.t, class: d.class(n.t)}
		for range tables {
			c.exprs = append(c.exprs, d.project("s."+d.quote(n.name), n.t, false))
		}
		p.cols = append(p.cols, c)
	}
	for _, t := range tables {
		p.sources = append(p.sources, quoteAll(strings.Split(d.fold(t), "."), d.quote))
		p.names = append(p.names, t)
		p.quoted = append(p.quoted, []string{"s." + d.quote("gxsj"), "s." + d.quote("jjdbh")})
	}
	return p
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{"to_rec": `"TO_REC"`, "dept.工单表": `"DEPT"."工单表"`, `"To Rec".x`: `"To Rec"."X"`, "a$1.b#": `"A$1"."B#"`,
		"a;b": "", "a b": "", "": "", ".a": "", "a.": "", `"a`: "", `""`: "", `"a"b`: "", "1a": "", "a.b.c.d": "", "a--": "", "x'": "", "\"a\x00\"": ""} {
		parts, err := parseName(in, strings.ToUpper)
		got := quoteAll(parts, quoteWith(`"`, `"`))
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

// FuzzNames: whatever a settings file holds, the statement has one identifier for each part and nothing else.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"to_rec", `"a"".b"`, "工单.表", "x]]", "`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts, err := parseName(s, strings.ToLower)
		if err != nil {
			return
		}
		for _, q := range []func(string) string{quoteWith(`"`, `"`), quoteWith("`", "`"), quoteWith("[", "]")} {
			for _, p := range parts {
				in := q(p)
				shut := in[len(in)-1:]
				if body := in[1 : len(in)-1]; strings.Contains(strings.ReplaceAll(body, shut+shut, ""), shut) || p == "" {
					t.Errorf("%q leaves its quotes: %s", s, in)
				}
			}
		}
	})
}
