package publish

import (
	"context"
	"time"
)

// maxPause bounds the pause after failures.
const maxPause = time.Minute

// Run publishes until ctx ends. It is the function of a service.New: ready is called once the folder is in order. A
// publication under way when ctx ends is given up; the generation before it stays. Failures are logged, kept for Status and
// tried again, later each time.
func (p *Publisher) Run(ctx context.Context, ready func()) error {
	ready()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.notify:
			// What is committed in a burst is published together: the timer decides when.
			continue
		case <-timer.C:
		}
		rep, err := p.Publish(ctx)
		pause := p.opts.Interval
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			pause = min(p.opts.Interval<<min(failures, 10), maxPause)
			p.log.Error("publishing failed; the generation before stays", "generation", rep.Generation, "failures", failures, "pause", pause, "error", err)
		default:
			failures = 0
			if rep.Scopes > 0 {
				p.log.Info("published", "generation", rep.Generation, "changed", rep.Changed, "scopes", rep.Scopes, "ms", rep.Elapsed.Milliseconds(), "mb", rep.Bytes>>20)
				// Ingest goes first: at most a third of a core's time is spent here, whatever the size of the store.
				pause = max(pause, min(2*rep.Elapsed, maxPause))
			}
		}
		timer.Reset(pause)
	}
}
