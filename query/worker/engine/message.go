package engine

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

const (
	// messageGoal is the size in bytes that a message with rows should stay below; chunks of the engine are 2,048 rows.
	messageGoal = 4 << 20
	// messageMost is the size of the largest message, for a row that is long by itself.
	messageMost = 12 << 20
)

// payloads hands each message to the sink.
type payloads struct {
	sink  Sink
	full  bool  // the sink takes no more
	muted bool  // the answer failed: nothing further is sent
	err   error // of the sink
}

var _ ipc.PayloadWriter = (*payloads)(nil)

func (*payloads) Start() error { return nil }
func (*payloads) Close() error { return nil }

func (p *payloads) WritePayload(m ipc.Payload) error {
	if p.full || p.muted || p.err != nil {
		return p.err
	}
	ok, err := p.sink.Message(func(w io.Writer) error {
		_, err := m.WritePayload(&bounded{w: w, left: messageMost})
		return err
	})
	p.full, p.err = !ok, err
	return err
}

// bounded fails a message that gets too long before it fills the memory.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, ErrRowTooLong
	}
	return b.w.Write(p)
}

// piece is how many rows from at on fit into goal bytes; at least one.
func piece(rec arrow.RecordBatch, at, goal int64) int64 {
	rows := rec.NumRows()
	left := rows - at
	// Columns of text are measured; what others need per row is taken from the whole batch.
	var even int64
	for _, c := range rec.Columns() {
		if _, ok := offsets(c); !ok {
			even += arraySize(c.Data())
		}
	}
	even = even/max(rows, 1) + 1
	for n := left; n > 1; n = (n + 1) / 2 {
		size := even * n
		for _, c := range rec.Columns() {
			if off, ok := offsets(c); ok {
				size += off(int(at+n)) - off(int(at)) + 4*n
			}
		}
		if size <= goal {
			return n
		}
	}
	return 1
}

// arraySize is the bytes of all buffers of a column.
func arraySize(d arrow.ArrayData) int64 {
	var n int64
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range d.Children() {
		n += arraySize(c)
	}
	return n
}

// offsets tells where the values of a column of text or bytes begin.
func offsets(c arrow.Array) (func(int) int64, bool) {
	switch a := c.(type) {
	case *array.String:
		return func(i int) int64 {
			return valueEnd(a.Len(), i, func(j int) int64 { return int64(a.ValueOffset(j)) }, a.ValueLen)
		}, true
	case *array.Binary:
		return func(i int) int64 { return valueEnd(a.Len(), i, a.ValueOffset64, a.ValueLen) }, true
	}
	return nil, false
}

// valueEnd is the offset of value i, or the end of the last one for i = n: the arrays do not give the last offset away.
func valueEnd(n, i int, offset func(int) int64, length func(int) int) int64 {
	if i < n {
		return offset(i)
	}
	if n == 0 {
		return 0
	}
	return offset(n-1) + int64(length(n-1))
}

// tooLong tells whether a single row was too large.
func tooLong(err error) error {
	if errors.Is(err, ErrRowTooLong) {
		return fmt.Errorf("%w (%d MiB)", ErrRowTooLong, messageMost>>20)
	}
	return err
}
