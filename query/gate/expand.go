package gate

import (
	"strings"

	"onegrid/query/gate/internal/lex"
)

// maxExpansion bounds the tokens that a text stands for once the parser has copied what it copies. Nothing else bounds
// that: 450 bytes of nested CASE make a tree of five megabytes, and the engine's memory limit does not count trees.
const maxExpansion = 50_000

// expanded estimates the size of the tree in tokens. The parser copies the operand of CASE x WHEN once for every WHEN,
// the definition of a named window once for every OVER, and a ROLLUP or CUBE into all its grouping sets.
func expanded(text string, tokens []lex.Token) int {
	type frame struct{ operand, rest, whens int }
	stack := make([]frame, 1, 8)
	top := func() *frame { return &stack[len(stack)-1] }
	add := func(n int) {
		if f := top(); f.whens == 0 {
			f.operand = min(f.operand+n, maxExpansion+1)
		} else {
			f.rest = min(f.rest+n, maxExpansion+1)
		}
	}
	window, overs, sets, n := -1, 0, 0, 0
	before := ""
	for _, t := range tokens {
		if t.Kind == lex.Space || t.Kind == lex.Comment {
			continue
		}
		n++
		word := ""
		if t.Kind == lex.Ident && t.End-t.Start <= 8 {
			word = strings.ToUpper(text[t.Start:t.End])
		} else if t.Kind == lex.Op {
			word = text[t.Start:t.End]
		}
		if before == "OVER" && word != "(" {
			overs++
		}
		name := before == "." || before == "AS" // x.end, AS end: no keyword
		switch {
		case name:
			add(1)
		case word == "CASE":
			stack = append(stack, frame{})
		case word == "WHEN" && len(stack) > 1:
			top().whens++
		case word == "END" && len(stack) > 1:
			f := *top()
			stack = stack[:len(stack)-1]
			add(min(f.operand*max(f.whens, 1)+f.rest+1, maxExpansion+1))
		case word == "WINDOW" && window < 0:
			window = n
			add(1)
		default:
			add(1)
		}
		if word == "ROLLUP" || word == "CUBE" {
			sets = max(sets, 1)
		} else if sets > 0 && word == "," {
			sets++
		}
		before = word
	}
	total := 0
	for _, f := range stack {
		total = min(total+f.operand*max(f.whens, 1)+f.rest, maxExpansion+1)
	}
	if window >= 0 {
		total = min(total+(n-window)*overs, maxExpansion+1)
	}
	return min(total+sets*sets, maxExpansion+1)
}
