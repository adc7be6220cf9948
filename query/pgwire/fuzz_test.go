package pgwire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query"
	"onegrid/query/pgcatalog"
	"onegrid/query/worker/wire"
)

// noAnswers refuses everything: what is fuzzed is the protocol in front of it.
type noAnswers struct{}

func (noAnswers) Run(context.Context, query.Principal, query.Request) (query.Answer, error) {
	return nil, &query.Error{Code: query.Denied, Message: "no", ZH: "否"}
}

func (noAnswers) Describe(context.Context, query.Principal, query.Request) (query.Shape, error) {
	return query.Shape{Columns: []query.Column{{Name: "a", Type: "INTEGER"}}, Params: []string{"INTEGER", ""}}, nil
}

// FuzzSession gives raw bytes to a session behind its login: it ends or waits for more, and never panics.
func FuzzSession(f *testing.F) {
	seed := func(ms ...pgproto3.FrontendMessage) {
		var b []byte
		for _, m := range ms {
			var err error
			if b, err = m.Encode(b); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b)
	}
	seed(&pgproto3.Query{String: "select 1; begin; show all; set a.b = 1"}, &pgproto3.Terminate{})
	seed(&pgproto3.Parse{Name: "a", Query: "select $1", ParameterOIDs: []uint32{23}}, &pgproto3.Describe{ObjectType: 'S', Name: "a"}, &pgproto3.Bind{PreparedStatement: "a", Parameters: [][]byte{{0, 0, 0, 1}}, ParameterFormatCodes: []int16{1}},
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Close{ObjectType: 'P'}, &pgproto3.Sync{})
	seed(&pgproto3.Bind{}, &pgproto3.Sync{}, &pgproto3.Flush{}, &pgproto3.CopyData{}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{}, &pgproto3.FunctionCall{})
	f.Add([]byte{'Q', 0, 0, 0, 4})
	f.Add([]byte{'Q', 0, 0, 0, 0})
	f.Add([]byte{'P', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		srv := &Server{cfg: Defaults(), run: noAnswers{}, log: slog.New(slog.DiscardHandler), base: t.Context()}
		here, there := net.Pipe()
		defer there.Close()
		w := &watched{Conn: here, write: time.Second}
		x := &session{srv: srv, conn: w, back: pgproto3.NewBackend(w, w), prepared: map[string]*prepared{}, portals: map[string]*portal{}, status: 'I', settings: map[string]string{}}
		x.back.SetMaxBodyLen(1 << 16)
		ended := make(chan any, 1)
		go func() {
			defer func() { here.Close(); ended <- recover() }()
			x.loop()
			x.end()
		}()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		_ = there.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := there.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("it does not read on")
		}
		there.Close()
		select {
		case p := <-ended:
			if p != nil {
				t.Fatalf("panic: %v", p)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it does not end")
		}
	})
}

// FuzzDecodeParam: whatever a client binds becomes a value that a worker takes, or an error.
func FuzzDecodeParam(f *testing.F) {
	for _, oid := range []uint32{0, 16, 17, 20, 21, 23, 25, 114, 700, 701, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 1000, 1007, 1009, 1016, 1115, 1182, 1185, 1187, 1231, 2951, 3802, 99999} {
		f.Add([]byte{0, 0, 0, 1}, oid, true)
		f.Add([]byte("{1,\"a\\\"b\",NULL}"), oid, false)
		f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7}, oid, true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, oid uint32, binary bool) {
		p, err := decodeParam(raw, oid, binary)
		if err != nil {
			var q *query.Error
			if !errors.As(err, &q) || q.ZH == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		if _, err := wire.EncodeParam(p); err != nil {
			t.Fatalf("%T of type %d: %v", p.Value, oid, err)
		}
		if s, ok := p.Value.(string); ok && !utf8.ValidString(s) {
			t.Fatalf("%q", s)
		}
	})
}

func TestFloats(t *testing.T) {
	for want, f := range map[string]float64{"0": 0, "-0": math.Copysign(0, -1), "1.5": 1.5, "1769904000": 1769904000, "100000000000000": 1e14, "1e+15": 1e15, "0.0001": 1e-4, "1e-05": 1e-5, "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "1.7976931348623157e+308": math.MaxFloat64} {
		if got := string(appendFloat(nil, f, 64)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for want, f := range map[string]float32{"100000": 1e5, "1e+06": 1e6, "0.1": 0.1} {
		if got := string(appendFloat([]byte("x"), float64(f), 32)); got != "x"+want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestIntervals(t *testing.T) {
	for want, v := range map[string]arrow.MonthDayNanoInterval{"00:00:00": {}, "1 year 2 mons": {Months: 14}, "-1 years": {Months: -12}, "1 day -00:00:01.5": {Days: 1, Nanoseconds: -1_500_000_000}, "25:00:00": {Nanoseconds: 25 * 3600 * 1e9}, "-3 days": {Days: -3}} {
		if got := string(appendInterval(nil, v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestYearsBeforeOne(t *testing.T) {
	if got := string(appendTime(nil, time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC), time.DateOnly)); got != "0044-03-15 BC" {
		t.Error(got)
	}
	if pgcatalog.OIDDate != 1082 || infinite(math.MaxInt64, math.MaxInt64) != "infinity" || infinite(-math.MaxInt64, math.MaxInt64) != "-infinity" || infinite(0, math.MaxInt64) != "" {
		t.Error("infinity")
	}
}
