package privacy

import (
	"unicode/utf8"
)

// kind is what a span of text was recognised as.
type kind uint8

const (
	kindPhone kind = iota
	kindID
	kindCard
	kindPlate
	kindMail
	kindAccount
	kindName
	kindDoor
	kindCount
)

// marks stand in the text in place of what was removed; names are for reports.
var (
	marks     = [kindCount]string{"〔电话〕", "〔证件〕", "〔银行卡〕", "〔车牌〕", "〔邮箱〕", "〔账号〕", "〔姓名〕", "〔门牌〕"}
	kindNames = [kindCount]string{"phone", "id", "card", "plate", "mail", "account", "name", "door"}
)

// mode says how much of a column is prose.
type mode uint8

const (
	modeText    mode = iota // narrative: every rule
	modeAddress             // a place: a number before 号 is a house number without further proof
	modeCode                // a code of an organisation, grid or category: only numbers that prove themselves
)

type span struct {
	start, end int
	kind       kind
}

// scanner finds personal data in one text at a time. It is reused, so that a text without findings allocates nothing.
type scanner struct {
	mode      mode
	today     int // yyyymmdd, bound of birth dates
	spans     []span
	sensitive bool // a cue of PIPL article 28 was seen
	digits    int  // digit characters seen, in any form
	bad       bool // the text is not valid UTF-8
	num       number
}

func decodeSlow(b []byte) (rune, int) { return utf8.DecodeRune(b) }

// scan fills s.spans with the findings of b in order, without overlap.
func (s *scanner) scan(b []byte) {
	s.spans, s.digits, s.sensitive, s.bad = s.spans[:0], 0, false, false
	n := len(b)
	tab := classes
	for i := 0; i < n; {
		var r rune
		w := 1
		switch c := b[i]; {
		case c < 0x80:
			r = rune(c)
		case c > 0xe0 && c != 0xed && c < 0xf0 && i+2 < n && b[i+1]&0xc0 == 0x80 && b[i+2]&0xc0 == 0x80:
			r = rune(c&0x0f)<<12 | rune(b[i+1]&0x3f)<<6 | rune(b[i+2]&0x3f)
			w = 3
		default:
			r, w = utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && w == 1 {
				s.bad = true
				i++
				continue
			}
			if r > 0xffff {
				if digitValue(r) >= 0 {
					i = s.number(b, i)
				} else {
					i += w
				}
				continue
			}
		}
		class := tab[uint16(r)] & classMask
		if class == classNone {
			i += w
			continue
		}
		switch class {
		case classLetter:
			if w == 1 && (i == 0 || b[i-1] < 0x80 && b[i-1] != '-' && b[i-1] != ' ' && b[i-1] != '.') && !accountLetter(b[i]) {
				i++
				continue
			}
			i = s.letter(b, i, w)
		case classDigit:
			i = s.number(b, i)
		case classHanDigit, classHanTen:
			i = s.hanNumber(b, i, w)
		case classAt:
			i = s.mail(b, i, w)
		case classWord:
			i = s.word(b, i, w, r)
		case classWeChat:
			i = s.weChat(b, i)
		case classPlateCue:
			i = s.plateCue(b, i)
		case classSurnameCue:
			i = s.surnameCue(b, i)
		default:
			i += w
		}
	}
}

// add records a finding; one that reaches back over earlier findings swallows them.
func (s *scanner) add(start, end int, k kind) {
	for len(s.spans) > 0 {
		last := &s.spans[len(s.spans)-1]
		if last.end <= start {
			break
		}
		start, end = min(start, last.start), max(end, last.end)
		s.spans = s.spans[:len(s.spans)-1]
	}
	s.spans = append(s.spans, span{start, end, k})
}

// appendRedacted appends b with the findings replaced by their marks.
func (s *scanner) appendRedacted(dst, b []byte) []byte {
	p := 0
	for _, sp := range s.spans {
		dst = append(dst, b[p:sp.start]...)
		dst = append(dst, marks[sp.kind]...)
		p = sp.end
	}
	return append(dst, b[p:]...)
}

// prevRune returns the character that ends at p, or 0.
func prevRune(b []byte, p int) (rune, int) {
	if p <= 0 {
		return 0, 0
	}
	if c := b[p-1]; c < 0x80 {
		return rune(c), 1
	}
	return utf8.DecodeLastRune(b[:p])
}

// nextRune returns the character that starts at p, or 0.
func nextRune(b []byte, p int) (rune, int) {
	if p >= len(b) {
		return 0, 0
	}
	return decode(b, p)
}

func isHan(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }

func bits16(r rune) uint8 {
	if r < 0 || r > 0xffff {
		return 0
	}
	return classes[r]
}
