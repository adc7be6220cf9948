package filedrop

import (
	"errors"
	"io"
	"sort"
	"unicode/utf8"
)

const (
	blockSize = 256 << 10 // what is read at once, and what an encoding is guessed from
	maxRaw    = 64 << 10  // the most of a rejected record that is handed on
)

// text reads a stream as UTF-8, with every illegal byte of the source's encoding as the byte `illegal`. It can say which
// raw bytes a decoded range came from, for as long as the range has not been forgotten.
type text struct {
	src  io.Reader
	gb   func() *gbTable
	enc  string
	mark int // length of the byte order mark

	begun  bool
	raw    []byte // read but not decoded
	rawOff int64  // offset of raw[0] in the stream
	err    error  // what ended src; io.EOF for a clean end
	dec    int64  // decoded bytes given out
	segs   []segment
}

// segment is one decoded stretch and the raw bytes that it came from.
type segment struct {
	dec, raw int64
	bytes    []byte
}

func newText(src io.Reader, enc string, gb func() *gbTable) *text {
	return &text{src: src, enc: enc, gb: gb}
}

// refill reads until raw holds n bytes or the source has ended.
func (t *text) refill(n int) {
	if cap(t.raw) < n {
		t.raw = append(make([]byte, 0, n), t.raw...)
	}
	for len(t.raw) < n && t.err == nil {
		m, err := t.src.Read(t.raw[len(t.raw):n])
		t.raw = t.raw[:len(t.raw)+m]
		t.err = err
	}
}

// use drops n bytes of raw.
func (t *text) use(n int) {
	t.raw = t.raw[:copy(t.raw, t.raw[n:])]
	t.rawOff += int64(n)
}

func (t *text) begin() {
	t.begun = true
	t.refill(blockSize)
	enc, n := bomOf(t.raw)
	if enc != "" && (t.enc == encAuto || t.enc == enc) {
		t.enc, t.mark = enc, n
		t.use(n)
	}
}

// Read gives decoded text. p must have room for more than one character.
func (t *text) Read(p []byte) (int, error) {
	if !t.begun {
		t.begin()
	}
	if t.enc == encAuto {
		// A block that is all ASCII is the same in every encoding but UTF-16: the decision waits for the first other byte.
		if len(t.raw) == 0 {
			t.refill(blockSize)
		}
		if !isASCII(t.raw) || hasZero(t.raw) {
			t.enc = guess(t.raw, t.err != nil)
		}
	}
	var n int
	switch t.enc {
	case encAuto, encUTF8:
		if len(t.raw) > 0 {
			n = copy(p, t.raw)
			t.use(n)
		} else if t.err == nil {
			n, t.err = t.src.Read(p)
			t.rawOff += int64(n)
		}
	default:
		n = t.decode(p)
	}
	t.dec += int64(n)
	if n == 0 && t.err != nil {
		return 0, t.err
	}
	return n, nil
}

func (t *text) decode(p []byte) int {
	for {
		if len(t.raw) < blockSize/2 {
			t.refill(blockSize)
		}
		// Only a clean end makes an unfinished character illegal; a broken stream ends in its own error.
		final := errors.Is(t.err, io.EOF)
		var out []byte
		var used int
		if t.enc == encGB18030 {
			out, used = t.gb().decodeGB18030(p[:0:len(p)], t.raw, final)
		} else {
			out, used = decodeUTF16(p[:0:len(p)], t.raw, t.enc == encUTF16BE, final)
		}
		if used > 0 {
			t.segs = append(t.segs, segment{dec: t.dec, raw: t.rawOff, bytes: append([]byte(nil), t.raw[:used]...)})
			t.use(used)
		}
		if len(out) > 0 || t.err != nil {
			return len(out)
		}
	}
}

// forget drops what is needed for decoded offsets below before.
func (t *text) forget(before int64) {
	n := 0
	for n+1 < len(t.segs) && t.segs[n+1].dec <= before {
		n++
	}
	if n > 0 {
		t.segs = t.segs[:copy(t.segs, t.segs[n:])]
	}
}

// rawOffset is the offset in the stream of the decoded offset dec.
func (t *text) rawOffset(dec int64) int64 {
	i := sort.Search(len(t.segs), func(i int) bool { return t.segs[i].dec > dec }) - 1
	if i < 0 {
		return dec + int64(t.mark)
	}
	s := t.segs[i]
	return s.raw + int64(t.rawLen(s.bytes, int(dec-s.dec)))
}

// rawLen is the number of raw bytes that make the first n decoded bytes. Only rejects ask, so decoding again is cheap.
func (t *text) rawLen(raw []byte, n int) int {
	used := 0
	var buf [4 << 10]byte
	for n > 0 && used < len(raw) {
		room := buf[:0:min(len(buf), n+3)] // the decoders want room for a whole character
		var out []byte
		var m int
		if t.enc == encGB18030 {
			out, m = t.gb().decodeGB18030(room, raw[used:], true)
		} else {
			out, m = decodeUTF16(room, raw[used:], t.enc == encUTF16BE, true)
		}
		if len(out) > n {
			// Too far by at most one character: go by single characters.
			return used + t.rawLenSlow(raw[used:], n)
		}
		n -= len(out)
		used += m
		if m == 0 {
			break
		}
	}
	return used
}

func (t *text) rawLenSlow(raw []byte, n int) int {
	used := 0
	var buf [4]byte
	for n > 0 && used < len(raw) {
		var out []byte
		var m int
		end := min(len(raw), used+4)
		if t.enc == encGB18030 {
			out, m = t.gb().decodeGB18030(buf[:0:4], raw[used:end], true)
		} else {
			out, m = decodeUTF16(buf[:0:4], raw[used:end], t.enc == encUTF16BE, true)
		}
		if m == 0 {
			break
		}
		if len(out) > n { // ASCII runs come in one piece
			m, out = n, out[:n]
			if t.enc != encGB18030 {
				m = 2 * n
			}
		}
		n -= len(out)
		used += m
	}
	return used
}

// rawBytes returns the bytes as received of a decoded range of which text is the decoded form, at most maxRaw of them.
func (t *text) rawBytes(from int64, text []byte) []byte {
	if len(t.segs) == 0 {
		return append([]byte(nil), text[:min(len(text), maxRaw)]...)
	}
	a, b := t.rawOffset(from), t.rawOffset(from+int64(len(text)))
	out := make([]byte, 0, min(b-a, maxRaw))
	for _, s := range t.segs {
		lo, hi := max(a, s.raw), min(b, s.raw+int64(len(s.bytes)))
		if lo < hi {
			out = append(out, s.bytes[lo-s.raw:hi-s.raw]...)
		}
		if len(out) >= maxRaw {
			return out[:maxRaw]
		}
	}
	return out
}

func hasZero(b []byte) bool {
	for i, c := range b {
		if c == 0 {
			return true
		}
		if i == 4<<10 { // UTF-16 shows at once
			return false
		}
	}
	return false
}

// window is the part of a text that a reader looks at. buf[r:w] is unread; buf[:valid] is known to be valid UTF-8.
type window struct {
	src   *text
	buf   []byte
	r, w  int
	valid int
	base  int64 // decoded offset of buf[0]
	err   error // what ended src
}

func newWindow(src *text) *window { return &window{src: src, buf: make([]byte, blockSize)} }

// fill makes more of the text visible, moving the unread part to the front; it returns false when there is no more.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	if w.r > 0 {
		copy(w.buf, w.buf[w.r:w.w])
		w.base += int64(w.r)
		w.w -= w.r
		w.valid = max(0, w.valid-w.r)
		w.r = 0
		w.src.forget(w.base)
	}
	if len(w.buf)-w.w < blockSize/2 {
		grown := make([]byte, 2*len(w.buf))
		copy(grown, w.buf[:w.w])
		w.buf = grown
	}
	n, err := w.src.Read(w.buf[w.w:])
	w.w += n
	w.err = err
	if n > 0 {
		w.validate()
	}
	return n > 0 || err == nil
}

// validate extends valid over the new part in one go; when something in it is illegal, records are looked at singly.
func (w *window) validate() {
	end := w.w
	for i := 1; i <= 3 && i <= w.w-w.valid; i++ {
		if utf8.RuneStart(w.buf[w.w-i]) {
			if w.err == nil && !utf8.FullRune(w.buf[w.w-i:w.w]) {
				end = w.w - i
			}
			break
		}
	}
	if start := max(w.valid, w.r); start < end && utf8.Valid(w.buf[start:end]) {
		w.valid = end
	}
}

// bad returns the index in buf of the first illegal byte of buf[from:to], or -1.
func (w *window) bad(from, to int) int {
	if to <= w.valid || utf8.Valid(w.buf[from:to]) {
		return -1
	}
	for i := from; i < to; {
		r, size := utf8.DecodeRune(w.buf[i:to])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// offset is the raw offset of buf[i].
func (w *window) offset(i int) int64 { return w.src.rawOffset(w.base + int64(i)) }

// raw returns buf[from:to] as received.
func (w *window) raw(from, to int) []byte {
	return w.src.rawBytes(w.base+int64(from), w.buf[from:to])
}

// at is the decoded offset of the next unread byte.
func (w *window) at() int64 { return w.base + int64(w.r) }

// ended reports a clean end: nothing follows what is visible.
func (w *window) ended() bool { return errors.Is(w.err, io.EOF) }

// failed is the error that ended the text, nil at a clean end.
func (w *window) failed() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return w.err
}

// seek moves forward to a decoded offset: in the file itself where text and file are the same bytes, else by decoding.
func (w *window) seek(to int64) error {
	if s, ok := w.src.src.(io.Seeker); ok && w.src.enc == encUTF8 && to > w.base+int64(w.w) {
		raw := to + int64(w.src.mark)
		if _, err := s.Seek(raw, io.SeekStart); err != nil {
			return err
		}
		w.src.raw, w.src.rawOff, w.src.dec, w.src.err = nil, raw, to, nil
		w.r, w.w, w.valid, w.base, w.err = 0, 0, 0, to, nil
		return nil
	}
	for to > w.base+int64(w.w) {
		w.r = w.w
		if !w.fill() {
			if err := w.failed(); err != nil {
				return err
			}
			return io.ErrUnexpectedEOF
		}
	}
	w.r = int(to - w.base)
	return nil
}
