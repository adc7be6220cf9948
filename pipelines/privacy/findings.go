package privacy

import (
	"bytes"
	"regexp"
	"time"
	"unicode/utf16"
)

// Finding is a place in a file that holds, or looks as if it held, personal data. It does not quote it.
type Finding struct {
	Offset int
	Kind   string // mobile, id, card, landline, plate, mail, seed
}

// Scan searches bytes of any kind (a database file, a log, an export) for shapes of personal data. It is for tests and
// audits: slow, and written with regular expressions so that it shares nothing with the redaction it judges.
func Scan(data []byte) []Finding {
	var out []Finding
	d := residual{now: 99991231}
	y, m, day := time.Now().Date()
	d.now = y*10000 + int(m)*100 + day
	shapes := []struct {
		kind string
		re   *regexp.Regexp
		ok   func([]byte) bool
	}{
		{"mobile", regexp.MustCompile(`(?:^|[^0-9.])((?:\+?86)?1[3-9][0-9]{9})(?:[^0-9]|$)`), nil},
		{"id", regexp.MustCompile(`(?:^|[^0-9])([0-9]{17}[0-9Xx])(?:[^0-9]|$)`), func(b []byte) bool { return d.identity(string(bytes.ToUpper(b))) }},
		{"card", regexp.MustCompile(`(?:^|[^0-9])([0-9]{16,19})(?:[^0-9]|$)`), func(b []byte) bool { return d.card(string(b)) }},
		{"landline", regexp.MustCompile(`(?:^|[^0-9])(0[1-9][0-9]{1,2}-[2-8][0-9]{6,7})(?:[^0-9]|$)`), nil},
		{"plate", regexp.MustCompile(`([` + provinceRunes + `][A-Z]·?[A-HJ-NP-Z0-9]{4}[0-9][0-9A-Z挂学警]?)`), func(b []byte) bool { return bytes.ContainsAny(b, "0123456789") }},
		{"mail", regexp.MustCompile(`([A-Za-z0-9._%+-]{2,64}@[A-Za-z0-9-]{2,63}\.[A-Za-z]{2,6})\b`), nil},
	}
	for _, s := range shapes {
		for p := 0; p < len(data); {
			m := s.re.FindSubmatchIndex(data[p:])
			if m == nil {
				break
			}
			if s.ok == nil || s.ok(data[p+m[2]:p+m[3]]) {
				out = append(out, Finding{p + m[2], s.kind})
			}
			p += max(m[3], 1)
		}
	}
	return out
}

// FindSeeds searches bytes for values that a test has put into its sources: as they are, in full-width digits, and in
// UTF-16.
func FindSeeds(data []byte, seeds ...string) []Finding {
	var out []Finding
	for _, s := range seeds {
		for _, form := range forms(s) {
			for p := 0; ; {
				k := bytes.Index(data[p:], form)
				if k < 0 {
					break
				}
				out = append(out, Finding{p + k, "seed"})
				p += k + len(form)
			}
		}
	}
	return out
}

func forms(s string) [][]byte {
	wide := make([]rune, 0, len(s))
	var le []byte
	for _, r := range s {
		if r > 0x20 && r < 0x7f {
			wide = append(wide, r+0xfee0)
		} else {
			wide = append(wide, r)
		}
	}
	for _, u := range utf16.Encode([]rune(s)) {
		le = append(le, byte(u), byte(u>>8))
	}
	out := [][]byte{[]byte(s), le}
	if w := string(wide); w != s {
		out = append(out, []byte(w))
	}
	return out
}
