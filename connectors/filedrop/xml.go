package filedrop

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"onegrid/connectors"
)

// xmlReader reads one record from each element that the record path names. Child elements become columns joined with
// dots, attributes "name.@attr", repeated children JSON arrays.
//
// There is no DTD: a document with one is refused, so there is nothing to expand or fetch. Elements nest 64 deep at most.
type xmlReader struct {
	feed  *xmlFeed
	dec   *xml.Decoder
	max   int
	path  []string // names from the root; one name alone matches anywhere; empty: children of the root
	open  []string // elements around the reader
	rec   int64
	begun bool // an element has been seen
}

var (
	errDTD      = errors.New("the document has a DTD, which is refused")
	errXMLDeep  = errors.New("elements are nested too deeply")
	errXMLToken = fmt.Errorf("%w: one tag or text is larger than four records may be", connectors.ErrLimit)
)

func newXMLReader(w *window, record string, max int) *xmlReader {
	r := &xmlReader{feed: &xmlFeed{w: w, max: int64(max) * 4}, max: max}
	if record = strings.Trim(record, "/"); record != "" {
		r.path = strings.Split(record, "/")
	}
	r.dec = xml.NewDecoder(r.feed)
	r.dec.Entity = xml.HTMLEntity
	r.dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		// The text was decoded before it came here; the label only has to be one that was decoded.
		switch strings.ToLower(label) {
		case "gb18030", "gbk", "gb2312", "cp936", "utf-16", "utf-16le", "utf-16be", "utf8", "us-ascii", "ascii":
			return in, nil
		}
		return nil, fmt.Errorf("the document declares the encoding %q, which is not supported", label)
	}
	return r
}

func (r *xmlReader) at() position { return position{Rec: r.rec, Enc: r.feed.w.src.enc} }

// token is the decoder's next token, with a fresh allowance of bytes.
func (r *xmlReader) token() (xml.Token, error) {
	r.feed.limit = r.feed.given + r.feed.max
	tok, err := r.dec.Token()
	if err != nil {
		if r.feed.err != nil {
			return nil, r.feed.err
		}
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			// Its text may quote the document (invariant 4).
			return nil, fmt.Errorf("the XML is not well formed at line %d", syntax.Line)
		}
		return nil, err
	}
	if d, ok := tok.(xml.Directive); ok && strings.HasPrefix(strings.ToUpper(strings.TrimSpace(string(d))), "DOCTYPE") {
		return nil, errDTD
	}
	return tok, nil
}

func (r *xmlReader) read(t *table) error {
	for !t.full() {
		tok, err := r.token()
		if errors.Is(err, io.EOF) {
			if !r.begun {
				return errors.New("there is no element in the document")
			}
			return io.EOF
		}
		if err != nil {
			return err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			r.begun = true
			if len(r.open) >= maxDepth {
				return errXMLDeep
			}
			r.open = append(r.open, e.Name.Local)
			if r.isRecord() {
				if err := r.record(t, e); err != nil {
					return err
				}
				r.open = r.open[:len(r.open)-1]
			}
		case xml.EndElement:
			r.open = r.open[:len(r.open)-1]
		}
		r.feed.forget(r.dec.InputOffset())
	}
	return nil
}

func (r *xmlReader) isRecord() bool {
	switch len(r.path) {
	case 0:
		return len(r.open) == 2
	case 1:
		return r.open[len(r.open)-1] == r.path[0]
	}
	if len(r.open) != len(r.path) {
		return false
	}
	for i := range r.path {
		if r.open[i] != r.path[i] {
			return false
		}
	}
	return true
}

// node is an element of a record.
type node struct {
	name     string
	attrs    []xml.Attr
	text     strings.Builder
	children []*node
}

// record reads the element that e opened. A record that is too large is passed without being held.
func (r *xmlReader) record(t *table, e xml.StartElement) error {
	r.rec++
	start := r.dec.InputOffset()
	root := &node{name: e.Name.Local, attrs: e.Attr}
	stack := []*node{root}
	big := false
	for len(stack) > 0 {
		tok, err := r.token()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if !big && r.dec.InputOffset()-start > int64(r.max) {
			big = true
			root.children, root.attrs = nil, nil
			root.text.Reset()
		}
		if big {
			r.feed.forget(r.dec.InputOffset())
		}
		top := stack[len(stack)-1]
		switch v := tok.(type) {
		case xml.StartElement:
			if len(stack)+len(r.open) >= maxDepth {
				return errXMLDeep
			}
			n := &node{name: v.Name.Local}
			if !big {
				n.attrs = v.Attr
				top.children = append(top.children, n)
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if !big {
				top.text.Write(v)
			}
		}
	}
	end := r.dec.InputOffset()
	where := "record " + strconv.FormatInt(r.rec, 10)
	if big {
		t.reject(where, "too_large", fmt.Sprintf("the record is larger than %d bytes", r.max), fmt.Sprintf("记录超过 %d 字节", r.max), nil)
		r.feed.forget(end)
		return nil
	}
	if raw, ok := r.feed.illegal(start, end); ok {
		t.reject("byte "+strconv.FormatInt(raw, 10), "bad_encoding",
			fmt.Sprintf("%s has a byte that is illegal in %s or in XML, at byte %d", where, r.feed.w.src.enc, raw),
			fmt.Sprintf("第 %d 条记录第 %d 字节在 %s 或 XML 中不合法", r.rec, raw, r.feed.w.src.enc), []byte(root.json()))
		r.feed.forget(end)
		return nil
	}
	r.feed.forget(end)
	if !root.columns(t, nil) {
		t.undo()
		t.reject(where, "bad_row", errColumns.Error(), "列数超过 limits.columns 的上限", []byte(root.json()))
		return nil
	}
	t.endRow()
	return nil
}

func (n *node) leaf() bool { return len(n.children) == 0 && len(n.attrs) == 0 }

func (n *node) value() string {
	s := n.text.String()
	if len(n.children) > 0 {
		return strings.TrimSpace(s) // the space between child elements is layout
	}
	return s
}

// columns adds the node's values under key; false when the columns run out.
func (n *node) columns(t *table, key []byte) bool {
	sub := func(name string) []byte {
		if len(key) == 0 {
			return []byte(name)
		}
		return append(append(append(make([]byte, 0, len(key)+1+len(name)), key...), '.'), name...)
	}
	for _, a := range n.attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		if !t.set(sub("@"+a.Name.Local), []byte(a.Value)) {
			return false
		}
	}
	if v := n.value(); len(n.children) == 0 && len(key) > 0 {
		if !t.set(key, []byte(v)) {
			return false
		}
	} else if v != "" && !t.set(sub("#text"), []byte(v)) {
		return false
	}
	count := map[string]int{}
	for _, c := range n.children {
		count[c.name]++
	}
	for _, c := range n.children {
		switch k := count[c.name]; {
		case k == 1:
			if !c.columns(t, sub(c.name)) {
				return false
			}
		case k > 1:
			count[c.name] = 0
			var parts []string
			for _, d := range n.children {
				if d.name == c.name {
					parts = append(parts, d.json())
				}
			}
			if !t.set(sub(c.name), []byte("["+strings.Join(parts, ",")+"]")) {
				return false
			}
		}
	}
	return true
}

// json is the node as JSON text, the way nested values are delivered.
func (n *node) json() string {
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			return `""`
		}
		return string(b)
	}
	if n.leaf() {
		return quote(n.value())
	}
	var parts []string
	for _, a := range n.attrs {
		parts = append(parts, quote("@"+a.Name.Local)+":"+quote(a.Value))
	}
	if v := n.value(); v != "" {
		parts = append(parts, `"#text":`+quote(v))
	}
	var names []string
	by := map[string][]string{}
	for _, c := range n.children {
		if by[c.name] == nil {
			names = append(names, c.name)
		}
		by[c.name] = append(by[c.name], c.json())
	}
	for _, name := range names {
		v := by[name][0]
		if len(by[name]) > 1 {
			v = "[" + strings.Join(by[name], ",") + "]"
		}
		parts = append(parts, quote(name)+":"+v)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// xmlFeed gives a text to encoding/xml, which takes any illegal byte for the end of the document. Illegal bytes and
// characters that XML forbids are replaced and remembered, so that they cost their record and not the file. It also
// bounds how much one token may take: the decoder itself would hold a text of any size.
type xmlFeed struct {
	w     *window
	max   int64
	limit int64 // given may not pass it
	given int64 // bytes given to the decoder
	marks []xmlMark
	tail  []byte // replaced text that did not fit
	err   error
}

type xmlMark struct{ given, raw int64 }

func (f *xmlFeed) Read(p []byte) (int, error) {
	if f.given >= f.limit {
		f.err = errXMLToken
		return 0, f.err
	}
	if len(f.tail) > 0 {
		n := copy(p, f.tail)
		f.tail = f.tail[n:]
		f.given += int64(n)
		return n, nil
	}
	w := f.w
	for w.w-w.r < utf8.UTFMax {
		if !w.fill() {
			break
		}
	}
	if w.r == w.w {
		if err := w.failed(); err != nil {
			f.err = err
			return 0, err
		}
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && w.r < w.w {
		c := w.buf[w.r]
		if c < utf8.RuneSelf && (c >= ' ' || c == '\n' || c == '\t' || c == '\r') {
			p[n] = c
			n++
			w.r++
			continue
		}
		if !utf8.FullRune(w.buf[w.r:w.w]) && !w.ended() {
			if n > 0 {
				break
			}
			if !w.fill() && !w.ended() {
				f.err = w.failed()
				return 0, f.err
			}
			continue
		}
		r, size := utf8.DecodeRune(w.buf[w.r:w.w])
		out := w.buf[w.r : w.r+size]
		if (r == utf8.RuneError && size == 1) || r < ' ' || r == 0xFFFE || r == 0xFFFF {
			f.marks = append(f.marks, xmlMark{f.given + int64(n), w.offset(w.r)})
			out = []byte("\uFFFD")
		}
		k := copy(p[n:], out)
		f.tail = append(f.tail[:0], out[k:]...)
		n += k
		w.r += size
	}
	f.given += int64(n)
	return n, nil
}

// illegal returns the raw offset of the first replaced byte between two offsets of the decoder.
func (f *xmlFeed) illegal(from, to int64) (int64, bool) {
	for _, m := range f.marks {
		if m.given >= from && m.given < to {
			return m.raw, true
		}
	}
	return 0, false
}

func (f *xmlFeed) forget(before int64) {
	n := 0
	for n < len(f.marks) && f.marks[n].given < before {
		n++
	}
	f.marks = f.marks[:copy(f.marks, f.marks[n:])]
}
