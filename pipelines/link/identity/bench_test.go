package identity_test

import (
	"testing"

	"github.com/google/uuid"

	"onegrid/pipelines/link/identity"
)

// BenchmarkAssign1M names one million events in 700,000 clusters: from nothing, and again with everything known.
func BenchmarkAssign1M(b *testing.B) {
	const n = 1_000_000
	in := identity.Input{Events: make([]identity.Event, n), Cluster: make([]int32, n)}
	for i := range in.Events {
		in.Events[i] = identity.Event{ID: identity.Of(uuid.Nil, i+1), At: int64(i)}
		in.Cluster[i] = int32(i * 7 / 10)
	}
	var out identity.Output
	var err error
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if out, err = identity.Assign(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	known := make(map[uuid.UUID]identity.Entry, n)
	for i, id := range out.Incident {
		e := known[id]
		e.Members++
		known[id] = e
		in.Events[i].Previous = id
	}
	for _, c := range out.Changes {
		e := known[c.New]
		e.Founder, e.FoundedAt = c.Founder, c.FoundedAt
		known[c.New] = e
	}
	in.Known = func(id uuid.UUID) (identity.Entry, bool) { e, ok := known[id]; return e, ok }
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if out, err = identity.Assign(in); err != nil || len(out.Changes) != 0 {
				b.Fatal(err, len(out.Changes))
			}
		}
	})
}
