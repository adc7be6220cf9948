package publish_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"

	"onegrid/event"
	"onegrid/warehouse"
)

// row is an event by column name; a column that is missing is null.
type row map[string]any

// town is a store in memory that tells its changes as warehouse.ChangeFeed asks.
type town struct {
	mu     sync.Mutex
	store  string
	change int64
	events map[uuid.UUID]row
	at     map[uuid.UUID]int64 // change that made the state
	gone   map[uuid.UUID]goneAt
	order  int64
	seq    map[uuid.UUID]int64
	marks  map[string]warehouse.Watermark
	calls  int
	fail   error
}

type goneAt struct {
	change int64
	day    int32
}

func newTown() *town {
	return &town{store: uuid.NewString(), events: map[uuid.UUID]row{}, at: map[uuid.UUID]int64{}, gone: map[uuid.UUID]goneAt{}, seq: map[uuid.UUID]int64{}, marks: map[string]warehouse.Watermark{}}
}

// put stores states in one transaction.
func (f *town) put(rows ...row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change++
	for _, r := range rows {
		id := r["event_id"].(uuid.UUID)
		if _, ok := f.events[id]; !ok {
			f.order++
			f.seq[id] = f.order
		}
		f.events[id], f.at[id] = maps.Clone(r), f.change
		delete(f.gone, id)
		src := r["source_id"].(string)
		m := f.marks[src]
		m.Source, m.LastRead = src, r["ingested_at"].(time.Time)
		if t := r["reported_at"].(time.Time); t.After(m.Newest) {
			m.Newest = t
		}
		f.marks[src] = m
	}
}

// purge removes events as retention does.
func (f *town) purge(ids ...uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change++
	for _, id := range ids {
		f.gone[id] = goneAt{f.change, dayOf(f.events[id]["event_day"].(time.Time))}
		delete(f.events, id)
		delete(f.at, id)
	}
}

func dayOf(t time.Time) int32 { return int32(t.Unix() / 86400) }

func (f *town) Poll(_ context.Context, q warehouse.ChangeQuery) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return false, f.fail
	}
	return q.From.Store != f.store || q.From.Change != f.change, nil
}

func (f *town) Changes(_ context.Context, q warehouse.ChangeQuery, each func(arrow.RecordBatch) error) (warehouse.ChangeSet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.fail != nil {
		return warehouse.ChangeSet{}, f.fail
	}
	if !q.From.IsZero() && (q.From.Store != f.store || q.From.Change > f.change) {
		return warehouse.ChangeSet{}, warehouse.ErrPosition
	}
	set := warehouse.ChangeSet{To: warehouse.Position{Store: f.store, Change: f.change, Mark: fmt.Sprint(f.change)}}
	var ids []uuid.UUID
	for id, at := range f.at {
		if at > q.From.Change {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int {
		return cmp.Or(f.events[a]["event_day"].(time.Time).Compare(f.events[b]["event_day"].(time.Time)), cmp.Compare(f.seq[a], f.seq[b]))
	})
	if !q.From.IsZero() {
		for id, g := range f.gone {
			if g.change > q.From.Change {
				set.Gone = append(set.Gone, warehouse.Gone{Event: id, Day: g.day})
			}
		}
	}
	set.Events = int64(len(ids))
	for part := range slices.Chunk(ids, 1000) {
		rows := make([]row, len(part))
		for i, id := range part {
			rows[i] = f.events[id]
		}
		rec := batch(q.Columns, rows)
		err := each(rec)
		rec.Release()
		if err != nil {
			return set, err
		}
	}
	for _, s := range slices.Sorted(maps.Keys(f.marks)) {
		set.Watermarks = append(set.Watermarks, f.marks[s])
	}
	return set, nil
}

// batch builds rows as the contract of the feed says.
func batch(columns []string, rows []row) arrow.RecordBatch {
	var fields []arrow.Field
	for _, n := range columns {
		c, ok := event.Lookup(n)
		if !ok {
			panic(n)
		}
		fl := c.Field()
		fl.Nullable = true
		switch {
		case n == "event_id" || n == "incident_id":
			fl.Type, fl.Metadata = &arrow.FixedSizeBinaryType{ByteWidth: 16}, arrow.MetadataFrom(map[string]string{"ARROW:extension:name": "arrow.uuid"})
		case c.Type.ID() == arrow.DICTIONARY:
			fl.Type = arrow.BinaryTypes.String
		}
		fields = append(fields, fl)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, r := range rows {
		for i, n := range columns {
			switch fb := b.Field(i).(type) {
			case *array.StringBuilder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.FixedSizeBinaryBuilder:
				appendTo(r[n], func(u uuid.UUID) { fb.Append(u[:]) }, fb.AppendNull)
			case *array.Date32Builder:
				appendTo(r[n], func(t time.Time) { fb.Append(arrow.Date32(dayOf(t))) }, fb.AppendNull)
			case *array.TimestampBuilder:
				appendTo(r[n], func(t time.Time) { fb.Append(arrow.Timestamp(t.UnixMicro())) }, fb.AppendNull)
			case *array.Float64Builder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.BooleanBuilder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.Int8Builder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.Int16Builder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.Int32Builder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			case *array.Uint64Builder:
				appendTo(r[n], fb.Append, fb.AppendNull)
			default:
				panic(fmt.Sprintf("%s: %T", n, fb))
			}
		}
	}
	return b.NewRecordBatch()
}

func appendTo[T any](v any, put func(T), null func()) {
	if v == nil {
		null()
		return
	}
	put(v.(T))
}

// clockAt is the now of the tests.
var clockAt = time.Date(2026, 3, 20, 12, 0, 0, 0, event.Shanghai)

// report is an ordinary event with every published column set.
func report(n int, change func(row)) row {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, event.Shanghai).Add(time.Duration(n) * 17 * time.Minute)
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "event %d", n))
	county := fmt.Sprintf("99010%d", n%4+1)
	r := row{"event_id": id, "source_id": "hotline_12345", "source_kind": "hotline_12345", "source_record_id": fmt.Sprintf("R%06d", n),
		"record_purpose": "actual", "validity": "valid", "event_kind": "complaint", "channel": "phone", "category_src_code": "S1", "category_src_name": "source name",
		"category": []string{"06.03", "05.02", "10.01", "01.03"}[n%4], "urgency": "normal", "severity_level": int8(3), "title": fmt.Sprintf("title %d", n), "description": fmt.Sprintf("something about number %d", n),
		"address_masked": fmt.Sprintf("road %d", n%9), "lon": 119.412345 + float64(n%50)/1000, "lat": 32.398765, "coord_quality": "ok",
		"county_code": county, "town_code": county + "001", "community_code": county + "001001", "grid_id": county + "001001G01", "unit_grid_code": county + "0010010101",
		"accept_org_code": "ORGCITY", "owner_org_code": "ORG" + county + "001", "owner_org_name": "office", "occurred_at": at.Add(-time.Hour), "reported_at": at,
		"accepted_at": at.Add(time.Minute), "dispatched_at": at.Add(3 * time.Minute), "due_at": at.Add(48 * time.Hour), "sla_clock": "calendar", "sla_limit_min": int32(2880),
		"extension_count": int16(0), "overtime_src": false, "status": "in_progress", "status_stage": int8(4), "dispatch_count": int16(1), "return_count": int16(0), "rework_count": int16(0),
		"urge_count": int16(0), "supervise_count": int16(0), "reporter_type": "individual", "has_sensitive": false, "incident_id": id, "incident_role": "single", "is_countable": true,
		"source_updated_at": at.Add(time.Hour), "first_seen_at": at.Add(2 * time.Minute), "ingested_at": at.Add(2 * time.Minute), "source_state": "live", "quality_flags": uint64(0)}
	if change != nil {
		change(r)
	}
	d := r["reported_at"].(time.Time).In(event.Shanghai)
	r["event_day"] = time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)
	return r
}

func reports(t testing.TB, from, to int, change func(int, row)) []row {
	t.Helper()
	var out []row
	for i := from; i < to; i++ {
		out = append(out, report(i, func(r row) {
			if change != nil {
				change(i, r)
			}
		}))
	}
	return out
}
