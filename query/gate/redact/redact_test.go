package redact_test

import (
	"strings"
	"testing"

	"onegrid/query/gate/redact"
)

func TestSQL(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"SELECT 1", "SELECT ?"},
		{"select  a ,\n\tb from event", "select a , b from event"},
		{"SELECT 'x', \"name\" FROM event -- 199 0000 0000", `SELECT ?, "name" FROM event`},
		{"SELECT /* a /* b */ c */ 1", "SELECT ?"},
		{"-- first\nSELECT a", "SELECT a"},
		{`SELECT e'a\'b', E'\\', x'00', b'1', N'y', $$q'$$, $t$ $$ $t$`, "SELECT ?, ?, ?, ?, ?, ?, ?"},
		{"SELECT 'it''s', 'a\\'", "SELECT ?, ?"},
		{"SELECT $1, ?, $day, $d19900000000", "SELECT $1, ?, $day, $?"},
		{"SELECT 1.5, .5, 1e5, 0xFF, 1_000, 12abc", "SELECT ?, ?, ?, ?, ?, ?"},
		{"SELECT a19900000000, y2026", "SELECT ?, y2026"},
		{`SELECT "19900000000", "199-0000-0000", "199 0000", "a.b", "q""r", "数量"`, `SELECT "?", "?", "?", "a.b", "?", "?"`},
		{"SELECT 数量, a", "SELECT ?, a"},
		{"SELECT\u3000'x'\u00a0, a", "SELECT ? , a"},
		{"SELECT a-1+-2, b[1:2], c->>'k', #1", "SELECT a-?+-?, b[?:?], c->>?, #?"},
		{"SELECT 1*/*c*/2", "SELECT ?* ?"},
		{"SELECT 'a'\n'b'", "SELECT ? ?"},
		{"SELECT " + strings.Repeat("a", 64), "SELECT ?"},
		{"SELECT 1; DROP TABLE x;", "SELECT ?; DROP TABLE x;"},

		// Not understood to the end, or read differently by somebody else: nothing is shown.
		{"SELECT 'secret", redact.Whole},
		{`SELECT "secret`, redact.Whole},
		{"SELECT $$secret", redact.Whole},
		{"SELECT /* secret", redact.Whole},
		{"SELECT 'a\xff'", redact.Whole},
		{"SELECT \x00 'secret'", redact.Whole},
		{"SELECT \u200b 'secret'", redact.Whole},
		{"SELECT a\u2003e'x\\' secret '", redact.Whole},
		{"SELECT\u3000e'x\\' secret '", redact.Whole},
		{"SELECT e'a'\n'b\\'secret'", redact.Whole},
		{"SELECT e'a' /* c */ -- d\n 'b\\'secret'", redact.Whole},
		{"SELECT 1e'a\\' secret '", redact.Whole},
		{"SELECT U&'\\0041'", redact.Whole},
		{`SELECT u&"d!0061" UESCAPE '!'`, redact.Whole},
		{"SELECT \\x", redact.Whole},
		{"SELECT $", redact.Whole},
	} {
		if got := redact.SQL(c.in); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// Whatever the text, a marked literal is never shown, and redacting twice changes nothing.
func FuzzSQL(f *testing.F) {
	for _, s := range []string{"SELECT 'x'", `e'\''`, "$$a$$", "/* /* */ */ 1", "-- x\n'y'", `"a""b"`, "1e5", "$a$ $b$ $a$", "\u3000", "x'0'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const marker = "qzsecretqz"
		got := redact.SQL(s + " '" + marker + "'")
		if got != redact.Whole && strings.Contains(got, marker) && !strings.Contains(s, marker) {
			// The fuzzed part may have opened a quote that the marker's own quote closed; then the marker is a name.
			if _, after, _ := strings.Cut(got, marker); after != "" && !strings.ContainsAny(s, `'"$`) {
				t.Fatalf("literal is shown: %q -> %q", s, got)
			}
		}
		for i := 0; i+7 <= len(got); i++ {
			if got != redact.Whole && strings.Trim(got[i:i+7], "0123456789") == "" {
				t.Fatalf("a long number is shown: %q -> %q", s, got)
			}
		}
	})
}
