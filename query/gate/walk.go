package gate

import (
	"slices"
	"strconv"
	"strings"
)

// walk visits every object of one syntax tree. Its methods return false as soon as something is denied.
type walk struct {
	grammar   grammar
	lists     *lists
	published Catalog
	off       map[check]bool // for tests only
	denied    *denial

	nodes, depth int
	unions       int // set operations
	expansion    int // copies that the built-in macros around the visited call make
	tables       map[string]struct{}
	calls        map[string]struct{}
	params       []string
}

// scope is a name that WITH has made visible, and what was visible before it.
type scope struct {
	outer *scope
	name  string // in lower case
	keyed bool   // recurring.name can be read as well
}

func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s
		}
	}
	return nil
}

// deny notes the denial unless a test has switched the check off. It reports whether to go on.
func (w *walk) deny(d denial) bool {
	if w.off[d.check] {
		return true
	}
	if w.denied == nil {
		w.denied = &d
	}
	return false
}

// location is the byte offset of an object, -1 when it has none.
func location(v value) int {
	n, err := strconv.Atoi(v.at("query_location").text)
	if err != nil {
		return -1
	}
	return n
}

// object visits one object that must belong to the family.
func (w *walk) object(family string, v value, sc *scope) bool {
	if v.kind != isObject || len(v.names) == 0 {
		return w.deny(denial{check: checkObject, rule: RuleNode, position: -1})
	}
	switch family {
	case "expr", "table", "query":
		w.nodes++
		w.depth++
		defer func() { w.depth-- }()
		if w.nodes > MaxNodes && !w.deny(denial{check: checkNodes, rule: RuleLimit, position: location(v)}) {
			return false
		}
		if w.depth > MaxDepth && !w.deny(denial{check: checkDepth, rule: RuleLimit, position: location(v)}) {
			return false
		}
	}
	name := "-"
	if w.grammar[family][name] == nil {
		name = v.items[0].text
	}
	s := w.grammar[family][name]
	if s == nil {
		d := denial{check: checkObject, rule: RuleNode, name: strings.ToLower(family + " " + name), position: location(v)}
		if family == "typeinfo" {
			d.rule, d.name = RuleType, strings.ToLower(v.at("alias").text)
		}
		return w.deny(d)
	}
	if len(v.names) != len(s.fields) {
		return w.deny(denial{check: checkField, rule: RuleNode, name: strings.ToLower(name), position: location(v)})
	}
	for i := range s.fields {
		if v.names[i] != s.fields[i].name {
			return w.deny(denial{check: checkField, rule: RuleNode, name: strings.ToLower(name), position: location(v)})
		}
	}
	return w.special(s, v, sc)
}

// special looks at what a field list cannot say, then visits the fields.
func (w *walk) special(s *shape, v value, sc *scope) bool {
	switch s.family {
	case "query":
		if s.name == "SET_OPERATION_NODE" {
			if w.unions++; w.unions > MaxUnions && !w.deny(denial{check: checkUnions, rule: RuleLimit, position: -1}) {
				return false
			}
		}
		inner, ok := w.with(v.at("cte_map"), sc)
		if !ok {
			return false
		}
		if s.name != "RECURSIVE_CTE_NODE" {
			return w.fields(s, v, inner, "cte_map")
		}
		// The name is visible in the recursive part only.
		self := &scope{outer: inner, name: fold(v.at("cte_name").text), keyed: len(v.at("key_targets").items) > 0}
		return w.cteName(v.at("cte_name").text) && w.fields(s, v, inner, "cte_map", "right") && w.object("query", v.at("right"), self)
	case "table":
		if s.name == "BASE_TABLE" && !w.table(v, sc) {
			return false
		}
	case "expr":
		switch s.name {
		case "FUNCTION":
			return w.call(v, sc, false)
		case "WINDOW":
			if _, ok := w.callName(v); !ok {
				return false
			}
		case "COLUMN_REF":
			return w.column(v) && w.fields(s, v, sc)
		case "COLLATE":
			if c := v.at("collation").text; !collationAllowed(c) &&
				!w.deny(denial{check: checkCollation, rule: RuleCollation, name: c, position: location(v)}) {
				return false
			}
		case "PARAMETER":
			if id := v.at("identifier").text; !slices.Contains(w.params, id) {
				w.params = append(w.params, id)
			}
		}
	case "typeinfo":
		if s.name == "UNBOUND_TYPE_INFO" && !w.namedType(v) {
			return false
		}
	}
	return w.fields(s, v, sc)
}

// with visits the WITH list: each name is visible to what follows it, not to itself.
func (w *walk) with(ctes value, sc *scope) (*scope, bool) {
	s := w.grammar["ctes"]["-"]
	if ctes.kind != isObject || len(ctes.names) != len(s.fields) || ctes.names[0] != s.fields[0].name || ctes.items[0].kind != isList {
		return nil, w.deny(denial{check: checkField, rule: RuleNode, name: "with", position: -1})
	}
	for _, cte := range ctes.items[0].items {
		if !w.object("cte", cte, sc) {
			return nil, false
		}
		name := cte.at("key").text
		if !w.cteName(name) {
			return nil, false
		}
		sc = &scope{outer: sc, name: fold(name)}
	}
	return sc, true
}

// fields visits the fields of an object that matches the shape, except those already visited.
func (w *walk) fields(s *shape, v value, sc *scope, except ...string) bool {
	for i := range s.fields {
		f := &s.fields[i]
		if len(except) > 0 && slices.Contains(except, f.name) {
			continue
		}
		if !w.field(s, f, v.items[i], v, sc) {
			return false
		}
	}
	return true
}

func (w *walk) field(s *shape, f *field, item, parent value, sc *scope) bool {
	if item.kind == isNull && f.null {
		return true
	}
	if f.list > 0 {
		return w.list(f, item, sc, f.list)
	}
	if f.family {
		return w.object(f.kind, item, sc)
	}
	ok := false
	check, rule := checkField, RuleNode
	switch f.kind {
	case "any":
		ok = true
	case "label":
		ok = item.kind == isText
	case "int":
		ok = item.kind == isNumber
	case "bool":
		ok = item.kind == isBool
	case "false":
		check, ok = checkEmpty, item.kind == isBool && !item.yes
	case "empty":
		check, ok = checkEmpty, item.kind == isNull || item.kind == isText && item.text == "" || item.kind == isList && len(item.items) == 0
	case "enum":
		check, ok = checkWord, item.kind == isText && slices.Contains(f.words, item.text)
		if s.family == "type" {
			check, rule = checkType, RuleType
		}
	case "words":
		ok = item.kind == isList
		for _, word := range item.items {
			ok = ok && word.kind == isText
		}
	case "sets":
		ok = item.kind == isList
		for _, set := range item.items {
			ok = ok && set.kind == isList
			for _, n := range set.items {
				ok = ok && n.kind == isNumber
			}
		}
	case "params":
		ok = item.kind == isList
		for _, p := range item.items {
			ok = ok && p.kind == isObject && slices.Equal(p.names, []string{"key", "value"}) && p.items[0].kind == isText && p.items[1].kind == isNumber
		}
	case "value":
		return w.value(item, sc)
	case "tablecall":
		return w.call(item, sc, true)
	}
	if !ok {
		name := f.name
		if rule == RuleType {
			name = strings.ToLower(item.text)
		}
		return w.deny(denial{check: check, rule: rule, name: name, position: location(parent)})
	}
	return true
}

func (w *walk) list(f *field, item value, sc *scope, level int) bool {
	if item.kind != isList {
		return w.deny(denial{check: checkField, rule: RuleNode, name: f.name, position: -1})
	}
	for _, e := range item.items {
		ok := false
		switch {
		case level > 1:
			ok = w.list(f, e, sc, level-1)
		case f.family:
			ok = w.object(f.kind, e, sc)
		case f.kind == "value":
			ok = w.value(e, sc)
		}
		if !ok {
			return false
		}
	}
	return true
}

// value visits a literal: {type, is_null} and, unless it is null, its content, which is data whatever it holds.
func (w *walk) value(v value, sc *scope) bool {
	ok := v.kind == isObject && len(v.names) >= 2 && v.names[0] == "type" && v.names[1] == "is_null" && v.items[1].kind == isBool
	if v.items != nil && ok {
		if v.items[1].yes {
			ok = len(v.names) == 2
		} else {
			ok = len(v.names) == 3 && v.names[2] == "value"
		}
	}
	if !ok {
		return w.deny(denial{check: checkField, rule: RuleNode, name: "literal", position: -1})
	}
	return w.object("type", v.items[0], sc)
}
