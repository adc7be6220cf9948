package feature

import (
	"unicode"
	"unicode/utf8"
)

// maxRunes bounds the runes of one text in which places and numbers are looked for.
const maxRunes = 8192

// stop is what every rune that is no letter, digit or name becomes.
const stop = ' '

// fold appends the runes of a text: half-width, lower case, redaction marks as one stop. Unlike Normalise it keeps
// punctuation, which ends names.
func fold(dst []rune, text string) []rune {
	at := len(dst)
	for i := 0; i < len(text) && len(dst)-at < maxRunes; {
		c := text[i]
		switch {
		case c < 0x80:
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c < ' ' {
				c = stop
			}
			dst = append(dst, rune(c))
			i++
			continue
		case c >= 0xe4 && c <= 0xe9 && i+2 < len(text) && cont(text[i+1]) && cont(text[i+2]):
			dst = append(dst, rune(c&0x0f)<<12|rune(text[i+1]&0x3f)<<6|rune(text[i+2]&0x3f))
			i += 3
			continue
		}
		r, w := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '〔':
			if n := mark(text[i:]); n > 0 {
				w = n
			}
			r = stop
		case r >= 0xff01 && r <= 0xff5e:
			r -= 0xfee0
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
		case r == utf8.RuneError || r > 0xffff && !unicode.Is(unicode.Han, r):
			r = stop
		default:
			r = unicode.ToLower(r)
		}
		dst = append(dst, r)
		i += w
	}
	return dst
}

func digit(r rune) bool  { return r >= '0' && r <= '9' }
func letter(r rune) bool { return r >= 'a' && r <= 'z' }

// han reports whether a rune can be part of a Chinese name.
func han(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r == '〇' || r >= 0x3400 && r <= 0x4dbf || r > 0xffff
}
