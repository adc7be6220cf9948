package pgcatalog

import (
	"strconv"
	"strings"
)

// Scalars replaces ANY($n), SOME($n) and ALL($n) by ($n) and returns the numbers of those parameters. The engine can tell
// the type of a parameter that is compared with a column, but not that of a list: asked for the new text, it tells the
// type of the list's elements.
func Scalars(sql string) (scalar string, lists []int) {
	ts := lex(sql)
	r := rewriter{in: ts}
	for r.i = 0; r.i < len(ts); r.i++ {
		t := ts[r.i]
		open, from := r.peek(1)
		p, _ := r.peek(2)
		if end, _ := r.peek(3); (t.is("any") || t.is("some") || t.is("all")) && open.text == "(" && p.kind == param && end.text == ")" {
			if n, err := strconv.Atoi(p.text[1:]); err == nil {
				lists = append(lists, n)
				r.i = from - 1
				r.emit(token{space, " "})
				continue
			}
		}
		r.emit(t)
	}
	if len(lists) == 0 {
		return sql, nil
	}
	return join(r.out), lists
}

// ParamCasts are the types that a text itself gives its parameters, by number: $1::integer, CAST($2 AS date[]). In
// PostgreSQL such a cast declares the parameter, and clients send their value in that type's form. 0 is not in it: a type
// that is not known here is left out.
func ParamCasts(sql string) map[int]uint32 {
	ts := lex(sql)
	r := rewriter{in: ts}
	var out map[int]uint32
	for r.i = 0; r.i < len(ts); r.i++ {
		if ts[r.i].kind != param {
			continue
		}
		n, err := strconv.Atoi(ts[r.i].text[1:])
		if next, _ := r.peek(1); err != nil || next.text != "::" && !next.is("as") || out[n] != 0 {
			continue
		}
		if oid := r.typeName(2); oid != 0 {
			if out == nil {
				out = map[int]uint32{}
			}
			out[n] = oid
		}
	}
	return out
}

// typeName reads the name of a type that begins at the n-th token.
func (r *rewriter) typeName(n int) uint32 {
	t, _ := r.peek(n)
	if dot, _ := r.peek(n + 1); t.is("pg_catalog") && dot.text == "." {
		n += 2
		t, _ = r.peek(n)
	}
	name := strings.ToUpper(t.name())
	next := func(words ...string) bool {
		for i, w := range words {
			if t, _ := r.peek(n + 1 + i); !t.is(w) {
				return false
			}
		}
		n += len(words)
		return true
	}
	switch name {
	case "DOUBLE":
		next("precision")
	case "CHARACTER":
		next("varying")
	case "TIMESTAMP":
		if next("with", "time", "zone") {
			name = "TIMESTAMPTZ"
		} else {
			next("without", "time", "zone")
		}
	}
	typ, ok := scalarTypes[name]
	if alias := typeAliases()[name]; alias != "" {
		typ, ok = scalarTypes[alias], true
	}
	switch name {
	case "DECIMAL", "NUMERIC":
		typ, ok = Type{OID: OIDNumeric}, true
	}
	if !ok {
		return 0
	}
	if open, _ := r.peek(n + 1); open.text == "(" {
		for t, _ := r.peek(n + 1); t.text != ")" && t.text != ""; t, _ = r.peek(n + 1) {
			n++
		}
		n++
	}
	if open, _ := r.peek(n + 1); open.text == "[" {
		if end, _ := r.peek(n + 2); end.text != "]" {
			return 0
		}
		return arrayOIDs[typ.OID]
	}
	return typ.OID
}

// typeAliases are other names of types, PostgreSQL's and the engine's.
func typeAliases() map[string]string {
	return map[string]string{"INT": "INTEGER", "INT4": "INTEGER", "INT8": "BIGINT", "INT2": "SMALLINT", "REAL": "FLOAT", "FLOAT4": "FLOAT", "FLOAT8": "DOUBLE", "TEXT": "VARCHAR", "STRING": "VARCHAR",
		"CHARACTER": "VARCHAR", "BPCHAR": "VARCHAR", "BOOL": "BOOLEAN", "BYTEA": "BLOB", "JSONB": "JSON"}
}

// CastParams writes ::type behind each parameter $n that types has a type for, unless a cast follows already: lists and
// intervals are bound as text, and the cast reads it.
func CastParams(sql string, types map[int]string) string {
	if len(types) == 0 {
		return sql
	}
	ts := lex(sql)
	r := rewriter{in: ts}
	for r.i = 0; r.i < len(ts); r.i++ {
		r.emit(ts[r.i])
		if ts[r.i].kind != param {
			continue
		}
		n, err := strconv.Atoi(ts[r.i].text[1:])
		if next, _ := r.peek(1); err == nil && types[n] != "" && next.text != "::" {
			r.emit(token{other, "::" + types[n]})
		}
	}
	return join(r.out)
}

func join(ts []token) string {
	var b strings.Builder
	for _, t := range ts {
		b.WriteString(t.text)
	}
	return b.String()
}

// ElemOf is the type of the elements of an array type, 0 for a type that is none.
func ElemOf(oid uint32) uint32 {
	switch oid {
	case 1015, 1014, 1003: // varchar[], bpchar[], name[]
		return OIDText
	case 1028: // oid[]
		return OIDInt8
	}
	for elem, array := range arrayOIDs {
		if array == oid {
			return elem
		}
	}
	return 0
}

// CastType is the type that a parameter's text is cast to in the statement, because a text cannot be bound as one: lists
// and intervals. It is "" for all others.
func CastType(oid uint32) string {
	if oid == OIDInterval {
		return "INTERVAL"
	}
	elem := ElemOf(oid)
	switch {
	case elem == 0, elem == OIDBytea:
		return ""
	case elem == OIDInterval:
		return "INTERVAL[]"
	case elem == OIDNumeric:
		return "DECIMAL(38,10)[]"
	case elem == OIDJSON:
		return "JSON[]"
	}
	return ParamType(elem) + "[]"
}
