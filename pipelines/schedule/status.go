package schedule

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// LastRun is the newest run of a source that ended.
type LastRun struct {
	Trigger Trigger
	Started time.Time // zero if there was none since the start
	Ended   time.Time
	Stopped bool   // ended because the scheduler stopped
	Class   string // of the failure, see Classify; empty = good
}

// Counts since the start.
type Counts struct {
	Runs       int64 // ended
	Failed     int64
	Skipped    int64 // slots dropped because the source still ran
	Suppressed int64 // slots dropped because the breaker was open
	Missed     int64 // slots that passed during downtime or a clock jump and are not run (lower bound)
}

// SourceStatus is what is known about a source's schedule at one moment.
type SourceStatus struct {
	Source       string
	Cron         string
	NextRun      time.Time // earliest start by schedule or by breaker; zero = only by hand
	Last         LastRun
	Breaker      BreakerState
	Waiting      bool      // its run waits for a share of the concurrency
	RunningSince time.Time // zero = not running
	Running      Trigger
	Queued       []Trigger
	Counts       Counts
}

// Snapshot returns the status of all sources, sorted by id.
func (s *Scheduler) Snapshot() []SourceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SourceStatus, 0, len(s.entries))
	for id, e := range s.entries {
		st := SourceStatus{
			Source: id, Cron: e.src.Cron, Last: e.last, Breaker: e.breaker.State(),
			Queued: slices.Clone(e.pending), Counts: e.count,
		}
		if e.active != nil {
			st.Running, st.RunningSince = e.active.trigger, e.active.started
			st.Waiting = e.active.started.IsZero()
		}
		if e.plan != nil {
			st.NextRun = e.plan.at()
		}
		if r := st.Breaker.RetryAt; !r.IsZero() && (st.Breaker.Phase == Open || st.NextRun.IsZero() || r.Before(st.NextRun)) {
			st.NextRun = r
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b SourceStatus) int { return strings.Compare(a.Source, b.Source) })
	return out
}

// panicPlace is the function and line that panicked, without any value.
func panicPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}
