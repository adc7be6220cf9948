package link

import (
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
	"onegrid/warehouse"
)

// certainColumns are the event columns that certain links are read from.
var certainColumns = []string{"event_id", "event_day", "incident_id", "source_id", "source_kind", "source_record_id", "source_record_alt", "parent_record_id", "upstream_kind",
	"upstream_record_id", "record_purpose", "validity", "reported_at", "title", "description"}

// gathered are events in the order of the table's rows.
type gathered struct {
	table    *table.Table
	records  []certain.Record
	refs     []warehouse.EventRef
	previous []warehouse.EventID // incident of each event as the store has it; the event's own id for a single one
	// dropped are events that the rules leave out, exercises for instance: they are in no incident with another.
	dropped []dropped
	report  *spec.Report
}

type dropped struct {
	ref      warehouse.EventRef
	previous warehouse.EventID
}

// gatherer turns event batches into a table and what certain links need.
type gatherer struct {
	feed   *Feed
	normal []byte
	out    gathered
}

func newGatherer(s *spec.Spec, ex *feature.Extractor) (*gatherer, error) {
	feed, err := NewFeed(s, ex)
	return &gatherer{feed: feed}, err
}

// columns are the event columns that both need.
func (g *gatherer) columns() []string {
	out := slices.Clone(certainColumns)
	for _, c := range g.feed.Columns() {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// add takes a batch of events. It keeps nothing of the batch. What the rules ask for and what certain links need are read
// side by side.
func (g *gatherer) add(rec arrow.RecordBatch) error {
	known := make(chan error, 1)
	go func() { known <- g.know(rec) }()
	err := g.feed.Append(rec)
	return errors.Join(err, <-known)
}

// know reads what certain links need.
func (g *gatherer) know(rec arrow.RecordBatch) error {
	col := func(name string) (arrow.Array, error) {
		i := rec.Schema().FieldIndices(name)
		if len(i) == 0 {
			return nil, fmt.Errorf("reading events: column %s is missing", name)
		}
		return rec.Column(i[0]), nil
	}
	cols := map[string]arrow.Array{}
	for _, name := range certainColumns {
		a, err := col(name)
		if err != nil {
			return err
		}
		cols[name] = a
	}
	str := func(name string, row int) string { return textAt(cols[name], row) }
	for row := range int(rec.NumRows()) {
		r := certain.Record{Source: str("source_id", row), Kind: str("source_kind", row), Number: str("source_record_id", row), Alt: str("source_record_alt", row),
			Parent: str("parent_record_id", row), UpstreamKind: str("upstream_kind", row), Upstream: str("upstream_record_id", row),
			Purpose: str("record_purpose", row), Invalid: str("validity", row) == "invalid", At: certain.NoTime}
		if at, ok := cols["reported_at"].(*array.Timestamp); ok && !at.IsNull(row) {
			r.At = int64(at.Value(row))
		}
		title, body := viewAt(cols["title"], row), viewAt(cols["description"], row)
		for _, text := range [...]string{title, body} {
			tickets, cues := feature.Tickets(text)
			r.Tickets, r.Cues = append(r.Tickets, tickets...), r.Cues|cues
		}
		// A copy is one of the words that somebody wrote: many titles are made by the system.
		if body == "" {
			body = title
		}
		if g.normal = feature.AppendNormal(g.normal[:0], body); len(g.normal) > 0 {
			r.Copy, r.Runes = feature.CopyKey(string(g.normal))
		}
		id, err := idAt(cols["event_id"], row)
		if err != nil {
			return err
		}
		incident, err := idAt(cols["incident_id"], row)
		if err != nil {
			return err
		}
		ref := warehouse.EventRef{ID: id, Day: dayAt(cols["event_day"], row)}
		g.out.records = append(g.out.records, r)
		g.out.refs = append(g.out.refs, ref)
		g.out.previous = append(g.out.previous, incident)
	}
	return nil
}

// finish ends gathering and leaves out what the rules drop: every row of the table is a record.
func (g *gatherer) finish() (*gathered, error) {
	var err error
	if g.out.table, g.out.report, err = g.feed.Finish(); err != nil {
		return nil, err
	}
	o, rows := &g.out, g.out.table.Rows()
	if rows == len(o.records) {
		return o, nil
	}
	kept := 0
	for i, e := range o.refs {
		if kept < rows && o.table.ID(int32(kept)) == rowID(e.ID) {
			o.records[kept], o.refs[kept], o.previous[kept] = o.records[i], e, o.previous[i]
			kept++
			continue
		}
		o.dropped = append(o.dropped, dropped{e, o.previous[i]})
	}
	if kept != rows {
		return nil, fmt.Errorf("reading events: %d rows of the table are not among %d events", rows-kept, len(o.refs))
	}
	o.records, o.refs, o.previous = o.records[:kept], o.refs[:kept], o.previous[:kept]
	return o, nil
}

// viewAt is a text of a batch, valid as long as the batch; "" where there is none.
func viewAt(a arrow.Array, row int) string {
	if c, ok := a.(*array.String); ok && !a.IsNull(row) {
		return c.Value(row)
	}
	return ""
}

func textAt(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return ""
	}
	switch c := a.(type) {
	case *array.String:
		return string([]byte(c.Value(row))) // not a part of the batch, which is freed
	case *array.Dictionary:
		return textAt(c.Dictionary(), c.GetValueIndex(row))
	default:
		return a.ValueStr(row)
	}
}

// dayAt is a date in days since 1970, 0 for null.
func dayAt(a arrow.Array, row int) int32 {
	if d, ok := a.(*array.Date32); ok && !d.IsNull(row) {
		return int32(d.Value(row))
	}
	return 0
}

func idAt(a arrow.Array, row int) (id warehouse.EventID, err error) {
	if e, ok := a.(array.ExtensionArray); ok {
		a = e.Storage()
	}
	c, ok := a.(*array.FixedSizeBinary)
	if !ok || c.IsNull(row) || len(c.Value(row)) != len(id) {
		return id, fmt.Errorf("reading events: an id is no UUID but %s", a.DataType())
	}
	copy(id[:], c.Value(row))
	return id, nil
}

// rowID is an event's number in tables of events.
func rowID(id warehouse.EventID) string { return uuid.UUID(id).String() }
