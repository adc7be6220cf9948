package feature

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxNormal bounds a normalised text in bytes; what follows is left out.
const MaxNormal = 64 << 10

// Normalise returns a text as it is compared: NFKC (UAX #15), lower case, letters and digits only. Runs of Latin letters
// and digits are kept apart by one blank, Chinese runs together. Redaction marks 〔…〕 and the phrases that every hotline
// message opens and ends with are left out. The result is at most MaxNormal bytes; it may be empty.
func Normalise(text string) string { return string(AppendNormal(nil, text)) }

// AppendNormal appends the normalised text to dst.
func AppendNormal(dst []byte, text string) []byte {
	at := len(dst)
	dst, ok := appendPlain(dst, text)
	if !ok {
		dst = appendGeneral(dst[:at], norm.NFKC.AppendString(nil, clip(text, 2*MaxNormal)))
	}
	return phrases().strip(dst, at)
}

// clip cuts a text at a rune boundary.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// appendPlain handles the runes of ordinary Chinese and English texts and reports false at the first other one.
func appendPlain(dst []byte, text string) (_ []byte, ok bool) {
	gap := false // a separator since the last letter or digit
	at := len(dst)
	for i := 0; i < len(text) && len(dst)-at < MaxNormal; {
		c := text[i]
		switch {
		case c < 0x80:
			i++
			switch {
			case c >= 'A' && c <= 'Z':
				c += 'a' - 'A'
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				gap = true
				continue
			}
			dst, gap = appendLatin(dst, at, c, gap), false
		case c >= 0xe4 && c <= 0xe9 && i+2 < len(text) && cont(text[i+1]) && cont(text[i+2]): // U+4000 to U+9FFF
			dst, gap = append(dst, c, text[i+1], text[i+2]), false
			i += 3
		case c == 0xe3 && i+2 < len(text) && text[i+1] == 0x80 && cont(text[i+2]) && text[i+2] < 0xa0 && text[i+2] != 0x87: // U+3000 to U+301F without 〇
			if text[i+2] == 0x94 {
				if n := mark(text[i:]); n > 0 {
					i += n
					gap = true
					continue
				}
			}
			gap = true
			i += 3
		case c == 0xef && i+2 < len(text) && (text[i+1] == 0xbc || text[i+1] == 0xbd) && cont(text[i+2]): // U+FF00 to U+FF7F
			r, _ := utf8.DecodeRuneInString(text[i:])
			if r > 0xff5e || r == 0xff00 {
				return dst, false
			}
			i += 3
			switch f := byte(r - 0xfee0); {
			case f >= 'A' && f <= 'Z':
				dst, gap = appendLatin(dst, at, f+'a'-'A', gap), false
			case f >= 'a' && f <= 'z', f >= '0' && f <= '9':
				dst, gap = appendLatin(dst, at, f, gap), false
			default:
				gap = true
			}
		case c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && cont(text[i+2]) || c == 0xc2 && i+1 < len(text) && (text[i+1] == 0xa0 || text[i+1] == 0xb7): // U+2000 to U+203F; no-break blank, middle dot
			_, w := utf8.DecodeRuneInString(text[i:])
			gap = true
			i += w
		default:
			return dst, false
		}
	}
	return dst, true
}

func cont(b byte) bool { return b&0xc0 == 0x80 }

// mark returns the length of the redaction mark at the start of s, 0 without one.
func mark(s string) int {
	for k := 3; k+2 < len(s) && k <= 15; k += 3 {
		if s[k] == 0xe3 && s[k+1] == 0x80 && s[k+2] == 0x95 {
			return k + 3
		}
	}
	return 0
}

// appendLatin appends a letter or digit, with a blank before it where a separator came between two Latin runs.
func appendLatin(dst []byte, at int, c byte, gap bool) []byte {
	if gap && len(dst) > at && dst[len(dst)-1] < 0x80 {
		dst = append(dst, ' ')
	}
	return append(dst, c)
}

// appendGeneral handles any text in NFKC.
func appendGeneral(dst, text []byte) []byte {
	gap, at := false, len(dst)
	for i := 0; i < len(text) && len(dst)-at < MaxNormal; {
		r, w := utf8.DecodeRune(text[i:])
		if r == '〔' {
			if n := mark(string(text[i:min(len(text), i+18)])); n > 0 {
				i += n
				gap = true
				continue
			}
		}
		i += w
		switch {
		case r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.N, unicode.Mn):
			gap = true
			continue
		case r < 0x80:
			dst = appendLatin(dst, at, byte(unicode.ToLower(r)), gap)
		case gap && len(dst) > at && !wide(r) && !wideEnd(dst):
			dst = utf8.AppendRune(append(dst, ' '), unicode.ToLower(r))
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		gap = false
	}
	return dst
}

// wide reports whether a rune belongs to a script that is written without blanks.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func wideEnd(b []byte) bool {
	r, _ := utf8.DecodeLastRune(b)
	return wide(r)
}
