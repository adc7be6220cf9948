package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/worker/failure"
	"onegrid/query/worker/wire"
)

// zone is the zone of times that a statement writes without one.
const zone = "Asia/Shanghai"

// Pool runs statements in workers, several scopes at a time. It is a service: see internal/service.
type Pool struct {
	cfg  Config
	log  *slog.Logger
	base wire.Spec
	gone sync.WaitGroup // processes and what waits for them

	life context.Context // ends when the pool does not wait any more
	end  context.CancelFunc

	mu      sync.Mutex
	lanes   map[query.Scope]*lane
	started bool
	stopped bool
}

// NewPool checks the configuration.
func NewPool(cfg Config, log *slog.Logger) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := account(cfg); err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg, log: log, lanes: map[query.Scope]*lane{}}
	p.life, p.end = context.WithCancel(context.Background())
	p.base = wire.Spec{Threads: cfg.Threads, Memory: cfg.Memory, AddressSpace: cfg.AddressSpace, Resident: cfg.Resident, Nice: cfg.Nice, Zone: zone}
	return p, nil
}

// Start makes the pool take statements. Workers start when they are needed.
func (p *Pool) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return ErrStopped
	}
	p.started = true
	return nil
}

// Stop refuses new statements, lets running ones finish until ctx ends, then kills every worker. No process is left when
// it returns.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	p.stopped = true
	var lanes []*lane
	for _, l := range p.lanes {
		lanes = append(lanes, l)
	}
	p.mu.Unlock()
	for _, l := range lanes {
		l.stop()
	}
	done := make(chan struct{})
	go func() { p.gone.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.end()
	for _, l := range lanes {
		l.killAll()
	}
	<-done
	return err
}

// Use makes s the generation of its scope for statements that begin from now on. It checks the file against its hash
// first and returns ErrAltered, changing nothing, when it differs. Older generations are released as they drain.
func (p *Pool) Use(ctx context.Context, s Snapshot) error {
	gen, err := check(ctx, s)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		gen.file.Close()
		return ErrStopped
	}
	l := p.lanes[s.Generation.Scope]
	if l == nil {
		l = newLane(p, s.Generation.Scope)
		p.lanes[s.Generation.Scope] = l
	}
	p.mu.Unlock()
	return l.use(ctx, gen)
}

// Retire ends a scope; its generation is released once it has drained.
func (p *Pool) Retire(scope query.Scope) {
	p.mu.Lock()
	l := p.lanes[scope]
	delete(p.lanes, scope)
	p.mu.Unlock()
	if l != nil {
		l.stop()
	}
}

// Generation is the generation that a statement would be answered from now.
func (p *Pool) Generation(scope query.Scope) (query.Generation, bool) {
	l, ok := p.lane(scope)
	if !ok {
		return query.Generation{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return query.Generation{}, false
	}
	return l.current.snap.Generation, true
}

// Counts are the figures of a scope.
func (p *Pool) Counts(scope query.Scope) Counts {
	l, ok := p.lane(scope)
	if !ok {
		return Counts{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Waiting, c.Running, c.Idle = len(l.waiters), l.running, len(l.idle)
	return c
}

func (p *Pool) lane(scope query.Scope) (*lane, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started || p.stopped {
		return nil, false
	}
	l, ok := p.lanes[scope]
	return l, ok
}

// Run answers a statement; it returns once its first rows are there, so that what fails before them is an error of Run.
// The error is a *query.Error. The context ends the statement, not only the waiting. The answer must be closed.
func (p *Pool) Run(ctx context.Context, scope query.Scope, st Statement) (*Answer, Report, error) {
	c, report, err := p.ask(ctx, scope, st, false)
	if err != nil {
		return nil, report, err
	}
	a, err := newAnswer(c, &report)
	if err != nil {
		report.PeakRSS = c.peak
		return nil, report, err
	}
	return a, report, nil
}

// Describe tells columns and parameters of a statement without running it. The error is a *query.Error.
func (p *Pool) Describe(ctx context.Context, scope query.Scope, st Statement) (query.Shape, Report, error) {
	c, report, err := p.ask(ctx, scope, st, true)
	if err != nil {
		return query.Shape{}, report, err
	}
	shape, err := c.shape(&report)
	return shape, report, err
}

// ask finds a worker and puts the question.
func (p *Pool) ask(ctx context.Context, scope query.Scope, st Statement, describe bool) (*conversation, Report, error) {
	began := time.Now()
	ask := wire.Ask{SQL: []byte(st.SQL), Explain: st.Explain, Describe: describe, MaxRows: max(st.MaxRows, 1), MaxBytes: max(st.MaxBytes, 1)}
	for _, v := range st.Params {
		w, err := wire.EncodeParam(v)
		if err != nil {
			return nil, Report{}, err
		}
		ask.Params = append(ask.Params, w)
	}
	limit := st.Timeout
	if limit <= 0 {
		limit = p.cfg.Timeout
	}
	l, ok := p.lane(scope)
	if !ok {
		return nil, Report{}, unavailable(nil)
	}
	waiting, stop := context.WithDeadline(ctx, began.Add(limit))
	defer stop()
	proc, err := l.acquire(waiting)
	report := Report{Waited: time.Since(began)}
	if err != nil {
		return nil, report, err
	}
	report.Generation = proc.gen.snap.Generation
	c := &conversation{ctx: ctx, lane: l, p: proc, began: began}
	c.put(ask, limit-report.Waited)
	return c, report, nil
}

func unavailable(cause error) *query.Error {
	return &query.Error{Code: query.Unavailable, Message: "there is nothing to query at the moment", ZH: "目前没有可查询的数据", Hint: "try again in a minute", HintZH: "请稍后重试", Cause: cause}
}

func queueFull() *query.Error {
	return &query.Error{Code: query.Busy, Message: "too many statements are waiting", ZH: "等待中的查询过多", Hint: "try again in a few seconds", HintZH: "请几秒后重试"}
}

// ended tells why a context ended.
func ended(ctx context.Context, waiting bool) *query.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if waiting {
			e := queueFull()
			e.Message, e.ZH = "no worker became free in time", "在时限内没有空闲的查询进程"
			return e
		}
		return failure.Timeout()
	}
	return failure.Cancelled()
}
