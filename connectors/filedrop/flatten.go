package filedrop

import (
	"encoding/json"
	"errors"
)

const maxDepth = 64 // of nested objects and elements

var (
	errNoObject = errors.New("the record is not an object")
	errNotJSON  = errors.New("the record is not valid JSON")
	errDeep     = errors.New("the record is nested too deeply")
)

// flattener puts JSON records into a table: objects become columns joined with dots, arrays stay JSON text, null stays
// null, and every other value is its text as written.
type flattener struct {
	t    *table
	key  []byte
	rest []byte
}

// record adds the columns of one record; on an error the caller undoes the row.
func (f *flattener) record(t *table, b []byte) error {
	if !json.Valid(b) {
		return errNotJSON
	}
	f.t, f.rest, f.key = t, b, f.key[:0]
	f.space()
	if f.rest[0] != '{' {
		return errNoObject
	}
	return f.object(0)
}

func (f *flattener) space() {
	for len(f.rest) > 0 && (f.rest[0] == ' ' || f.rest[0] == '\n' || f.rest[0] == '\r' || f.rest[0] == '\t') {
		f.rest = f.rest[1:]
	}
}

// object walks an object whose syntax has been checked.
func (f *flattener) object(depth int) error {
	if depth >= maxDepth {
		return errDeep
	}
	f.rest = f.rest[1:]
	base := len(f.key)
	for first := true; ; first = false {
		f.space()
		switch f.rest[0] {
		case '}':
			f.rest = f.rest[1:]
			f.key = f.key[:base]
			if first && base > 0 {
				return f.set([]byte("{}"))
			}
			return nil
		case ',':
			f.rest = f.rest[1:]
			f.space()
		}
		f.key = f.key[:base]
		if base > 0 {
			f.key = append(f.key, '.')
		}
		name := f.text()
		if len(name) == 0 {
			name = []byte("(empty)")
		}
		f.key = append(f.key, name...)
		f.space()
		f.rest = f.rest[1:] // the colon
		f.space()
		if err := f.value(depth); err != nil {
			return err
		}
	}
}

func (f *flattener) value(depth int) error {
	switch f.rest[0] {
	case '{':
		return f.object(depth + 1)
	case '"':
		return f.set(f.text())
	case '[':
		n := jsonEnd(f.rest)
		v := f.rest[:n]
		f.rest = f.rest[n:]
		return f.set(v)
	}
	n := 0
	for n < len(f.rest) && !scalarEnd(f.rest[n]) {
		n++
	}
	v := f.rest[:n]
	f.rest = f.rest[n:]
	if v[0] == 'n' {
		// The column is part of the record's shape although it has no value here.
		if _, known := f.t.index[string(f.key)]; !known && len(f.t.cols) < f.t.maxCols {
			f.t.column(string(f.key))
		}
		return nil
	}
	return f.set(v)
}

func (f *flattener) set(v []byte) error {
	if !f.t.set(f.key, v) {
		return errColumns
	}
	return nil
}

// text reads a string and resolves its escapes.
func (f *flattener) text() []byte {
	i, plain := 1, true
	for ; f.rest[i] != '"'; i++ {
		if f.rest[i] == '\\' {
			plain = false
			i++
		}
	}
	v := f.rest[1:i]
	if !plain {
		var s string
		if json.Unmarshal(f.rest[:i+1], &s) == nil { // cannot fail: the record is valid
			v = []byte(s)
		}
	}
	f.rest = f.rest[i+1:]
	return v
}

func scalarEnd(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

// jsonEnd is the length of the array or object at the start of b, whose syntax has been checked.
func jsonEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// recordFault is the reject message of a flattening error.
func recordFault(err error) (message, zh string) {
	switch {
	case errors.Is(err, errColumns):
		return err.Error(), "列数超过 limits.columns 的上限"
	case errors.Is(err, errDeep):
		return err.Error(), "记录嵌套过深"
	case errors.Is(err, errNoObject):
		return err.Error(), "记录不是 JSON 对象"
	}
	return err.Error(), "记录不是合法的 JSON"
}

// jsonlReader reads one JSON object from each line.
type jsonlReader struct {
	lines
	flat flattener
}

func newJSONLReader(w *window, max int) *jsonlReader {
	return &jsonlReader{lines: lines{w: w, max: max}}
}

func (r *jsonlReader) read(t *table) error {
	for !t.full() {
		line, end, err := r.next(t)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			r.pass(end, 1)
			continue
		}
		r.rec++
		if i := r.w.bad(r.w.r, r.w.r+len(line)); i >= 0 {
			r.badEncoding(t, i, end)
			continue
		}
		if err := r.flat.record(t, line); err != nil {
			t.undo()
			msg, zh := recordFault(err)
			r.badRow(t, end, msg, zh)
			continue
		}
		t.endRow()
		r.pass(end, 1)
	}
	return nil
}
