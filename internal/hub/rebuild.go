package hub

import (
	"context"
	"errors"
	"fmt"
	"os"

	"filippo.io/age"

	"onegrid/pipelines"
	"onegrid/pipelines/landing"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

// RebuildResult says what a rebuild stored and what it could not.
type RebuildResult struct {
	Units   int              `json:"units"`
	Counts  warehouse.Counts `json:"counts"`
	Missing []string         `json:"missing,omitempty"` // landed units that are gone: expired, or landing was off
}

// Rebuild replays the landing of the data directory from into this hub's store, which must be empty, in the order of
// the witness (invariant 8). A unit whose landing has expired cannot be replayed; it is named in Missing and the rest goes
// on. progress is told after each unit.
func (h *Hub) Rebuild(ctx context.Context, from string, id age.Identity, progress func(done, total int)) (RebuildResult, error) {
	var res RebuildResult
	var n int64
	if err := h.Store.DB().QueryRowContext(ctx, "SELECT count(*) FROM checkpoint").Scan(&n); err != nil {
		return res, err
	}
	if n > 0 {
		return res, fmt.Errorf("%w: rebuild needs an empty store, this one holds %d units", ErrConfig, n)
	}
	witness, err := duckdb.ReadWitness(from)
	if err != nil {
		return res, err
	}
	rs, err := h.recipients()
	if err != nil {
		return res, err
	}
	if len(rs) == 0 {
		return res, fmt.Errorf("%w: landing.recipients is empty: nothing was landed", ErrConfig)
	}
	l, err := landing.Open(from+string(os.PathSeparator)+"landing", rs, landing.Options{})
	if err != nil {
		return res, err
	}
	defer l.Close()
	pipes := map[string]*pipelines.Pipeline{}
	for i, w := range witness {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		p, ok := pipes[w.Source]
		if !ok {
			src, err := h.Source(w.Source)
			if err != nil {
				return res, fmt.Errorf("the landing holds a source that the configuration has not: %w", err)
			}
			if p, err = h.Replay(src); err != nil {
				return res, err
			}
			pipes[w.Source] = p
		}
		landed := warehouse.Landed{Path: w.Landed, SHA256: w.SHA256}
		if w.Landed != "" {
			if u, ok := h.manifest(l, w.Landed); ok {
				landed.Rows, landed.Bytes = u.Rows, u.Bytes
			}
		}
		rec, err := h.Runner.Replay(ctx, p, pipelines.ReplayUnit{RunID: w.RunID, No: w.Unit, Landed: landed, Segments: segments(l, landed, id)})
		if errors.Is(err, os.ErrNotExist) {
			// The seq is kept, so that what follows lies where it lay.
			res.Missing = append(res.Missing, w.Landed)
			rec, err = h.Runner.Replay(ctx, p, pipelines.ReplayUnit{RunID: w.RunID, No: w.Unit, Segments: segments(l, warehouse.Landed{}, id)})
		}
		if err != nil {
			return res, fmt.Errorf("replaying unit %d of %s: %w", w.Seq, w.Source, err)
		}
		res.Units++
		res.Counts.Add(rec.Counts)
		if progress != nil {
			progress(i+1, len(witness))
		}
	}
	return res, nil
}

func (h *Hub) manifest(l *landing.Landing, path string) (landing.Ref, bool) {
	if h.manifests == nil {
		h.manifests = map[string]landing.Ref{}
		if us, err := l.List(""); err == nil {
			for _, u := range us {
				h.manifests[u.Ref.Path] = u.Ref
			}
		}
	}
	r, ok := h.manifests[path]
	return r, ok
}
