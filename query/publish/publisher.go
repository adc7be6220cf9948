package publish

import (
	"context"
	"errors"
)

// Publisher keeps the snapshots of all scopes up to date. One process publishes into a folder at a time.
type Publisher struct {
	opts   Options
	notify chan struct{}
}

// Open takes the snapshot folder and repairs what an earlier process left behind. It returns ErrBusy while another
// process has the folder.
func Open(ctx context.Context, opts Options) (*Publisher, error) {
	return &Publisher{opts: opts, notify: make(chan struct{}, 1)}, nil
}

// Publish publishes what changed, once. Nothing changed is no error and no new generation.
func (p *Publisher) Publish(ctx context.Context) (Report, error) {
	return Report{}, errors.ErrUnsupported
}

// Run publishes until ctx ends. It is the function of a service.New: ready is called once the folder is in order.
func (p *Publisher) Run(ctx context.Context, ready func()) error { return errors.ErrUnsupported }

// Notify says that something was committed; it never blocks.
func (p *Publisher) Notify() {
	select {
	case p.notify <- struct{}{}:
	default:
	}
}

// Status tells how the publisher fares.
func (p *Publisher) Status() Status { return Status{} }

// Close gives the folder back.
func (p *Publisher) Close() error { return nil }
