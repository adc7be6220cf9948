package city

import (
	"iter"
	"regexp"
)

// Personal is one kind of seeded clear value. Pattern matches every value that the city can give of that kind and little
// else; its first group is the value. Values lists them where they are few, and is nil where they are not.
type Personal struct {
	Kind    string // phone, landline, id_number, plate, bank_card, name, room
	Pattern *regexp.Regexp
	Values  iter.Seq[string]
}

// Seeded lists every kind of clear personal value that the city puts into structured columns and narratives, so that a
// test can search whatever the hub wrote for them.
func (c *City) Seeded() []Personal {
	p := func(kind, pattern string) Personal { return Personal{Kind: kind, Pattern: regexp.MustCompile(pattern)} }
	return []Personal{
		p("phone", `\b(19900[0-9]{6})\b`),
		p("landline", `\b(0500-8[0-9]{6})\b`),
		p("id_number", `\b(000000(?:[0-9]{9}|[0-9]{11}[0-9X]))\b`),
		p("plate", `(苏Z[0D][0-9]{4,5})\b`),
		p("bank_card", `\b(620000[0-9]{13})\b`),
		{Kind: "name", Pattern: regexp.MustCompile(`([` + surnames + `]小[` + givens + `])`), Values: names},
		p("room", `([0-9]{1,2}幢[0-9]单元[0-9]{3,4}室)`),
	}
}

// Three-rune names of an invented pattern: one rune that is no common surname, 小, and a noun.
const (
	surnames = "禾舟砚岚穗帆棠屿"
	givens   = "灯桥渡溪笺墨稻檐梭露苔汀"
)

func names(yield func(string) bool) {
	for _, s := range surnames {
		for _, g := range givens {
			if !yield(string([]rune{s, '小', g})) {
				return
			}
		}
	}
}

// appendName appends the name of a person: 96 names serve the whole city.
func appendName(dst []byte, r *random) []byte {
	s, g := r.below(8)*3, r.below(12)*3 // every rune here takes three bytes
	dst = append(dst, surnames[s:s+3]...)
	dst = append(dst, "小"...)
	return append(dst, givens[g:g+3]...)
}

// appendPhone appends a mobile number of an invented range: 19900 and six digits.
func appendPhone(dst []byte, r *random) []byte {
	return appendPadded(append(dst, "19900"...), r.below(1_000_000), 6)
}

func appendLandline(dst []byte, r *random) []byte {
	return appendPadded(append(dst, "0500-8"...), r.below(1_000_000), 6)
}

// appendPlate appends a plate of an invented series; one in five is the longer new-energy form.
func appendPlate(dst []byte, r *random) []byte {
	if r.below(5) == 0 {
		return appendPadded(append(dst, "苏ZD"...), r.below(100_000), 5)
	}
	return appendPadded(append(dst, "苏Z0"...), r.below(10_000), 4)
}

// appendIDNumber appends an identity number of region 000000, which no authority gives out, with a valid checksum; one
// in ten is the old form of 15 digits.
func appendIDNumber(dst []byte, r *random) []byte {
	at := len(dst)
	dst = append(dst, "000000"...)
	year, month, day, seq := 1950+r.below(50), 1+r.below(12), 1+r.below(28), r.below(1000)
	if r.below(10) == 0 {
		dst = appendPadded(dst, year-1900, 2)
		dst = appendPadded(appendPadded(dst, month, 2), day, 2)
		return appendPadded(dst, seq, 3)
	}
	dst = appendPadded(dst, year, 4)
	dst = appendPadded(appendPadded(dst, month, 2), day, 2)
	dst = appendPadded(dst, seq, 3)
	return append(dst, idCheck(dst[at:]))
}

// idCheck is the check character of GB 11643 (ISO 7064 MOD 11-2) over 17 digits.
func idCheck(digits []byte) byte {
	sum, weight := 0, 0
	for i := range digits {
		weight = 1 << (17 - i) % 11
		sum += int(digits[i]-'0') * weight
	}
	return "10X98765432"[sum%11]
}

// appendBankCard appends a 19-digit card number of an invented issuer with a valid Luhn digit.
func appendBankCard(dst []byte, r *random) []byte {
	at := len(dst)
	dst = appendPadded(append(dst, "620000"...), int(r.next()%1_000_000_000_000), 12)
	sum := 0
	for i, d := range dst[at:] {
		v := int(d - '0')
		if (len(dst)-at-i)%2 == 1 { // every second digit from the right, the check digit not counted
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return append(dst, byte('0'+(10-sum%10)%10))
}

func appendRoom(dst []byte, r *random) []byte {
	dst = appendInt(dst, int64(1+r.below(38)))
	dst = append(dst, "幢"...)
	dst = appendInt(dst, int64(1+r.below(4)))
	dst = append(dst, "单元"...)
	dst = appendInt(dst, int64(1+r.below(18)))
	dst = appendPadded(dst, 1+r.below(4), 2)
	return append(dst, "室"...)
}

// appendMaskedPhone and appendMaskedName write values as a department's own masking leaves them: they identify nobody,
// match nothing, and prove nothing about the narrative beside them.
func appendMaskedPhone(dst []byte, r *random) []byte {
	return appendPadded(append(dst, "199****"...), r.below(10_000), 4)
}

func appendMaskedName(dst []byte, r *random) []byte {
	s := r.below(8) * 3
	return append(append(dst, surnames[s:s+3]...), "**"...)
}
