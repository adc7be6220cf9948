package identity_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/pipelines/link/identity"
)

// world is a growing set of events in clusters that merge and split at random.
type world struct {
	rows []row
	rng  *rand.Rand
	n    int
}

func (w *world) grow() {
	for range w.rng.IntN(4) {
		w.n++
		w.rows = append(w.rows, row{name: fmt.Sprint("e", w.n), at: int64(w.rng.IntN(20)), cluster: int32(w.n - 1), relation: identity.Relation(max(0, w.rng.IntN(8)-4))})
	}
}

func (w *world) merge() {
	a, b := w.rows[w.rng.IntN(len(w.rows))].cluster, w.rows[w.rng.IntN(len(w.rows))].cluster
	for i := range w.rows {
		if w.rows[i].cluster == b {
			w.rows[i].cluster = a
		}
	}
}

func (w *world) split() {
	c := w.rows[w.rng.IntN(len(w.rows))].cluster
	free := int32(-1)
	used := map[int32]bool{}
	for _, r := range w.rows {
		used[r.cluster] = true
	}
	for k := range int32(len(w.rows)) {
		if !used[k] {
			free = k
		}
	}
	if free < 0 {
		return
	}
	for i := range w.rows {
		if w.rows[i].cluster == c && w.rng.IntN(2) == 0 {
			w.rows[i].cluster = free
		}
	}
}

// check verifies what must hold after every run, whatever happened before.
func check(t *testing.T, l *ledger, rows []row, out identity.Output) {
	t.Helper()
	of := map[int32]uuid.UUID{}
	owner := map[uuid.UUID]int32{}
	countable := map[uuid.UUID]int{}
	size := map[uuid.UUID]int{}
	for i, r := range rows {
		id := out.Incident[i]
		if have, ok := of[r.cluster]; ok && have != id {
			t.Fatal("a cluster with two ids")
		}
		if c, ok := owner[id]; ok && c != r.cluster {
			t.Fatal("two clusters with one id")
		}
		of[r.cluster], owner[id] = id, r.cluster
		size[id]++
		if out.Countable[i] {
			countable[id]++
			if out.Role[i] != identity.Primary && out.Role[i] != identity.Single {
				t.Fatalf("a %v is countable", out.Role[i])
			}
		}
		if (out.Role[i] == identity.Single) && size[id] > 1 {
			t.Fatal("a single of several")
		}
		e := l.ids[id]
		if e.Into != uuid.Nil {
			t.Fatal("an alias is in use")
		}
		derived := false
		for n := range 50 {
			derived = derived || identity.Of(e.Founder, n) == id
		}
		if !derived {
			t.Fatal("an id that its founding event does not explain")
		}
	}
	for id := range size {
		if countable[id] != 1 {
			t.Fatalf("%d countable events in one incident", countable[id])
		}
	}
	for id := range l.ids {
		to, err := identity.Resolve(id, l.known)
		if err != nil {
			t.Fatal(err)
		}
		if size[to] == 0 {
			t.Fatal("an id leads to an incident without events")
		}
	}
}

func TestAnySequenceOfMergesAndSplits(t *testing.T) {
	reasons := map[identity.Reason]int{}
	for seed := range uint64(150) {
		w := &world{rng: rand.New(rand.NewPCG(seed, 5))}
		l := newLedger()
		l.revive = seed%2 == 0
		w.grow()
		for range 30 {
			w.grow()
			if len(w.rows) == 0 {
				continue
			}
			for range w.rng.IntN(3) {
				w.merge()
			}
			for range w.rng.IntN(3) {
				w.split()
			}
			used := map[uuid.UUID]identity.Entry{}
			for id, e := range l.ids {
				used[id] = e
			}
			before := map[uuid.UUID]uuid.UUID{}
			for e, id := range l.of {
				before[e] = id
			}
			out := l.run(t, w.rows)
			check(t, l, w.rows, out)
			moved := 0
			for i, r := range w.rows {
				id := out.Incident[i]
				if p := before[ev(r.name)]; p != uuid.Nil && p != id {
					moved++
				}
				// Never reused: an id that was an alias names a cluster again only if its founding event founds it.
				if e, ok := used[id]; ok && e.Into != uuid.Nil {
					if !l.revive {
						t.Fatalf("seed %d: an alias is in use again", seed)
					}
					founds := false
					for k, o := range w.rows {
						founds = founds || out.Incident[k] == id && ev(o.name) == e.Founder && out.Countable[k]
					}
					if !founds {
						t.Fatalf("seed %d: an alias names another cluster", seed)
					}
				}
			}
			if moved != out.Moved {
				t.Fatalf("seed %d: %d moved, %d reported", seed, moved, out.Moved)
			}
			for _, c := range out.Changes {
				reasons[c.Reason]++
			}
			// The same clusters again change nothing.
			if again := l.run(t, w.rows); len(again.Changes) != 0 || again.Moved != 0 {
				t.Fatalf("seed %d: a second run changes %v", seed, words(again.Changes))
			}
		}
	}
	for _, r := range []identity.Reason{identity.Minted, identity.SplitOff, identity.Revived, identity.Merged} {
		if reasons[r] < 50 {
			t.Errorf("%v happened %d times: the sequences test too little", r, reasons[r])
		}
	}
}

// Without splits, the order of arrival does not matter: any sequence of arrivals and merges gives the ids of a rebuild.
func TestRebuildGivesTheSameIds(t *testing.T) {
	for seed := range uint64(100) {
		w := &world{rng: rand.New(rand.NewPCG(seed, 6))}
		l := newLedger()
		var out identity.Output
		for range 12 {
			w.grow()
			if len(w.rows) == 0 {
				continue
			}
			w.merge()
			out = l.run(t, w.rows)
		}
		rebuilt := newLedger().run(t, w.rows)
		if d := cmp.Diff(rebuilt.Incident, out.Incident); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

// Naming only what was touched gives what naming everything gives.
func TestTouchedClustersAlone(t *testing.T) {
	for seed := range uint64(60) {
		w := &world{rng: rand.New(rand.NewPCG(seed, 8))}
		l := newLedger()
		for range 10 {
			w.grow()
		}
		for range 8 {
			w.merge()
		}
		l.run(t, w.rows)
		old := make([]int32, len(w.rows))
		for i, r := range w.rows {
			old[i] = r.cluster
		}
		w.merge()
		w.split()
		touched := map[int32]bool{}
		for i, r := range w.rows {
			if r.cluster != old[i] {
				touched[r.cluster], touched[old[i]] = true, true
			}
		}
		var part []row
		var at []int
		for i, r := range w.rows {
			if touched[r.cluster] || touched[old[i]] {
				part = append(part, r)
				at = append(at, i)
			}
		}
		for i := range part { // cluster numbers are below the number of events
			for k := range part[:i+1] {
				if w.rows[at[k]].cluster == w.rows[at[i]].cluster {
					part[i].cluster = int32(k)
					break
				}
			}
		}
		all, err := identity.Assign(l.input(w.rows))
		if err != nil {
			t.Fatal(err)
		}
		some, err := identity.Assign(l.input(part))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all.Changes, some.Changes); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		for k, i := range at {
			if some.Incident[k] != all.Incident[i] || some.Role[k] != all.Role[i] {
				t.Fatalf("seed %d: event %d", seed, i)
			}
		}
	}
}
