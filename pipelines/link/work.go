package link

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/google/uuid"

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

func holds(v cluster.Verdict) bool { return v == cluster.Joined || v == cluster.Inside }

// proposed reports whether a person should look at a pair.
func proposed(v cluster.Verdict) bool {
	switch v {
	case cluster.ForReview, cluster.RefusedClass, cluster.RefusedSupport, cluster.RefusedDiameter, cluster.RefusedSpan:
		return true
	}
	return false
}

// links are the ledger rows that the result wants, one for each pair; only has a say about which pairs are given.
func (w *work) links(only func(a, b int32) bool, yield func(warehouse.Link) bool) {
	order := make([]int32, 0, len(w.res.Edges))
	for i := range w.res.Edges {
		if v := w.res.Cluster.Edges[i]; holds(v) || proposed(v) {
			order = append(order, int32(i))
		}
	}
	key := func(e *Edge) (int32, int32) { return min(e.A, e.B), max(e.A, e.B) }
	// The strongest evidence of a pair first: what the source says, then what is known, then what is weighed.
	slices.SortFunc(order, func(i, j int32) int {
		x, y := &w.res.Edges[i], &w.res.Edges[j]
		xa, xb := key(x)
		ya, yb := key(y)
		return cmp.Or(cmp.Compare(xa, ya), cmp.Compare(xb, yb), cmp.Compare(y.Kind, x.Kind), cmp.Compare(y.Bits, x.Bits), cmp.Compare(i, j))
	})
	lv := newLevels(w.res)
	last := [2]int32{-1, -1}
	for _, i := range order {
		e := &w.res.Edges[i]
		a, b := key(e)
		if last == [2]int32{a, b} {
			continue
		}
		last = [2]int32{a, b}
		if only != nil && !only(a, b) {
			continue
		}
		if !yield(w.ledgerRow(e, w.res.Cluster.Edges[i], lv)) {
			return
		}
	}
}

func (w *work) ledgerRow(e *Edge, v cluster.Verdict, lv *levels) warehouse.Link {
	l := warehouse.Link{From: w.all.refs[e.A], To: w.all.refs[e.B], Type: e.Type, Method: e.Method, Band: warehouse.BandLink, Weight: e.Bits,
		Model: w.r.model(), DecidedBy: "engine", Action: warehouse.Assert}
	if proposed(v) {
		l.Band = warehouse.BandReview
	}
	if e.Kind != cluster.Probable {
		l.Rule, l.Note, l.Probability = e.Code, e.Code, 1
		return l
	}
	// The later report is the one that is linked.
	if w.all.records[e.B].At > w.all.records[e.A].At || w.all.records[e.B].At == w.all.records[e.A].At && e.B > e.A {
		l.From, l.To = l.To, l.From
	}
	l.Type = certain.DuplicateOf.String()
	l.Probability = score.Probability(e.Bits)
	if int(e.Rule) < len(w.r.o.Spec.Blocking) {
		l.Rule = w.r.o.Spec.Blocking[e.Rule].Name
	}
	l.Levels = lv.of(e.Pattern, e.Bits)
	if v != cluster.Joined && v != cluster.Inside {
		l.Note = v.String()
	}
	return l
}

// levels are the names and weights of all levels of a model, made once.
type levels struct {
	res   *Result
	prior float64
	level [][]warehouse.Level
}

func newLevels(r *Result) *levels {
	l := &levels{res: r, prior: score.Bits(r.Model.Lambda)}
	for _, c := range r.Model.Comparisons {
		row := []warehouse.Level{{Name: c.Name, Gamma: -1}}
		for i, lv := range c.Levels {
			row = append(row, warehouse.Level{Name: c.Name + " " + lv.Level, Gamma: int8(i), Bits: float32(math.Log2(lv.M / lv.U))})
		}
		l.level = append(l.level, row)
	}
	return l
}

// of are the levels of a pattern; what term frequencies add to their sum comes last.
func (l *levels) of(g score.Pattern, bits float64) []warehouse.Level {
	out := make([]warehouse.Level, 0, len(l.level)+2)
	sum := l.prior
	out = append(out, warehouse.Level{Name: "prior", Bits: float32(l.prior)})
	for i, at := range l.res.Program.Levels(g) {
		lv := l.level[i][at]
		sum += float64(lv.Bits)
		out = append(out, lv)
	}
	if rest := bits - sum; math.Abs(rest) > 0.01 {
		out = append(out, warehouse.Level{Name: "frequency", Bits: float32(rest)})
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
