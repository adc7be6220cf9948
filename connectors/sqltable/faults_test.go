package sqltable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"onegrid/connectors"
)

// assertSilent fails where a message shows the password, a record value or the address with its account.
func assertSilent(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, s := range []string{secret, "wrong-password-4712", "灯不亮", "tcp(", "postgres://"} {
			if strings.Contains(e.Error(), s) {
				t.Errorf("the error shows %q: %v", s, e)
			}
		}
	}
	var ce *connectors.Error
	if !errors.As(err, &ce) || ce.Hint == "" || ce.HintZH == "" {
		t.Errorf("no hint in both languages: %v", err)
	}
}

// TestServerKilledWhileReading: the reading ends with an error, and resuming from the last checkpoint loses nothing.
func TestServerKilledWhileReading(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *database{"postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL)")
			at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
			want := map[string]bool{}
			for i := range 500 {
				k := fmt.Sprintf("K%04d", i)
				d.insert(t, "to_rec", k, at.Add(time.Duration(i/9)*time.Minute))
				want[k] = true
			}
			src := d.source(t, 20, "retries: 1\npage_rows: 100\nstreams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
			var rows []row
			var cp connectors.Checkpoint
			var failed error
			n := 0
			for b, err := range src.Read(t.Context(), cp) {
				if err != nil {
					failed = err
					break
				}
				rows, cp = append(rows, rowsOf(b)...), b.Resume
				if b.Records != nil {
					b.Records.Release()
				}
				if n++; n == 7 {
					d.server.Kill()
				}
			}
			if !errors.Is(failed, connectors.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", failed)
			}
			assertSilent(t, failed)
			if len(rows) == 0 || len(rows) == 500 {
				t.Fatalf("%d rows before the kill", len(rows))
			}
			if err := d.server.Start(); err != nil {
				t.Fatal(err)
			}
			more, _, _ := drain(t, src, cp)
			if m := missing0(want, append(rows, more...), "jjdbh"); m > 0 {
				t.Errorf("%d rows lost", m)
			}
		})
	}
}

// TestServerComesBackWithinARun: a transient failure is tried again, without a row lost.
func TestServerComesBackWithinARun(t *testing.T) {
	d := newPostgres(t)
	d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) PRIMARY KEY, gxsj timestamp NOT NULL)")
	d.exec(t, "INSERT INTO to_rec SELECT 'K' || g, timestamp '2024-03-01' + g * interval '1 minute' FROM generate_series(1, 500) g")
	src := d.source(t, 20, "retries: 20\npage_rows: 100\nstreams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
	n, got := 0, map[string]int{}
	for b, err := range src.Read(t.Context(), connectors.Checkpoint{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rowsOf(b) {
			got[r["jjdbh"]]++
		}
		if b.Records != nil {
			b.Records.Release()
		}
		if n++; n == 3 {
			d.server.Kill()
			if err := d.server.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(got) != 500 {
		t.Errorf("%d of 500 rows", len(got))
	}
}

func TestWrongPassword(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *database{"postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			env := d.env(10)
			env.Secret = func(string) (string, error) { return "wrong-password-4712", nil }
			src := openSource(t, env, d.settings+"streams: [{name: c, tables: [to_rec]}]\n")
			err := readErr(t.Context(), src, connectors.Checkpoint{})
			if !errors.Is(err, connectors.ErrAuth) {
				t.Errorf("Read: got %v, want ErrAuth", err)
			}
			assertSilent(t, err)
			if err := src.(connectors.Checker).Check(t.Context()); !errors.Is(err, connectors.ErrAuth) {
				t.Errorf("Check: got %v, want ErrAuth", err)
			}
		})
	}
}

func TestNoRightToRead(t *testing.T) {
	d := newPostgres(t)
	d.exec(t, "CREATE TABLE to_rec (jjdbh text)")
	d.exec(t, "CREATE ROLE reader LOGIN PASSWORD '"+secret+"'")
	src := openSource(t, d.env(10), strings.Replace(d.settings, "user: onegrid", "user: reader", 1)+"streams: [{name: c, tables: [to_rec]}]\n")
	err := src.(connectors.Checker).Check(t.Context())
	if !errors.Is(err, connectors.ErrAuth) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
	assertSilent(t, err)
}

func TestStatementTimeout(t *testing.T) {
	for name, q := range map[string]string{"postgres": "SELECT 1 AS a FROM pg_sleep(20)", "mariadb": "SELECT SLEEP(20) AS a FROM seq_1_to_2"} {
		t.Run(name, func(t *testing.T) {
			start := newPostgres
			if name == "mariadb" {
				start = newMariaDB
			}
			d := start(t)
			src := d.source(t, 10, "snapshot_timeout: 300ms\nstreams: [{name: c, query: \""+q+"\"}]\n")
			began := time.Now()
			err := readErr(t.Context(), src, connectors.Checkpoint{})
			if !errors.Is(err, connectors.ErrUnavailable) || !strings.Contains(err.Error(), "timeout") {
				t.Errorf("got %v", err)
			}
			assertSilent(t, err)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("ended after %s: it was tried again, or not stopped", took)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	d := newPostgres(t)
	d.server.Kill()
	err := readErr(t.Context(), d.source(t, 10, "retries: 2\nstreams: [{name: c, tables: [x]}]\n"), connectors.Checkpoint{})
	if !errors.Is(err, connectors.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	assertSilent(t, err)
}

func TestServerWithoutTLS(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *database{"postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			src := openSource(t, d.env(10), strings.Replace(d.settings, "tls: {mode: disable}\n", "", 1)+"retries: 0\nstreams: [{name: c, tables: [x]}]\n")
			err := readErr(t.Context(), src, connectors.Checkpoint{})
			if !errors.Is(err, connectors.ErrUnavailable) || !strings.Contains(err.Error(), "TLS") {
				t.Errorf("got %v", err)
			}
			assertSilent(t, err)
		})
	}
}

// TestNothingIsWritten: neither a query that writes nor one that calls a writing function gets through.
func TestNothingIsWritten(t *testing.T) {
	d := newPostgres(t)
	d.exec(t, "CREATE TABLE x (a int)")
	d.exec(t, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO x VALUES (1) RETURNING a'")
	if err := readErr(t.Context(), d.source(t, 10, "streams: [{name: c, query: SELECT f() AS a}]\n"), connectors.Checkpoint{}); err == nil {
		t.Error("a writing function was run")
	}
	var n int
	if err := d.db.QueryRow("SELECT count(*) FROM x").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows written, %v", n, err)
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40), gxsj "+d.stamp+")")
		for streams, want := range map[string]string{
			"[{name: c, tables: [missing]}]":                                   "missing",
			"[{name: c, tables: [to_rec], columns: [nope]}]":                   `no column "nope"`,
			"[{name: c, tables: [to_rec], cursor: {time: nope, key: jjdbh}}]":  `no column "nope"`,
			"[{name: c, query: SELECT * FRM to_rec}]":                          "",
			"[{name: c, query: 'SELECT jjdbh FROM to_rec', cursor: {key: x}}]": `no column "x"`,
		} {
			err := readErr(t.Context(), d.source(t, 10, "streams: "+streams+"\n"), connectors.Checkpoint{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want something with %q", streams, err, want)
				continue
			}
			assertSilent(t, err)
		}
	})
}

// TestCheckpointOfOtherSettings: a position by other columns is refused, not guessed at.
func TestCheckpointOfOtherSettings(t *testing.T) {
	d := newSQLite(t)
	d.exec(t, "CREATE TABLE to_rec (jjdbh TEXT, gxsj TEXT)")
	d.exec(t, "INSERT INTO to_rec VALUES ('灯不亮', '2024-03-01 08:00:00')")
	_, _, cp := drain(t, d.source(t, 10, "streams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n"), connectors.Checkpoint{})
	err := readErr(t.Context(), d.source(t, 10, "streams: [{name: c, tables: [to_rec], cursor: {key: jjdbh}}]\n"), cp)
	if !errors.Is(err, connectors.ErrCheckpoint) {
		t.Errorf("got %v", err)
	}
	assertSilent(t, err)
}

func TestFileOutsideTheFolder(t *testing.T) {
	d := newSQLite(t)
	env := d.env(10)
	env.Dir = t.TempDir()
	err := readErr(context.Background(), openSource(t, env, d.settings+"streams: [{name: c, tables: [x]}]\n"), connectors.Checkpoint{})
	if !errors.Is(err, connectors.ErrUnavailable) || strings.Contains(err.Error(), env.Dir) {
		t.Errorf("got %v", err)
	}
}
