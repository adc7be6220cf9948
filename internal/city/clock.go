package city

import "strconv"

// Times inside the city are seconds since 1970 on the wall clock of Asia/Shanghai, which is eight hours ahead of UTC all
// year: the sources write local time without a zone, and whole seconds.
const (
	zoneSeconds = 8 * 3600
	daySeconds  = 86400
)

// hourWeights is the daily rhythm of calls, in thousandths. The hours after noon and the one after midnight hold 598: a
// 12-hour clock displaces exactly those, which is the share that was measured (domain facts, 1.1).
func hourWeights() [24]int {
	return [24]int{18, 12, 9, 8, 8, 12, 22, 38, 54, 60, 61, 60, 58, 52, 53, 54, 56, 58, 60, 62, 60, 52, 42, 31}
}

// rhythm maps an even fraction of a day (thousandths) to seconds of the day by the hourly weights.
func newRhythm() (at [1001]int32) {
	i := 0
	for h, w := range hourWeights() {
		for k := range w {
			at[i] = int32(h*3600 + k*3600/w)
			i++
		}
	}
	at[1000] = daySeconds
	return at
}

// wall turns a number of days into seconds with the rhythm of the day; it never runs backwards.
func (c *City) wall(days float64) int64 {
	d := int64(days)
	if days < 0 && float64(d) > days {
		d--
	}
	f := (days - float64(d)) * 1000
	i := int(f)
	if i > 999 {
		i = 999
	}
	lo, hi := float64(c.rhythm[i]), float64(c.rhythm[i+1])
	return c.start + d*daySeconds + int64(lo+(hi-lo)*(f-float64(i)))
}

// civil splits a day number since 1970 into year, month and day (proleptic Gregorian).
func civil(days int64) (y, m, d int) {
	z := days + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = int(yoe + era*400)
	if m <= 2 {
		y++
	}
	return y, m, d
}

const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func append2(dst []byte, v int) []byte { return append(dst, pairs[v*2], pairs[v*2+1]) }

// appendTime appends 2006-01-02 15:04:05.
func appendTime(dst []byte, t int64) []byte {
	y, m, d := civil(t / daySeconds)
	s := int(t % daySeconds)
	dst = append2(append2(dst, y/100), y%100)
	dst = append2(append(dst, '-'), m)
	dst = append2(append(dst, '-'), d)
	dst = append2(append(dst, ' '), s/3600)
	dst = append2(append(dst, ':'), s/60%60)
	return append2(append(dst, ':'), s%60)
}

// appendTime12 appends the time as an export with an hh mask does: 12-hour clock, no AM or PM.
func appendTime12(dst []byte, t int64) []byte {
	at := len(dst)
	dst = appendTime(dst, t)
	h := int(t % daySeconds / 3600 % 12)
	if h == 0 {
		h = 12
	}
	dst[at+11], dst[at+12] = pairs[h*2], pairs[h*2+1]
	return dst
}

// appendCompact appends 20060102150405, from digit skip on and cut to n digits.
func appendCompact(dst []byte, t int64, skip, n int) []byte {
	var b [14]byte
	y, m, d := civil(t / daySeconds)
	s := int(t % daySeconds)
	q := append2(append2(append2(append2(b[:0], y/100), y%100), m), d)
	q = append2(append2(append2(q, s/3600), s/60%60), s%60)
	return append(dst, q[skip:skip+n]...)
}

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// appendPadded appends v with leading zeros to n digits.
func appendPadded(dst []byte, v, n int) []byte {
	at := len(dst)
	for range n {
		dst = append(dst, '0')
	}
	for i := at + n - 1; i >= at && v > 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
	return dst
}

// appendFixed appends v with n decimals.
func appendFixed(dst []byte, v float64, n int) []byte {
	scale := 1.0
	for range n {
		scale *= 10
	}
	if v < 0 {
		dst = append(dst, '-')
		v = -v
	}
	u := uint64(v*scale + 0.5)
	dst = strconv.AppendUint(dst, u/uint64(scale), 10)
	return appendPadded(append(dst, '.'), int(u%uint64(scale)), n)
}
