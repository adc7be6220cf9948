package privacy

import (
	"bytes"
	"strings"
)

// cue handles a character that ends a name cue: the name after it is taken out. It returns 0 where no name follows.
func (s *scanner) cue(b []byte, i, w int, list []nameCue) int {
	p := i + w
	next, _ := nextRune(b, p)
	c := bits16(next)
	if c&bitSurname == 0 && !cueFiller(next) && (!isHan(next) || c&bitStop != 0) {
		return 0
	}
	var found *nameCue
	for k := range list {
		t := list[k].text
		if p >= len(t) && string(b[p-len(t):p]) == t && (found == nil || found.weak) {
			found = &list[k]
		}
	}
	if found == nil {
		return 0
	}
	q, proof := p, false
	for n := 0; n < 6; n++ {
		r, rw := nextRune(b, q)
		if !cueFiller(r) || r == 0 {
			break
		}
		// 叫, 名 and a colon say that a name follows; 是 and a blank do not.
		proof = proof || r == ':' || r == '：' || r == '叫' || r == '名'
		q += rw
	}
	end := s.nameAt(b, q, !found.weak || proof, proof)
	if end == 0 && !found.weak {
		end = rareName(b, q, proof)
	}
	if end == 0 {
		return 0
	}
	s.add(q, end, kindName)
	return s.moreNames(b, end)
}

// rareName returns the end of what stands alone after a strong cue in the form of a name though no list knows the family
// name: three characters, after a colon also two, and then none. Rather a word is lost than a name kept (invariant 4).
func rareName(b []byte, p int, labelled bool) int {
	first, q, n := p, p, 0
	for ; n < 4; n++ {
		r, w := nextRune(b, q)
		if !isHan(r) {
			break
		}
		if c := bits16(r); c&bitStop != 0 || c&classMask == classHanDigit || c&classMask == classHanTen {
			return 0 // an age, an amount, a sentence
		}
		q += w
		if n == 1 {
			first = q
		}
	}
	if n != 3 && !(labelled && n == 2) || isNotName(b[p:first]) {
		return 0
	}
	return q
}

// moreNames takes out the other names of an enumeration: 、李某, 和王某.
func (s *scanner) moreNames(b []byte, p int) int {
	for range 8 {
		r, w := nextRune(b, p)
		if r != '、' && r != '/' && r != '和' && r != '与' {
			return p
		}
		end := s.nameAt(b, p+w, r == '、', false)
		if end == 0 {
			return p
		}
		s.add(p+w, end, kindName)
		p = end
	}
	return p
}

func cueFiller(r rune) bool {
	switch r {
	case ':', '：', ' ', '　', '是', '叫', '为', '姓', '名', '系', '（', '(', '“', '"', '「', '【', '[', '字', '一', '*':
		return true
	}
	return false
}

// nameAt returns the end of the name at p, or 0. strong: a person is expected here; labelled: the text says so (姓名：).
func (s *scanner) nameAt(b []byte, p int, strong, labelled bool) int {
	r1, w1 := nextRune(b, p)
	c1 := bits16(r1)
	if c1&bitSurname == 0 {
		return 0
	}
	q, compound := p+w1, false
	if r2, w2 := nextRune(b, q); w2 > 0 && isCompound(r1, r2) {
		q, compound = q+w2, true
	} else if !surnameAlone(r1) {
		return 0
	}
	// Stars and 某 stand for the given name: 张*, 李某某.
	if end := anonymised(b, q); end > q {
		if c1&bitAmbiguous != 0 && !strong && !compound {
			return 0
		}
		return end
	}
	if r2, w2 := nextRune(b, q); !compound && isHan(r2) {
		if _, no := notNames[string(b[p:q+w2])]; no && !labelled {
			return 0
		}
	}
	if c1&bitAmbiguous != 0 && !strong && !compound {
		return 0
	}
	// A form of address after the family name is found by title.
	ends := [4]int{q}
	n := 0
	for n < 3 {
		r, w := nextRune(b, ends[n])
		if !isHan(r) || bits16(r)&bitStop != 0 && !(labelled && n < 2 && labelledRun(b, ends[n])) {
			break
		}
		ends[n+1] = ends[n] + w
		n++
	}
	if n == 0 {
		if titleAt(b, q) {
			return q
		}
		return 0
	}
	for k := 1; k <= min(n, 2); k++ { // 张三先生
		if titleAt(b, ends[k-1]) {
			return ends[k-1]
		}
	}
	if strong {
		return ends[min(n, 2)]
	}
	// After a weak cue the name must be followed by what follows a subject.
	for _, k := range [2]int{2, 1} {
		if k <= n && follows(b, ends[k]) {
			return ends[k]
		}
	}
	return 0
}

// labelledRun reports whether the characters from p to the next non-character are few enough to be all of a name.
func labelledRun(b []byte, p int) bool {
	for range 3 {
		r, w := nextRune(b, p)
		if !isHan(r) {
			return true
		}
		p += w
	}
	return false
}

// follows reports whether a name may end at p.
func follows(b []byte, p int) bool {
	r, w := nextRune(b, p)
	if w == 0 || !isHan(r) {
		return true
	}
	return bits16(r)&bitStop != 0 || r == '求' || r == '男' || r == '女'
}

// anonymised returns the end of 某, 某某, *, ** at q, or q.
func anonymised(b []byte, q int) int {
	for n := 0; n < 3; n++ {
		r, w := nextRune(b, q)
		if r == '某' && n == 0 && genericAfter(b, q+w) {
			return q
		}
		if r != '某' && r != '*' && r != '＊' && r != '×' && r != 'X' && r != 'x' {
			if n > 0 && (r == '甲' || r == '乙' || r == '丙' || r == '丁') {
				q += w
			}
			return q
		}
		q += w
	}
	return q
}

// genericAfter reports whether 某 before p means "a certain": 某日, 某小区.
func genericAfter(b []byte, p int) bool {
	r, _ := nextRune(b, p)
	switch r {
	case '日', '年', '月', '时', '地', '处', '小', '公', '店', '些', '种', '个', '单', '楼', '路', '村', '局', '镇', '区', '县', '市', '天', '条', '家', '项', '位', '栋', '段', '饭', '酒', '工', '超', '网', '物':
		return true
	}
	return false
}

func isCompound(a, b rune) bool {
	for _, c := range compoundSurnames {
		r, w := decode([]byte(c[:3]), 0)
		if r != a {
			continue
		}
		if r2, _ := decode([]byte(c[w:]), 0); r2 == b {
			return true
		}
	}
	return false
}

// surnameAlone reports whether r is a family name without a second character.
func surnameAlone(r rune) bool {
	switch r {
	case '司', '上', '诸', '东', '皇', '尉', '公', '慕', '令', '端', '长', '宇', '轩', '南', '西', '独', '百', '呼', '澹', '太', '完', '拓':
		return false
	}
	return true
}

func titleAt(b []byte, p int) bool {
	for k, t := range titles {
		if k == wholeNameTitles {
			continue
		}
		if len(b)-p >= len(t) && string(b[p:p+len(t)]) == t {
			return true
		}
	}
	return false
}

// title handles a form of address: the name before it is taken out together with it.
func (s *scanner) title(b []byte, i int, list []string) int {
	var t string
	for _, x := range list {
		if bytes.HasPrefix(b[i:], []byte(x)) {
			t = x
			break
		}
	}
	if t == "" {
		return 0
	}
	end := i + len(t)
	r1, w1 := prevRune(b, i)
	if !isHan(r1) {
		return 0
	}
	start := -1
	p1 := i - w1
	r2, w2 := prevRune(b, p1)
	p2 := p1 - w2
	c1, c2 := bits16(r1), bits16(r2)
	whole := false
	for _, x := range titles[:wholeNameTitles] {
		whole = whole || x == t
	}
	if r1 == '方' && strings.ContainsRune("对校警双厂院官店卖买甲乙地我", r2) {
		return 0
	}
	switch {
	case isCompound(r2, r1):
		start = p2
	case c1&bitSurname != 0 && surnameAlone(r1) && (c1&bitAmbiguous == 0 || !isHan(r2) || c2&bitStop != 0 || personWord(b[:p1])):
		if start = p1; whole && c2&bitSurname != 0 && c2&bitAmbiguous == 0 && surnameAlone(r2) {
			start = p2
		}
	case whole && c2&bitSurname != 0 && c2&bitAmbiguous == 0 && surnameAlone(r2) && c1&bitStop == 0 && !isNotName(b[p2:i]):
		start = p2
	case whole:
		r3, w3 := prevRune(b, p2)
		if c3 := bits16(r3); isHan(r2) && c3&bitSurname != 0 && c3&bitAmbiguous == 0 && surnameAlone(r3) && c1&bitStop == 0 && c2&bitStop == 0 && !isNotName(b[p2-w3:p1]) {
			start = p2 - w3
		}
	}
	if start < 0 {
		return 0
	}
	if t == "某" {
		if genericAfter(b, end) {
			return 0
		}
		end = anonymised(b, i)
		if end <= i {
			return 0
		}
		// A real given name after 某 does not exist, a form of address does.
		for _, x := range titles[:wholeNameTitles] {
			if bytes.HasPrefix(b[end:], []byte(x)) {
				end += len(x)
				break
			}
		}
	}
	if n := len(s.spans); n > 0 && s.spans[n-1].end > start && s.spans[n-1].kind != kindName {
		return 0
	}
	s.add(start, end, kindName)
	return s.moreNames(b, end)
}

func isNotName(w []byte) bool {
	_, no := notNames[string(w)]
	return no
}

// personWord reports whether b ends with a name cue.
func personWord(b []byte) bool {
	r, _ := prevRune(b, len(b))
	if r <= 0 || r > 0xffff {
		return false
	}
	for _, c := range words[wordOf[r]].cues {
		if bytes.HasSuffix(b, []byte(c.text)) {
			return true
		}
	}
	return false
}

// surnameCue handles 姓: 姓张, 一个姓欧阳的人.
func (s *scanner) surnameCue(b []byte, i int) int {
	p := i + len("姓")
	if s.mode == modeCode {
		return p
	}
	if r, _ := prevRune(b, i); r == '百' || r == '贵' || r == '异' || r == '同' {
		return p // 百姓 is people, no name
	}
	r, w := nextRune(b, p)
	if bits16(r)&bitSurname == 0 {
		return p
	}
	if r2, w2 := nextRune(b, p+w); w2 > 0 && isCompound(r, r2) {
		s.add(p, p+w+w2, kindName)
		return p + w + w2
	}
	if surnameAlone(r) {
		s.add(p, p+w, kindName)
	}
	return p + w
}
