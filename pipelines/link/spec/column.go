package spec

import (
	"math"
	"slices"
	"strings"
	"time"

	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/table"
)

// column is a derived column, compiled.
type column struct {
	name   string
	c      *Column
	at     int // in the table's builder
	of     *column
	srcs   []int // source columns
	concat bool
	sep    string
	clean  cleaner
	null   map[string]bool
	loc    *time.Location
	scale  float64 // of x and y, to metres

	value string // of a text column in the row under way
	memo  map[string]string
	words []string
}

// units are metres per unit of x and y.
func units() map[string]float64 {
	return map[string]float64{"": 1, "m": 1, "km": 1000, "ft": 0.3048, "us_ft": 1200.0 / 3937}
}

// memoLimit bounds the cleaned values that a column remembers: names of types and streets come again and again.
const memoLimit = 1 << 14

func (l *Loader) compile(name string, c *Column) (*column, error) {
	p := &column{name: name, c: c, clean: newCleaner(l.s, c.Clean), sep: " ", scale: units()[c.Unit], memo: map[string]string{}, null: map[string]bool{}}
	for _, v := range c.NullIf {
		p.null[v] = true
	}
	if c.Sep != nil {
		p.sep = *c.Sep
	}
	if c.Of != "" {
		p.of = l.cols[slices.IndexFunc(l.cols, func(o *column) bool { return o.name == c.Of })] // order put it first
	}
	p.concat = len(c.Concat) > 0
	for _, src := range slices.Concat(c.From, c.Concat) {
		p.srcs = append(p.srcs, l.source(src))
	}
	if c.Lon != "" {
		p.srcs = []int{l.source(c.Lon), l.source(c.Lat)}
	} else if c.X != "" {
		p.srcs = []int{l.source(c.X), l.source(c.Y)}
	}
	zone := c.Zone
	if zone == "" {
		zone = l.s.Zone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, l.s.Problem("columns."+name+".zone", err.Error(), "")
	}
	p.loc = loc
	if (c.As == "places" || c.As == "tickets") && l.extract == nil && !p.mayBeList() {
		return nil, l.s.Problem("columns."+name+".as", "no extractor of "+c.As+" is at hand here", "")
	}
	return p, nil
}

// mayBeList reports whether the column can come from a list column as it is.
func (p *column) mayBeList() bool { return len(p.srcs) == 1 && !p.concat }

// raw is the text of the row before cleaning.
func (p *column) raw(l *Loader, row int) string {
	if p.of != nil {
		return p.of.value
	}
	if !p.concat {
		for _, s := range p.srcs {
			if v := strings.TrimFunc(l.text(s, row), isSpace); v != "" && !p.null[v] {
				return v
			}
		}
		return ""
	}
	var out []string
	for _, s := range p.srcs {
		if v := strings.TrimFunc(l.text(s, row), isSpace); v != "" && !p.null[v] {
			out = append(out, v)
		}
	}
	return strings.Join(out, p.sep)
}

// cleaned is the text of the row, "" for null.
func (p *column) cleaned(l *Loader, row int) string {
	raw := p.raw(l, row)
	if raw == "" {
		return ""
	}
	if v, ok := p.memo[raw]; ok {
		return v
	}
	v := p.clean.clean(raw)
	if p.null[v] || p.null[raw] {
		v = ""
	}
	if p.c.As == "soundex" {
		v = soundex(v)
	}
	v = strings.ToValidUTF8(v, "�")
	if len(p.memo) < memoLimit && len(raw) <= 64 {
		p.memo[strings.Clone(raw)] = strings.Clone(v)
	}
	return v
}

// set writes the row's value.
func (p *column) set(l *Loader, row int) {
	switch p.c.Kind() {
	case table.KindPoint:
		p.point(l, row)
	case table.KindText:
		p.value = p.cleaned(l, row)
		l.b.Text(p.at, p.value)
	case table.KindNumber:
		p.number(l, row)
	case table.KindDate:
		p.date(l, row)
	case table.KindTime:
		if v, ok := p.typed(l, row); ok {
			l.b.Time(p.at, v)
		} else if s := p.cleaned(l, row); s != "" {
			us, ok := readTime(s, p.c.Layouts, p.loc)
			if !ok {
				l.rep.Unreadable[p.name]++
				us = table.NoTime
			}
			l.b.Time(p.at, us)
		}
	case table.KindSet:
		p.tokens(l, row)
	}
}

// typed is the row's value of a source column that holds instants.
func (p *column) typed(l *Loader, row int) (int64, bool) {
	if p.of != nil || p.concat {
		return 0, false
	}
	for _, s := range p.srcs {
		if v := &l.views[s]; v.time != nil && !v.null(row) {
			return v.time(row), true
		}
	}
	return 0, false
}

func (p *column) point(l *Loader, row int) {
	vx, vy := &l.views[p.srcs[0]], &l.views[p.srcs[1]]
	x, y := vx.number(row), vy.number(row)
	if x == 0 && y == 0 { // how sources write a missing point
		return
	}
	bad := math.IsNaN(x) || math.IsNaN(y)
	if bad && l.text(p.srcs[0], row) == "" && l.text(p.srcs[1], row) == "" {
		return
	}
	if bad || p.c.Lon != "" && (math.Abs(x) > 180 || math.Abs(y) > 90) {
		l.rep.Unreadable[p.name]++
		return
	}
	l.b.Point(p.at, x*p.scale, y*p.scale)
}

func (p *column) number(l *Loader, row int) {
	v := math.NaN()
	if p.of == nil && !p.concat && len(p.clean) == 0 && len(p.null) == 0 && len(p.srcs) == 1 && l.views[p.srcs[0]].num != nil {
		v = l.views[p.srcs[0]].number(row)
	} else if s := p.cleaned(l, row); s != "" {
		if v = parseNumber(s); v != v {
			l.rep.Unreadable[p.name]++
		}
	}
	if r := p.c.Range; r != nil && (r.Min != nil && v < *r.Min || r.Max != nil && v > *r.Max) {
		v = math.NaN()
	}
	l.b.Number(p.at, v)
}

func (p *column) date(l *Loader, row int) {
	if us, ok := p.typed(l, row); ok {
		y, m, d := time.UnixMicro(us).In(p.loc).Date()
		l.b.Date(p.at, int32(y*10000+int(m)*100+d))
		return
	}
	s := p.cleaned(l, row)
	if s == "" {
		return
	}
	v, ok := readDate(s, p.c.Layouts)
	if !ok {
		l.rep.Unreadable[p.name]++
		v = 0
	}
	l.b.Date(p.at, v)
}

// tokens writes a set of tokens.
func (p *column) tokens(l *Loader, row int) {
	if p.of == nil && p.mayBeList() {
		if v := &l.views[p.srcs[0]]; v.list != nil {
			if v.null(row) {
				return
			}
			if p.c.wordSet() {
				l.b.Words(p.at, v.list(row))
			} else if h, ok := v.hashes(row, l.grams[:0]); ok {
				l.grams = h
				l.b.Hashes(p.at, h)
			}
			return
		}
	}
	s := p.cleaned(l, row)
	if s == "" {
		return
	}
	p.words = p.words[:0]
	switch p.c.As {
	case "words":
		p.words = append(p.words, strings.FieldsFunc(s, func(r rune) bool { return isSpace(r) || r == ',' || r == ';' })...)
	case "list":
		sep := p.c.Split
		if sep == "" {
			sep = ","
		}
		for w := range strings.SplitSeq(s, sep) {
			p.words = append(p.words, strings.TrimFunc(w, isSpace))
		}
	case "places":
		for _, pl := range l.extract(s).Places {
			if pl.Kind.Evidence() {
				p.words = append(p.words, pl.Name)
			}
		}
	case "tickets":
		for _, t := range l.extract(s).Tickets {
			p.words = append(p.words, t.Number)
		}
	case "ngrams":
		l.b.Hashes(p.at, p.smallest(feature.Ngrams(s, p.n())))
		return
	case "minhash":
		if sig, ok := feature.MinHash(feature.Ngrams(s, p.n())); ok {
			l.grams = l.grams[:0]
			for _, b := range sig.AppendBands(nil) {
				l.grams = append(l.grams, fold(b))
			}
			l.b.Hashes(p.at, l.grams)
		}
		return
	}
	if p.c.Max > 0 && len(p.words) > p.c.Max {
		slices.Sort(p.words)
		p.words = p.words[:p.c.Max]
	}
	l.b.Words(p.at, p.words)
}

// n is the length of n-grams.
func (p *column) n() int {
	if p.c.N > 0 {
		return p.c.N
	}
	return 3
}

// smallest keeps the max smallest hashes: a bottom-k sketch, of which the Jaccard similarity is an estimate of that of the
// whole sets (Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007).
func (p *column) smallest(h []uint32) []uint32 {
	if p.c.Max > 0 && len(h) > p.c.Max {
		slices.Sort(h)
		return h[:p.c.Max]
	}
	return h
}
