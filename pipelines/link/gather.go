package link

import (
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
	report   *spec.Report
}

// gatherer turns event batches into a table and what certain links need.
type gatherer struct {
	loader *spec.Loader
	ex     *feature.Extractor
	text   feature.Text
	last   string // text that the features are of
	fresh  bool
	out    gathered
}

func newGatherer(s *spec.Spec, ex *feature.Extractor) (*gatherer, error) {
	g := &gatherer{ex: ex}
	var err error
	g.loader, err = s.NewLoader(spec.WithExtractor(g.extract))
	return g, err
}

// extract gives the features of a text; the same text is not read twice.
func (g *gatherer) extract(text string) *feature.Text {
	if !g.fresh || text != g.last {
		g.ex.Extract(&g.text, text)
		g.last, g.fresh = text, true
	}
	return &g.text
}

// columns are the event columns that both need.
func (g *gatherer) columns() []string {
	out := slices.Clone(certainColumns)
	for _, c := range g.loader.Columns() {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// add takes a batch of events. It keeps nothing of the batch.
func (g *gatherer) add(rec arrow.RecordBatch) error {
	if err := g.loader.Append(rec); err != nil {
		return err
	}
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
		title, body := str("title", row), str("description", row)
		g.fresh = false
		g.ex.Extract(&g.text, title, body)
		for _, t := range g.text.Tickets {
			t.Number = string([]byte(t.Number)) // not a part of the batch
			r.Tickets = append(r.Tickets, t)
		}
		r.Cues = g.text.Cues
		if r.Copy, r.Runes = g.text.Copy, g.text.Runes; body != "" {
			// A copy is one of the words that somebody wrote: many titles are made by the system.
			r.Copy, r.Runes = feature.CopyKey(feature.Normalise(body))
		}
		id, err := idAt(cols["event_id"], row)
		if err != nil {
			return err
		}
		incident, err := idAt(cols["incident_id"], row)
		if err != nil {
			return err
		}
		ref := warehouse.EventRef{ID: id}
		if d, ok := cols["event_day"].(*array.Date32); ok && !d.IsNull(row) {
			ref.Day = int32(d.Value(row))
		}
		g.out.records = append(g.out.records, r)
		g.out.refs = append(g.out.refs, ref)
		g.out.previous = append(g.out.previous, incident)
	}
	return nil
}

// finish ends gathering. A mapping over events drops none: every row of the table is a record.
func (g *gatherer) finish() (*gathered, error) {
	var err error
	if g.out.table, g.out.report, err = g.loader.Finish(); err != nil {
		return nil, err
	}
	if g.out.table.Rows() != len(g.out.records) {
		return nil, fmt.Errorf("reading events: the rules drop events, which rules over the store must not: %d of %d are left", g.out.table.Rows(), len(g.out.records))
	}
	return &g.out, nil
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
