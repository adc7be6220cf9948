package city

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// gbTable holds the two-byte GB18030 form of the runes of the basic plane, 0 where there is none. The general encoder
// takes longer per record than making the record does.
type gbTable [1 << 16]uint16

// gbTable returns the table, made at first use.
func (c *City) gbTable() *gbTable {
	c.gbOnce.Do(func() {
		c.gb = new(gbTable)
		enc := simplifiedchinese.GB18030.NewEncoder()
		src, dst := make([]byte, 4), make([]byte, 8)
		for r := rune(0x80); r < 1<<16; r++ {
			if r >= 0xd800 && r < 0xe000 {
				continue
			}
			n := utf8.EncodeRune(src, r)
			enc.Reset()
			if k, _, err := enc.Transform(dst, src[:n], true); err == nil && k == 2 {
				c.gb[r] = uint16(dst[0])<<8 | uint16(dst[1])
			}
		}
	})
	return c.gb
}

// append appends UTF-8 text as GB18030. Runes outside the table, which the city never writes, become '?'.
func (t *gbTable) append(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		b := s[i]
		if b < 0x80 {
			dst = append(dst, b)
			i++
			continue
		}
		var v uint16
		if b&0xf0 == 0xe0 && i+2 < len(s) {
			v = t[rune(b&0x0f)<<12|rune(s[i+1]&0x3f)<<6|rune(s[i+2]&0x3f)]
			i += 3
		} else {
			r, n := utf8.DecodeRune(s[i:])
			if r < 1<<16 {
				v = t[r]
			}
			i += n
		}
		if v == 0 {
			dst = append(dst, '?')
		} else {
			dst = append(dst, byte(v>>8), byte(v))
		}
	}
	return dst
}
