package filedrop

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// lines walks the physical lines of a text and counts them; the readers of line-shaped formats build on it.
type lines struct {
	w    *window
	max  int   // bytes of a record
	line int64 // lines passed
	rec  int64 // records passed, delivered or rejected
}

// next finds the line at the window's start: its text without line end, and where the next one begins. Lines that are too
// long are rejected on the way. It returns io.EOF at the end of the text; the last line of a text that broke off is not
// returned, because nobody knows how it would have gone on.
func (l *lines) next(t *table) (line []byte, end int, err error) {
	w := l.w
	if i := bytes.IndexByte(w.buf[w.r:w.w], '\n'); i >= 0 && i <= l.max {
		end = w.r + i + 1
		line = w.buf[w.r : end-1]
	} else {
		for {
			var ok bool
			if end, ok = l.lineEnd(); !ok {
				if err := w.failed(); err != nil {
					return nil, 0, err
				}
				return nil, 0, io.EOF
			}
			if end >= 0 {
				break
			}
			l.rec++
			l.tooLarge(t, w.w)
			l.skipLong()
			if t.full() {
				// The caller looks at the table after each record; an empty line makes it look now.
				return nil, w.r, nil
			}
		}
		line = w.buf[w.r:end]
		if n := len(line); line[n-1] == '\n' {
			line = line[:n-1]
		} else if err := w.failed(); err != nil {
			return nil, 0, err
		}
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, end, nil
}

// lineEnd finds the end of the line at the window's start, after its newline: -1 when the line is longer than a record
// may be, false when there is no more text.
func (l *lines) lineEnd() (int, bool) {
	w := l.w
	from := w.r
	for {
		if i := bytes.IndexByte(w.buf[from:w.w], '\n'); i >= 0 {
			if from+i-w.r > l.max {
				return -1, true
			}
			return from + i + 1, true
		}
		if w.w-w.r > l.max {
			return -1, true
		}
		seen := w.w - w.r
		if !w.fill() {
			return w.w, w.w > w.r
		}
		from = w.r + seen
	}
}

// skipLong leaves out a line without holding it.
func (l *lines) skipLong() {
	w := l.w
	l.line++
	for {
		if i := bytes.IndexByte(w.buf[w.r:w.w], '\n'); i >= 0 {
			w.r += i + 1
			return
		}
		w.r = w.w
		if !w.fill() {
			return
		}
	}
}

// skipLines leaves out n lines, whatever they hold.
func (l *lines) skipLines(n int) {
	for ; n > 0; n-- {
		if _, ok := l.lineEnd(); !ok {
			return
		}
		l.skipLong()
	}
}

// pass moves on to buf[end], over so many lines.
func (l *lines) pass(end, count int) {
	if end > l.w.r {
		l.line += int64(count)
	}
	l.w.r = end
}

// badEncoding rejects the record up to buf[end] because of the illegal byte at buf[at], and passes it.
func (l *lines) badEncoding(t *table, at, end int) {
	w := l.w
	off := w.offset(at)
	t.reject("byte "+strconv.FormatInt(off, 10), "bad_encoding",
		fmt.Sprintf("line %d has a byte that is illegal in %s, at byte %d", l.line+1, w.src.enc, off),
		fmt.Sprintf("第 %d 行有不合法的 %s 编码，位于第 %d 字节", l.line+1, w.src.enc, off), w.raw(w.r, end))
	l.pass(end, max(1, bytes.Count(w.buf[w.r:end], []byte{'\n'})))
}

func (l *lines) badRow(t *table, end int, message, zh string) {
	t.reject(l.where(), "bad_row", message, zh, l.w.raw(l.w.r, end))
	l.pass(end, 1)
}

// tooLarge rejects the record at the window's start; only its beginning, up to buf[end], is kept.
func (l *lines) tooLarge(t *table, end int) {
	w := l.w
	t.reject(l.where(), "too_large", fmt.Sprintf("the record is larger than %d bytes", l.max),
		fmt.Sprintf("记录超过 %d 字节", l.max), w.raw(w.r, min(end, w.r+maxRaw)))
}

func (l *lines) where() string { return "line " + strconv.FormatInt(l.line+1, 10) }

func (l *lines) at() position {
	return position{Rec: l.rec, Off: l.w.at(), Line: l.line, Enc: l.w.src.enc}
}

// seek goes on at a position that at gave.
func (l *lines) seek(p position) error {
	l.rec, l.line = p.Rec, p.Line
	if err := l.w.seek(p.Off); err != nil {
		return fmt.Errorf("going on at byte %d: %w", p.Off, err)
	}
	return nil
}
