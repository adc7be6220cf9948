package score

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// Program is the comparisons of a spec compiled for a table. It does not change and may be shared by goroutines; each of
// them compares with a Scorer of its own.
type Program struct {
	spec  *spec.Spec
	t     *table.Table
	comps []comparison
	freq  map[string]func(uint32) float64
	df    map[string]func(uint32) int
	sigs  map[string][]signature // while compiling
}

// comparison is one place of a pattern.
type comparison struct {
	c      *spec.Comparison
	shift  uint
	mask   uint64
	null   func(i, j int32) bool
	levels []level
	text   *table.Text // set where all levels depend on this one column and are worth remembering
}

// level is one outcome.
type level struct {
	l    *spec.Level
	test test
	tf   *rarity // nil without adjustment
}

// test reports whether a condition holds. It is false where a value is missing.
type test func(s *Scorer, i, j int32) bool

// Option changes a program.
type Option func(*Program)

// WithShare tells how frequent the values of a text column are, as shares of the records, where the table is too small to
// tell: an increment of a thousand records does not know which names are common. code is of the table's dictionary.
func WithShare(column string, share func(code uint32) float64) Option {
	return func(p *Program) { p.freq[column] = share }
}

// WithDF is WithShare for the tokens of a set column: how many records hold the token, and out of how many is said by
// share.
func WithDF(column string, df func(token uint32) int, share func(token uint32) float64) Option {
	return func(p *Program) { p.df[column], p.freq[column] = df, share }
}

// Compile makes a program. The table must have been made by a loader of the same spec.
func Compile(s *spec.Spec, t *table.Table, opts ...Option) (*Program, error) {
	p := &Program{spec: s, t: t, freq: map[string]func(uint32) float64{}, df: map[string]func(uint32) int{}, sigs: map[string][]signature{}}
	for _, o := range opts {
		o(p)
	}
	shift := uint(0)
	for i, c := range s.Comparisons {
		for _, col := range c.Columns {
			if t.Kind(col) == 0 {
				return nil, s.Problem(fmt.Sprintf("comparisons.%d.columns", i), fmt.Sprintf("the table has no column %q", col), "")
			}
		}
		width := uint(bits.Len(uint(len(c.Levels))))
		if shift+width > 64 {
			return nil, s.Problem("comparisons", "the levels of all comparisons need more than 64 bits", "")
		}
		cc := comparison{c: c, shift: shift, mask: 1<<width - 1, null: p.nulls(c.Columns)}
		shift += width
		remember := len(c.Columns) == 1 && t.Kind(c.Columns[0]) == table.KindText
		dear := false
		for _, l := range c.Levels {
			lv := level{l: l, test: p.test(c, &l.Test)}
			if l.TF > 0 {
				lv.tf = p.rarity(c, l)
			}
			cc.levels = append(cc.levels, lv)
			dear = dear || costly(&l.Test)
		}
		if remember && dear {
			cc.text = t.Text(c.Columns[0])
		}
		p.comps = append(p.comps, cc)
	}
	return p, nil
}

// Spec and Table are what the program was compiled from.
func (p *Program) Spec() *spec.Spec    { return p.spec }
func (p *Program) Table() *table.Table { return p.t }

// costly reports whether a condition is dearer than looking up what it gave before.
func costly(t *spec.Test) bool {
	switch t.Condition() {
	case "jaro_winkler", "jaro", "levenshtein", "damerau_levenshtein", "contains":
		return true
	case "all", "any":
		return slices.ContainsFunc(slices.Concat(t.All, t.Any), costly)
	}
	return false
}

// Level is the level of a comparison, by place, in a pattern: 1 is the first, 0 null.
func (p *Program) Level(g Pattern, comparison int) int {
	c := &p.comps[comparison]
	return int(uint64(g) >> c.shift & c.mask)
}

// Levels unpacks a pattern: one level per comparison.
func (p *Program) Levels(g Pattern) []int {
	out := make([]int, len(p.comps))
	for i := range p.comps {
		out[i] = p.Level(g, i)
	}
	return out
}

// nulls reports whether no column has a value on both sides: then nothing can be said.
func (p *Program) nulls(cols []string) func(i, j int32) bool {
	one := func(col string) func(i int32) bool {
		switch p.t.Kind(col) {
		case table.KindText:
			codes := p.t.Text(col).Codes()
			return func(i int32) bool { return codes[i] == 0 }
		case table.KindNumber:
			return p.t.Number(col).Null
		case table.KindTime:
			return p.t.Time(col).Null
		case table.KindSet:
			return p.t.Set(col).Null
		case table.KindPoint:
			return p.t.Point(col).Null
		case table.KindDate:
			d := p.t.Date(col)
			return func(i int32) bool { return d.At(i) == 0 }
		}
		return func(int32) bool { return true }
	}
	var tests []func(int32) bool
	for _, c := range cols {
		tests = append(tests, one(c))
	}
	if len(tests) == 1 {
		null := tests[0]
		return func(i, j int32) bool { return null(i) || null(j) }
	}
	return func(i, j int32) bool {
		for _, null := range tests {
			if !null(i) && !null(j) {
				return false
			}
		}
		return true
	}
}

// rarity is the term-frequency adjustment of a level.
type rarity struct {
	weight float64
	base   float64                  // of the level on average: what the adjustment is measured against
	share  func(i, j int32) float64 // of the value or token that the two rows share
}

// maxRarity bounds an adjustment in bits: a value that stands twice may be twice the same slip of the pen.
const maxRarity = 8

// bits is the adjustment for a pair: agreement on a value that a share f of the records holds says 1/f, on average 1/base.
func (r *rarity) bits(i, j int32) float64 {
	f := r.share(i, j)
	if !(f > 0) {
		return 0
	}
	return r.weight * min(math.Log2(r.base/f), maxRarity)
}

// rarity compiles the adjustment of a level; nil where the column knows no frequencies.
func (p *Program) rarity(c *spec.Comparison, l *spec.Level) *rarity {
	name := l.On
	if name == "" {
		name = c.Columns[0]
	}
	r := &rarity{weight: float64(l.TF)}
	if col := p.t.Text(name); col != nil {
		share := p.freq[name]
		d := col.Dict()
		known := 0.0
		for code := 1; code <= d.Len(); code++ {
			known += float64(d.Count(uint32(code)))
		}
		if share == nil {
			share = func(code uint32) float64 { return float64(max(d.Count(code), 2)) / known }
		}
		sum := 0.0
		for code := 1; code <= d.Len(); code++ {
			sum += share(uint32(code)) * float64(d.Count(uint32(code)))
		}
		r.base = sum / max(known, 1)
		codes := col.Codes()
		r.share = func(i, j int32) float64 { return max(share(codes[i]), share(codes[j])) }
		return r
	}
	col := p.t.Set(name)
	if col == nil {
		return nil
	}
	return p.tokenRarity(r, name, col, l)
}

func (p *Program) tokenRarity(r *rarity, name string, col *table.Set, l *spec.Level) *rarity {
	df, share := p.tokens(name, col)
	limit := math.MaxInt
	if l.SharedToken != nil {
		limit = l.SharedToken.DF
	}
	// Tokens are weighed by how often they occur, as values of a text are.
	sum, known := 0.0, 0.0
	for row := range int32(p.t.Rows()) {
		for _, tok := range col.At(row) {
			if df(tok) <= limit {
				sum += share(tok)
				known++
			}
		}
	}
	r.base = sum / max(known, 1)
	r.share = func(i, j int32) float64 {
		rarest := math.Inf(1)
		common(col.At(i), col.At(j), func(tok uint32) bool {
			rarest = min(rarest, share(tok))
			return true
		})
		if math.IsInf(rarest, 1) {
			return 0
		}
		return rarest
	}
	return r
}

// tokens are the frequencies of a set column.
func (p *Program) tokens(name string, col *table.Set) (df func(uint32) int, share func(uint32) float64) {
	df, share = p.df[name], p.freq[name]
	if df == nil {
		df = func(tok uint32) int { return int(col.DF(tok)) }
	}
	if share == nil {
		rows := float64(max(p.t.Rows(), 1))
		share = func(tok uint32) float64 { return float64(max(df(tok), 2)) / rows }
	}
	return df, share
}

// common calls see for every token of both sets until it returns false.
func common(a, b []uint32, see func(uint32) bool) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			if !see(a[i]) {
				return
			}
			i++
			j++
		}
	}
}
