package duckdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"onegrid/event"
	"onegrid/warehouse"
)

// side collects the narrow rows of a unit that go beside its versions: transitions and tokens.
type side struct {
	trans   *array.RecordBuilder
	tokens  *array.RecordBuilder
	updated *array.FixedSizeBinaryBuilder // ids whose tokens are replaced
	// A unit may renew what it collected itself: held says whose each collected token is, renewed the last chunk
	// that changed an id.
	held    []heldToken
	renewed map[[16]byte]int32
	chunk   int32
	nTrans  int
	nTokens int
}

// heldToken is a collected token: the event that it belongs to and the chunk that it came with.
type heldToken struct {
	id    [16]byte
	chunk int32
}

var transitionSchema = arrow.NewSchema([]arrow.Field{
	uuidField("event_id"), {Name: "event_day", Type: arrow.FixedWidthTypes.Date32}, {Name: "seq", Type: arrow.PrimitiveTypes.Int32},
	{Name: "at", Type: event.Timestamp, Nullable: true}, {Name: "from_status", Type: arrow.BinaryTypes.String}, {Name: "to_status", Type: arrow.BinaryTypes.String},
	{Name: "stage", Type: arrow.PrimitiveTypes.Int8}, {Name: "action", Type: arrow.BinaryTypes.String}, {Name: "org_code", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "src_action", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "inferred", Type: arrow.FixedWidthTypes.Boolean}, {Name: "ingested_at", Type: event.Timestamp},
}, nil)

var tokenSchema = arrow.NewSchema([]arrow.Field{
	uuidField("event_id"), {Name: "event_day", Type: arrow.FixedWidthTypes.Date32}, {Name: "kind", Type: arrow.BinaryTypes.String}, {Name: "role", Type: arrow.BinaryTypes.String},
	{Name: "kid", Type: arrow.BinaryTypes.String}, {Name: "epoch", Type: arrow.PrimitiveTypes.Int32}, {Name: "token", Type: arrow.BinaryTypes.Binary},
	{Name: "expires", Type: arrow.FixedWidthTypes.Date32}, {Name: "keep", Type: arrow.FixedWidthTypes.Boolean},
}, nil)

// timeOf names the life-cycle column that dates a status; a status that is not listed is dated by the source's update.
var timeOf = map[string]string{
	"accepted": "accepted_at", "pending_dispatch": "filed_at", "dispatched": "dispatched_at", "in_progress": "signed_at",
	"resolved": "resolved_at", "checking": "resolved_at", "closed": "closed_at", "cancelled": "cancelled_at",
}

// add notes the transitions and tokens of a decided chunk.
func (s *side) add(c *warehouse.Chunk, in input, d *decision) {
	s.chunk++
	if len(d.changed) > 0 {
		if s.trans == nil {
			s.trans = array.NewRecordBuilder(allocator, transitionSchema)
		}
		org := column(c.Events, "owner_org_code")
		b := s.trans
		for _, t := range d.changed {
			b.Field(0).(*array.FixedSizeBinaryBuilder).Append(in.ids.Value(t.row))
			b.Field(1).(*array.Date32Builder).Append(arrow.Date32(d.day[t.row]))
			b.Field(2).(*array.Int32Builder).Append(t.seq)
			at := arrow.Timestamp(in.from[t.row])
			if name, ok := timeOf[t.to]; ok {
				if col, ok := column(c.Events, name).(*array.Timestamp); ok && col.IsValid(t.row) {
					at = col.Value(t.row)
				}
			}
			b.Field(3).(*array.TimestampBuilder).Append(at)
			b.Field(4).(*array.StringBuilder).Append(t.from)
			b.Field(5).(*array.StringBuilder).Append(t.to)
			b.Field(6).(*array.Int8Builder).Append(event.Stage(t.to))
			b.Field(7).(*array.StringBuilder).Append(event.Action(t.from, t.to))
			if text, err := textAt(org); err == nil && org.IsValid(t.row) {
				b.Field(8).(*array.StringBuilder).Append(text(t.row))
			} else {
				b.Field(8).AppendNull()
			}
			b.Field(9).AppendNull()
			b.Field(10).(*array.BooleanBuilder).Append(true)
			b.Field(11).(*array.TimestampBuilder).Append(in.ingested.Value(t.row))
		}
		s.nTrans += len(d.changed)
	}
	for i, f := range d.fate {
		if f == fateUpdated {
			if s.updated == nil {
				s.updated = array.NewFixedSizeBinaryBuilder(allocator, uuidType)
			}
			s.updated.Append(in.ids.Value(i))
			if s.nTokens > 0 {
				if s.renewed == nil {
					s.renewed = map[[16]byte]int32{}
				}
				s.renewed[[16]byte(in.ids.Value(i))] = s.chunk
			}
		}
	}
	for _, tok := range c.Tokens {
		// Tokens follow the current state; those of unchanged and stale rows are stored already or outdated.
		if f := d.fate[tok.Row]; f == fateUnchanged || f == fateStale || d.knownTo[tok.Row] != 0 {
			continue
		}
		if s.tokens == nil {
			s.tokens = array.NewRecordBuilder(allocator, tokenSchema)
		}
		b := s.tokens
		b.Field(0).(*array.FixedSizeBinaryBuilder).Append(in.ids.Value(tok.Row))
		b.Field(1).(*array.Date32Builder).Append(arrow.Date32(d.day[tok.Row]))
		b.Field(2).(*array.StringBuilder).Append(tok.Kind)
		b.Field(3).(*array.StringBuilder).Append(tok.Role)
		b.Field(4).(*array.StringBuilder).Append(tok.KeyID)
		b.Field(5).(*array.Int32Builder).Append(tok.Epoch)
		b.Field(6).(*array.BinaryBuilder).Append(tok.Token)
		b.Field(7).(*array.Date32Builder).Append(arrow.Date32(tok.Expires))
		s.held = append(s.held, heldToken{[16]byte(in.ids.Value(tok.Row)), s.chunk})
		s.nTokens++
	}
}

// outdated marks the collected tokens of states that a later chunk of the unit replaced, and returns how many are left.
func (s *side) outdated() int {
	if s.nTokens == 0 {
		return 0
	}
	keep := s.tokens.Field(8).(*array.BooleanBuilder)
	left := 0
	for _, h := range s.held {
		live := s.renewed[h.id] <= h.chunk
		keep.Append(live)
		if live {
			left++
		}
	}
	return left
}

func column(rec arrow.RecordBatch, name string) arrow.Array {
	if ix := rec.Schema().FieldIndices(name); len(ix) == 1 {
		return rec.Column(ix[0])
	}
	return nil
}

// flush writes what was collected.
func (t *tx) flush(ctx context.Context) error {
	s := &t.side
	if s.updated != nil {
		ids := s.updated.NewArray()
		defer ids.Release()
		rec := array.NewRecordBatch(idSchema, []arrow.Array{ids}, int64(ids.Len()))
		defer rec.Release()
		if err := t.s.feeds.ids.give(rec); err != nil {
			return err
		}
		err := t.s.exec(ctx, "CREATE OR REPLACE TEMP TABLE renewed AS SELECT id FROM memory.renewed")
		if err == nil {
			err = t.s.exec(ctx, "DELETE FROM event_party_token WHERE event_id IN (SELECT id FROM renewed)")
		}
		if err != nil {
			return fmt.Errorf("replacing tokens: %w", err)
		}
	}
	if err := t.insertRows(ctx, t.s.feeds.transitions, s.trans, "event_transition", s.nTrans, fmt.Sprintf(
		"event_id, event_day, %s AS source_id, seq, \"at\", from_status, to_status, stage, action, org_code, src_action, inferred, ingested_at", quoteText(t.unit.Source))); err != nil {
		return err
	}
	return t.insertRows(ctx, t.s.feeds.tokens, s.tokens, "event_party_token", s.outdated(), "event_id, event_day, kind, role, kid, epoch, token, expires", " WHERE keep")
}

func (t *tx) insertRows(ctx context.Context, f *feed, b *array.RecordBuilder, table string, want int, selectList string, where ...string) error {
	if want == 0 {
		return nil
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := f.give(rec); err != nil {
		return err
	}
	defer f.drop()
	got, err := t.s.execN(ctx, "INSERT INTO "+table+" SELECT "+selectList+" FROM "+f.view+strings.Join(where, ""))
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	if got != int64(want) {
		return fmt.Errorf("%w: %d of %d rows inserted into %s", warehouse.ErrUnbalanced, got, want, table)
	}
	return nil
}

// finish writes the rows beside the events, the resume point and the run row, and checks that every record read is
// accounted for (invariant 3).
func (t *tx) finish(ctx context.Context, fin warehouse.Final) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	t.counts.Read = fin.Read
	t.counts.Unchanged += fin.Skipped
	t.counts.Rejected = int64(len(fin.Rejects))
	t.counts.Transitions = int64(t.side.nTrans)
	if !t.counts.Balanced() {
		return fmt.Errorf("%w: %+v", warehouse.ErrUnbalanced, t.counts)
	}
	if fin.ReadAt.IsZero() {
		fin.ReadAt = t.now
	}
	if err := t.rejects(ctx, fin); err != nil {
		return err
	}
	if err := t.s.settle(ctx, fin.Settled, t.now); err != nil {
		return err
	}
	u, c := t.unit, t.counts
	data := fin.Resume.Data
	if data == nil {
		data = []byte{}
	}
	// invariant 1: the resume point is stored by the transaction that stores its records.
	if err := t.s.exec(ctx, "INSERT INTO checkpoint VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		u.Source, u.Point, t.seq, u.Base, int32(fin.Resume.Version), data, u.RunID, int32(u.No),
		c.Read, c.New, c.Updated, c.Unchanged, c.Stale, c.Rejected, c.Transitions,
		fin.Landed.Path, fin.Landed.SHA256, fin.Landed.Rows, fin.Landed.Bytes, fin.Run.Mapping, fin.ReadAt.UTC(), t.now, nullableTime(t.newest)); err != nil {
		return fmt.Errorf("storing the resume point: %w", err)
	}
	if err := t.s.exec(ctx, "INSERT INTO run_step VALUES (?,?,?,?,?,?,NULL,?,?,?,?,?,?,?,?,NULL,NULL,NULL,NULL)",
		u.RunID, u.Source, fin.Run.Trigger, fin.Run.Window, int32(u.No), "running", fin.Run.Started.UTC(), t.now,
		c.Read, c.New, c.Updated, c.Unchanged, c.Stale, c.Rejected); err != nil {
		return fmt.Errorf("storing the run row: %w", err)
	}
	return t.s.numberChange(ctx, changeState, t.change, t.now)
}

var rejectSchema = arrow.NewSchema([]arrow.Field{
	uuidField("reject_id"), {Name: "stream", Type: arrow.BinaryTypes.String}, {Name: "source_row", Type: arrow.PrimitiveTypes.Int32}, {Name: "position", Type: arrow.BinaryTypes.String},
	{Name: "stage", Type: arrow.BinaryTypes.String}, {Name: "rule", Type: arrow.BinaryTypes.String}, {Name: "column_name", Type: arrow.BinaryTypes.String},
	{Name: "message", Type: arrow.BinaryTypes.String}, {Name: "message_zh", Type: arrow.BinaryTypes.String}, {Name: "landed_segment", Type: arrow.PrimitiveTypes.Int32},
}, nil)

// rejects stores rejects that are not stored yet: the same bad record read again is no new row (invariant 2).
func (t *tx) rejects(ctx context.Context, fin warehouse.Final) error {
	if len(fin.Rejects) == 0 {
		return nil
	}
	b := array.NewRecordBuilder(allocator, rejectSchema)
	defer b.Release()
	for i := range fin.Rejects {
		r := &fin.Rejects[i]
		b.Field(0).(*array.FixedSizeBinaryBuilder).Append(r.ID[:])
		b.Field(1).(*array.StringBuilder).Append(r.Stream)
		b.Field(2).(*array.Int32Builder).Append(r.Row)
		b.Field(3).(*array.StringBuilder).Append(r.Position)
		b.Field(4).(*array.StringBuilder).Append(r.Stage)
		b.Field(5).(*array.StringBuilder).Append(r.Rule)
		b.Field(6).(*array.StringBuilder).Append(r.Column)
		b.Field(7).(*array.StringBuilder).Append(r.Message)
		b.Field(8).(*array.StringBuilder).Append(r.MessageZH)
		b.Field(9).(*array.Int32Builder).Append(r.Segment)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := t.s.feeds.rejects.give(rec); err != nil {
		return err
	}
	defer t.s.feeds.rejects.drop()
	if err := t.s.exec(ctx, `INSERT INTO reject SELECT r.reject_id, ?, ?, ?, r.stream, r.source_row, r.position, r.stage, r.rule, r.column_name, r.message, r.message_zh, ?, r.landed_segment, ?
 FROM (SELECT * FROM memory.rejects_in QUALIFY row_number() OVER (PARTITION BY reject_id ORDER BY source_row) = 1) r
 ANTI JOIN reject o ON o.reject_id = r.reject_id`, t.unit.Source, t.unit.RunID, t.seq, fin.Landed.Path, fin.ReadAt.UTC()); err != nil {
		return fmt.Errorf("storing rejects: %w", err)
	}
	return nil
}

// settle closes rejects. It runs inside the transaction of its caller.
func (s *Store) settle(ctx context.Context, settled []warehouse.Settled, at time.Time) error {
	for _, x := range settled {
		if err := s.exec(ctx, "INSERT INTO reject_action VALUES (?::UUID,?,?,?,?)", uuid.UUID(x.Reject).String(), x.Action, x.Actor, nullable(x.Note), at); err != nil {
			return fmt.Errorf("closing rejects: %w", err)
		}
	}
	return nil
}
