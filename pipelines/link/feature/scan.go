package feature

import (
	"slices"
	"unicode/utf8"
)

// placeScanner finds the names of places in one text. It is reused from text to text.
type placeScanner struct {
	l     *lexicon
	names *Gazetteer
	r     []rune
	buf   []byte
	out   []Place
	base  int // of out: where this record's places begin

	left int  // where a name may begin
	sure bool // left is a boundary that the text itself makes: punctuation, another place, the beginning
	road span // the road found last
}

// span is where a place stands, its name without the words before it.
type span struct {
	from, to int
	name     string
}

func (s *placeScanner) scan() {
	s.left, s.sure, s.road = 0, true, span{from: -1}
	for i := 0; i < len(s.r) && len(s.out)-s.base < MaxPlaces; {
		i = s.step(i)
	}
}

// step looks at position i and returns where to go on.
func (s *placeScanner) step(i int) int {
	c := s.r[i]
	switch {
	case han(c):
		if n, kind := s.names.at(s.r[i:]); n > 0 && !s.inside(i, n) {
			s.put(s.text(s.r[i:i+n], nil), kind, false)
			return s.boundary(i+n, true)
		}
		if list := s.l.suffixAt(s.r[i:]); list != nil {
			for k := range list {
				if !has(s.r[i:], list[k].runes) {
					continue
				}
				if end := s.suffix(i, &list[k]); end > 0 {
					return end
				}
			}
		}
		return i + 1
	case letter(c):
		return s.latin(i)
	case digit(c):
		return s.number(i)
	}
	return s.boundary(i+1, true)
}

// inside reports whether a division's name at i is part of a longer name of another thing: 朝阳区 in 朝阳区域.
func (s *placeScanner) inside(i, n int) bool {
	if i+n >= len(s.r) {
		return false
	}
	switch s.r[i+n] {
	case '域', '别', '间', '路', '街', '道', '巷':
		return true
	}
	return false
}

func (s *placeScanner) boundary(i int, sure bool) int {
	s.left, s.sure = i, sure
	return i
}

// latin handles a run that begins with a letter: a place code of an anonymised text, or a word that ends a name.
func (s *placeScanner) latin(i int) int {
	end := i
	for end < len(s.r) && (letter(s.r[end]) || digit(s.r[end])) {
		end++
	}
	// A市, A5区, K3县, B2: one letter and at most two digits.
	if end-i <= 3 && end < len(s.r) && (end == i+1 || digit(s.r[i+1])) {
		switch s.r[end] {
		case '市', '区', '县', '镇', '省', '乡', '村':
			end++
			s.put(s.text(s.r[i:end], nil), PlaceCoarse, false)
		}
	}
	return s.boundary(end, true)
}

// number handles a run of digits: a house number is left out, a numbered route is a coarse place.
func (s *placeScanner) number(i int) int {
	end := i
	for end < len(s.r) && (digit(s.r[end]) || s.r[end] == '-' && end+1 < len(s.r) && digit(s.r[end+1])) {
		end++
	}
	if end-i <= 4 {
		for _, route := range [...]string{"号线", "国道", "省道", "县道", "乡道"} {
			w := []rune(route)
			if has(s.r[end:], w) {
				s.put(s.text(s.r[i:end], w), PlaceCoarse, false)
				return s.boundary(end+len(w), true)
			}
		}
	}
	return s.boundary(end, true)
}

// suffix judges the suffix x at i. It returns where to go on, 0 where it makes no place.
func (s *placeScanner) suffix(i int, x *suffix) int {
	end := i + len(x.runes)
	if end < len(s.r) && slices.Contains(x.not, s.r[end]) && !(s.r[end] == '民' && x.text == "村" && end+1 < len(s.r) && s.r[end+1] == '委') {
		return 0
	}
	from, sure, ok := s.begin(i, x.min)
	if !ok {
		if len(x.runes) > 1 || i > from && s.l.isGeneric(s.r[from:i], x) {
			return s.boundary(end, true) // "小区", "过马路": a word of its own
		}
		return 0
	}
	if x.kind > PlaceDivision {
		if k := s.district(from, i); k > from && i-k >= x.min {
			from, sure = k, true
		}
	}
	if i-from > x.max {
		from, sure = i-x.max, false
	}
	core := s.r[from:i]
	if s.l.isGeneric(core, x) {
		// "老旧小区", "菜市场": a word of its own, and the end of whatever came before it.
		return s.boundary(end, true)
	}
	if x.weak && !(sure && len(core) <= 4 && s.ends(end)) {
		return 0
	}
	if x.kind == PlaceDivision && !sure {
		return 0
	}
	name := s.text(core, x.as)
	s.put(name, x.kind, false)
	// The beginning of a long name is uncertain: its end stands for it in other texts that name it shortly.
	if least := 4; x.kind > PlaceDivision && (len(core) > least || !sure && len(core) >= 3) {
		for n := min(4, len(core)-1); n >= 2; n-- {
			s.put(s.text(core[len(core)-n:], x.as), x.kind, true)
		}
	}
	if x.kind == PlaceRoad {
		s.crossing(span{from, end, name})
	}
	if x.kind == PlaceRoad && end < len(s.r) && s.r[end] == '口' {
		end++
	}
	return s.boundary(end, true)
}

// district returns where the name goes on after a district that the text names first, without a gazetteer knowing it:
// 西塘区松林新村 is 松林新村. It is from where there is none.
func (s *placeScanner) district(from, i int) int {
	for k := from + 2; k <= from+3 && k+2 <= i; k++ {
		switch s.r[k] {
		case '区':
			switch s.r[k-1] {
			case '小', '社', '园', '片', '景', '校', '厂', '库', '新', '山', '矿', '老', '城', '郊', '地', '灾', '院':
				continue
			}
			return k + 1
		case '县', '市':
			if s.r[k+1] != '场' && s.r[k+1] != '政' && s.r[k+1] != '城' {
				return k + 1
			}
		}
	}
	return from
}

// begin finds where the name before position i begins: after the last lead word. It fails where nothing of at least n
// runes is left.
func (s *placeScanner) begin(i, n int) (from int, sure, ok bool) {
	from, sure = s.left, s.sure
	if i-from > 24 {
		from, sure = i-24, false
	}
	for p := from; p < i; {
		k, weak := s.l.leadAt(s.r[p:i])
		switch {
		case k == 0:
			p++
			continue
		case weak != leadAlways && i-p-k < max(2, n), weak == leadWeak && p == s.left && s.sure && i-p <= 3:
			p++ // part of the name: 向阳路, 前进路, 和平东路
			continue
		}
		p += k
		from, sure = p, true
	}
	return from, sure, i-from >= n
}

// ends reports whether a name may end at i: what follows cannot continue it.
func (s *placeScanner) ends(i int) bool {
	if i >= len(s.r) || !han(s.r[i]) {
		return true
	}
	for _, w := range nameEnds() {
		if has(s.r[i:], w) {
			return true
		}
	}
	return false
}

// crossing adds the pair of two roads that the text says to meet: 文昌路与汶河路交叉口.
func (s *placeScanner) crossing(b span) {
	a := s.road
	s.road = b
	if a.from < 0 || a.name == b.name || b.from-a.to > 1 {
		return
	}
	if b.from-a.to == 1 {
		switch s.r[a.to] {
		case '与', '和', '跟', '及', '同', '、', '/', '-', '—', '&', '交', '至':
		default:
			return
		}
	}
	if b.to >= len(s.r) {
		return
	}
	switch s.r[b.to] {
	case '交', '口', '路', '十', '丁', '的', '处', '岔', '相', '转', '拐', '这':
		if a.name > b.name {
			a, b = b, a
		}
		s.put(a.name+"×"+b.name, PlaceCrossing, false)
	}
}

// text is the name that core and end make.
func (s *placeScanner) text(core, end []rune) string {
	s.buf = s.buf[:0]
	for _, r := range core {
		s.buf = utf8.AppendRune(s.buf, r)
	}
	for _, r := range end {
		s.buf = utf8.AppendRune(s.buf, r)
	}
	return string(s.buf)
}

// put adds a place once; a whole name replaces the same name as a part.
func (s *placeScanner) put(name string, kind PlaceKind, part bool) {
	for k := range s.out[s.base:] {
		if p := &s.out[s.base+k]; p.Name == name {
			p.Part = p.Part && part
			return
		}
	}
	if len(s.out)-s.base < MaxPlaces {
		s.out = append(s.out, Place{Name: name, Kind: kind, Part: part})
	}
}
