package pipelines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"onegrid/connectors"
	"onegrid/internal/faultpoint"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/normalize"
	"onegrid/warehouse"
)

// Progress keeps resume points; the store implements it.
type Progress interface {
	State(ctx context.Context, source, point string) (warehouse.State, error)
}

// Memory recognises records that are stored as they are; the store implements it.
type Memory interface {
	Unchanged(ctx context.Context, ids []byte, fingerprints []uint64) ([]bool, error)
}

// Lander seals batches as received. Begin starts the file of one unit.
type Lander interface {
	Begin(ctx context.Context, source, runID string, unit int) (Landing, error)
}

// Landing is the file of one unit.
type Landing interface {
	Append(b connectors.Batch, readAt time.Time) error
	// End closes the file when keep is true and removes it otherwise.
	End(keep bool) (warehouse.Landed, error)
}

// Runner reads sources into the store. It is safe for concurrent use; a source is read by one run at a time.
type Runner struct {
	Store    warehouse.Committer
	Progress Progress
	Memory   Memory // nil maps every record
	Limits   Limits
	Log      *slog.Logger
	// Observe is told about every stored unit; nil for nobody.
	Observe func(source string, u Stored)
	// Note is told about findings of the connector, such as a changed header; nil for nobody.
	Note func(source string, n connectors.Note)

	mu   sync.Mutex
	busy map[string]bool
}

// Stored is a unit that was just committed.
type Stored struct {
	Receipt warehouse.Receipt
	Landed  warehouse.Landed
	Rejects map[string]int64 // by rule
	ReadAt  time.Time
	Newest  time.Time     // newest clock of the source; zero where nothing was mapped
	Took    time.Duration // of the commit, with the time that a streaming unit waited for its batches
}

func byRule(rs []warehouse.Reject) map[string]int64 {
	if len(rs) == 0 {
		return nil
	}
	out := map[string]int64{}
	for i := range rs {
		out[rs[i].Rule]++
	}
	return out
}

// Result of a run.
type Result struct {
	RunID  string
	Units  int
	Counts warehouse.Counts
	Notes  []connectors.Note
	// Mapped says what mapping dropped, did not know and flagged; Enriched what was found about place and category.
	Mapped   normalize.Report
	Enriched enrich.Report
	// Resume is the point after the last stored unit.
	Resume connectors.Checkpoint
}

// Run reads a source from its stored resume point until it has nothing more, and stores what it reads unit by unit.
// Cancelling ctx stops reading; the batches that were read are still committed (invariant 6). The error of a run says why
// it ended early; everything counted in Result is stored all the same.
func (r *Runner) Run(ctx context.Context, p *Pipeline, trigger string) (Result, error) {
	return r.drive(ctx, p, trigger, "", func(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
		return p.source.Read(ctx, from)
	})
}

// lockSource makes a run the only one of its source.
func (r *Runner) lockSource(id string) (func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[id] {
		return nil, fmt.Errorf("%w: %s", ErrBusy, id)
	}
	if r.busy == nil {
		r.busy = map[string]bool{}
	}
	r.busy[id] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.busy, id)
	}, nil
}

type readFunc func(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error]

// drive is the one function that moves progress: Resume, range Read, Commit (invariant 1). window names the resume point
// of a backfill, which is kept apart from that of the source.
func (r *Runner) drive(ctx context.Context, p *Pipeline, trigger, window string, reading readFunc) (res Result, err error) {
	unlock, err := r.lockSource(p.ID)
	if err != nil {
		return res, err
	}
	defer unlock()
	res.RunID = newRunID()
	started := time.Now()
	state, err := r.Progress.State(ctx, p.ID, window)
	if err != nil {
		return res, err
	}
	readCtx, stop := context.WithCancel(ctx)
	defer stop()
	w := &work{r: r, p: p, run: warehouse.Run{Trigger: trigger, Started: started, Status: "running", Mapping: p.digest, Window: window},
		runID: res.RunID, resume: connectors.Checkpoint{Version: state.Resume.Version, Data: state.Resume.Data}, inflight: map[int]map[uint64]struct{}{}}
	parts := make(chan part, 1)
	var prep sync.WaitGroup
	prep.Go(func() {
		defer close(parts)
		w.prepare(readCtx, read(readCtx, reading(readCtx, w.resume)), parts)
	})
	defer func() {
		stop()
		for q := range parts { // whatever is left belongs to a unit that will not be stored
			if q.chunk != nil {
				q.chunk.Events.Release()
			}
		}
		prep.Wait()
		w.abandon()
	}()
	// Reading may be cancelled; storing what was read may not.
	hard := context.WithoutCancel(ctx)
	base := state.Seq
	for no := 1; ; no++ {
		buffered, more := r.buffer(parts)
		if len(buffered) == 0 && !more {
			break
		}
		chunks, final := gather(buffered, parts)
		unit := &warehouse.Unit{Source: p.ID, Point: window, RunID: res.RunID, No: no, Base: base, Chunks: chunks, Final: final}
		t0 := time.Now()
		rec, cerr := r.Store.Commit(hard, unit)
		if cerr != nil {
			var ue errUnit
			if errors.As(cerr, &ue) {
				cerr = ue.error
			}
			return res, cerr
		}
		f, _ := final()
		_ = faultpoint.Hit("run.stored")
		base = rec.Seq
		res.Units++
		res.Counts.Add(rec.Counts)
		res.Resume = connectors.Checkpoint{Version: f.Resume.Version, Data: f.Resume.Data}
		w.stored(no)
		if r.Observe != nil {
			r.Observe(p.ID, Stored{Receipt: rec, Landed: f.Landed, Took: time.Since(t0), Rejects: byRule(f.Rejects), ReadAt: f.ReadAt, Newest: f.Newest})
		}
		if a, ok := p.source.(connectors.Acknowledger); ok && window == "" {
			if aerr := a.Ack(hard, res.Resume); aerr != nil {
				r.Log.Warn("after storing", "source", p.ID, "error", aerr)
			}
		}
		_ = faultpoint.Hit("run.acknowledged")
	}
	res.Notes = w.notes
	res.Mapped, res.Enriched = p.norm.Report(), p.prep.enriched
	if w.failure != nil {
		return res, w.failure
	}
	if err := ctx.Err(); err != nil {
		return res, err
	}
	return res, nil
}

// buffer waits until a unit ends or is large enough to stream. more is false when nothing follows.
func (r *Runner) buffer(parts <-chan part) (buffered []part, more bool) {
	rows := 0
	for q := range parts {
		buffered = append(buffered, q)
		if q.chunk == nil {
			return buffered, true
		}
		if rows += int(q.chunk.Events.NumRows()); rows >= r.Limits.Stream {
			return buffered, true
		}
	}
	return buffered, false
}

func newRunID() string {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New()
	}
	return id.String()
}

// sameCheckpoint reports whether a poll found nothing at all.
func sameCheckpoint(a, b connectors.Checkpoint) bool {
	return a.Version == b.Version && bytes.Equal(a.Data, b.Data)
}
