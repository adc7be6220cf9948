package certain

import (
	"cmp"
	"slices"
	"time"

	"onegrid/pipelines/link/feature"
)

// Find returns the certain links among the records. The order of the records does not matter for which pairs are linked.
func Find(records []Record, o Options) Result {
	f := &finder{records: records, o: o.defaults(), index: newIndex(records)}
	f.counts.Links = map[string]int64{}
	f.root = make([]int32, len(records))
	for i := range f.root {
		f.root[i] = int32(i)
	}
	f.claims()
	f.upstream()
	f.parents()
	f.quoted()
	f.copies()
	return Result{Edges: f.unique(), Counts: f.counts}
}

func (o Options) defaults() Options {
	o.CopyRunes = cmp.Or(o.CopyRunes, 20)
	o.CopyWithin = cmp.Or(o.CopyWithin, 90*24*time.Hour)
	o.FormCopies = cmp.Or(o.FormCopies, 50)
	o.MaxClaims = cmp.Or(o.MaxClaims, 100)
	o.ClaimSpan = cmp.Or(o.ClaimSpan, 14*24*time.Hour)
	return o
}

type finder struct {
	records []Record
	o       Options
	index   *index
	root    []int32 // union-find: which records are one matter so far
	edges   []Edge
	counts  Counts
	claimed map[string]*claim
}

// claim is how often a number is named by other records.
type claim struct {
	n           int
	first, last int64
}

// claims counts who names which number, to recognise placeholders by their frequency. A parent of many reports has its
// children within days; a default value is spread over the whole time.
func (f *finder) claims() {
	f.claimed = map[string]*claim{}
	add := func(number string, at int64) {
		if number == "" {
			return
		}
		c := f.claimed[number]
		if c == nil {
			c = &claim{first: NoTime, last: NoTime}
			f.claimed[number] = c
		}
		c.n++
		if at != NoTime {
			if c.first == NoTime || at < c.first {
				c.first = at
			}
			c.last = max(c.last, at)
		}
	}
	for i := range f.records {
		r := &f.records[i]
		parent, up := tidy(r.Parent), tidy(r.Upstream)
		add(parent, r.At)
		if up != parent {
			add(up, r.At)
		}
		for _, t := range r.Tickets {
			if t.Number != parent && t.Number != up {
				add(t.Number, r.At)
			}
		}
	}
}

// garbage reports whether a number is a placeholder, by shape or by frequency.
func (f *finder) garbage(number string) bool {
	if placeholder(number) {
		return true
	}
	c := f.claimed[number]
	return c != nil && c.n > f.o.MaxClaims && (c.first == NoTime || c.last-c.first > f.o.ClaimSpan.Microseconds())
}

func (f *finder) find(i int32) int32 {
	for f.root[i] != i {
		f.root[i] = f.root[f.root[i]]
		i = f.root[i]
	}
	return i
}

func (f *finder) link(from, to int32, t Type, m Method, code string) {
	f.edges = append(f.edges, Edge{From: from, To: to, Type: t, Method: m, Code: code})
	f.root[f.find(from)] = f.find(to)
}

// resolve looks a number up for record i and counts what is left alone.
func (f *finder) resolve(i int32, number string, ok func(row int32) bool) (int32, bool) {
	if f.garbage(number) {
		f.counts.Placeholders++
		return 0, false
	}
	m := f.index.resolve(number, func(row int32) bool {
		return row != i && f.records[row].Purpose == f.records[i].Purpose && ok(row)
	})
	switch m.n {
	case 0:
		f.counts.Unresolved++
	case 1:
		return m.row, true
	default:
		f.counts.Ambiguous++
	}
	return 0, false
}

// upstream links hand-overs between departments. Of several records of one source that name the same upstream record, the
// first is the hand-over and the others are the same hand-over again.
func (f *finder) upstream() {
	type handover struct{ from, to int32 }
	var list []handover
	for i := range f.records {
		r := &f.records[i]
		number := tidy(r.Upstream)
		if number == "" || f.own(r, number) {
			continue
		}
		to, ok := f.resolve(int32(i), number, func(row int32) bool {
			o := &f.records[row]
			return o.Source != r.Source && (r.UpstreamKind == "" || o.Kind == r.UpstreamKind)
		})
		if ok {
			list = append(list, handover{int32(i), to})
		}
	}
	slices.SortStableFunc(list, func(a, b handover) int {
		x, y := &f.records[a.from], &f.records[b.from]
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(x.Source, y.Source), cmp.Compare(x.At, y.At), cmp.Compare(x.Number, y.Number))
	})
	for k, h := range list {
		code := "upstream_field"
		if k > 0 && list[k-1].to == h.to && f.records[list[k-1].from].Source == f.records[h.from].Source {
			code = "upstream_field_again"
		}
		f.link(h.from, h.to, TransferredFrom, SourceField, code)
	}
}

// own reports whether a number is the record's own.
func (f *finder) own(r *Record, number string) bool {
	return number == tidy(r.Number) || number == tidy(r.Alt)
}

func (f *finder) parents() {
	for i := range f.records {
		r := &f.records[i]
		number := tidy(r.Parent)
		if number == "" || f.own(r, number) {
			continue
		}
		to, ok := f.resolve(int32(i), number, func(row int32) bool { return f.records[row].Source == r.Source })
		if !ok {
			continue
		}
		t := ChildOf
		if r.Cues.FollowUp() {
			t = FollowupOf
		}
		f.link(int32(i), to, t, SourceField, "parent_field")
	}
}

// quoted links records whose text names another one. A text that names several is linked only if these are one matter
// already: then to the latest of them.
func (f *finder) quoted() {
	type several struct {
		from int32
		to   []int32
		tick []feature.Ticket
	}
	var later []several
	for i := range f.records {
		r := &f.records[i]
		var s several
		for _, t := range r.Tickets {
			if f.own(r, t.Number) || t.Number == tidy(r.Parent) || t.Number == tidy(r.Upstream) {
				continue
			}
			to, ok := f.resolve(int32(i), t.Number, func(row int32) bool { return f.fits(r, t.Kind, row) })
			if ok && !slices.Contains(s.to, to) {
				s.to, s.tick = append(s.to, to), append(s.tick, t)
			}
		}
		switch {
		case len(s.to) == 1:
			f.quote(int32(i), s.to[0], s.tick[0])
		case len(s.to) > 1:
			s.from = int32(i)
			later = append(later, s)
		}
	}
	// Links that were made above join quoted records; a chain of texts that quote several needs as many rounds as it is long.
	for again := true; again; {
		again = false
		later = slices.DeleteFunc(later, func(s several) bool {
			for _, to := range s.to[1:] {
				if f.find(to) != f.find(s.to[0]) {
					return false
				}
			}
			best := 0
			for k, to := range s.to {
				a, b := &f.records[to], &f.records[s.to[best]]
				if cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Number, b.Number)) > 0 {
					best = k
				}
			}
			again = again || f.find(s.from) != f.find(s.to[best])
			f.quote(s.from, s.to[best], s.tick[best])
			return true
		})
	}
	f.counts.Several += int64(len(later))
}

// fits reports whether a record can be what a ticket of a kind names. A number without a known shape says which record
// only within its own source.
func (f *finder) fits(r *Record, k feature.TicketKind, row int32) bool {
	o := &f.records[row]
	switch k {
	case feature.TicketCall:
		return o.Kind == "police_110" || o.Source == r.Source
	case feature.TicketHotline:
		return o.Kind == "hotline_12345" || o.Source == r.Source
	case feature.TicketTask, feature.TicketRequest:
		return true
	}
	return o.Source == r.Source
}

func (f *finder) quote(from, to int32, t feature.Ticket) {
	kind := FollowupOf
	if f.records[from].Source != f.records[to].Source {
		kind = TransferredFrom
	}
	f.link(from, to, kind, IDInText, "quoted_"+t.Kind.String())
}

// copies links texts that are the same word for word, each to the one before it.
func (f *finder) copies() {
	var rows []int32
	for i := range f.records {
		if r := &f.records[i]; r.Copy != 0 && r.Runes >= f.o.CopyRunes && !r.Invalid {
			rows = append(rows, int32(i))
		}
	}
	slices.SortFunc(rows, func(a, b int32) int {
		x, y := &f.records[a], &f.records[b]
		return cmp.Or(cmp.Compare(x.Copy, y.Copy), cmp.Compare(x.Runes, y.Runes), cmp.Compare(x.Purpose, y.Purpose), cmp.Compare(x.At, y.At),
			cmp.Compare(x.Source, y.Source), cmp.Compare(x.Number, y.Number))
	})
	same := func(a, b int32) bool {
		x, y := &f.records[a], &f.records[b]
		return x.Copy == y.Copy && x.Runes == y.Runes && x.Purpose == y.Purpose
	}
	for at := 0; at < len(rows); {
		end := at + 1
		for end < len(rows) && same(rows[at], rows[end]) {
			end++
		}
		group := rows[at:end]
		at = end
		if len(group) > f.o.FormCopies {
			f.counts.Forms += int64(len(group))
			continue
		}
		for k := 1; k < len(group); k++ {
			older, newer := &f.records[group[k-1]], &f.records[group[k]]
			if older.At != NoTime && newer.At-older.At > f.o.CopyWithin.Microseconds() {
				continue
			}
			t, code := DuplicateOf, "same_text"
			if older.Contact != 0 && older.Contact == newer.Contact {
				t, code = RepeatContact, "same_text_contact"
			}
			f.link(group[k], group[k-1], t, Copy, code)
		}
	}
}

// unique keeps the first edge of each pair: fields before texts, texts before copies.
func (f *finder) unique() []Edge {
	seen := make(map[uint64]bool, len(f.edges))
	out := f.edges[:0]
	for _, e := range f.edges {
		a, b := min(e.From, e.To), max(e.From, e.To)
		if k := uint64(a)<<32 | uint64(b); !seen[k] {
			seen[k] = true
			out = append(out, e)
			f.counts.Links[e.Code]++
		}
	}
	slices.SortStableFunc(out, func(a, b Edge) int { return cmp.Compare(a.From, b.From) })
	return out
}
