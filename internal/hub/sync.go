package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"onegrid/connectors"
	"onegrid/pipelines"
	"onegrid/pipelines/schedule"
	"onegrid/warehouse/duckdb"
)

// Sync reads a source until it has nothing more and closes the run with how it ended. trigger is one of schedule,
// catch_up, first, manual, retry.
// slot is that of the schedule, zero for a manual run.
func (h *Hub) Sync(ctx context.Context, id, trigger string, slot time.Time) (pipelines.Result, error) {
	return h.run(ctx, id, trigger, "", slot, func(p *pipelines.Pipeline) (pipelines.Result, error) { return h.Runner.Run(ctx, p, trigger) })
}

// Backfill reads one window of a source again; done says that it was finished before.
func (h *Hub) Backfill(ctx context.Context, id string, w pipelines.Window) (res pipelines.Result, done bool, err error) {
	st, err := h.Store.State(ctx, id, w.Point())
	if err != nil {
		return res, false, err
	}
	if st.Resume.Version < 0 {
		return res, true, nil
	}
	res, err = h.run(ctx, id, "backfill", w.Point(), time.Time{}, func(p *pipelines.Pipeline) (pipelines.Result, error) {
		r, _, err := h.Runner.Backfill(ctx, p, w, h.Store)
		return r, err
	})
	return res, false, err
}

func (h *Hub) run(ctx context.Context, id, trigger, window string, slot time.Time, do func(*pipelines.Pipeline) (pipelines.Result, error)) (pipelines.Result, error) {
	src, err := h.Source(id)
	if err != nil {
		return pipelines.Result{}, err
	}
	started := time.Now()
	p, err := h.Pipeline(src)
	var res pipelines.Result
	if err == nil {
		res, err = do(p)
	}
	if errors.Is(err, pipelines.ErrBusy) {
		return res, err
	}
	end := duckdb.RunEnd{RunID: res.RunID, Source: id, Trigger: trigger, Window: window, Status: "ok", Step: res.Units + 1, Slot: slot, Started: started}
	if res.RunID == "" {
		end.RunID = "config-" + started.UTC().Format("20060102T150405.000000")
	}
	if err != nil {
		end.Status, end.ErrorClass = "failed", schedule.Classify(err)
		if ctx.Err() != nil {
			end.Status = "stopped"
		}
		// invariant 4: whatever an upstream puts into an error passes the scrubber before it is stored or shown.
		end.Error = h.Guard.Scrub(err.Error())
		var ce *connectors.Error
		if errors.As(err, &ce) {
			end.Hint = ce.Hint
		}
	}
	end.Notes = h.Guard.Scrub(notes(res))
	if eerr := h.Store.EndRun(context.WithoutCancel(ctx), end); eerr != nil {
		err = errors.Join(err, fmt.Errorf("storing the end of the run: %w", eerr))
	}
	level := h.Log.Info
	if err != nil {
		level = h.Log.Error
	}
	level("run", "source", id, "run", end.RunID, "trigger", trigger, "status", end.Status, "read", res.Counts.Read, "new", res.Counts.New, "updated", res.Counts.Updated,
		"unchanged", res.Counts.Unchanged, "stale", res.Counts.Stale, "rejected", res.Counts.Rejected, "seconds", time.Since(started).Seconds(), "error", end.Error)
	return res, err
}

// notes are the findings of a run in one line.
func notes(res pipelines.Result) string {
	var out []string
	for _, n := range res.Notes {
		out = append(out, n.Rule+": "+n.Message)
	}
	for col, rows := range res.Mapped.Unmapped {
		if rows > 0 {
			out = append(out, fmt.Sprintf("unmapped column %s (%d rows with a value)", col, rows))
		}
	}
	for col, c := range res.Mapped.Codes {
		out = append(out, fmt.Sprintf("unmapped codes in %s: %d rows", col, c.Rows))
	}
	return strings.Join(out, "; ")
}
