package pipelines

import (
	"context"
	"fmt"
	"iter"
	"time"

	"onegrid/connectors"
	"onegrid/warehouse"
)

// Segment is one landed batch with the time at which the hub read it.
type Segment struct {
	Batch  connectors.Batch
	ReadAt time.Time
}

// ReplayUnit is a unit as it was landed.
type ReplayUnit struct {
	RunID    string
	No       int
	Landed   warehouse.Landed
	Segments iter.Seq2[Segment, error] // empty for a unit that landed nothing
}

// Replay stores a landed unit again, in the order of the witness, into a store that is built from nothing: the same
// batches in the same order give the same rows (invariant 8).
func (r *Runner) Replay(ctx context.Context, p *Pipeline, u ReplayUnit) (warehouse.Receipt, error) {
	state, err := r.Progress.State(ctx, p.ID, "")
	if err != nil {
		return warehouse.Receipt{}, err
	}
	fin := warehouse.Final{Resume: state.Resume, Landed: u.Landed, Run: warehouse.Run{Trigger: "rebuild", Started: time.Now(), Status: "running", Mapping: p.digest}}
	chunks := func(yield func(*warehouse.Chunk, error) bool) {
		var segment int32
		for s, err := range u.Segments {
			if err != nil {
				yield(nil, fmt.Errorf("reading the landing: %w", err))
				return
			}
			c, err := r.replaySegment(ctx, p, s, segment, &fin)
			if err != nil {
				yield(nil, err)
				return
			}
			segment++
			if c == nil {
				continue
			}
			ok := yield(c, nil)
			c.Events.Release()
			if !ok {
				return
			}
		}
	}
	return r.Store.Commit(ctx, &warehouse.Unit{Source: p.ID, RunID: u.RunID, No: u.No, Base: state.Seq, Chunks: chunks,
		Final: func() (warehouse.Final, error) { return fin, nil }})
}

func (r *Runner) replaySegment(ctx context.Context, p *Pipeline, s Segment, segment int32, fin *warehouse.Final) (*warehouse.Chunk, error) {
	b := s.Batch
	fin.Resume = warehouse.Checkpoint{Version: b.Resume.Version, Data: b.Resume.Data}
	fin.ReadAt = s.ReadAt
	fin.Read += int64(len(b.Rejects))
	fin.Rejects = append(fin.Rejects, decodeRejects(p.ID, b, segment)...)
	if b.Records == nil {
		return nil, nil
	}
	defer b.Records.Release()
	if b.Records.NumRows() == 0 {
		return nil, nil
	}
	fin.Read += b.Records.NumRows()
	m, err := p.prep.mark(b.Records)
	if err != nil {
		return nil, err
	}
	c, rejects, err := p.prep.prepare(ctx, b, b.Records, m, s.ReadAt, segment)
	if err != nil {
		return nil, err
	}
	fin.Rejects = append(fin.Rejects, rejects...)
	return c, nil
}
