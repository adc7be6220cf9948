package pipelines

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/normalize"
	"onegrid/warehouse"
)

// Preview is what a source would give now: its first records as received beside the events or rejects they become.
type Preview struct {
	Records  []PreviewRecord
	Notes    []connectors.Note
	Mapped   normalize.Report
	Enriched enrich.Report
}

// PreviewRecord is one record: an event, or a reject.
type PreviewRecord struct {
	Stream   string            `json:"stream,omitempty"`
	Origin   string            `json:"origin,omitempty"`
	Position string            `json:"position"`
	Raw      []PreviewValue    `json:"raw,omitempty"`
	Event    []PreviewValue    `json:"event,omitempty"`
	Tokens   []string          `json:"tokens,omitempty"` // kind and role of each party token, never the token
	Flags    []string          `json:"flags,omitempty"`
	Reject   *warehouse.Reject `json:"-"`
}

// PreviewValue is one column of a record. Masked says that Value is not what was received.
type PreviewValue struct {
	Column string `json:"column"`
	Value  string `json:"value"`
	Null   bool   `json:"null,omitempty"`
	Masked bool   `json:"masked,omitempty"`
}

// Hidden stands for a value that is not shown at all.
const Hidden = "〔…〕"

// Mask turns a value as received into what a person may see; hidden says whether it changed.
type Mask func(column, value string) (shown string, masked bool)

// MaskFor hides the columns that the mapping drops, turns into tokens, uses in memory only or does not name, and scrubs
// all others as free text: a terminal shows no more of a person than the store would (invariant 4).
func (p *Pipeline) MaskFor(items []normalize.Item) Mask {
	kept := map[string]bool{}
	for _, it := range items {
		switch it.Target {
		case "", "party", "caller":
			kept[it.Column] = false
		default:
			if _, known := kept[it.Column]; !known {
				kept[it.Column] = true
			}
		}
	}
	return func(column, value string) (string, bool) {
		if value == "" {
			return "", false
		}
		if !kept[column] {
			return Hidden, true
		}
		clean := p.prep.guard.Scrub(value)
		return clean, clean != value
	}
}

// Preview reads the first limit records from a checkpoint and carries them through every step but storing. mask decides
// what is shown of the values as received; nil shows them all. Nothing is stored or landed, and the source is told
// nothing. It returns what it has together with the error that ended the reading.
func (p *Pipeline) Preview(ctx context.Context, from connectors.Checkpoint, limit int, mask Mask) (Preview, error) {
	var out Preview
	left := limit
	for b, err := range p.source.Read(ctx, from) {
		if err != nil {
			out.Mapped, out.Enriched = p.norm.Report(), p.prep.enriched
			return out, err
		}
		out.Notes = append(out.Notes, b.Notes...)
		n, err := p.previewBatch(ctx, b, left, mask, &out)
		if err != nil {
			return out, err
		}
		if left -= n; left <= 0 {
			break
		}
	}
	out.Mapped, out.Enriched = p.norm.Report(), p.prep.enriched
	return out, nil
}

func (p *Pipeline) previewBatch(ctx context.Context, b connectors.Batch, limit int, mask Mask, out *Preview) (int, error) {
	shown := 0
	for _, r := range decodeRejects(p.ID, b, 0) {
		if shown == limit {
			break
		}
		out.Records = append(out.Records, PreviewRecord{Stream: b.Stream, Origin: b.Origin, Position: r.Position, Reject: &r})
		shown++
	}
	if b.Records == nil {
		return shown, nil
	}
	defer b.Records.Release()
	rows := int(b.Records.NumRows())
	keep := make([]bool, rows)
	n := min(limit-shown, rows)
	if n == 0 {
		return shown, nil
	}
	for i := range n {
		keep[i] = true
	}
	rec, _ := keepRows(b.Records, keep, n)
	defer rec.Release()
	recs, err := p.Look(ctx, b, rec, time.Now().UTC(), mask)
	out.Records = append(out.Records, recs...)
	return shown + n, err
}

// Look carries the records of a batch through every step but storing and gives one answer a row.
func (p *Pipeline) Look(ctx context.Context, b connectors.Batch, rec arrow.RecordBatch, readAt time.Time, mask Mask) ([]PreviewRecord, error) {
	m, err := p.prep.mark(rec)
	if err != nil {
		return nil, err
	}
	chunk, rejects, err := p.prep.prepare(ctx, b, rec, m, readAt, 0)
	if err != nil {
		return nil, err
	}
	out := make([]PreviewRecord, rec.NumRows())
	for i := range out {
		out[i] = PreviewRecord{Stream: b.Stream, Origin: b.Origin, Position: fmt.Sprintf("row %d", i+1), Raw: rawValues(rec, i, mask)}
	}
	for _, r := range rejects {
		out[r.Row].Reject, out[r.Row].Position = &r, r.Position
	}
	if chunk == nil {
		return out, nil
	}
	defer chunk.Events.Release()
	// Rejected rows are taken out in order, so the rows of the chunk are the rest, in order.
	at := make([]int, 0, chunk.Events.NumRows())
	for i := range out {
		if out[i].Reject == nil {
			at = append(at, i)
		}
	}
	if len(at) != int(chunk.Events.NumRows()) {
		return nil, fmt.Errorf("previewing %s: %d events and %d rejects from %d records", p.ID, chunk.Events.NumRows(), len(rejects), len(out))
	}
	for row, i := range at {
		out[i].Event, out[i].Flags = eventValues(chunk.Events, row)
	}
	for _, t := range chunk.Tokens {
		out[at[t.Row]].Tokens = append(out[at[t.Row]].Tokens, t.Kind+" ("+t.Role+")")
	}
	return out, nil
}

func rawValues(rec arrow.RecordBatch, row int, mask Mask) []PreviewValue {
	var out []PreviewValue
	for c, f := range rec.Schema().Fields() {
		v := PreviewValue{Column: f.Name, Null: true}
		if col, ok := rec.Column(c).(*array.String); ok && col.IsValid(row) {
			v.Null, v.Value = false, col.Value(row)
			if mask != nil {
				v.Value, v.Masked = mask(f.Name, v.Value)
			}
		}
		out = append(out, v)
	}
	return out
}

// eventValues are the columns of one event that have a value, and the names of its flags. Times are shown in the zone of
// the partition days.
func eventValues(rec arrow.RecordBatch, row int) (out []PreviewValue, flags []string) {
	for c, f := range rec.Schema().Fields() {
		col := rec.Column(c)
		if col.IsNull(row) || f.Name == "content_hash" {
			continue
		}
		v := col.ValueStr(row)
		switch a := col.(type) {
		case *array.Timestamp:
			v = time.UnixMicro(int64(a.Value(row))).In(event.Shanghai).Format("2006-01-02 15:04:05")
		case *array.Uint64:
			if f.Name == "quality_flags" {
				flags = event.Flag(a.Value(row)).Names()
				continue
			}
		case *array.FixedSizeBinary:
			v = fmt.Sprintf("%x", a.Value(row))
		}
		out = append(out, PreviewValue{Column: f.Name, Value: v})
	}
	return out, flags
}
