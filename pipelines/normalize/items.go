package normalize

import (
	"slices"
	"strings"
)

// Item is one source column of a mapping and what becomes of it.
type Item struct {
	Column string // source column
	Target string // event column, "party" for a token, "caller" for a position used in memory only, "" where it is dropped
}

// Items lists the source columns that the mapping names, sorted by column, for the catalog's information items. Columns
// that only conditions and checks read are not among them: nothing of them is kept.
func (m *Mapping) Items() []Item {
	var out []Item
	add := func(column, target string) {
		it := Item{column, target}
		if column != "" && column != asOfColumn && !slices.Contains(out, it) {
			out = append(out, it)
		}
	}
	m.eachField(func(path string, f *Field) {
		target, _, _ := strings.Cut(strings.TrimPrefix(path, "fields."), ".")
		if full, ok := aliases()[target]; ok {
			target = full
		}
		for _, c := range f.From {
			add(c, target)
		}
		for _, c := range f.Concat {
			add(c, target)
		}
		for _, c := range celColumns(f.CEL) {
			add(c, target)
		}
	})
	for _, p := range m.Parties {
		for _, c := range p.From {
			add(c, "party")
		}
	}
	if m.Caller != nil {
		add(m.Caller.X, "caller")
		add(m.Caller.Y, "caller")
	}
	for _, c := range m.Ext.Allow {
		add(c, "ext")
	}
	for _, c := range m.Drop {
		add(c, "")
	}
	slices.SortFunc(out, func(a, b Item) int {
		if c := strings.Compare(a.Column, b.Column); c != 0 {
			return c
		}
		return strings.Compare(a.Target, b.Target)
	})
	return out
}

// celColumns are the columns that an expression reads; none for one that does not compile, which Parse has refused.
func celColumns(text string) []string {
	if text == "" {
		return nil
	}
	env, err := newCELEnv()
	if err != nil {
		return nil
	}
	x, err := compileCEL(env, text)
	if err != nil {
		return nil
	}
	return x.names
}
