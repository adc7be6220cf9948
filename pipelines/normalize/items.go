package normalize

import "slices"

// Item is one source column of a mapping and what becomes of it.
type Item struct {
	Column string // source column
	Target string // event column, "party" for a token, "caller" for a position used in memory only, "" where it is dropped
}

// Items lists the source columns that the mapping names, sorted by column, for the catalog's information items.
func (m *Mapping) Items() []Item {
	var out []Item
	add := func(column, target string) {
		it := Item{column, target}
		if column != "" && column != asOfColumn && !slices.Contains(out, it) {
			out = append(out, it)
		}
	}
	m.eachField(func(path string, f *Field) {
		target := path[len("fields."):]
		for i, c := range target {
			if c == '.' {
				target = target[:i]
				break
			}
		}
		for _, c := range f.From {
			add(c, target)
		}
		for _, c := range f.Concat {
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
		if a.Column != b.Column {
			if a.Column < b.Column {
				return -1
			}
			return 1
		}
		if a.Target < b.Target {
			return -1
		}
		return 1
	})
	return out
}
