package filedrop

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// The encodings of text, as in the settings and in the checkpoint. encAuto is "not decided yet".
const (
	encAuto    = "auto"
	encUTF8    = "utf-8"
	encGB18030 = "gb18030"
	encUTF16LE = "utf-16le"
	encUTF16BE = "utf-16be"
)

// illegal stands in decoded text for bytes that are illegal in the source's encoding. It is itself illegal in UTF-8, so
// one validation finds illegal bytes of every encoding, and no legal text can look like it.
const illegal = 0xFF

// boms are the byte order marks; UTF-8's own is first because it is by far the most frequent.
var boms = [...]struct{ mark, enc string }{
	{"\xEF\xBB\xBF", encUTF8},
	{"\xFF\xFE", encUTF16LE},
	{"\xFE\xFF", encUTF16BE},
	{"\x84\x31\x95\x33", encGB18030},
}

// bomOf returns the encoding that a leading byte order mark declares and the mark's length, or "" and 0.
func bomOf(head []byte) (string, int) {
	for _, b := range boms {
		if len(head) >= len(b.mark) && string(head[:len(b.mark)]) == b.mark {
			return b.enc, len(b.mark)
		}
	}
	return "", 0
}

// gbTable holds the UTF-8 form of every two-byte GB18030 character, so that decoding is a table look-up instead of a
// call per character. It is made from golang.org/x/text, whose mapping it therefore is.
type gbTable struct {
	two   [126 * 191][3]byte // index (lead-0x81)*191 + trail-0x40; zero = illegal
	width [8192]byte         // bit set: the rune (of the basic plane) has a two-byte form
}

// newGBTable makes the table; it takes about two milliseconds.
func newGBTable() *gbTable {
	t := &gbTable{}
	dec := simplifiedchinese.GB18030.NewDecoder()
	var dst [8]byte
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			if trail == 0x7F {
				continue
			}
			dec.Reset()
			n, _, err := dec.Transform(dst[:], []byte{byte(lead), byte(trail)}, true)
			if err != nil {
				continue
			}
			r, size := utf8.DecodeRune(dst[:n])
			if r == utf8.RuneError || size != n || n > 3 {
				continue
			}
			copy(t.two[(lead-0x81)*191+trail-0x40][:], dst[:n])
			t.width[r>>3] |= 1 << (r & 7)
		}
	}
	return t
}

// runeBytes is the number of bytes that r takes in the encoding.
func (t *gbTable) runeBytes(enc string, r rune) int {
	switch enc {
	case encGB18030:
		switch {
		case r < utf8.RuneSelf:
			return 1
		case r < 0x10000 && t.width[r>>3]&(1<<(r&7)) != 0:
			return 2
		}
		return 4
	case encUTF16LE, encUTF16BE:
		if r >= 0x10000 {
			return 4
		}
		return 2
	}
	return utf8.RuneLen(r)
}

// decodeGB18030 appends the UTF-8 form of src to dst until src ends or dst has no room for another character. It returns
// the new dst and the bytes of src that it used. When final is false, an unfinished character at the end is left over.
func (t *gbTable) decodeGB18030(dst, src []byte, final bool) ([]byte, int) {
	i := 0
	for i < len(src) && cap(dst)-len(dst) >= 4 {
		c := src[i]
		if c < utf8.RuneSelf {
			n := min(len(src)-i, cap(dst)-len(dst))
			j := i + 1
			for j < i+n && src[j] < utf8.RuneSelf {
				j++
			}
			dst = append(dst, src[i:j]...)
			i = j
			continue
		}
		if c == 0x80 { // the euro sign of code page 936
			dst = append(dst, "€"...)
			i++
			continue
		}
		if c == 0xFF {
			dst = append(dst, illegal)
			i++
			continue
		}
		if i+1 >= len(src) {
			if !final {
				break
			}
			dst = append(dst, illegal)
			i++
			continue
		}
		c2 := src[i+1]
		if c2 >= 0x40 {
			if u := &t.two[(int(c)-0x81)*191+min(int(c2)-0x40, 190)]; c2 != 0xFF && u[0] != 0 {
				switch {
				case u[2] != 0:
					dst = append(dst, u[0], u[1], u[2])
				case u[1] != 0:
					dst = append(dst, u[0], u[1])
				default:
					dst = append(dst, u[0])
				}
				i += 2
				continue
			}
		} else if c2 >= 0x30 && c2 <= 0x39 {
			if i+3 >= len(src) && !final {
				break
			}
			if i+3 < len(src) {
				if r, ok := fourByte(src[i : i+4]); ok {
					dst = utf8.AppendRune(dst, r)
					i += 4
					continue
				}
			}
		}
		// Only the lead byte is given up: what follows may be an ASCII byte that the parser needs.
		dst = append(dst, illegal)
		i++
	}
	return dst, i
}

// fourByte decodes one four-byte GB18030 character; these are rare, so x/text is asked directly.
func fourByte(b []byte) (rune, bool) {
	if b[2] < 0x81 || b[2] == 0xFF || b[3] < 0x30 || b[3] > 0x39 {
		return 0, false
	}
	var dst [8]byte
	n, _, err := simplifiedchinese.GB18030.NewDecoder().Transform(dst[:], b, true)
	if err != nil {
		return 0, false
	}
	r, size := utf8.DecodeRune(dst[:n])
	if size != n || (r == utf8.RuneError && !bytes.Equal(b, []byte{0x84, 0x31, 0xA4, 0x37})) {
		return 0, false
	}
	return r, true
}

// decodeUTF16 is decodeGB18030 for UTF-16.
func decodeUTF16(dst, src []byte, big, final bool) ([]byte, int) {
	unit := func(i int) rune {
		if big {
			return rune(src[i])<<8 | rune(src[i+1])
		}
		return rune(src[i+1])<<8 | rune(src[i])
	}
	i := 0
	for i < len(src) && cap(dst)-len(dst) >= 4 {
		if i+1 >= len(src) {
			if !final {
				break
			}
			dst = append(dst, illegal)
			i++
			continue
		}
		r := unit(i)
		switch {
		case r < 0xD800 || r > 0xDFFF:
			dst = utf8.AppendRune(dst, r)
			i += 2
		case r > 0xDBFF:
			dst = append(dst, illegal) // a low surrogate without its high one
			i += 2
		case i+3 >= len(src) && !final:
			return dst, i
		default:
			if i+3 < len(src) {
				if low := unit(i + 2); low >= 0xDC00 && low <= 0xDFFF {
					dst = utf8.AppendRune(dst, (r-0xD800)<<10|(low-0xDC00)+0x10000)
					i += 4
					continue
				}
			}
			dst = append(dst, illegal)
			i += 2
		}
	}
	return dst, i
}

// isASCII reports whether b holds only bytes below 0x80.
func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// guess decides the encoding of a block that has no byte order mark: UTF-8 when it is strictly valid, or when most of
// what is not ASCII in it is (one damaged byte must not turn a whole file into other characters), else GB18030. UTF-16
// without a mark is known by the zero bytes of its ASCII half.
func guess(block []byte, final bool) string {
	if even, odd := zeros(block); even+odd > len(block)/16 {
		switch {
		case odd > 8*even:
			return encUTF16LE
		case even > 8*odd:
			return encUTF16BE
		}
	}
	good, bad := 0, 0
	for i := 0; i < len(block); {
		if block[i] < utf8.RuneSelf {
			i++
			continue
		}
		if !final && !utf8.FullRune(block[i:]) {
			break
		}
		r, size := utf8.DecodeRune(block[i:])
		if r == utf8.RuneError && size == 1 {
			bad++
		} else {
			good++
		}
		i += size
	}
	if bad > good {
		return encGB18030
	}
	return encUTF8
}

func zeros(b []byte) (even, odd int) {
	for i, c := range b {
		if c == 0 {
			if i&1 == 0 {
				even++
			} else {
				odd++
			}
		}
	}
	return even, odd
}
