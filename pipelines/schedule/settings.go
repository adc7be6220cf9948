package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"onegrid/connectors"
)

// Overlap says what happens to a slot while the source still runs.
type Overlap string

// Missed says what happens to slots that passed while the daemon was down or the clock jumped.
type Missed string

// Policies. Skip drops the slot; queue keeps the newest one and runs it afterwards. None waits for the next slot, last
// runs once, all runs every missed slot (at most CatchUp, the newest) one after the other.
const (
	OverlapSkip  Overlap = "skip"
	OverlapQueue Overlap = "queue"
	MissedNone   Missed  = "none"
	MissedLast   Missed  = "last"
	MissedAll    Missed  = "all"
)

// Source is the schedule of one source, as it stands under the key schedule of its file.
type Source struct {
	ID      string        `yaml:"-"`
	Cron    string        `yaml:"cron"`     // five fields or a descriptor; empty = only by hand
	Jitter  time.Duration `yaml:"jitter"`   // largest delay after the slot; 0 = none
	Overlap Overlap       `yaml:"overlap"`  // skip (default) or queue
	Missed  Missed        `yaml:"missed"`   // none, last (default) or all
	CatchUp int           `yaml:"catch_up"` // most runs that all starts; 24
	Timeout time.Duration `yaml:"timeout"`  // of one run; 1h
	Weight  int           `yaml:"weight"`   // share of the global concurrency; 1
	Breaker BreakerConfig `yaml:"-"`        // replaces the fields of Config.Breaker that it sets
}

// Defaults returns src with every unset field at its default.
func (src Source) Defaults() Source {
	if src.Overlap == "" {
		src.Overlap = OverlapSkip
	}
	if src.Missed == "" {
		src.Missed = MissedLast
	}
	if src.CatchUp == 0 {
		src.CatchUp = 24
	}
	if src.Timeout == 0 {
		src.Timeout = time.Hour
	}
	if src.Weight == 0 {
		src.Weight = 1
	}
	return src
}

// Validate returns every problem of the settings, with the path of its key.
func (src Source) Validate() []connectors.Problem {
	var ps []connectors.Problem
	add := func(path, hint, format string, args ...any) {
		ps = append(ps, connectors.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	src = src.Defaults()
	if src.Cron != "" {
		if _, err := ParseSpec(src.Cron, time.UTC); err != nil {
			add("cron", `for instance "*/5 * * * *", "30 2 * * *" or "@every 2m"; 五段 cron 表达式,时区写在 zone 键`, "%v", err)
		}
	}
	if !slices.Contains([]Overlap{OverlapSkip, OverlapQueue}, src.Overlap) {
		add("overlap", "skip or queue", "unknown overlap policy %q", src.Overlap)
	}
	if !slices.Contains([]Missed{MissedNone, MissedLast, MissedAll}, src.Missed) {
		add("missed", "none, last or all", "unknown missed-run policy %q", src.Missed)
	}
	if src.Jitter < 0 || src.Jitter > 24*time.Hour {
		add("jitter", "0s to 24h", "jitter %v out of range", src.Jitter)
	}
	if src.CatchUp < 1 || src.CatchUp > 1000 {
		add("catch_up", "1 to 1000", "catch_up %d out of range", src.CatchUp)
	}
	if src.Timeout < time.Second {
		add("timeout", "1s or more", "timeout %v too short", src.Timeout)
	}
	if src.Weight < 1 {
		add("weight", "1 or more", "weight %d out of range", src.Weight)
	}
	return ps
}

// History knows the newest slot that was run per source: Trigger.Slot of its newest run row.
type History interface {
	LastRuns(ctx context.Context) (map[string]time.Time, error)
}

// BreakerStore keeps breaker states over restarts, so that a restart does not try refused credentials again.
type BreakerStore interface {
	LoadBreakers(ctx context.Context) (map[string]BreakerState, error)
	SaveBreaker(ctx context.Context, source string, state BreakerState) error
}

// Config is the schedule of a hub. History and Breakers may be nil.
type Config struct {
	Sources     []Source
	Zone        *time.Location // of every cron text; Asia/Shanghai unless set
	Concurrency int            // sum of the weights of runs at one time; 8
	Grace       time.Duration  // how long Stop lets running commits finish; 20s
	Breaker     BreakerConfig
	History     History
	Breakers    BreakerStore
}

// Reason says why a run starts.
type Reason string

// Reasons.
const (
	ReasonSchedule Reason = "schedule" // its slot has come
	ReasonCatchUp  Reason = "catch_up" // its slot passed during downtime
	ReasonFirst    Reason = "first"    // the source has never run
	ReasonManual   Reason = "manual"   // a person asked
	ReasonRetry    Reason = "retry"    // the run before failed for a passing reason, or the breaker probes
)

// Trigger is why and for which slot a run starts. Keep Slot in the run row: History hands it back.
type Trigger struct {
	Reason Reason
	Slot   time.Time // UTC; zero for manual runs
}

// Errors of Trigger.
var (
	ErrUnknownSource = errors.New("unknown source")
	ErrNotRunning    = errors.New("scheduler is not running")
	ErrQueued        = errors.New("a run of this source is already waiting")
	// ErrRunTimeout is the cause of a run's context when its time is up.
	ErrRunTimeout = errors.New("run took longer than its timeout")
	// ErrStopping is the cause of a run's context when the scheduler stops.
	ErrStopping = errors.New("scheduler is stopping")
)

// breaker is the source's own breaker settings over those of all sources.
func (src Source) breaker(all BreakerConfig) BreakerConfig {
	if src.Breaker.Failures > 0 {
		all.Failures = src.Breaker.Failures
	}
	if src.Breaker.Pause > 0 {
		all.Pause = src.Breaker.Pause
		all.MaxPause = max(all.MaxPause, src.Breaker.Pause)
	}
	return all
}
