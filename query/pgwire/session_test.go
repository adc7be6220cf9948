package pgwire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// raw is a session whose messages the test writes itself.
type raw struct {
	t testing.TB
	*pgproto3.Frontend
	conn net.Conn
	pid  uint32
	key  []byte
}

// raw logs in with pgx and takes the connection over.
func (r *rig) raw(t testing.TB, name, pass string) *raw {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), r.url(name, pass))
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Conn.Close() })
	_ = h.Conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &raw{t: t, Frontend: h.Frontend, conn: h.Conn, pid: h.PID, key: h.SecretKey}
}

// ask sends messages and returns what comes back up to the given number of ReadyForQuery, one word for each message:
// its letter, the code of an error, the tag of a command, the status.
func (x *raw) ask(ready int, messages ...pgproto3.FrontendMessage) string {
	x.t.Helper()
	for _, m := range messages {
		x.Send(m)
	}
	if err := x.Flush(); err != nil {
		x.t.Fatal(err)
	}
	var out []string
	for ready > 0 {
		msg, err := x.Receive()
		if err != nil {
			x.t.Fatalf("after %q: %v", strings.Join(out, " "), err)
		}
		switch m := msg.(type) {
		case *pgproto3.ErrorResponse:
			out = append(out, m.Code)
		case *pgproto3.NoticeResponse:
			out = append(out, "notice:"+m.Code)
		case *pgproto3.CommandComplete:
			out = append(out, strings.ReplaceAll(string(m.CommandTag), " ", "-"))
		case *pgproto3.DataRow:
			var values []string
			for _, v := range m.Values {
				values = append(values, string(v))
			}
			out = append(out, "("+strings.Join(values, ",")+")")
		case *pgproto3.ReadyForQuery:
			ready--
			out = append(out, string(m.TxStatus))
		case *pgproto3.ParameterStatus:
			out = append(out, m.Name)
		case *pgproto3.ParameterDescription:
			out = append(out, fmt.Sprint("params", m.ParameterOIDs))
		default:
			out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
		}
	}
	return strings.Join(out, " ")
}

func q(s string) *pgproto3.Query { return &pgproto3.Query{String: s} }

// What the protocol says of messages in an order that clients rarely send them in (PostgreSQL 15, section 55.2).
func TestMessageOrder(t *testing.T) {
	r := open(t)
	parse := func(name, sql string) pgproto3.FrontendMessage { return &pgproto3.Parse{Name: name, Query: sql} }
	bind := func(portal, name string, values ...string) pgproto3.FrontendMessage {
		b := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: name}
		for _, v := range values {
			b.Parameters = append(b.Parameters, []byte(v))
		}
		return b
	}
	exec := func(portal string, rows uint32) pgproto3.FrontendMessage {
		return &pgproto3.Execute{Portal: portal, MaxRows: rows}
	}
	sync := &pgproto3.Sync{}
	type ms = []pgproto3.FrontendMessage
	for name, c := range map[string]struct {
		send  ms
		ready int
		want  string
	}{
		"empty":                      {ms{q(""), q(" -- nothing\n;;")}, 2, "EmptyQueryResponse I EmptyQueryResponse I"},
		"empty, extended":            {ms{parse("", ""), bind("", ""), exec("", 0), sync}, 1, "ParseComplete BindComplete EmptyQueryResponse I"},
		"two statements":             {ms{q("select 1; select 2")}, 1, "RowDescription (1) SELECT-1 RowDescription (2) SELECT-1 I"},
		"two in one parse":           {ms{parse("", "select 1; select 2"), sync}, 1, "42601 I"},
		"an error skips to sync":     {ms{parse("", "select nosuch"), &pgproto3.Describe{ObjectType: 'S'}, bind("", ""), exec("", 0), parse("x", "select 1"), sync, parse("", "select 3"), bind("", ""), exec("", 0), sync}, 2, "ParseComplete 42703 I ParseComplete BindComplete (3) SELECT-1 I"},
		"skipped parse left nothing": {ms{bind("", "nosuch"), parse("skipped", "select 1"), sync, bind("", "skipped"), sync}, 2, "26000 I 26000 I"},
		"unknown portal":             {ms{exec("nosuch", 0), sync, &pgproto3.Describe{ObjectType: 'P', Name: "nosuch"}, sync}, 2, "34000 I 34000 I"},
		"unknown statement":          {ms{&pgproto3.Describe{ObjectType: 'S', Name: "nosuch"}, sync}, 1, "26000 I"},
		"closing what is not there":  {ms{&pgproto3.Close{ObjectType: 'S', Name: "nosuch"}, &pgproto3.Close{ObjectType: 'P', Name: "nosuch"}, sync}, 1, "CloseComplete CloseComplete I"},
		"a name twice":               {ms{parse("twice", "select 1"), parse("twice", "select 2"), sync}, 1, "ParseComplete 42P05 I"},
		"unnamed twice":              {ms{parse("", "select 1"), parse("", "select 2"), bind("", ""), exec("", 0), sync}, 1, "ParseComplete ParseComplete BindComplete (2) SELECT-1 I"},
		"portions":                   {ms{parse("", "select * from generate_series(1, 3) g(i)"), bind("", ""), exec("", 2), exec("", 2), exec("", 2), sync}, 1, "ParseComplete BindComplete (1) (2) PortalSuspended (3) SELECT-3 SELECT-0 I"},
		"a portal ends with sync":    {ms{parse("", "select * from generate_series(1, 3) g(i)"), bind("p", ""), exec("p", 1), sync, exec("p", 1), sync}, 2, "ParseComplete BindComplete (1) PortalSuspended I 34000 I"},
		"but not in a transaction":   {ms{q("begin"), parse("", "select * from generate_series(1, 3) g(i)"), bind("p", ""), exec("p", 1), sync, exec("p", 1), sync, q("commit")}, 4, "BEGIN T ParseComplete BindComplete (1) PortalSuspended T (2) PortalSuspended T COMMIT I"},
		"described portal":           {ms{parse("", "select 1 as a"), bind("", ""), &pgproto3.Describe{ObjectType: 'P'}, exec("", 0), sync}, 1, "ParseComplete BindComplete RowDescription (1) SELECT-1 I"},
		"canned":                     {ms{parse("", "set extra_float_digits = 3"), bind("", ""), &pgproto3.Describe{ObjectType: 'P'}, exec("", 0), sync}, 1, "ParseComplete BindComplete NoData SET I"},
		"canned with rows":           {ms{parse("", "show timezone"), &pgproto3.Describe{ObjectType: 'S'}, bind("", ""), exec("", 0), sync}, 1, "ParseComplete params[] RowDescription BindComplete (Asia/Shanghai) SHOW I"},
		"too few parameters":         {ms{parse("", "select $1::int + $2::int"), bind("", "", "1"), exec("", 0), sync}, 1, "ParseComplete BindComplete 42P02 I"},
		"too many parameters":        {ms{parse("", "select 1"), bind("", "", "1"), exec("", 0), sync}, 1, "ParseComplete BindComplete 42P02 I"},
		"formats do not fit":         {ms{parse("", "select $1::int"), &pgproto3.Bind{Parameters: [][]byte{[]byte("1")}, ParameterFormatCodes: []int16{0, 1}}, sync}, 1, "ParseComplete 08P01 I"},
		"no such format":             {ms{parse("", "select 1"), &pgproto3.Bind{ResultFormatCodes: []int16{7}}, sync}, 1, "ParseComplete 08P01 I"},
		"binary of a wrong length":   {ms{parse("", "select $1::int"), &pgproto3.Bind{Parameters: [][]byte{{1, 2, 3}}, ParameterFormatCodes: []int16{1}}, sync}, 1, "ParseComplete 0A000 I"},
		"a text that is no number":   {ms{parse("", "select $1::int"), bind("", "", "x"), exec("", 0), sync}, 1, "ParseComplete BindComplete 42P02 I"},
		"not UTF-8":                  {ms{parse("", "select $1::text"), bind("", "", "\xff"), sync}, 1, "ParseComplete 42P02 I"},
		"text that is not UTF-8":     {ms{q("select '\xff'"), q("select 1")}, 2, "42601 I RowDescription (1) SELECT-1 I"},
		"copy data of nobody":        {ms{q("copy event from stdin"), &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{}, q("select 1")}, 2, "0A000 I RowDescription (1) SELECT-1 I"},
		"function call":              {ms{&pgproto3.FunctionCall{Function: 1}, sync}, 1, "08P01 I"},
		"flush":                      {ms{parse("", "select 1"), &pgproto3.Flush{}, bind("", ""), &pgproto3.Flush{}, exec("", 0), &pgproto3.Flush{}, sync}, 1, "ParseComplete BindComplete (1) SELECT-1 I"},
		"failed transaction":         {ms{q("begin"), q("select nosuch"), q("select 1"), parse("", "select 1"), bind("", ""), sync, q("set x.y = 1"), q("rollback"), q("select 1")}, 7, "BEGIN T 42703 E 25P02 E ParseComplete 25P02 E 25P02 E ROLLBACK I RowDescription (1) SELECT-1 I"},
		"savepoint":                  {ms{q("begin"), q("savepoint s"), q("select nosuch"), q("rollback to s"), q("select 1"), q("release s"), q("commit")}, 7, "BEGIN T SAVEPOINT T 42703 E ROLLBACK T RowDescription (1) SELECT-1 T RELEASE T COMMIT I"},
		"savepoint outside":          {ms{q("savepoint s")}, 1, "25P01 I"},
		"begin twice":                {ms{q("begin"), q("begin"), q("rollback")}, 3, "BEGIN T notice:25001 BEGIN T ROLLBACK I"},
		"commit of nothing":          {ms{q("commit")}, 1, "notice:25P01 COMMIT I"},
		"discard":                    {ms{parse("kept", "select 1"), sync, q("discard all"), bind("", "kept"), sync}, 3, "ParseComplete I DISCARD-ALL I 26000 I"},
		"deallocate":                 {ms{parse("kept", "select 1"), sync, q("deallocate kept"), bind("", "kept"), sync}, 3, "ParseComplete I DEALLOCATE I 26000 I"},
	} {
		t.Run(name, func(t *testing.T) {
			x := r.raw(t, user, password)
			x.ask(1, q("select 1")) // the first answer tells the generation
			if got := x.ask(c.ready, c.send...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	r.idle(t)
}

// A session keeps a bounded number of statements and portals, and no worker for those that it gave up.
func TestBoundsOfASession(t *testing.T) {
	r := open(t)
	x := r.raw(t, user, password)
	x.ask(1, q("begin"))
	var many []pgproto3.FrontendMessage
	for i := range 1001 {
		many = append(many, &pgproto3.Parse{Name: fmt.Sprint("s", i), Query: "select 1"})
	}
	if got := x.ask(1, append(many, &pgproto3.Sync{})...); !strings.HasSuffix(got, "ParseComplete 54000 E") {
		t.Errorf("%s", got[len(got)-100:])
	}
	x.ask(2, q("rollback"), q("begin"))
	many = nil
	for i := range 101 {
		many = append(many, &pgproto3.Bind{DestinationPortal: fmt.Sprint("p", i), PreparedStatement: "s1"})
	}
	if got := x.ask(1, append(many, &pgproto3.Sync{})...); !strings.HasSuffix(got, "BindComplete 54000 E") {
		t.Errorf("%s", got[len(got)-100:])
	}
	x.ask(2, q("rollback"), q("discard all"))
	// Half-read portals of a session that ends free their workers.
	x.ask(1, q("begin"))
	x.ask(1, &pgproto3.Parse{Name: "big", Query: "select * from event a, event b"}, &pgproto3.Bind{DestinationPortal: "half", PreparedStatement: "big"}, &pgproto3.Execute{Portal: "half", MaxRows: 1}, &pgproto3.Sync{})
	if r.pool.Counts(city()).Running != 1 {
		t.Errorf("%+v", r.pool.Counts(city()))
	}
	_ = x.conn.Close()
	r.idle(t)
}

// cancel sends a cancel request, in clear or over TLS.
func (r *rig) cancel(t testing.TB, pid uint32, key []byte, secure bool) {
	t.Helper()
	c := r.dial(t)
	if secure {
		c = r.upgrade(t, c)
	}
	if _, err := c.Write(encode(t, &pgproto3.CancelRequest{ProcessID: pid, SecretKey: key})); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(b) > 0 {
		t.Errorf("a cancel request is answered: %q, %v", b, err)
	}
	_ = c.Close()
}

func TestCancelNeedsTheKey(t *testing.T) {
	r := open(t)
	for _, secure := range []bool{false, true} {
		x, y := r.raw(t, user, password), r.raw(t, other, secret2)
		x.Send(q(bomb))
		if err := x.Flush(); err != nil {
			t.Fatal(err)
		}
		if !eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 1 }) {
			t.Fatal("the statement does not run")
		}
		wrong := bytes.Clone(x.key)
		wrong[0] ^= 1
		r.cancel(t, x.pid, wrong, secure)
		r.cancel(t, x.pid, y.key, secure)
		r.cancel(t, x.pid, nil, secure)
		r.cancel(t, y.pid, y.key, secure)
		r.cancel(t, 999_999, x.key, secure)
		if r.pool.Counts(city()).Running != 1 {
			t.Error("somebody else's key ended a statement")
		}
		began := time.Now()
		r.cancel(t, x.pid, x.key, secure)
		got := x.ask(1)
		if took := time.Since(began); !strings.Contains(got, "57014") || took > 1500*time.Millisecond {
			t.Errorf("cancelled after %v: %s", took, got)
		}
		// One that comes late ends nothing.
		r.cancel(t, x.pid, x.key, secure)
		if got := x.ask(1, q("select 1")); !strings.Contains(got, "(1) SELECT-1") {
			t.Errorf("afterwards: %s", got)
		}
		r.idle(t)
	}
}

// A portal that waits to be read on is not what a late cancel request means.
func TestCancelBetweenPortions(t *testing.T) {
	r := open(t)
	x := r.raw(t, user, password)
	x.ask(1, q("begin"))
	x.ask(1, &pgproto3.Parse{Query: "select * from generate_series(1, 3) g(i)"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Sync{})
	r.cancel(t, x.pid, x.key, true)
	if got := x.ask(1, &pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{}); got != "(2) (3) SELECT-3 T" {
		t.Errorf("%s", got)
	}
}

func TestLongMessages(t *testing.T) {
	r := open(t, func(o *options) { o.door.MaxMessage = 100_000 })
	x := r.raw(t, user, password)
	if got := x.ask(1, q("select '"+strings.Repeat("x", 70_000)+"'")); !strings.HasPrefix(got, "54000") {
		t.Errorf("a text over the limit of the gate: %s", got)
	}
	head := binary.BigEndian.AppendUint32([]byte{'Q'}, 1<<30)
	if _, err := x.conn.Write(head); err != nil {
		t.Fatal(err)
	}
	msg, err := x.Receive()
	if e, ok := msg.(*pgproto3.ErrorResponse); !ok || e.Code != "54000" || e.Severity != "FATAL" {
		t.Errorf("%+v, %v", msg, err)
	}
	if _, err := x.Receive(); err == nil {
		t.Error("the session goes on")
	}
}

func TestIdleSessions(t *testing.T) {
	r := open(t, func(o *options) { o.door.Idle = 500 * time.Millisecond })
	x := r.raw(t, user, password)
	x.ask(1, q("select 1")) // a byte is read ahead from here on
	msg, err := x.Receive()
	if e, ok := msg.(*pgproto3.ErrorResponse); !ok || e.Code != "57P05" {
		t.Errorf("%+v, %v", msg, err)
	}
	// A statement that takes longer than that is not idle.
	y := r.raw(t, user, password)
	y.ask(1, q("set statement_timeout = '1500ms'"))
	if got := y.ask(1, q(bomb)); !strings.Contains(got, "57014") {
		t.Errorf("%s", got)
	}
}

func TestStatementTimeout(t *testing.T) {
	r := open(t)
	x := r.raw(t, user, password)
	for set, ok := range map[string]bool{"set statement_timeout = 300": true, "set statement_timeout to '300ms'": true, "set session statement_timeout = '0.3 s'": true, "set local statement_timeout = 300": true, "set statement_timeout = 'soon'": false} {
		if got := x.ask(1, q(set)); strings.HasPrefix(got, "SET") != ok {
			t.Errorf("%s: %s", set, got)
		}
		if !ok {
			continue
		}
		began := time.Now()
		if got := x.ask(1, q(bomb)); !strings.Contains(got, "57014") || time.Since(began) > 3*time.Second {
			t.Errorf("%s: %s after %v", set, got, time.Since(began))
		}
		x.ask(2, q("reset statement_timeout"), q("select 'a worker is there again'"))
		if got := x.ask(1, q("show statement_timeout")); !strings.Contains(got, "(0)") {
			t.Errorf("reset: %s", got)
		}
	}
}

// An answer that a limit cut says so, and every session is told which generation answers, once for each.
func TestWhatAnAnswerTells(t *testing.T) {
	r := open(t, func(o *options) { o.front.Rows, o.front.ExportRows = 10, 10 })
	x := r.raw(t, user, password)
	if got := x.ask(1, q("select event_id from event order by 1")); !strings.HasPrefix(got, "onegrid.generation onegrid.freshness RowDescription (e00000)") || !strings.HasSuffix(got, "notice:01000 SELECT-10 I") {
		t.Errorf("%s", got)
	}
	if got := x.ask(1, q("select 1")); got != "RowDescription (1) SELECT-1 I" {
		t.Errorf("the second: %s", got)
	}
	if err := r.pool.Use(t.Context(), snapshotOf(t, 8)); err != nil {
		t.Fatal(err)
	}
	if got := x.ask(1, q("select 1")); got != "onegrid.generation onegrid.freshness RowDescription (1) SELECT-1 I" {
		t.Errorf("of the next generation: %s", got)
	}
	if got := x.ask(1, q("show onegrid.generation")); !strings.Contains(got, "(8 2026-03-01T12:00:00+08:00)") {
		t.Errorf("%s", got)
	}
}

// Two users share the workers and nothing else.
func TestNoStateBetweenUsers(t *testing.T) {
	r := open(t, func(o *options) { o.pool.Workers = 1 })
	x, y := r.raw(t, user, password), r.raw(t, other, secret2)
	x.ask(2, q("set my.note = 'of the duty desk'; set application_name = 'mine'; set statement_timeout = 12345"), q("select 1"))
	x.ask(1, &pgproto3.Parse{Name: "mine", Query: "select 'mine'"}, &pgproto3.Sync{})
	y.ask(1, q("select 1"))
	for ask, want := range map[string]string{"show my.note": "42704", "show statement_timeout": "(0)", "show application_name": "()", "select current_user": "(" + other + ")"} {
		if got := y.ask(1, q(ask)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", ask, got)
		}
	}
	if got := y.ask(1, &pgproto3.Bind{PreparedStatement: "mine"}, &pgproto3.Sync{}); got != "26000 I" {
		t.Errorf("a prepared name: %s", got)
	}
	// And what looks like state of the engine is refused.
	for _, s := range []string{"create temp table t as select 1", "create temp macro lower(x) as 'y'", "attach ':memory:' as m", "use main", "pragma threads=1", "set variable x = 1", "call enable_logging()", "select set_config('search_path', 'x', false), getvariable('x')"} {
		got := x.ask(1, q(s))
		if strings.Contains(got, "SELECT-1") || !strings.HasSuffix(got, " I") || strings.HasPrefix(got, "CREATE") {
			t.Errorf("%s: %s", s, got)
		}
	}
}

// An error says what the client wrote, never what the engine knows.
func TestErrorsTellNothing(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	for _, s := range []string{"select evnt_id from event", "select * from evnt", "select (select event_id from event)::int", "select summary::int from event where summary is not null", "select * from 'x.csv'", "select * from pg_read_file", "select sumary from event",
		"select error(summary) from event", "select * from information_schema.nosuch", "select pg_catalog.nosuch(1)", "select * from onegrid.public.event.x"} {
		_, err := c.Exec(t.Context(), s)
		var e *pgconn.PgError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", s, err)
			continue
		}
		for _, leak := range []string{"道路积水", "Did you mean", "Candidate", "duckdb", "/tmp", ".duckdb", "e00000", "pgc_", "LINE 1"} {
			if strings.Contains(e.Message+e.Hint+e.Where+e.InternalQuery+e.TableName+e.ColumnName, leak) {
				t.Errorf("%s: %q", s, e.Message+" / "+e.Hint)
			}
		}
		if e.Detail == "" || !strings.Contains(e.Detail, "query ") {
			t.Errorf("%s: no Chinese words or no id of the query: %q", s, e.Detail)
		}
	}
}
