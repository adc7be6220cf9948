package gate

import (
	"context"
	"database/sql/driver"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
)

// attack is a text that must be denied, and the rule that denies it.
type attack struct {
	line int
	rule Rule
	text string
	bomb bool // the parser needs minutes or gigabytes for it
}

func attacks(t testing.TB) []attack {
	t.Helper()
	var out []attack
	for n, line := range strings.Split(testdata(t, "attacks.txt"), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		rule, text, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("attacks.txt:%d: no tabulator", n+1)
		}
		if text[0] == '"' {
			unquoted, err := strconv.Unquote(text)
			if err != nil {
				t.Fatalf("attacks.txt:%d: %v", n+1, err)
			}
			text = unquoted
		}
		out = append(out, attack{line: n + 1, rule: Rule(strings.Trim(rule, `"`)), text: text})
	}
	return out
}

// honest is a query of a person or a tool that must pass and run.
type honest struct {
	line   int
	text   string
	params []string
}

func honestQueries(t testing.TB) []honest {
	t.Helper()
	var out []honest
	h := honest{}
	for n, line := range strings.Split(testdata(t, "honest.sql"), "\n") {
		if params, ok := strings.CutPrefix(line, "-- params: "); ok {
			h.params = strings.Split(params, ", ")
			continue
		}
		if h.text == "" && (line == "" || strings.HasPrefix(line, "-- ")) {
			continue
		}
		if h.text == "" {
			h.line = n + 1
		} else {
			h.text += "\n"
		}
		h.text += line
		if strings.Contains(line, ";") {
			out = append(out, h)
			h = honest{}
		}
	}
	return out
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func published(t testing.TB) Catalog {
	t.Helper()
	c, err := NewCatalog([]string{"event", "incident", "area", "category", "org", "event_transition", "freshness", "bi.daily"},
		[]string{"hours_open"}, []string{"open_in"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openGate(t testing.TB) *Gate {
	t.Helper()
	g, err := Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// city is a small database with what the corpus names, published or not.
type city struct{ conn driver.Conn }

func openCity(t testing.TB) city {
	t.Helper()
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connector.Close() })
	conn, err := connector.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := city{conn}
	c.exec(t, "SET threads=1", "SET autoinstall_known_extensions=false", "SET autoload_known_extensions=false", "SET TimeZone='Asia/Shanghai'", "SET memory_limit='512MB'")
	for _, q := range strings.Split(testdata(t, "schema.sql"), ";\n") {
		if strings.TrimSpace(q) != "" {
			c.exec(t, q)
		}
	}
	c.exec(t, "SET enable_external_access=false", "SET disabled_filesystems='LocalFileSystem'", "SET lock_configuration=true")
	return c
}

func (c city) exec(t testing.TB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := c.conn.(driver.ExecerContext).ExecContext(context.Background(), q, nil); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// rows runs one statement as a worker would and returns its rows as text.
func (c city) rows(ctx context.Context, text string, params, names []string) ([][]driver.Value, error) {
	stmt, err := c.conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	args := make([]driver.NamedValue, len(params))
	for i, p := range params {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: p}
		if i < len(names) && strings.Trim(names[i], "0123456789") != "" {
			args[i].Name = names[i]
		}
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]driver.Value
	for {
		row := make([]driver.Value, len(rows.Columns()))
		if err := rows.Next(row); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
}
