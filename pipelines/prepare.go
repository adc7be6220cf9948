package pipelines

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
	"github.com/zeebo/xxh3"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/normalize"
	"onegrid/pipelines/privacy"
	"onegrid/warehouse"
)

// preparer carries batches of one source from as-received to ready-to-store. Its steps are in the order of the design:
// map, enrich, protect, assemble; nothing after protect sees a clear value (invariant 4).
type preparer struct {
	sourceID string
	seed     uint64 // of fingerprints: derived from a secret, so that a fingerprint cannot be guessed from outside
	ids      *event.IDs
	norm     *normalize.Normalizer
	rich     *enrich.Enricher
	guard    *privacy.Guard
	asm      *assembler
	columns  map[string]bool // source columns that the mapping reads; nil means all
	texts    []string
	enriched enrich.Report
}

// marks are what recognises the records of a batch: event id and fingerprint of each row.
type marks struct {
	ids []byte // 16 bytes a row
	fps []uint64
}

// mark computes ids and fingerprints before anything else is done with a batch. Only columns that the mapping reads
// count: a view counter that nobody maps must not make a record look new.
func (p *preparer) mark(rec arrow.RecordBatch) (marks, error) {
	n := int(rec.NumRows())
	m := marks{ids: make([]byte, 0, 16*n), fps: make([]uint64, n)}
	var err error
	if p.texts, err = p.norm.RecordIDs(rec, p.texts[:0]); err != nil {
		return m, fmt.Errorf("reading record numbers: %w", err)
	}
	for _, t := range p.texts {
		id := p.ids.Of(t)
		m.ids = append(m.ids, id[:]...)
	}
	for i := range m.fps {
		m.fps[i] = p.seed
	}
	for c, f := range rec.Schema().Fields() {
		if p.columns != nil && !p.columns[f.Name] {
			continue
		}
		col, ok := rec.Column(c).(*array.String)
		if !ok {
			return m, fmt.Errorf("source column %d is %s, want utf8", c, f.Type)
		}
		name := xxh3.HashString(f.Name)
		for i := range n {
			if col.IsValid(i) {
				m.fps[i] = xxh3.HashStringSeed(col.Value(i), m.fps[i]+name)
			}
		}
	}
	return m, nil
}

// prepare maps, enriches and protects the rows of a batch and returns the chunk and the rejects. m must describe rec;
// segment is where the batch lies in the landing file of its unit.
func (p *preparer) prepare(ctx context.Context, b connectors.Batch, rec arrow.RecordBatch, m marks, readAt time.Time, segment int32) (*warehouse.Chunk, []warehouse.Reject, error) {
	var rejects []warehouse.Reject
	asOf := b.AsOf
	if asOf.IsZero() {
		asOf = readAt
	}
	draft, bad, err := p.norm.Apply(rec, normalize.Meta{SourceID: p.sourceID, ReadAt: readAt, AsOf: asOf})
	if err != nil {
		return nil, nil, fmt.Errorf("mapping: %w", err)
	}
	add := func(r event.Reject, fp uint64) {
		if r.Stream == "" {
			r.Stream = b.Stream
		}
		if r.Position == "" {
			// Counted in the batch as landed: a replay must give the same place.
			r.Position = fmt.Sprintf("row %d", r.Row+1)
		}
		rejects = append(rejects, warehouse.Reject{Reject: r, ID: rejectID(p.sourceID, r.Rule, r.Column, fp), Segment: segment})
	}
	for _, r := range bad {
		add(r, m.fps[r.Row])
	}
	if draft == nil || draft.Rows == 0 {
		if draft != nil {
			draft.Release()
		}
		return nil, rejects, nil
	}
	rep, err := p.rich.Apply(draft, enrich.Meta{SourceID: p.sourceID})
	if err != nil {
		draft.Release()
		return nil, nil, fmt.Errorf("enriching: %w", err)
	}
	p.enriched.Add(rep)
	tokens, bad, err := p.guard.Protect(draft, privacy.Meta{Stream: b.Stream, Now: readAt})
	if err != nil {
		return nil, nil, fmt.Errorf("protecting: %w", err)
	}
	defer draft.Release()
	for _, r := range bad {
		add(r, m.fps[r.Row])
	}
	if draft.Rows == 0 {
		return nil, rejects, nil
	}
	events, err := p.asm.assemble(draft, readAt)
	if err != nil {
		return nil, nil, fmt.Errorf("assembling: %w", err)
	}
	c := &warehouse.Chunk{Events: events, ValidFrom: make([]int64, draft.Rows), Fingerprint: make([]uint64, draft.Rows)}
	updated, _ := draft.Col("source_updated_at").(*array.Timestamp)
	for i, src := range draft.Source {
		c.Fingerprint[i] = m.fps[src]
		if updated != nil && updated.IsValid(i) {
			c.ValidFrom[i] = int64(updated.Value(i))
		} else {
			c.ValidFrom[i] = asOf.UnixMicro()
		}
	}
	for i := range tokens.Len() {
		c.Tokens = append(c.Tokens, warehouse.Token{Row: int(tokens.Row[i]), Kind: tokens.Kind[i], Role: tokens.Role[i], KeyID: tokens.KID[i],
			Epoch: tokens.Epoch[i], Token: tokens.Token[i][:], Expires: int32(tokens.Expires[i])})
	}
	return c, rejects, nil
}

// rejectNamespace is the UUID namespace of reject ids.
var rejectNamespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("reject.onegrid"))

// rejectID makes the same reject the same row however often the record is read.
func rejectID(source, rule, column string, fp uint64) [16]byte {
	return uuid.NewSHA1(rejectNamespace, fmt.Appendf(nil, "%s\x1f%s\x1f%s\x1f%016x", source, rule, column, fp))
}

// keepRows copies the marked rows of a source batch.
func keepRows(rec arrow.RecordBatch, keep []bool, kept int) (arrow.RecordBatch, []int32) {
	rows := make([]int32, 0, kept)
	for i, k := range keep {
		if k {
			rows = append(rows, int32(i))
		}
	}
	cols := make([]arrow.Array, rec.NumCols())
	for c := range cols {
		src := rec.Column(c).(*array.String)
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.Reserve(kept)
		for _, i := range rows {
			if src.IsNull(int(i)) {
				b.AppendNull()
			} else {
				b.Append(src.Value(int(i)))
			}
		}
		cols[c] = b.NewArray()
		b.Release()
	}
	out := array.NewRecordBatch(rec.Schema(), cols, int64(kept))
	for _, c := range cols {
		c.Release()
	}
	return out, rows
}

// only keeps the marks of the given rows.
func (m marks) only(rows []int32) marks {
	out := marks{ids: make([]byte, 0, 16*len(rows)), fps: make([]uint64, 0, len(rows))}
	for _, i := range rows {
		out.ids = append(out.ids, m.ids[16*i:16*i+16]...)
		out.fps = append(out.fps, m.fps[i])
	}
	return out
}
