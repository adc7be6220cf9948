package filedrop

import (
	"bytes"
	"fmt"
	"strconv"
)

// csvReader cuts delimited text (RFC 4180 and its usual deviations) straight into the columns of a table.
//
// The rules are those of encoding/csv, which a differential fuzz test holds it to, with these differences: values keep
// their \r\n; a record that cannot be read costs only its first line, and reading goes on at the next line, so that a
// stray quote never swallows its neighbours.
type csvReader struct {
	lines
	delim   []byte
	d0      byte // the delimiter when it is one byte, else 0
	quote   byte // 0: none
	comment []byte
	lazy    bool
	ncols   int // columns of every record; -1 while the header is read
}

// faults of a record; they name the rule's cause, never the value.
type csvFault int

const (
	faultNone csvFault = iota
	faultMore          // the record does not end in the window
	faultBareQuote
	faultOpenQuote
)

func newCSVReader(w *window, c CSVConfig, fallback string, max int) *csvReader {
	r := &csvReader{lines: lines{w: w, max: max}, delim: []byte(c.delimiter(fallback)), quote: c.quote(), comment: []byte(c.Comment), lazy: c.Lazy, ncols: -1}
	if len(r.delim) == 1 {
		r.d0 = r.delim[0]
	}
	return r
}

// header reads the first record as column names; io.EOF when there is none.
func (r *csvReader) header(maxCols int) ([]string, error) {
	one := newTable(1, maxCols)
	if err := r.read(one); err != nil {
		return nil, err
	}
	if len(one.rejects) > 0 {
		return nil, fmt.Errorf("the header cannot be read: %s", one.rejects[0].Message)
	}
	if len(one.cols) > maxCols {
		return nil, errColumns
	}
	names := make([]string, len(one.cols))
	for i := range one.cols {
		names[i] = string(one.cols[i].data)
	}
	r.rec = 0
	return headerNames(names), nil
}

// read adds records to t until it is full, or returns io.EOF.
func (r *csvReader) read(t *table) error {
	for !t.full() {
		line, end, err := r.next(t)
		if err != nil {
			return err
		}
		if len(line) == 0 || (len(r.comment) > 0 && bytes.HasPrefix(line, r.comment)) {
			r.pass(end, 1)
			continue
		}
		r.rec++
		if r.quote == 0 || bytes.IndexByte(line, r.quote) < 0 {
			r.plain(t, line, end)
		} else if err := r.quoted(t, len(line), end); err != nil {
			return err
		}
	}
	return nil
}

// plain takes a line without quotes.
func (r *csvReader) plain(t *table, line []byte, end int) {
	if end > r.w.valid {
		if i := r.w.bad(r.w.r, r.w.r+len(line)); i >= 0 {
			r.badEncoding(t, i, end)
			return
		}
	}
	n := 0
	if r.d0 != 0 && r.ncols > 0 {
		cols, rest, d := t.cols[:r.ncols], line, r.d0
		for ; n < len(cols)-1; n++ {
			i := bytes.IndexByte(rest, d)
			if i < 0 {
				break
			}
			c := &cols[n]
			c.data = append(c.data, rest[:i]...)
			if c.valid != nil {
				c.mark(len(c.offsets)-1, true)
			}
			c.offsets = append(c.offsets, int32(len(c.data)))
			rest = rest[i+1:]
		}
		cols[n].put(rest)
		n++
		if n == len(cols) && bytes.IndexByte(rest, d) >= 0 {
			n += bytes.Count(rest, r.delim)
		}
	} else {
		rest := line
		for {
			i := bytes.Index(rest, r.delim)
			if i < 0 {
				break
			}
			if c := r.col(t, n); c != nil {
				c.put(rest[:i])
			}
			n++
			rest = rest[i+len(r.delim):]
		}
		if c := r.col(t, n); c != nil {
			c.put(rest)
		}
		n++
	}
	r.finish(t, n, end, 1)
}

// col is column n, made when the header is being read; nil when there is no such column.
func (r *csvReader) col(t *table, n int) *column {
	if n < len(t.cols) {
		return &t.cols[n]
	}
	if r.ncols < 0 && n <= t.maxCols {
		return &t.cols[t.column(strconv.Itoa(n))]
	}
	return nil
}

// quoted takes a record with quotes, which may go on over several lines. first is the length of its first line.
func (r *csvReader) quoted(t *table, first, end int) error {
	w := r.w
	firstEnd := end - w.r
	for {
		n, next, fault := r.fields(t, w.buf[w.r:w.w], w.ended())
		if fault == faultNone {
			stop := w.r + next
			if i := w.bad(w.r, stop); i >= 0 {
				t.undo()
				r.badEncoding(t, i, stop)
				return nil
			}
			r.finish(t, n, stop, bytes.Count(w.buf[w.r:stop], []byte{'\n'}))
			return nil
		}
		t.undo()
		if fault == faultMore && w.w-w.r <= r.max {
			if w.fill() || w.ended() {
				continue
			}
			return w.failed()
		}
		if i := w.bad(w.r, w.r+first); i >= 0 {
			r.badEncoding(t, i, w.r+firstEnd)
			return nil
		}
		msg, zh := "a quote stands inside of a field that is not quoted, or after the end of one that is", "引号出现在未加引号的字段中，或出现在已结束的引号之后"
		if fault != faultBareQuote {
			msg, zh = "a quoted field is not closed", "加引号的字段没有闭合"
		}
		t.reject(r.where(), "bad_row", msg, zh, w.raw(w.r, w.r+first))
		r.pass(w.r+firstEnd, 1)
		return nil
	}
}

// fields cuts the record at the start of b. It returns the number of fields and the length of the record with its
// newline. final says that nothing follows b.
func (r *csvReader) fields(t *table, b []byte, final bool) (n, length int, fault csvFault) {
	i, nl, nq := 0, -1, -1
	for {
		c := r.col(t, n)
		if c == nil {
			c = &column{offsets: make([]int32, 1, 2)} // a field too many: cut, not kept
		}
		if i < len(b) && b[i] == r.quote {
			i++
			for {
				j := bytes.IndexByte(b[i:], r.quote)
				if j < 0 {
					if !final {
						return n, 0, faultMore
					}
					if r.lazy {
						c.data = append(c.data, trimEnd(b[i:])...)
						c.end()
						return n + 1, len(b), faultNone
					}
					return n, 0, faultOpenQuote
				}
				c.data = append(c.data, b[i:i+j]...)
				i += j + 1
				rest := b[i:]
				if len(rest) < len(r.delim)+1 && !final {
					return n, 0, faultMore
				}
				switch {
				case len(rest) > 0 && rest[0] == r.quote:
					c.data = append(c.data, r.quote)
					i++
					continue
				case bytes.HasPrefix(rest, r.delim):
					c.end()
					n++
					i += len(r.delim)
				case len(rest) == 0 || rest[0] == '\n':
					c.end()
					return n + 1, min(i+1, len(b)), faultNone
				case rest[0] == '\r' && (len(rest) == 1 || rest[1] == '\n'):
					c.end()
					return n + 1, min(i+2, len(b)), faultNone
				case r.lazy:
					c.data = append(c.data, r.quote)
					continue
				default:
					return n, 0, faultBareQuote
				}
				break
			}
			continue
		}
		// The ends of the line and the next quote are looked for once, not once for each field.
		if nl < i {
			if k := bytes.IndexByte(b[i:], '\n'); k >= 0 {
				nl = i + k
			} else if final {
				nl = len(b)
			} else {
				return n, 0, faultMore
			}
		}
		if nq < i {
			if k := bytes.IndexByte(b[i:nl], r.quote); k >= 0 {
				nq = i + k
			} else {
				nq = nl
			}
		}
		stop := nl
		field := b[i:stop]
		var j int
		if r.d0 != 0 {
			j = bytes.IndexByte(field, r.d0)
		} else {
			j = bytes.Index(field, r.delim)
		}
		if j >= 0 {
			field = field[:j]
		} else if k := len(field); k > 0 && field[k-1] == '\r' {
			field = field[:k-1]
		}
		if nq < i+len(field) && !r.lazy {
			return n, 0, faultBareQuote
		}
		c.put(field)
		n++
		if j < 0 {
			return n, min(stop+1, len(b)), faultNone
		}
		i += j + len(r.delim)
	}
}

// trimEnd drops one line end, as encoding/csv does where a lazy quote runs into the end of the text.
func trimEnd(b []byte) []byte {
	return bytes.TrimSuffix(b, []byte{'\r'})
}

// finish ends a record of n fields that stops at buf[end].
func (r *csvReader) finish(t *table, n, end, count int) {
	w := r.w
	switch {
	case end-w.r > r.max+2:
		t.undo()
		r.tooLarge(t, end)
	case r.ncols >= 0 && n != r.ncols:
		t.undo()
		t.reject(r.where(), "bad_row", fmt.Sprintf("%d fields instead of %d", n, r.ncols), fmt.Sprintf("有 %d 个字段，应为 %d 个", n, r.ncols), w.raw(w.r, end))
	default:
		t.rows++
		t.bytes += end - w.r
	}
	r.pass(end, max(count, 1))
}
