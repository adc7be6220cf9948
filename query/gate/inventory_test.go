package gate

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ask returns the first column of a query on the gate's own locked instance.
func ask(t *testing.T, g *Gate, query string) []string {
	t.Helper()
	rows, err := g.conn.(driver.QueryerContext).QueryContext(context.Background(), query, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(row[0]))
	}
}

// The linked engine has exactly the functions that were looked at. A new engine version fails here until its list has
// been read.
func TestFunctionInventory(t *testing.T) {
	g := openGate(t)
	all, err := parseFunctions(functionText)
	if err != nil {
		t.Fatal(err)
	}
	var reviewed []string
	for kind, names := range all {
		for name := range names {
			if kind != "syntax" {
				reviewed = append(reviewed, kind+" "+name)
			}
		}
	}
	slices.Sort(reviewed)
	engine := ask(t, g, "SELECT DISTINCT CASE WHEN schema_name = 'pg_catalog' THEN 'pg_catalog' ELSE function_type END || ' ' || function_name FROM duckdb_functions()")
	slices.Sort(engine)
	if d := cmp.Diff(reviewed, engine); d != "" {
		t.Fatalf("functions_%s.txt and the engine differ (-reviewed +engine):\n%s", engineVersion, d)
	}
	if got := ask(t, g, "SELECT version()"); got[0] != engineVersion {
		t.Fatalf("engine %s, reviewed %s", got[0], engineVersion)
	}
}

// A name that the file denies is not allowed in any form that an expression or FROM can reach.
func TestDeniedFunctionsAreNotCallable(t *testing.T) {
	g, c := openGate(t), published(t)
	all, err := parseFunctions(functionText)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for kind, names := range all {
		for name, f := range names {
			if f.allowed || kind == "pragma" {
				continue
			}
			texts := []string{`SELECT * FROM "` + name + `"('x')`, `SELECT * FROM main."` + strings.ToUpper(name) + `"()`}
			if kind != "table" && kind != "table_macro" {
				texts = append(texts, `SELECT "`+name+`"('x')`, `SELECT event_day."`+name+`"() FROM event`, `SELECT "`+name+`"(1) OVER () FROM event`)
			}
			for _, text := range texts {
				v, err := g.Check(context.Background(), text, c)
				if err != nil || v.Allowed || v.Rule != RuleFunction {
					t.Errorf("%s: allowed %v, rule %q, %v", text, v.Allowed, v.Rule, err)
				}
				tried++
			}
		}
	}
	t.Logf("%d calls", tried)
}

func TestSettingInventory(t *testing.T) {
	g := openGate(t)
	var reviewed []string
	for _, line := range strings.Split(testdata(t, "settings_"+engineVersion+".txt"), "\n") {
		if !strings.HasPrefix(line, "#") {
			reviewed = append(reviewed, strings.Fields(line)...)
		}
	}
	slices.Sort(reviewed)
	engine := ask(t, g, "SELECT name FROM duckdb_settings() ORDER BY name")
	slices.Sort(engine)
	if d := cmp.Diff(reviewed, engine); d != "" {
		t.Fatalf("settings differ (-reviewed +engine):\n%s", d)
	}
}

// The linked engine writes every object and word of the description, with the same fields in the same order. What it does
// not write does not belong there.
func TestSyntaxTreeInventory(t *testing.T) {
	g := openGate(t)
	texts := strings.Split(testdata(t, "ast_probes.sql"), ";\n")
	for _, h := range honestQueries(t) {
		texts = append(texts, h.text)
	}
	seen := map[string]bool{}
	var look func(v value)
	look = func(v value) {
		for _, item := range v.items {
			look(item)
		}
		if v.kind != isObject {
			return
		}
		for family, shapes := range g.grammar {
			for name, s := range shapes {
				if name != "-" && v.items[0].text != name || len(s.fields) != len(v.names) {
					continue
				}
				same := true
				for i, f := range s.fields {
					same = same && f.name == v.names[i]
				}
				if !same {
					continue
				}
				seen[family+" "+name] = true
				for i, f := range s.fields {
					if f.kind == "enum" {
						seen[family+" "+name+" "+f.name+" "+v.items[i].text] = true
					}
				}
			}
		}
	}
	for _, text := range texts {
		answer, err := g.serialize(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parseJSON(answer)
		if err != nil {
			t.Fatal(err)
		}
		if tree.at("error").yes {
			t.Errorf("%s: %s", text, tree.at("error_message").text)
		}
		look(tree)
	}
	for _, family := range slices.Sorted(maps.Keys(g.grammar)) {
		for name, s := range g.grammar[family] {
			if !seen[family+" "+name] {
				t.Errorf("the engine did not write %s %s", family, name)
				continue
			}
			for _, f := range s.fields {
				for _, word := range f.words {
					if !seen[family+" "+name+" "+f.name+" "+word] {
						t.Errorf("the engine did not write %s %s %s=%s", family, name, f.name, word)
					}
				}
			}
		}
	}
}
