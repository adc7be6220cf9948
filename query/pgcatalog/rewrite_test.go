package pgcatalog_test

import (
	"strings"
	"testing"
	"time"

	"onegrid/query/pgcatalog"
)

func TestRewrite(t *testing.T) {
	for in, want := range map[string]string{
		// Nothing of the catalog: not a byte changes.
		"select 1": "select 1",
		"select '{1,2}', 'pg_catalog.x', \"version\" from event -- pg_class":   "select '{1,2}', 'pg_catalog.x', \"version\" from event -- pg_class",
		"select array_length(l, 1), array_to_string(l, ',') , format('{}', x)": "select array_length(l, 1), array_to_string(l, ',') , format('{}', x)",
		"select e.user, x as current_user from e":                              "select e.user, x as current_user from e",
		"select $$ public.event $$, E'\\'public.event'":                        "select $$ public.event $$, E'\\'public.event'",
		"/* public.event /* nested */ */ select 1":                             "/* public.event /* nested */ */ select 1",
		"select public from event":                                             "select public from event",
		// Schemas.
		"select * from public.event":                        "select * from event",
		`select "public"."event"."a" from "public"."event"`: `select "event"."a" from "event"`,
		"select * from pg_catalog.pg_class c":               "select * from pg_class c",
		"select * from information_schema . tables":         "select * from information_schema_tables",
		"select * from information_schema.nosuch":           "select * from information_schema.nosuch",
		// Functions and casts.
		"select version(), current_database()":                                         "select pgc_version(), pgc_current_database()",
		"select pg_catalog.format_type(1, null)":                                       "select pgc_format_type(1, null)",
		"select 'event'::regclass":                                                     "select pgc_regclass_oid('event')",
		"select c.oid::regclass from pg_class c":                                       "select pgc_regclass_name(c.oid) from pg_class c",
		"select f(x)::pg_catalog.regclass::oid from pg_class":                          "select pgc_regclass_oid(f(x))::BIGINT from pg_class",
		"select cast('event' as regclass)":                                             "select pgc_regclass_oid('event' )",
		"select cast(a as name), b::name":                                              "select cast(a AS VARCHAR), b::VARCHAR",
		"select (select a as name) from x":                                             "select (select a as name) from x",
		"select a operator(pg_catalog.~) 'x' collate pg_catalog.default from pg_class": "select a ~ ('.*(' || 'x' || ').*')  from pg_class",
		"select a ~ 'x' from event":                                                    "select a ~ 'x' from event",
		"select a !~ '^pg_' and b ~~ 'x' from pg_class":                                "select a !~ ('.*(' || '^pg_' || ').*') and b ~~ 'x' from pg_class",
		"select current_user":                                                          "select 'li''s' AS current_user",
		"select a from b where c = current_user and d in (user)":                       "select a from b where c = 'li''s' and d in ('li''s')",
		"select l.tableoid from pg_language l":                                         "select NULL::BIGINT from pg_language l",
		// Array constants: only beside the catalog.
		"select '{1,2}'::int2[] from pg_class": "select '[1,2]'::int2[] from pg_class",
		"select '{\"a\", b}' from pg_class":    "select '[\"a\", b]' from pg_class",
		"select '{x: 1}' from pg_class":        "select '{x: 1}' from pg_class",
		"select json_build_object('a', 1)":     "select json_object('a', 1)",
		"select to_char(x, 'YYYY')":            "select pgc_to_char(x, 'YYYY')",
	} {
		if got := pgcatalog.Rewrite(in, pgcatalog.Session{User: "li's"}); got != want {
			t.Errorf("%s\n got  %s\n want %s", in, got, want)
		}
	}
}

// The longest text that is rewritten takes no time that would matter, whatever is in it.
func TestRewriteIsQuick(t *testing.T) {
	for _, part := range []string{"::regclass", "current_user,", "string_to_array(", "cast(", ", string_to_array('a') s", "x.tableoid ", "pg_catalog.generate_series(", "((((", "/**/", "a as name)", "pg_get_keywords("} {
		text := "select pg_class 'x'" + strings.Repeat(part, (64<<10-40)/len(part))
		began := time.Now()
		pgcatalog.Rewrite(text, pgcatalog.Session{User: "li"})
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s: %v", part, took)
		} else {
			t.Logf("%s: %v", part, took)
		}
	}
}

func TestSplit(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		" ; -- x\n;/* y; */":      "",
		"a;b":                     "a|b",
		"select ';' ; select 2;":  "select ';'|select 2",
		`select ";" , E'\';' ;x`:  `select ";" , E'\';'|x`,
		"$a$ ; $b$ ; $a$;y":       "$a$ ; $b$ ; $a$|y",
		"/* ; /* ; */ ; */ a ; b": "/* ; /* ; */ ; */ a|b",
		"a -- ; \n ; b":           "a -- ;|b",
		"'unfinished ; x":         "'unfinished ; x",
	} {
		if got := strings.Join(pgcatalog.Split(in), "|"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	sql := "select a = any( $1 ) and b <> all ($2) and c in ($3) and 'any($4)' = d and e = some($5::int[])"
	scalar, lists := pgcatalog.Scalars(sql)
	if want := "select a =  ( $1 ) and b <>  ($2) and c in ($3) and 'any($4)' = d and e = some($5::int[])"; scalar != want || len(lists) != 2 || lists[0] != 1 || lists[1] != 2 {
		t.Errorf("%s %v", scalar, lists)
	}
	if got := pgcatalog.CastParams("select $1, $2::int, '$1', $11", map[int]string{1: "INTEGER[]", 2: "DATE[]"}); got != "select $1::INTEGER[], $2::int, '$1', $11" {
		t.Error(got)
	}
	got := pgcatalog.ParamCasts("select $1::int4, cast($2 as timestamp with time zone), $3::numeric(10,2), $4::varchar(10)[], $5::double precision, $6::nosuch, $7, $8::pg_catalog.text, $9::timestamp, '$10::int'")
	want := map[int]uint32{1: pgcatalog.OIDInt4, 2: pgcatalog.OIDTimestamptz, 3: pgcatalog.OIDNumeric, 4: 1009, 5: pgcatalog.OIDFloat8, 8: pgcatalog.OIDText, 9: pgcatalog.OIDTimestamp}
	for n := range 11 {
		if got[n] != want[n] {
			t.Errorf("$%d: %d, want %d", n, got[n], want[n])
		}
	}
}

func TestTypes(t *testing.T) {
	for duck, want := range map[string]uint32{"INTEGER": 23, "DECIMAL(18,6)": 1700, "VARCHAR[]": 1009, "INTEGER[][]": 114, "STRUCT(a INTEGER)": 114, "STRUCT(a INTEGER)[]": 199, "MAP(VARCHAR, INTEGER)": 114, "ENUM('a', 'b')": 25, "TIMESTAMP WITH TIME ZONE": 1184, "": 25} {
		if got := pgcatalog.TypeOf(duck).OID; got != want {
			t.Errorf("%s: %d, want %d", duck, got, want)
		}
	}
	if got := pgcatalog.TypeOf("DECIMAL(18,6)").Mod; got != 18<<16|6+4 {
		t.Errorf("modifier %d", got)
	}
	for oid, want := range map[uint32]string{1007: "INTEGER[]", 1009: "VARCHAR[]", 1015: "VARCHAR[]", 1186: "INTERVAL", 1231: "DECIMAL(38,10)[]", 1001: "", 23: "", 0: ""} {
		if got := pgcatalog.CastType(oid); got != want {
			t.Errorf("%d: %q, want %q", oid, got, want)
		}
	}
}

// Every name that a client can reach is one that the snapshot makes, and none is made twice.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range append(pgcatalog.Names(), pgcatalog.Functions()...) {
		if seen[n] || n != strings.ToLower(n) {
			t.Errorf("%s stands twice or is not in lower case", n)
		}
		seen[n] = true
	}
	if len(seen) < 200 {
		t.Errorf("%d names", len(seen))
	}
}
