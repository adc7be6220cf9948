package gate

import (
	_ "embed"
	"fmt"
	"strings"
)

// engineVersion is the version whose functions, settings and syntax tree were looked at.
const engineVersion = "v1.5.5"

//go:embed functions_v1.5.5.txt
var functionText string

// function is what the reviewed list says of one name.
type function struct {
	allowed bool
	reason  string
}

// functions are all names of the engine by kind (as in duckdb_functions()) and name as the engine writes it.
type functions map[string]map[string]function

// parseFunctions reads the reviewed list.
func parseFunctions(text string) (functions, error) {
	all := functions{}
	var kind string
	var current function
	for n, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "[") && strings.Contains(line, "] "):
			head, reason, _ := strings.Cut(line[1:], "] ")
			k, verdict, _ := strings.Cut(head, " ")
			if verdict != "allow" && verdict != "deny" || reason == "" {
				return nil, fmt.Errorf("reading the function list, line %d: %q is neither allow nor deny with a reason", n+1, head)
			}
			kind, current = k, function{verdict == "allow", reason}
			if all[kind] == nil {
				all[kind] = map[string]function{}
			}
		default:
			for _, name := range strings.Fields(line) {
				if _, twice := all[kind][name]; twice || kind == "" {
					return nil, fmt.Errorf("reading the function list, line %d: %s %s stands twice or under no heading", n+1, kind, name)
				}
				all[kind][name] = current
			}
		}
	}
	return all, nil
}

// lists are the allowed names as the walk asks for them, in lower case.
type lists struct {
	calls      map[string]string // name → kind, for calls in expressions
	tables     map[string]struct{}
	aggregates map[string]struct{}
	denied     map[string]string // name → reason, for the hint
}

func (all functions) lists() lists {
	l := lists{map[string]string{}, map[string]struct{}{}, map[string]struct{}{}, map[string]string{}}
	for kind, names := range all {
		for name, f := range names {
			name = fold(name)
			switch {
			case !f.allowed:
				l.denied[name] = f.reason
			case kind == "table":
				l.tables[name] = struct{}{}
			case kind == "aggregate":
				l.aggregates[name] = struct{}{}
				l.calls[name] = kind
			case kind == "scalar", kind == "macro", kind == "syntax":
				l.calls[name] = kind
			}
		}
	}
	// A name that is denied in any form that an expression can call is not allowed through another.
	for _, kind := range []string{"aggregate", "scalar", "macro"} {
		for name, f := range all[kind] {
			if !f.allowed {
				delete(l.calls, fold(name))
			}
		}
	}
	return l
}
