package privacy

import "bytes"

// accountLetter reports whether a chat account cue can start with c: QQ, wx, vx.
func accountLetter(c byte) bool {
	switch c {
	case 'q', 'Q', 'w', 'W', 'v', 'V':
		return true
	}
	return false
}

func isAccountRune(r rune) bool {
	return r == '_' || r == '-' || r < 0x80 && bits16(r)&classMask == classLetter || r >= '0' && r <= '9' || r >= '０' && r <= '９' ||
		r >= 'ａ' && r <= 'ｚ' || r >= 'Ａ' && r <= 'Ｚ'
}

// letter handles a letter that follows a character: the start of a plate, or of QQ, wx, vx.
func (s *scanner) letter(b []byte, i, w int) int {
	if end := s.plate(b, i); end > 0 {
		return end
	}
	if s.mode == modeCode {
		return i + w
	}
	r1, _ := decode(b, i)
	r2, w2 := nextRune(b, i+w)
	a, c := foldLetter(r1), foldLetter(r2)
	switch {
	case a == 'q' && c == 'q', (a == 'w' || a == 'v') && c == 'x':
		if p, _ := prevRune(b, i); bits16(p)&classMask == classLetter {
			return i + w
		}
		if end := s.account(b, i+w+w2, a == 'q'); end > 0 {
			return end
		}
	case a == 'v' && r2 == '信':
		if end := s.account(b, i+w+w2, false); end > 0 {
			return end
		}
	}
	return i + w
}

func foldLetter(r rune) rune {
	if r >= 'Ａ' && r <= 'ｚ' {
		r -= 'Ａ' - 'A'
	}
	if r >= 'A' && r <= 'Z' {
		r += 32
	}
	return r
}

// weChat handles 微信 with an account after it.
func (s *scanner) weChat(b []byte, i int) int {
	if s.mode != modeCode && bytes.HasPrefix(b[i:], []byte("微信")) {
		if end := s.account(b, i+len("微信"), false); end > 0 {
			return end
		}
	}
	return i + 3
}

// account takes out the account after a chat cue. It returns 0 where none follows.
func (s *scanner) account(b []byte, p int, digitsOnly bool) int {
	label := false
	for range 5 {
		r, w := nextRune(b, p)
		switch r {
		case '号', '码', ':', '：', '是', '为', ' ', '群', '帐', '账', '名', '　', '加', '(', '（':
			label = true
			p += w
			continue
		}
		break
	}
	q, digits, n := p, 0, 0
	for q < len(b) {
		r, w := decode(b, q)
		if !isAccountRune(r) {
			break
		}
		if digitValue(r) >= 0 {
			digits++
		}
		q += w
		n++
	}
	if r, _ := nextRune(b, q); r == '@' || r == '＠' {
		return 0 // mail finds the whole
	}
	switch {
	case n < 5 || n > 24, digitsOnly && digits != n, !label && digits == 0:
		return 0
	}
	s.add(p, q, kindAccount)
	return q
}

// accountCue reports whether a chat cue stands before the digits at p.
func accountCue(b []byte, p int) bool {
	for range 4 {
		if hasSuffixIn(b[:p], []string{"QQ", "qq", "Qq", "微信", "ＱＱ"}) {
			return true
		}
		r, w := prevRune(b, p)
		switch r {
		case ':', '：', ' ', '号', '是', '为', '码', '群':
			p -= w
		default:
			return false
		}
	}
	return false
}

// mail handles an @ with a local part before and a domain after it.
func (s *scanner) mail(b []byte, i, w int) int {
	start := i
	for start > 0 {
		r, rw := prevRune(b, start)
		if !isAccountRune(r) && r != '.' && r != '+' && r != '%' {
			break
		}
		start -= rw
	}
	end, dot, after := i+w, false, 0
	for end < len(b) {
		r, rw := decode(b, end)
		if r == '.' || r == '．' {
			if after == 0 {
				break
			}
			if r2, _ := nextRune(b, end+rw); !isAccountRune(r2) {
				break
			}
			dot = true
		} else if !isAccountRune(r) {
			break
		}
		after++
		end += rw
	}
	if start == i || !dot {
		return i + w
	}
	s.add(start, end, kindMail)
	return end
}

func isProvinceRune(r rune) bool {
	for _, p := range provinceRunes {
		if p == r {
			return true
		}
	}
	return false
}

func plateSeparator(r rune) bool {
	switch r {
	case '·', '.', '．', '•', '-', '－', ' ', '　', '・', '‧', ',':
		return true
	}
	return false
}

// plate handles a number plate whose letter stands at i: 苏K·12345, 苏KD12345, 苏K1234学.
func (s *scanner) plate(b []byte, i int) int {
	p, w := prevRune(b, i)
	start := i - w
	if plateSeparator(p) {
		p, w = prevRune(b, start)
		start -= w
	}
	if p < 0x80 || !isProvinceRune(p) {
		return 0
	}
	_, w = decode(b, i)
	return s.plateBody(b, start, i+w)
}

// plateBody reads the five or six places after the letter.
func (s *scanner) plateBody(b []byte, start, q int) int {
	places, digits, stars, gap := 0, 0, 0, 0
	end := q
	for q < len(b) && places < 6 {
		r, w := decode(b, q)
		switch {
		case r >= '0' && r <= '9' || r >= '０' && r <= '９':
			digits++
			places++
			end, gap = q+w, 0
		case bits16(r)&classMask == classLetter:
			places++
			end, gap = q+w, 0
		case r == '*' || r == '＊':
			stars++
			places++
			end, gap = q+w, 0
		case plateSeparator(r) && gap < 2:
			if places >= 5 { // a blank after a whole plate ends it
				q = len(b)
				continue
			}
			gap++
		case places == 4 && (r == '挂' || r == '学' || r == '警' || r == '港' || r == '澳' || r == '使' || r == '领' || r == '应' || r == '急'):
			places++
			end = q + w
			q = len(b)
			continue
		default:
			q = len(b)
			continue
		}
		q += w
	}
	if places < 5 || digits+stars < 2 || digits == 0 {
		return 0
	}
	s.add(start, end, kindPlate)
	return end
}

// plateCue handles 车牌, 车牌号, 号牌 with a number without its province after it.
func (s *scanner) plateCue(b []byte, i int) int {
	p := i + len("牌")
	if s.mode == modeCode || !hasSuffixIn(b[:p], []string{"车牌", "号牌", "牌照"}) {
		return p
	}
	q := p
	for range 5 {
		r, w := nextRune(b, q)
		switch r {
		case '号', '码', ':', '：', '是', '为', ' ', '尾', '照':
			q += w
			continue
		}
		break
	}
	start, places, digits := q, 0, 0
	for q < len(b) && places < 8 {
		r, w := decode(b, q)
		if digitValue(r) >= 0 && !isHan(r) {
			digits++
		} else if bits16(r)&classMask != classLetter && r != '*' {
			break
		}
		places++
		q += w
	}
	if digits < 2 || places < 5 || places > 7 {
		return p
	}
	s.add(start, q, kindPlate)
	return q
}
