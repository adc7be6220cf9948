package publish

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxPause bounds the pause after failures and after long publications.
const maxPause = time.Minute

// niceness is added to the priority of the thread that publishes: ingest goes first.
const niceness = 10

// Run publishes until ctx ends. It is the function of a service.New: ready is called once the folder is in order. A
// publication under way when ctx ends is given up; the generation before it stays. Failures are logged, kept for Status and
// tried again, later each time.
func (p *Publisher) Run(ctx context.Context, ready func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// With one thread, DuckDB works on the thread that calls it. The goroutine keeps its thread to the end, which ends with
		// it, since an unprivileged process cannot take niceness back.
		runtime.LockOSThread()
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness); err != nil {
			p.log.Debug("publishing runs at the priority of the process", "error", err)
		}
		p.setAside(true)
		defer p.setAside(false)
		ready()
		p.loop(ctx)
	}()
	<-done
	return nil
}

// setAside says whether Run is there to build files beside the publications; without it a publication builds them itself.
func (p *Publisher) setAside(on bool) {
	p.work.Lock()
	defer p.work.Unlock()
	p.aside = on
}

func (p *Publisher) loop(ctx context.Context) {
	var aside sync.WaitGroup
	defer aside.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0
	var next time.Time // before it nothing is published, however often it is notified
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.notify:
			timer.Reset(time.Until(next))
			continue
		case <-timer.C:
		}
		rep, err := p.Publish(ctx)
		pause := p.opts.Interval
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil && !errors.Is(err, ErrScope): // a scope that fails is told where it fails, and does not slow the others
			failures++
			pause = min(p.opts.Interval<<min(failures, 10), maxPause)
			p.log.Error("publishing failed; the generation before stays", "generation", rep.Generation, "failures", failures, "pause", pause, "error", err)
		default:
			failures = 0
			if rep.Scopes > 0 {
				p.log.Info("published", "generation", rep.Generation, "changed", rep.Changed, "scopes", rep.Scopes, "ms", rep.Elapsed.Milliseconds(), "mb", rep.Bytes>>20)
				// At most half of a core's time is spent here, whatever the size of the store.
				pause = max(pause, min(rep.Elapsed, maxPause))
			}
			p.startAside(ctx, &aside)
			if _, err := p.Prepare(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("no spare file could be made; the next publication makes it", "error", err)
			}
		}
		next = time.Now().Add(pause)
		timer.Reset(pause)
	}
}
