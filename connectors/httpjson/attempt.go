package httpjson

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// attempts is the transport: it takes a token of the host for every request that goes out (repeats, redirects and token
// requests too) and gives each its own deadline, which lasts until its body is closed.
type attempts struct {
	*http.Transport
	lim   *limiter
	total time.Duration
}

func (a attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := a.lim.wait(req.Context()); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeoutCause(req.Context(), a.total, errSlow)
	ctx, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(nil); stop() }
	resp, err := a.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = because(ctx, err)
		end()
		return nil, err
	}
	resp.Body = &attemptBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, end: end}
	return resp, nil
}

// because prefers the reason why a context ended over the transport's report of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}

type attemptBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	end    func()
}

func (b *attemptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = because(b.ctx, err)
	}
	return n, err
}

func (b *attemptBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
