package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/goleak"

	"onegrid/connectors"
)

// maxRaw is the most bytes of a rejected record that a batch may carry.
const maxRaw = 64 << 10

// minBatches is what the upstream must give for the resume checks to mean anything.
const minBatches = 3

// checkBatches: every batch has the shape that the hub relies upon.
func checkBatches(t *testing.T, h Harness) error {
	src := h.Open(t)
	return h.within("Read", func() error {
		n := 0
		for b, err := range src.Read(t.Context(), connectors.Checkpoint{}) {
			if err != nil {
				return fmt.Errorf("reading: %w", err)
			}
			err = h.batchShape(b)
			if b.Records != nil {
				b.Records.Release()
			}
			if err != nil {
				return fmt.Errorf("batch %d: %w", n, err)
			}
			n++
		}
		if n < minBatches {
			return fmt.Errorf("the upstream gives %d batches; the suite needs at least %d: set a smaller Env.BatchRows or page", n, minBatches)
		}
		return nil
	})
}

func (h Harness) batchShape(b connectors.Batch) error {
	if b.Stream == "" {
		return errors.New("no stream name")
	}
	if b.Resume.IsZero() && !h.Coarse {
		return errors.New("the checkpoint is zero: resuming from it would start over")
	}
	if len(b.Resume.Data) > 0 && !json.Valid(b.Resume.Data) {
		return errors.New("the checkpoint is not JSON")
	}
	if !b.Resume.IsZero() && b.Resume.Version <= 0 {
		return errors.New("the checkpoint has no version")
	}
	rule := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for i, r := range b.Rejects {
		switch {
		case !rule.MatchString(r.Rule):
			return fmt.Errorf("reject %d: rule %q is not a short code", i, r.Rule)
		case r.Position == "" || r.Message == "" || r.MessageZH == "":
			return fmt.Errorf("reject %d: position and message in both languages are needed", i)
		case len(r.Raw) > maxRaw:
			return fmt.Errorf("reject %d: raw part of %d bytes, over %d", i, len(r.Raw), maxRaw)
		}
	}
	if b.Records == nil {
		return nil
	}
	return recordShape(b.Records)
}

func recordShape(rec arrow.RecordBatch) error {
	seen := map[string]bool{}
	for i, f := range rec.Schema().Fields() {
		switch {
		case f.Name == "" || !utf8.ValidString(f.Name):
			return fmt.Errorf("column %d has an empty or ill-encoded name", i)
		case seen[f.Name]:
			return fmt.Errorf("two columns are named %q", f.Name)
		case f.Type.ID() != arrow.STRING || !f.Nullable:
			return fmt.Errorf("column %q is %s (nullable %t), not a nullable utf8", f.Name, f.Type, f.Nullable)
		}
		seen[f.Name] = true
		col, ok := rec.Column(i).(*array.String)
		if !ok || int64(col.Len()) != rec.NumRows() {
			return fmt.Errorf("column %q does not have one text for each of the %d rows", f.Name, rec.NumRows())
		}
		for r := range col.Len() {
			if col.IsValid(r) && !utf8.ValidString(col.Value(r)) {
				return fmt.Errorf("column %q row %d is not valid UTF-8", f.Name, r)
			}
		}
	}
	return nil
}

// checkComplete: an undisturbed read gives every record once.
func checkComplete(t *testing.T, h Harness) error {
	gs, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if n := rejectsOf(gs); n != h.Rejects {
		return fmt.Errorf("%d rejects, want %d", n, h.Rejects)
	}
	return sameKeys(h.Keys, keysOf(gs))
}

// checkResume: from every checkpoint a new source gives the rest, at least once, and exactly once unless overlap is declared.
func checkResume(t *testing.T, h Harness) error {
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	for i, g := range all {
		rest, err := h.readAll(t.Context(), h.Open(t), stored(g.resume))
		if err != nil {
			return fmt.Errorf("resuming after batch %d: %w", i, err)
		}
		want := keysOf(all[i+1:])
		if h.Overlap || h.Coarse {
			err = coversKeys(want, h.Keys, keysOf(rest))
		} else {
			err = sameKeys(want, keysOf(rest))
		}
		if err != nil {
			return fmt.Errorf("resuming after batch %d of %d: %w", i, len(all), err)
		}
	}
	return nil
}

// stored is what comes back from the store: nothing that a checkpoint shares in memory survives.
func stored(c connectors.Checkpoint) connectors.Checkpoint {
	return connectors.Checkpoint{Version: c.Version, Data: append([]byte(nil), c.Data...)}
}

// checkStepwise: one batch per reading, each with a new source, gets through the whole upstream: checkpoints make progress.
func checkStepwise(t *testing.T, h Harness) error {
	if h.Coarse {
		return fmt.Errorf("checkpoints move at the end only: %w", errNotApplicable)
	}
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	var got []string
	at := connectors.Checkpoint{}
	limit := 2*len(all) + 4
	for step := 0; ; step++ {
		if step > limit {
			return fmt.Errorf("after %d readings of one batch each (%d batches exist) the source is not through: its checkpoints make no progress", step, len(all))
		}
		var gs []given
		err := h.within("Read", func() (err error) {
			gs, err = collect(h.Open(t).Read(t.Context(), stored(at)), h.KeyColumn, 1)
			return err
		})
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if len(gs) == 0 {
			break
		}
		before := len(unique(got))
		got = append(got, gs[0].keys...)
		at = gs[0].resume
		if h.Overlap && len(unique(got)) == before && len(unique(got)) == len(unique(h.Keys)) {
			break
		}
	}
	if h.Overlap {
		return coversKeys(h.Keys, h.Keys, got)
	}
	return sameKeys(h.Keys, got)
}

// checkAgain: from the last checkpoint an unchanged upstream has nothing new.
func checkAgain(t *testing.T, h Harness) error {
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil || len(all) == 0 {
		return fmt.Errorf("reading %d batches: %w", len(all), err)
	}
	at := lastResume(all)
	for round := range 2 {
		again, err := h.readAll(t.Context(), h.Open(t), stored(at))
		if err != nil {
			return fmt.Errorf("reading again: %w", err)
		}
		if h.Overlap {
			err = coversKeys(nil, h.Keys, keysOf(again))
		} else {
			err = sameKeys(nil, keysOf(again))
		}
		if err != nil {
			return fmt.Errorf("reading again (%d) from the last checkpoint: %w", round+1, err)
		}
		if len(again) > 0 {
			at = lastResume(again)
		}
	}
	return nil
}

// checkForeignCheckpoint: a checkpoint that is not the source's own is refused, not read as "from the start".
func checkForeignCheckpoint(t *testing.T, h Harness) error {
	for _, c := range []connectors.Checkpoint{
		{Version: 9999, Data: []byte(`{}`)},
		{Version: 1, Data: []byte(`not json`)},
	} {
		gs, err := h.readAll(t.Context(), h.Open(t), c)
		if !errors.Is(err, connectors.ErrCheckpoint) {
			return fmt.Errorf("version %d, data %q: want ErrCheckpoint, got %d batches and error %v", c.Version, c.Data, len(gs), err)
		}
	}
	return nil
}

// checkBreak: leaving the loop stops the source; nothing of it keeps running.
func checkBreak(t *testing.T, h Harness) error {
	for stop := 1; stop <= minBatches; stop++ {
		ignore := goleak.IgnoreCurrent()
		err := h.within("breaking out of the loop", func() error {
			gs, err := collect(h.Open(t).Read(t.Context(), connectors.Checkpoint{}), h.KeyColumn, stop)
			if err == nil && len(gs) == 0 {
				err = errors.New("no batch was given")
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := goleak.Find(ignore); err != nil {
			return fmt.Errorf("after a break behind batch %d: %w", stop, err)
		}
	}
	return nil
}

// checkCancel: a cancelled context ends the reading with its error; a silent end would look like "nothing more".
func checkCancel(t *testing.T, h Harness) error {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if gs, err := h.readAll(ctx, h.Open(t), connectors.Checkpoint{}); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelled before the start: %d batches and error %v, want context.Canceled", len(gs), err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	ignore := goleak.IgnoreCurrent()
	var seen int
	err := h.within("a cancelled Read", func() error {
		for b, err := range h.Open(t).Read(ctx, connectors.Checkpoint{}) {
			if b.Records != nil {
				b.Records.Release()
			}
			if err != nil {
				return err
			}
			seen++
			cancel()
		}
		return nil
	})
	// Batches that were ready before the cancellation may still come, but not the whole upstream as if nothing had been.
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelled after the first batch: %d batches and error %v, want context.Canceled", seen, err)
	}
	if err := goleak.Find(ignore); err != nil {
		return fmt.Errorf("after a cancelled reading: %w", err)
	}
	return nil
}

// checkHang: a cancelled context ends a wait for an upstream that does not answer.
func checkHang(t *testing.T, h Harness) error {
	if h.Hang == nil {
		return fmt.Errorf("no hanging upstream in the harness: %w", errNotApplicable)
	}
	src, asked := h.Hang(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-asked:
		case <-ctx.Done():
		}
		cancel()
	}()
	_, err := h.readAll(ctx, src, connectors.Checkpoint{})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelled while the upstream hangs: error %v, want context.Canceled", err)
	}
	return nil
}
