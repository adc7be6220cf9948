package normalize

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
)

func (c *compiler) field(path, name string, col event.Column, spec *Field) *field {
	f := &field{name: name, col: event.Index(name), kind: kindOf(col.Type), list: col.Codes, class: col.Class, needed: col.Required,
		require: spec.Require, strict: spec.Strict, split: spec.Split, unknown: event.CodeUnmapped, miss: event.ColumnShift}
	if name == "status" {
		f.unknown = event.StatusUnmapped
	}
	if strings.HasPrefix(name, "source_record_") || strings.HasSuffix(name, "_record_id") {
		f.miss = event.IDFormat
	}
	if spec.Format != "" {
		m, err := newMatcher(spec.Format)
		if err != nil {
			c.problem(path+".format", "", "%v", err)
		}
		f.format = m
		if f.kind != textTarget && f.kind != dictTarget {
			c.problem(path+".format", "", "only text fields have a format")
		}
	}
	if spec.Range != nil {
		f.lo, f.hi = spec.Range.Min, spec.Range.Max
		c.checkRange(path+".range", f.lo, f.hi)
		if f.kind < int8Target || f.kind > float64Target {
			c.problem(path+".range", "", "only numbers have a range")
		}
	}
	if spec.Split != "" && f.kind != listTarget {
		c.problem(path+".split", "", "only list fields are split")
	}
	if spec.CRS != "" {
		if name != "coord_src_x" {
			c.problem(path+".crs", "", "belongs to the field x")
		} else if !contains(crsNames(), spec.CRS) && !strings.HasPrefix(spec.CRS, "local:") {
			c.problem(path+".crs", "one of "+strings.Join(crsNames(), ", ")+", local:<id>", "unknown coordinate system %q", spec.CRS)
		}
	}
	if spec.Default != nil {
		f.def, f.hasDef = *spec.Default, true
		c.checkValue(path+".default", f, f.def)
	}
	f.alts = c.alts(path, f, spec)
	f.cached = f.kind == dictTarget && len(f.alts) == 1 && f.alts[0].sel == fromColumn && len(f.alts[0].conds) == 0
	return f
}

// alts compiles the ways to a value: one, or those of first.
func (c *compiler) alts(path string, f *field, spec *Field) []*alt {
	if spec.First == nil {
		a := c.alt(path, f, spec)
		if a.sel != fromFirst || f.kind == textTarget || f.kind == dictTarget || f.kind == listTarget {
			return []*alt{a}
		}
		// For times and numbers the first column that can be read counts, not the first that holds some text.
		var out []*alt
		for _, col := range a.cols {
			one := *a
			one.sel, one.cols = fromColumn, []int{col}
			out = append(out, &one)
		}
		return out
	}
	if len(spec.First) == 0 {
		c.problem(path+".first", "", "empty list")
	}
	if hasSelector(spec) || len(spec.When) > 0 || spec.Codes != nil || spec.Regex != "" {
		c.problem(path, "put them into the entries of first", "first stands alone: from, concat, const, cel, when, regex and codes are not allowed beside it")
	}
	var out []*alt
	for i, s := range spec.First {
		p := fmt.Sprintf("%s.first.%d", path, i)
		if s == nil {
			c.problem(p, "", "empty entry")
			continue
		}
		if s.First != nil || s.Default != nil || s.Format != "" || s.Require || s.Strict || s.Range != nil || s.Split != "" || s.CRS != "" {
			c.problem(p, "write them beside first", "first, default, format, require, strict, range, split and crs are not allowed inside first")
		}
		out = append(out, c.alt(p, f, s))
	}
	return out
}

func hasSelector(s *Field) bool {
	return len(s.From) > 0 || len(s.Concat) > 0 || s.Const != nil || s.CEL != ""
}

func (c *compiler) alt(path string, f *field, spec *Field) *alt {
	a := &alt{sep: " ", scale: 1, noTrim: spec.Trim != nil && !*spec.Trim, nullIf: spec.NullIf, otherwise: spec.Otherwise}
	n := 0
	if len(spec.From) > 0 {
		n++
		a.cols = c.columnsOf(path+".from", spec.From)
		c.guard(path+".from", spec.From...)
		if len(a.cols) > 1 {
			a.sel = fromFirst
		}
	}
	if len(spec.Concat) > 0 {
		n++
		a.sel, a.cols = fromConcat, c.columnsOf(path+".concat", spec.Concat)
		c.guard(path+".concat", spec.Concat...)
	}
	if spec.Const != nil {
		n++
		a.sel, a.konst = fromConst, *spec.Const
		if a.konst == "" {
			c.problem(path+".const", "leave the field out", "empty constant")
		}
		c.checkValue(path+".const", f, a.konst)
	}
	if spec.CEL != "" {
		n++
		a.sel = fromCEL
		a.cel = c.expression(path, spec)
	}
	if n != 1 {
		c.problem(path, "exactly one of from, concat, const, cel, first", "found %d of from, concat, const, cel", n)
	}
	if spec.Sep != nil {
		a.sep = *spec.Sep
		if len(spec.Concat) == 0 {
			c.problem(path+".sep", "", "belongs to concat")
		}
	}
	if spec.OnError != "" && spec.CEL == "" {
		c.problem(path+".on_error", "", "belongs to cel")
	}
	for i, w := range spec.When {
		a.conds = append(a.conds, c.cond(fmt.Sprintf("%s.when.%d", path, i), w))
	}
	a.steps = c.steps(path, spec)
	c.codes(path, f, spec, a)
	c.convert(path, f, spec, a)
	return a
}

func (c *compiler) expression(path string, spec *Field) *expression {
	if c.env == nil {
		env, err := newCELEnv()
		if err != nil {
			c.problem(path+".cel", "", "%v", err)
			return nil
		}
		c.env = env
	}
	x, err := compileCEL(c.env, spec.CEL)
	if err != nil {
		c.problem(path+".cel", `columns are read as src["column"]; a missing one is ""`, "%v", err)
		return nil
	}
	c.guard(path+".cel", x.names...)
	x.cols = c.columnsOf(path+".cel", x.names)
	x.slot = c.slots
	c.slots++
	switch spec.OnError {
	case "", "null":
	case "reject":
		x.reject = true
	default:
		c.problem(path+".on_error", "null or reject", "unknown value %q", spec.OnError)
	}
	return x
}

func (c *compiler) cond(path string, w Cond) cond {
	out := cond{col: c.column(path+".column", w.Column), in: w.In, not: w.NotIn, present: w.Present}
	c.guard(path+".column", w.Column)
	if w.In == nil && w.NotIn == nil && w.Present == nil && w.Matches == "" {
		c.problem(path, "in, not_in, present or matches", "the condition says nothing")
	}
	if w.Matches != "" {
		re, err := regexp.Compile(w.Matches)
		if err != nil {
			c.problem(path+".matches", "", "%v", err)
		}
		out.re = re
	}
	return out
}

func (c *compiler) steps(path string, spec *Field) []func(string) string {
	var re *regexp.Regexp
	if spec.Regex != "" {
		var err error
		if re, err = regexp.Compile(spec.Regex); err != nil {
			c.problem(path+".regex", "", "%v", err)
		} else if re.NumSubexp() > 1 {
			c.problem(path+".regex", "use (?:…) for the others", "more than one group")
		}
	}
	for i, r := range spec.Replace {
		if r.Old == "" {
			c.problem(fmt.Sprintf("%s.replace.%d.old", path, i), "", "empty text")
		}
	}
	if spec.Upper && spec.Lower {
		c.problem(path, "", "upper and lower exclude each other")
	}
	if s := spec.Substring; s != nil && (s.Start < 0 || s.Length < 0) {
		c.problem(path+".substring", "", "start and length are not negative")
	}
	return steps(spec, re)
}

// codes resolves the code list of a field.
func (c *compiler) codes(path string, f *field, spec *Field, a *alt) {
	if spec.Otherwise != nil {
		if spec.Codes == nil {
			c.problem(path+".otherwise", "", "belongs to codes")
		}
		c.checkValue(path+".otherwise", f, *spec.Otherwise)
	}
	if spec.Codes == nil {
		if f.list != nil && a.sel != fromConst { // the source already speaks the hub's codes, or none
			a.codes = map[string]string{}
			for _, v := range f.list.Values() {
				a.codes[v] = v
			}
		}
		return
	}
	codes, at := spec.Codes.Inline, path+".codes"
	if spec.Codes.Name != "" {
		if !c.final {
			a.codes = map[string]string{}
			return
		}
		var ok bool
		if codes, ok = lookup(c.lists, spec.Codes.Name); !ok {
			c.problem(at, "declare it in the catalog, or write the codes here", "unknown code list %q", spec.Codes.Name)
		}
	}
	for _, k := range sortedKeys(codes) {
		c.checkValue(at+"."+k, f, codes[k])
	}
	if codes == nil {
		codes = map[string]string{}
	}
	a.codes = codes
}

// checkValue checks a text that stands in the mapping against the type and code list of its target. "" means empty.
func (c *compiler) checkValue(path string, f *field, v string) {
	if v == "" {
		return
	}
	if f.list != nil && !f.list.Has(v) {
		c.problem(path, "one of "+strings.Join(f.list.Values(), ", "), "%q is not in the code list %s", v, f.list.Name)
		return
	}
	a := &alt{scale: 1}
	ok := true
	switch f.kind {
	case timeTarget:
		p, _ := newTimeParser(nil, "")
		var o outcome
		if _, o = p.parse(v); o != isOK {
			ok = false
		}
	case int8Target, int16Target, int32Target:
		_, ok = a.integer(v, f.kind)
	case float32Target, float64Target:
		_, ok = a.float(v)
	case boolTarget:
		_, ok = truth(v)
	}
	if !ok {
		c.problem(path, "", "%q does not fit the field %s", v, f.name)
	}
}

func (c *compiler) convert(path string, f *field, spec *Field, a *alt) {
	if f.kind == timeTarget {
		zone, layouts := c.m.Zone, []string(nil)
		if spec.Time != nil {
			layouts = spec.Time.Layouts
			if spec.Time.Zone != "" {
				zone = spec.Time.Zone
			}
		}
		p, err := newTimeParser(layouts, zone)
		if err != nil {
			c.problem(path+".time", layoutHint(), "%v", err)
			p, _ = newTimeParser(nil, "")
		}
		a.times = p
	} else if spec.Time != nil {
		c.problem(path+".time", "", "%s is not a time", f.name)
	}
	if spec.Number == nil {
		return
	}
	if f.kind < int8Target || f.kind > float64Target {
		c.problem(path+".number", "", "%s is not a number", f.name)
		return
	}
	a.comma = spec.Number.Comma
	if spec.Number.Scale != 0 {
		a.scale = spec.Number.Scale
	}
	if u := spec.Number.Unit; u != "" {
		col, _ := event.Lookup(f.name)
		factor, ok := units(col.Unit)[u]
		if !ok {
			c.problem(path+".number", "one of "+strings.Join(sortedKeys(units(col.Unit)), ", "), "unit %q cannot become %q", u, col.Unit)
			return
		}
		a.scale *= factor
	}
}

// units maps source units to the factor that gives the target's unit.
func units(target string) map[string]float64 {
	switch target {
	case "min":
		return map[string]float64{"s": 1.0 / 60, "min": 1, "h": 60, "day": 1440}
	case "m":
		return map[string]float64{"mm": 0.001, "cm": 0.01, "m": 1, "km": 1000, "ft": 0.3048}
	}
	return nil
}

func layoutHint() string {
	var names []string
	for _, l := range layouts() {
		names = append(names, l.Name)
	}
	return "one of auto, " + strings.Join(names, ", ") + ", or a Go layout"
}

func kindOf(t arrow.DataType) targetKind {
	switch t.ID() {
	case arrow.DICTIONARY:
		return dictTarget
	case arrow.TIMESTAMP:
		return timeTarget
	case arrow.INT8:
		return int8Target
	case arrow.INT16:
		return int16Target
	case arrow.INT32:
		return int32Target
	case arrow.FLOAT32:
		return float32Target
	case arrow.FLOAT64:
		return float64Target
	case arrow.BOOL:
		return boolTarget
	case arrow.LIST:
		return listTarget
	}
	return textTarget
}

// nearest suggests the target field that shares most with a mistyped one.
func nearest(name string) string {
	best, score := "", 0
	for _, col := range event.Columns() {
		if col.Setter != event.ByMapping {
			continue
		}
		if s := common(name, col.Name); s > score {
			best, score = col.Name, s
		}
	}
	if score < 3 || score*2 < len(name) {
		return "the target fields are listed in docs/mapping-reference.md"
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// common is the length of the common prefix and suffix.
func common(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < len(a)-i && j < len(b)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	return i + j
}
