package city

import "io"

// row is one source record as text: the fields one after another in buf. A field may be null.
type row struct {
	buf  []byte
	ends []int32
	null uint64
}

func (w *row) reset() { w.buf, w.ends, w.null = w.buf[:0], w.ends[:0], 0 }

// end closes the field whose text was appended to buf.
func (w *row) end() { w.ends = append(w.ends, int32(len(w.buf))) }

func (w *row) text(s string) {
	w.buf = append(w.buf, s...)
	w.end()
}

func (w *row) none() {
	w.null |= 1 << len(w.ends)
	w.end()
}

func (w *row) num(v int64) {
	w.buf = appendInt(w.buf, v)
	w.end()
}

// time writes a time; 0 is null.
func (w *row) time(t int64) {
	if t == 0 {
		w.none()
		return
	}
	w.buf = appendTime(w.buf, t)
	w.end()
}

func (w *row) isNull(i int) bool { return w.null>>i&1 == 1 }

func (w *row) field(i int) []byte {
	from := int32(0)
	if i > 0 {
		from = w.ends[i-1]
	}
	return w.buf[from:w.ends[i]]
}

// appendCSV appends the row as a CSV line (RFC 4180, line feed only); null is empty.
func (w *row) appendCSV(dst []byte) []byte {
	from := int32(0)
	for i, end := range w.ends {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := w.buf[from:end]
		from = end
		quote := false
		for _, b := range f {
			if b == ',' || b == '"' || b == '\n' || b == '\r' {
				quote = true
				break
			}
		}
		if !quote {
			dst = append(dst, f...)
			continue
		}
		dst = append(dst, '"')
		for _, b := range f {
			if b == '"' {
				dst = append(dst, '"')
			}
			dst = append(dst, b)
		}
		dst = append(dst, '"')
	}
	return append(dst, '\n')
}

// appendCopy appends the row in PostgreSQL's COPY text format.
func (w *row) appendCopy(dst []byte) []byte {
	from := int32(0)
	for i, end := range w.ends {
		if i > 0 {
			dst = append(dst, '\t')
		}
		if w.isNull(i) {
			dst = append(dst, '\\', 'N')
		}
		for _, b := range w.buf[from:end] {
			switch b {
			case '\\':
				dst = append(dst, '\\', '\\')
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\t':
				dst = append(dst, '\\', 't')
			case '\r':
				dst = append(dst, '\\', 'r')
			default:
				dst = append(dst, b)
			}
		}
		from = end
	}
	return append(dst, '\n')
}

// appendJSON appends the row as an object; keys holds `"NAME":` per field, and numbers marks the fields without quotes.
func (w *row) appendJSON(dst []byte, keys []string, numbers uint64) []byte {
	dst = append(dst, '{')
	from := int32(0)
	for i, end := range w.ends {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, keys[i]...)
		f := w.buf[from:end]
		from = end
		switch {
		case w.isNull(i):
			dst = append(dst, "null"...)
		case numbers>>i&1 == 1:
			dst = append(dst, f...)
		default:
			dst = appendJSONString(dst, f)
		}
	}
	return append(dst, '}')
}

func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, b := range s {
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b == '\n':
			dst = append(dst, '\\', 'n')
		case b < 0x20:
			dst = append(append(dst, "\\u00"...), "0123456789abcdef"[b>>4], "0123456789abcdef"[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}

// lines collects encoded lines and writes them in large pieces.
type lines struct {
	w   io.Writer
	gb  *gbTable // nil: UTF-8
	buf []byte
	err error
}

func (l *lines) add(line []byte) {
	if l.gb == nil {
		l.buf = append(l.buf, line...)
	} else {
		l.buf = l.gb.append(l.buf, line)
	}
	if len(l.buf) >= 1<<18 {
		l.flush()
	}
}

func (l *lines) flush() {
	if l.err == nil && len(l.buf) > 0 {
		_, l.err = l.w.Write(l.buf)
	}
	l.buf = l.buf[:0]
}
