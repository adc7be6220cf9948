package gate

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed ast_v1.5.5.txt
var astText string

// shape is one kind of object in the syntax tree: its fields in their order.
type shape struct {
	family, name string
	fields       []field
}

// field is one field: what stands in it and how often.
type field struct {
	name   string
	kind   string   // label, words, bool, ..., or a family
	words  []string // of an enumeration
	null   bool     // may be null
	list   int      // 0 one, 1 list, 2 list of lists
	family bool
}

// grammar is what the gate accepts, by family and name; a family whose objects have no name uses "-".
type grammar map[string]map[string]*shape

// parseGrammar reads the reviewed description of the syntax tree.
func parseGrammar(text string) (grammar, error) {
	g := grammar{}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		parts := splitOutside(line)
		if len(parts) < 3 {
			return nil, fmt.Errorf("reading the syntax tree's description, line %d: too short", n+1)
		}
		s := &shape{family: parts[0], name: parts[1]}
		for _, p := range parts[2:] {
			name, kind, ok := strings.Cut(p, ":")
			if !ok {
				return nil, fmt.Errorf("reading the syntax tree's description, line %d: field %q has no kind", n+1, p)
			}
			f := field{name: name}
			if inner, ok := strings.CutPrefix(kind, "{"); ok {
				f.kind, f.words = "enum", strings.Split(strings.TrimSuffix(inner, "}"), "|")
			} else {
				f.kind = strings.TrimRight(kind, "*?")
				f.null = strings.HasSuffix(kind, "?")
				f.list = strings.Count(kind, "*")
			}
			s.fields = append(s.fields, f)
		}
		if g[s.family] == nil {
			g[s.family] = map[string]*shape{}
		}
		if g[s.family][s.name] != nil {
			return nil, fmt.Errorf("reading the syntax tree's description, line %d: %s %s twice", n+1, s.family, s.name)
		}
		g[s.family][s.name] = s
	}
	for _, family := range g {
		for _, s := range family {
			for i := range s.fields {
				_, s.fields[i].family = g[s.fields[i].kind]
			}
		}
	}
	return g, nil
}

// splitOutside splits at spaces that are not inside braces: words such as NULLS FIRST have one.
func splitOutside(line string) []string {
	inside := false
	return strings.FieldsFunc(line, func(r rune) bool {
		switch r {
		case '{':
			inside = true
		case '}':
			inside = false
		}
		return r == ' ' && !inside
	})
}
