package child

import (
	"context"
	"sync"
	"time"
)

// running is the statement that runs now, if any.
type running struct {
	mu  sync.Mutex
	seq uint64 // 0 for none
	end context.CancelCauseFunc
	// early is a cancel that arrived before its statement: both ends send at their own pace.
	early uint64
}

// begin returns the context of a statement; end must be called when it is over.
func (r *running) begin(seq uint64, deadline time.Duration) (ctx context.Context, end func()) {
	limited, stop := context.WithTimeoutCause(context.Background(), deadline, errDeadline)
	ctx, cancel := context.WithCancelCause(limited)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq, r.end = seq, cancel
	if r.early == seq {
		cancel(errCancelled)
	}
	return ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seq, r.end = 0, nil
		cancel(nil)
		stop()
	}
}

// cancel ends the statement with that number.
func (r *running) cancel(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.early = seq
	if r.seq == seq && r.end != nil {
		r.end(errCancelled)
	}
}
