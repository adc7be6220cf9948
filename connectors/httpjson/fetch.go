package httpjson

import (
	"context"
	"fmt"
)

// ahead is the page that is fetched while the one before it is decoded and stored.
type ahead struct {
	of     string
	cancel context.CancelFunc
	done   chan struct{}
	a      *answer
	err    error
}

// fetch gives the page of a window's place, the one fetched ahead if it is that.
func (r *reading) fetch(ctx context.Context, w window) (*answer, error) {
	req, err := r.source.c.pageRequest(w, r.plan, r.zone)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	if p := r.ahead; p != nil && p.of == same(req) {
		select {
		case <-p.done:
		case <-ctx.Done():
		}
		<-p.done // it observes ctx as well
		r.ahead = nil
		p.cancel()
		return p.a, p.err
	}
	r.drop()
	return r.do(ctx, req, r.spare())
}

// prefetch starts to fetch a page. At most one is under way.
func (r *reading) prefetch(ctx context.Context, w window) {
	req, err := r.source.c.pageRequest(w, r.plan, r.zone)
	if err != nil || w.Page >= r.source.c.Paging.MaxPages {
		return // fetch will report it
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &ahead{of: same(req), cancel: cancel, done: make(chan struct{})}
	r.ahead = p
	old := r.spare()
	go func() {
		defer close(p.done)
		p.a, p.err = r.do(ctx, req, old)
	}()
}

// drop ends the fetching ahead and waits for its end.
func (r *reading) drop() {
	if p := r.ahead; p != nil {
		p.cancel()
		<-p.done
		r.ahead = nil
	}
}

// spare is an answer whose space may be used again.
func (r *reading) spare() *answer {
	if n := len(r.free); n > 0 {
		a := r.free[n-1]
		r.free = r.free[:n-1]
		return a
	}
	return &answer{}
}

func same(r request) string { return r.method + " " + r.url.String() + "\n" + string(r.body) }
