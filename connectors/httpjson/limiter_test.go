package httpjson

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPauseHoldsRequestsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		l.pause(7 * time.Second)
		l.pause(time.Second) // a shorter one does not shorten it
		start := time.Now()
		if err := l.wait(t.Context()); err != nil || time.Since(start) != 7*time.Second {
			t.Errorf("waited %v, error %v", time.Since(start), err)
		}
		l.pause(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.wait(ctx); err == nil {
			t.Error("a cancelled wait lets the request out")
		}
	})
}

// TestLowestRateHolds has two sources configure different rates for one host.
func TestLowestRateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		for _, r := range []Rate{{PerSecond: 10, Burst: 1}, {PerSecond: 2, Burst: 1}, {PerSecond: 50, Burst: 5}, {}} {
			l.lower(r)
		}
		start := time.Now()
		for range 5 {
			if err := l.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("five requests took %v, want 2s at two a second", took)
		}
	})
}

func TestBackoff(t *testing.T) {
	c := &call{}
	const base, most = 100 * time.Millisecond, time.Second
	for attempt := range 70 {
		seen := map[time.Duration]bool{}
		for range 20 {
			d := c.backoff(base, most, attempt, nil)
			if bound := min(most, base<<min(attempt, 10)); d <= 0 || d > bound+1 {
				t.Fatalf("attempt %d waits %v, over %v", attempt, d, bound)
			}
			seen[d] = true
		}
		if len(seen) < 2 {
			t.Errorf("attempt %d has no jitter", attempt)
		}
	}
	c.wait = time.Hour
	if d := c.backoff(base, most, 0, nil); d != most {
		t.Errorf("asked for an hour: waits %v, want the cap", d)
	}
	c.atOnce = true
	if d := c.backoff(base, most, 0, nil); d != 0 {
		t.Errorf("new credentials wait %v", d)
	}
}
