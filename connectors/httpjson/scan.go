package httpjson

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// maxStack is the deepest JSON that is read at all; encoding/json has the same limit. Records have a smaller one.
const maxStack = 10_000

var errSyntax = errors.New("not JSON")

// flaw is what is wrong with a well-delimited piece of JSON.
type flaw uint8

const (
	flawControl   flaw = 1 << iota // a raw control character in a text
	flawSurrogate                  // half of a surrogate pair
)

// scanner walks JSON text by its grammar without making values of it. It accepts what encoding/json accepts, and in
// addition raw control characters in texts, which it notes in flaws: such a record is rejected, not the whole page.
type scanner struct {
	data  []byte
	pos   int
	flaws flaw
	depth int // deepest nesting met since it was last reset
	stack []byte
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// skip walks over one value.
func (s *scanner) skip() error {
	s.stack = s.stack[:0]
	for {
		open, err := s.one()
		if err != nil {
			return err
		}
		if open {
			continue
		}
		done, err := s.close()
		if done || err != nil {
			return err
		}
	}
}

// one walks over a scalar or into a container; open means that a value must follow at once.
func (s *scanner) one() (open bool, err error) {
	switch c := s.peek(); c {
	case '{':
		s.pos++
		if s.push('{'); len(s.stack) > maxStack {
			return false, errSyntax
		}
		if s.peek() == '}' {
			return false, nil
		}
		return true, s.key()
	case '[':
		s.pos++
		if s.push('['); len(s.stack) > maxStack {
			return false, errSyntax
		}
		return s.peek() != ']', nil
	case '"':
		return false, s.text()
	case 't':
		return false, s.word("true")
	case 'f':
		return false, s.word("false")
	case 'n':
		return false, s.word("null")
	default:
		return false, s.number()
	}
}

func (s *scanner) push(c byte) {
	s.stack = append(s.stack, c)
	s.depth = max(s.depth, len(s.stack))
}

// close walks over what may follow a value: closing brackets, then a comma. done means that the whole value is walked.
func (s *scanner) close() (done bool, err error) {
	for len(s.stack) > 0 {
		c := s.peek()
		top := s.stack[len(s.stack)-1]
		switch {
		case c == ',':
			s.pos++
			if top == '{' {
				return false, s.key()
			}
			return false, nil
		case c == '}' && top == '{', c == ']' && top == '[':
			s.pos++
			s.stack = s.stack[:len(s.stack)-1]
		default:
			return false, errSyntax
		}
	}
	return true, nil
}

// key walks over a name and its colon.
func (s *scanner) key() error {
	if s.peek() != '"' {
		return errSyntax
	}
	if err := s.text(); err != nil {
		return err
	}
	if s.peek() != ':' {
		return errSyntax
	}
	s.pos++
	return nil
}

func (s *scanner) word(w string) error {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		return errSyntax
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) number() error {
	d, i := s.data, s.pos
	if i < len(d) && d[i] == '-' {
		i++
	}
	start := i
	for i < len(d) && d[i]-'0' < 10 {
		i++
	}
	if i == start || i-start > 1 && d[start] == '0' {
		return errSyntax
	}
	if i < len(d) && d[i] == '.' {
		i++
		start = i
		for i < len(d) && d[i]-'0' < 10 {
			i++
		}
		if i == start {
			return errSyntax
		}
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		start = i
		for i < len(d) && d[i]-'0' < 10 {
			i++
		}
		if i == start {
			return errSyntax
		}
	}
	s.pos = i
	return nil
}

// text walks over a quoted text.
func (s *scanner) text() error {
	i := s.pos + 1
	for {
		i = plainEnd(s.data, i)
		if i >= len(s.data) {
			return errSyntax
		}
		switch c := s.data[i]; c {
		case '"':
			s.pos = i + 1
			return nil
		case '\\':
			n, err := s.escape(i)
			if err != nil {
				return err
			}
			i += n
		default:
			s.flaws |= flawControl
			i++
		}
	}
}

// escape returns the length of the escape at i, of the pair for a surrogate pair.
func (s *scanner) escape(i int) (int, error) {
	if i+1 >= len(s.data) {
		return 0, errSyntax
	}
	switch s.data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
	default:
		return 0, errSyntax
	}
	r := hex4(s.data, i+2)
	if r < 0 {
		return 0, errSyntax
	}
	if r < 0xd800 || r > 0xdfff {
		return 6, nil
	}
	if r < 0xdc00 && i+7 < len(s.data) && s.data[i+6] == '\\' && s.data[i+7] == 'u' {
		if low := hex4(s.data, i+8); low >= 0xdc00 && low <= 0xdfff {
			return 12, nil
		}
	}
	s.flaws |= flawSurrogate
	return 6, nil
}

// hex4 reads four hex digits, -1 if they are not there.
func hex4(d []byte, i int) rune {
	if i+4 > len(d) {
		return -1
	}
	var r rune
	for _, c := range d[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// plainEnd is the index of the first quote, backslash or control character at or after i, len(d) if there is none.
// It looks at eight bytes at a time: most bytes of a page are plain text, and this loop is its cost.
func plainEnd(d []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(d) {
		w := binary.LittleEndian.Uint64(d[i:])
		q, b := w^(ones*'"'), w^(ones*'\\')
		// Borrows may mark bytes above the first true mark, never below it: the lowest mark is exact.
		m := ((q-ones)&^q | (b-ones)&^b | (w-ones*0x20)&^w) & tops
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(d) && d[i] != '"' && d[i] != '\\' && d[i] >= 0x20 {
		i++
	}
	return i
}
