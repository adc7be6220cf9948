package pgcatalog

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed relations.txt
var relationsText string

type relation struct {
	name    string
	columns []relColumn
}

type relColumn struct{ name, typ string }

// relations are the system relations in the order of the embedded list.
var relations = sync.OnceValue(func() []relation {
	var out []relation
	for line := range strings.Lines(relationsText) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "#" {
			continue
		}
		r := relation{name: f[0]}
		for _, c := range f[1:] {
			name, typ, _ := strings.Cut(c, ":")
			r.columns = append(r.columns, relColumn{name, typ})
		}
		out = append(out, r)
	}
	return out
})

var relationNames = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, r := range relations() {
		m[r.name] = true
	}
	return m
})

// Names are the tables and views that Statements makes. Those of the information schema have its name as a prefix, since
// a snapshot has one schema only.
func Names() []string {
	var out []string
	for _, r := range relations() {
		out = append(out, r.name)
	}
	return out
}
