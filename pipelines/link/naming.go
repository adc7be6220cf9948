package link

import (
	"math"

	"github.com/google/uuid"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/identity"
	"onegrid/warehouse"
)

// name gives incidents their ids. rows are those to name; nil for all that are or were in an incident with another.
func (w *work) name(rows []int32) error {
	label := w.res.Cluster.Cluster
	if rows == nil {
		size := make([]int32, w.res.Cluster.Clusters)
		for _, c := range label {
			size[c]++
		}
		for i, c := range label {
			if size[c] > 1 || w.all.previous[i] != w.all.refs[i].ID {
				rows = append(rows, int32(i))
			}
		}
		// An event whose id is that of its former incident has no other sign of it.
		for i, p := range w.carried(rows) {
			if p {
				rows = append(rows, int32(i))
			}
		}
	}
	w.rows = rows
	relation := w.relations()
	members := map[warehouse.EventID]int{}
	for _, p := range w.all.previous {
		members[p]++
	}
	w.carriers = members
	in := identity.Input{}
	number := map[int32]int32{}
	w.of = make([]int32, len(w.all.refs))
	for i := range w.of {
		w.of[i] = -1
	}
	for k, row := range rows {
		w.of[row] = int32(k)
		e := identity.Event{ID: uuid.UUID(w.all.refs[row].ID), At: w.all.records[row].At, Relation: relation[row]}
		if p := w.all.previous[row]; members[p] > 1 || p != w.all.refs[row].ID {
			e.Previous = uuid.UUID(p)
		}
		c, ok := number[label[row]]
		if !ok {
			c = int32(len(number))
			number[label[row]] = c
		}
		in.Events = append(in.Events, e)
		in.Cluster = append(in.Cluster, c)
	}
	in.Known = func(id uuid.UUID) (identity.Entry, bool) {
		into, aliased := w.r.alias[id]
		n := members[warehouse.EventID(id)]
		if _, own := w.row[warehouse.EventID(id)]; own && n < 2 && !aliased {
			return identity.Entry{}, false // an event alone
		}
		if n == 0 && !aliased {
			return identity.Entry{}, false
		}
		entry := identity.Entry{Founder: id, FoundedAt: math.MaxInt64, Into: into, Members: n}
		if row, ok := w.row[w.founder(id)]; ok {
			entry.Founder, entry.FoundedAt = uuid.UUID(w.all.refs[row].ID), w.all.records[row].At
		}
		return entry, true
	}
	var err error
	w.named, err = identity.Assign(in)
	w.rep.Moved = w.named.Moved
	w.rep.Clusters = 0
	seen := map[uuid.UUID]int{}
	for _, id := range w.named.Incident {
		if seen[id]++; seen[id] == 2 {
			w.rep.Clusters++
		}
	}
	return err
}

// further is how many ids a founding event is tried for: it has as many as incidents that it founded and lost.
const further = 8

// founder is the event that an incident id is made from: the event of that id, or one of its carriers, of which it is a
// further id.
func (w *work) founder(id uuid.UUID) warehouse.EventID {
	if _, ok := w.row[warehouse.EventID(id)]; ok {
		return warehouse.EventID(id)
	}
	for i, p := range w.all.previous {
		if p != warehouse.EventID(id) {
			continue
		}
		for n := 1; n <= further; n++ {
			if identity.Of(uuid.UUID(w.all.refs[i].ID), n) == id {
				return w.all.refs[i].ID
			}
		}
	}
	return warehouse.EventID(id)
}

// carried reports the rows that founded an incident which others are in, and are not among rows.
func (w *work) carried(rows []int32) []bool {
	out := make([]bool, len(w.all.refs))
	for i, p := range w.all.previous {
		if p != w.all.refs[i].ID {
			if f, ok := w.row[p]; ok {
				out[f] = true
			}
		}
	}
	for _, r := range rows {
		out[r] = false
	}
	return out
}

// relations says what certain links that hold make of a row.
func (w *work) relations() []identity.Relation {
	out := make([]identity.Relation, len(w.all.refs))
	for i, e := range w.res.Edges {
		if e.Kind == cluster.Probable || !holds(w.res.Cluster.Edges[i]) {
			continue
		}
		switch e.Type {
		case certain.FollowupOf.String():
			out[e.A] = identity.Followup
		case certain.TransferredFrom.String():
			out[e.A] = identity.Transfer
		}
	}
	return out
}

// members are the membership rows of the named rows, and the events that are their own again.
func (w *work) members() (in []warehouse.Member, out []warehouse.EventRef) {
	size := map[uuid.UUID]int{}
	for _, id := range w.named.Incident {
		size[id]++
	}
	for k, row := range w.rows {
		id := w.named.Incident[k]
		// Alone, an event is its own incident without a row, unless others carry its id on.
		if size[id] < 2 && warehouse.EventID(id) == w.all.refs[row].ID {
			out = append(out, w.all.refs[row])
			continue
		}
		m := warehouse.Member{Event: w.all.refs[row], Incident: warehouse.EventID(id), Role: w.named.Role[k].String(), Countable: w.named.Countable[k]}
		if m.Countable && w.alarmed(row) {
			m.Alarm = "size"
		}
		in = append(in, m)
	}
	return in, out
}

func (w *work) alarmed(row int32) bool {
	for _, a := range w.res.Cluster.Alarms {
		if a.Cluster == w.res.Cluster.Cluster[row] {
			return true
		}
	}
	return false
}

func (w *work) aliases() []warehouse.Alias {
	var out []warehouse.Alias
	for _, c := range w.named.Changes {
		if c.Reason == identity.Merged {
			out = append(out, warehouse.Alias{Old: warehouse.EventID(c.Old), New: warehouse.EventID(c.New), Reason: "merge"})
		}
	}
	return out
}
