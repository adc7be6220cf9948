package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"onegrid/query"
	"onegrid/query/worker/wire"
)

func frame(t testing.TB, kind wire.Kind, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.NewWriter(&b).Send(kind, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFramesSurviveAnySplit(t *testing.T) {
	want := wire.Ask{Seq: 7, SQL: []byte("SELECT '\xff'"), MaxRows: 5, Deadline: time.Second}
	b := append(frame(t, wire.KindAsk, want), frame(t, wire.KindCancel, wire.Cancel{Seq: 7})...)
	r := wire.NewReader(iotest.OneByteReader(bytes.NewReader(b)))
	kind, payload, err := r.Next()
	if err != nil || kind != wire.KindAsk {
		t.Fatal(kind, err)
	}
	var got wire.Ask
	if err := wire.Decode(payload, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d) // the broken byte included
	}
	if kind, _, err := r.Next(); err != nil || kind != wire.KindCancel {
		t.Fatal(kind, err)
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("%v", err)
	}
}

func TestBadFrames(t *testing.T) {
	whole := frame(t, wire.KindCancel, wire.Cancel{Seq: 1})
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut header":  {whole[:3], wire.ErrFrame},
		"cut payload": {whole[:len(whole)-1], wire.ErrFrame},
		"no payload":  {whole[:5], wire.ErrFrame},
		"kind":        {append([]byte{'?'}, whole[1:]...), wire.ErrFrame},
		"control":     {[]byte{'A', 0xff, 0xff, 0xff, 0xff}, wire.ErrTooLong},
		"data":        {[]byte{'D', 1, 0, 0, 1}, wire.ErrTooLong},
	} {
		if _, _, err := wire.NewReader(bytes.NewReader(c.b)).Next(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out bytes.Buffer
	err := wire.NewWriter(&out).Write(wire.KindData, func(w io.Writer) error {
		_, err := w.Write(make([]byte, wire.MaxData+1))
		return err
	})
	if !errors.Is(err, wire.ErrTooLong) || out.Len() != 0 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
}

// A header that claims 16 MB does not take them before they come.
func TestReaderGrowsWithWhatArrives(t *testing.T) {
	head := []byte{'D', 0, 0xff, 0xff, 0xff}
	n := testing.AllocsPerRun(1, func() {
		var b [5]byte
		copy(b[:], head)
		r := wire.NewReader(bytes.NewReader(b[:]))
		if _, _, err := r.Next(); err == nil {
			t.Error("a frame without its payload")
		}
	})
	if n > 20 {
		t.Errorf("%v allocations", n)
	}
}

func TestParams(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.FixedZone("", 8*3600))
	for _, v := range []any{nil, true, int64(math.MaxInt64), int64(math.MinInt64), 0.1, math.Inf(-1), "", "北京", []byte{0, 255}, []byte{}, at} {
		e, err := wire.EncodeParam(query.Param{Value: v, Type: "X"})
		if err != nil {
			t.Fatal(err)
		}
		r := wire.NewReader(bytes.NewReader(frame(t, wire.KindAsk, wire.Ask{Params: []wire.Param{e}})))
		_, payload, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		var a wire.Ask
		if err := wire.Decode(payload, &a); err != nil {
			t.Fatal(err)
		}
		got, err := a.Params[0].Decode()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(query.Param{Value: v, Type: "X"}, got); d != "" {
			t.Error(d)
		}
	}
	for _, v := range []any{1, struct{}{}, "\xff", []string{"a"}} {
		var e *query.Error
		if _, err := wire.EncodeParam(query.Param{Value: v}); !errors.As(err, &e) {
			t.Errorf("%v: %v", v, err)
		}
	}
	if _, err := (wire.Param{Kind: "int", Text: "x"}).Decode(); !errors.Is(err, wire.ErrFrame) {
		t.Error(err)
	}
}

// stream is a small Arrow stream with a dictionary, cut into its messages.
func stream(t testing.TB, opts ...ipc.Option) [][]byte {
	t.Helper()
	mem := memory.NewGoAllocator()
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "d", Type: dict}}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i := range 1000 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		if err := b.Field(1).(*array.BinaryDictionaryBuilder).AppendString([]string{"x", "y"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	c := &cutter{}
	w := ipc.NewWriterWithPayloadWriter(c, append(opts, ipc.WithSchema(schema))...)
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return c.messages
}

type cutter struct{ messages [][]byte }

func (*cutter) Start() error { return nil }
func (*cutter) Close() error { return nil }
func (c *cutter) WritePayload(p ipc.Payload) error {
	var b bytes.Buffer
	_, err := p.WritePayload(&b)
	c.messages = append(c.messages, b.Bytes())
	return err
}

func TestCheckMessage(t *testing.T) {
	messages := stream(t)
	if len(messages) != 3 {
		t.Fatalf("%d messages", len(messages))
	}
	for i, m := range messages {
		if err := wire.CheckMessage(m); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
		for name, bad := range map[string][]byte{
			"shorter": m[:len(m)-8],
			"longer":  append(bytes.Clone(m), make([]byte, 8)...),
			"mark":    append([]byte{0}, m[1:]...),
			"empty":   nil,
			"end":     wire.EndOfStream(),
		} {
			if err := wire.CheckMessage(bad); !errors.Is(err, wire.ErrMessage) {
				t.Errorf("message %d, %s: %v", i, name, err)
			}
		}
		huge := bytes.Clone(m)
		binary.LittleEndian.PutUint32(huge[4:], math.MaxInt32)
		if err := wire.CheckMessage(huge); !errors.Is(err, wire.ErrMessage) {
			t.Errorf("message %d with huge metadata: %v", i, err)
		}
	}
	for _, m := range stream(t, ipc.WithZstd())[1:] {
		if err := wire.CheckMessage(m); !errors.Is(err, wire.ErrMessage) {
			t.Errorf("compressed: %v", err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(frame(f, wire.KindAsk, wire.Ask{SQL: []byte("SELECT 1")}))
	f.Add(frame(f, wire.KindFailed, wire.Failed{Code: query.Timeout}))
	f.Add([]byte{'D', 0, 0, 0, 3, 1, 2, 3})
	f.Add([]byte{'A', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(bytes.NewReader(b))
		var read int
		for {
			kind, payload, err := r.Next()
			if err != nil {
				return
			}
			if read += len(payload) + 5; read > len(b) {
				t.Fatalf("%d bytes out of %d", read, len(b))
			}
			switch kind {
			case wire.KindAsk:
				var a wire.Ask
				if wire.Decode(payload, &a) == nil {
					for _, p := range a.Params {
						_, _ = p.Decode()
					}
				}
			case wire.KindFailed:
				var v wire.Failed
				if wire.Decode(payload, &v) == nil && v.Err() == nil {
					t.Fatal("a failure without an error")
				}
			case wire.KindData:
				_ = wire.CheckMessage(payload)
			}
		}
	})
}

// What CheckMessage lets pass makes a reader take no more memory than it has bytes for.
func FuzzCheckMessage(f *testing.F) {
	messages := stream(f)
	for _, m := range messages {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if wire.CheckMessage(b) != nil {
			return
		}
		r, err := ipc.NewReaderFromMessageReader(ipc.NewMessageReader(io.MultiReader(bytes.NewReader(messages[0]), bytes.NewReader(b)), ipc.WithBodySizeLimit(wire.MaxData), ipc.WithMetadataSizeLimit(wire.MaxData)))
		if err != nil {
			return
		}
		defer r.Release()
		for r.Next() {
			_ = r.RecordBatch().NumRows()
		}
	})
}
