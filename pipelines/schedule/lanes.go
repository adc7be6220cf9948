package schedule

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// patience is how long a run keeps its share of the lane while others wait for one.
const patience = 30 * time.Second

// lanes bound how much runs at one time, such that sources that fail or hang do not delay the others:
//   - sources whose last run failed take at most half of the lane;
//   - a run that takes long while others wait moves to the overtime lane, which is as wide as the first. So even when
//     all upstreams behind one gateway hang at once, the others wait for one patience, not for the run timeout.
//
// At most twice the configured concurrency therefore runs at a time. Memory is bounded elsewhere, by bytes.
type lanes struct {
	main     *semaphore.Weighted
	suspect  *semaphore.Weighted
	overtime *semaphore.Weighted
	waiting  atomic.Int64
}

func newLanes(n int64) *lanes {
	return &lanes{main: semaphore.NewWeighted(n), suspect: semaphore.NewWeighted(max(1, n/2)), overtime: semaphore.NewWeighted(n)}
}

// share is what one run holds.
type share struct {
	l       *lanes
	weight  int64
	suspect bool
	mu      sync.Mutex
	held    *semaphore.Weighted // nil once released
	timer   *time.Timer
}

// acquire waits for a share until ctx ends.
func (l *lanes) acquire(ctx context.Context, weight int64, suspect bool) (*share, error) {
	if suspect {
		if err := l.suspect.Acquire(ctx, 1); err != nil {
			return nil, err
		}
	}
	l.waiting.Add(1)
	err := l.main.Acquire(ctx, weight)
	l.waiting.Add(-1)
	if err != nil {
		if suspect {
			l.suspect.Release(1)
		}
		return nil, err
	}
	sh := &share{l: l, weight: weight, suspect: suspect, held: l.main}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.timer = time.AfterFunc(patience, sh.yield)
	return sh, nil
}

// yield moves a long run to the overtime lane if someone waits and there is room.
func (sh *share) yield() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.held == nil {
		return
	}
	if sh.l.waiting.Load() > 0 && sh.l.overtime.TryAcquire(sh.weight) {
		sh.held.Release(sh.weight)
		sh.held = sh.l.overtime
		return
	}
	sh.timer.Reset(patience)
}

// release gives the share back.
func (sh *share) release() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.timer.Stop()
	sh.held.Release(sh.weight)
	sh.held = nil
	if sh.suspect {
		sh.l.suspect.Release(1)
	}
}
