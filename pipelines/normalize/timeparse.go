package normalize

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a city server may have no zone files

	"onegrid/event"
)

// outcome is what became of one value.
type outcome uint8

const (
	isNull     outcome = iota // nothing there
	isOK                      // converted
	isBad                     // there, but not readable
	isSentinel                // a placeholder that means nothing
	isUnmapped                // a code that its list does not hold
	isError                   // an expression failed
)

// Layout is a named way of writing time.
type Layout struct {
	Name    string
	Example string
	Doc     string
	DocZH   string
	parse   func(p *timeParser, s string) (int64, outcome)
	auto    bool
}

// layouts is the closed list of named layouts. The auto ones exclude each other by shape, so their order is free.
func layouts() []Layout {
	return []Layout{
		{"iso", "2024-03-05 08:09:10.123", "year first with - / or .; one or two digits; time, fraction, zone and AM/PM may follow", "年月日以 - / . 分隔, 可含小数秒与时区", (*timeParser).ymd, true},
		{"compact", "20240305080910", "8, 12, 14 or 17 digits", "紧凑数字格式", (*timeParser).compact, true},
		{"excel", "45356.3396", "Excel serial of five digits: days since 1899-12-30, local time", "Excel 序列值", (*timeParser).excel, true},
		{"zh", "2024年3月5日 8时9分10秒", "Chinese units; minutes and seconds may be left out", "中文年月日时分秒", (*timeParser).chinese, true},
		{"us", "03/05/2024 08:09:10 AM", "month first with /; AM/PM or 24 hours", "美式月/日/年", (*timeParser).us, false},
		{"unix", "1709597350", "seconds since 1970 UTC", "Unix 秒", (*timeParser).unix, false},
		{"unix_ms", "1709597350123", "milliseconds since 1970 UTC", "Unix 毫秒", (*timeParser).unixMS, false},
	}
}

// timeParser reads times of one field. It is immutable.
type timeParser struct {
	named  []func(*timeParser, string) (int64, outcome)
	others []string // Go layouts, the slow way
	auto   bool
	loc    *time.Location
	offset int64 // of loc in microseconds where it is fixed
	fixed  bool
}

// newTimeParser reads names (see layouts) and Go layouts; none means every auto layout.
func newTimeParser(names []string, zone string) (*timeParser, error) {
	p := &timeParser{}
	switch zone {
	case "", "Asia/Shanghai":
		p.loc, p.fixed, p.offset = event.Shanghai, true, 8*3600*1e6
	case "UTC":
		p.loc, p.fixed = time.UTC, true
	case "Local":
		return nil, fmt.Errorf("zone %q depends on the machine", zone)
	default:
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return nil, fmt.Errorf("unknown zone %q", zone)
		}
		p.loc = loc
	}
	if len(names) == 0 {
		p.auto = true
		return p, nil
	}
	known := layouts()
	for _, name := range names {
		i := slices.IndexFunc(known, func(l Layout) bool { return l.Name == name })
		switch {
		case name == "auto":
			p.auto = true
		case i >= 0:
			p.named = append(p.named, known[i].parse)
		case strings.Contains(name, "06") && strings.Contains(name, "2"):
			p.others = append(p.others, name)
		default:
			return nil, fmt.Errorf("unknown layout %q", name)
		}
	}
	return p, nil
}

// parse returns microseconds since 1970 UTC.
func (p *timeParser) parse(s string) (int64, outcome) {
	if len(s) == 0 {
		return 0, isNull
	}
	if p.auto {
		if us, o := p.parseAuto(s); o != isBad {
			return us, o
		}
	}
	for _, f := range p.named {
		if us, o := f(p, s); o != isBad {
			return us, o
		}
	}
	for _, l := range p.others {
		if t, err := time.ParseInLocation(l, s, p.loc); err == nil {
			// Without a zone in the text, ParseInLocation gives local civil time, so the sentinels can be told by it.
			y, mo, d := t.Date()
			if sentinel(y, int(mo), d, t.Hour(), t.Minute(), t.Second()) {
				return 0, isSentinel
			}
			return t.UnixMicro(), isOK
		}
	}
	return 0, isBad
}

// parseAuto decides by shape.
func (p *timeParser) parseAuto(s string) (int64, outcome) {
	// Nearly every time of every source is 2006-01-02 15:04:05 in this width; it deserves its own way.
	if len(s) == 19 && (s[4] == '-' || s[4] == '/') && s[7] == s[4] && (s[10] == ' ' || s[10] == 'T') && s[13] == ':' && s[16] == ':' {
		c, y := pair(s, 0), pair(s, 2)
		mo, d, h, mi, sec := pair(s, 5), pair(s, 8), pair(s, 11), pair(s, 14), pair(s, 17)
		if c|y|mo|d|h|mi|sec >= 0 {
			return p.civil(c*100+y, mo, d, h, mi, sec, 0)
		}
	}
	if len(s) > 4 {
		switch s[4] {
		case '-', '/', '.':
			return p.ymd(s)
		case 0xE5: // 年
			return p.chinese(s)
		}
		if len(s) > 5 && s[5] == '.' {
			return p.excel(s)
		}
	}
	if len(s) == 5 {
		return p.excel(s)
	}
	return p.compact(s)
}

// pair reads two digits, or gives -1.
func pair(s string, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// digits reads between lo and hi digits at i.
func digits(s string, i, lo, hi int) (v, next int, ok bool) {
	start := i
	for i < len(s) && i-start < hi {
		c := s[i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int(c)
		i++
	}
	return v, i, i-start >= lo
}

// ymd reads 2006-1-2, then nothing or a clock time.
func (p *timeParser) ymd(s string) (int64, outcome) {
	y, i, ok := digits(s, 0, 4, 4)
	if !ok || i >= len(s) {
		return 0, isBad
	}
	sep := s[i]
	if sep != '-' && sep != '/' && sep != '.' {
		return 0, isBad
	}
	mo, i, ok := digits(s, i+1, 1, 2)
	if !ok || i >= len(s) || s[i] != sep {
		return 0, isBad
	}
	d, i, ok := digits(s, i+1, 1, 2)
	if !ok {
		return 0, isBad
	}
	return p.clock(s, i, y, mo, d)
}

// us reads 1/2/2006, then nothing or a clock time.
func (p *timeParser) us(s string) (int64, outcome) {
	mo, i, ok := digits(s, 0, 1, 2)
	if !ok || i >= len(s) || s[i] != '/' {
		return 0, isBad
	}
	d, i, ok := digits(s, i+1, 1, 2)
	if !ok || i >= len(s) || s[i] != '/' {
		return 0, isBad
	}
	y, i, ok := digits(s, i+1, 4, 4)
	if !ok {
		return 0, isBad
	}
	return p.clock(s, i, y, mo, d)
}

// clock reads what follows a date at i: "" or [T ]15:04[:05[.999999999]][ ][AM|PM][ ][Z|±07[:00]].
func (p *timeParser) clock(s string, i, y, mo, d int) (int64, outcome) {
	if i == len(s) {
		return p.civil(y, mo, d, 0, 0, 0, 0)
	}
	switch s[i] {
	case ' ':
		for i < len(s) && s[i] == ' ' {
			i++
		}
	case 'T', 't':
		i++
	default:
		return 0, isBad
	}
	h, i, ok := digits(s, i, 1, 2)
	if !ok || i >= len(s) || s[i] != ':' {
		return 0, isBad
	}
	mi, i, ok := digits(s, i+1, 2, 2)
	if !ok {
		return 0, isBad
	}
	sec, us := 0, 0
	if i < len(s) && s[i] == ':' {
		if sec, i, ok = digits(s, i+1, 2, 2); !ok {
			return 0, isBad
		}
		if i < len(s) && (s[i] == '.' || s[i] == ',') {
			if us, i, ok = fraction(s, i+1); !ok {
				return 0, isBad
			}
		}
	}
	if i == len(s) {
		return p.civil(y, mo, d, h, mi, sec, us)
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	if rest := s[i:]; len(rest) >= 2 && (rest[1]|0x20) == 'm' {
		if h < 1 || h > 12 {
			return 0, isBad
		}
		switch rest[0] | 0x20 {
		case 'a':
			h %= 12
		case 'p':
			h = h%12 + 12
		default:
			return 0, isBad
		}
		for i += 2; i < len(s) && s[i] == ' '; {
			i++
		}
		if i == len(s) {
			return p.civil(y, mo, d, h, mi, sec, us)
		}
	}
	off, ok := zoneOffset(s[i:])
	if !ok {
		return 0, isBad
	}
	if sentinel(y, mo, d, h, mi, sec) {
		return 0, isSentinel
	}
	if !valid(y, mo, d, h, mi, sec) {
		return 0, isBad
	}
	return utcMicros(y, mo, d, h, mi, sec, us) - int64(off)*1e6, isOK
}

// fraction reads up to nine digits after the point as microseconds, cut off like Arrow's unit.
func fraction(s string, i int) (us, next int, ok bool) {
	start := i
	for scale := 100_000; i < len(s) && s[i]-'0' <= 9; scale /= 10 {
		us += int(s[i]-'0') * scale
		i++
	}
	return us, i, i > start && i-start <= 9
}

// zoneOffset reads Z or ±07, ±0700, ±07:00 as seconds east of UTC.
func zoneOffset(s string) (int, bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, i, ok := digits(s, 1, 2, 2)
	if !ok {
		return 0, false
	}
	mi := 0
	if i < len(s) {
		if s[i] == ':' {
			i++
		}
		if mi, i, ok = digits(s, i, 2, 2); !ok || i != len(s) {
			return 0, false
		}
	}
	if h > 23 || mi > 59 {
		return 0, false
	}
	off := h*3600 + mi*60
	if s[0] == '-' {
		off = -off
	}
	return off, true
}

// compact reads 20060102, 200601021504, 20060102150405 and 20060102150405000.
func (p *timeParser) compact(s string) (int64, outcome) {
	if strings.Trim(s, "0") == "" {
		return 0, isSentinel // 0, 00000000: a number column's way of saying nothing
	}
	switch len(s) {
	case 8, 12, 14, 17:
	default:
		return 0, isBad
	}
	part := func(i, n int) int {
		v, _, ok := digits(s, i, n, n)
		if !ok {
			return -1
		}
		return v
	}
	y, mo, d := part(0, 4), part(4, 2), part(6, 2)
	var h, mi, sec, ms int
	if len(s) >= 12 {
		h, mi = part(8, 2), part(10, 2)
	}
	if len(s) >= 14 {
		sec = part(12, 2)
	}
	if len(s) == 17 {
		ms = part(14, 3)
	}
	if y|mo|d|h|mi|sec|ms < 0 {
		return 0, isBad
	}
	return p.civil(y, mo, d, h, mi, sec, ms*1000)
}

// excel reads a serial of five digits before the point: 1927 to 2173. The fraction is rounded to seconds:
// exports cut it to as few as five digits, and nobody types more.
func (p *timeParser) excel(s string) (int64, outcome) {
	day, i, ok := digits(s, 0, 5, 5)
	if !ok || i < len(s) && s[i] != '.' {
		return 0, isBad
	}
	var sec int64
	if i < len(s) {
		for _, c := range []byte(s[i+1:]) {
			if c-'0' > 9 {
				return 0, isBad
			}
		}
		if i+1 < len(s) {
			f, err := strconv.ParseFloat(s[i:], 64)
			if err != nil {
				return 0, isBad
			}
			sec = int64(f*86_400 + 0.5)
		}
	}
	if day < 10000 {
		return 0, isBad
	}
	t := time.Unix((int64(day)-25569)*86_400+sec, 0).UTC() // 25569 is 1970-01-01
	y, mo, d := t.Date()
	h, mi, s2 := t.Clock()
	return p.civil(y, int(mo), d, h, mi, s2, 0)
}

// chinese reads 2006年1月2日[ ]15时4分5秒 and 2006年1月2日 15:04:05.
func (p *timeParser) chinese(s string) (int64, outcome) {
	y, i, ok := digits(s, 0, 4, 4)
	if !ok || !strings.HasPrefix(s[i:], "年") {
		return 0, isBad
	}
	mo, i, ok := digits(s, i+len("年"), 1, 2)
	if !ok || !strings.HasPrefix(s[i:], "月") {
		return 0, isBad
	}
	d, i, ok := digits(s, i+len("月"), 1, 2)
	if !ok || !strings.HasPrefix(s[i:], "日") {
		return 0, isBad
	}
	rest := strings.TrimLeft(s[i+len("日"):], " ")
	if rest == "" {
		return p.civil(y, mo, d, 0, 0, 0, 0)
	}
	if strings.Contains(rest, ":") {
		return p.clock(" "+rest, 0, y, mo, d)
	}
	var v [3]int
	for k, units := range [3][2]string{{"时", "点"}, {"分", "分"}, {"秒", "秒"}} {
		if rest == "" && k > 0 {
			break
		}
		n, i, ok := digits(rest, 0, 1, 2)
		if !ok {
			return 0, isBad
		}
		after, found := strings.CutPrefix(rest[i:], units[0])
		if !found {
			after, found = strings.CutPrefix(rest[i:], units[1])
		}
		if !found {
			return 0, isBad
		}
		v[k], rest = n, after
	}
	if rest != "" {
		return 0, isBad
	}
	return p.civil(y, mo, d, v[0], v[1], v[2], 0)
}

func (p *timeParser) unix(s string) (int64, outcome)   { return unixTime(s, 1e6) }
func (p *timeParser) unixMS(s string) (int64, outcome) { return unixTime(s, 1e3) }

func unixTime(s string, scale int64) (int64, outcome) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 || v > maxMicros/scale {
		return 0, isBad
	}
	if v == 0 {
		return 0, isSentinel
	}
	return v * scale, isOK
}

// maxMicros is the end of the year 9998.
const maxMicros = 253_370_764_800 * 1_000_000
