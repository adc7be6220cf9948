package schedule

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"onegrid/connectors"
)

// Phase of a breaker.
type Phase string

// Phases: closed lets runs through, open stops them, half_open lets exactly one through.
const (
	Closed   Phase = "closed"
	Open     Phase = "open"
	HalfOpen Phase = "half_open"
)

// BreakerConfig are the limits of a breaker; a zero field means its default.
type BreakerConfig struct {
	Failures      int           `yaml:"failures"`        // consecutive failures that open it; 5
	Pause         time.Duration `yaml:"pause"`           // first pause, doubled per failure, full jitter; 10s
	MaxPause      time.Duration `yaml:"max_pause"`       // 15m
	MaxRetryAfter time.Duration `yaml:"max_retry_after"` // most of an upstream's Retry-After that is honoured; 1h
	AuthPause     time.Duration `yaml:"auth_pause"`      // first pause after refused credentials, doubled; 30m
	MaxAuthPause  time.Duration `yaml:"max_auth_pause"`  // 24h
}

func (c BreakerConfig) defaults() BreakerConfig {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if c.Failures <= 0 {
		c.Failures = 5
	}
	set(&c.Pause, 10*time.Second)
	set(&c.MaxPause, 15*time.Minute)
	set(&c.MaxRetryAfter, time.Hour)
	set(&c.AuthPause, 30*time.Minute)
	set(&c.MaxAuthPause, 24*time.Hour)
	return c
}

// longest is the longest pause that the configuration can lead to.
func (c BreakerConfig) longest() time.Duration {
	return max(c.MaxPause, c.MaxRetryAfter, c.MaxAuthPause)
}

// BreakerState is a breaker as it is stored, JSON by its tags. It carries a class, never an error text.
type BreakerState struct {
	Phase    Phase     `json:"phase"`
	Failures int       `json:"failures"`          // consecutive
	Auth     int       `json:"auth,omitempty"`    // consecutive refusals of the credentials
	Class    string    `json:"class,omitempty"`   // of the last failure, see Classify
	Since    time.Time `json:"since,omitzero"`    // of the phase
	RetryAt  time.Time `json:"retry_at,omitzero"` // when the source is tried again out of turn; zero: at its next slot
}

// Breaker guards one upstream. The times given to it are wall-clock times: a pause outlives a restart.
type Breaker struct {
	mu  sync.Mutex
	cfg BreakerConfig
	st  BreakerState
}

// NewBreaker returns a closed breaker.
func NewBreaker(cfg BreakerConfig) *Breaker {
	return &Breaker{cfg: cfg.defaults(), st: BreakerState{Phase: Closed}}
}

// State returns the state to store.
func (b *Breaker) State() BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.st
}

// Restore takes up a stored state. A probe that was under way counts as not made; a pause that is longer than any
// configured one (the clock was wrong, the configuration changed) is cut.
func (b *Breaker) Restore(st BreakerState, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch st.Phase {
	case Open, Closed:
	case HalfOpen:
		st.Phase, st.RetryAt = Open, now
	default:
		st = BreakerState{Phase: Closed}
	}
	if st.Phase == Open && st.RetryAt.IsZero() {
		st.RetryAt = now
	}
	b.st = st
	b.cut(now)
}

// cut keeps a pause from growing when the clock is set back.
func (b *Breaker) cut(now time.Time) {
	if limit := now.Add(b.cfg.longest()); b.st.RetryAt.After(limit) {
		b.st.RetryAt = limit
	}
}

// Ready reports whether a run may start at now, without taking the turn.
func (b *Breaker) Ready(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut(now)
	return b.st.Phase == Closed || b.st.Phase == Open && !now.Before(b.st.RetryAt)
}

// Enter takes the turn of a run: when open, the run is the one probe. force is a person's decision and does not wait
// for the end of the pause. It reports false if the run must not start.
func (b *Breaker) Enter(now time.Time, force bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut(now)
	switch {
	case b.st.Phase == Closed:
		b.st.RetryAt = time.Time{}
		return true
	case b.st.Phase == Open && (force || !now.Before(b.st.RetryAt)):
		b.st.Phase, b.st.Since = HalfOpen, now
		return true
	}
	return false
}

// Abort gives a turn back whose run neither succeeded nor failed, because the hub stopped.
func (b *Breaker) Abort(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.st.Phase == HalfOpen {
		b.st.Phase, b.st.Since, b.st.RetryAt = Open, now, now
	}
}

// Record takes the outcome of a run and reports whether the phase changed.
func (b *Breaker) Record(now time.Time, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.st.Phase
	if err == nil {
		b.st = BreakerState{Phase: Closed, Since: now}
		return before != Closed
	}
	b.st.Failures++
	b.st.Class = Classify(err)
	if b.st.Class != "auth" {
		b.st.Auth = 0
	}
	open := b.st.Phase == HalfOpen || b.st.Failures >= b.cfg.Failures
	pause := fullJitter(grown(b.cfg.Pause, b.st.Failures-1, b.cfg.MaxPause))
	switch b.st.Class {
	case "auth":
		// At once, and without jitter towards zero: each further try may lock the account at the department.
		open = true
		pause = grown(b.cfg.AuthPause, b.st.Auth, b.cfg.MaxAuthPause)
		b.st.Auth++
	case "throttled":
		open = true
		var e *connectors.Error
		if errors.As(err, &e) && e.RetryAfter > 0 {
			pause = min(e.RetryAfter, b.cfg.MaxRetryAfter)
		}
	case "unavailable", "timeout":
	default:
		// Trying again soon does not make an unreadable answer readable: the next slot will do.
		if !open {
			pause = 0
		}
	}
	b.st.RetryAt = time.Time{}
	if pause > 0 {
		b.st.RetryAt = now.Add(pause)
	}
	if open {
		b.st.Phase = Open
	}
	if b.st.Phase != before || b.st.Phase == Open {
		b.st.Since = now
	}
	return b.st.Phase != before
}

// grown is base doubled n times, at most limit.
func grown(base time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && base < limit; n-- {
		base *= 2
	}
	return min(base, limit)
}

// fullJitter is a random pause of up to d, so that sources behind one failed gateway do not return together. It is at
// least one second: no pause would be a busy loop.
func fullJitter(d time.Duration) time.Duration {
	if d <= time.Second {
		return time.Second
	}
	return time.Second + rand.N(d-time.Second)
}

// Classify names the class of a run's failure, for metrics and stored states: auth, throttled, timeout, unavailable,
// decode, limit, checkpoint, drift or other.
func Classify(err error) string {
	switch {
	case errors.Is(err, connectors.ErrAuth):
		return "auth"
	case errors.Is(err, connectors.ErrThrottled):
		return "throttled"
	case errors.Is(err, ErrRunTimeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, connectors.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, connectors.ErrDecode):
		return "decode"
	case errors.Is(err, connectors.ErrLimit):
		return "limit"
	case errors.Is(err, connectors.ErrCheckpoint):
		return "checkpoint"
	case errors.Is(err, connectors.ErrDrift):
		return "drift"
	}
	return "other"
}
