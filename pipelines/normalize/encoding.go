package normalize

import (
	"sort"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
)

// flagMojibake flags the rows of a text column that hold replacement or private-use characters or the marks of text
// that was decoded with the wrong table. It searches the whole column for bytes that are rare in sound text, at memory
// speed, and judges only the rows where one stands.
func flagMojibake(a *array.String, flags []event.Flag) {
	b := a.ValueBytes()
	if len(b) == 0 {
		return
	}
	offsets := a.ValueOffsets()
	text := unsafe.String(&b[0], len(b))
	base := offsets[0]
	for _, mark := range [...]string{"\xEE", "\xEF\xBF\xBD", "\xEF\x80", "\xEF\x81", "\xEF\x82", "\xEF\x83", "\xE3\x84", "锟斤拷", "\xC3", "\xC4", "\xC7"} {
		for at := 0; at < len(text); {
			i := strings.Index(text[at:], mark)
			if i < 0 {
				break
			}
			hit := at + i
			row := sort.Search(len(offsets)-1, func(i int) bool { return int(offsets[i+1]-base) > hit })
			end := int(offsets[row+1] - base)
			if a.IsValid(row) && flags[row]&event.EncodingReplaced == 0 && mojibake(text[offsets[row]-base:end]) {
				flags[row] |= event.EncodingReplaced
			}
			at = end
		}
	}
}

// mojibake judges one text: a replacement or private-use character; the 锟斤拷 that GBK makes of replacement
// characters; Bopomofo beside Han, as in "狈ㄖ问鞘" (GBK read at an odd byte); a reading in brackets after a
// Han character, as in "現(xiàn)代化" (characters that a font table replaced by their reading); or UTF-8 read as
// Latin-1, three accented letters or signs in a row.
func mojibake(s string) bool {
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return false
	}
	if strings.Contains(s, "锟斤拷") {
		return true
	}
	var prev rune
	latin, han, bopomofo := 0, false, 0
	inside := false // between a bracket that follows a Han character and its end
	tone := false
	for _, c := range s {
		switch {
		case c == utf8.RuneError, c >= 0xE000 && c <= 0xF8FF, c >= 0xF0000:
			return true
		case c >= 0x80 && c <= 0xFF && c != 0xB7 && c != 0xB0 && c != 0xD7 && c != 0xB1 && c != 0xA0:
			if latin++; latin >= 3 {
				return true
			}
		default:
			latin = 0
		}
		if c >= 0x3105 && c <= 0x312F {
			bopomofo++
		}
		if isHan(c) {
			han = true
		}
		switch {
		case c == '(' && isHan(prev):
			inside, tone = true, false
		case inside && (c >= 'a' && c <= 'z'):
		case inside && isTone(c):
			tone = true
		case inside && c == ')':
			if tone {
				return true
			}
			inside = false
		default:
			inside = false
		}
		prev = c
	}
	return bopomofo > 0 && han && bopomofo < 4
}

func isHan(c rune) bool { return c >= 0x4E00 && c <= 0x9FFF || c >= 0x3400 && c <= 0x4DBF }

func isTone(c rune) bool {
	return c >= 0xE0 && c <= 0xFC || strings.ContainsRune("āēīōūǎěǐǒǔǚǜ", c)
}
