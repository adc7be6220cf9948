package httpjson

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// item is one record within a body.
type item struct {
	start, end int
	depth      int
	flaws      flaw
	broken     bool // not JSON: only possible where lines delimit records
}

// envelope is what a body holds: its records by position, and the values at the paths asked for.
type envelope struct {
	body   []byte
	items  []item
	values map[string][]byte // path → JSON text; a path that is not there is absent
	// found tells whether the records path led to anything; null counts as found and empty.
	found bool
	// other says what stands at the records path when it is no array.
	other string
}

// hash identifies the records of a page, whatever surrounds them.
func (e *envelope) hash() uint64 {
	if len(e.items) == 0 {
		return 0
	}
	return xxh3.Hash(e.body[e.items[0].start:e.items[len(e.items)-1].end])
}

// plan is the paths that are looked for in one walk over a body.
type plan struct{ root planNode }

type planNode struct {
	path    string // set if the value here is wanted
	records bool
	next    map[string]*planNode
}

func newPlan(records string, paths ...string) *plan {
	p := &plan{}
	for _, path := range paths {
		if path != "" {
			p.node(path).path = path
		}
	}
	if records == "" || records == "." {
		p.root.records = true
	} else {
		p.node(records).records = true
	}
	return p
}

func (p *plan) node(path string) *planNode {
	n := &p.root
	for part := range strings.SplitSeq(path, ".") {
		if n.next == nil {
			n.next = map[string]*planNode{}
		}
		if n.next[part] == nil {
			n.next[part] = &planNode{}
		}
		n = n.next[part]
	}
	return n
}

// read walks over a whole JSON body. It fails unless the body is one JSON value and nothing else.
func (p *plan) read(body []byte, items []item) (*envelope, error) {
	e := &envelope{body: body, items: items[:0], values: map[string][]byte{}}
	s := &scanner{data: body}
	if err := p.root.walk(s, e, 0); err != nil {
		return e, fmt.Errorf("byte %d of %d: %w", s.pos, len(body), err)
	}
	if s.peek() != 0 || s.pos != len(body) {
		return e, fmt.Errorf("byte %d of %d: more after the end: %w", s.pos, len(body), errSyntax)
	}
	return e, nil
}

func (n *planNode) walk(s *scanner, e *envelope, depth int) error {
	c := s.peek()
	start := s.pos
	var err error
	switch {
	case n.records:
		e.found = true
		err = n.walkRecords(s, e, c, depth)
	case c == '{' && len(n.next) > 0:
		err = n.walkObject(s, e, depth)
	default:
		err = s.skip()
	}
	if err == nil && n.path != "" {
		e.values[n.path] = s.data[start:s.pos]
	}
	return err
}

func (n *planNode) walkRecords(s *scanner, e *envelope, c byte, depth int) error {
	switch c {
	case '[':
		return e.walkItems(s)
	case '{':
		it := item{start: s.pos}
		var err error
		if e.other = "object"; len(n.next) > 0 {
			err = n.walkObject(s, e, depth)
			it.end = s.pos
			again := &scanner{data: s.data[:s.pos], pos: it.start}
			if err == nil {
				err = again.skip()
			}
			it.depth, it.flaws = again.depth, again.flaws
		} else {
			s.depth, s.flaws = 0, 0
			err = s.skip()
			it.end, it.depth, it.flaws = s.pos, s.depth, s.flaws
		}
		e.items = append(e.items, it)
		return err
	case 'n':
		return s.skip()
	default:
		e.other = "value"
		return s.skip()
	}
}

func (e *envelope) walkItems(s *scanner) error {
	s.pos++
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		it := item{start: s.pos}
		s.depth, s.flaws = 0, 0
		if err := s.skip(); err != nil {
			return err
		}
		it.end, it.depth, it.flaws = s.pos, s.depth, s.flaws
		e.items = append(e.items, it)
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

func (n *planNode) walkObject(s *scanner, e *envelope, depth int) error {
	if depth > 64 {
		return errSyntax
	}
	s.pos++
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return errSyntax
		}
		start := s.pos
		if err := s.text(); err != nil {
			return err
		}
		name := s.data[start+1 : s.pos-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = unescape(nil, name)
		}
		if s.peek() != ':' {
			return errSyntax
		}
		s.pos++
		var err error
		if next := n.next[string(name)]; next != nil {
			err = next.walk(s, e, depth+1)
		} else {
			err = s.skip()
		}
		if err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

// readLines takes each line of a body as a record; a line that is not JSON is a broken item, not a broken body.
func readLines(body []byte, items []item) *envelope {
	e := &envelope{body: body, items: items[:0], values: map[string][]byte{}, found: true}
	s := &scanner{}
	for start := 0; start < len(body); {
		end := len(body)
		if i := bytes.IndexByte(body[start:], '\n'); i >= 0 {
			end = start + i
		}
		line := bytes.TrimRight(body[start:end], " \t\r")
		*s = scanner{data: body[:start+len(line)], pos: start, stack: s.stack}
		s.space()
		if s.pos < len(s.data) {
			it := item{start: s.pos, end: len(s.data)}
			it.broken = s.skip() != nil || s.pos != len(s.data)
			it.depth, it.flaws = s.depth, s.flaws
			e.items = append(e.items, it)
		}
		start = end + 1
	}
	return e
}

// scalar is a JSON value as plain text; ok is false for null and for what is not there.
func scalar(v []byte) (text string, ok bool) {
	switch {
	case len(v) == 0 || string(v) == "null":
		return "", false
	case v[0] == '"':
		return string(unescape(nil, v[1:len(v)-1])), true
	default:
		return string(v), true
	}
}

// unescape appends the meaning of the inside of a JSON text to dst. Half surrogate pairs become U+FFFD.
func unescape(dst, in []byte) []byte {
	for i := 0; i < len(in); {
		j := bytes.IndexByte(in[i:], '\\')
		if j < 0 || i+j+1 >= len(in) {
			return append(dst, in[i:]...)
		}
		dst = append(dst, in[i:i+j]...)
		i += j + 2
		switch c := in[i-1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(in, i)
			if r < 0 {
				return append(dst, in[i-2:]...)
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+1 < len(in) && in[i] == '\\' && in[i+1] == 'u' {
				if low := hex4(in, i+2); low >= 0xdc00 && low <= 0xdfff {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r) // a lone half becomes U+FFFD
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
