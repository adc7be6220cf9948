package httpjson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"onegrid/connectors"
)

// errSlow means that the upstream stopped sending or sends too slowly.
var errSlow = errors.New("the answer came too slowly")

// ratioFloor is the size below which no ratio is looked at: small answers of one repeated word are harmless.
const ratioFloor = 1 << 20

// readBody reads an answer to its clean end into buf and unpacks it. A body that is cut, stalls or grows too large is an
// error, so that nothing of it is parsed: a cut chunked body can hold a whole JSON document.
func readBody(resp *http.Response, buf []byte, c Config) ([]byte, error) {
	giveUp := func(error) {}
	if a, ok := resp.Body.(*attemptBody); ok {
		giveUp = a.cancel
	}
	w := watch(resp.Body, c.Timeouts, giveUp)
	defer w.stop()
	src := &limited{limit: c.Limits.ResponseBytes, ratio: c.Limits.Ratio, packed: &w.total}
	var err error
	switch enc := strings.ToLower(resp.Header.Get("Content-Encoding")); enc {
	case "", "identity":
		if resp.ContentLength > c.Limits.ResponseBytes {
			return buf[:0], fmt.Errorf("the answer announces %d bytes, over the limit of %d: %w", resp.ContentLength, c.Limits.ResponseBytes, connectors.ErrLimit)
		}
		src.r, src.ratio = w, 0
		buf = slices.Grow(buf[:0], int(max(0, resp.ContentLength))+512)
		buf, err = appendAll(buf, src)
	case "gzip", "x-gzip":
		buf, err = gunzip(buf[:0], w, src)
	default:
		return buf[:0], fmt.Errorf("content encoding %.20q was not asked for: %w", enc, connectors.ErrDecode)
	}
	if err != nil {
		return buf[:0], fmt.Errorf("reading the answer: %w", err)
	}
	return buf, nil
}

func gunzip(buf []byte, w *watched, src *limited) ([]byte, error) {
	z, err := gzip.NewReader(w)
	if err != nil {
		if errors.Is(err, gzip.ErrHeader) {
			err = fmt.Errorf("not gzip although announced: %w", connectors.ErrDecode)
		}
		return buf, err
	}
	src.r = z
	if buf, err = appendAll(buf, src); err != nil {
		return buf, err
	}
	if err := z.Close(); err != nil {
		return buf, err
	}
	// The packed stream has ended; the connection's own end marker must follow.
	_, err = io.Copy(io.Discard, io.LimitReader(w, 1<<16))
	return buf, err
}

func appendAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, max(64<<10, cap(buf)))
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// limited counts what comes out of the unpacking and stops it at the limits.
type limited struct {
	r      io.Reader
	limit  int64
	ratio  int64
	packed *atomic.Int64
	n      int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.n += int64(n)
	if l.n > l.limit {
		return 0, fmt.Errorf("the answer is larger than %d bytes: %w", l.limit, connectors.ErrLimit)
	}
	if l.ratio > 0 && l.n > ratioFloor && l.n/max(1, l.packed.Load()) > l.ratio {
		return 0, fmt.Errorf("the answer unpacks to more than %d times its size: %w", l.ratio, connectors.ErrLimit)
	}
	return n, err
}

// watched is a body whose reading is given up when too little comes in an interval.
type watched struct {
	r     io.Reader
	total atomic.Int64
	timer *time.Timer
}

func watch(r io.Reader, t Timeouts, cancel context.CancelCauseFunc) *watched {
	w := &watched{r: r}
	want := max(1, int64(float64(t.MinBytes)*t.Idle.Seconds()))
	var last int64
	// The timer's function runs alone: it is the only one to set the timer again.
	ready := make(chan struct{})
	w.timer = time.AfterFunc(t.Idle, func() {
		<-ready
		now := w.total.Load()
		if now-last < want {
			cancel(errSlow)
			return
		}
		last = now
		w.timer.Reset(t.Idle)
	})
	close(ready)
	return w
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.total.Add(int64(n))
	return n, err
}

func (w *watched) stop() { w.timer.Stop() }
