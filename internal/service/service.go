package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Service is background work. Start returns once the service works, or with an error and nothing left running; its ctx
// bounds the start only. Stop asks the service to end and waits for it until ctx ends; it may be called twice, and
// before Start.
type Service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// Failer is implemented by services that can end by themselves. The channel receives at most one error.
type Failer interface {
	Failed() <-chan error
}

// ErrStopped is returned by Start of a service that was stopped before; a service is started once.
var ErrStopped = errors.New("service was stopped")

// Func is a service made of one function that works until its context ends.
type Func struct {
	name   string
	run    func(ctx context.Context, ready func()) error
	mu     sync.Mutex
	state  int // 0 new, 1 started, 2 stopped
	cancel context.CancelFunc
	done   chan struct{}
	failed chan error
}

// New returns a service that calls run in the background. run calls ready once it works, returns when ctx ends, and
// returns an error only if it had to end by itself.
func New(name string, run func(ctx context.Context, ready func()) error) *Func {
	return &Func{name: name, run: run, done: make(chan struct{}), failed: make(chan error, 1)}
}

// Start runs the function and waits until it is ready or has failed.
func (f *Func) Start(ctx context.Context) error {
	f.mu.Lock()
	if f.state != 0 {
		f.mu.Unlock()
		return fmt.Errorf("starting %s: %w", f.name, ErrStopped)
	}
	f.state = 1
	// The work outlives the start: it must not end when the caller's start deadline passes.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	f.mu.Unlock()

	ready := make(chan struct{})
	var once sync.Once
	var failure error // read after done is closed
	go func() {
		defer close(f.done)
		err := f.run(run, func() { once.Do(func() { close(ready) }) })
		if err != nil && run.Err() == nil {
			failure = fmt.Errorf("%s: %w", f.name, err)
			f.failed <- failure
		}
	}()
	select {
	case <-ready:
		return nil
	case <-f.done:
		if failure == nil {
			failure = fmt.Errorf("starting %s: it ended before it was ready", f.name)
		}
		cancel()
		return failure
	case <-ctx.Done():
		cancel()
		<-f.done
		return fmt.Errorf("starting %s: %w", f.name, ctx.Err())
	}
}

// Stop cancels the function's context and waits for its end.
func (f *Func) Stop(ctx context.Context) error {
	f.mu.Lock()
	if f.state == 0 {
		f.state = 2
		f.mu.Unlock()
		return nil
	}
	f.state = 2
	cancel := f.cancel
	f.mu.Unlock()
	cancel()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping %s: %w", f.name, ctx.Err())
	}
}

// Failed receives the error of a function that ended by itself.
func (f *Func) Failed() <-chan error { return f.failed }

// Named is a member of a group.
type Named struct {
	Name    string
	Service Service
}

// Group starts its members in order and stops them in reverse order, so that what others depend upon ends last.
type Group struct {
	members []Named
	log     *slog.Logger
	mu      sync.Mutex
	started int
	failed  chan error
	quit    chan struct{}
	watch   sync.WaitGroup
	once    sync.Once
}

// NewGroup returns a group; it is itself a Service.
func NewGroup(log *slog.Logger, members ...Named) *Group {
	return &Group{members: members, log: log, failed: make(chan error, 1), quit: make(chan struct{})}
}

// Start starts the members in order. If one fails, those before it are stopped again and its error is returned.
func (g *Group) Start(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members[g.started:] {
		if err := m.Service.Start(ctx); err != nil {
			err = fmt.Errorf("starting %s: %w", m.Name, err)
			if serr := g.stopLocked(context.WithoutCancel(ctx)); serr != nil {
				err = errors.Join(err, serr)
			}
			return err
		}
		g.started++
		if f, ok := m.Service.(Failer); ok {
			g.watch.Go(func() {
				select {
				case err := <-f.Failed():
					select {
					case g.failed <- err:
					default: // the first failure already stops the process
					}
				case <-g.quit:
				}
			})
		}
		g.log.Debug("service started", "service", m.Name)
	}
	return nil
}

// Stop stops the started members in reverse order; every one is asked, even if one before it did not end in time.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopLocked(ctx)
}

func (g *Group) stopLocked(ctx context.Context) error {
	g.once.Do(func() { close(g.quit) })
	var errs []error
	for ; g.started > 0; g.started-- {
		m := g.members[g.started-1]
		if err := m.Service.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", m.Name, err))
			continue
		}
		g.log.Debug("service stopped", "service", m.Name)
	}
	g.watch.Wait()
	return errors.Join(errs...)
}

// Failed receives the first error of a member that ended by itself.
func (g *Group) Failed() <-chan error { return g.failed }

// Run starts s, waits for a signal, the end of ctx or the failure of s, then stops it within limit. A second signal
// calls exit at once: kill -9 is recoverable at every line, so leaving early is safe (invariant 6).
func Run(ctx context.Context, s Service, signals <-chan os.Signal, limit time.Duration, exit func(code int), log *slog.Logger) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	var failed <-chan error
	if f, ok := s.(Failer); ok {
		failed = f.Failed()
	}
	var cause error
	select {
	case sig := <-signals:
		log.Info("stopping: the running commits are finished first; a second signal exits at once", "signal", sig.String(), "limit", limit)
	case <-ctx.Done():
		log.Info("stopping", "limit", limit)
	case cause = <-failed:
		log.Error("stopping: a service ended by itself", "error", cause)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Stop(stop) }()
	select {
	case err := <-ended:
		return errors.Join(cause, err)
	case sig := <-signals:
		log.Warn("second signal: exiting without waiting", "signal", sig.String())
		exit(1)
		return errors.Join(cause, errors.New("exited on the second signal"))
	}
}
