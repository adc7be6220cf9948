package pgcatalog

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func seeds(f *testing.F) {
	for _, s := range []string{"select 1", "select * from pg_catalog.pg_class c where c.oid = 'x'::regclass", "select cast(cast(a as regclass) as oid) from pg_class", "a operator(pg_catalog.~) b collate pg_catalog.default",
		"select '{1,2}'::int[], $1::int[], any($2) from information_schema.tables", "'unfinished", `"unfinished`, "/* /* */", "$$", "$a$ ; $a", "E'\\", "x.tableoid from pg_class", "generate_series(1,2) as i from pg_class",
		", string_to_array(current_setting('x'), ',') s from pg_class", "pg_get_keywords()", "public.", "pg_catalog.", "information_schema.x", "::regclass", "cast(", "current_user, user", "; ; 'x;' -- ;\n;", "(((((", ")))", "\x00\xff"} {
		f.Add(s)
	}
}

// names reports whether a text holds a word that Rewrite may act on, by a coarser rule than its own.
func names(s string) bool {
	low := strings.ToLower(s)
	for _, w := range []string{"pg_", "information_schema", "public", "::", "operator", "collate", "current_", "user", "as", "json", "to_", "version", "_description", "has_", "inet_", "quote_", "txid", "array_", "format", "set_config", "getdatabase", "col_desc", "reg"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// literals are the string literals of a text, in order.
func literals(ts []token) (out []string) {
	for _, t := range ts {
		if t.kind == literal {
			out = append(out, t.text)
		}
	}
	return out
}

// Whatever the text, rewriting changes no text without names of the catalog, makes no second statement, keeps the user's
// literals, and what it leaves is the same after a second lexing.
func FuzzRewrite(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		ts := lex(s)
		if join(ts) != s {
			t.Fatalf("tokens of %q make %q", s, join(ts))
		}
		out := Rewrite(s, Session{User: "li"})
		if !names(s) && out != s {
			t.Fatalf("%q became %q", s, out)
		}
		if a, b := len(Split(s)), len(Split(out)); b > max(a, 0) {
			t.Fatalf("%q: %d statements became %d: %q", s, a, b, out)
		}
		if utf8.ValidString(s) && !utf8.ValidString(out) {
			t.Fatalf("%q became %q", s, out)
		}
		if !browses(ts) {
			// The user's literals stand in the same order; the name of the user may come between them.
			want := literals(ts)
			for _, l := range literals(lex(out)) {
				if len(want) > 0 && l == want[0] {
					want = want[1:]
				}
			}
			if len(want) > 0 {
				t.Fatalf("%q lost %q: %q", s, want[0], out)
			}
		}
		Scalars(s)
		ParamCasts(s)
		if got := CastParams(s, map[int]string{1: "INTEGER[]"}); len(Split(got)) > len(Split(s)) {
			t.Fatalf("%q became %q", s, got)
		}
		Words(s, 6)
	})
}

// Split loses nothing but semicolons and white space, and its parts are single.
func FuzzSplit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		at := 0
		for _, one := range Split(s) {
			i := strings.Index(s[at:], one)
			if i < 0 {
				t.Fatalf("%q is no part of %q", one, s)
			}
			at += i + len(one)
			if again := Split(one); len(again) != 1 || again[0] != one {
				t.Fatalf("%q splits again: %q", one, again)
			}
		}
	})
}

func TestEmbeddedLists(t *testing.T) {
	if n := len(pgTypes()); n < 50 {
		t.Errorf("%d types", n)
	}
	for _, r := range relations() {
		seen := map[string]bool{}
		for _, c := range r.columns {
			if seen[c.name] || c.typ == "" {
				t.Errorf("%s.%s stands twice or has no type", r.name, c.name)
			}
			seen[c.name] = true
		}
	}
	for _, typ := range scalarTypes {
		if typ.Elem != 0 || shortName(typ.OID) == "" {
			t.Errorf("%+v", typ)
		}
	}
}
