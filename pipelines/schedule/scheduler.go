package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"onegrid/event"
)

const (
	tick     = 30 * time.Second // the clock is looked at least this often, see the package comment
	hardWait = 5 * time.Second  // how long Stop waits after the hard cancel
)

// RunFunc does one run of a source. ctx ends when the scheduler stops or the run's time is up: reading must end then.
// A commit in flight uses Hard(ctx), which lives on for the grace time (invariant 6).
type RunFunc func(ctx context.Context, source string, trigger Trigger) error

// Scheduler starts the runs of all sources. It is a service: Start once, Stop to end.
type Scheduler struct {
	cfg   Config
	run   RunFunc
	log   *slog.Logger
	lanes *lanes
	wake  chan struct{}
	done  chan struct{}
	runs  sync.WaitGroup

	mu      sync.Mutex
	phase   int // 0 new, 1 running, 2 stopping or stopped
	entries map[string]*entry
	soft    context.Context
	hard    context.Context
	cancelS context.CancelCauseFunc
	cancelH context.CancelCauseFunc
}

// entry is what the scheduler knows about one source.
type entry struct {
	src     Source
	plan    *plan
	breaker *Breaker
	pending []Trigger // runs that wait for the one before
	active  *active
	slot    time.Time // newest slot that came, run or not
	last    LastRun
	count   Counts
}

// active is a run from the moment it waits for its share of the lane.
type active struct {
	trigger Trigger
	started time.Time // zero while it waits
}

// New checks the configuration and returns a scheduler that has not started. log gets one line per decision that is
// not a normal run; the run itself logs its own.
func New(cfg Config, run RunFunc, log *slog.Logger) (*Scheduler, error) {
	if cfg.Zone == nil {
		cfg.Zone = event.Shanghai
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 20 * time.Second
	}
	s := &Scheduler{
		cfg: cfg, run: run, log: log,
		lanes:   newLanes(int64(cfg.Concurrency)),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		entries: make(map[string]*entry, len(cfg.Sources)),
	}
	var errs []error
	for _, src := range cfg.Sources {
		src = src.Defaults()
		if _, dup := s.entries[src.ID]; dup {
			errs = append(errs, fmt.Errorf("source %s is scheduled twice", src.ID))
			continue
		}
		for _, p := range src.Validate() {
			errs = append(errs, fmt.Errorf("source %s: %w", src.ID, p))
		}
		s.entries[src.ID] = &entry{src: src, breaker: NewBreaker(src.breaker(cfg.Breaker))}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("checking schedules: %w", err)
	}
	return s, nil
}

// Start loads what is known about earlier runs and begins to schedule. ctx bounds the loading only.
func (s *Scheduler) Start(ctx context.Context) error {
	var last map[string]time.Time
	var states map[string]BreakerState
	var err error
	if s.cfg.History != nil {
		if last, err = s.cfg.History.LastRuns(ctx); err != nil {
			return fmt.Errorf("starting the scheduler: reading the last runs: %w", err)
		}
	}
	if s.cfg.Breakers != nil {
		if states, err = s.cfg.Breakers.LoadBreakers(ctx); err != nil {
			return fmt.Errorf("starting the scheduler: reading the breaker states: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != 0 {
		return fmt.Errorf("starting the scheduler: %w", ErrNotRunning)
	}
	now := time.Now()
	for id, e := range s.entries {
		var spec Spec
		if e.src.Cron != "" {
			if spec, err = ParseSpec(e.src.Cron, s.cfg.Zone); err != nil {
				return fmt.Errorf("starting the scheduler: source %s: %w", id, err)
			}
		}
		e.plan = newPlan(e.src, spec, last[id], now)
		e.slot = last[id]
		if st, ok := states[id]; ok {
			e.breaker.Restore(st, now)
		}
		if e.src.Cron != "" && last[id].IsZero() && e.src.Missed != MissedNone {
			e.slot = now.UTC().Truncate(time.Second)
			e.pending = append(e.pending, Trigger{Reason: ReasonFirst, Slot: e.slot})
		}
	}
	base := context.WithoutCancel(ctx)
	s.soft, s.cancelS = context.WithCancelCause(base)
	s.hard, s.cancelH = context.WithCancelCause(base)
	s.phase = 1
	go s.loop()
	return nil
}

// loop looks at the clock, starts what is due and sleeps until the next thing is due, at most one tick.
func (s *Scheduler) loop() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	before := time.Now()
	for {
		select {
		case <-s.soft.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		now := time.Now()
		if step := clockStep(before, now, now.Sub(before)); step != 0 {
			s.log.Warn("the clock jumped", "by", step)
		}
		before = now
		s.mu.Lock()
		next := s.step(now)
		s.mu.Unlock()
		wait := tick
		if !next.IsZero() {
			// The wall clock decides, so the difference is taken without the monotonic reading. The floor keeps a
			// rounding difference between the two clocks from spinning.
			wait = max(min(next.Round(0).Sub(now.Round(0)), tick), 5*time.Millisecond)
		}
		timer.Reset(wait)
	}
}

// step starts what is due and returns the earliest moment at which something else is. The caller holds the lock.
func (s *Scheduler) step(now time.Time) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for id, e := range s.entries {
		slots, passed := e.plan.due(now)
		if passed > 0 {
			e.count.Missed += int64(passed)
			s.log.Info("missed slots are not run", "source", id, "at_least", passed, "policy", e.src.Missed)
		}
		for _, sl := range slots {
			s.admit(e, sl, now)
		}
		st := e.breaker.State()
		if e.active == nil && len(e.pending) == 0 && !st.RetryAt.IsZero() && !now.Before(st.RetryAt) {
			e.pending = append(e.pending, Trigger{Reason: ReasonRetry, Slot: e.slot})
		}
		s.dispatch(e, now)
		sooner(e.plan.at())
		if e.active == nil {
			sooner(e.breaker.State().RetryAt)
		}
	}
	return next
}

// admit takes one due slot under the overlap policy.
func (s *Scheduler) admit(e *entry, sl slot, now time.Time) {
	e.slot = sl.at
	t := Trigger{Reason: ReasonSchedule, Slot: sl.at}
	if sl.catchUp {
		// Catch-up runs wait for one another: they are the work that was missed, not an overlap.
		t.Reason = ReasonCatchUp
		e.pending = append(e.pending, t)
		if over := len(e.pending) - e.src.CatchUp; over > 0 {
			e.pending = e.pending[over:]
			e.count.Missed += int64(over)
		}
		return
	}
	if !e.breaker.Ready(now) && e.active == nil {
		// The probe that ends the pause reads everything since; the slot needs no run of its own.
		e.count.Suppressed++
		return
	}
	if e.active == nil && len(e.pending) == 0 {
		e.pending = append(e.pending, t)
		return
	}
	if e.src.Overlap == OverlapSkip {
		// A run that still waits its turn will read what this slot would have read.
		e.count.Skipped++
		return
	}
	for i := range e.pending {
		if e.pending[i].Reason == ReasonSchedule { // queue at most one, the newest
			e.pending[i] = t
			e.count.Skipped++
			return
		}
	}
	e.pending = append(e.pending, t)
}

// dispatch starts the first pending run of a source that is idle and whose breaker lets it.
func (s *Scheduler) dispatch(e *entry, now time.Time) {
	if s.phase != 1 || e.active != nil || len(e.pending) == 0 {
		return
	}
	t := e.pending[0]
	suspect := e.breaker.State().Failures > 0
	if !e.breaker.Enter(now, t.Reason == ReasonManual) {
		return
	}
	e.pending = e.pending[1:]
	a := &active{trigger: t}
	e.active = a
	s.runs.Go(func() { s.turn(e, a, suspect) })
}

// turn waits for the source's share of the lane, runs it and takes the outcome.
func (s *Scheduler) turn(e *entry, a *active, suspect bool) {
	weight := int64(min(e.src.Weight, s.cfg.Concurrency))
	sh, err := s.lanes.acquire(s.soft, weight, suspect)
	if err != nil { // stopping
		s.settle(e, a, err, true)
		return
	}
	defer sh.release()

	s.mu.Lock()
	a.started = time.Now()
	s.mu.Unlock()
	soft, cancelSoft := context.WithTimeoutCause(s.soft, e.src.Timeout, ErrRunTimeout)
	defer cancelSoft()
	hard, cancelHard := context.WithTimeoutCause(s.hard, e.src.Timeout+s.cfg.Grace, ErrRunTimeout)
	defer cancelHard()
	err = s.guard(context.WithValue(soft, hardKey{}, hard), e.src.ID, a.trigger)
	if err != nil && errors.Is(context.Cause(soft), ErrRunTimeout) {
		err = fmt.Errorf("running %s: %w: %w", e.src.ID, ErrRunTimeout, err)
	}
	// A run that was told to stop has neither failed nor succeeded.
	s.settle(e, a, err, err != nil && errors.Is(context.Cause(soft), ErrStopping))
}

// guard calls the run and turns a panic into an error: one source's fault must not end the others.
func (s *Scheduler) guard(ctx context.Context, id string, t Trigger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			// invariant 4: the value of a panic may quote a record, so only its type and place are told.
			err = fmt.Errorf("running %s: panic of type %T at %s", id, r, panicPlace())
		}
	}()
	return s.run(ctx, id, t)
}

// settle takes the outcome of a turn and frees the source for its next one.
func (s *Scheduler) settle(e *entry, a *active, err error, stopped bool) {
	now := time.Now()
	if stopped {
		e.breaker.Abort(now)
	} else {
		before := e.breaker.State()
		changed := e.breaker.Record(now, err)
		st := e.breaker.State()
		if changed {
			s.log.Warn("breaker changed", "source", e.src.ID, "from", before.Phase, "to", st.Phase, "class", st.Class, "failures", st.Failures, "retry_at", st.RetryAt)
		}
		if s.cfg.Breakers != nil && (changed || err != nil || before.Failures > 0) {
			save, cancel := context.WithTimeout(s.hard, 10*time.Second)
			if serr := s.cfg.Breakers.SaveBreaker(save, e.src.ID, st); serr != nil {
				s.log.Error("breaker state not saved: a restart would try the source too early", "source", e.src.ID, "error", serr)
			}
			cancel()
		}
	}
	s.mu.Lock()
	e.active = nil
	if !a.started.IsZero() {
		e.last = LastRun{Trigger: a.trigger, Started: a.started, Ended: now, Stopped: stopped}
		e.count.Runs++
		if err != nil && !stopped {
			e.last.Class = Classify(err)
			e.count.Failed++
		}
	}
	s.mu.Unlock()
	s.nudge()
}

// nudge makes the loop look again; one waiting nudge is enough.
func (s *Scheduler) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Trigger starts a run of a source now, whatever its schedule and its breaker say, or after its running one. At most
// one such run waits.
func (s *Scheduler) Trigger(source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[source]
	switch {
	case !ok:
		return fmt.Errorf("triggering %s: %w (known: %v)", source, ErrUnknownSource, slices.Sorted(maps.Keys(s.entries)))
	case s.phase != 1:
		return fmt.Errorf("triggering %s: %w", source, ErrNotRunning)
	case slices.ContainsFunc(e.pending, func(t Trigger) bool { return t.Reason == ReasonManual }):
		return fmt.Errorf("triggering %s: %w", source, ErrQueued)
	}
	e.pending = slices.Insert(e.pending, 0, Trigger{Reason: ReasonManual})
	s.nudge()
	return nil
}

// Stop stops scheduling, cancels reading, waits up to the grace time for running commits, then cancels these too. It
// returns an error that names the sources whose run did not end; it is safe to exit then (invariant 6). The end of ctx
// cuts the grace time short.
func (s *Scheduler) Stop(ctx context.Context) error {
	s.mu.Lock()
	phase := s.phase
	s.phase = 2
	s.mu.Unlock()
	if phase == 0 {
		return nil
	}
	s.cancelS(ErrStopping)
	<-s.done
	ended := make(chan struct{})
	go func() { s.runs.Wait(); close(ended) }()
	grace := time.NewTimer(s.cfg.Grace)
	defer grace.Stop()
	select {
	case <-ended:
		s.cancelH(ErrStopping)
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	s.log.Warn("grace time is over: running commits are cancelled", "sources", s.running())
	s.cancelH(ErrStopping)
	last := time.NewTimer(hardWait)
	defer last.Stop()
	select {
	case <-ended:
		return nil
	case <-last.C:
		return fmt.Errorf("stopping the scheduler: runs of %v did not end", s.running())
	}
}

func (s *Scheduler) running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, e := range s.entries {
		if e.active != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

type hardKey struct{}

// Hard returns the context for the commit of a run: it lives on when ctx, the run's context, is cancelled, until the
// grace time is over. Outside a run it is ctx without its cancellation.
func Hard(ctx context.Context) context.Context {
	if h, ok := ctx.Value(hardKey{}).(context.Context); ok {
		return h
	}
	return context.WithoutCancel(ctx)
}
