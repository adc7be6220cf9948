package pgcatalog

import (
	"regexp"
	"strings"
	"sync"
)

var functionNames = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, f := range macros("") {
		m[f.name] = true
	}
	return m
})

// bracesLiteral is a constant of PostgreSQL's array input syntax, '{1,"two"}'.
var bracesLiteral = regexp.MustCompile(`^'\{[A-Za-z0-9_, "-]*\}'$`)

// maxText is the longest text that is looked at. The gate takes no longer one, and some rules read the text again for each
// place where they apply.
const maxText = 64 << 10

// Session is what a rewritten text may ask about itself.
type Session struct{ User string }

// Rewrite translates what PostgreSQL clients write about the catalog into names of a snapshot: schema prefixes pg_catalog
// and information_schema, public, functions of pgc_, casts to reg* types, OPERATOR(), COLLATE "default" and session users.
// Array constants and functions that the engine has as well are translated only in a text that names a system relation:
// elsewhere they are the user's own. Other text is returned unchanged, byte for byte, string literals always.
func Rewrite(sql string, who Session) string {
	if len(sql) > maxText {
		return sql
	}
	ts := lex(sql)
	r := rewriter{in: ts, who: who, browsing: browses(ts)}
	for r.i = 0; r.i < len(ts); r.i++ {
		r.step()
	}
	if !r.changed {
		return sql
	}
	var b strings.Builder
	for _, t := range r.out {
		b.WriteString(t.text)
	}
	return b.String()
}

type rewriter struct {
	in, out  []token
	i        int
	who      Session
	browsing bool  // the text names a system relation
	casts    []int // for each open parenthesis: where its CAST stands in out, -1 for another one
	changed  bool
}

// browses reports whether a text names the catalog of PostgreSQL.
func browses(ts []token) bool {
	for _, t := range ts {
		switch name := t.name(); {
		case name == "":
		case name == "pg_catalog", name == "information_schema", relationNames()[name]:
			return true
		}
	}
	return false
}

// renamed are functions that take any number of arguments, which a macro cannot; the engine has them under other names.
func renamed(name string) string {
	switch name {
	case "json_build_object", "jsonb_build_object":
		return "json_object"
	case "json_build_array", "jsonb_build_array":
		return "json_array"
	case "json_agg", "jsonb_agg":
		return "json_group_array"
	default:
		return ""
	}
}

// shared are functions that the engine has under PostgreSQL's name.
func shared(name string) bool {
	return name == "array_length" || name == "array_to_string" || name == "format"
}

// peek is the n-th token after the current one that is not white space; n = 0 is the current one. The second result is
// its index.
func (r *rewriter) peek(n int) (token, int) {
	j := r.i
	for ; j < len(r.in); j++ {
		if r.in[j].kind == space {
			continue
		}
		if n == 0 {
			return r.in[j], j
		}
		n--
	}
	return token{}, len(r.in)
}

// last is the latest token written that is not white space.
func (r *rewriter) last() token {
	if j := r.lastIndex(); j >= 0 {
		return r.out[j]
	}
	return token{}
}

func (r *rewriter) lastIndex() int {
	j := len(r.out) - 1
	for j >= 0 && r.out[j].kind == space {
		j--
	}
	return j
}

func (r *rewriter) emit(t token) { r.out = append(r.out, t) }

// put writes text in place of the tokens up to and including index end.
func (r *rewriter) put(k kind, text string, end int) {
	if text != "" {
		r.emit(token{k, text})
	}
	r.i = end
	r.changed = true
}

func (r *rewriter) step() {
	t := r.in[r.i]
	after := r.last()
	switch name := t.name(); {
	case name == "as" && r.castAs():
	case name == "tableoid" && r.browsing && t.kind == word && after.text == ".":
		// The engine has no system columns. The qualifier and its point are written already.
		if j := r.operand(); j >= 0 {
			r.out = r.out[:j]
			r.put(word, "NULL::BIGINT", r.i)
		}
	case name != "" && after.text != ".":
		if !r.qualified(name) && !r.plain(t, name) {
			r.emit(t)
		}
	case t.text == "(":
		at := -1
		if after.is("cast") {
			at = r.lastIndex()
		}
		r.casts = append(r.casts, at)
		r.emit(t)
	case t.text == ")":
		if len(r.casts) > 0 {
			r.casts = r.casts[:len(r.casts)-1]
		}
		r.emit(t)
	case t.kind == other && t.text == "::":
		if !r.cast() {
			r.emit(t)
		}
	case t.kind == literal && r.browsing && r.afterMatch():
		// PostgreSQL looks for the expression anywhere, the engine wants it to match the whole text.
		r.put(literal, "('.*(' || "+t.text+" || ').*')", r.i)
	case t.kind == literal && r.browsing && bracesLiteral.MatchString(t.text):
		r.put(literal, "'["+t.text[2:len(t.text)-2]+"]'", r.i)
	default:
		r.emit(t)
	}
}

// afterMatch reports whether what was written last is the operator ~ or !~.
func (r *rewriter) afterMatch() bool {
	j := r.lastIndex()
	return j >= 0 && r.out[j].text == "~" && (j == 0 || r.out[j-1].text != "~" && r.out[j-1].text != "~~")
}

// qualified handles a name that may be a schema.
func (r *rewriter) qualified(schema string) bool {
	dot, _ := r.peek(1)
	second, at := r.peek(2)
	name := second.name()
	if dot.text != "." || name == "" && second.text != "~" {
		return false
	}
	paren, _ := r.peek(3)
	switch schema {
	case "pg_catalog":
		r.i = at
		if name == "generate_series" {
			r.nameSeries(at)
		}
		if !r.plain(second, name) {
			r.put(second.kind, second.text, at)
		}
		r.changed = true
		return true
	case "information_schema":
		switch {
		case paren.text == "(" && functionNames()[name]:
			r.put(word, prefix+name, at)
		case relationNames()["information_schema_"+name]:
			r.put(word, "information_schema_"+name, at)
		default:
			return false
		}
		return true
	case "public":
		r.put(second.kind, second.text, at)
		return true
	}
	return false
}

// plain handles a name without a schema: functions, OPERATOR(), COLLATE, session users.
func (r *rewriter) plain(t token, name string) bool {
	next, at := r.peek(1)
	switch {
	case t.kind == word && name == "operator" && next.text == "(":
		// OPERATOR(pg_catalog.~)
		var op strings.Builder
		for j := at + 1; j < len(r.in); j++ {
			switch x := r.in[j]; {
			case x.text == ")":
				r.put(other, op.String(), j)
				return true
			case x.kind == other && x.text != ".":
				op.WriteString(x.text)
			}
		}
		return false
	case t.kind == word && name == "collate":
		if next.is("pg_catalog") {
			if _, end := r.peek(3); end < len(r.in) {
				r.put(word, "", end)
				return true
			}
		}
		if next.name() == "default" {
			r.put(word, "", at)
			return true
		}
		return false
	case name == "generate_series" && next.text == "(" && r.browsing && (r.last().is("from") || r.last().is("join")):
		r.nameSeries(r.i)
		return false
	case name == "string_to_array" && next.text == "(" && r.browsing:
		return r.scalarInFrom(at)
	case name == "pg_get_keywords" && next.text == "(":
		// A function in FROM; here it is a relation.
		if end := r.end(at); end >= 0 {
			r.put(word, name, end)
			return true
		}
		return false
	case next.text == "(" && functionNames()[name] && (r.browsing || !shared(name)):
		r.put(word, prefix+name, r.i)
		return true
	case next.text == "(" && renamed(name) != "":
		r.put(word, renamed(name), r.i)
		return true
	case t.kind == word && r.who.User != "" && next.text != "(" && next.text != "." && (name == "current_user" || name == "session_user" || name == "current_role" || name == "user") && !r.last().is("as"):
		out := text(r.who.User)
		if prev := r.last(); prev.is("select") || prev.text == "," && r.depth() == 0 {
			if next.text == "" || next.text == "," || next.is("from") {
				out += " AS " + name
			}
		}
		r.put(literal, out, r.i)
		return true
	case t.kind == word && next.text != "(" && next.text != "." && (name == "current_catalog" || name == "current_schema") && !r.last().is("as"):
		r.put(word, prefix+name+"()", r.i)
		return true
	}
	return false
}

// depth is the number of parentheses that are open where the text has been written to.
func (r *rewriter) depth() int {
	n := 0
	for _, t := range r.out {
		switch t.text {
		case "(":
			n++
		case ")":
			n--
		}
	}
	return n
}

// end is the index of the parenthesis that closes the one at index open, -1 if none does.
func (r *rewriter) end(open int) int {
	depth := 0
	for j := open; j < len(r.in); j++ {
		switch r.in[j].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return -1
}

// nameSeries makes the alias of a function the name of its column, as PostgreSQL has it: generate_series(1, 3) s is s(s).
func (r *rewriter) nameSeries(at int) {
	save := r.i
	defer func() { r.i = save }()
	r.i = at
	_, open := r.peek(1)
	close := r.end(open)
	if close < 0 {
		return
	}
	r.i = close
	n := 1
	if as, _ := r.peek(1); as.is("as") {
		n++
	}
	alias, where := r.peek(n)
	if following, _ := r.peek(n + 1); alias.kind == word && following.text != "(" && !strings.Contains(alias.text, "(") && !keyword[strings.ToUpper(alias.text)] {
		r.in[where].text = alias.text + "(" + alias.text + ")"
	}
}

// scalarInFrom makes a function with an alias behind it, f(x) s, a subquery with one row and one column, (SELECT f(x) AS s) s:
// PostgreSQL takes any function in FROM. In a list of expressions it means the same.
func (r *rewriter) scalarInFrom(open int) bool {
	end := r.end(open)
	if end < 0 {
		return false
	}
	save := r.i
	r.i = end
	alias, _ := r.peek(1)
	r.i = save
	if alias.kind != word || keyword[strings.ToUpper(alias.text)] || r.last().text != "," && !r.last().is("from") {
		return false
	}
	inner := rewriter{in: r.in[r.i+1 : end+1], who: r.who, browsing: true}
	for inner.i = 0; inner.i < len(inner.in); inner.i++ {
		inner.step()
	}
	r.put(word, "(SELECT "+r.in[r.i].text+join(inner.out)+" AS "+alias.text+")", end)
	return true
}

// keyword lists words that can stand before a parenthesis without being a function.
var keyword = map[string]bool{"SELECT": true, "AND": true, "OR": true, "NOT": true, "IN": true, "WHERE": true, "WHEN": true, "THEN": true, "ELSE": true, "ON": true, "BY": true, "ANY": true, "ALL": true, "AS": true,
	"FROM": true, "JOIN": true, "GROUP": true, "ORDER": true, "LIMIT": true, "UNION": true, "END": true, "IS": true, "LIKE": true, "CROSS": true, "LEFT": true, "INNER": true}

// callOfOurs is how the engine names a result column that is a call of one of our functions.
var callOfOurs = regexp.MustCompile(`^"?` + prefix + `(\w+)"?\(.*\)$`)

// ColumnName is the name that PostgreSQL gives a result column: that of the function where it is a call.
func ColumnName(name string) string {
	if name == "count_star()" {
		return "count"
	}
	if m := callOfOurs.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return name
}
