package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
	"onegrid/internal/hub"
	"onegrid/warehouse"
)

// Measured commits, and rows of each.
const (
	commits    = 30
	commitRows = 1000
)

// changesFile holds the rows of one commit as an Arrow file.
func changesFile(cache string, n int) string {
	return filepath.Join(cache, fmt.Sprintf("changes%02d.arrow", n))
}

// resetCommits gives the run a copy of the large store.
func resetCommits(_ context.Context, j job) (outcome, error) {
	return outcome{}, copyStore(filepath.Join(largeDir(j), "data"), j.Data)
}

// measureCommits commits the prepared changes one after the other, each as a unit of its own. The rows come ready, as a
// pipeline would hand them over: what is measured is Store.Commit.
func measureCommits(ctx context.Context, j job) (outcome, error) {
	h, err := hub.Open(ctx, hub.Options{Config: j.Dir, Data: j.Data})
	if err != nil {
		return outcome{}, err
	}
	st, err := h.Store.State(ctx, hotline, "")
	if err != nil {
		return outcome{}, errors.Join(err, h.Close())
	}
	base := st.Seq
	var took []float64
	for n := range commits {
		c, err := readChanges(changesFile(largeDir(j), n))
		if err != nil {
			return outcome{}, errors.Join(err, h.Close())
		}
		now := time.Now().UTC()
		unit := &warehouse.Unit{Source: hotline, RunID: "bench", No: n + 1, Base: base,
			Chunks: func(yield func(*warehouse.Chunk, error) bool) { yield(c, nil) },
			Final: func() (warehouse.Final, error) {
				return warehouse.Final{Resume: warehouse.Checkpoint{Version: 1, Data: fmt.Appendf(nil, "%d", n)}, Read: commitRows, ReadAt: now,
					Run: warehouse.Run{Trigger: "manual", Started: now, Status: "running"}}, nil
			}}
		t0 := time.Now()
		rec, err := h.Store.Commit(ctx, unit)
		took = append(took, time.Since(t0).Seconds())
		c.Events.Release()
		if err == nil && rec.Counts.Updated != commitRows {
			err = fmt.Errorf("commit %d: %d changed records came in, counts are %+v", n, commitRows, rec.Counts)
		}
		if err != nil {
			return outcome{}, errors.Join(err, h.Close())
		}
		base = rec.Seq
	}
	d := map[string]float64{"ms_p05": rounded(1000 * quantile(took, 0.05)), "ms_median": rounded(1000 * median(took)), "ms_p95": rounded(1000 * quantile(took, 0.95)),
		"ms_max": rounded(1000 * quantile(took, 1))}
	return outcome{Seconds: median(took), Rows: commitRows, Repeats: commits, Details: d}, h.Close()
}

// verifyCommits wants one more version for every changed record, and no more events.
func verifyCommits(ctx context.Context, j job) (outcome, error) {
	t, err := countStore(ctx, j.Data, hotline)
	if err != nil {
		return outcome{}, err
	}
	if t.events != j.Expect.Rows || t.versions != j.Expect.Rows+commits*commitRows {
		return outcome{}, fmt.Errorf("%d commits of %d changes into %d events gave %d events in %d versions", commits, commitRows, j.Expect.Rows, t.events, t.versions)
	}
	return outcome{Rows: commitRows, Details: map[string]float64{"events": float64(t.events)}}, nil
}

// readChanges makes a chunk of an exported Arrow file.
func readChanges(path string) (*warehouse.Chunk, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	defer r.Close()
	if r.NumRecords() != 1 {
		return nil, fmt.Errorf("reading %s: %d batches instead of one", filepath.Base(path), r.NumRecords())
	}
	rec, err := r.RecordBatch(0)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	n := int(rec.NumRows())
	if n != commitRows {
		return nil, fmt.Errorf("reading %s: %d rows instead of %d", filepath.Base(path), n, commitRows)
	}
	c := &warehouse.Chunk{ValidFrom: make([]int64, n), Fingerprint: make([]uint64, n)}
	var fields []arrow.Field
	var cols []arrow.Array
	for i, f := range rec.Schema().Fields() {
		col := rec.Column(i)
		want, ok := event.Lookup(f.Name)
		switch v := col.(type) {
		case *array.Binary: // the store gives ids and hashes back without their width
			if f.Name == "event_id" {
				col = fixedWidth(v, 16)
			} else {
				col = fixedWidth(v, want.Type.(*arrow.FixedSizeBinaryType).ByteWidth)
			}
		case *array.Timestamp:
			f.Type = want.Type
			data := array.NewData(want.Type, n, v.Data().Buffers(), nil, v.NullN(), 0)
			col = array.MakeFromData(data)
			data.Release()
		}
		if !ok {
			return nil, fmt.Errorf("reading %s: no event column %s", filepath.Base(path), f.Name)
		}
		if f.Name == "source_updated_at" {
			for k, t := range col.(*array.Timestamp).Values() {
				c.ValidFrom[k] = int64(t)
			}
		}
		fields, cols = append(fields, arrow.Field{Name: f.Name, Type: col.DataType(), Nullable: true}), append(cols, col)
		if f.Name == "content_hash" {
			for k := range n {
				c.Fingerprint[k] = binary.LittleEndian.Uint64(col.(*array.FixedSizeBinary).Value(k))
			}
		}
	}
	c.Events = array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(n))
	return c, nil
}

func fixedWidth(v *array.Binary, width int) arrow.Array {
	b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: width})
	defer b.Release()
	for i := range v.Len() {
		b.Append(v.Value(i))
	}
	return b.NewArray()
}
