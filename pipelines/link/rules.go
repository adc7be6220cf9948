package link

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// hashIDs is a hash of every record number.
func hashIDs(t *table.Table) []uint64 {
	out := make([]uint64, t.Rows())
	for i := range out {
		out[i] = xxhash.Sum64String(t.ID(int32(i)))
	}
	return out
}

// rulesOf finds the certain links that the mapping describes: parents, quoted numbers and equal values.
func rulesOf(s *spec.Spec, t *table.Table) []Edge {
	var out []Edge
	for _, c := range s.Certain {
		f := &finder{c: c, t: t, source: t.Text(spec.SourceColumn)}
		if c.Within != nil {
			f.at, f.lag = instants(t, c.Within.Time), c.Within.Lag.D().Microseconds()
		}
		switch {
		case c.Parent != "":
			f.parents(t.Text(c.Parent))
		case c.Quoted != "":
			f.quoted(t.Set(c.Quoted))
		default:
			f.same()
		}
		out = append(out, f.out...)
	}
	return out
}

type finder struct {
	c      *spec.Certain
	t      *table.Table
	source *table.Text
	at     []int64
	lag    int64
	out    []Edge
}

// link adds the link from a row to another if it is one.
func (f *finder) link(from, to int32, kind cluster.Kind, method, code string) {
	if from == to {
		return
	}
	if f.c.SameSource && f.source != nil && f.source.Code(from) != f.source.Code(to) {
		return
	}
	if f.at != nil && !within(f.at, f.lag)(from, to) {
		return
	}
	f.out = append(f.out, Edge{A: from, B: to, Kind: kind, Type: f.c.Type, Method: method, Code: code})
}

func (f *finder) parents(c *table.Text) {
	for row := range int32(f.t.Rows()) {
		if v, ok := c.Value(row); ok {
			if to, ok := f.t.Find(v); ok {
				f.link(row, to, cluster.Given, "source_field", "parent_field")
			}
		}
	}
}

func (f *finder) quoted(c *table.Set) {
	for row := range int32(f.t.Rows()) {
		for _, tok := range c.At(row) {
			if to, ok := f.t.Find(c.Dict().At(tok)); ok {
				f.link(row, to, cluster.Given, "id_in_text", "quoted_number")
			}
		}
	}
}

// same links the records of equal values in a chain in the order of time, each to the one before it: with a time limit the
// chain breaks where the next is too far away.
func (f *finder) same() {
	type member struct {
		key uint64
		row int32
	}
	var members []member
	cols := make([]*table.Text, len(f.c.Same))
	for i, name := range f.c.Same {
		cols[i] = f.t.Text(name)
	}
	var long []bool
	if f.c.MinLength > 0 {
		long = make([]bool, cols[0].Dict().Len()+1)
		for code := 1; code < len(long); code++ {
			long[code] = utf8.RuneCount(cols[0].Dict().Bytes(uint32(code))) >= f.c.MinLength
		}
	}
next:
	for row := range int32(f.t.Rows()) {
		key := uint64(14695981039346656037)
		for i, c := range cols {
			code := c.Code(row)
			if code == 0 || i == 0 && long != nil && !long[code] {
				continue next
			}
			key = (key ^ uint64(code)) * 0x9e3779b97f4a7c15
			key ^= key >> 32
		}
		members = append(members, member{key, row})
	}
	when := f.at
	if when == nil {
		when = make([]int64, f.t.Rows())
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(when[a.row], when[b.row]), cmp.Compare(f.t.ID(a.row), f.t.ID(b.row)))
	})
	for i := 1; i < len(members); i++ {
		a, b := members[i-1], members[i]
		if a.key == b.key && f.equal(cols, a.row, b.row) {
			f.link(b.row, a.row, cluster.Certain, "copy", "same_value")
		}
	}
}

// equal guards against two values of one hash.
func (f *finder) equal(cols []*table.Text, a, b int32) bool {
	for _, c := range cols {
		if c.Code(a) != c.Code(b) {
			return false
		}
	}
	return true
}

// founders gives every cluster the record that it is named after: the oldest, then the one with the smallest number.
func founders(t *table.Table, at []int64, label []int32, clusters int) []int32 {
	out := make([]int32, clusters)
	for i := range out {
		out[i] = -1
	}
	older := func(a, b int32) bool {
		if at != nil && at[a] != at[b] {
			if at[a] == table.NoTime {
				return false
			}
			return at[b] == table.NoTime || at[a] < at[b]
		}
		return t.ID(a) < t.ID(b)
	}
	for row, c := range label {
		if out[c] < 0 || older(int32(row), out[c]) {
			out[c] = int32(row)
		}
	}
	return out
}

// Named is a row's cluster with the number of the record that founded it.
type Named struct {
	ID      string
	Cluster string
	Founder bool
	Size    int
}

// Names are the clusters of a result by record numbers, in the order of the rows.
func (r *Result) Names(s *spec.Spec) []Named {
	t := r.Program.Table()
	at := instants(t, s.Cluster.Time)
	first := founders(t, at, r.Cluster.Cluster, r.Cluster.Clusters)
	size := make([]int, r.Cluster.Clusters)
	for _, c := range r.Cluster.Cluster {
		size[c]++
	}
	out := make([]Named, t.Rows())
	for i := range out {
		c := r.Cluster.Cluster[i]
		out[i] = Named{ID: t.ID(int32(i)), Cluster: t.ID(first[c]), Founder: first[c] == int32(i), Size: size[c]}
	}
	return out
}
