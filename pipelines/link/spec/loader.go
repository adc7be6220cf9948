package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/table"
)

// Columns that a loader adds to the table, where the spec names them.
const (
	SourceColumn = "@source" // text: where the record comes from
	TruthColumn  = "@truth"  // text: the cluster, or with truth.parent the number of the parent record
)

// Loader applies the columns of a spec to record batches. It is used by one goroutine.
type Loader struct {
	s     *Spec
	b     *table.Builder
	cols  []*column // derived columns, what they build on first
	names []string  // source columns that are read
	views []view
	id    int
	src   int // place in names, -1 without
	truth int
	re    *regexp.Regexp
	drop  []filter

	extract func(text string) *feature.Text
	grams   []uint32
	bound   bool
	rep     Report
}

// Report says what became of the rows. It holds no values (invariant 4).
type Report struct {
	Rows       int            // read
	Dropped    []int          // by the filter of drop in the same place
	Kept       int            // rows of the table
	Unreadable map[string]int // by column: values that are there and are no number, date, time or point
	Nulls      map[string]int // by column
	Nulled     []table.Nulled // placeholders taken out
}

type filter struct {
	col   int
	in    map[string]bool
	not   bool
	empty bool
}

// Option changes a loader.
type Option func(*Loader)

// WithExtractor lends the extractor of places and ticket numbers, which columns as: places and as: tickets need. fn is
// called with the text of a record; its result is used before the next call.
func WithExtractor(fn func(text string) *feature.Text) Option {
	return func(l *Loader) { l.extract = fn }
}

// NewLoader compiles the columns of the spec.
func (s *Spec) NewLoader(opts ...Option) (*Loader, error) {
	l := &Loader{s: s, src: -1, truth: -1, rep: Report{Dropped: make([]int, len(s.Drop)), Unreadable: map[string]int{}, Nulls: map[string]int{}}}
	for _, o := range opts {
		o(l)
	}
	l.id = l.source(s.ID)
	if s.Source != "" {
		l.src = l.source(s.Source)
	}
	if s.Truth != nil {
		l.truth = l.source(s.Truth.Column)
		if s.Truth.Regexp != "" {
			l.re = regexp.MustCompile(s.Truth.Regexp) // validated
		}
	}
	for _, f := range s.Drop {
		c := filter{col: l.source(f.Column), not: len(f.NotIn) > 0, empty: f.Empty, in: map[string]bool{}}
		for _, v := range slices.Concat(f.In, f.NotIn) {
			c.in[v] = true
		}
		l.drop = append(l.drop, c)
	}
	var defs []table.Def
	for _, name := range s.order() {
		c, err := l.compile(name, s.Columns[name])
		if err != nil {
			return nil, err
		}
		c.at = len(defs)
		defs = append(defs, table.Def{Name: name, Kind: c.c.Kind(), Geographic: c.c.Lon != "", Words: c.c.wordSet()})
		l.cols = append(l.cols, c)
	}
	if l.src >= 0 {
		defs = append(defs, table.Def{Name: SourceColumn, Kind: table.KindText})
	}
	if l.truth >= 0 {
		defs = append(defs, table.Def{Name: TruthColumn, Kind: table.KindText})
	}
	l.b = table.NewBuilder(defs...)
	for _, p := range s.Placeholders {
		for _, name := range p.Columns {
			i := slices.IndexFunc(l.cols, func(c *column) bool { return c.name == name })
			l.b.NullFrequent(i, p.Share, p.Min)
		}
	}
	return l, nil
}

// order puts every column behind the one it builds on; otherwise columns are in the order of their names.
func (s *Spec) order() []string {
	var out []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(out, name) {
			return
		}
		if of := s.Columns[name].Of; of != "" {
			add(of)
		}
		out = append(out, name)
	}
	for _, name := range sorted(s.Columns) {
		add(name)
	}
	return out
}

// source gives a source column a place.
func (l *Loader) source(name string) int {
	if i := slices.Index(l.names, name); i >= 0 {
		return i
	}
	l.names = append(l.names, name)
	return len(l.names) - 1
}

// Columns are the source columns that the loader reads: others need not be read from the file.
func (l *Loader) Columns() []string { return slices.Clone(l.names) }

// Append adds the rows of a batch. Every source column that the spec names must be there.
func (l *Loader) Append(rec arrow.RecordBatch) error {
	if err := l.bind(rec); err != nil {
		return err
	}
	for row := range int(rec.NumRows()) {
		l.rep.Rows++
		if i := l.filtered(row); i >= 0 {
			l.rep.Dropped[i]++
			continue
		}
		for _, c := range l.cols {
			c.set(l, row)
		}
		n := len(l.cols)
		if l.src >= 0 {
			l.b.Text(n, strings.TrimFunc(l.text(l.src, row), isSpace))
			n++
		}
		if l.truth >= 0 {
			v := strings.TrimFunc(l.text(l.truth, row), isSpace)
			if l.re != nil {
				v = extract(l.re, v)
			}
			l.b.Text(n, v)
		}
		l.b.EndRow(strings.TrimFunc(l.text(l.id, row), isSpace))
	}
	return nil
}

// bind finds the source columns in a batch: by name, else by name without the blanks that some exports put into headers.
func (l *Loader) bind(rec arrow.RecordBatch) error {
	l.views = l.views[:0]
	for _, name := range l.names {
		at := slices.IndexFunc(rec.Schema().Fields(), func(f arrow.Field) bool { return f.Name == name })
		if at < 0 {
			at = slices.IndexFunc(rec.Schema().Fields(), func(f arrow.Field) bool { return strings.TrimFunc(f.Name, isSpace) == name })
		}
		if at < 0 {
			if l.bound {
				l.views = append(l.views, view{}) // batches of one source need not repeat empty columns
				continue
			}
			var have []string
			for _, f := range rec.Schema().Fields() {
				have = append(have, strings.TrimFunc(f.Name, isSpace))
			}
			return l.s.Problem(l.s.where(name), fmt.Sprintf("the data has no column %q", name), suggest(name, have))
		}
		v, ok := newView(rec.Column(at))
		if !ok {
			return l.s.Problem(l.s.where(name), fmt.Sprintf("column %q has a type that cannot be linked: %s", name, rec.Column(at).DataType()), "")
		}
		l.views = append(l.views, v)
	}
	l.bound = true
	return nil
}

// where is a path of the spec that names a source column.
func (s *Spec) where(source string) string {
	switch {
	case s.ID == source:
		return "id"
	case s.Source == source:
		return "source"
	case s.Truth != nil && s.Truth.Column == source:
		return "truth.column"
	}
	for i, f := range s.Drop {
		if f.Column == source {
			return fmt.Sprintf("drop.%d.column", i)
		}
	}
	for _, name := range sorted(s.Columns) {
		if s.Columns[name].Of == "" && slices.Contains(s.Sources(name), source) {
			return "columns." + name
		}
	}
	return ""
}

// text is a source value as text, "" for null.
func (l *Loader) text(col, row int) string {
	v := &l.views[col]
	switch {
	case v.null(row):
		return ""
	case v.text != nil:
		return v.text(row)
	case v.time != nil:
		return time.UnixMicro(v.time(row)).UTC().Format(time.RFC3339Nano)
	}
	return ""
}

// filtered is the first filter that drops the row, -1 for none.
func (l *Loader) filtered(row int) int {
	for i, f := range l.drop {
		v := strings.TrimFunc(l.text(f.col, row), isSpace)
		if f.empty && v == "" || !f.empty && f.in[v] != f.not {
			return i
		}
	}
	return -1
}

// Finish ends the table. The loader is of no use afterwards.
func (l *Loader) Finish() (*table.Table, *Report, error) {
	t, err := l.b.Build()
	if err != nil {
		return nil, nil, fmt.Errorf("loading records: %w", err)
	}
	l.rep.Kept = t.Rows()
	l.rep.Nulled = l.b.Nulled()
	for _, name := range t.Names() {
		n := 0
		for row := range int32(t.Rows()) {
			if t.Null(name, row) {
				n++
			}
		}
		l.rep.Nulls[name] = n
	}
	return t, &l.rep, nil
}
