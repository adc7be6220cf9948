package pgwire_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"

	"onegrid/query/audit"
	"onegrid/query/pgwire"
)

// dial opens a connection whose reads cannot hang a test.
func (r *rig) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort(r.host, r.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func encode(t testing.TB, m pgproto3.FrontendMessage) []byte {
	t.Helper()
	b, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// upgrade asks for TLS and shakes hands.
func (r *rig) upgrade(t testing.TB, c net.Conn) *tls.Conn {
	t.Helper()
	if _, err := c.Write(encode(t, &pgproto3.SSLRequest{})); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != 'S' {
		t.Fatalf("answer to the request for TLS: %q, %v", b, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(r.cert)
	s := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	return s
}

// greeted sends the startup message over TLS.
func (r *rig) greeted(t testing.TB, name string) (*pgproto3.Frontend, *tls.Conn) {
	t.Helper()
	s := r.upgrade(t, r.dial(t))
	f := pgproto3.NewFrontend(s, s)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": name, "database": "onegrid"}})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	return f, s
}

// refusal reads to the error that ends a login.
func refusal(t testing.TB, f *pgproto3.Frontend) *pgproto3.ErrorResponse {
	t.Helper()
	for {
		msg, err := f.Receive()
		if err != nil {
			t.Fatalf("no error message: %v", err)
		}
		switch m := msg.(type) {
		case *pgproto3.ErrorResponse:
			e := *m
			return &e
		case *pgproto3.AuthenticationOk:
			t.Fatal("let in")
		}
	}
}

func TestPlaintextIsRefused(t *testing.T) {
	r := open(t)
	c := r.dial(t)
	f := pgproto3.NewFrontend(c, c)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user, "database": "onegrid"}})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	if e := refusal(t, f); e.Code != "28000" || !strings.Contains(e.Message, "TLS") {
		t.Errorf("%+v", e)
	}
	if _, err := f.Receive(); err == nil {
		t.Error("the connection is still open")
	}
	if _, err := pgwire.New(pgwire.Config{}, nil, nil, nil); err == nil {
		t.Error("a door without a certificate was made")
	}
	if out := r.psql(t, "", "-d", r.url(user, password, "sslmode=disable")); !strings.Contains(out, "TLS only") {
		t.Errorf("psql without TLS: %s", out)
	}
}

// Bytes that somebody puts behind the request for TLS in clear are never taken for what the client says under TLS.
func TestStuffedBytesAreNotRead(t *testing.T) {
	r := open(t, func(o *options) { o.door.Startup = time.Second })
	c := r.dial(t)
	stuffed := append(encode(t, &pgproto3.SSLRequest{}), encode(t, &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user}})...)
	if _, err := c.Write(stuffed); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	// Only the answer to the request: the rest is dropped, and the time for the handshake runs out.
	if string(all) != "S" || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server went on in clear: %q, %v", all, err)
	}
}

// A wrong password, a name without an account and a user who may not query: the same words, at the same step.
func TestWrongProofsLookTheSame(t *testing.T) {
	r := open(t)
	var seen []string
	for _, who := range [][2]string{{user, "wrong horse 9"}, {"no-such-desk", password}, {user + "/no-such-token", password}} {
		_, err := pgconn.Connect(t.Context(), r.url(who[0], who[1]))
		var e *pgconn.PgError
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", who[0], err)
		}
		seen = append(seen, e.Severity+e.Code+e.Message+e.Detail+e.Hint)
	}
	for _, s := range seen {
		if s != seen[0] || !strings.Contains(s, "28P01") {
			t.Errorf("%q differs from %q", s, seen[0])
		}
	}
	if _, err := pgconn.Connect(t.Context(), r.url(nobody, password)); err == nil {
		// An auditor may log in, as anywhere, and is refused with the first question.
		c, err := pgconn.Connect(t.Context(), r.url(nobody, password))
		if err != nil {
			t.Fatal(err)
		}
		res := c.ExecParams(t.Context(), "SELECT count(*) FROM event", nil, nil, nil, nil).Read()
		if code(res.Err) != "42501" {
			t.Errorf("an auditor asks: %v", res.Err)
		}
		_ = c.Close(t.Context())
	}
	denied := 0
	for _, rec := range r.records(t) {
		if rec.Kind == audit.KindLoginDenied {
			denied++
		}
		if strings.Contains(rec.User, "no-such-desk") {
			t.Errorf("a name without an account is in the audit log: %+v", rec)
		}
	}
	if denied != 3 {
		t.Errorf("%d refused logins are recorded", denied)
	}
}

// Guessing slows down, for a name that exists as for one that does not, and the right password does not help while it does.
func TestGuessingIsSlowedDown(t *testing.T) {
	r := open(t, func(o *options) {
		o.ident.Lockout.UserFree, o.ident.Lockout.First, o.ident.Lockout.Max, o.ident.Lockout.Forget = 2, time.Minute, time.Hour, time.Hour
	})
	said := map[string]string{}
	for _, name := range []string{user, "no-such-desk"} {
		for i := range 6 {
			pass := "wrong horse 9"
			if i == 5 {
				pass = password
			}
			_, err := pgconn.Connect(t.Context(), r.url(name, pass))
			var e *pgconn.PgError
			if !errors.As(err, &e) {
				t.Fatalf("%s, attempt %d: %v", name, i, err)
			}
			if i < 2 != (e.Code == "28P01") || i >= 2 && e.Code != "53400" {
				t.Errorf("%s, attempt %d: %s", name, i, e.Code)
			}
			said[name] += e.Code + " "
			if i >= 2 && !strings.Contains(e.Message, "too many failed logins") {
				t.Errorf("%s", e.Message)
			}
		}
	}
	if said[user] != said["no-such-desk"] {
		t.Errorf("a name that exists: %s, one that does not: %s", said[user], said["no-such-desk"])
	}
	// Others are not locked out.
	c, err := pgconn.Connect(t.Context(), r.url(other, secret2))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close(t.Context())
}

// exchange speaks SCRAM with a mechanism, a first message and a channel binding of the test's choice.
func (r *rig) exchange(t *testing.T, mechanism string, conv func(*scram.Client, *tls.Conn) *scram.ClientConversation) pgproto3.BackendMessage {
	t.Helper()
	f, s := r.greeted(t, user)
	if msg, err := f.Receive(); err != nil {
		t.Fatal(err)
	} else if m, ok := msg.(*pgproto3.AuthenticationSASL); !ok || strings.Join(m.AuthMechanisms, " ") != "SCRAM-SHA-256-PLUS SCRAM-SHA-256" {
		t.Fatalf("offered: %+v", msg)
	}
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	x := conv(c, s)
	out, err := x.Step("")
	if err != nil {
		t.Fatal(err)
	}
	f.Send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(out)})
	for {
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		msg, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		m, ok := msg.(*pgproto3.AuthenticationSASLContinue)
		if !ok {
			return msg
		}
		if out, err = x.Step(string(m.Data)); err != nil {
			t.Fatal(err)
		}
		f.Send(&pgproto3.SASLResponse{Data: []byte(out)})
	}
}

func TestChannelBinding(t *testing.T) {
	r := open(t)
	if out := r.psql(t, "select 'bound';\n", "-d", r.url(user, password, "channel_binding=require")); !strings.Contains(out, "bound") {
		t.Errorf("libpq: %s", out)
	}
	bound := func(cert *x509.Certificate) func(*scram.Client, *tls.Conn) *scram.ClientConversation {
		return func(c *scram.Client, s *tls.Conn) *scram.ClientConversation {
			state := s.ConnectionState()
			if cert != nil {
				state.PeerCertificates = []*x509.Certificate{cert}
			}
			b, err := scram.NewTLSServerEndpointBinding(&state)
			if err != nil {
				t.Fatal(err)
			}
			return c.NewConversationWithChannelBinding(b)
		}
	}
	if msg := r.exchange(t, "SCRAM-SHA-256-PLUS", bound(nil)); !isType[*pgproto3.AuthenticationSASLFinal](msg) {
		t.Errorf("with the right certificate: %+v", msg)
	}
	elsewhere := &rig{}
	elsewhere.certificate(t)
	if msg := r.exchange(t, "SCRAM-SHA-256-PLUS", bound(elsewhere.cert)); !isType[*pgproto3.ErrorResponse](msg) {
		t.Errorf("bound to another certificate, as with somebody in between: %+v", msg)
	}
	// "y": the client could bind and believes that the server cannot. Somebody has removed PLUS from the offer.
	if msg := r.exchange(t, "SCRAM-SHA-256", func(c *scram.Client, _ *tls.Conn) *scram.ClientConversation {
		return c.NewConversationAdvertisingChannelBinding()
	}); !isType[*pgproto3.ErrorResponse](msg) {
		t.Errorf("downgraded: %+v", msg)
	}
	plain := func(c *scram.Client, _ *tls.Conn) *scram.ClientConversation { return c.NewConversation() }
	if msg := r.exchange(t, "SCRAM-SHA-256", plain); !isType[*pgproto3.AuthenticationSASLFinal](msg) {
		t.Errorf("without binding: %+v", msg)
	}
	for _, mechanism := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "PLAIN", ""} {
		if msg := r.exchange(t, mechanism, plain); !isType[*pgproto3.ErrorResponse](msg) {
			t.Errorf("%q with an unbound message: %+v", mechanism, msg)
		}
	}
}

func isType[T any](v any) bool { _, ok := v.(T); return ok }

// What comes instead of a login ends the connection, and the door goes on.
func TestGarbageInsteadOfALogin(t *testing.T) {
	r := open(t, func(o *options) { o.door.Startup = 2 * time.Second })
	for name, bytes := range map[string][]byte{"http": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "zeros": make([]byte, 64), "huge length": {0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0}, "negative length": {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0},
		"short length": {0, 0, 0, 4}, "nothing": {}, "half": {0, 0}} {
		t.Run("in clear/"+name, func(t *testing.T) {
			c := r.dial(t)
			_, _ = c.Write(bytes) // the server may be gone already
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
		t.Run("under TLS/"+name, func(t *testing.T) {
			c := r.upgrade(t, r.dial(t))
			_, _ = c.Write(bytes)
			_ = c.CloseWrite()
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
		t.Run("instead of SASL/"+name, func(t *testing.T) {
			_, c := r.greeted(t, user)
			_, _ = c.Write(bytes)
			_ = c.CloseWrite()
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
	}
	for name, m := range map[string]pgproto3.FrontendMessage{"query": &pgproto3.Query{String: "SELECT 1"}, "parse": &pgproto3.Parse{Query: "SELECT 1"}, "long": &pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: make([]byte, 1<<20)},
		"not SCRAM": &pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("hello")}, "empty": &pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256"}} {
		t.Run("message/"+name, func(t *testing.T) {
			f, c := r.greeted(t, user)
			if _, err := f.Receive(); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write(encode(t, m))
			for {
				msg, err := f.Receive()
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("the connection stays open")
				}
				if err != nil {
					break
				}
				if isType[*pgproto3.AuthenticationOk](msg) || isType[*pgproto3.DataRow](msg) {
					t.Fatalf("%+v", msg)
				}
			}
		})
	}
	c := r.pgx(t)
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if strings.Contains(r.out.String(), "panic") {
		t.Errorf("a session panicked:\n%s", r.out.String())
	}
}

// A client that is slow on purpose has until the end of the startup time; a place among the unknown becomes free again.
func TestSlowLogins(t *testing.T) {
	r := open(t, func(o *options) { o.door.Startup, o.door.MaxUnknown = time.Second, 2 })
	var slow []net.Conn
	began := time.Now()
	for range 2 {
		slow = append(slow, r.dial(t))
	}
	third := r.upgrade(t, r.dial(t))
	f := pgproto3.NewFrontend(third, third)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user}})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	if e := refusal(t, f); e.Code != "53300" {
		t.Errorf("a third unknown client: %+v", e)
	}
	for _, c := range slow {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a silent client keeps its connection")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("silent clients went after %v", took)
	}
	if !eventually(5*time.Second, func() bool {
		c, err := pgconn.Connect(context.Background(), r.url(user, password))
		if err == nil {
			_ = c.Close(context.Background())
		}
		return err == nil
	}) {
		t.Error("nobody gets in any more")
	}
}

func TestTooManyConnections(t *testing.T) {
	r := open(t, func(o *options) { o.door.MaxConns = 2 })
	a, b := r.pgx(t), r.pgx(t)
	_, err := pgconn.Connect(t.Context(), r.url(user, password))
	if code(err) != "53300" {
		t.Errorf("a third connection: %v", err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !eventually(5*time.Second, func() bool {
		c, err := pgconn.Connect(context.Background(), r.url(user, password))
		if err == nil {
			_ = c.Close(context.Background())
		}
		return err == nil
	}) {
		t.Error("a place did not become free")
	}
	if _, err := b.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func TestDatabaseNames(t *testing.T) {
	r := open(t)
	for db, want := range map[string]string{"onegrid": "", "postgres": "", user: "", "template1": "3D000"} {
		c, err := pgconn.Connect(t.Context(), strings.Replace(r.url(user, password), "/onegrid?", "/"+db+"?", 1))
		if err == nil {
			_ = c.Close(t.Context())
		}
		if want == "" && err != nil || want != "" && code(err) != want {
			t.Errorf("%s: %v", db, err)
		}
	}
	if _, err := pgconn.Connect(t.Context(), r.url(user, password, "replication=database")); code(err) != "0A000" {
		t.Errorf("replication: %v", err)
	}
}
