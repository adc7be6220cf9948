package httpjson

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter is the token bucket of one host, shared by all sources that read from it, with the pauses that the host asks
// for. If sources configure different rates, the lowest holds: the host is the one to protect.
type limiter struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	paused time.Time
}

func newLimiter() *limiter { return &limiter{bucket: rate.NewLimiter(rate.Inf, 1)} }

func (l *limiter) lower(r Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch limit := rate.Limit(r.PerSecond); {
	case limit <= 0 || limit >= l.bucket.Limit():
	case l.bucket.Limit() == rate.Inf: // a new bucket is full
		l.bucket = rate.NewLimiter(limit, max(1, r.Burst))
	default:
		l.bucket.SetLimit(rate.Limit(r.PerSecond))
		l.bucket.SetBurst(max(1, r.Burst))
	}
}

// pause holds all requests to the host back for d.
func (l *limiter) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.paused) {
		l.paused = until
	}
}

func (l *limiter) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		d, bucket := time.Until(l.paused), l.bucket
		l.mu.Unlock()
		if d <= 0 {
			return bucket.Wait(ctx)
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// retryAfter reads how long the upstream asks to wait, on the upstream's own clock; zero if it does not say.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(v, 64); err == nil && n > 0 {
		return seconds(n)
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(clockOf(h)))
	}
	return 0
}

// exhausted reads RateLimit headers: how long until the quota is filled again when none is left, else zero. It knows the
// IETF drafts (RateLimit with remaining/reset or r/t, RateLimit-Remaining and -Reset in seconds) and the X- forms, whose
// reset is seconds or a Unix time.
func exhausted(h http.Header) time.Duration {
	for _, f := range h.Values("RateLimit") {
		left, reset := "", ""
		for _, part := range strings.FieldsFunc(f, func(r rune) bool { return r == ',' || r == ';' }) {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch strings.ToLower(k) {
			case "r", "remaining":
				left = v
			case "t", "reset":
				reset = v
			}
		}
		if d := until(left, reset, h); d > 0 {
			return d
		}
	}
	for _, prefix := range []string{"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"} {
		if d := until(h.Get(prefix+"Remaining"), h.Get(prefix+"Reset"), h); d > 0 {
			return d
		}
	}
	return 0
}

func until(left, reset string, h http.Header) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(left), 64)
	if err != nil || n > 0 {
		return 0
	}
	r, err := strconv.ParseFloat(strings.TrimSpace(reset), 64)
	switch {
	case err != nil || r <= 0:
		return 0
	case r > 1e11: // Unix milliseconds
		return max(0, time.UnixMilli(int64(min(r, 1e15))).Sub(clockOf(h)))
	case r > 1e8: // Unix seconds
		return max(0, time.Unix(int64(r), 0).Sub(clockOf(h)))
	default:
		return seconds(r)
	}
}

func seconds(n float64) time.Duration {
	return time.Duration(min(n, 1e9) * float64(time.Second))
}

// clockOf is the upstream's clock, ours where it does not tell.
func clockOf(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}
