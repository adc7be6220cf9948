package pipelines

import (
	"context"
	"fmt"
	"time"

	"onegrid/connectors"
	"onegrid/warehouse"
)

// Retry is one rejected record in a landed batch.
type Retry struct {
	ID  [16]byte // of the reject
	Row int32    // row of the batch as landed
}

// Retried says what became of a rejected record under the mapping as it is now.
type Retried struct {
	ID      [16]byte
	Rule    string // rule that still rejects it, "" where it became an event
	Column  string
	Message string
	ZH      string
}

// RetryBatch is a landed batch with the rejects that lie in it. The caller releases Batch.Records after Retry.
type RetryBatch struct {
	Batch   connectors.Batch
	Rejects []Retry
}

// Retry carries rejected records through the pipeline again. The ones that became events, the resume point as it is and
// the rows that close their rejects are one unit (invariant 1); the others stay open as they are. Nothing is stored when
// all of them are rejected again.
func (r *Runner) Retry(ctx context.Context, p *Pipeline, runID string, batches []RetryBatch, actor, note string) ([]Retried, warehouse.Counts, error) {
	unlock, err := r.lockSource(p.ID)
	if err != nil {
		return nil, warehouse.Counts{}, err
	}
	defer unlock()
	var out []Retried
	var chunks []*warehouse.Chunk
	defer func() {
		for _, c := range chunks {
			c.Events.Release()
		}
	}()
	// The store learns of these records now, whatever the day on which they were first read: known_from must not lie in a past
	// for which an answer may have been given.
	now := time.Now().UTC().Truncate(time.Microsecond)
	fin := warehouse.Final{ReadAt: now, Run: warehouse.Run{Trigger: "replay", Started: now, Status: "running", Mapping: p.digest}}
	for _, rb := range batches {
		rec := rb.Batch.Records
		if rec == nil {
			continue
		}
		keep := make([]bool, rec.NumRows())
		byRow := map[int32][16]byte{}
		for _, x := range rb.Rejects {
			if x.Row < 0 || int64(x.Row) >= rec.NumRows() {
				return nil, warehouse.Counts{}, fmt.Errorf("replaying a reject of %s: the landed batch has no row %d", p.ID, x.Row+1)
			}
			keep[x.Row] = true
			byRow[x.Row] = x.ID
		}
		some, rows := keepRows(rec, keep, len(byRow))
		m, err := p.prep.mark(some)
		if err != nil {
			some.Release()
			return nil, warehouse.Counts{}, err
		}
		chunk, rejects, err := p.prep.prepare(ctx, rb.Batch, some, m, now, 0)
		some.Release()
		if err != nil {
			return nil, warehouse.Counts{}, err
		}
		again := map[int32]bool{}
		for _, x := range rejects {
			again[x.Row] = true
			out = append(out, Retried{ID: byRow[rows[x.Row]], Rule: x.Rule, Column: x.Column, Message: x.Message, ZH: x.MessageZH})
		}
		for i, row := range rows {
			if !again[int32(i)] {
				out = append(out, Retried{ID: byRow[row]})
				fin.Settled = append(fin.Settled, warehouse.Settled{Reject: byRow[row], Action: "replayed", Actor: actor, Note: note})
			}
		}
		if chunk != nil {
			chunks = append(chunks, chunk)
			fin.Read += chunk.Events.NumRows()
		}
	}
	if len(fin.Settled) == 0 {
		return out, warehouse.Counts{}, nil
	}
	state, err := r.Progress.State(ctx, p.ID, "")
	if err != nil {
		return nil, warehouse.Counts{}, err
	}
	fin.Resume = state.Resume
	rec, err := r.Store.Commit(ctx, &warehouse.Unit{Source: p.ID, RunID: runID, No: 1, Base: state.Seq,
		Chunks: func(yield func(*warehouse.Chunk, error) bool) {
			for _, c := range chunks {
				if !yield(c, nil) {
					return
				}
			}
		},
		Final: func() (warehouse.Final, error) { return fin, nil }})
	return out, rec.Counts, err
}
