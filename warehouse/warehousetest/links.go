package warehousetest

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"onegrid/event"
	"onegrid/warehouse"
)

// Linker is a store under test that keeps links.
type Linker struct {
	Store     warehouse.Committer
	Feed      warehouse.ChangeFeed
	Links     warehouse.LinkCommitter
	Find      warehouse.LinkFinder
	Decide    warehouse.LinkDecider
	Review    warehouse.LinkReviewer
	Incidents warehouse.IncidentReader
	// Count answers a count query in SQL over the tables of the event model.
	Count func(query string) int64
}

// LinkCheck is one promise of a store of links. It returns what is broken, so that a broken store can be shown to fail it.
type LinkCheck struct {
	Name string
	Run  func(ctx context.Context, e Linker) error
}

// RunLinks checks a store of links. open gives an empty store and closes it with the test.
func RunLinks(t *testing.T, open func(t *testing.T) Linker) {
	for _, c := range LinkChecks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(context.Background(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Ref names the event of a record of Chunk("src", …) that was reported at Base.
func Ref(record string) warehouse.EventRef {
	return warehouse.EventRef{ID: event.ID("src", record), Day: event.Day(Base.UnixMicro())}
}

// Incident is an invented incident id.
func Incident(n byte) [16]byte { return [16]byte{0xee, n} }

// Together are the members of an incident; the first one counts.
func Together(incident byte, records ...string) []warehouse.Member {
	var out []warehouse.Member
	for i, r := range records {
		m := warehouse.Member{Event: Ref(r), Incident: Incident(incident), Role: "duplicate"}
		if i == 0 {
			m.Role, m.Countable = "primary", true
		}
		out = append(out, m)
	}
	return out
}

// Linked is an asserted link of two records.
func Linked(from, to string, weight float64) warehouse.Link {
	return warehouse.Link{From: Ref(from), To: Ref(to), Type: "duplicate_of", Method: "spatial_text", Rule: "place_time", Band: warehouse.BandLink, Weight: weight,
		Probability: 0.99, Levels: []warehouse.Level{{Name: "distance<=15m", Gamma: 4, Bits: 5}, {Name: "text", Gamma: -1}}, Model: "m1", DecidedBy: "engine", Action: warehouse.Assert}
}

// LinkUnit makes a unit of chunks.
func LinkUnit(base int64, whole bool, chunks ...*warehouse.LinkChunk) *warehouse.LinkUnit {
	return &warehouse.LinkUnit{RunID: fmt.Sprintf("link-%d", base), Base: base, Whole: whole, Started: Base, Model: "m1", Spec: "s1", Position: warehouse.Position{Store: "x", Change: base + 7}, Decision: base,
		Chunks: linkSeq(chunks), Final: func() (warehouse.LinkFinal, error) { return warehouse.LinkFinal{Counts: []byte(`{"pairs":1}`)}, nil }}
}

func linkSeq(chunks []*warehouse.LinkChunk) iter.Seq2[*warehouse.LinkChunk, error] {
	return func(yield func(*warehouse.LinkChunk, error) bool) {
		for _, c := range chunks {
			if !yield(c, nil) {
				return
			}
		}
	}
}

type steps []func() error

func (s steps) run() error {
	for i, f := range s {
		if err := f(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}
