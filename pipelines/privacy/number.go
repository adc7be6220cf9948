package privacy

import "bytes"

const (
	digitMasked = 10 // a place whose digit was starred out
	digitX      = 11 // the check character X of an identity number
)

// number is a run of digits in any form with single separators between them, cut into the groups that are written
// without a separator.
type number struct {
	d      []byte
	groups []group
}

type group struct {
	from, to   int // digits d[from:to]
	start, end int // bytes
	masked     bool
}

// hanNumber handles a Chinese numeral; alone in a sentence it is a word, not a number.
func (s *scanner) hanNumber(b []byte, i, w int) int {
	next, _ := nextRune(b, i+w)
	c := bits16(next) & classMask
	if c == classDigit || c == classHanDigit || c == classHanTen || separator(next) || unitOf(next) != unitNone || next == '岁' {
		if r, _ := decode(b, i); r == '十' || r == '百' {
			if end := s.door(b, i); end > 0 {
				return end
			}
			s.age(b, i)
			return i + w
		}
		return s.number(b, i)
	}
	return i + w
}

// number handles the digits at i and returns where to go on.
func (s *scanner) number(b []byte, i int) int {
	if door := s.door(b, i); door > 0 {
		return door
	}
	s.age(b, i)
	end := s.collect(b, i)
	if end == i { // no digit at i: never stand still
		_, w := decode(b, i)
		end += w
	}
	n := &s.num
	s.digits += len(n.d)
	if len(n.d) < 5 {
		return end
	}
	for g := 0; g < len(n.groups); {
		if h := s.classify(b, g); h > g {
			g = h
		} else {
			g++
		}
	}
	// A part of the run may be a door number that follows another number ("13… 3幢"): the run is not searched again.
	if len(n.groups) > 1 {
		last := n.groups[len(n.groups)-1]
		if len(s.spans) == 0 || s.spans[len(s.spans)-1].end <= last.start {
			if door := s.door(b, last.start); door > 0 {
				return max(door, end)
			}
		}
	}
	return end
}

// collect reads the run at i into s.num and returns its end.
func (s *scanner) collect(b []byte, i int) int {
	n := &s.num
	n.d, n.groups = n.d[:0], n.groups[:0]
	end, gap := i, 0
	open := false
	push := func(v byte, start, stop int) {
		if !open || gap > 0 {
			n.groups = append(n.groups, group{from: len(n.d), start: start})
			open, gap = true, 0
		}
		n.d = append(n.d, v)
		g := &n.groups[len(n.groups)-1]
		g.to, g.end = len(n.d), stop
		g.masked = g.masked || v == digitMasked
		end = stop
	}
	for p := i; p < len(b); {
		r, w := decode(b, p)
		if v := digitValue(r); v >= 0 {
			push(byte(v), p, p+w)
			p += w
			continue
		}
		switch r {
		case '*', '＊', '×', '●', '✱', 'x', 'X', 'ｘ', 'Ｘ':
			q, run := p, 0
			for q < len(b) {
				r2, w2 := decode(b, q)
				if r2 != r {
					break
				}
				q, run = q+w2, run+1
			}
			letter := r == 'x' || r == 'X' || r == 'ｘ' || r == 'Ｘ'
			switch {
			case run >= 3 || run == 2 && !letter:
				for k := 0; k < run && k < 14; k++ {
					push(digitMasked, p, q)
				}
				p = q
				continue
			case run == 1 && letter && len(n.d) >= 17 && gap <= 1:
				if r2, _ := nextRune(b, q); bits16(r2)&classMask != classLetter && digitValue(r2) < 0 {
					push(digitX, p, q)
				}
			}
			return end
		}
		if !separator(r) || gap >= 3 {
			return end
		}
		gap++
		p += w
	}
	return end
}

// classify tries the number that starts with group g and returns the first group after it, or g where it is none.
func (s *scanner) classify(b []byte, g int) int {
	n := &s.num
	first := n.groups[g]
	if s.single(b, first) {
		return g + 1
	}
	masked := false
	for h := g; h < len(n.groups); h++ {
		d := n.d[first.from:n.groups[h].to]
		if len(d) > 19 {
			break
		}
		masked = masked || n.groups[h].masked
		k, ok := kindCount, false
		switch {
		case masked:
			// Take the whole starred number: the longest that still looks like one.
			if h+1 < len(n.groups) && n.groups[h+1].to-first.from <= 18 {
				continue
			}
			k, ok = maskedKind(d)
		case h == g:
			continue // single has spoken
		default:
			k, ok = s.joinedKind(b, d, first, h-g+1)
		}
		if ok {
			s.add(s.leadIn(b, first.start), n.groups[h].end, k)
			return h + 1
		}
	}
	// Only then what a cue makes of a shorter number: 199 0000 0000 is not the local number 199 0000.
	if s.mode == modeCode {
		return g
	}
	if s.announced(b, first) {
		return g + 1
	}
	if g+1 < len(n.groups) {
		next := n.groups[g+1]
		if w := next.to - first.from; (w == 7 || w == 8) && first.to-first.from >= 3 && !first.masked && !next.masked && s.phoneCue(b, first.start) {
			s.add(s.leadIn(b, first.start), next.end, kindPhone)
			return g + 2
		}
	}
	return g
}

// joinedKind judges digits that are written in several groups.
func (s *scanner) joinedKind(b []byte, d []byte, first group, groups int) (kind, bool) {
	switch {
	case len(d) == 18 && s.isID18(d):
		return kindID, true
	case len(d) >= 16 && isCard(d):
		return kindCard, true
	case len(d) == 15 && groups <= 4 && s.isID15(d) && s.mode != modeCode:
		return kindID, true
	case isMobile(d):
		return kindPhone, true
	case s.mode == modeCode:
		return 0, false
	case isLandline(d, true) && (first.to-first.from == 3 || first.to-first.from == 4 || first.to-first.from == 1):
		return kindPhone, true
	case len(d) >= 10 && len(d) <= 14 && d[0] == 8 && d[1] == 6 && plusBefore(b, first.start):
		return kindPhone, true
	}
	return 0, false
}

// single judges a group on its own.
func (s *scanner) single(b []byte, g group) bool {
	d := s.num.d[g.from:g.to]
	if g.masked || len(d) < 5 {
		return false
	}
	put := func(k kind) bool { s.add(s.leadIn(b, g.start), g.end, k); return true }
	switch {
	case isMobile(d):
		return put(kindPhone)
	case len(d) == 18 && s.isID18(d):
		return put(kindID)
	case s.mode == modeCode:
		return false
	case len(d) >= 16 && len(d) <= 19 && isCard(d):
		return put(kindCard)
	case len(d) == 15 && s.isID15(d):
		return put(kindID)
	case len(d) >= 10 && isLandline(d, false):
		return put(kindPhone)
	}
	return false
}

// announced judges a group by the cue before it.
func (s *scanner) announced(b []byte, g group) bool {
	d := s.num.d[g.from:g.to]
	if g.masked || len(d) < 5 {
		return false
	}
	put := func(k kind) bool { s.add(s.leadIn(b, g.start), g.end, k); return true }
	if k, start := s.document(b, g, len(d)); k {
		s.add(start, g.end, kindID)
		return true
	}
	switch {
	case len(d) >= 7 && len(d) <= 12 && !(len(d) == 10 && d[0] == 4 && d[1] == 0 && d[2] == 0) && s.phoneCue(b, g.start):
		return put(kindPhone)
	case len(d) <= 11 && accountCue(b, g.start):
		return put(kindAccount)
	case len(d) > 12 && !ticketLength(len(d)) && !startsWithDate(d) && hasMobileEnd(d):
		return put(kindPhone)
	}
	return false
}

// ticketLength reports whether record numbers of that length exist: linkage needs them, so nothing is searched inside.
func ticketLength(n int) bool { return n == 14 || n == 16 || n == 17 || n == 18 || n == 20 }

func hasMobileEnd(d []byte) bool { return isMobile11(d[:11]) || isMobile11(d[len(d)-11:]) }

func isMobile11(d []byte) bool {
	if len(d) != 11 || d[0] != 1 || d[1] < 3 || d[1] > 9 {
		return false
	}
	for _, v := range d {
		if v > 9 {
			return false
		}
	}
	return true
}

// isMobile accepts a mobile number alone or after 0, 86, 086 or 0086.
func isMobile(d []byte) bool {
	switch len(d) {
	case 11:
	case 12:
		if d[0] != 0 {
			return false
		}
	case 13:
		if d[0] != 8 || d[1] != 6 {
			return false
		}
	case 14:
		if d[0] != 0 || d[1] != 8 || d[2] != 6 {
			return false
		}
	case 15:
		if d[0] != 0 || d[1] != 0 || d[2] != 8 || d[3] != 6 {
			return false
		}
	default:
		return false
	}
	return isMobile11(d[len(d)-11:])
}

// isLandline accepts an area code with a local number of 7 or 8 digits.
func isLandline(d []byte, separated bool) bool {
	if len(d) < 10 || len(d) > 12 || d[0] != 0 {
		return false
	}
	area := 4
	switch {
	case d[1] == 0:
		return false
	case d[1] == 1:
		if d[2] != 0 {
			return false
		}
		area = 3
	case d[1] == 2:
		area = 3
	}
	local := d[area:]
	if len(local) != 7 && len(local) != 8 {
		return false
	}
	return local[0] >= 2 && local[0] <= 8 || separated && local[0] > 0 && local[0] <= 9
}

func maskedKind(d []byte) (kind, bool) {
	known, stars := 0, 0
	for _, v := range d {
		if v == digitMasked {
			stars++
		} else {
			known++
		}
	}
	switch {
	case stars < 2 || known < 4:
		return 0, false
	case len(d) <= 14 && known >= 5 && (d[0] == 1 && d[1] >= 3 && d[1] <= 9 || d[0] == 0 || d[0] == 8 && d[1] == 6):
		return kindPhone, true
	case len(d) >= 12 && known >= 5:
		return kindID, true
	case len(d) >= 7 && known >= 5:
		return kindPhone, true
	}
	return 0, false
}

// leadIn moves the start back over a + or an opening bracket that belongs to a number.
func (s *scanner) leadIn(b []byte, start int) int {
	for {
		r, w := prevRune(b, start)
		if r != '+' && r != '＋' {
			return start
		}
		start -= w
	}
}

func plusBefore(b []byte, start int) bool {
	r, _ := prevRune(b, start)
	return r == '+' || r == '＋'
}

var phoneCues = []string{"电话", "手机", "座机", "固话", "致电", "拨打", "来电", "联系", "联系方式", "回电", "传真", "小灵通",
	"Tel", "TEL", "tel", "Phone", "phone", marks[kindPhone]}

// phoneCue reports whether the text before p announces a phone number, or another phone number stands just before it.
func (s *scanner) phoneCue(b []byte, p int) bool {
	for range 6 {
		if n := len(s.spans); n > 0 && s.spans[n-1].end == p && s.spans[n-1].kind == kindPhone {
			return true
		}
		if hasSuffixIn(b[:p], phoneCues) {
			return true
		}
		r, w := prevRune(b, p)
		switch r {
		case ':', '：', ' ', '是', '为', '号', '码', '（', '(', '、', ',', '，', '/', '或', '+', '＋', '\t', '　', '-', '.', '；', ';':
			p -= w
		default:
			return false
		}
	}
	return false
}

func hasSuffixIn(b []byte, words []string) bool {
	for _, w := range words {
		if len(b) >= len(w) && string(b[len(b)-len(w):]) == w {
			return true
		}
	}
	return false
}

var documentCues = []string{"护照", "通行证", "台胞证", "回乡证", "居住证", "军官证", "士兵证", "证件", "证号", "身份证"}

// document recognises passports and travel permits: one or two letters and 7 to 10 digits, or 8 digits, after a cue.
func (s *scanner) document(b []byte, g group, n int) (bool, int) {
	if n < 6 || n > 18 {
		return false, 0
	}
	start := g.start
	letters := 0
	for letters < 2 {
		r, w := prevRune(b, start)
		if bits16(r)&classMask != classLetter {
			break
		}
		start -= w
		letters++
	}
	lo := max(0, start-36)
	for _, c := range documentCues {
		at := bytes.LastIndex(b[lo:start], []byte(c))
		if at < 0 || bytes.ContainsAny(b[lo+at:start], "，。；,;0123456789") {
			continue
		}
		if letters > 0 && n <= 10 {
			return true, start
		}
		// Without letters only what stands directly after the cue: 身份证号：… with a typing error in it, too.
		if rest := bytes.TrimLeft(b[lo+at+len(c):start], " :：是为号码(（"); len(rest) == 0 && letters == 0 {
			return true, start
		}
	}
	return false, 0
}
