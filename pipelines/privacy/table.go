package privacy

// The scanner looks at each character once. runeClass says for every character of the basic plane whether a detector
// starts there; 94 of 100 characters of ordinary text have class 0 and cost one load.
const (
	classNone = iota
	classDigit
	classHanDigit
	classHanTen
	classAt
	classLetter
	classWord // last character of a name cue, first of a title, key of a sensitive word: see words
	classWeChat
	classPlateCue
	classSurnameCue

	classMask     = 0x1f
	bitSurname    = 0x80 // may be a family name
	bitAmbiguous  = 0x40 // a family name that is also an everyday word
	bitStop       = 0x20 // never inside a given name: verbs, particles
	provinceRunes = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
)

type classTable [1 << 16]uint8

// Tables computed once and never changed.
var (
	words, wordOf = makeWords()
	classes       = makeClasses()
)

func makeClasses() *classTable {
	t := new(classTable)
	set := func(class uint8, runes string) {
		for _, r := range runes {
			t[r] = t[r]&^classMask | class
		}
	}
	for r := 'a'; r <= 'z'; r++ {
		set(classLetter, string([]rune{r, r - 32, r - 'a' + 'ａ', r - 'a' + 'Ａ'}))
	}
	for r := rune(0x80); r < 1<<16; r++ {
		if digitValue(r) >= 0 {
			t[r] = classDigit
		}
	}
	set(classDigit, "0123456789")
	set(classHanDigit, "零〇○一二三四五六七八九幺壹贰叁肆伍陆柒捌玖")
	set(classHanTen, "十百")
	set(classAt, "@＠")
	set(classWeChat, "微")
	set(classPlateCue, "牌")
	set(classSurnameCue, "姓")
	for r, i := range wordOf {
		if i != 0 {
			set(classWord, string(rune(r)))
		}
	}
	for _, r := range surnames {
		t[r] |= bitSurname
	}
	for _, r := range ambiguousSurnames {
		t[r] |= bitSurname | bitAmbiguous
	}
	for _, s := range compoundSurnames {
		t[[]rune(s)[0]] |= bitSurname
	}
	for _, r := range stopRunes {
		t[r] |= bitStop
	}
	return t
}

// digitValue returns 0..9 for every form of a decimal digit that people use to write a number, and -1 for the rest.
func digitValue(r rune) int {
	switch {
	case r < '0':
		return -1
	case r <= '9':
		return int(r - '0')
	case r < 0x80:
		return -1
	case r >= 0x4e00 && r <= 0x9fff:
		switch r {
		case '零':
			return 0
		case '一', '壹', '幺':
			return 1
		case '二', '贰':
			return 2
		case '三', '叁':
			return 3
		case '四', '肆':
			return 4
		case '五', '伍':
			return 5
		case '六', '陆':
			return 6
		case '七', '柒':
			return 7
		case '八', '捌':
			return 8
		case '九', '玖':
			return 9
		}
		return -1
	case r == '〇', r == '○':
		return 0
	case r >= '０' && r <= '９':
		return int(r - '０')
	case r >= '①' && r <= '⑨':
		return int(r-'①') + 1
	case r == '⓪':
		return 0
	case r == '²' || r == '³':
		return int(r-'²') + 2
	case r == '¹':
		return 1
	case r == '⁰', r >= '⁴' && r <= '⁹':
		return int(r - '⁰')
	case r >= '₀' && r <= '₉':
		return int(r - '₀')
	case r >= 0x1d7ce && r <= 0x1d7ff:
		return int(r-0x1d7ce) % 10
	case r >= 0x660 && r <= 0x669:
		return int(r - 0x660)
	}
	return -1
}

// separator reports whether r may stand between the digits of one number.
func separator(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '-', '.', '_', '(', ')', 0xa0, 0xad, '·', '•', '‧', '・', '･', '　', '－', '．', '＿', '（', '）', '−', 0x2060, 0xfeff:
		return true
	}
	return r >= 0x2000 && r <= 0x2015
}

// decode returns the character at p. It is utf8.DecodeRune with the common case first.
func decode(b []byte, p int) (rune, int) {
	if c := b[p]; c < 0x80 {
		return rune(c), 1
	}
	return decodeSlow(b[p:])
}
