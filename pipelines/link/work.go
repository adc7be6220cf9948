package link

import (
	"cmp"
	"context"
	"slices"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/identity"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
	"onegrid/warehouse"
)

// work is one run over one table of events: it links, names the incidents and says what has to be stored.
type work struct {
	r     *Runner
	rep   *Report
	all   *gathered
	fresh func(row int32) bool // nil: all rows are linked anew

	data   [][]byte              // stored features of the first rows; a rebuild makes them on the way
	ledger []warehouse.LedgerRow // links of earlier runs around the rows

	res     *Result
	row     map[warehouse.EventID]int32
	decided []cluster.Decision
	named   identity.Output
	of      []int32 // row in named by row of the table, -1 for rows that are not named
	rows    []int32 // rows that are named
	// carriers is how many of the rows had an incident id after the last run.
	carriers map[warehouse.EventID]int
}

// hiddenRows reports the rows of classes whose place is suppressed; nil for none.
func hiddenRows(s *spec.Spec, t *table.Table) func(int32) bool {
	r := &Result{}
	r.Class, r.Classes = s.ClassOf(t)
	return (&Engine{Spec: s}).hidden(r)
}

// link finds and joins.
func (w *work) link(ctx context.Context, decisions []warehouse.Decision, stored []Edge, opts []score.Option) error {
	w.row = make(map[warehouse.EventID]int32, len(w.all.refs))
	for i, e := range w.all.refs {
		w.row[e.ID] = int32(i)
	}
	found := certain.Find(w.all.records, certain.Options{})
	w.rep.Certain = found.Counts
	in := Input{Table: w.all.table, Stored: stored, New: w.fresh, NoRules: true}
	for _, e := range found.Edges {
		kind := cluster.Certain
		if e.Type.Given() {
			kind = cluster.Given
		}
		in.Certain = append(in.Certain, Edge{A: e.From, B: e.To, Kind: kind, Type: e.Type.String(), Method: e.Method.String(), Code: e.Code})
	}
	for _, d := range current(decisions) {
		a, okA := w.row[d.From.ID]
		b, okB := w.row[d.To.ID]
		if okA && okB && d.Says != warehouse.Withdrawn {
			in.Decisions = append(in.Decisions, cluster.Decision{A: a, B: b, Must: d.Says == warehouse.MustLink, At: d.No})
		}
	}
	if w.fresh != nil {
		in.Known = w.known()
	}
	e := &Engine{Spec: w.r.o.Spec, Model: w.r.o.Model, Workers: w.r.o.Workers, Options: opts}
	if e.Model == nil {
		// A store's weights change by command only, never on the way: the same pair must weigh the same tomorrow.
		prog, err := score.Compile(e.Spec, w.all.table, opts...)
		if err != nil {
			return err
		}
		e.Model = score.Prior(prog)
	}
	var err error
	if w.res, err = e.Run(ctx, in); err != nil {
		return err
	}
	w.decided = in.Decisions
	w.rep.Candidates, w.rep.Rules, w.rep.Verdicts = w.res.Block.Candidates, w.res.Block.Rules, w.res.Cluster.Stats.Edges
	w.rep.Largest = w.res.Cluster.Stats.Largest
	return nil
}

// current are the decisions that hold: of several about a pair the newest.
func current(ds []warehouse.Decision) []warehouse.Decision {
	type pair [2]warehouse.EventID
	latest := map[pair]warehouse.Decision{}
	for _, d := range ds {
		p := pair{d.From.ID, d.To.ID}
		if slices.Compare(p[0][:], p[1][:]) > 0 {
			p[0], p[1] = p[1], p[0]
		}
		if old, ok := latest[p]; !ok || d.No >= old.No {
			latest[p] = d
		}
	}
	out := make([]warehouse.Decision, 0, len(latest))
	for _, d := range latest {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b warehouse.Decision) int { return cmp.Compare(a.No, b.No) })
	return out
}

// known gives the founder and the newest member of the incident that a stored row is in, so that a crowded block is
// compared with its incidents instead of with everyone.
func (w *work) known() func(row int32) []int32 {
	members := map[warehouse.EventID][]int32{}
	for i, p := range w.all.previous {
		members[p] = append(members[p], int32(i))
	}
	for _, m := range members {
		slices.SortFunc(m, func(a, b int32) int { return cmp.Compare(w.all.records[a].At, w.all.records[b].At) })
	}
	return func(row int32) []int32 {
		m := members[w.all.previous[row]]
		if len(m) < 2 {
			return nil
		}
		return []int32{m[0], m[len(m)-1]}
	}
}

// touched are the rows whose incident may change: those connected with changed rows, and all members of any incident that
// one of these was in.
func (w *work) touched(seed func(row int32) bool) []int32 {
	n := len(w.all.refs)
	hit := make([]bool, n)
	incident := map[warehouse.EventID][]int32{}
	for i, p := range w.all.previous {
		incident[p] = append(incident[p], int32(i))
	}
	edges := make([]cluster.Edge, len(w.res.Edges))
	for i, e := range w.res.Edges {
		edges[i] = cluster.Edge{A: e.A, B: e.B, Weight: e.Bits, Kind: e.Kind}
	}
	from := seed
	for count := -1; ; {
		rows := cluster.Touched(n, edges, w.decided, w.res.Review, from)
		for _, r := range rows {
			hit[r] = true
			for _, m := range incident[w.all.previous[r]] {
				hit[m] = true
			}
		}
		now := 0
		for _, h := range hit {
			if h {
				now++
			}
		}
		if now == count {
			break
		}
		count = now
		from = func(row int32) bool { return hit[row] }
	}
	var out []int32
	for i, h := range hit {
		if h {
			out = append(out, int32(i))
		}
	}
	return out
}

// chunkRows is how much of a rebuild is handed over at a time.
const chunkRows = 32_768

// whole is the result of a rebuild in pieces. Features of days before oldest are not stored.
func (w *work) whole(oldest int32) func(yield func(*warehouse.LinkChunk, error) bool) {
	return func(yield func(*warehouse.LinkChunk, error) bool) {
		members, _ := w.members()
		for len(members) > 0 {
			n := min(len(members), chunkRows)
			if !yield(&warehouse.LinkChunk{Members: members[:n]}, nil) {
				return
			}
			members = members[n:]
		}
		if !yield(&warehouse.LinkChunk{Aliases: w.aliases()}, nil) {
			return
		}
		chunk := &warehouse.LinkChunk{}
		open := true
		w.links(nil, func(l warehouse.Link) bool {
			chunk.Links = append(chunk.Links, l)
			if len(chunk.Links) == chunkRows {
				open = yield(chunk, nil)
				chunk = &warehouse.LinkChunk{}
			}
			return open
		})
		if !open || len(chunk.Links) > 0 && !yield(chunk, nil) {
			return
		}
		w.features(oldest, yield)
	}
}

// features hands over what later runs compare with.
func (w *work) features(oldest int32, yield func(*warehouse.LinkChunk, error) bool) {
	t := w.all.table
	codec := newCodec(t)
	k := newKeyer(w.r.o.Spec, t, w.r.o.Latitude, hiddenRows(w.r.o.Spec, t))
	chunk := &warehouse.LinkChunk{}
	var data []byte
	for row := range int32(t.Rows()) {
		if w.all.refs[row].Day < oldest {
			continue
		}
		from := len(data)
		data = codec.append(data, t, row, &w.all.records[row])
		chunk.Features = append(chunk.Features, warehouse.Feature{Event: w.all.refs[row], Reported: w.all.records[row].At, Keys: k.keys(row, false, nil),
			Refs: refs(&w.all.records[row], nil), Data: data[from:len(data):len(data)]})
		if len(chunk.Features) == chunkRows {
			if !yield(chunk, nil) {
				return
			}
			chunk, data = &warehouse.LinkChunk{}, nil
		}
	}
	if len(chunk.Features) > 0 {
		yield(chunk, nil)
	}
}

// difference is what an increment changes: links, memberships and names of the touched rows, and features of the changed
// ones.
func (w *work) difference(touched []int32) (*warehouse.LinkChunk, error) {
	in := make([]bool, len(w.all.refs))
	for _, r := range touched {
		in[r] = true
	}
	c := &warehouse.LinkChunk{Aliases: w.aliases()}
	type pair [2]warehouse.EventID
	of := func(a, b warehouse.EventID) pair {
		if slices.Compare(a[:], b[:]) > 0 {
			a, b = b, a
		}
		return pair{a, b}
	}
	wanted := map[pair]bool{}
	w.links(func(a, b int32) bool { return in[a] && in[b] }, func(l warehouse.Link) bool {
		wanted[of(l.From.ID, l.To.ID)] = true
		c.Links = append(c.Links, l)
		return true
	})
	// A link of a changed event that is not found again no longer has its evidence.
	for i := range w.ledger {
		l := w.ledger[i].Link
		a, okA := w.row[l.From.ID]
		b, okB := w.row[l.To.ID]
		if !okA || !okB || l.Method == "manual" || wanted[of(l.From.ID, l.To.ID)] || !in[a] || !in[b] {
			continue
		}
		l.Action, l.Note, l.DecidedBy = warehouse.Revoke, "evidence changed", "engine"
		c.Links = append(c.Links, l)
	}
	var singles []warehouse.EventRef
	c.Members, singles = w.members()
	for _, e := range singles {
		if w.all.previous[w.row[e.ID]] != e.ID || w.carriers[e.ID] > 1 {
			c.Singles = append(c.Singles, e)
		}
	}
	for _, d := range w.all.dropped {
		if d.previous != d.ref.ID {
			c.Singles = append(c.Singles, d.ref)
		}
	}
	k := newKeyer(w.r.o.Spec, w.all.table, w.r.o.Latitude, hiddenRows(w.r.o.Spec, w.all.table))
	for row := range int32(len(w.data)) {
		c.Features = append(c.Features, warehouse.Feature{Event: w.all.refs[row], Reported: w.all.records[row].At, Keys: k.keys(row, false, nil),
			Refs: refs(&w.all.records[row], nil), Data: w.data[row]})
	}
	return c, nil
}
