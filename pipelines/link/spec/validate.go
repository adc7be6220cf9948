package spec

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"time"

	"onegrid/connectors"
	"onegrid/pipelines/link/table"
)

// Kinds of derived columns by the word behind as.
func kinds() map[string]table.Kind {
	return map[string]table.Kind{
		"text": table.KindText, "soundex": table.KindText,
		"number": table.KindNumber, "date": table.KindDate, "time": table.KindTime, "point": table.KindPoint,
		"words": table.KindSet, "ngrams": table.KindSet, "places": table.KindSet, "minhash": table.KindSet,
		"tickets": table.KindSet, "list": table.KindSet,
	}
}

// Kind is the kind of the table's column, 0 for a word that is not known.
func (c *Column) Kind() table.Kind {
	if c.point() {
		return table.KindPoint
	}
	if c.As == "" {
		return table.KindText
	}
	return kinds()[c.As]
}

func (c *Column) point() bool { return c.Lon != "" || c.Lat != "" || c.X != "" || c.Y != "" }

// checker collects the problems of a decoded file.
type checker struct {
	s  *Spec
	ps connectors.Problems
}

func (k *checker) add(path, hint, format string, args ...any) {
	k.ps = append(k.ps, connectors.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (s *Spec) validate() connectors.Problems {
	k := &checker{s: s}
	k.top()
	for _, name := range sorted(s.Columns) {
		k.column(name, s.Columns[name])
	}
	for i, p := range s.Placeholders {
		at := fmt.Sprintf("placeholders.%d", i)
		if len(p.Columns) == 0 {
			k.add(at, "", "columns is missing")
		}
		for _, c := range p.Columns {
			k.known(at+".columns", c)
		}
		if p.Share <= 0 || p.Share > 1 {
			k.add(at+".share", "0.01 is one record in a hundred", "a share lies between 0 and 1")
		}
		if p.Min < 0 {
			k.add(at+".min", "", "not negative")
		}
	}
	k.comparisons()
	for i, r := range s.Blocking {
		k.rule(fmt.Sprintf("blocking.%d", i), r)
	}
	for i, c := range s.Certain {
		k.certain(fmt.Sprintf("certain.%d", i), c)
	}
	k.classes()
	k.bands("bands", s.Bands.Link, s.Bands.Review)
	if b := s.Bands; b.LinkBits != nil && b.Link != 0 || b.ReviewBits != nil && b.Review != 0 {
		k.add("bands", "", "a band is a probability or bits, not both")
	}
	k.cluster()
	k.train()
	k.truthStaysOut()
	return k.ps
}

func (k *checker) top() {
	s := k.s
	if s.Version != 1 {
		k.add("version", "version: 1", "only version 1 is known")
	}
	if s.ID == "" {
		k.add("id", "the source column with the record's number", "id is missing")
	}
	k.zone("zone", s.Zone)
	if t := s.Truth; t != nil {
		if t.Column == "" {
			k.add("truth", "", "column is missing")
		}
		k.regexp("truth.regexp", t.Regexp)
		if t.Parent && t.Regexp != "" {
			k.add("truth", "", "parent and regexp exclude each other")
		}
	}
	for i, f := range s.Drop {
		at := fmt.Sprintf("drop.%d", i)
		if f.Column == "" {
			k.add(at, "", "column is missing")
		}
		n := 0
		for _, set := range []bool{len(f.In) > 0, len(f.NotIn) > 0, f.Empty} {
			if set {
				n++
			}
		}
		if n != 1 {
			k.add(at, "in: [value, …]", "write one of in, not_in, empty")
		}
	}
	for _, name := range sorted(s.Aliases) {
		if a := s.Aliases[name]; (a.File == "") == (len(a.Inline) == 0) {
			k.add("aliases."+name, "", "write one of file, inline")
		}
	}
	if len(s.Columns) == 0 {
		k.add("columns", "", "no column is defined")
	}
	if len(s.Comparisons) == 0 && len(s.Certain) == 0 {
		k.add("comparisons", "", "nothing is compared")
	}
	if len(s.Comparisons) > 0 && len(s.Blocking) == 0 {
		k.add("blocking", "which records are worth comparing: keys: [surname, birth]", "no blocking rule")
	}
}

func (k *checker) zone(path, zone string) {
	if zone == "Local" {
		k.add(path, "", "zone Local depends on the machine")
	} else if _, err := time.LoadLocation(zone); err != nil {
		k.add(path, "such as Asia/Shanghai or UTC", "unknown zone %q", zone)
	}
}

func (k *checker) regexp(path, expr string) {
	if _, err := regexp.Compile(expr); err != nil {
		k.add(path, "RE2 syntax", "%v", err)
	}
}

// known reports a column that is not defined; it returns nil then.
func (k *checker) known(path, name string) *Column {
	c := k.s.Columns[name]
	if c == nil {
		k.add(path, suggest(name, sorted(k.s.Columns)), "column %q is not defined", name)
	}
	return c
}

// kind is known for columns that must be of a kind.
func (k *checker) kind(path, name string, want table.Kind) {
	if name == "" {
		k.add(path, "", "the name of a %s column is missing", want)
		return
	}
	if c := k.known(path, name); c != nil && c.Kind() != want && c.Kind() != 0 {
		k.add(path, "", "column %q is a %s, not a %s", name, c.Kind(), want)
	}
}

func (k *checker) column(name string, c *Column) {
	at := "columns." + name
	n := 0
	for _, set := range []bool{len(c.From) > 0, c.Of != "", len(c.Concat) > 0, c.Lon != "" || c.Lat != "", c.X != "" || c.Y != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		k.add(at, "from: source_column", "write one of from, of, concat, lon and lat, x and y")
		return
	}
	if c.point() {
		k.pointColumn(at, c)
		return
	}
	if c.As == "point" {
		k.add(at+".as", "lon: …, lat: … or x: …, y: …", "a point comes from two columns")
		return
	}
	kind := c.Kind()
	if kind == 0 {
		k.add(at+".as", suggest(c.As, sorted(kinds())), "unknown kind of column %q", c.As)
		return
	}
	if c.Of != "" {
		if of := k.known(at+".of", c.Of); of != nil && of.Kind() != table.KindText {
			k.add(at+".of", "", "column %q is a %s, not a text", c.Of, of.Kind())
		} else if of != nil && k.cycle(name) {
			k.add(at+".of", "", "the columns depend on each other in a circle")
		}
	}
	for i, st := range c.Clean {
		p := fmt.Sprintf("%s.clean.%d", at, i)
		switch st.Op {
		case "replace", "extract":
			k.regexp(p, st.Text)
			if st.Text == "" {
				k.add(p, "", "the expression is missing")
			}
		case "prefix", "suffix":
			if st.N < 1 {
				k.add(p, "", "%s needs a number of characters", st.Op)
			}
		case "alias":
			if _, ok := k.s.Aliases[st.Text]; !ok {
				k.add(p, suggest(st.Text, sorted(k.s.Aliases)), "alias table %q is not defined", st.Text)
			}
		}
	}
	if c.Zone != "" {
		k.zone(at+".zone", c.Zone)
	}
	only := func(key string, set bool, as ...string) {
		if set && !slices.Contains(as, c.As) {
			k.add(at+"."+key, "", "%s is for %s columns", key, strings.Join(as, ", "))
		}
	}
	only("layouts", len(c.Layouts) > 0, "date", "time")
	only("zone", c.Zone != "", "time", "date")
	only("n", c.N != 0, "ngrams", "minhash")
	only("max", c.Max != 0, "ngrams", "words", "places", "list")
	only("range", c.Range != nil, "number")
	only("split", c.Split != "", "list")
	if c.Unit != "" {
		k.add(at+".unit", "", "unit is for x and y")
	}
	if c.N < 0 || c.N > 8 {
		k.add(at+".n", "", "n-grams have 1 to 8 characters")
	}
	if c.Max < 0 {
		k.add(at+".max", "", "not negative")
	}
	for i, l := range c.Layouts {
		if err := checkLayout(c.As, l); err != nil {
			k.add(fmt.Sprintf("%s.layouts.%d", at, i), layoutHint(c.As), "%v", err)
		}
	}
}

func (k *checker) pointColumn(at string, c *Column) {
	if (c.Lon == "") != (c.Lat == "") {
		k.add(at, "", "lon and lat belong together")
	}
	if (c.X == "") != (c.Y == "") {
		k.add(at, "", "x and y belong together")
	}
	if c.As != "" && c.As != "point" {
		k.add(at+".as", "", "two columns make a point")
	}
	if _, ok := units()[c.Unit]; !ok || c.Unit != "" && c.Lon != "" {
		k.add(at+".unit", suggest(c.Unit, sorted(units())), "unknown unit %q of x and y", c.Unit)
	}
	if len(c.Clean) > 0 || len(c.Layouts) > 0 || c.N != 0 {
		k.add(at, "", "a point takes no cleaning steps")
	}
}

// cycle reports whether following of from a column comes back to it.
func (k *checker) cycle(name string) bool {
	at := name
	for range len(k.s.Columns) + 1 {
		c := k.s.Columns[at]
		if c == nil || c.Of == "" {
			return false
		}
		at = c.Of
	}
	return true
}

func (k *checker) comparisons() {
	seen := map[string]bool{}
	width := 0
	for i, c := range k.s.Comparisons {
		at := fmt.Sprintf("comparisons.%d", i)
		switch {
		case c.Name == "":
			k.add(at, "", "name is missing")
		case seen[c.Name]:
			k.add(at+".name", "", "two comparisons are called %q", c.Name)
		}
		seen[c.Name] = true
		if len(c.Columns) == 0 {
			k.add(at, "columns: [surname]", "columns is missing")
		}
		for _, col := range c.Columns {
			k.known(at+".columns", col)
		}
		if len(c.Levels) < 2 {
			k.add(at+".levels", "levels: [exact, else]", "a comparison needs two levels at least")
		}
		for j, l := range c.Levels {
			lat := fmt.Sprintf("%s.levels.%d", at, j)
			if l.Else != (j == len(c.Levels)-1) {
				k.add(lat, "", "%s", map[bool]string{true: "else stands last", false: "the last level is else"}[l.Else])
			}
			k.level(lat, c, l)
		}
		width += bits.Len(uint(len(c.Levels)))
	}
	if width > 64 {
		k.add("comparisons", "fewer comparisons or levels", "the levels of all comparisons need %d bits, more than 64", width)
	}
}

func (k *checker) level(at string, c *Comparison, l *Level) {
	k.test(at, c, &l.Test)
	for key, p := range map[string]*float64{"m": l.M, "u": l.U} {
		if p != nil && (*p <= 0 || *p >= 1) {
			k.add(at+"."+key, "", "a probability lies between 0 and 1")
		}
	}
	if l.TF < 0 || l.TF > 1 {
		k.add(at+".tf", "", "a weight lies between 0 and 1")
	}
	if l.TF > 0 && !k.canTF(c, &l.Test) {
		k.add(at+".tf", "", "term frequencies need exact or a distance of one text column, or a token in common")
	}
}

func (k *checker) canTF(c *Comparison, t *Test) bool {
	col := k.s.Columns[t.column(c)]
	if col == nil || len(c.Columns) == 0 {
		return true // said already
	}
	switch col.Kind() {
	case table.KindText:
		return len(t.All) == 0 && len(t.Any) == 0 && !t.Swapped && !t.Else
	case table.KindSet:
		return t.Shared > 0 || t.SharedToken != nil || t.Exact
	}
	return false
}

// column is the column that a test is about.
func (t *Test) column(c *Comparison) string {
	if t.On != "" || len(c.Columns) == 0 {
		return t.On
	}
	return c.Columns[0]
}

func (k *checker) test(at string, c *Comparison, t *Test) {
	if t.On != "" && !slices.Contains(c.Columns, t.On) {
		k.add(at+".on", suggest(t.On, c.Columns), "%q is not a column of this comparison", t.On)
		return
	}
	conds := t.conditions()
	if len(conds) != 1 {
		what := "no condition"
		if len(conds) > 1 {
			what = "more than one condition (" + strings.Join(conds, ", ") + ")"
		}
		k.add(at, "one of "+strings.Join(conditionNames(), ", "), "%s", what)
		return
	}
	cond := conds[0]
	if info := conditions()[cond]; info.kind != 0 {
		if col := k.s.Columns[t.column(c)]; col != nil && col.Kind() != info.kind && col.Kind() != 0 {
			k.add(at, "", "%s compares %ss; %s is a %s", cond, info.kind, t.column(c), col.Kind())
		}
	}
	share := func(v float64) {
		if v < 0 || v > 1 {
			k.add(join(at, cond), "", "between 0 and 1")
		}
	}
	switch cond {
	case "jaro_winkler":
		share(t.JaroWinkler)
	case "jaro":
		share(t.Jaro)
	case "jaccard":
		share(t.Jaccard)
	case "cosine":
		share(t.Cosine)
	case "shared_token":
		if t.SharedToken.DF < 1 {
			k.add(join(at, cond), "", "df is at least 1")
		}
	case "levenshtein", "damerau_levenshtein", "prefix", "contains", "shared", "date_digits":
		if max(t.Levenshtein, t.Damerau, t.Prefix, t.Contains, t.Shared, t.DateDigits) < 1 {
			k.add(join(at, cond), "", "at least 1")
		}
	case "metres", "diff", "percent":
		if t.Percent < 0 || t.Metres != nil && *t.Metres < 0 || t.Diff != nil && *t.Diff < 0 {
			k.add(join(at, cond), "", "not negative")
		}
	case "swapped":
		if len(c.Columns) < 2 {
			k.add(at, "columns: [given_name, surname]", "swapped needs two columns")
			return
		}
		for _, col := range c.Columns[:2] {
			if d := k.s.Columns[col]; d != nil && d.Kind() != table.KindText {
				k.add(at, "", "swapped compares texts; %s is a %s", col, d.Kind())
			}
		}
	case "open":
		k.open(at+".open", t.Open)
	case "all", "any":
		for i, sub := range append(slices.Clone(t.All), t.Any...) {
			sat := fmt.Sprintf("%s.%s.%d", at, cond, i)
			if sub.Else {
				k.add(sat, "", "else stands alone")
				continue
			}
			k.test(sat, c, sub)
		}
	}
}

func (k *checker) open(at string, o *Open) {
	k.kind(at+".began", o.Began, table.KindTime)
	k.kind(at+".closed", o.Closed, table.KindTime)
}
