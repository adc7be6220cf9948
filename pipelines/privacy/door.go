package privacy

import "bytes"

// unit is the kind of counting word after a number in an address.
type unit uint8

const (
	unitNone     unit = iota
	unitBuilding      // 幢 栋 号楼 弄: says building by itself
	unitStair         // 单元
	unitRoom          // 室 房
	unitNumber        // 号
	unitWeak          // 楼 层 户 门 排 组 座 #: only beside another part
)

// unitOf judges the first character of a unit.
func unitOf(r rune) unit {
	switch r {
	case '幢', '栋', '弄', '棟':
		return unitBuilding
	case '单':
		return unitStair
	case '室', '房':
		return unitRoom
	case '号', '號':
		return unitNumber
	case '楼', '层', '户', '门', '排', '组', '座', '#', '＃':
		return unitWeak
	}
	return unitNone
}

// part is one number with its unit.
type part struct {
	unit   unit
	r      rune // first character of the unit
	digits int
	han    bool
	end    int
}

// numeral returns the end of the number at p, written in digits, in characters (二十三) or with dashes (12-3), with a
// letter around it (A12, 3B).
func numeral(b []byte, p int) (end, digits int, han bool) {
	for p < len(b) {
		r, w := decode(b, p)
		switch {
		case digitValue(r) >= 0:
			han = han || bits16(r)&classMask == classHanDigit
		case r == '十' || r == '百':
			han = true
		default:
			if digits > 0 && (r == '-' || r == '－' || r == '—' || r == '–') {
				if r2, _ := nextRune(b, p+w); digitValue(r2) >= 0 {
					p += w
					continue
				}
			}
			if digits > 0 && bits16(r)&classMask == classLetter {
				if r2, _ := nextRune(b, p+w); unitOf(r2) != unitNone {
					return p + w, digits, han
				}
			}
			return p, digits, han
		}
		digits++
		p += w
	}
	return p, digits, han
}

func partAt(b []byte, p int) (part, bool) {
	q, digits, han := numeral(b, p)
	if digits == 0 || digits > 9 {
		return part{}, false
	}
	r, w := nextRune(b, q)
	u := unitOf(r)
	pt := part{unit: u, r: r, digits: digits, han: han, end: q + w}
	switch {
	case u == unitNone:
		pt.end = q
		return pt, false
	case u == unitStair:
		if !bytes.HasPrefix(b[q:], []byte("单元")) {
			return part{}, false
		}
		pt.end = q + len("单元")
	case u == unitNumber, r == '#', r == '＃':
		switch r2, w2 := nextRune(b, pt.end); r2 {
		case '楼', '幢', '栋', '房':
			pt.unit, pt.end = unitBuilding, pt.end+w2
		case '室':
			pt.unit, pt.end, pt.digits = unitRoom, pt.end+w2, max(3, pt.digits)
		}
	case u == unitRoom:
		if r2, w2 := nextRune(b, pt.end); r == '房' && (r2 == '间' || r2 == '号') {
			pt.end += w2
		}
	}
	return pt, true
}

// door handles a number that may begin a house, building, unit or room number. It returns the end of what it took out,
// or 0.
func (s *scanner) door(b []byte, i int) int {
	if s.mode == modeCode {
		return 0
	}
	first, ok := partAt(b, i)
	if !ok {
		return s.dashed(b, i)
	}
	start := s.doorStart(b, i)
	strong, has, parts := false, uint(0), 0
	end := 0
	p, pt := i, first
	for {
		parts++
		has |= 1 << pt.unit
		end = pt.end
		switch pt.unit {
		case unitBuilding, unitStair:
			strong = strong || parts > 1 || !s.quantity(b, start, pt)
		case unitRoom:
			strong = strong || pt.digits >= 3 || parts > 1
		case unitNumber:
			strong = strong || s.houseNumber(b, start, pt)
		}
		// The next part follows directly, or after one blank or dash.
		p = end
		r, w := nextRune(b, p)
		if r == ' ' || r == '-' || r == '－' || r == '—' || r == '之' || r == '附' || r == '号' && pt.unit == unitRoom {
			p += w
			r, w = nextRune(b, p)
		}
		if bits16(r)&classMask == classLetter {
			if r2, _ := nextRune(b, p+w); digitValue(r2) >= 0 || unitOf(r2) != unitNone {
				if digitValue(r2) < 0 { // 3幢B座
					_, w2 := nextRune(b, p+w)
					end = p + w + w2
					parts++
					p = end
					r, _ = nextRune(b, p)
				} else {
					p += w
					r, _ = nextRune(b, p)
				}
			}
		}
		if digitValue(r) < 0 && r != '十' {
			break
		}
		next, ok := partAt(b, p)
		if !ok {
			// A bare room number after a building or stair: 3幢501, 2单元302.
			if next.digits >= 2 && next.digits <= 4 && next.end > 0 && !measure(b, next.end) && (pt.unit == unitBuilding || pt.unit == unitStair || pt.unit == unitNumber || pt.unit == unitWeak && (pt.r == '座' || pt.r == '#' || pt.r == '楼')) {
				strong = strong || pt.unit != unitNumber && pt.r != '楼' || s.mode == modeAddress
				end = next.end
			}
			break
		}
		pt = next
	}
	if !strong && parts > 1 {
		// 5组12号, 3楼501室, A座3层: two parts prove each other where one is a house or a room.
		strong = has&(1<<unitNumber) != 0 && has&(1<<unitWeak) != 0
	}
	if !strong || end <= start {
		return 0
	}
	s.add(start, end, kindDoor)
	return end
}

// doorStart moves the start back over the tens of a Chinese numeral, a letter (A12幢) and a preceding A座, 甲栋.
func (s *scanner) doorStart(b []byte, i int) int {
	start := i
	if r, w := prevRune(b, start); r < 0x80 && bits16(r)&classMask == classLetter {
		if r2, _ := prevRune(b, start-w); bits16(r2)&classMask != classLetter {
			start -= w
		}
	}
	if r, w := prevRune(b, start); r == '座' || r == '栋' || r == '幢' || r == '区' {
		if r2, w2 := prevRune(b, start-w); bits16(r2)&classMask == classLetter {
			start -= w + w2
		}
	}
	return start
}

// quantity reports whether a building word counts: 一栋楼, 共有3幢楼房.
func (s *scanner) quantity(b []byte, start int, pt part) bool {
	if pt.unit == unitStair {
		return false
	}
	if bytes.HasPrefix(b[pt.end:], []byte("楼")) || bytes.HasPrefix(b[pt.end:], []byte("房")) || bytes.HasPrefix(b[pt.end:], []byte("别墅")) || bytes.HasPrefix(b[pt.end:], []byte("建筑")) {
		return true
	}
	r, _ := prevRune(b, start)
	switch r {
	case '共', '有', '了', '建', '盖', '拆', '这', '那', '第', '每', '各', '余':
		return pt.r != '号'
	}
	return pt.han && pt.digits == 1 && s.mode != modeAddress && pt.end-start == 6 && bytes.HasPrefix(b[start:], []byte("一"))
}

// houseNumber reports whether D号 is a house number: after a road or a place, not a line, a gate, a document or a day.
func (s *scanner) houseNumber(b []byte, start int, pt part) bool {
	if pt.digits > 5 {
		return false
	}
	next, _ := nextRune(b, pt.end)
	switch next {
	case '线', '口', '井', '机', '杆', '灯', '台', '车', '文', '下', '上', '晚', '早', '凌', '中', '公', '厅', '泵', '塔', '闸', '墩', '桩', '标', '坑', '门', '桥', '路', '至', '到', '码', '令', '柜', '桌', '窗', '电', '岗', '通':
		return false
	}
	r, _ := prevRune(b, start)
	switch r {
	case '路', '街', '道', '巷', '弄', '里', '村', '庄', '段', '桥', '坊', '园', '苑', '区', '城', '墅', '镇', '厦', '场', '院', '牌', '组', '湾', '埂', '圩', '舍', '寓', '胡', '同', '条', '队', '营', '屯', '东', '西', '南', '北', '旁', '侧':
		return true
	case '月', '第', '本', '每':
		return false
	}
	return s.mode == modeAddress && isHan(r)
}

// measure reports whether a number before p counts something, so that it is no room.
func measure(b []byte, p int) bool {
	r, _ := nextRune(b, p)
	switch r {
	case '元', '米', '人', '户', '年', '月', '日', '个', '平', '万', '名', '次', '多', '余', '点', '时', '分', '岁', '辆', '天', '路', '.', '%', '℃':
		return true
	}
	return false
}

// dashed handles 5-2-301, and 12-301 after the name of a residential place.
func (s *scanner) dashed(b []byte, i int) int {
	var size [4]int
	n, p, end := 0, i, i
	if r, _ := prevRune(b, i); digitValue(r) >= 0 || r == '-' || r == '.' {
		return 0
	}
	for n < 4 {
		d := 0
		for p < len(b) {
			r, w := decode(b, p)
			if digitValue(r) < 0 || bits16(r)&classMask == classHanDigit {
				break
			}
			d++
			p += w
		}
		if d == 0 {
			return 0
		}
		size[n], end = d, p
		n++
		r, w := nextRune(b, p)
		if r != '-' && r != '－' && r != '—' && r != '–' {
			break
		}
		if n == 4 {
			return 0
		}
		p += w
	}
	last := size[max(n-1, 0)]
	switch {
	case n < 2 || last < 3 || last > 4 || size[0] > 3:
		return 0
	case measure(b, end):
		return 0
	case n == 2:
		r, _ := prevRune(b, i)
		switch r {
		case '苑', '园', '区', '村', '庭', '城', '府', '邸', '湾', '居', '郡', '墅', '里', '寓', '庄', '坊', '院', '家', '花', '轩', '阁':
		default:
			return 0
		}
	case size[1] > 2:
		return 0
	}
	s.add(i, end, kindDoor)
	return end
}
