package filedrop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// jsonReader reads the records of one JSON document: an array somewhere in it, or a single object. The document is
// walked as a stream; only one record is held.
type jsonReader struct {
	w     *window
	max   int
	path  []string
	flat  flattener
	rec   int64
	state jsonState
	open  int // objects around the array that have to be closed after it
}

type jsonState int

const (
	jsonStart  jsonState = iota
	jsonFirst            // before the first record of the array
	jsonNext             // after a record of the array
	jsonSingle           // before the only record
	jsonRest             // after the records
)

var errJSONCut = errors.New("the JSON document ends too early")

func newJSONReader(w *window, path string, max int) *jsonReader {
	r := &jsonReader{w: w, max: max}
	if path != "" {
		r.path = strings.Split(path, ".")
	}
	return r
}

func (r *jsonReader) at() position {
	return position{Rec: r.rec, Off: r.w.at(), Enc: r.w.src.enc}
}

func (r *jsonReader) seek(p position) error {
	if err := r.find(); err != nil {
		return err
	}
	r.rec = p.Rec
	if r.rec == 0 {
		return nil
	}
	if r.state == jsonSingle {
		r.state = jsonRest
	} else {
		r.state = jsonNext
	}
	return r.w.seek(p.Off)
}

// peek returns the next byte that is not space, without passing it.
func (r *jsonReader) peek() (byte, error) {
	w := r.w
	for {
		for w.r < w.w {
			switch c := w.buf[w.r]; c {
			case ' ', '\n', '\r', '\t':
				w.r++
			default:
				return c, nil
			}
		}
		if !w.fill() {
			if err := w.failed(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
}

// need is peek where the document may not end.
func (r *jsonReader) need() (byte, error) {
	c, err := r.peek()
	if errors.Is(err, io.EOF) {
		return 0, errJSONCut
	}
	return c, err
}

// value finds the end of the value at the window's start: its length, or -1 when it was larger than max and has been
// passed; head is then its beginning as received.
func (r *jsonReader) value(max int) (n int, head []byte, err error) {
	w := r.w
	i, depth, big := 0, 0, false
	inText, escaped := false, false
	done := func() (int, []byte, error) {
		if big || i > max {
			if !big {
				head = w.raw(w.r, min(w.r+i, w.r+maxRaw))
			}
			w.r += i
			return -1, head, nil
		}
		return i, nil, nil
	}
	for {
		if w.r+i >= w.w {
			if i > max {
				if !big {
					big, head = true, w.raw(w.r, w.r+min(i, maxRaw))
				}
				w.r, i = w.r+i, 0
			}
			if !w.fill() {
				if err := w.failed(); err != nil {
					return 0, nil, err
				}
				if depth == 0 && !inText && (i > 0 || big) {
					return done()
				}
				return 0, nil, errJSONCut
			}
			continue
		}
		c := w.buf[w.r+i]
		switch {
		case escaped:
			escaped = false
		case inText:
			if c == '\\' {
				escaped = true
			} else if c == '"' {
				inText = false
				if depth == 0 {
					i++
					return done()
				}
			}
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return done()
			}
			if depth--; depth == 0 {
				i++
				return done()
			}
		case depth == 0 && scalarEnd(c):
			return done()
		}
		i++
	}
}

// find goes to the array that the path names.
func (r *jsonReader) find() error {
	for _, step := range r.path {
		c, err := r.need()
		if err != nil {
			return err
		}
		if c != '{' {
			return fmt.Errorf("json.path leads through something that is not an object, before %q", step)
		}
		r.w.r++
		r.open++
		if err := r.member(step); err != nil {
			return err
		}
	}
	c, err := r.need()
	switch {
	case err != nil:
		return err
	case c == '[':
		r.w.r++
		r.state = jsonFirst
	case c == '{':
		r.state = jsonSingle
	default:
		return errors.New("there is neither an array nor an object where the records should be")
	}
	return nil
}

// member goes to the value of a member of the object that has just been opened.
func (r *jsonReader) member(name string) error {
	for {
		c, err := r.need()
		if err != nil {
			return err
		}
		if c == ',' {
			r.w.r++
			continue
		}
		if c != '"' {
			return fmt.Errorf("json.path: there is no member %q", name)
		}
		n, _, err := r.value(maxRaw)
		if err != nil {
			return err
		}
		var key string
		if n >= 0 {
			if json.Unmarshal(r.w.buf[r.w.r:r.w.r+n], &key) != nil {
				return errNotJSON
			}
			r.w.r += n
		}
		if c, err = r.need(); err != nil {
			return err
		} else if c != ':' {
			return errNotJSON
		}
		r.w.r++
		if key == name {
			return nil
		}
		if _, err = r.need(); err != nil {
			return err
		}
		if n, _, err = r.value(maxRaw); err != nil {
			return err
		} else if n == 0 {
			return errNotJSON
		} else if n > 0 {
			r.w.r += n
		}
	}
}

func (r *jsonReader) read(t *table) error {
	if r.state == jsonStart {
		if err := r.find(); err != nil {
			return err
		}
	}
	for !t.full() {
		if r.state == jsonRest {
			return r.drain()
		}
		c, err := r.need()
		if err != nil {
			return err
		}
		switch {
		case r.state != jsonSingle && c == ']':
			r.w.r++
			r.state = jsonRest
			continue
		case r.state == jsonNext && c == ',':
			r.w.r++
			if _, err := r.need(); err != nil {
				return err
			}
		case r.state == jsonNext:
			return errNotJSON
		}
		if err := r.item(t); err != nil {
			return err
		}
		if r.state == jsonSingle {
			r.state = jsonRest
		} else {
			r.state = jsonNext
		}
	}
	return nil
}

func (r *jsonReader) item(t *table) error {
	w := r.w
	n, head, err := r.value(r.max)
	if err != nil {
		return err
	}
	if n == 0 {
		return errNotJSON
	}
	r.rec++
	where := "item " + strconv.FormatInt(r.rec, 10)
	if n < 0 {
		t.reject(where, "too_large", fmt.Sprintf("the record is larger than %d bytes", r.max), fmt.Sprintf("记录超过 %d 字节", r.max), head)
		return nil
	}
	if i := w.bad(w.r, w.r+n); i >= 0 {
		off := w.offset(i)
		t.reject("byte "+strconv.FormatInt(off, 10), "bad_encoding",
			fmt.Sprintf("%s has a byte that is illegal in %s, at byte %d", where, w.src.enc, off),
			fmt.Sprintf("第 %d 条记录有不合法的 %s 编码，位于第 %d 字节", r.rec, w.src.enc, off), w.raw(w.r, w.r+n))
	} else if err := r.flat.record(t, w.buf[w.r:w.r+n]); err != nil {
		t.undo()
		msg, zh := recordFault(err)
		t.reject(where, "bad_row", msg, zh, w.raw(w.r, w.r+n))
	} else {
		t.endRow()
	}
	w.r += n
	return nil
}

// drain reads to the end of the document: a checksum that follows it is only then checked, and a document that breaks off
// behind its records is as suspect as any other.
func (r *jsonReader) drain() error {
	depth, inText, escaped := 0, false, false
	w := r.w
	for {
		for _, c := range w.buf[w.r:w.w] {
			switch {
			case escaped:
				escaped = false
			case inText && c == '\\':
				escaped = true
			case c == '"':
				inText = !inText
			case inText:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
		}
		w.r = w.w
		if !w.fill() {
			if err := w.failed(); err != nil {
				return err
			}
			if depth != -r.open || inText {
				return errJSONCut
			}
			return io.EOF
		}
	}
}
