package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/worker/wire"
)

// lane is the workers and the queue of one scope.
type lane struct {
	cfg   Config
	log   *slog.Logger
	scope query.Scope
	base  wire.Spec       // what every worker is told
	life  context.Context // ends when the pool gives up waiting
	gone  *sync.WaitGroup // processes that are not reaped yet

	mu       sync.Mutex
	current  *generation
	idle     []*process // of the current generation
	running  int        // statements
	busy     map[*process]struct{}
	starting int // processes of the current generation on their way
	waiters  []*waiter
	lastUse  time.Time
	reaper   *time.Timer
	stopped  bool
	counts   Counts
}

// Counts of a pool since its start.
type Counts struct {
	Started, Killed, Failed int64 // processes: started, killed by us, could not start
	Statements              int64
	Waiting, Running, Idle  int // now
}

// waiter is a statement in the queue. Its channel gets a worker, or nothing and an error.
type waiter struct {
	got chan *process
	err error // read after got is closed
}

func newLane(p *Pool, scope query.Scope) *lane {
	return &lane{cfg: p.cfg, log: p.log.With("scope", scope.String()), scope: scope, base: p.base, life: p.life, gone: &p.gone, busy: map[*process]struct{}{}}
}

// acquire waits for a worker in order of arrival. The error is a *query.Error.
func (l *lane) acquire(ctx context.Context) (*process, error) {
	l.mu.Lock()
	if l.stopped || l.current == nil {
		l.mu.Unlock()
		return nil, unavailable(nil)
	}
	l.touch()
	if len(l.waiters) >= l.cfg.Queue && l.running >= l.cfg.Workers {
		l.mu.Unlock()
		return nil, queueFull()
	}
	w := &waiter{got: make(chan *process, 1)}
	l.waiters = append(l.waiters, w)
	l.pump()
	l.mu.Unlock()
	select {
	case p, ok := <-w.got:
		if !ok {
			return nil, w.err
		}
		return p, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.waiters, w)
	if i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 { // it was served at the same moment
		if p, ok := <-w.got; ok {
			l.release(p, true)
		}
	}
	return nil, ended(ctx, true)
}

// release takes a worker back after a statement.
func (l *lane) release(p *process, fit bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	delete(l.busy, p)
	p.served++
	l.counts.Statements++
	if fit && p.reason() == alive && p.gen == l.current && !l.stopped && p.served < l.cfg.Statements {
		l.idle = append(l.idle, p)
	} else if fit && p.reason() == alive {
		p.dismiss(l.cfg.Grace)
	} else {
		l.counts.Killed++
		p.kill(replaced)
	}
	l.pump()
}

// pump hands idle workers to waiters and starts what is missing, one spare included. The lock is held.
func (l *lane) pump() {
	for len(l.waiters) > 0 && len(l.idle) > 0 && l.running < l.cfg.Workers {
		w, p := l.waiters[0], l.idle[len(l.idle)-1]
		l.waiters, l.idle = l.waiters[1:], l.idle[:len(l.idle)-1]
		if p.reason() != alive || isClosed(p.exited) { // it died while it had nothing to do
			l.waiters = slices.Insert(l.waiters, 0, w)
			continue
		}
		l.running++
		l.busy[p] = struct{}{}
		w.got <- p
	}
	if l.stopped || l.current == nil || l.lastUse.IsZero() {
		return
	}
	want := min(l.cfg.Workers, l.running+len(l.waiters))
	if !l.cfg.NoSpare {
		want++
	}
	have := len(l.idle) + l.starting
	for p := range l.busy {
		if p.gen == l.current {
			have++
		} else {
			want-- // it runs on an older generation and will not come back
		}
	}
	for ; have < want; have++ {
		l.starting++
		l.current.users++
		l.gone.Add(1)
		go l.launch(l.current)
	}
}

// launch starts one process for the lane.
func (l *lane) launch(gen *generation) {
	p, err := l.spawn(gen)
	l.mu.Lock()
	defer l.mu.Unlock()
	if gen == l.current {
		l.starting--
	}
	if err != nil {
		l.left(gen)
		l.counts.Failed++
		if gen == l.current && !l.stopped {
			l.log.Error("query worker did not start", "generation", gen.snap.Generation.Number, "error", err)
			if len(l.idle)+l.starting+len(l.busy) == 0 {
				l.refuse(unavailable(err)) // each new statement tries again
			}
		}
		return
	}
	l.adopt(p)
	l.pump()
}

// spawn starts a process and sees to its end: whoever waits for its generation is told.
func (l *lane) spawn(gen *generation) (*process, error) {
	defer l.gone.Done()
	if err := gen.unchanged(); err != nil {
		return nil, err
	}
	spec := l.base
	spec.Tables, spec.Macros, spec.TableMacros = gen.snap.Tables, gen.snap.Macros, gen.snap.TableMacros
	p, err := start(l.life, l.cfg, gen, spec)
	if err != nil {
		return nil, err
	}
	l.gone.Add(1)
	go func() {
		defer l.gone.Done()
		<-p.exited
		p.socket.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.Index(l.idle, p); i >= 0 {
			l.idle = slices.Delete(l.idle, i, i+1)
		}
		l.left(gen)
		l.pump()
	}()
	return p, nil
}

// adopt makes a new process idle, or sends it away if the lane has moved on. The lock is held.
func (l *lane) adopt(p *process) {
	l.counts.Started++
	l.log.Debug("query worker ready", "pid", p.hello.PID, "landlock", p.hello.Landlock, "seccomp", p.hello.Seccomp, "checks", p.hello.Checks, "took", p.hello.Took)
	if p.gen != l.current || l.stopped {
		p.dismiss(l.cfg.Grace)
		return
	}
	l.idle = append(l.idle, p)
}

// left counts a process out of its generation, and releases the generation if it was the last of an old one. The lock is
// held.
func (l *lane) left(gen *generation) {
	gen.users--
	l.releaseIfDrained(gen)
}

func (l *lane) releaseIfDrained(gen *generation) {
	if gen == l.current || gen.users > 0 || gen.released {
		return
	}
	gen.released = true
	gen.file.Close()
	if l.cfg.Released != nil {
		l.gone.Add(1)
		go func() {
			defer l.gone.Done()
			l.cfg.Released(gen.snap.Generation)
		}()
	}
}

// use moves to another generation. Workers of it are started first if the scope is in use, so that nobody waits for them.
func (l *lane) use(ctx context.Context, gen *generation) error {
	l.mu.Lock()
	warm := 0
	if !l.lastUse.IsZero() && !l.stopped {
		warm = max(1, min(l.cfg.Workers, len(l.idle)+len(l.busy)))
	}
	gen.users += warm
	l.gone.Add(warm)
	l.mu.Unlock()

	type outcome struct {
		p   *process
		err error
	}
	outcomes := make(chan outcome, warm)
	for range warm {
		go func() {
			p, err := l.spawn(gen)
			outcomes <- outcome{p, err}
		}()
	}
	var ready []*process
	var failed error
	for range warm {
		o := <-outcomes
		if o.err != nil {
			failed = o.err
			l.mu.Lock()
			gen.users--
			l.counts.Failed++
			l.mu.Unlock()
			continue
		}
		ready = append(ready, o.p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		failed = ErrStopped
	}
	if failed != nil {
		for _, p := range ready {
			p.dismiss(l.cfg.Grace)
		}
		gen.released = true // it never became one: its file is the caller's
		gen.file.Close()
		return failed
	}
	old := l.current
	l.current, l.starting = gen, 0
	l.dismissIdle()
	for _, p := range ready {
		l.adopt(p)
	}
	if old != nil {
		l.releaseIfDrained(old)
	}
	l.pump()
	return nil
}

// dismissIdle ends the workers that nobody uses. The lock is held.
func (l *lane) dismissIdle() {
	for _, p := range l.idle {
		p.dismiss(l.cfg.Grace)
	}
	l.idle = nil
}

// touch notes a use; without one for the idle time the workers end. The lock is held.
func (l *lane) touch() {
	l.lastUse = time.Now()
	if l.reaper == nil {
		l.reaper = time.AfterFunc(l.cfg.Idle, l.reap)
		return
	}
	l.reaper.Reset(l.cfg.Idle)
}

func (l *lane) reap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running > 0 || len(l.waiters) > 0 {
		l.reaper.Reset(l.cfg.Idle)
		return
	}
	l.lastUse = time.Time{}
	l.dismissIdle()
}

// refuse ends all waiting. The lock is held.
func (l *lane) refuse(err error) {
	for _, w := range l.waiters {
		w.err = err
		close(w.got)
	}
	l.waiters = nil
}

// stop takes no more statements; running ones go on.
func (l *lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.reaper != nil {
		l.reaper.Stop()
	}
	l.refuse(unavailable(ErrStopped))
	l.dismissIdle()
	old := l.current
	l.current = nil
	if old != nil {
		l.releaseIfDrained(old)
	}
}

// killAll ends every running statement.
func (l *lane) killAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.busy {
		p.kill(stopping)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
