package spec

import (
	"fmt"
	"slices"
	"strings"

	"onegrid/pipelines/link/table"
)

func (k *checker) rule(at string, r *Rule) {
	if len(r.Keys) == 0 && r.Near == nil {
		k.add(at, "keys: [surname, birth]", "a rule needs keys or near")
	}
	for i, key := range r.Keys {
		p := fmt.Sprintf("%s.keys.%d", at, i)
		c := k.known(p, key.Column)
		if c == nil {
			continue
		}
		kind := c.Kind()
		switch {
		case kind == table.KindNumber || kind == table.KindPoint:
			k.add(p, "near: {point: …, metres: …} joins by distance", "column %q is a %s and no key", key.Column, kind)
		case key.Prefix < 0 || key.Prefix > 0 && kind != table.KindText:
			k.add(p, "", "prefix is for texts")
		case key.DF < 0 || key.DF > 0 && kind != table.KindSet && kind != table.KindText:
			k.add(p, "", "df is for sets and texts")
		case key.Part != "" && kind != table.KindDate && kind != table.KindTime:
			k.add(p, "", "part is for dates and times")
		case key.Part != "" && !slices.Contains(parts(), key.Part):
			k.add(p, suggest(key.Part, parts()), "unknown part %q", key.Part)
		case kind == table.KindTime && key.Part == "":
			k.add(p, "part: date", "a time is no key as a whole")
		}
	}
	if r.Cap < 0 {
		k.add(at+".cap", "", "not negative")
	}
	if r.Near != nil {
		k.kind(at+".near.point", r.Near.Point, table.KindPoint)
		if r.Near.Metres <= 0 {
			k.add(at+".near.metres", "", "more than 0")
		}
	}
	k.within(at+".within", r.Within)
	if r.WhileOpen != nil {
		k.open(at+".while_open", r.WhileOpen)
	}
}

func parts() []string { return []string{"year", "month", "day", "date"} }

func (k *checker) within(at string, w *Within) {
	if w == nil {
		return
	}
	c := k.known(at+".time", w.Time)
	if c != nil && c.Kind() != table.KindTime && c.Kind() != table.KindDate {
		k.add(at+".time", "", "column %q is a %s, not a time", w.Time, c.Kind())
	}
	if w.Lag <= 0 {
		k.add(at+".lag", "such as 36h or 7d", "lag is missing")
	}
}

// CertainTypes are the kinds of links that are known, in English and Chinese.
func CertainTypes() [][3]string {
	return [][3]string{
		{"child_of", "the source says that the record belongs to another", "来源标明从属于另一记录"},
		{"followup_of", "a further call about another record", "对另一记录的跟进"},
		{"transferred_from", "handed over from another system", "由其他系统转来"},
		{"duplicate_of", "the same report once more", "重复上报"},
		{"repeat_contact", "the same words from the same contact", "同一联系方式重复反映"},
	}
}

func (k *checker) certain(at string, c *Certain) {
	var names []string
	for _, t := range CertainTypes() {
		names = append(names, t[0])
	}
	if !slices.Contains(names, c.Type) {
		k.add(join(at, "type"), suggest(c.Type, names), "unknown type of link %q", c.Type)
	}
	n := 0
	if c.Parent != "" {
		n++
		k.kind(at+".parent", c.Parent, table.KindText)
	}
	if c.Quoted != "" {
		n++
		k.kind(at+".quoted", c.Quoted, table.KindSet)
		if col := k.s.Columns[c.Quoted]; col != nil && col.Kind() == table.KindSet && !col.wordSet() {
			k.add(at+".quoted", "as: tickets, list or words", "hashes cannot be compared with record numbers")
		}
	}
	if len(c.Same) > 0 {
		n++
		for _, col := range c.Same {
			k.kind(at+".same", col, table.KindText)
		}
	}
	if n != 1 {
		k.add(at, "", "write one of parent, quoted, same")
	}
	if c.MinLength < 0 || c.MinLength > 0 && len(c.Same) == 0 {
		k.add(at+".min_length", "", "min_length is for same")
	}
	if c.SameSource && k.s.Source == "" {
		k.add(at+".same_source", "write source at the top", "no column names the source")
	}
	k.within(at+".within", c.Within)
}

// wordSet reports whether the tokens of a set are kept as texts.
func (c *Column) wordSet() bool {
	return c.As == "words" || c.As == "tickets" || c.As == "list" || c.As == "places"
}

func (k *checker) classes() {
	c := k.s.Classes
	if c == nil {
		return
	}
	k.kind("classes.column", c.Column, table.KindText)
	names := sorted(c.Policy)
	if len(names) == 0 {
		k.add("classes.policy", "policy: {point: {mode: auto}}", "no class has a policy")
		return
	}
	if c.Default == "" {
		k.add("classes", suggest("", names), "default is missing: the class of records that no entry of map fits")
	} else if c.Policy[c.Default] == nil {
		k.add("classes.default", suggest(c.Default, names), "class %q has no policy", c.Default)
	}
	for i, m := range c.Map {
		at := fmt.Sprintf("classes.map.%d", i)
		if c.Policy[m.Class] == nil {
			k.add(join(at, "class"), suggest(m.Class, names), "class %q has no policy", m.Class)
		}
		if len(m.Exact)+len(m.Prefix) == 0 {
			k.add(at, "", "write exact or prefix")
		}
	}
	for _, name := range names {
		p := c.Policy[name]
		at := "classes.policy." + name
		if modes := []string{"auto", "review", "never"}; !slices.Contains(modes, p.Mode) {
			k.add(at+".mode", suggest(p.Mode, modes), "unknown mode %q", p.Mode)
		}
		if p.Diameter < 0 {
			k.add(at+".diameter", "", "not negative")
		}
		if p.Support < 0 || p.Support > 1 {
			k.add(at+".support", "", "between 0 and 1")
		}
		k.bands(at, p.Link, p.Review)
	}
}

// bands checks two probabilities of which 0 is not written.
func (k *checker) bands(at string, link, review float64) {
	for key, v := range map[string]float64{"link": link, "review": review} {
		if v < 0 || v >= 1 {
			k.add(at+"."+key, "", "a probability lies between 0 and 1")
			return
		}
	}
	if link > 0 && review > link {
		k.add(at+".review", "", "the review band begins below link")
	}
}

func (k *checker) cluster() {
	c := k.s.Cluster
	for key, v := range map[string]float64{"support": c.Support, "weight": c.Weight} {
		if v < 0 || v > 1 {
			k.add("cluster."+key, "", "between 0 and 1")
		}
	}
	if c.Alarm < 0 || c.Diameter < 0 {
		k.add("cluster", "", "limits are not negative")
	}
	if c.Point != "" {
		k.kind("cluster.point", c.Point, table.KindPoint)
	} else if c.Diameter > 0 {
		k.add("cluster.diameter", "point: name of a point column", "a diameter needs point")
	}
	if c.Time != "" {
		k.kind("cluster.time", c.Time, table.KindTime)
	} else if c.Span > 0 {
		k.add("cluster.span", "time: name of a time column", "a span needs time")
	}
}

func (k *checker) train() {
	t := k.s.Train
	modes := []string{"auto", "prior", "file"}
	if t.Mode != "" && !slices.Contains(modes, t.Mode) {
		k.add("train.mode", suggest(t.Mode, modes), "unknown mode %q", t.Mode)
	}
	if (t.Mode == "file") != (t.File != "") {
		k.add("train", "train: {mode: file, file: model.json}", "file and mode: file belong together")
	}
	if t.Prior != nil && (*t.Prior <= 0 || *t.Prior >= 1) {
		k.add("train.prior", "", "a probability lies between 0 and 1")
	}
	if t.Pairs < 0 || t.Iterations < 0 {
		k.add("train", "", "numbers are not negative")
	}
}

// truthStaysOut refuses a truth that the linkage itself reads: it would measure how well labels find themselves.
func (k *checker) truthStaysOut() {
	if k.s.Truth == nil || k.s.Truth.Column == "" {
		return
	}
	for _, name := range sorted(k.s.Columns) {
		if slices.Contains(k.s.Sources(name), k.s.Truth.Column) && !strings.EqualFold(k.s.Truth.Column, k.s.ID) {
			k.add("columns."+name, "measure with a copy of the file that leaves this column out", "the column of truth is no feature")
		}
	}
}

// Sources are the source columns that a derived column comes from, sorted.
func (s *Spec) Sources(name string) []string {
	c := s.Columns[name]
	for i := 0; c != nil && c.Of != "" && i <= len(s.Columns); i++ {
		c = s.Columns[c.Of]
	}
	if c == nil {
		return nil
	}
	var out []string
	for _, n := range slices.Concat(c.From, c.Concat, Names{c.Lon, c.Lat, c.X, c.Y}) {
		if n != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
