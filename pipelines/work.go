package pipelines

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/internal/faultpoint"
	"onegrid/warehouse"
)

// work is one run on the reading side: it turns batches into the parts of units.
type work struct {
	r     *Runner
	p     *Pipeline
	run   warehouse.Run
	runID string

	resume  connectors.Checkpoint // of the last batch that was prepared
	notes   []connectors.Note
	failure error // why reading ended early

	no   int
	open *openUnit

	mu sync.Mutex // guards inflight: preparing adds, storing removes
	// inflight are the ids that are prepared but not stored yet, by unit. A record with such an id must not be judged by
	// what the store holds.
	inflight map[int]map[uint64]struct{}
}

type openUnit struct {
	land    Landing
	rows    int64
	read    int64
	skipped int64
	rejects []warehouse.Reject
	began   time.Time
	readAt  time.Time
	newest  int64 // newest clock of the source, microseconds
	segment int32
}

// prepare reads until the source ends and sends parts. It ends every unit that it began.
func (w *work) prepare(ctx context.Context, in <-chan incoming, out chan<- part) {
	lim := w.r.Limits
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var tick <-chan time.Time
		if w.open != nil {
			wait := lim.Wait - time.Since(w.open.began)
			if w.open.rows >= int64(lim.Stream) {
				wait = lim.Stall // it holds the lane: it ends when it is full or the source pauses
			}
			timer.Reset(max(wait, time.Millisecond))
			tick = timer.C
		}
		select {
		case b, ok := <-in:
			if !ok || b.end {
				if b.err != nil && !(errors.Is(b.err, context.Canceled) && ctx.Err() != nil) {
					w.failure = b.err
				}
				w.finish(out)
				return
			}
			if err := w.take(ctx, b.batch, out); err != nil {
				w.failure = err
				w.fail(out, err)
				return
			}
			if w.open != nil && (w.open.rows >= int64(lim.Rows) || time.Since(w.open.began) >= lim.Wait && w.open.rows > 0 && w.open.rows < int64(lim.Stream)) {
				if !w.finish(out) {
					return
				}
			}
		case <-tick:
			if !w.finish(out) {
				return
			}
		}
	}
}

// take prepares one batch.
func (w *work) take(ctx context.Context, b connectors.Batch, out chan<- part) error {
	if b.Records != nil {
		defer b.Records.Release()
	}
	for _, n := range b.Notes {
		w.notes = append(w.notes, n)
		if w.r.Note != nil {
			w.r.Note(w.p.ID, n)
		}
	}
	rows := int64(0)
	if b.Records != nil {
		rows = b.Records.NumRows()
	}
	if rows == 0 && len(b.Rejects) == 0 && sameCheckpoint(b.Resume, w.resume) {
		return nil
	}
	if w.open == nil {
		w.no++
		w.open = &openUnit{began: time.Now()}
	}
	u := w.open
	// Microseconds are what the store keeps: a replay must give the same time.
	readAt := time.Now().UTC().Truncate(time.Microsecond)
	if b.AsOf.IsZero() {
		b.AsOf = readAt
	}
	u.readAt = readAt
	u.read += rows + int64(len(b.Rejects))
	rec := b.Records
	var m marks
	segment := u.segment
	if rows > 0 {
		var err error
		if m, err = w.p.prep.mark(rec); err != nil {
			return err
		}
		left, kept, err := w.skip(ctx, rec, m)
		if err != nil {
			return err
		}
		if left == nil {
			rec = nil
			u.skipped += rows
		} else if left != rec {
			defer left.Release()
			u.skipped += rows - int64(len(kept))
			rec, m = left, m.only(kept)
		}
	}
	w.resume = b.Resume
	if rec == nil && len(b.Rejects) == 0 {
		return nil
	}
	// A batch is sealed while it is mapped, and before it is stored: what the mapping cannot read today can be replayed
	// tomorrow. Both only read it.
	sealed := b
	sealed.Records = rec
	landed := make(chan error, 1)
	go func() { landed <- w.land(ctx, sealed, readAt) }()
	u.segment++
	u.rejects = append(u.rejects, decodeRejects(w.p.ID, b, segment)...)
	if rec == nil {
		return <-landed
	}
	chunk, rejects, err := w.p.prep.prepare(ctx, b, rec, m, readAt, segment)
	if lerr := <-landed; lerr != nil {
		err = lerr
	}
	if err != nil {
		if chunk != nil {
			chunk.Events.Release()
		}
		return err
	}
	u.rejects = append(u.rejects, rejects...)
	if chunk == nil {
		return nil
	}
	u.rows += chunk.Events.NumRows()
	u.newest = max(u.newest, slices.Max(chunk.ValidFrom))
	w.remember(m)
	out <- part{chunk: chunk}
	return nil
}

// skip removes the records that are stored as they are. It returns nil when none is left and rec itself when all are.
func (w *work) skip(ctx context.Context, rec arrow.RecordBatch, m marks) (arrow.RecordBatch, []int32, error) {
	if w.r.Memory == nil || w.p.noSkip {
		return rec, nil, nil
	}
	known, err := w.r.Memory.Unchanged(context.WithoutCancel(ctx), m.ids, m.fps)
	if err != nil {
		return nil, nil, fmt.Errorf("comparing with the store: %w", err)
	}
	left := 0
	w.mu.Lock()
	for i := range known {
		known[i] = !known[i] || w.underWay(binary.LittleEndian.Uint64(m.ids[16*i:]))
		if known[i] {
			left++
		}
	}
	w.mu.Unlock()
	switch left {
	case len(known):
		return rec, nil, nil
	case 0:
		return nil, nil, nil
	}
	out, rows := keepRows(rec, known, left)
	return out, rows, nil
}

// remember notes the ids of a prepared batch until its unit is stored.
func (w *work) remember(m marks) {
	w.mu.Lock()
	defer w.mu.Unlock()
	unit := w.inflight[w.no]
	if unit == nil {
		unit = map[uint64]struct{}{}
		w.inflight[w.no] = unit
	}
	for i := range m.fps {
		unit[binary.LittleEndian.Uint64(m.ids[16*i:])] = struct{}{}
	}
}

// underWay reports whether a unit that is not stored yet holds the id. The caller holds mu.
func (w *work) underWay(id uint64) bool {
	for _, unit := range w.inflight {
		if _, ok := unit[id]; ok {
			return true
		}
	}
	return false
}

// stored forgets the ids of a stored unit.
func (w *work) stored(no int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inflight, no)
}

func (w *work) land(ctx context.Context, b connectors.Batch, readAt time.Time) error {
	if w.p.lander == nil {
		return nil
	}
	if w.open.land == nil {
		l, err := w.p.lander.Begin(context.WithoutCancel(ctx), w.p.ID, w.runID, w.no)
		if err != nil {
			return fmt.Errorf("landing: %w", err)
		}
		w.open.land = l
	}
	if err := w.open.land.Append(b, readAt); err != nil {
		return fmt.Errorf("landing: %w", err)
	}
	return nil
}

// finish ends the open unit: the landing is sealed before the store is told where it lies. It reports false when the run
// must end.
func (w *work) finish(out chan<- part) bool {
	u := w.open
	if u == nil {
		return true
	}
	if err := w.budget(u); err != nil {
		w.failure = err
		w.fail(out, err)
		return false
	}
	var landed warehouse.Landed
	if u.land != nil {
		var err error
		if landed, err = u.land.End(true); err != nil {
			u.land = nil
			w.failure = fmt.Errorf("landing: %w", err)
			w.fail(out, w.failure)
			return false
		}
	}
	_ = faultpoint.Hit("run.landed")
	var newest time.Time
	if u.newest > 0 {
		newest = time.UnixMicro(u.newest).UTC()
	}
	w.open = nil
	out <- part{final: &warehouse.Final{Resume: warehouse.Checkpoint{Version: w.resume.Version, Data: w.resume.Data}, Read: u.read, Skipped: u.skipped,
		Rejects: u.rejects, Landed: landed, ReadAt: u.readAt, Newest: newest, Run: w.run}}
	return true
}

// fail ends the open unit without storing it.
func (w *work) fail(out chan<- part, err error) {
	if w.open == nil {
		return
	}
	w.abandon()
	out <- part{err: err}
}

// abandon removes the landing of a unit that will not be stored.
func (w *work) abandon() {
	if w.open != nil && w.open.land != nil {
		if _, err := w.open.land.End(false); err != nil {
			w.r.Log.Warn("removing an unused landing file", "source", w.p.ID, "error", err)
		}
	}
	w.open = nil
}

// minRejects is the number of rejects below which their share says nothing.
const minRejects = 20

// budget stops a source whose records suddenly do not fit: the resume point stays where it is.
func (w *work) budget(u *openUnit) error {
	n := int64(len(u.rejects))
	if n == 0 {
		return nil
	}
	over := w.p.maxRejects > 0 && n > int64(w.p.maxRejects) ||
		w.p.maxPercent > 0 && n >= minRejects && float64(n)*100 > w.p.maxPercent*float64(u.read)
	if !over {
		return nil
	}
	return &BudgetError{Read: u.read, Rejected: n, ByRule: byRule(u.rejects), Example: u.rejects[0].Position + ": " + u.rejects[0].Message}
}

// decodeRejects are the records of a batch that the connector could not read.
func decodeRejects(source string, b connectors.Batch, segment int32) []warehouse.Reject {
	var out []warehouse.Reject
	for _, r := range b.Rejects {
		out = append(out, warehouse.Reject{Segment: segment, ID: rejectID(source, r.Rule, r.Position, rawFingerprint(r)),
			Reject: event.Reject{Stream: b.Stream, Row: -1, Position: r.Position, Stage: "decode", Rule: r.Rule, Message: r.Message, MessageZH: r.MessageZH}})
	}
	return out
}

// rawFingerprint recognises a record that could not be decoded. It is keyed by its place where there are no bytes.
func rawFingerprint(r connectors.Reject) uint64 {
	if len(r.Raw) > 0 {
		return xxh3.Hash(r.Raw)
	}
	return xxh3.HashString(r.Position)
}
