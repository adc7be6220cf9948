package gate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"onegrid/query"
)

func TestVerdictSaysWhy(t *testing.T) {
	g, c := openGate(t), published(t)
	for _, tc := range []struct {
		text, message, hint string
		code                query.Code
		pos                 int
	}{
		{"SELECT * FROM evnt", "this table is not published: evnt", "event", query.Denied, 15},
		{"SELECT '列列', read_text('x')", "this function is not on the list: read_text", "reads files", query.Denied, 14},
		{"SELECT levenstein(a, b) FROM event", "this function is not on the list: levenstein", "levenshtein", query.Denied, 8},
		{"SELECT hours_opn(a, b) FROM event", "this function is not on the list: hours_opn", "hours_open", query.Denied, 8},
		{"SELECT '列列' FORM x y FROM event", "syntax error at position 18 near x", "one SELECT", query.Syntax, 18},
		{"SELECT 1 a 'secret'", "syntax error at position 12", "one SELECT", query.Syntax, 12},
		{"SELECT (1", "syntax error at position 10", "one SELECT", query.Syntax, 10},
		{"SELECT $1, $a", "this SQL is not supported", "cannot be mixed", query.Unsupported, 0},
		{"SELECT repeat('x', 4000000000)", "the query is larger than the limit", "smaller constant", query.TooLarge, 8},
		{"DROP TABLE event", "exactly one SELECT", "one SELECT", query.Denied, 0},
		{"DESCRIBE event", "not allowed here: table show_ref", "LIMIT 0", query.Denied, 0},
		{"SELECT * FROM a.b.c", "other databases and schemas", "alone", query.Denied, 15},
		{"SELECT a::nothing FROM event", "this type is not on the list: nothing", "VARCHAR", query.Denied, 0},
		{"SELECT * FROM \"19900000000\"", "this table is not published: ?", "published", query.Denied, 15},
		{"SELECT \"19900000000\"()", "this function is not on the list: ?", "arguments", query.Denied, 8},
	} {
		v, err := g.Check(context.Background(), tc.text, c)
		if err != nil {
			t.Fatal(err)
		}
		if v.Allowed || !strings.Contains(v.Message, tc.message) || !strings.Contains(v.Hint, tc.hint) || v.Code != tc.code || v.Pos != tc.pos {
			t.Errorf("%s\n got %q / %q %s at %d\nwant %q / %q %s at %d", tc.text, v.Message, v.Hint, v.Code, v.Pos, tc.message, tc.hint, tc.code, tc.pos)
		}
	}
}

// No denial names anything that is not published, and none repeats a literal.
func TestDenialsTellNothing(t *testing.T) {
	g, c := openGate(t), published(t)
	for _, text := range []string{"SELECT * FROM secret_tokn", "SELECT secret FROM event WHERE x = 'qzsecretqz' FROM", "SELECT * FROM duckdb_setting", "SELECT curent_setting('x')", "SELECT 'qzsecretqz'::x y z",
		"SELECT * FROM 'qzsecretqz 19900000000'", "SELECT read_txt('qzsecretqz')"} {
		v, err := g.Check(context.Background(), text, c)
		if err != nil || v.Allowed {
			t.Fatalf("%s: %v", text, err)
		}
		said := v.Message + v.ZH + v.Hint + v.HintZH + v.Redacted
		for _, word := range []string{"Did you mean", "Candidate", "qzsecretqz", "19900000000", "secret_token", "duckdb_settings", "current_setting", "read_text"} {
			if strings.Contains(said, word) {
				t.Errorf("%s: tells %q: %s", text, word, said)
			}
		}
	}
}

func TestVerdictOfAnAllowedText(t *testing.T) {
	g, c := openGate(t), published(t)
	text := "SELECT upper(e.title), Count(*), hours_open(a, b) FROM Event e JOIN bi.daily d ON true, open_in('990101') WHERE t = 'qzsecretqz' AND n = ? GROUP BY ALL ; -- 19900000000\n;"
	v, err := g.Check(context.Background(), text, c)
	if err != nil || !v.Allowed || v.Err() != nil {
		t.Fatalf("%+v %v", v, err)
	}
	if want := []string{"bi.daily", "event"}; !slices.Equal(v.Tables, want) {
		t.Errorf("tables %v, want %v", v.Tables, want)
	}
	if want := []string{"count_star", "hours_open", "open_in", "upper"}; !slices.Equal(v.Functions, want) {
		t.Errorf("functions %v, want %v", v.Functions, want)
	}
	if want := []string{"1"}; !slices.Equal(v.Params, want) {
		t.Errorf("parameters %v, want %v", v.Params, want)
	}
	if want, _, _ := strings.Cut(text, " ;"); v.Text != want {
		t.Errorf("text %q, want %q", v.Text, want)
	}
	if strings.Contains(v.Redacted, "qzsecretqz") || strings.Contains(v.Redacted, "199") || !strings.Contains(v.Redacted, "upper(e.title)") {
		t.Errorf("redacted %q", v.Redacted)
	}
}

// Macros of the snapshot take the place of the engine's functions of the same name, as they do in the engine.
func TestPublishedMacrosShadow(t *testing.T) {
	g := openGate(t)
	c, err := NewCatalog([]string{"pg_class"}, []string{"version", "current_schema", "Pg.Pg_Typeof"}, []string{"histogram"})
	if err != nil {
		t.Fatal(err)
	}
	for text, allowed := range map[string]bool{
		"SELECT version(), current_schema(), current_schema, pg.pg_typeof(1) FROM PG_CLASS, histogram(1)": true,
		"SELECT pg_typeof(1)":               false,
		"SELECT current_database()":         false,
		"SELECT system.version()":           false,
		"SELECT * FROM pg_catalog.pg_class": false,
		"SELECT * FROM event":               false,
	} {
		v, err := g.Check(context.Background(), text, c)
		if err != nil || v.Allowed != allowed {
			t.Errorf("%s: allowed %v (%s), %v", text, v.Allowed, v.Message, err)
		}
	}
}

func TestCatalogNames(t *testing.T) {
	for name, want := range map[string]error{
		"event": nil, "Main.Event": nil, "bi.daily": nil, "": ErrName, ".x": ErrName, "a.b.c": ErrName, "information_schema.tables": ErrReserved,
		"PG_CATALOG.pg_class": ErrReserved, "duckdb_settings": ErrReserved, "sqlite_master": ErrReserved, "temp.x": ErrReserved, "recurring.x": ErrReserved,
	} {
		if _, err := NewCatalog([]string{name}, nil, nil); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	// The Kelvin sign is no k for the engine.
	if fold("\u212aEy") != "\u212aey" {
		t.Error("folds more than ASCII")
	}
}

// The zero catalog publishes nothing.
func TestZeroCatalog(t *testing.T) {
	g := openGate(t)
	for text, allowed := range map[string]bool{"SELECT 1": true, "SELECT * FROM event": false} {
		if v, err := g.Check(context.Background(), text, Catalog{}); err != nil || v.Allowed != allowed {
			t.Errorf("%s: %v %v", text, v.Allowed, err)
		}
	}
}

// The gate's own instance reaches nothing, should a text ever be executed there.
func TestInstanceIsLocked(t *testing.T) {
	db := city{openGate(t).conn}
	for _, q := range []string{"SELECT * FROM read_text('/etc/hostname')", "SET threads=2", "SET disabled_filesystems=''", "RESET enable_external_access",
		"COPY (SELECT 1) TO '/tmp/gate-test'", "ATTACH '/tmp/gate-test.duckdb'", "INSTALL httpfs", "LOAD httpfs"} {
		if _, err := db.rows(context.Background(), q, nil, nil); err == nil {
			t.Errorf("%s: no error", q)
		}
	}
}

func TestConcurrentAndClosed(t *testing.T) {
	g, err := Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := published(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, text := range []string{"SELECT count(*) FROM event", "SELECT * FROM secret_token"} {
				v, err := g.Check(context.Background(), text, c)
				if err != nil || v.Allowed != strings.Contains(text, "event") {
					t.Errorf("%s: %v %v", text, v.Allowed, err)
				}
			}
		})
	}
	group.Wait()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if v, err := g.Check(cancelled, "SELECT 1", c); !errors.Is(err, context.Canceled) || v.Allowed {
		t.Errorf("cancelled: %v %v", v.Allowed, err)
	}
	if v, err := g.Check(context.Background(), "SELECT 1", c); err != nil || !v.Allowed {
		t.Errorf("after a cancelled check: %v", err)
	}
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := g.Check(context.Background(), "SELECT 1", c); !errors.Is(err, ErrClosed) || v.Allowed {
		t.Errorf("closed: %v %v", v.Allowed, err)
	}
}
