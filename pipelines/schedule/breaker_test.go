package schedule_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onegrid/connectors"
	"onegrid/pipelines/schedule"
)

var t0 = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func TestBreakerOpensAfterConsecutiveFailures(t *testing.T) {
	b := schedule.NewBreaker(schedule.BreakerConfig{Failures: 3, Pause: 10 * time.Second, MaxPause: time.Minute})
	down := fmt.Errorf("GET /x: %w", connectors.ErrUnavailable)
	now := t0
	for i := range 2 {
		if !b.Enter(now, false) || b.Record(now, down) {
			t.Fatalf("failure %d changed the phase", i)
		}
	}
	b.Record(now, nil)
	for range 2 { // the success began the count anew
		b.Record(now, down)
	}
	if p := b.State().Phase; p != schedule.Closed {
		t.Fatalf("phase %s after 2 consecutive failures", p)
	}
	if !b.Record(now, down) {
		t.Fatal("the third did not open it")
	}
	st := b.State()
	if st.Phase != schedule.Open || st.Class != "unavailable" || b.Ready(now) || b.Enter(now, false) {
		t.Fatalf("state %+v", st)
	}
	now = st.RetryAt
	if !b.Enter(now, false) || b.Enter(now, false) || b.Enter(now, true) || b.Ready(now) {
		t.Fatal("half-open lets through exactly one run")
	}
	b.Record(now, down)
	if st = b.State(); st.Phase != schedule.Open || !st.RetryAt.After(now) {
		t.Fatalf("a failed probe opens it again: %+v", st)
	}
	if !b.Enter(now, true) {
		t.Fatal("a person's trigger does not wait for the pause")
	}
	if !b.Record(now, nil) || b.State().Phase != schedule.Closed || b.State().Failures != 0 {
		t.Fatalf("a good probe closes it: %+v", b.State())
	}
}

func TestBreakerPauses(t *testing.T) {
	cfg := schedule.BreakerConfig{Failures: 1, Pause: 10 * time.Second, MaxPause: time.Minute, MaxRetryAfter: 10 * time.Minute, AuthPause: 30 * time.Minute, MaxAuthPause: 2 * time.Hour}
	pauses := func(err error, n int) []time.Duration {
		b := schedule.NewBreaker(cfg)
		var out []time.Duration
		now := t0
		for range n {
			b.Enter(now, false)
			b.Record(now, err)
			out = append(out, b.State().RetryAt.Sub(now))
			now = b.State().RetryAt
		}
		return out
	}
	t.Run("full jitter grows to the cap", func(t *testing.T) {
		limits := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute, time.Minute}
		distinct := map[time.Duration]bool{}
		above := false
		for range 200 {
			for i, p := range pauses(connectors.ErrUnavailable, len(limits)) {
				if p < time.Second || p > limits[i] {
					t.Fatalf("pause %d is %v, want 1s to %v", i, p, limits[i])
				}
				distinct[p] = true
				above = above || p > 40*time.Second
			}
		}
		if len(distinct) < 500 || !above {
			t.Fatalf("%d distinct pauses, above 40s: %v: no full jitter", len(distinct), above)
		}
	})
	t.Run("refused credentials open at once and wait long", func(t *testing.T) {
		c := cfg
		c.Failures = 5
		b := schedule.NewBreaker(c)
		if !b.Record(t0, fmt.Errorf("login: %w", connectors.ErrAuth)) || b.State().Phase != schedule.Open {
			t.Fatalf("%+v", b.State())
		}
		want := []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 2 * time.Hour}
		if d := cmp.Diff(want, pauses(connectors.ErrAuth, 4)); d != "" {
			t.Fatal(d)
		}
	})
	t.Run("Retry-After is honoured with a cap", func(t *testing.T) {
		for ask, want := range map[time.Duration]time.Duration{42 * time.Second: 42 * time.Second, 24 * time.Hour: 10 * time.Minute} {
			err := fmt.Errorf("reading: %w", &connectors.Error{Op: "GET /x", Err: connectors.ErrThrottled, RetryAfter: ask})
			if got := pauses(err, 1)[0]; got != want {
				t.Errorf("asked %v: pause %v, want %v", ask, got, want)
			}
		}
	})
	t.Run("an unreadable answer waits for the next slot", func(t *testing.T) {
		c := cfg
		c.Failures = 2
		b := schedule.NewBreaker(c)
		b.Record(t0, connectors.ErrDecode)
		if st := b.State(); !st.RetryAt.IsZero() || st.Phase != schedule.Closed {
			t.Fatalf("%+v", st)
		}
		b.Record(t0, connectors.ErrDecode)
		if st := b.State(); st.RetryAt.IsZero() || st.Phase != schedule.Open {
			t.Fatalf("%+v", st)
		}
	})
}

func TestBreakerStateSurvivesARestart(t *testing.T) {
	b := schedule.NewBreaker(schedule.BreakerConfig{})
	// The text of an error may be anything; the stored state holds a class only.
	b.Record(t0, fmt.Errorf("account sync-reader refused: %w", connectors.ErrAuth))
	raw, err := json.Marshal(b.State())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "sync-reader") {
		t.Fatalf("the state quotes the error: %s", raw)
	}
	var st schedule.BreakerState
	if err := json.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	again := schedule.NewBreaker(schedule.BreakerConfig{})
	again.Restore(st, t0.Add(time.Minute))
	if d := cmp.Diff(b.State(), again.State()); d != "" {
		t.Fatal(d)
	}
	if again.Enter(t0.Add(time.Minute), false) {
		t.Fatal("the pause did not outlive the restart")
	}
	t.Run("a pause from a wrong clock is cut", func(t *testing.T) {
		again.Restore(schedule.BreakerState{Phase: schedule.Open, RetryAt: t0.AddDate(10, 0, 0)}, t0)
		if got := again.State().RetryAt.Sub(t0); got != 24*time.Hour {
			t.Fatalf("retry in %v", got)
		}
	})
	t.Run("a probe cut off by the restart is made again", func(t *testing.T) {
		again.Restore(schedule.BreakerState{Phase: schedule.HalfOpen}, t0)
		if !again.Enter(t0, false) || again.State().Phase != schedule.HalfOpen {
			t.Fatalf("%+v", again.State())
		}
	})
	t.Run("an unknown phase is a closed breaker", func(t *testing.T) {
		again.Restore(schedule.BreakerState{Phase: "molten"}, t0)
		if again.State().Phase != schedule.Closed {
			t.Fatalf("%+v", again.State())
		}
	})
}

func TestClassify(t *testing.T) {
	for err, want := range map[error]string{
		connectors.ErrAuth: "auth", connectors.ErrThrottled: "throttled", connectors.ErrUnavailable: "unavailable",
		connectors.ErrDecode: "decode", connectors.ErrLimit: "limit", connectors.ErrCheckpoint: "checkpoint",
		connectors.ErrDrift: "drift", schedule.ErrRunTimeout: "timeout", errors.New("x"): "other",
	} {
		if got := schedule.Classify(fmt.Errorf("running: %w", err)); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
