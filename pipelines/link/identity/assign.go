package identity

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// age orders founding events: reports first, then by time, then id.
type age struct {
	after bool // not a report of its own
	at    int64
	id    uuid.UUID
}

func (a age) compare(b age) int {
	if a.after != b.after {
		if a.after {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.at, b.at), compareIDs(a.id, b.id))
}

// claim is an id that a cluster may carry.
type claim struct {
	id    uuid.UUID
	entry Entry
}

// age is that of the founding event when it founded; after are the cluster's events that are no reports.
func (c *claim) age(after map[uuid.UUID]bool) age {
	return age{after[c.entry.Founder], c.entry.FoundedAt, c.entry.Founder}
}

// assigner is one call of Assign.
type assigner struct {
	in     *Input
	out    Output
	member [][]int32 // events by cluster
	claims [][]claim // ids that clusters keep by majority
}

// Assign names the clusters. It changes nothing: Output.Changes are the rows to store, and storing them together with the
// memberships makes the next call with the same clusters return no changes.
func Assign(in Input) (Output, error) {
	a := &assigner{in: &in}
	if err := a.group(); err != nil {
		return Output{}, fmt.Errorf("naming incidents: %w", err)
	}
	if err := a.majorities(); err != nil {
		return Output{}, fmt.Errorf("naming incidents: %w", err)
	}
	n := len(in.Events)
	a.out = Output{Incident: make([]uuid.UUID, n), Role: make([]Role, n), Countable: make([]bool, n)}
	for c := range a.member {
		if len(a.member[c]) > 0 {
			a.name(c)
		}
	}
	for i := range in.Events {
		if p := in.Events[i].Previous; p != uuid.Nil && p != a.out.Incident[i] {
			a.out.Moved++
		}
	}
	slices.SortFunc(a.out.Changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.Reason, y.Reason), compareIDs(x.New, y.New), compareIDs(x.Old, y.Old))
	})
	return a.out, nil
}

// known looks an id up.
func (a *assigner) known(id uuid.UUID) (Entry, bool) {
	if a.in.Known == nil {
		return Entry{}, false
	}
	return a.in.Known(id)
}

func (a *assigner) age(i int32) age {
	e := &a.in.Events[i]
	return age{e.Relation != Report, e.At, e.ID}
}

// group sorts the events into their clusters.
func (a *assigner) group() error {
	in := a.in
	if len(in.Cluster) != len(in.Events) {
		return fmt.Errorf("%w: %d clusters for %d events", ErrInput, len(in.Cluster), len(in.Events))
	}
	clusters := 0
	for _, c := range in.Cluster {
		if c < 0 || int(c) >= len(in.Events) {
			return fmt.Errorf("%w: a cluster has number %d, with %d events", ErrInput, c, len(in.Events))
		}
		clusters = max(clusters, int(c)+1)
	}
	size := make([]int32, clusters+1)
	for _, c := range in.Cluster {
		size[c+1]++
	}
	for c := range clusters {
		size[c+1] += size[c]
	}
	all := make([]int32, len(in.Events))
	at := slices.Clone(size)
	for i, c := range in.Cluster {
		all[at[c]] = int32(i)
		at[c]++
	}
	a.member = make([][]int32, clusters)
	a.claims = make([][]claim, clusters)
	for c := range clusters {
		a.member[c] = all[size[c]:size[c+1]]
	}
	return a.once()
}

// once reports an event that is given twice. Sorting halves of ids is enough unless two halves are equal.
func (a *assigner) once() error {
	halves := make([]uint64, len(a.in.Events))
	for i := range a.in.Events {
		halves[i] = prefix(a.in.Events[i].ID)
	}
	slices.Sort(halves)
	if len(slices.Compact(halves)) == len(a.in.Events) {
		return nil
	}
	seen := make(map[uuid.UUID]bool, len(a.in.Events))
	for i := range a.in.Events {
		seen[a.in.Events[i].ID] = true
	}
	if len(seen) < len(a.in.Events) {
		return fmt.Errorf("%w: an event twice", ErrInput)
	}
	return nil
}

// majorities gives every id that events carry to the cluster that keeps it.
func (a *assigner) majorities() error {
	in := a.in
	type carrier struct {
		half    uint64 // of the id, so that sorting rarely looks at the events
		cluster int32
		event   int32
	}
	var order []carrier
	for i := range in.Events {
		if p := in.Events[i].Previous; p != uuid.Nil {
			order = append(order, carrier{prefix(p), in.Cluster[i], int32(i)})
		}
	}
	slices.SortFunc(order, func(x, y carrier) int {
		if x.half != y.half {
			return cmp.Compare(x.half, y.half)
		}
		return cmp.Or(compareIDs(in.Events[x.event].Previous, in.Events[y.event].Previous), cmp.Compare(x.cluster, y.cluster))
	})
	var kept []claim
	var keeper []int32 // cluster of each
	var events []int32 // of one id
	for i := 0; i < len(order); {
		id := in.Events[order[i].event].Previous
		j := i
		events = events[:0]
		for ; j < len(order) && in.Events[order[j].event].Previous == id; j++ {
			events = append(events, order[j].event)
		}
		e, ok := a.known(id)
		switch {
		case !ok:
			return fmt.Errorf("%w: an event carries an id that was never used", ErrInput)
		case e.Into != uuid.Nil:
			return fmt.Errorf("%w: an event carries an id that is an alias", ErrInput)
		case e.Members != j-i:
			return fmt.Errorf("%w: %d of %d events", ErrPartial, j-i, e.Members)
		}
		kept = append(kept, claim{id, e})
		keeper = append(keeper, a.keeper(events, e.Founder))
		i = j
	}
	a.hand(kept, keeper)
	return nil
}

// hand sorts the claims into their clusters, in one piece of memory.
func (a *assigner) hand(kept []claim, keeper []int32) {
	at := make([]int32, len(a.claims)+1)
	for _, c := range keeper {
		at[c+1]++
	}
	for c := range a.claims {
		at[c+1] += at[c]
	}
	all := make([]claim, len(kept))
	for c := range a.claims {
		a.claims[c] = all[at[c]:at[c]:at[c+1]]
	}
	for k, c := range keeper {
		a.claims[c] = append(a.claims[c], kept[k])
	}
}

// keeper returns the cluster that holds most of an incident's events, which are sorted by cluster.
func (a *assigner) keeper(events []int32, founder uuid.UUID) int32 {
	best, most, holds, oldest := int32(-1), 0, false, age{}
	for i := 0; i < len(events); {
		c := a.in.Cluster[events[i]]
		founds, first := false, a.age(events[i])
		j := i
		for ; j < len(events) && a.in.Cluster[events[j]] == c; j++ {
			founds = founds || a.in.Events[events[j]].ID == founder
			if g := a.age(events[j]); g.compare(first) < 0 {
				first = g
			}
		}
		if j-i > most || j-i == most && !holds && (founds || first.compare(oldest) < 0) {
			best, most, holds, oldest = c, j-i, founds, first
		}
		i = j
	}
	return best
}

// founder returns the founding event of a cluster.
func (a *assigner) founder(members []int32) int32 {
	best := members[0]
	for _, m := range members[1:] {
		if a.age(m).compare(a.age(best)) < 0 {
			best = m
		}
	}
	return best
}

// name decides the id, the roles and the changes of one cluster.
func (a *assigner) name(c int) {
	members := a.member[c]
	first := a.founder(members)
	founder := &a.in.Events[first]

	var after map[uuid.UUID]bool
	for _, m := range members {
		if e := &a.in.Events[m]; e.Relation != Report {
			if after == nil {
				after = map[uuid.UUID]bool{}
			}
			after[e.ID] = true
		}
	}
	var keep claim
	fresh := len(a.claims[c]) == 0
	for k := range a.claims[c] {
		if cl := &a.claims[c][k]; k == 0 || cl.age(after).compare(keep.age(after)) < 0 {
			keep = *cl
		}
	}
	if !fresh && founder.Previous == uuid.Nil && a.age(first).compare(keep.age(after)) < 0 {
		fresh = true // an event without an incident is a merge partner with the id it would found
	}
	if fresh {
		keep = a.found(founder)
	}
	for k := range a.claims[c] {
		if cl := &a.claims[c][k]; cl.id != keep.id {
			a.change(Merged, cl.id, &keep)
		}
	}
	for _, m := range members {
		a.out.Incident[m] = keep.id
		a.out.Role[m] = role(a.in.Events[m].Relation)
	}
	a.out.Role[first] = Primary
	if len(members) == 1 {
		a.out.Role[first] = Single
	}
	a.out.Countable[first] = true // exactly one of the incident
}

// found makes the id of a cluster that keeps none: the first of its founding event's ids that nobody else carries.
func (a *assigner) found(founder *Event) claim {
	for n := 0; ; n++ {
		cl := claim{id: Of(founder.ID, n), entry: Entry{Founder: founder.ID, FoundedAt: founder.At}}
		e, used := a.known(cl.id)
		switch {
		case !used && founder.Previous == uuid.Nil:
			a.change(Minted, uuid.Nil, &cl)
		case !used:
			a.change(SplitOff, founder.Previous, &cl)
		case e.Members == 0 && e.Founder == founder.ID && (a.in.Revive || e.Into == uuid.Nil): // an alias, or its events have gone
			cl.entry.FoundedAt = e.FoundedAt
			a.change(Revived, e.Into, &cl)
		default:
			continue
		}
		return cl
	}
}

func (a *assigner) change(why Reason, old uuid.UUID, to *claim) {
	a.out.Changes = append(a.out.Changes, Change{Reason: why, Old: old, New: to.id, Founder: to.entry.Founder, FoundedAt: to.entry.FoundedAt})
}

func role(r Relation) Role {
	switch r {
	case Followup:
		return FollowupCall
	case Transfer:
		return TransferRecord
	case Connected:
		return Related
	}
	return Duplicate
}
