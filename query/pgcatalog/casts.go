package pgcatalog

import "strings"

// castTypes are PostgreSQL's type names in casts that the engine spells otherwise.
var castTypes = map[string]string{"name": "VARCHAR", "oid": "BIGINT", "xid": "BIGINT", "cid": "BIGINT", "regproc": "VARCHAR", "regprocedure": "VARCHAR", "regoperator": "VARCHAR", "regoper": "VARCHAR", "regconfig": "VARCHAR", "regrole": "VARCHAR", "aclitem": "VARCHAR", "char": "VARCHAR",
	"int2vector": "SMALLINT[]", "oidvector": "BIGINT[]", "bpchar": "VARCHAR", "citext": "VARCHAR", "sql_identifier": "VARCHAR", "cardinal_number": "INTEGER", "character_data": "VARCHAR", "yes_or_no": "VARCHAR"}

// castAs handles the type of CAST(x AS type), which ends with the parenthesis.
func (r *rewriter) castAs() bool {
	if len(r.casts) == 0 || r.casts[len(r.casts)-1] < 0 {
		return false
	}
	typ, at := r.peek(1)
	if dot, _ := r.peek(2); dot.text == "." {
		typ, at = r.peek(3)
	}
	save := r.i
	r.i = at
	after, end := r.peek(1)
	r.i = end
	id := r.toOID()
	r.i = save
	if after.text != ")" {
		return false
	}
	call := r.casts[len(r.casts)-1]
	switch name := typ.name(); name {
	case "regclass", "regnamespace", "regtype":
		suffix := "_name"
		if j := r.lastIndex(); id || r.out[j].kind == literal || r.out[j].kind == param {
			suffix = "_oid"
		}
		r.out[call].text = prefix + name + suffix
		r.put(word, "", at)
		return true
	default:
		if to, ok := castTypes[name]; ok && (typ.kind == quoted || name != "char") {
			r.put(word, "AS "+to, at)
			return true
		}
	}
	return false
}

// cast handles ::type. Casts to the reg* types become calls, since the engine has no such types: a constant is looked up
// by name, anything else is an id whose name is wanted.
func (r *rewriter) cast() bool {
	typ, at := r.peek(1)
	if typ.is("pg_catalog") || typ.is("information_schema") {
		if dot, _ := r.peek(2); dot.text == "." {
			typ, at = r.peek(3)
		}
	}
	name := typ.name()
	switch name {
	case "regclass", "regnamespace", "regtype":
		start := r.operand()
		if start < 0 {
			return false
		}
		suffix := "_name"
		save := r.i
		r.i = at
		if k := r.out[start].kind; k == literal || k == param || r.toOID() {
			suffix = "_oid"
		}
		r.i = save
		var b strings.Builder
		b.WriteString(prefix + name + suffix + "(")
		for _, t := range r.out[start:] {
			b.WriteString(t.text)
		}
		b.WriteString(")")
		r.out = append(r.out[:start], token{quoted, b.String()})
		r.i, r.changed = at, true
		return true
	}
	if to, ok := castTypes[name]; ok && (typ.kind == quoted || name != "char") {
		r.put(word, "::"+to, at)
		return true
	}
	if r.in[r.i].text == "::" && name != "" && at > r.i+1 {
		if first, _ := r.peek(1); first.is("pg_catalog") {
			r.put(word, "::"+typ.text, at)
			return true
		}
	}
	return false
}

// toOID reports whether what follows casts to oid.
func (r *rewriter) toOID() bool {
	op, _ := r.peek(1)
	typ, _ := r.peek(2)
	if dot, _ := r.peek(3); typ.is("pg_catalog") && dot.text == "." {
		typ, _ = r.peek(4)
	}
	return (op.text == "::" || op.is("as")) && typ.is("oid")
}

// operand is the index in out of the first token of the expression that ends there: a literal, a parameter, a name with
// its qualifiers, a call or a group in parentheses.
func (r *rewriter) operand() int {
	j := len(r.out) - 1
	for j >= 0 && r.out[j].kind == space {
		j--
	}
	if j < 0 {
		return -1
	}
	if r.out[j].text == ")" {
		depth := 0
		for ; j >= 0; j-- {
			if r.out[j].text == ")" {
				depth++
			} else if r.out[j].text == "(" {
				if depth--; depth == 0 {
					break
				}
			}
		}
		if j > 0 && (r.out[j-1].kind == word || r.out[j-1].kind == quoted) && !keyword[strings.ToUpper(r.out[j-1].text)] {
			j--
		}
		return j
	}
	if r.out[j].text == "." && j >= 1 {
		j--
	}
	if r.out[j].kind == other {
		return -1
	}
	for j >= 2 && r.out[j-1].text == "." {
		j -= 2
	}
	return j
}
