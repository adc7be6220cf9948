package pgwire_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// engine answers the same question without any door, as the reference.
func engine(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", snapshot(t).path+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// modes are the ways in which pgx asks: they differ in protocol messages and in the form of values.
func modes() map[string]pgx.QueryExecMode {
	return map[string]pgx.QueryExecMode{"cache_statement": pgx.QueryExecModeCacheStatement, "cache_describe": pgx.QueryExecModeCacheDescribe, "describe_exec": pgx.QueryExecModeDescribeExec,
		"exec": pgx.QueryExecModeExec, "simple_protocol": pgx.QueryExecModeSimpleProtocol}
}

// Every column of every type says the same through the door, in both forms, as the engine says itself: both are asked to
// compare the text that the client made of the value.
func TestValuesInBothForms(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	ref := engine(t)
	if _, err := ref.Exec("SET TimeZone='Asia/Shanghai'"); err != nil {
		t.Fatal(err)
	}
	// What the client's value looks like as text, and how the engine writes the same.
	for column, text := range map[string]string{"b": "CASE WHEN b THEN 't' ELSE 'f' END", "i1": "i1::VARCHAR", "i2": "i2::VARCHAR", "i4": "i4::VARCHAR", "i8": "i8::VARCHAR", "u1": "u1::VARCHAR", "u2": "u2::VARCHAR",
		"u4": "u4::VARCHAR", "u8": "u8::VARCHAR", "hg": "hg::VARCHAR", "f4": "f4::VARCHAR", "f8": "f8::VARCHAR", "finf": "'Infinity'", "d": "d::VARCHAR", "dsmall": "dsmall::VARCHAR", "da": "da::VARCHAR",
		"dold": "dold::VARCHAR", "ti": "ti::VARCHAR", "ts": "ts::VARCHAR", "tz": "tz::VARCHAR", "iv": "'1 year 2 mons 3 days 04:05:06.7'", "u": "u::VARCHAR", "bl": `'\x00ff6162'`, "js": "js::VARCHAR",
		"t": "t", "te": "te", "li": "'{1,NULL,3}'", "lt": `'{a,NULL,"b c","{\"",""}'`, "le": "'{}'", "st": `'{"x":1,"y":"z"}'`, "ll": "'[[1],[2,3]]'", "ld": "'{2026-02-28}'", "ldec": "'{1.50,2.25}'"} {
		var want string
		if err := ref.QueryRow("SELECT " + text + " FROM kinds WHERE b").Scan(&want); err != nil {
			t.Fatalf("%s: %v", column, err)
		}
		for _, form := range []int16{pgtype.TextFormatCode, pgtype.BinaryFormatCode} {
			rows, err := c.Query(t.Context(), "SELECT "+column+" FROM kinds ORDER BY b", pgx.QueryResultFormats{form})
			if err != nil {
				t.Fatalf("%s: %v", column, err)
			}
			var got []string
			for rows.Next() {
				if rows.RawValues()[0] == nil {
					got = append(got, "NULL")
					continue
				}
				s, err := asText(c.TypeMap(), rows.FieldDescriptions()[0], rows.RawValues()[0])
				if err != nil {
					t.Errorf("%s in form %d: %v", column, form, err)
				}
				got = append(got, s)
			}
			if err := rows.Err(); err != nil {
				t.Fatalf("%s in form %d: %v", column, form, err)
			}
			if len(got) != 2 || got[0] != want || got[1] != "NULL" {
				t.Errorf("%s in form %d: %q, the engine says %q", column, form, got, want)
			}
		}
	}
}

// asText is the text form of a value in either form, made by the client's own codecs.
func asText(m *pgtype.Map, f pgconn.FieldDescription, raw []byte) (string, error) {
	if f.Format == pgtype.TextFormatCode {
		return string(raw), nil
	}
	typ, ok := m.TypeForOID(f.DataTypeOID)
	if !ok {
		return "", fmt.Errorf("type %d is unknown", f.DataTypeOID)
	}
	v, err := typ.Codec.DecodeValue(m, f.DataTypeOID, f.Format, raw)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case time.Time:
		if f.DataTypeOID == pgtype.TimestamptzOID {
			return v.In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05.999999-07"), nil
		}
		if f.DataTypeOID == pgtype.DateOID {
			return v.Format(time.DateOnly), nil
		}
		return v.Format("2006-01-02 15:04:05.999999"), nil
	case pgtype.Time:
		return time.UnixMicro(v.Microseconds).UTC().Format("15:04:05.999999"), nil
	case pgtype.Interval:
		if v.Months == 14 && v.Days == 3 && v.Microseconds == 14706700000 {
			return "1 year 2 mons 3 days 04:05:06.7", nil
		}
		return fmt.Sprint(v), nil
	case map[string]any, []any, []byte, string:
		if f.DataTypeOID == pgtype.JSONOID || f.DataTypeOID == pgtype.TextOID {
			return string(raw), nil
		}
	case float64:
		if math.IsInf(v, 1) {
			return "Infinity", nil
		}
		if f.DataTypeOID == pgtype.Float4OID {
			return fmt.Sprint(float32(v)), nil
		}
		return fmt.Sprint(v), nil
	}
	out, err := m.Encode(f.DataTypeOID, pgtype.TextFormatCode, v, nil)
	s := string(out)
	if f.DataTypeOID == pgtype.NumericOID {
		var n pgtype.Numeric
		if err := n.Scan(s); err != nil {
			return s, err
		}
		return plain(n), nil
	}
	if f.DataTypeOID == pgtype.NumericArrayOID {
		var parts []string
		for _, e := range v.([]any) {
			parts = append(parts, plain(e.(pgtype.Numeric)))
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	}
	return s, err
}

// plain writes a numeric without an exponent.
func plain(n pgtype.Numeric) string {
	s, neg := n.Int.String(), false
	s, neg = strings.TrimPrefix(s, "-"), n.Int.Sign() < 0
	if scale := int(-n.Exp); scale > 0 {
		for len(s) <= scale {
			s = "0" + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	s += strings.Repeat("0", max(int(n.Exp), 0))
	if neg {
		s = "-" + s
	}
	return s
}

// Parameters of every type come back as they went, however pgx sends them.
func TestParameters(t *testing.T) {
	r := open(t)
	for name, mode := range modes() {
		t.Run(name, func(t *testing.T) {
			c := r.pgx(t, "default_query_exec_mode="+name)
			at := time.Date(2026, 2, 28, 5, 14, 15, 161718000, time.UTC)
			for _, q := range []struct {
				sql  string
				arg  any
				want string
			}{
				{"SELECT ($1::BIGINT)::VARCHAR", int64(9007199254740993), "9007199254740993"},
				{"SELECT ($1::INTEGER)::VARCHAR", int32(-5), "-5"},
				{"SELECT ($1::SMALLINT)::VARCHAR", int16(7), "7"},
				{"SELECT ($1::DOUBLE)::VARCHAR", 0.1, "0.1"},
				{"SELECT ($1::BOOLEAN)::VARCHAR", true, "true"},
				{"SELECT $1::VARCHAR", "a'b\\c \"区\"", "a'b\\c \"区\""},
				{"SELECT $1::VARCHAR", nil, "NULL"},
				{"SELECT ($1::DATE)::VARCHAR", time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), "2026-02-28"},
				{"SELECT ($1::TIMESTAMPTZ)::VARCHAR", at, "2026-02-28 13:14:15.161718+08"},
				{"SELECT ($1::UUID)::VARCHAR", "e2b5f2c0-0a57-4a5e-8d3c-0a1b2c3d4e5f", "e2b5f2c0-0a57-4a5e-8d3c-0a1b2c3d4e5f"},
				{"SELECT hex($1::BLOB)", []byte{0, 255, 'a'}, "00FF61"},
				{"SELECT count(*)::VARCHAR FROM event WHERE county_code = $1", "990101", "100"},
				{"SELECT count(*)::VARCHAR FROM event WHERE category = $1", 3, "30"},
				{"SELECT count(*)::VARCHAR FROM event WHERE reported_at < $1", time.Date(2026, 2, 1, 1, 0, 0, 0, time.UTC), "9"},
			} {
				if _, isBytes := q.arg.([]byte); isBytes && mode == pgx.QueryExecModeSimpleProtocol {
					continue // pgx writes it into the text as '\x00ff61', which the engine reads otherwise: see docs/bi-clients.md
				}
				var got sql.NullString
				if err := c.QueryRow(t.Context(), q.sql, q.arg).Scan(&got); err != nil {
					t.Errorf("%s with %v: %v", q.sql, q.arg, err)
					continue
				}
				if !got.Valid {
					got.String = "NULL"
				}
				if got.String != q.want {
					t.Errorf("%s with %v: %q, want %q", q.sql, q.arg, got.String, q.want)
				}
			}
		})
	}
}

// Lists go as arrays in both forms, with and without a cast, and survive quotes, commas and nulls.
func TestArrayParameters(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	for _, q := range []struct {
		sql  string
		arg  any
		want string
	}{
		{"SELECT count(*)::VARCHAR FROM event WHERE county_code = ANY($1)", []string{"990101", "990102"}, "200"},
		{"SELECT count(*)::VARCHAR FROM event WHERE category = ANY($1)", []int32{3, 4}, "60"},
		{"SELECT count(*)::VARCHAR FROM event WHERE category = ANY ( $1 ) AND county_code <> 'ANY($1)'", []int64{3, 4}, "60"},
		{"SELECT count(*)::VARCHAR FROM event WHERE category = ANY($1::INTEGER[])", []int32{3}, "30"},
		{"SELECT count(*)::VARCHAR FROM event WHERE event_day = ANY($1)", []time.Time{time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}, "18"},
		{"SELECT array_to_string($1::VARCHAR[], '|')", []string{"a,b", `q"u\o'te`, "[x]", "", "NULL", "区 县"}, `a,b|q"u\o'te|[x]||NULL|区 县`},
		{"SELECT ($1::DOUBLE[])::VARCHAR", []float64{0.1, -2}, "[0.1, -2.0]"},
		{"SELECT len($1::VARCHAR[])::VARCHAR", []string{}, "0"},
		{"SELECT ($1::INTEGER[])::VARCHAR", []*int32{nil}, "[NULL]"},
		{"SELECT ($1::BOOLEAN[])::VARCHAR", []bool{true, false}, "[true, false]"},
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec} {
			var got string
			if err := c.QueryRow(t.Context(), q.sql, mode, q.arg).Scan(&got); err != nil || got != q.want {
				t.Errorf("%s with %v: %q, %v, want %q", q.sql, q.arg, got, err, q.want)
			}
		}
	}
	// As text, with the type declared, as pgjdbc sends them.
	for text, want := range map[string]string{`{990101,"990102"}`: "200", `{}`: "0", `{NULL}`: "0"} {
		res := c.PgConn().ExecParams(t.Context(), "SELECT count(*) FROM event WHERE county_code = ANY($1)", [][]byte{[]byte(text)}, []uint32{1009}, []int16{0}, nil).Read()
		if res.Err != nil || string(res.Rows[0][0]) != want {
			t.Errorf("%s: %v %v", text, res.Rows, res.Err)
		}
	}
	for _, bad := range []string{"{{1,2},{3,4}}", "{1", "1,2", `{"a}`, `{a"b}`, "{,}"} {
		res := c.PgConn().ExecParams(t.Context(), "SELECT count(*) FROM event WHERE county_code = ANY($1)", [][]byte{[]byte(bad)}, []uint32{1009}, []int16{0}, nil).Read()
		if res.Err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestBatchAndPrepared(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	b := &pgx.Batch{}
	for i := range 20 {
		b.Queue("SELECT $1::INTEGER + 1", i)
	}
	res := c.SendBatch(t.Context(), b)
	for i := range 20 {
		var n int
		if err := res.QueryRow().Scan(&n); err != nil || n != i+1 {
			t.Fatalf("%d: %d, %v", i, n, err)
		}
	}
	if err := res.Close(); err != nil {
		t.Fatal(err)
	}
	sd, err := c.Prepare(t.Context(), "named", "SELECT count(*) FROM event WHERE county_code = $1")
	if err != nil || len(sd.ParamOIDs) != 1 || sd.ParamOIDs[0] != pgtype.TextOID || sd.Fields[0].DataTypeOID != pgtype.Int8OID {
		t.Fatalf("%+v, %v", sd, err)
	}
	for range 10 {
		var n int
		if err := c.QueryRow(t.Context(), "named", "990103").Scan(&n); err != nil || n != 100 {
			t.Fatal(n, err)
		}
	}
	if err := c.Deallocate(t.Context(), "named"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "INSERT INTO event VALUES (1)"); code(err) != "25006" {
		t.Errorf("insert: %v", err)
	}
	if _, err := c.CopyFrom(t.Context(), pgx.Identifier{"event"}, []string{"event_id"}, pgx.CopyFromRows([][]any{{"x"}})); code(err) != "0A000" {
		t.Errorf("copy: %v", err)
	}
	tx, err := c.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM event").Scan(&n); err != nil || n != 500 {
		t.Fatal(n, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// bomb runs until somebody ends it.
const bomb = "SELECT count(*) FROM event a, event b, event c, event d WHERE a.category + b.category + c.category + d.category = 3"

func TestContextCancel(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := c.Exec(ctx, bomb)
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	r.idle(t)
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint("no PostgreSQL error: ", err)
}
