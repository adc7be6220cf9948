package pgwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"

	"onegrid/query"
	"onegrid/query/identity"
	"onegrid/query/pgcatalog"
)

// errQuiet ends a connection without a word in the log: a cancel request, or a port check that sends nothing.
var errQuiet = errors.New("nothing to say")

// maxGreeting is the largest message before authentication: a SCRAM message is far below.
const maxGreeting = 4096

// greet takes a connection from its first byte to a session that may ask: TLS, startup message, authentication.
func (s *Server) greet(conn net.Conn, full bool) (*session, error) {
	conn.SetDeadline(time.Now().Add(s.cfg.Startup))
	raw := pgproto3.NewBackend(conn, conn)
	for {
		msg, err := raw.ReceiveStartupMessage()
		if err != nil {
			return nil, errQuiet
		}
		switch m := msg.(type) {
		case *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte("N")); err != nil {
				return nil, err
			}
		case *pgproto3.SSLRequest:
			if _, err := conn.Write([]byte("S")); err != nil {
				return nil, err
			}
			return s.overTLS(conn, full)
		case *pgproto3.CancelRequest:
			// libpq before 17 sends it in clear, as PostgreSQL accepts it: it holds a random key and asks for nothing.
			s.cancel(m.ProcessID, m.SecretKey)
			return nil, errQuiet
		default:
			fatal(raw, "28000", "this server speaks TLS only", "Try: sslmode=require", "本服务只接受 TLS 连接,请设置 sslmode=require")
			return nil, errors.New("client without TLS")
		}
	}
}

func (s *Server) overTLS(conn net.Conn, full bool) (*session, error) {
	ctx, cancel := context.WithTimeout(s.base, s.cfg.Startup)
	defer cancel()
	secure := tls.Server(conn, s.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	w := &watched{Conn: secure, write: s.cfg.Write}
	back := pgproto3.NewBackend(w, w)
	msg, err := back.ReceiveStartupMessage()
	if err != nil {
		return nil, fmt.Errorf("reading the startup message: %w", err)
	}
	if m, ok := msg.(*pgproto3.CancelRequest); ok {
		s.cancel(m.ProcessID, m.SecretKey)
		return nil, errQuiet
	}
	start, ok := msg.(*pgproto3.StartupMessage)
	if !ok {
		return nil, errors.New("no startup message")
	}
	if full {
		fatal(back, "53300", "too many connections", "", "连接数已满")
		return nil, errors.New("too many connections")
	}
	if start.Parameters["replication"] != "" && start.Parameters["replication"] != "false" {
		fatal(back, "0A000", "there is no replication here", "", "不支持复制连接")
		return nil, errors.New("replication client")
	}
	user := start.Parameters["user"]
	who, err := s.authenticate(ctx, back, user, clientAddr(conn), secure)
	if err != nil {
		return nil, err
	}
	if db := start.Parameters["database"]; db != "" && db != s.cfg.Database && db != user && db != "postgres" {
		// After authentication: which databases there are is nobody else's business.
		fatal(back, "3D000", "there is no such database", "Try: dbname="+s.cfg.Database, "没有该数据库,请使用 "+s.cfg.Database)
		return nil, errors.New("another database")
	}
	x := &session{srv: s, conn: w, back: back, who: who, version: start.ProtocolVersion, client: clientName(start.Parameters["application_name"], clientAddr(conn)),
		prepared: map[string]*prepared{}, portals: map[string]*portal{}, status: 'I', settings: map[string]string{}}
	x.settings["application_name"] = start.Parameters["application_name"]
	x.startupOptions(start.Parameters["options"])
	back.SetMaxBodyLen(s.cfg.MaxMessage)
	if err := s.register(x); err != nil {
		return nil, err
	}
	back.Send(&pgproto3.AuthenticationOk{})
	for _, p := range [][2]string{{"server_version", pgcatalog.ServerVersion}, {"server_encoding", "UTF8"}, {"client_encoding", "UTF8"}, {"DateStyle", "ISO, YMD"}, {"TimeZone", zoneName},
		{"integer_datetimes", "on"}, {"standard_conforming_strings", "on"}, {"IntervalStyle", "postgres"}, {"is_superuser", "off"}, {"session_authorization", user},
		{"default_transaction_read_only", "on"}, {"in_hot_standby", "off"}, {"application_name", start.Parameters["application_name"]}} {
		back.Send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	back.Send(&pgproto3.BackendKeyData{ProcessID: x.pid, SecretKey: x.key})
	back.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := back.Flush(); err != nil {
		s.forget(x)
		return nil, fmt.Errorf("greeting the client: %w", err)
	}
	conn.SetDeadline(time.Time{})
	return x, nil
}

// authenticate runs SASL (RFC 5802, RFC 7677; PostgreSQL 15, section 55.3.1), with channel binding to the certificate where
// the client wants it.
func (s *Server) authenticate(ctx context.Context, back *pgproto3.Backend, user, addr string, conn *tls.Conn) (query.Principal, error) {
	var none query.Principal
	back.SetMaxBodyLen(maxGreeting)
	binding := s.binding(conn)
	mechanisms := []string{"SCRAM-SHA-256"}
	if binding.IsSupported() {
		mechanisms = []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}
	}
	back.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
	if err := back.Flush(); err != nil {
		return none, err
	}
	back.SetAuthType(pgproto3.AuthTypeSASL)
	msg, err := back.Receive()
	if err != nil {
		return none, fmt.Errorf("reading the SASL answer: %w", err)
	}
	first, ok := msg.(*pgproto3.SASLInitialResponse)
	if !ok {
		fatal(back, "08P01", "a SASL answer was expected", "", "协议错误")
		return none, errors.New("no SASL answer")
	}
	if first.AuthMechanism == "SCRAM-SHA-256" {
		// A client that could bind and says so ("y") would be told of a downgrade by the exchange below.
		if !strings.HasPrefix(string(first.Data), "y") {
			binding = scram.ChannelBinding{}
		}
	} else if first.AuthMechanism != "SCRAM-SHA-256-PLUS" || !binding.IsSupported() || !strings.HasPrefix(string(first.Data), "p=") {
		fatal(back, "28000", "the client chose a mechanism that was not offered", "", "认证方式不支持")
		return none, errors.New("mechanism not offered")
	}
	exchange, err := s.dir.SCRAM(ctx, user, identity.From{Address: addr, Surface: query.PGWire}, binding)
	if err != nil {
		return none, s.refuse(back, err)
	}
	in := string(first.Data)
	for {
		out, err := exchange.Step(in)
		if err != nil || exchange.Done() {
			who, failure := exchange.Finish(ctx)
			if err == nil && failure == nil {
				back.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte(out)})
				return who, nil
			}
			return none, s.refuse(back, errors.Join(failure, err))
		}
		back.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(out)})
		if err := back.Flush(); err != nil {
			exchange.Finish(ctx)
			return none, err
		}
		back.SetAuthType(pgproto3.AuthTypeSASLContinue)
		msg, err := back.Receive()
		if err != nil {
			exchange.Finish(ctx)
			return none, fmt.Errorf("reading the SASL answer: %w", err)
		}
		next, ok := msg.(*pgproto3.SASLResponse)
		if !ok {
			exchange.Finish(ctx)
			fatal(back, "08P01", "a SASL answer was expected", "", "协议错误")
			return none, errors.New("no SASL answer")
		}
		in = string(next.Data)
	}
}

// refuse tells the client no more than that it did not work.
func (s *Server) refuse(back *pgproto3.Backend, err error) error {
	var q *query.Error
	if !errors.As(err, &q) {
		q = &query.Error{Code: query.Unauthenticated, Message: "user name or password is wrong", ZH: "用户名或口令错误"}
	}
	fatal(back, q.SQLState(), q.Message, q.Hint, q.ZH)
	return fmt.Errorf("authenticating: %w", err)
}

// binding is the channel binding to our own certificate (RFC 5929, tls-server-end-point), none where it cannot be made.
func (s *Server) binding(conn *tls.Conn) scram.ChannelBinding {
	if len(s.cfg.TLS.Certificates) != 1 {
		return scram.ChannelBinding{}
	}
	leaf := s.cfg.TLS.Certificates[0].Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(s.cfg.TLS.Certificates[0].Certificate[0]); err != nil {
			return scram.ChannelBinding{}
		}
	}
	// The library reads the server's certificate from the client's view of a connection.
	state := conn.ConnectionState()
	state.PeerCertificates = []*x509.Certificate{leaf}
	b, err := scram.NewTLSServerEndpointBinding(&state)
	if err != nil {
		return scram.ChannelBinding{}
	}
	return b
}

// fatal ends a connection with an error message.
func fatal(back *pgproto3.Backend, state, message, hint, zh string) {
	back.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: state, Message: message, Detail: zh, Hint: hint})
	back.Flush()
}

func clientAddr(c net.Conn) string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}

// clientName is what the audit shows of a client; it is its own claim.
func clientName(app, addr string) string {
	app = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, app)
	if len(app) > 64 {
		app = app[:64]
	}
	if app == "" {
		return addr
	}
	return app + "@" + addr
}
