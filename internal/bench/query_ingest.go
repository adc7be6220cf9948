package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
	"onegrid/internal/hub"
	"onegrid/internal/service"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// ingest is a hub that commits and publishes, as the daemon does.
type ingest struct {
	job  job
	hub  *hub.Hub
	pub  *publish.Publisher
	base int64
	n    int // commits so far
}

// openIngest opens a run's store and its publisher. The publisher does not run yet.
func openIngest(ctx context.Context, j job) (*ingest, error) {
	h, err := hub.Open(ctx, hub.Options{Config: configDir(j), Data: j.Data, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return nil, err
	}
	st, err := h.Store.State(ctx, hotline, "")
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	p, err := publisherOf(ctx, h)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return &ingest{job: j, hub: h, pub: p, base: st.Seq}, nil
}

func (in *ingest) close() error { return errors.Join(in.pub.Close(), in.hub.Close()) }

// publish runs the publisher until the returned function is called.
func (in *ingest) publish(ctx context.Context) (stop func() error, err error) {
	s := service.New("publisher", in.pub.Run)
	return func() error {
		done, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return s.Stop(done)
	}, s.Start(ctx)
}

// commit commits n times a thousand changed events and returns the seconds of each.
func (in *ingest) commit(ctx context.Context, n int) (took []float64, err error) {
	for range n {
		s, err := in.once(ctx)
		if err != nil {
			return took, err
		}
		took = append(took, s)
	}
	return took, nil
}

// commitFor commits without a pause for a time.
func (in *ingest) commitFor(ctx context.Context, d time.Duration) (took []float64, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s, err := in.once(ctx)
		if err != nil {
			return took, err
		}
		took = append(took, s)
	}
	return took, nil
}

// once commits the next thousand changes and tells the publisher, as the daemon does.
func (in *ingest) once(ctx context.Context) (seconds float64, err error) {
	c, err := readChanges(changesFile(largeDir(in.job), in.n%commits))
	if err != nil {
		return 0, err
	}
	defer func() { c.Events.Release() }()
	if pass := in.n / commits; pass > 0 {
		first := c
		c = later(first, pass)
		first.Events.Release()
	}
	now := time.Now().UTC()
	unit := &warehouse.Unit{Source: hotline, RunID: "bench", No: in.n + 1, Base: in.base,
		Chunks: func(yield func(*warehouse.Chunk, error) bool) { yield(c, nil) },
		Final: func() (warehouse.Final, error) {
			return warehouse.Final{Resume: warehouse.Checkpoint{Version: 1, Data: fmt.Appendf(nil, "%d", in.n)}, Read: commitRows, ReadAt: now,
				Run: warehouse.Run{Trigger: "manual", Started: now, Status: "running"}}, nil
		}}
	t0 := time.Now()
	rec, err := in.hub.Store.Commit(ctx, unit)
	seconds = time.Since(t0).Seconds()
	if err == nil && rec.Counts.Updated != commitRows {
		err = fmt.Errorf("commit %d: %d changed records came in, counts are %+v", in.n, commitRows, rec.Counts)
	}
	if err != nil {
		return 0, err
	}
	in.pub.Notify()
	in.base, in.n = rec.Seq, in.n+1
	return seconds, nil
}

// later makes of a chunk the next states of the same records: updated an hour later each pass, with another hash.
func later(c *warehouse.Chunk, pass int) *warehouse.Chunk {
	shift := int64(pass) * time.Hour.Microseconds()
	out := &warehouse.Chunk{ValidFrom: make([]int64, len(c.ValidFrom)), Fingerprint: make([]uint64, len(c.Fingerprint))}
	for i := range c.ValidFrom {
		out.ValidFrom[i] = c.ValidFrom[i] + shift
	}
	cols := make([]arrow.Array, c.Events.NumCols())
	for i, f := range c.Events.Schema().Fields() {
		cols[i] = c.Events.Column(i)
		switch f.Name {
		case "source_updated_at":
			b := array.NewTimestampBuilder(memory.DefaultAllocator, event.Timestamp)
			for _, v := range out.ValidFrom {
				b.Append(arrow.Timestamp(v))
			}
			cols[i] = b.NewArray()
			b.Release()
		case "content_hash":
			old := cols[i].(*array.FixedSizeBinary)
			b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, old.DataType().(*arrow.FixedSizeBinaryType))
			for k := range old.Len() {
				h := append([]byte(nil), old.Value(k)...)
				h[0] ^= byte(pass)
				h[1] ^= byte(pass >> 8)
				b.Append(h)
				out.Fingerprint[k] = binary.LittleEndian.Uint64(h)
			}
			cols[i] = b.NewArray()
			b.Release()
		}
	}
	out.Events = array.NewRecordBatch(c.Events.Schema(), cols, c.Events.NumRows())
	return out
}
