package link

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/pipelines/link/table"
	"onegrid/warehouse"
)

// surroundings are the events that changed together with everything that may have to do with them: stored partners by
// block keys and record numbers, and the incidents that any of these are in.
type surroundings struct {
	r     *Runner
	rep   *Report
	fresh *gathered // the changed events

	all  *gathered // those and their surroundings, changed ones first
	data [][]byte  // features to store, of the changed events only
	keys [][]uint64
	refs [][]uint64
	near *warehouse.Neighbourhood
	row  map[warehouse.EventID]int32
}

func (s *surroundings) isFresh(row int32) bool { return int(row) < len(s.fresh.refs) }

// collect finds partners and neighbours and puts all of them into one table.
func (s *surroundings) collect(ctx context.Context) error {
	r, f := s.r, s.fresh
	r.stats.lend(f.table) // which keys are too common to be keys
	codec := newCodec(f.table)
	hidden := hiddenRows(r.o.Spec, f.table)
	k := newKeyer(r.o.Spec, f.table, r.o.Latitude, hidden)
	q := warehouse.CandidateQuery{Cap: r.o.Cap, Columns: []string{"event_day", "incident_id"}}
	low, high := int32(1<<31-1), int32(-1<<31)
	b := table.NewBuilder(codec.defs...)
	s.all = &gathered{dropped: f.dropped}
	s.row = map[warehouse.EventID]int32{}
	for row := range int32(len(f.refs)) {
		e := f.refs[row]
		low, high = min(low, e.Day), max(high, e.Day)
		data := codec.append(nil, f.table, row, &f.records[row])
		own := k.keys(row, false, nil)
		ref := refs(&f.records[row], nil)
		s.data, s.keys, s.refs = append(s.data, data), append(s.keys, own), append(s.refs, ref)
		q.Probes = append(q.Probes, warehouse.Probe{Event: e, Keys: k.keys(row, true, nil), Refs: ref})
		if _, err := codec.decode(b, rowID(e.ID), data); err != nil {
			return err
		}
		s.row[e.ID] = row
	}
	s.all.records = append(s.all.records, f.records...)
	s.all.refs = append(s.all.refs, f.refs...)
	s.all.previous = append(s.all.previous, f.previous...)
	days := int32(r.o.Window / (24 * time.Hour))
	q.From, q.To, q.RefsFrom, q.RefsTo = low-days, high+days, low-copiesBack, high+copiesBack
	found, err := r.store.Finder.Candidates(ctx, q)
	if err != nil {
		return fmt.Errorf("finding partners: %w", err)
	}
	defer found.Release()
	s.rep.Capped = len(found.Capped)
	n := 0
	for _, batch := range found.Events {
		if err := s.take(codec, b, batch, func(row int) []byte { return found.Data[n+row] }); err != nil {
			return err
		}
		n += int(batch.NumRows())
	}
	if err := s.neighbours(ctx, codec, b); err != nil {
		return err
	}
	if s.all.table, err = b.Build(); err != nil {
		return err
	}
	s.rep.Compared = s.all.table.Rows()
	return nil
}

// take adds stored events by their features.
func (s *surroundings) take(codec *codec, b *table.Builder, batch arrow.RecordBatch, data func(row int) []byte) error {
	col := func(name string) arrow.Array { return batch.Column(batch.Schema().FieldIndices(name)[0]) }
	ids, incidents, day := col("event_id"), col("incident_id"), col("event_day")
	for row := range int(batch.NumRows()) {
		id, err := idAt(ids, row)
		if err != nil {
			return err
		}
		if _, known := s.row[id]; known {
			continue
		}
		incident, err := idAt(incidents, row)
		if err != nil {
			return err
		}
		rec, err := codec.decode(b, rowID(id), data(row))
		if err != nil {
			return err
		}
		s.row[id] = int32(len(s.all.refs))
		s.all.records = append(s.all.records, rec)
		s.all.refs = append(s.all.refs, warehouse.EventRef{ID: id, Day: dayAt(day, row)})
		s.all.previous = append(s.all.previous, incident)
	}
	return nil
}

// rounds is how often the circle of neighbours is widened along links: members of an incident that a neighbour is in may be
// neighbours of others. Beyond it links lead no further until the next rebuild.
const rounds = 3

// neighbours adds the other members of the incidents, and the events that stored links lead to. In the end every incident
// that a row is in is there as a whole: of a part of one nobody can say which member counts.
func (s *surroundings) neighbours(ctx context.Context, codec *codec, b *table.Builder) error {
	for round := 0; ; round++ {
		near, err := s.r.store.Finder.Neighbourhood(ctx, s.all.refs)
		if err != nil {
			return fmt.Errorf("finding neighbours: %w", err)
		}
		s.near = near
		var missing []warehouse.EventRef
		want := map[warehouse.EventID]bool{}
		ask := func(e warehouse.EventRef) {
			if _, known := s.row[e.ID]; !known && !want[e.ID] {
				want[e.ID] = true
				missing = append(missing, e)
			}
		}
		for _, m := range near.Members {
			ask(m.Event)
		}
		if round < rounds {
			for i := range near.Links {
				// A proposal joins nothing: it leads on only from an event that changed, whose proposals may be void.
				if l := &near.Links[i]; l.Band == warehouse.BandLink || s.changed(l.From) || s.changed(l.To) {
					ask(l.From)
					ask(l.To)
				}
			}
			for _, d := range near.Decisions {
				ask(d.From)
				ask(d.To)
			}
		}
		had := len(s.all.refs)
		if len(missing) > 0 {
			if err := s.load(ctx, codec, b, missing); err != nil {
				return err
			}
		}
		if len(s.all.refs) == had { // what is missing takes no part, or is not there
			return nil
		}
	}
}

func (s *surroundings) changed(e warehouse.EventRef) bool {
	row, known := s.row[e.ID]
	return known && s.isFresh(row)
}

// load reads events that no key led to, with their text, since their features may have expired.
func (s *surroundings) load(ctx context.Context, codec *codec, b *table.Builder, events []warehouse.EventRef) error {
	g, err := newGatherer(s.r.o.Spec, s.r.ex)
	if err != nil {
		return err
	}
	if err := s.r.store.Events.Events(ctx, events, g.columns(), g.add); err != nil {
		return fmt.Errorf("reading neighbours: %w", err)
	}
	more, err := g.finish()
	if err != nil {
		return err
	}
	var data []byte
	for row := range int32(len(more.refs)) {
		data = codec.append(data[:0], more.table, row, &more.records[row])
		if _, err := codec.decode(b, rowID(more.refs[row].ID), data); err != nil {
			return err
		}
		s.row[more.refs[row].ID] = int32(len(s.all.refs))
		s.all.refs = append(s.all.refs, more.refs[row])
		s.all.records = append(s.all.records, more.records[row])
		s.all.previous = append(s.all.previous, more.previous[row])
	}
	return nil
}

// stored are the links of earlier runs among the rows, but for those of changed events: these are found anew or gone.
func (s *surroundings) stored() []Edge {
	var out []Edge
	for i := range s.near.Links {
		l := &s.near.Links[i].Link
		a, okA := s.row[l.From.ID]
		c, okB := s.row[l.To.ID]
		if !okA || !okB || s.isFresh(a) || s.isFresh(c) || l.Method == "manual" {
			continue
		}
		out = append(out, Edge{A: a, B: c, Bits: l.Weight, Kind: clusterKind(l), Type: typeOf(l), Method: l.Method, Code: l.Note})
	}
	return out
}

// typeOf is the type of a stored certain link, "" for a weighed one.
func typeOf(l *warehouse.Link) string {
	if clusterKind(l) == 0 {
		return ""
	}
	return l.Type
}
