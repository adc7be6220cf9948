package http

import (
	"net/http"
	"time"
)

// patient writes to a client that may be slow, but not for ever: every part of an answer has the whole time limit. A limit
// for the whole answer, which net/http has, would end a long export over a slow line.
type patient struct {
	http.ResponseWriter
	rc    *http.ResponseController
	limit time.Duration
	wrote bool // a part of the answer is on its way: its status cannot change any more
}

func (p *patient) extend() {
	// A recorder in a test has no deadlines; every connection has.
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.limit))
}

func (p *patient) WriteHeader(status int) {
	p.extend()
	p.wrote = true
	p.ResponseWriter.WriteHeader(status)
}

func (p *patient) Write(b []byte) (int, error) {
	p.extend()
	p.wrote = true
	return p.ResponseWriter.Write(b)
}

// Unwrap lets a http.ResponseController find the writer below.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
