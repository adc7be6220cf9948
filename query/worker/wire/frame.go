package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Kind says what a frame holds.
type Kind byte

// Kinds of the parent, then of the worker.
const (
	KindSpec   Kind = 'S' // Spec
	KindAsk    Kind = 'A' // Ask
	KindCancel Kind = 'C' // Cancel

	KindHello    Kind = 'H' // Hello
	KindDecision Kind = 'G' // Decision
	KindColumns  Kind = 'K' // Columns
	KindData     Kind = 'D' // one Arrow IPC message
	KindEnd      Kind = 'E' // End
	KindShape    Kind = 'P' // Shape
	KindFailed   Kind = 'F' // Failed
)

const (
	headerSize = 5
	// MaxControl is the longest control frame: an SQL text and its parameters, or the names of a catalog.
	MaxControl = 8 << 20
	// MaxData is the longest Data frame, and so the largest Arrow message.
	MaxData = 16 << 20
)

func limit(k Kind) (int, bool) {
	switch k {
	case KindData:
		return MaxData, true
	case KindSpec, KindAsk, KindCancel, KindHello, KindDecision, KindColumns, KindEnd, KindShape, KindFailed:
		return MaxControl, true
	}
	return 0, false
}

// Reader reads frames. It is for one goroutine.
type Reader struct {
	r    io.Reader
	head [headerSize]byte
	buf  []byte
}

// NewReader reads frames from r, which should be buffered if reads are dear.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next frame; the payload is valid until the next call. It returns io.EOF only between two frames.
func (r *Reader) Next() (Kind, []byte, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil, fmt.Errorf("%w: cut within its header", ErrFrame)
		}
		return 0, nil, err
	}
	kind := Kind(r.head[0])
	most, ok := limit(kind)
	if !ok {
		return 0, nil, fmt.Errorf("%w: unknown kind %d", ErrFrame, r.head[0])
	}
	n := int64(binary.BigEndian.Uint32(r.head[1:]))
	if n > int64(most) {
		return 0, nil, fmt.Errorf("%w: kind %c, %d bytes", ErrTooLong, kind, n)
	}
	// The buffer grows with what arrives, not with what a header claims.
	r.buf = r.buf[:0]
	for int64(len(r.buf)) < n {
		step := min(n-int64(len(r.buf)), max(64<<10, int64(cap(r.buf)-len(r.buf))))
		at := len(r.buf)
		r.buf = append(r.buf, make([]byte, step)...)
		if _, err := io.ReadFull(r.r, r.buf[at:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return 0, nil, fmt.Errorf("%w: cut after %d of %d bytes", ErrFrame, at, n)
			}
			return 0, nil, err
		}
	}
	return kind, r.buf, nil
}

// Writer writes frames, each with one call of the underlying writer. It is safe for concurrent use.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// NewWriter writes frames to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Send writes a control frame.
func (w *Writer) Send(kind Kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a frame of kind %c: %w", kind, err)
	}
	return w.Write(kind, func(out io.Writer) error {
		_, err := out.Write(body)
		return err
	})
}

// Write writes a frame whose payload fill produces. Nothing is sent when fill fails or the frame is too long.
func (w *Writer) Write(kind Kind, fill func(io.Writer) error) error {
	most, ok := limit(kind)
	if !ok {
		return fmt.Errorf("%w: unknown kind %d", ErrFrame, kind)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf[:0], byte(kind), 0, 0, 0, 0)
	if err := fill((*appender)(&w.buf)); err != nil {
		return err
	}
	n := len(w.buf) - headerSize
	if n > most {
		w.buf = nil
		return fmt.Errorf("%w: kind %c, %d bytes", ErrTooLong, kind, n)
	}
	binary.BigEndian.PutUint32(w.buf[1:], uint32(n))
	_, err := w.w.Write(w.buf)
	return err
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// Decode reads a control frame's payload into v.
func Decode(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}
