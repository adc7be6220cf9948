package pgwire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// zoneName is the zone that times are shown in: the law that the events stand under is the city's.
const zoneName = "Asia/Shanghai"

// session is one client that proved who it is. Its loop is the only one to write to the client.
type session struct {
	srv     *Server
	conn    *watched
	back    *pgproto3.Backend
	who     query.Principal
	version uint32
	client  string
	pid     uint32
	key     []byte

	prepared map[string]*prepared
	portals  map[string]*portal
	status   byte // transaction status: I idle, T in a transaction, E failed
	skipping bool // an error of the extended protocol: everything until Sync is ignored
	settings map[string]string
	timeout  time.Duration
	shown    int64 // generation that the client was told of

	mu      sync.Mutex
	running context.CancelFunc // of the running statement
	idle    bool
	ending  bool
}

// loop answers messages until the client ends, breaks off or is silent for too long.
func (x *session) loop() {
	for {
		if !x.waiting() {
			x.fatal("57P01", "the server is stopping", "服务正在停止")
			return
		}
		x.conn.SetReadDeadline(time.Now().Add(x.srv.cfg.Idle))
		msg, err := x.back.Receive()
		if !x.working() {
			x.fatal("57P01", "the server is stopping", "服务正在停止")
			return
		}
		if err != nil {
			x.broken(err)
			return
		}
		if _, ok := msg.(*pgproto3.Terminate); ok {
			return
		}
		x.handle(msg)
		if err := x.flushed(msg); err != nil {
			return
		}
	}
}

// broken tells a client that is still there why its session ends.
func (x *session) broken(err error) {
	var long *pgproto3.ExceededMaxBodyLenErr
	switch {
	case errors.As(err, &long):
		x.fatal("54000", fmt.Sprintf("a message may have %d bytes", x.srv.cfg.MaxMessage), "消息过长")
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.fatal("57P05", "the session was idle for too long", "会话空闲超时")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
	default:
		x.fatal("08P01", "the message is not understood", "协议错误")
	}
}

// flushed sends what is due: the extended protocol collects answers until Sync or Flush.
func (x *session) flushed(msg pgproto3.FrontendMessage) error {
	switch msg.(type) {
	case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Close:
		return nil
	}
	return x.back.Flush()
}

func (x *session) handle(msg pgproto3.FrontendMessage) {
	switch m := msg.(type) {
	case *pgproto3.Query:
		x.skipping = false
		x.closePortals()
		x.simple(m.String)
		x.back.Send(&pgproto3.ReadyForQuery{TxStatus: x.status})
	case *pgproto3.Sync:
		x.skipping = false
		if x.status == 'I' {
			x.closePortals()
		}
		x.back.Send(&pgproto3.ReadyForQuery{TxStatus: x.status})
	case *pgproto3.Flush:
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		// A client may still send these after COPY was refused.
	default:
		if x.skipping {
			return
		}
		if err := x.extended(msg); err != nil {
			x.fail(err)
			x.skipping = true
		}
	}
}

func (x *session) extended(msg pgproto3.FrontendMessage) error {
	switch m := msg.(type) {
	case *pgproto3.Parse:
		return x.parse(m)
	case *pgproto3.Bind:
		return x.bind(m)
	case *pgproto3.Describe:
		return x.describe(m)
	case *pgproto3.Execute:
		return x.execute(m)
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			delete(x.prepared, m.Name)
		} else {
			x.closePortal(m.Name)
		}
		x.back.Send(&pgproto3.CloseComplete{})
		return nil
	default:
		return &query.Error{Code: query.Unsupported, Rule: ruleProtocol, Message: "this protocol message is not supported", ZH: "不支持该协议消息"}
	}
}

// simple runs the statements of a simple query one after the other, up to the first error.
func (x *session) simple(sql string) {
	statements := pgcatalog.Split(sql)
	if len(statements) == 0 {
		x.back.Send(&pgproto3.EmptyQueryResponse{})
		return
	}
	at := 0
	for _, one := range statements {
		at += strings.Index(sql[at:], one)
		if err := x.one(one); err != nil {
			x.fail(moved(err, sql[:at]))
			return
		}
		at += len(one)
	}
}

func (x *session) one(sql string) error {
	if c := x.canned(sql); c != nil {
		rows, tag, err := c.run()
		if err != nil {
			return err
		}
		if c.columns != nil {
			x.back.Send(rowDescription(c.columns, nil))
		}
		for _, r := range rows {
			x.back.Send(&pgproto3.DataRow{Values: r})
		}
		x.back.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
		return nil
	}
	p := &portal{sql: sql}
	if err := x.start(p); err != nil {
		return err
	}
	defer x.finish(p)
	x.back.Send(rowDescription(p.answer.Columns(), nil))
	_, err := x.rows(p, 0)
	return err
}

// fail reports an error and, within a transaction, leaves it failed as PostgreSQL does.
func (x *session) fail(err error) {
	if x.status == 'T' {
		x.status = 'E'
	}
	var q *query.Error
	if !errors.As(err, &q) {
		x.srv.log.Error("a statement failed", "error", err)
		q = &query.Error{Code: query.Internal, Message: "the server met an error of its own", ZH: "服务内部错误"}
	}
	hint := q.Hint
	if q.HintZH != "" {
		hint = strings.TrimPrefix(hint+" | "+q.HintZH, " | ")
	}
	detail := q.ZH
	if q.QueryID != "" {
		detail = strings.TrimPrefix(detail+" (query "+q.QueryID+")", " ")
	}
	x.back.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: stateOf(q), Message: q.Message, Detail: detail, Hint: hint, Position: int32(q.Pos)})
}

func (x *session) fatal(state, message, zh string) { fatal(x.back, state, message, "", zh) }

func (x *session) notice(severity, state, message, hint string) {
	x.back.Send(&pgproto3.NoticeResponse{Severity: severity, SeverityUnlocalized: severity, Code: state, Message: message, Hint: hint})
}

// tell says which generation answered and how fresh its sources are, once per generation, as parameters that any client
// can ask its driver for (invariant 9).
func (x *session) tell(g query.Generation) {
	if g.Number == x.shown {
		return
	}
	x.shown = g.Number
	x.settings["onegrid.generation"] = fmt.Sprintf("%d %s", g.Number, g.Published.In(shanghai).Format(time.RFC3339))
	if b, err := json.Marshal(g.Sources); err == nil {
		x.settings["onegrid.freshness"] = string(b)
	}
	for _, name := range []string{"onegrid.generation", "onegrid.freshness"} {
		x.back.Send(&pgproto3.ParameterStatus{Name: name, Value: x.settings[name]})
	}
}

// waiting and working mark when the session may be ended at once. Both answer false once it should end.
func (x *session) waiting() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.idle = true
	return !x.ending
}

func (x *session) working() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.idle = false
	return !x.ending
}

// endWhenIdle ends the session before its next message.
func (x *session) endWhenIdle() {
	x.mu.Lock()
	x.ending = true
	idle := x.idle
	x.mu.Unlock()
	if idle {
		x.conn.SetReadDeadline(time.Now())
	}
}

// cancelRunning ends the statement that runs now, if any.
func (x *session) cancelRunning() {
	x.mu.Lock()
	cancel := x.running
	x.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

func (x *session) end() {
	x.cancelRunning()
	x.closePortals()
}

func (x *session) closePortals() {
	for name := range x.portals {
		x.closePortal(name)
	}
}

func (x *session) closePortal(name string) {
	if p := x.portals[name]; p != nil {
		x.finish(p)
		delete(x.portals, name)
	}
}
