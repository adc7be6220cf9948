package normalize

import (
	"regexp"
	"strings"
	"time"
	"unsafe"

	"onegrid/event"
)

// program is a compiled mapping. It is immutable and shared by the clones of a Normalizer.
type program struct {
	digest  string
	columns []string       // source columns that are read
	index   map[string]int // their positions
	fields  []*field       // those that can reject a record first
	early   int            // how many of them
	id      *field
	parties []party
	caller  [2]*field // x and y, both nil or both set
	ext     []extra
	drop    dropList
	expect  []int
	consts  []constant
	crs     string // of coord_src_x and coord_src_y, "" where the field is mapped or absent
	checks  checks
}

type targetKind uint8

const (
	textTarget targetKind = iota
	dictTarget
	timeTarget
	int8Target
	int16Target
	int32Target
	float32Target
	float64Target
	boolTarget
	listTarget
)

// field makes one target column.
type field struct {
	name    string
	col     int // position in the event schema, -1 for the caller's position
	kind    targetKind
	list    *event.CodeList
	class   event.Class
	alts    []*alt
	needed  bool // the schema wants a value: fill the default
	require bool
	strict  bool
	def     string
	hasDef  bool
	format  matcher
	miss    event.Flag // set where the format does not match
	unknown event.Flag // set where a code is not in its list
	lo, hi  *float64
	split   string
	cached  bool // the outcome depends on one text only
}

// early reports whether the field can reject a record.
func (f *field) rejects() bool {
	if f.require || f.strict {
		return true
	}
	for _, a := range f.alts {
		if a.cel != nil && a.cel.reject {
			return true
		}
	}
	return false
}

// unmapped is what an unmapped code of this field becomes.
func (f *field) unmapped() string {
	if f.list != nil {
		return f.list.Unknown
	}
	return ""
}

type selector uint8

const (
	fromColumn selector = iota
	fromFirst
	fromConcat
	fromConst
	fromCEL
)

// alt is one way to get a value.
type alt struct {
	sel       selector
	cols      []int
	sep       string
	konst     string
	cel       *expression
	conds     []cond
	noTrim    bool
	nullIf    []string
	steps     []func(string) string
	codes     map[string]string
	otherwise *string
	times     *timeParser
	scale     float64
	comma     bool
}

// plain reports whether the value is one column as it stands, apart from trimming and empty values.
func (a *alt) plain() bool {
	return a.sel == fromColumn && len(a.conds) == 0 && len(a.nullIf) == 0 && len(a.steps) == 0 && a.codes == nil
}

type cond struct {
	col     int
	in, not []string
	present *bool
	re      *regexp.Regexp
}

type party struct {
	kind, role string
	cols       []int
}

type extra struct {
	key string
	col int
}

type constant struct {
	col   int
	value string
}

type checks struct {
	idTime    *idTimeCheck
	order     []int // columns of the event schema
	future    time.Duration
	ranges    []rangeCheck
	dueMapped bool
}

type idTimeCheck struct {
	at, width int
	layout    idLayout
	tolerance int64 // microseconds
	repair    bool
}

type rangeCheck struct {
	col    int
	lo, hi *float64
}

// text gives the cleaned text of a row, before conversion.
func (a *alt) text(r *run, row int) (string, outcome) {
	for i := range a.conds {
		if !a.conds[i].holds(r, row) {
			return "", isNull
		}
	}
	switch a.sel {
	case fromColumn:
		v := &r.cols[a.cols[0]]
		if v.null(row) {
			return "", isNull
		}
		return a.refine(v.at(row))
	case fromFirst:
		last := isNull
		for _, c := range a.cols {
			v := &r.cols[c]
			if v.null(row) {
				continue
			}
			s, o := a.refine(v.at(row))
			if o == isOK || o == isUnmapped {
				return s, o
			}
			last = max(last, o)
		}
		return "", last
	case fromConcat:
		b := r.scratch[:0]
		for _, c := range a.cols {
			v := &r.cols[c]
			if v.null(row) {
				continue
			}
			s, ok := clean(v.at(row), !a.noTrim)
			if !ok {
				continue
			}
			if len(b) > 0 {
				b = append(b, a.sep...)
			}
			b = append(b, s...)
		}
		r.scratch = b
		if len(b) == 0 {
			return "", isNull
		}
		// The text lives until the next one is made; whoever keeps it copies it.
		s, o := a.refine(unsafe.String(&b[0], len(b)))
		if o == isUnmapped {
			s = strings.Clone(s)
		}
		return s, o
	case fromCEL:
		s, o := a.cel.eval(r, row)
		if o != isOK {
			return "", o
		}
		return a.refine(s)
	}
	return a.refine(a.konst)
}

// refine trims, reads placeholders as null, runs the text steps and translates codes.
func (a *alt) refine(s string) (string, outcome) {
	s, ok := clean(s, !a.noTrim)
	if !ok {
		return "", isNull
	}
	for _, n := range a.nullIf {
		if s == n {
			return "", isSentinel
		}
	}
	for _, step := range a.steps {
		if s = step(s); s == "" {
			return "", isNull
		}
	}
	if a.codes != nil {
		hub, ok := a.codes[s]
		switch {
		case ok && hub == "":
			return "", isNull
		case ok:
			return hub, isOK
		case a.otherwise == nil:
			return s, isUnmapped
		case *a.otherwise == "":
			return "", isNull
		}
		return *a.otherwise, isOK
	}
	return s, isOK
}

func (c *cond) holds(r *run, row int) bool {
	v := &r.cols[c.col]
	s, ok := "", false
	if !v.null(row) {
		s, ok = clean(v.at(row), true)
	}
	if c.present != nil && *c.present != ok {
		return false
	}
	if c.in != nil && !(ok && contains(c.in, s)) {
		return false
	}
	if c.not != nil && ok && contains(c.not, s) {
		return false
	}
	return c.re == nil || ok && c.re.MatchString(s)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
