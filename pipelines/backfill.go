package pipelines

import (
	"context"
	"fmt"
	"iter"
	"time"

	"onegrid/connectors"
	"onegrid/warehouse"
)

// Marker ends a backfill window for good; the store implements it.
type Marker interface {
	Mark(ctx context.Context, source, point string, resume warehouse.Checkpoint) error
}

// Window is a closed span of a backfill, [From, To).
type Window struct{ From, To time.Time }

// Point names the resume point of the window.
func (w Window) Point() string { return w.From.Format(time.RFC3339) + "/" + w.To.Format(time.RFC3339) }

// Windows cuts a span into windows of step, the last one shorter where it does not fit.
func Windows(from, to time.Time, step time.Duration) []Window {
	var out []Window
	for at := from; at.Before(to); at = at.Add(step) {
		end := at.Add(step)
		if end.After(to) {
			end = to
		}
		out = append(out, Window{at, end})
	}
	return out
}

// doneVersion is the checkpoint version that says that a window was read to its end.
const doneVersion = -1

// Backfill reads one window of a source again. It continues where an earlier backfill of the same window stopped, and
// does nothing when that one finished; done says so. The running resume point is not touched.
func (r *Runner) Backfill(ctx context.Context, p *Pipeline, w Window, marker Marker) (res Result, done bool, err error) {
	src, ok := p.source.(connectors.Windower)
	if !ok {
		return res, false, fmt.Errorf("%s: this connector cannot read a window of time", p.ID)
	}
	st, err := r.Progress.State(ctx, p.ID, w.Point())
	if err != nil {
		return res, false, err
	}
	if st.Resume.Version == doneVersion {
		return res, true, nil
	}
	res, err = r.drive(ctx, p, "backfill", w.Point(), func(ctx context.Context, at connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
		return src.ReadWindow(ctx, w.From, w.To, at)
	})
	if err != nil {
		return res, false, err
	}
	return res, false, marker.Mark(ctx, p.ID, w.Point(), warehouse.Checkpoint{Version: doneVersion, Data: []byte(`{"done":true}`)})
}
