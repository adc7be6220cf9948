package pgwire

import (
	"net"
	"sync"
	"time"
)

// watched is a connection that can be watched for the client's going away while a statement runs. Watching reads one
// byte ahead; Read gives that byte first.
type watched struct {
	net.Conn
	write time.Duration

	mu      sync.Mutex
	ahead   chan peek // not nil while a byte is being read ahead or waits
	onClose func()
}

type peek struct {
	b   byte
	err error
}

// watch calls gone once if the client closes or the connection breaks before unwatch.
func (w *watched) watch(gone func()) {
	w.SetReadDeadline(time.Time{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onClose = gone
	if w.ahead != nil {
		return // still waiting from the last time
	}
	ahead := make(chan peek, 1)
	w.ahead = ahead
	go func() {
		var b [1]byte
		_, err := w.Conn.Read(b[:])
		ahead <- peek{b[0], err}
		if err == nil {
			return
		}
		w.mu.Lock()
		gone := w.onClose
		w.mu.Unlock()
		if gone != nil {
			gone()
		}
	}()
}

func (w *watched) unwatch() {
	w.mu.Lock()
	w.onClose = nil
	w.mu.Unlock()
}

// Read reads the byte read ahead, if there is one, before what follows.
func (w *watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	ahead := w.ahead
	w.mu.Unlock()
	if ahead == nil {
		return w.Conn.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	got := <-ahead
	w.mu.Lock()
	w.ahead = nil
	w.mu.Unlock()
	if got.err != nil {
		return 0, got.err
	}
	p[0] = got.b
	return 1, nil
}

// Write gives a client that does not read a limited time: a worker waits behind it.
func (w *watched) Write(p []byte) (int, error) {
	w.SetWriteDeadline(time.Now().Add(w.write))
	return w.Conn.Write(p)
}
