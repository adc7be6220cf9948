package sqltable

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

func TestPostgresValues(t *testing.T) {
	d := newPostgres(t)
	d.exec(t, `CREATE TABLE "值 表" (id int PRIMARY KEY, "文 本" text, n numeric(30,10), b boolean, ts timestamp, tz timestamptz, d date, j jsonb,
		arr int[], by bytea, f float8, u uuid, iv interval, e text)`)
	d.exec(t, `INSERT INTO "值 表" VALUES (1, '灯不亮 O''Neil', 12345678901234567890.1200000000, true, '2024-03-01 08:00:00.12', '2024-03-01 08:00:00+08', '2024-03-01',
		'{"a": [1, null]}', '{1,2,NULL}', '\x00ff', 0.1, '00000000-0000-0000-0000-000000000001', '1 day 2 hours', '')`)
	d.exec(t, `INSERT INTO "值 表" (id, tz) VALUES (2, NULL), (3, 'infinity'), (4, '2024-03-01 08:00:00.5+08')`)
	rows, _, _ := drain(t, d.source(t, 10, `streams: [{name: v, tables: ['"值 表"'], cursor: {key: ID}}]`+"\n"), connectors.Checkpoint{})
	want := []row{
		{"id": "1", "文 本": "灯不亮 O'Neil", "n": "12345678901234567890.1200000000", "b": "true", "ts": "2024-03-01 08:00:00.12", "tz": "2024-03-01T00:00:00Z", "d": "2024-03-01",
			"j": `{"a": [1, null]}`, "arr": "[1,2,null]", "by": "00ff", "f": "0.1", "u": "00000000-0000-0000-0000-000000000001", "iv": "P1DT2H", "e": "", "_table": "值 表"},
		{"id": "2", "_table": "值 表"}, {"id": "3", "tz": "infinity", "_table": "值 表"}, {"id": "4", "tz": "2024-03-01T00:00:00.5Z", "_table": "值 表"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMariaDBValues(t *testing.T) {
	d := newMariaDB(t)
	d.exec(t, "CREATE TABLE `值 表` (id int PRIMARY KEY, `文 本` text, n decimal(40,10), b boolean, ts datetime(3), tz timestamp(6) NULL, d date, j json, bi varbinary(10), f double, u bigint unsigned, e text, z datetime) ENGINE=InnoDB")
	d.exec(t, "SET SESSION sql_mode = '', time_zone = '+08:00'")
	d.exec(t, "INSERT INTO `值 表` VALUES (1, '灯不亮', 123456789012345678901234567890.1200000000, true, '2024-03-01 08:00:00.12', '2024-03-01 08:00:00', '2024-03-01', '{\"a\": 1}', x'00ff', 0.1, 18446744073709551615, '', '0000-00-00')")
	rows, _, _ := drain(t, d.source(t, 10, "streams: [{name: v, tables: ['\"值 表\"'], cursor: {key: id}}]\n"), connectors.Checkpoint{})
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	tz := rows[0]["tz"] // the session that inserted may be another than the one whose zone was set
	delete(rows[0], "tz")
	want := []row{{"id": "1", "文 本": "灯不亮", "n": "123456789012345678901234567890.1200000000", "b": "1", "ts": "2024-03-01 08:00:00.120", "d": "2024-03-01",
		"j": `{"a": 1}`, "bi": "00ff", "f": "0.1", "u": "18446744073709551615", "e": "", "z": "0000-00-00 00:00:00", "_table": "值 表"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tz != "2024-03-01T00:00:00.000000Z" && tz != "2024-03-01T08:00:00.000000Z" {
		t.Errorf("timestamp is %q", tz)
	}
}

func TestSQLiteValues(t *testing.T) {
	d := newSQLite(t)
	d.exec(t, `CREATE TABLE v (id INTEGER PRIMARY KEY, "文 本" TEXT, dt DATETIME, n NUMERIC, bl BLOB, bo BOOLEAN, r REAL, any)`)
	d.exec(t, `INSERT INTO v VALUES (1, '灯不亮', '2024-03-01T08:00:00', 12.50, x'00ff', 1, 1e6, 'x'), (2, '', 1709280000, NULL, 'text', NULL, NULL, 5)`)
	rows, rejects, _ := drain(t, d.source(t, 10, "streams: [{name: v, tables: [v], cursor: {key: id}}]\n"), connectors.Checkpoint{})
	want := []row{{"id": "1", "文 本": "灯不亮", "dt": "2024-03-01T08:00:00", "n": "12.5", "bl": "00ff", "bo": "1", "r": "1000000", "any": "x", "_table": "v"},
		{"id": "2", "文 本": "", "dt": "1709280000", "bl": "text", "any": "5", "_table": "v"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(rejects) != 0 {
		t.Errorf("%d rejects", len(rejects))
	}
}

// TestGBKInLatin1: the classic old installation. A row with a cut character is a reject, the others are text.
func TestGBKInLatin1(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte("东西路灯不亮"))
	if err != nil {
		t.Fatal(err)
	}
	cut := append([]byte("bad "), gbk[0])
	for name, start := range map[string]func(testing.TB) *database{"mariadb": newMariaDB, "sqlite": newSQLite, "postgres": newPostgres} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			switch name {
			case "postgres":
				d.exec(t, "CREATE DATABASE old ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
				d.server.Database = "old"
				d = onServer(t, d.server, "postgres", "pgx", d.stamp)
				d.exec(t, "CREATE TABLE v (id int PRIMARY KEY, note1 text, proper varchar(100))")
				d.exec(t, "INSERT INTO v VALUES (1, convert_from($1, 'LATIN1'), 'x'), (2, convert_from($2, 'LATIN1'), 'y'), (3, NULL, '')", gbk, cut)
			case "mariadb":
				d.exec(t, "CREATE TABLE v (id int PRIMARY KEY, note1 varchar(100) CHARACTER SET latin1, proper varchar(100) CHARACTER SET ascii)")
				d.exec(t, "INSERT INTO v VALUES (1, ?, 'x'), (2, ?, 'y'), (3, NULL, '')", gbkLatin1{gbk}.hex(), gbkLatin1{cut}.hex())
				d.exec(t, "UPDATE v SET note1 = CAST(UNHEX(CAST(note1 AS CHAR)) AS BINARY) WHERE note1 IS NOT NULL")
			default:
				d.exec(t, "CREATE TABLE v (id INTEGER PRIMARY KEY, note1 TEXT, proper TEXT)")
				d.exec(t, "INSERT INTO v VALUES (1, CAST(? AS TEXT), 'x'), (2, CAST(? AS TEXT), 'y'), (3, NULL, '')", gbk, cut)
			}
			rows, rejects, _ := drain(t, d.source(t, 10, "streams: [{name: v, tables: [v], charset: gb18030, cursor: {key: id}}]\n"), connectors.Checkpoint{})
			want := []row{{"id": "1", "note1": "东西路灯不亮", "proper": "x", "_table": "v"}, {"id": "3", "proper": "", "_table": "v"}}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(rejects) != 1 || rejects[0].Rule != "bad_encoding" || len(rejects[0].Raw) == 0 {
				t.Errorf("rejects: %+v", rejects)
			}
		})
	}
}

type gbkLatin1 struct{ b []byte }

func (g gbkLatin1) hex() string {
	const digits = "0123456789ABCDEF"
	var out []byte
	for _, c := range g.b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// TestInvalidUTF8 without a declared charset: the record goes to the rejects with its bytes, the others are read.
func TestInvalidUTF8(t *testing.T) {
	d := newSQLite(t)
	d.exec(t, "CREATE TABLE v (id INTEGER PRIMARY KEY, a TEXT)")
	d.exec(t, "INSERT INTO v VALUES (1, 'ok'), (2, CAST(x'c32874657374' AS TEXT)), (3, 'ok')")
	rows, rejects, _ := drain(t, d.source(t, 10, "streams: [{name: v, tables: [v], cursor: {key: id}}]\n"), connectors.Checkpoint{})
	if len(rows) != 2 || len(rejects) != 1 || rejects[0].Position != "row 2 of this reading, from v" {
		t.Errorf("%d rows, rejects %+v", len(rows), rejects)
	}
}

// TestTimesInText: the forms of a text or number column, found from a sample or declared.
func TestTimesInText(t *testing.T) {
	for form, c := range map[string]struct{ typ, cursor, a, b string }{
		"iso":   {"TEXT", "", "'2024-03-01T08:00:00'", "'2024-03-01T09:00:00'"},
		"zulu":  {"TEXT", "", "'2024-03-01T08:00:00Z'", "'2024-03-01T09:00:00Z'"},
		"slash": {"TEXT", "", "'2024/03/01 08:00:00'", "'2024/03/01 09:00:00'"},
		"dense": {"TEXT", "", "'20240301080000'", "'20240301090000'"},
		"unix":  {"INTEGER", ", layout: unix", "1709280000", "1709283600"},
		"ms":    {"INTEGER", ", layout: unix_ms", "1709280000000", "1709283600000"},
	} {
		t.Run(form, func(t *testing.T) {
			d := newSQLite(t)
			d.exec(t, "CREATE TABLE v (id TEXT, t "+c.typ+")")
			d.exec(t, "INSERT INTO v VALUES ('a', "+c.a+"), ('b', "+c.b+")")
			src := d.source(t, 10, "streams: [{name: v, tables: [v], cursor: {time: t, key: id"+c.cursor+"}}]\n")
			rows, _, cp := drain(t, src, connectors.Checkpoint{})
			if len(rows) != 2 {
				t.Fatalf("%d rows", len(rows))
			}
			// The look-back is shorter than the hour between the two.
			if rows, _, _ = drain(t, src, cp); len(rows) != 1 || rows[0]["id"] != "b" {
				t.Errorf("second reading: %d rows", len(rows))
			}
		})
	}
}

func TestQueryAndSnapshot(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE a (id varchar(10) NOT NULL, gxsj "+d.stamp+")")
		for _, k := range []string{"1", "2", "3"} {
			d.exec(t, "INSERT INTO a VALUES ('"+k+"', '2024-03-01 0"+k+":00:00')")
		}
		src := d.source(t, 2, `streams:
  - {name: q, query: "SELECT id, gxsj AS changed FROM a -- with a comment", cursor: {time: changed, key: id}}
  - {name: all, tables: [a], columns: [ID]}
`)
		rows, _, cp := drain(t, src, connectors.Checkpoint{})
		if len(rows) != 6 {
			t.Errorf("%d rows, want 3 of the query and 3 of the table", len(rows))
		}
		if rows, _, _ = drain(t, src, cp); len(rows) != 4 {
			t.Errorf("%d rows at the second reading, want the last of the query and the whole table", len(rows))
		}
	})
}

// TestZonedCursor: timestamptz and TIMESTAMP columns are compared as instants.
func TestZonedCursor(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *database{"postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			typ := map[string]string{"postgres": "timestamptz", "mariadb": "timestamp(6) NULL"}[name]
			d.exec(t, "CREATE TABLE v (id varchar(10), t "+typ+")")
			now := map[string]string{"postgres": "now() - interval '%s hour'", "mariadb": "now() - interval %s hour"}[name]
			for _, h := range []string{"1", "2"} {
				d.exec(t, "INSERT INTO v VALUES ('"+h+"', "+replace(now, h)+")")
			}
			src := d.source(t, 1, "streams: [{name: v, tables: [v], cursor: {time: t, key: id, lag: 90m, lookback: 30m}}]\n")
			rows, _, cp := drain(t, src, connectors.Checkpoint{})
			if len(rows) != 1 || rows[0]["id"] != "2" {
				t.Fatalf("%d rows; the one within the lag must wait", len(rows))
			}
			if len(rows[0]["t"]) < 20 || rows[0]["t"][10] != 'T' || rows[0]["t"][len(rows[0]["t"])-1] != 'Z' {
				t.Errorf("the instant is rendered as %q", rows[0]["t"])
			}
			if rows, _, _ = drain(t, src, cp); len(rows) != 1 {
				t.Errorf("%d rows at the second reading", len(rows))
			}
		})
	}
}
