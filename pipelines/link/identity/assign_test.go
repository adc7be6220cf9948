package identity_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/event"
	"onegrid/pipelines/link/identity"
)

// ev makes the id of an invented event.
func ev(name string) uuid.UUID { return event.ID("test", name) }

// ledger is a store of incidents in memory: what Assign reads and what its changes write.
type ledger struct {
	ids    map[uuid.UUID]identity.Entry
	revive bool
	of     map[uuid.UUID]uuid.UUID // event → incident
}

func newLedger() *ledger {
	return &ledger{ids: map[uuid.UUID]identity.Entry{}, of: map[uuid.UUID]uuid.UUID{}}
}

func (l *ledger) known(id uuid.UUID) (identity.Entry, bool) {
	e, ok := l.ids[id]
	return e, ok
}

// row is an event with the number of its cluster.
type row struct {
	name     string
	at       int64
	cluster  int32
	relation identity.Relation
}

func (l *ledger) input(rows []row) identity.Input {
	in := identity.Input{Known: l.known, Revive: l.revive}
	for _, r := range rows {
		in.Events = append(in.Events, identity.Event{ID: ev(r.name), At: r.at, Relation: r.relation, Previous: l.of[ev(r.name)]})
		in.Cluster = append(in.Cluster, r.cluster)
	}
	return in
}

func (l *ledger) store(t testing.TB, in identity.Input, out identity.Output) {
	t.Helper()
	for _, c := range out.Changes {
		switch c.Reason {
		case identity.Minted, identity.SplitOff:
			if _, ok := l.ids[c.New]; ok {
				t.Fatal("a new id is one that was used before")
			}
			l.ids[c.New] = identity.Entry{Founder: c.Founder, FoundedAt: c.FoundedAt}
		case identity.Revived:
			e, ok := l.ids[c.New]
			if !ok || e.Founder != c.Founder || e.Into != c.Old {
				t.Fatal("revived what was no alias of that founder")
			}
			e.Into = uuid.Nil
			l.ids[c.New] = e
		case identity.Merged:
			e := l.ids[c.Old]
			e.Into = c.New
			l.ids[c.Old] = e
		}
	}
	for i, e := range in.Events {
		l.of[e.ID] = out.Incident[i]
	}
	count := map[uuid.UUID]int{}
	for _, id := range l.of {
		count[id]++
	}
	for id, e := range l.ids {
		e.Members = count[id]
		l.ids[id] = e
	}
}

func (l *ledger) run(t testing.TB, rows []row) identity.Output {
	t.Helper()
	in := l.input(rows)
	out, err := identity.Assign(in)
	if err != nil {
		t.Fatal(err)
	}
	l.store(t, in, out)
	return out
}

func words(changes []identity.Change) (out []string) {
	for _, c := range changes {
		out = append(out, c.Reason.String())
	}
	return out
}

func TestMergeKeepsTheOldestId(t *testing.T) {
	l := newLedger()
	l.run(t, []row{{name: "b", at: 2}, {name: "c", at: 3, cluster: 1}, {name: "d", at: 4, cluster: 1}})
	out := l.run(t, []row{{name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}})
	want := []identity.Change{{Reason: identity.Merged, Old: identity.Of(ev("c"), 0), New: identity.Of(ev("b"), 0), Founder: ev("b"), FoundedAt: 2}}
	if d := cmp.Diff(want, out.Changes); d != "" || out.Moved != 2 {
		t.Fatalf("%d moved (-want +got):\n%s", out.Moved, d)
	}
	// A late record that is older than all takes over, as it would in a rebuild.
	out = l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}})
	if d := cmp.Diff([]string{"minted", "merged"}, words(out.Changes)); d != "" || out.Incident[3] != identity.Of(ev("a"), 0) {
		t.Fatalf("(-want +got):\n%s", d)
	}
	id, err := identity.Resolve(identity.Of(ev("c"), 0), l.known)
	if err != nil || id != identity.Of(ev("a"), 0) {
		t.Fatal(id, err)
	}
	// A younger record only joins.
	out = l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}, {name: "e", at: 9}})
	if len(out.Changes) != 0 || out.Moved != 0 {
		t.Fatalf("%+v", out.Changes)
	}
}

func TestSplitKeepsTheMajority(t *testing.T) {
	l := newLedger()
	all := []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}, {name: "e", at: 5}}
	l.run(t, all)
	// The founding event leaves: the id stays with the four.
	all[0].cluster = 1
	out := l.run(t, all)
	a0, a1 := identity.Of(ev("a"), 0), identity.Of(ev("a"), 1)
	want := []identity.Change{{Reason: identity.SplitOff, Old: a0, New: a1, Founder: ev("a"), FoundedAt: 1}}
	if d := cmp.Diff(want, out.Changes); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]uuid.UUID{a1, a0, a0, a0, a0}, out.Incident); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Halves: no half holds the founding event of the id, so the half with the oldest event keeps it.
	all[2].cluster, all[4].cluster = 2, 2
	out = l.run(t, all)
	c0 := identity.Of(ev("c"), 0)
	if d := cmp.Diff([]uuid.UUID{a1, a0, c0, a0, c0}, out.Incident); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Halves of an incident with its founding event in the younger half, which keeps the id, whatever its number.
	for founds := range int32(2) {
		l = newLedger()
		all = []row{{name: "m", at: 5}, {name: "n", at: 6}}
		l.run(t, all)
		all[1].at, all[0].at = 5, 6 // times were corrected
		all[0].cluster, all[1].cluster = founds, 1-founds
		out = l.run(t, all)
		if d := cmp.Diff([]uuid.UUID{identity.Of(ev("m"), 0), identity.Of(ev("n"), 0)}, out.Incident); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	}
}

func TestUndoneMergeRevivesTheId(t *testing.T) {
	l := newLedger()
	l.revive = true
	apart := []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3, cluster: 1}, {name: "d", at: 4, cluster: 1}}
	before := l.run(t, apart)
	l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}})
	out := l.run(t, apart)
	want := []identity.Change{{Reason: identity.Revived, Old: identity.Of(ev("a"), 0), New: identity.Of(ev("c"), 0), Founder: ev("c"), FoundedAt: 3}}
	if d := cmp.Diff(want, out.Changes) + cmp.Diff(before.Incident, out.Incident); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	// Merged again, and now another event founds the part: the alias stays an alias.
	l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}})
	out = l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4, cluster: 1}})
	if out.Incident[3] != identity.Of(ev("d"), 0) || l.ids[identity.Of(ev("c"), 0)].Into != identity.Of(ev("a"), 0) {
		t.Fatalf("%+v", out)
	}
}

func TestUndoneMergeLeavesTheAlias(t *testing.T) {
	l := newLedger()
	apart := []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3, cluster: 1}, {name: "d", at: 4, cluster: 1}}
	l.run(t, apart)
	l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3}, {name: "d", at: 4}})
	out := l.run(t, apart)
	c1 := identity.Of(ev("c"), 1)
	want := []identity.Change{{Reason: identity.SplitOff, Old: ev("a"), New: c1, Founder: ev("c"), FoundedAt: 3}}
	if d := cmp.Diff(want, out.Changes); d != "" || out.Incident[3] != c1 || l.ids[ev("c")].Into != ev("a") {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestRolesAndCounting(t *testing.T) {
	out := newLedger().run(t, []row{
		{name: "early follow-up", at: 1, relation: identity.Followup},
		{name: "report", at: 2},
		{name: "second report", at: 3},
		{name: "handed over", at: 4, relation: identity.Transfer},
		{name: "connected", at: 5, relation: identity.Connected},
		{name: "alone", at: 6, cluster: 1},
		{name: "follow-up of nothing known", at: 7, cluster: 2, relation: identity.Followup},
		{name: "handed over from nowhere", at: 8, cluster: 3, relation: identity.Transfer},
		{name: "and called again", at: 9, cluster: 3, relation: identity.Followup},
	})
	var got []string
	for _, r := range out.Role {
		got = append(got, r.String())
		if !event.IncidentRoles.Has(r.String()) {
			t.Errorf("%v is no role of the event model", r)
		}
	}
	want := []string{"followup", "primary", "duplicate", "transfer", "related", "single", "single", "primary", "followup"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]bool{false, true, false, false, false, true, true, true, false}, out.Countable); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if out.Incident[0] != identity.Of(ev("report"), 0) {
		t.Fatal("the founding event is not the first report")
	}
}

func TestInputThatContradictsItself(t *testing.T) {
	l := newLedger()
	l.run(t, []row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3, cluster: 1}})
	for name, c := range map[string]struct {
		change func(*identity.Input)
		want   error
	}{
		"a part":        {func(in *identity.Input) { in.Events, in.Cluster = in.Events[1:], in.Cluster[1:] }, identity.ErrPartial},
		"twice":         {func(in *identity.Input) { in.Events[1] = in.Events[0] }, identity.ErrInput},
		"lengths":       {func(in *identity.Input) { in.Cluster = in.Cluster[1:] }, identity.ErrInput},
		"numbers":       {func(in *identity.Input) { in.Cluster[0] = -1 }, identity.ErrInput},
		"unknown":       {func(in *identity.Input) { in.Known = nil }, identity.ErrInput},
		"alias in use":  {func(in *identity.Input) { in.Known = aliasAll(l) }, identity.ErrInput},
		"large numbers": {func(in *identity.Input) { in.Cluster[0] = 99 }, identity.ErrInput},
	} {
		in := l.input([]row{{name: "a", at: 1}, {name: "b", at: 2}, {name: "c", at: 3, cluster: 1}})
		c.change(&in)
		if _, err := identity.Assign(in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	loop := func(id uuid.UUID) (identity.Entry, bool) { return identity.Entry{Into: id}, true }
	if _, err := identity.Resolve(ev("a"), loop); !errors.Is(err, identity.ErrLoop) {
		t.Error(err)
	}
	if _, err := identity.Resolve(ev("never"), l.known); !errors.Is(err, identity.ErrInput) {
		t.Error(err)
	}
}

func aliasAll(l *ledger) func(uuid.UUID) (identity.Entry, bool) {
	return func(id uuid.UUID) (identity.Entry, bool) {
		e, ok := l.known(id)
		e.Into = ev("elsewhere")
		return e, ok
	}
}

// The definition of ids is stored for ever: these must never change.
func TestIdsAreForEver(t *testing.T) {
	e := uuid.MustParse("8a1f7f0e-5f0b-5b7e-9c58-1f6f0d3b8f11")
	got := []string{identity.Of(e, 0).String(), identity.Of(e, 1).String()}
	want := []string{e.String(), "6bd21b6e-fccd-57f8-808c-4034791277a2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}
