package pgwire_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query/audit"
)

// A client that takes no answer loses its connection, not everybody's worker.
func TestClientThatNeverReads(t *testing.T) {
	r := open(t, func(o *options) { o.door.Write = time.Second })
	x := r.raw(t, user, password)
	x.Send(q("select a.summary || b.summary || a.event_id || b.event_id, a.*, b.* from event a, event b"))
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	if !eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 1 }) {
		t.Fatal("the statement does not run")
	}
	r.idle(t)
	_ = x.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, x.conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("its connection is still open")
	}
	for _, rec := range r.records(t) {
		if rec.Kind == audit.KindEnd && rec.Class == "ok" {
			t.Errorf("the audit log says that it was answered: %+v", rec)
		}
	}
}

// A client that goes away while its statement runs frees the worker at once.
func TestClientThatGoesAway(t *testing.T) {
	r := open(t)
	x := r.raw(t, user, password)
	x.Send(q(bomb))
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	if !eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 1 }) {
		t.Fatal("the statement does not run")
	}
	began := time.Now()
	_ = x.conn.Close()
	r.idle(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it ran on for %v", took)
	}
}

// Stopping ends idle sessions at once and lets a running statement finish within the grace time.
func TestStop(t *testing.T) {
	r := open(t)
	idle, busy := r.raw(t, user, password), r.raw(t, other, secret2)
	busy.ask(1, q("set statement_timeout = '1s'"))
	busy.Send(q(bomb))
	if err := busy.Flush(); err != nil {
		t.Fatal(err)
	}
	if !eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 1 }) {
		t.Fatal("the statement does not run")
	}
	stopped := make(chan error, 1)
	began := time.Now()
	go func() {
		ctx, end := context.WithTimeout(context.Background(), 20*time.Second)
		defer end()
		stopped <- r.srv.Stop(ctx)
	}()
	msg, err := idle.Receive()
	if e, ok := msg.(*pgproto3.ErrorResponse); !ok || e.Code != "57P01" {
		t.Errorf("the idle session: %+v, %v", msg, err)
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("the idle session ended after %v", took)
	}
	if got := busy.ask(1); !strings.Contains(got, "57014") {
		t.Errorf("the running statement: %s", got)
	}
	if msg, err := busy.Receive(); !isType[*pgproto3.ErrorResponse](msg) {
		t.Errorf("afterwards: %+v, %v", msg, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", net.JoinHostPort(r.host, r.port), time.Second); err == nil {
		t.Error("the door still listens")
	}
}

// When the grace time is over, what runs is ended.
func TestStopHard(t *testing.T) {
	r := open(t)
	x := r.raw(t, user, password)
	x.Send(q(bomb))
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	if !eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 1 }) {
		t.Fatal("the statement does not run")
	}
	began := time.Now()
	r.stop(t, 300*time.Millisecond)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	r.idle(t)
}

// Random bytes after the login end a session at worst.
func TestNoiseAfterTheLogin(t *testing.T) {
	r := open(t)
	random := rand.New(rand.NewPCG(7, 7))
	for range 30 {
		x := r.raw(t, user, password)
		b := make([]byte, 1+random.IntN(300))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		_, _ = x.conn.Write(b) // it may be closed already
		if c, ok := x.conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
		if _, err := io.Copy(io.Discard, x.conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("hangs after %x", b)
		}
	}
	if s := r.out.String(); strings.Contains(s, "panic") {
		t.Errorf("%s", s)
	}
}
