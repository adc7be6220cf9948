package httpjson

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"onegrid/connectors"
)

// column is a place in the shape of a stream: one name within one object. Records of a stream mostly have the same names
// in the same order, so the children are tried in the order of their first appearance before they are looked up.
type column struct {
	key   string
	name  string // with dots
	index int    // in the builder, -1 until a record is kept that has it
	order []*column
	byKey map[string]*column
}

// cell is a value of the record at hand, within its bytes or within the scratch space.
type cell struct {
	col        *column
	start, end int
	scratch    bool
	null       bool
}

// decoder turns records into the columns of a builder. A record is decoded completely before the first of its values is
// set, so that a rejected one leaves nothing behind.
type decoder struct {
	b       *connectors.Builder
	limits  Limits
	root    column
	columns int
	cells   []cell
	scratch []byte
	walker  scanner
	marked  []byte // the value of the watched column of the last record, nil if it had none
	watch   string
}

func newDecoder(b *connectors.Builder, limits Limits, watch string) *decoder {
	return &decoder{b: b, limits: limits, root: column{index: -1}, watch: watch}
}

// problem is why a record is rejected.
type problem struct{ rule, message, messageZH string }

func (p problem) is() bool { return p.rule != "" }

// record decodes one item of a body into a whole row.
func (d *decoder) record(body []byte, it item, dubious, replaced bool) problem {
	p := d.decode(body, it, dubious, replaced)
	if !p.is() {
		d.endRow()
	}
	return p
}

func (d *decoder) endRow() { d.b.EndRow() }

// decode decodes one item of a body into a row that is not ended yet, or says what is wrong with it. dubious means that the body as a whole is
// not valid UTF-8; replaced that it was decoded from another charset, where U+FFFD marks what could not be.
func (d *decoder) decode(body []byte, it item, dubious, replaced bool) problem {
	d.marked = nil
	rec := body[it.start:it.end]
	if p := d.admit(rec, it, dubious, replaced); p.is() {
		return p
	}
	d.cells, d.scratch = d.cells[:0], d.scratch[:0]
	d.walker = scanner{data: rec, stack: d.walker.stack}
	if !d.object(&d.root) {
		return problem{"too_many_columns", fmt.Sprintf("the record brings the stream beyond %d columns", d.limits.Columns), fmt.Sprintf("列数超过 %d", d.limits.Columns)}
	}
	for _, c := range d.cells {
		if c.col.index < 0 {
			c.col.index = d.b.Column(c.col.name)
		}
		if c.null {
			continue
		}
		v := rec[c.start:c.end]
		if c.scratch {
			v = d.scratch[c.start:c.end]
		}
		d.b.SetBytes(c.col.index, v)
		if d.marked == nil && d.watch != "" && c.col.name == d.watch {
			d.marked = v
		}
	}
	return problem{}
}

func (d *decoder) admit(rec []byte, it item, dubious, replaced bool) problem {
	switch {
	case len(rec) > d.limits.RecordBytes:
		return problem{"too_large", fmt.Sprintf("the record has %d bytes, over the limit of %d", len(rec), d.limits.RecordBytes), fmt.Sprintf("记录 %d 字节，超过上限 %d", len(rec), d.limits.RecordBytes)}
	case it.broken:
		return problem{"bad_row", "the line is not JSON", "该行不是有效的 JSON"}
	case dubious && !utf8.Valid(rec), replaced && bytes.Contains(rec, []byte("\uFFFD")):
		return problem{"bad_encoding", "the record holds bytes that are no text in the declared encoding", "记录含有不符合所声明编码的字节"}
	case it.flaws&flawSurrogate != 0:
		return problem{"bad_encoding", "the record holds half of a surrogate pair", "记录含有不成对的代理字符"}
	case it.flaws&flawControl != 0:
		return problem{"bad_row", "a text of the record holds a raw control character", "记录的文本中含有未转义的控制字符"}
	case it.depth > d.limits.Depth:
		return problem{"too_deep", fmt.Sprintf("the record is nested deeper than %d", d.limits.Depth), fmt.Sprintf("记录嵌套超过 %d 层", d.limits.Depth)}
	case len(rec) == 0 || rec[0] != '{':
		return problem{"bad_row", "the item is not an object", "该项不是对象"}
	}
	return problem{}
}

// object collects the cells of the object at the walker, which is known to be valid JSON. false: too many columns.
func (d *decoder) object(at *column) bool {
	s := &d.walker
	s.pos++
	next := 0
	for s.peek() == '"' {
		start := s.pos + 1
		if s.text() != nil {
			return true // cannot be: the scan has passed
		}
		key := s.data[start : s.pos-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(nil, key)
		}
		var c *column
		if next < len(at.order) && at.order[next].key == string(key) {
			c = at.order[next]
			next++
		} else if c, next = d.find(at, key, next); c == nil {
			return false
		}
		s.peek()
		s.pos++ // the colon
		if !d.value(c) {
			return false
		}
		if s.peek() == ',' {
			s.pos++
			s.space()
		}
	}
	s.pos++
	return true
}

// find looks a name up that did not come in the usual order, and adds it when it is new.
func (d *decoder) find(at *column, key []byte, next int) (*column, int) {
	if c := at.byKey[string(key)]; c != nil {
		for i, o := range at.order {
			if o == c {
				return c, i + 1
			}
		}
	}
	if d.columns >= d.limits.Columns {
		return nil, next
	}
	d.columns++
	c := &column{key: string(key), name: string(key), index: -1}
	if c.name == "" {
		c.name = "_empty"
	}
	if at.name != "" {
		c.name = at.name + "." + c.name
	}
	if at.byKey == nil {
		at.byKey = map[string]*column{}
	}
	at.byKey[c.key] = c
	at.order = append(at.order, c)
	return c, len(at.order)
}

func (d *decoder) value(c *column) bool {
	s := &d.walker
	switch s.peek() {
	case '{':
		start := s.pos
		s.pos++
		if s.peek() != '}' {
			s.pos = start
			return d.object(c)
		}
		s.pos++
		d.cells = append(d.cells, cell{col: c, start: start, end: s.pos})
	case '"':
		start := s.pos + 1
		if end := plainEnd(s.data, start); end < len(s.data) && s.data[end] == '"' {
			s.pos = end + 1
			d.cells = append(d.cells, cell{col: c, start: start, end: end})
			return true
		}
		if s.text() != nil {
			return true
		}
		from := len(d.scratch)
		d.scratch = unescape(d.scratch, s.data[start:s.pos-1])
		d.cells = append(d.cells, cell{col: c, start: from, end: len(d.scratch), scratch: true})
	default:
		start := s.pos
		if s.skip() != nil {
			return true
		}
		d.cells = append(d.cells, cell{col: c, start: start, end: s.pos, null: s.data[start] == 'n'})
	}
	return true
}
