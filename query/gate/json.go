package gate

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds the recursion of the JSON reader; a tree of MaxDepth nodes nests about three times as deep.
const maxNesting = 4 * MaxDepth

type kind byte

const (
	isNull kind = iota
	isBool
	isNumber
	isText
	isList
	isObject
)

// value is one JSON value. A number keeps its digits. An object's names stand beside its items, in the order of the text.
type value struct {
	kind  kind
	yes   bool
	text  string
	names []string
	items []value
}

// parseJSON reads what json_serialize_sql writes. encoding/json would take three times as long for the same tree, and it
// accepts names twice and in any order.
func parseJSON(s string) (value, error) {
	r := reader{s: s}
	v, err := r.value(0)
	if err == nil && r.pos != len(s) {
		err = errJSON
	}
	return v, err
}

type reader struct {
	s   string
	pos int
}

func (r *reader) byte() byte {
	if r.pos < len(r.s) {
		return r.s[r.pos]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.byte() == c {
		r.pos++
		return true
	}
	return false
}

func (r *reader) word(w string) bool {
	if strings.HasPrefix(r.s[r.pos:], w) {
		r.pos += len(w)
		return true
	}
	return false
}

func (r *reader) value(nesting int) (value, error) {
	if nesting > maxNesting {
		return value{}, errDeep
	}
	switch c := r.byte(); {
	case c == '{':
		return r.object(nesting)
	case c == '[':
		return r.list(nesting)
	case c == '"':
		text, err := r.text()
		return value{kind: isText, text: text}, err
	case c == '-' || '0' <= c && c <= '9':
		start := r.pos
		for r.pos < len(r.s) && strings.IndexByte("+-.0123456789eE", r.s[r.pos]) >= 0 {
			r.pos++
		}
		if r.s[start:r.pos] == "-" && !r.word("Infinity") {
			return value{}, errJSON
		}
		return value{kind: isNumber, text: r.s[start:r.pos]}, nil
	case r.word("null"):
		return value{kind: isNull}, nil
	case r.word("true"):
		return value{kind: isBool, yes: true}, nil
	case r.word("false"):
		return value{kind: isBool}, nil
	case r.word("NaN"), r.word("Infinity"):
		return value{kind: isNumber}, nil
	}
	return value{}, errJSON
}

func (r *reader) list(nesting int) (value, error) {
	v := value{kind: isList}
	r.pos++
	if r.take(']') {
		return v, nil
	}
	for {
		item, err := r.value(nesting + 1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
		if r.take(']') {
			return v, nil
		}
		if !r.take(',') {
			return v, errJSON
		}
	}
}

func (r *reader) object(nesting int) (value, error) {
	v := value{kind: isObject}
	r.pos++
	if r.take('}') {
		return v, nil
	}
	v.names, v.items = make([]string, 0, 8), make([]value, 0, 8)
	for {
		if r.byte() != '"' {
			return v, errJSON
		}
		name, err := r.text()
		if err != nil {
			return v, err
		}
		if !r.take(':') {
			return v, errJSON
		}
		item, err := r.value(nesting + 1)
		if err != nil {
			return v, err
		}
		v.names, v.items = append(v.names, name), append(v.items, item)
		if r.take('}') {
			return v, nil
		}
		if !r.take(',') {
			return v, errJSON
		}
	}
}

// text reads a string; the position is at its first quote.
func (r *reader) text() (string, error) {
	r.pos++
	start := r.pos
	for r.pos < len(r.s) && r.s[r.pos] != '"' && r.s[r.pos] != '\\' {
		r.pos++
	}
	if r.take('"') {
		return r.s[start : r.pos-1], nil
	}
	b := []byte(r.s[start:r.pos])
	for r.pos < len(r.s) {
		c := r.s[r.pos]
		r.pos++
		if c == '"' {
			return string(b), nil
		}
		if c != '\\' {
			b = append(b, c)
			continue
		}
		esc := r.byte()
		r.pos++
		if i := strings.IndexByte(`"\/bfnrt`, esc); i >= 0 && esc != 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		if esc != 'u' || r.pos+4 > len(r.s) {
			return "", errJSON
		}
		n, err := strconv.ParseUint(r.s[r.pos:r.pos+4], 16, 16)
		// The engine writes only control characters so; a surrogate or a NUL is nothing that it parsed from a checked text.
		if err != nil || n == 0 || 0xD800 <= n && n < 0xE000 {
			return "", errJSON
		}
		r.pos += 4
		b = utf8.AppendRune(b, rune(n))
	}
	return "", errJSON
}

// at is the item of the name, a null value when there is none.
func (v value) at(name string) value {
	for i, n := range v.names {
		if n == name {
			return v.items[i]
		}
	}
	return value{}
}
