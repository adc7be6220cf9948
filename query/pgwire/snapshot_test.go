package pgwire_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"onegrid/query/pgcatalog"
)

// tables is what the snapshot publishes: invented events in the shape of the real ones, and a table with a column of every
// type that an answer may have.
func tables() []string {
	return []string{
		`CREATE TABLE event AS SELECT 'e' || lpad(i::VARCHAR, 5, '0') AS event_id, DATE '2026-02-01' + (i % 28)::INTEGER AS event_day, TIMESTAMPTZ '2026-02-01 08:00:00+08' + INTERVAL 7 MINUTE * i AS reported_at,
			['hotline', 'grid', 'emergency'][1 + i % 3] AS source_id, '99010' || (i % 5) AS county_code, (i % 17)::INTEGER AS category, CASE WHEN i % 4 = 0 THEN NULL ELSE '道路积水 ' || i END AS summary,
			(i % 1000)::DECIMAL(10,2) / 7 AS cost, i % 2 = 0 AS closed FROM range(500) r(i)`,
		`CREATE TABLE incident AS SELECT 'n' || i AS incident_id, i::INTEGER AS reports FROM range(120) r(i)`,
		`CREATE TABLE area AS SELECT '99010' || i AS code, '区' || i AS name FROM range(5) r(i)`,
		`CREATE TABLE freshness AS SELECT * FROM (VALUES ('hotline', TIMESTAMPTZ '2026-03-01 12:00:00+08')) v(source, newest)`,
		`CREATE VIEW generation AS SELECT 7::BIGINT AS number`,
		`CREATE TABLE kinds AS SELECT true AS b, (-7)::TINYINT AS i1, (-300)::SMALLINT AS i2, 70000::INTEGER AS i4, 9007199254740993::BIGINT AS i8, 200::UTINYINT AS u1, 60000::USMALLINT AS u2,
			4000000000::UINTEGER AS u4, 18446744073709551615::UBIGINT AS u8, 170141183460469231731687303715884105727::HUGEINT AS hg, 1.5::FLOAT AS f4, 0.1::DOUBLE AS f8, 'infinity'::DOUBLE AS finf,
			-12345.678900::DECIMAL(18,6) AS d, 0.000001::DECIMAL(38,10) AS dsmall, DATE '2026-02-28' AS da, DATE '1987-06-05' AS dold, TIME '13:14:15.160000' AS ti, TIMESTAMP '2026-02-28 13:14:15.161718' AS ts,
			TIMESTAMPTZ '2026-02-28 13:14:15.161718+08' AS tz, INTERVAL '1 year 2 months 3 days 04:05:06.7' AS iv, 'e2b5f2c0-0a57-4a5e-8d3c-0a1b2c3d4e5f'::UUID AS u, '\x00\xFFab'::BLOB AS bl,
			'{"k": [1, 2]}'::JSON AS js, '文字 "x"' AS t, '' AS te, [1, NULL, 3]::INTEGER[] AS li, ['a', NULL, 'b c', '{"', '']::VARCHAR[] AS lt, []::INTEGER[] AS le, {'x': 1, 'y': 'z'} AS st,
			MAP {'k': 1} AS mp, [[1], [2, 3]] AS ll, [DATE '2026-02-28'] AS ld, [1.5, 2.25]::DECIMAL(5,2)[] AS ldec
			UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
			NULL, NULL, NULL, NULL, NULL`,
	}
}

// snapshot makes the file of the tests.
func snapshot(t testing.TB) published {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gen.duckdb")
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(q string) {
		if _, err := conn.ExecContext(context.Background(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	run("SET TimeZone='Asia/Shanghai'")
	for _, q := range tables() {
		run(q)
	}
	for _, q := range pgcatalog.Statements("onegrid", described(t, conn)) {
		run(q)
	}
	run("CHECKPOINT")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	sum, err := fileHash(path)
	if err != nil {
		t.Fatal(err)
	}
	return published{path, sum}
}

// described reads the tables back from the file, as the publisher does.
func described(t testing.TB, conn *sql.Conn) (out []pgcatalog.Table) {
	rows, err := conn.QueryContext(t.Context(), `SELECT c.table_name, c.column_name, c.data_type, t.table_name IS NULL FROM duckdb_columns() c LEFT JOIN duckdb_tables() t USING (table_name)
		WHERE NOT c.internal ORDER BY c.table_name, c.column_index`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var view bool
		var c pgcatalog.Column
		if err := rows.Scan(&table, &c.Name, &c.Type, &view); err != nil {
			t.Fatal(err)
		}
		if table == "event" && c.Name == "county_code" {
			c.Comment = "county · 区县"
		}
		if len(out) == 0 || out[len(out)-1].Name != table {
			one := pgcatalog.Table{Name: table, View: view, Rows: 500}
			if table == "event" {
				one.Comment = "governance events · 治理事件"
			}
			out = append(out, one)
		}
		last := &out[len(out)-1]
		last.Columns = append(last.Columns, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
