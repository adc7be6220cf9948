package front

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// idle is after how long without a statement a user's state is forgotten; the bucket is full again long before.
const idle = 10 * time.Minute

// turnstile lets a user run a few statements at a time, the others in order of arrival, and not too many a second.
type turnstile struct {
	cfg Config
	mu  sync.Mutex
	all map[string]*visitor
	hit time.Time // of the last clean-up
}

type visitor struct {
	bucket  *rate.Limiter
	running int
	waiting list.List // of chan struct{}, oldest first
	refused int64     // by the bucket, since the last that was let in
	last    time.Time
}

func newTurnstile(cfg Config) *turnstile { return &turnstile{cfg: cfg, all: map[string]*visitor{}} }

func (t *turnstile) of(user string) *visitor {
	now := time.Now()
	if now.Sub(t.hit) > idle {
		t.hit = now
		for name, v := range t.all {
			if v.running == 0 && v.waiting.Len() == 0 && now.Sub(v.last) > idle {
				delete(t.all, name)
			}
		}
	}
	v := t.all[user]
	if v == nil {
		v = &visitor{bucket: rate.NewLimiter(rate.Limit(t.cfg.Rate), t.cfg.Burst)}
		t.all[user] = v
	}
	v.last = now
	return v
}

// admit takes one from the user's bucket. When it is empty, report is the number of refusals to record: the 1st, 2nd, 4th,
// 8th, ... in a row, 0 for the others.
func (t *turnstile) admit(user string) (ok bool, report int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.of(user)
	if v.bucket.Allow() {
		v.refused = 0
		return true, 0
	}
	v.refused++
	if v.refused&(v.refused-1) == 0 {
		return false, v.refused
	}
	return false, 0
}

// enter waits until the user may run one more. leave must be called once when err is nil.
func (t *turnstile) enter(ctx context.Context, user string, limit time.Duration) (leave func(), err error) {
	t.mu.Lock()
	v := t.of(user)
	if v.running < t.cfg.Concurrent && v.waiting.Len() == 0 {
		v.running++
		t.mu.Unlock()
		return t.leaver(v), nil
	}
	if v.waiting.Len() >= t.cfg.Waiting {
		t.mu.Unlock()
		return nil, errQueue(t.cfg.Concurrent)
	}
	turn := make(chan struct{})
	place := v.waiting.PushBack(turn)
	t.mu.Unlock()

	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-turn:
		return t.leaver(v), nil
	case <-ctx.Done():
		err = errGone()
	case <-timer.C:
		err = errWaited()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-turn: // called and gone at the same time: the next one takes the place
		t.next(v)
	default:
		v.waiting.Remove(place)
	}
	return nil, err
}

func (t *turnstile) leaver(v *visitor) func() {
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.next(v)
	})
}

// next gives a place that has become free to the first who waits.
func (t *turnstile) next(v *visitor) {
	v.last = time.Now()
	if first := v.waiting.Front(); first != nil {
		close(v.waiting.Remove(first).(chan struct{}))
		return
	}
	v.running--
}
