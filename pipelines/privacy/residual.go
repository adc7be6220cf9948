package privacy

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

const provinceCodes = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 "

// residual is the second detector: slower, simpler, written apart from the scanner and sharing no code with it, so that
// a mistake in one is caught by the other. It looks for the numbers that prove themselves: mobiles, identity numbers with
// a check digit, bank cards. It reports true where one is left, with and without blanks and dashes between the digits.
type residual struct {
	buf  []byte
	runs []byte
	now  int // yyyymmdd
}

func (d *residual) found(text []byte, cards bool) bool {
	if tooFewDigits(text) {
		return false
	}
	d.buf = norm.NFKC.Append(d.buf[:0], text...)
	return d.pass(false, cards) || d.pass(true, cards)
}

// tooFewDigits reports whether a text certainly holds fewer than the eleven digits of the shortest number looked for. It
// answers for plain text only: characters that compatibility normalisation could turn into digits make it say no.
func tooFewDigits(text []byte) bool {
	n := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < 0x80 {
			if c-'0' < 10 || c == 'x' || c == 'X' {
				n++
			}
			i++
			continue
		}
		// Three bytes of U+4E00 to U+9FFF: ideographs, which normalise to themselves; ten and a few of them are digits.
		if c >= 0xe4 && c <= 0xe9 && i+2 < len(text) {
			r := rune(c&0x0f)<<12 | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
			if r < 0x4e00 {
				return false
			}
			switch r {
			case '一', '二', '三', '四', '五', '六', '七', '八', '九', '零', '幺', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖':
				n++
			}
			i += 3
			continue
		}
		// The marks of ordinary Chinese text. Everything else is for the full pass.
		if i+2 < len(text) {
			switch string(text[i : i+3]) {
			case "，", "。", "、", "：", "；", "？", "！", "（", "）", "“", "”", "‘", "’", "《", "》", "—", "…", "〔", "〕", "【", "】":
				i += 3
				continue
			}
		}
		return false
	}
	return n < 11
}

// pass writes the digits of the text, other characters as one blank, and judges every run of digits as a whole.
func (d *residual) pass(joined, cards bool) bool {
	d.runs = d.runs[:0]
	flush := func() bool { return d.judge(string(d.runs), cards) }
	for _, r := range string(d.buf) {
		c := byte(' ')
		switch r {
		case '0', '零', '〇', '○':
			c = '0'
		case '1', '一', '幺', '壹':
			c = '1'
		case '2', '二', '贰':
			c = '2'
		case '3', '三', '叁':
			c = '3'
		case '4', '四', '肆':
			c = '4'
		case '5', '五', '伍':
			c = '5'
		case '6', '六', '陆':
			c = '6'
		case '7', '七', '柒':
			c = '7'
		case '8', '八', '捌':
			c = '8'
		case '9', '九', '玖':
			c = '9'
		case 'x', 'X':
			if len(d.runs) == 17 {
				c = 'X'
			}
		case ' ', '-', '.', '·', '\u200b', '\u2010', '\u2011', '\u2013', '\u2014':
			if joined {
				continue
			}
		}
		if c != ' ' {
			d.runs = append(d.runs, c)
			continue
		}
		if len(d.runs) >= 11 && flush() {
			return true
		}
		d.runs = d.runs[:0]
	}
	return len(d.runs) >= 11 && flush()
}

func (d *residual) judge(run string, cards bool) bool {
	switch n := len(run); {
	case n == 11:
		return run[0] == '1' && run[1] >= '3' && run[1] != 'X'
	case n == 13 && run[:2] == "86":
		return run[2] == '1' && run[3] >= '3'
	case n == 18 && d.identity(run):
		return true
	case cards && n >= 16 && n <= 19:
		return d.card(run)
	}
	return false
}

func (d *residual) identity(run string) bool {
	// ISO 7064 MOD 11-2, by Horner's rule over all 18 places.
	p := 0
	for i := range 18 {
		v := int(run[i] - '0')
		if run[i] == 'X' {
			v = 10
		}
		p = (p*2 + v) % 11
	}
	if p != 1 {
		return false
	}
	if run[:2] <= "39" && !strings.Contains(provinceCodes, run[:2]+" ") && run[2:4] <= "12" && run[6:8] < "24" && run[8:10] < "60" && run[2:6] != "0000" {
		return false // the shape of a record number, yyMMddHHmmss; no province has such a code
	}
	born := 0
	for _, c := range []byte(run[6:14]) {
		born = born*10 + int(c-'0')
	}
	month, day := born/100%100, born%100
	return born >= 19000101 && born <= d.now && month >= 1 && month <= 12 && day >= 1 && day <= 31 && !(day == 31 && (month == 2 || month == 4 || month == 6 || month == 9 || month == 11)) && !(month == 2 && day >= 29)
}

func (d *residual) card(run string) bool {
	switch {
	case run[:2] == "62", run[:2] == "60", run[:2] == "65", run[:4] == "9558", run[:4] == "9559":
	case len(run) == 16 && (run[0] == '4' || run[:2] == "35" || run[0] == '5' && run[1] >= '1' && run[1] <= '5'):
	default:
		return false
	}
	sum := 0
	double := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	for i := range run {
		if run[i] == 'X' {
			return false
		}
		v := int(run[i] - '0')
		if (len(run)-i)%2 == 0 {
			v = double[v]
		}
		sum += v
	}
	return sum%10 == 0
}
