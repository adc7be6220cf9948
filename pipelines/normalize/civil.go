package normalize

import "time"

// civil turns local civil time into UTC microseconds.
func (p *timeParser) civil(y, mo, d, h, mi, sec, us int) (int64, outcome) {
	if sentinel(y, mo, d, h, mi, sec) {
		return 0, isSentinel
	}
	if !valid(y, mo, d, h, mi, sec) {
		return 0, isBad
	}
	if p.fixed {
		return utcMicros(y, mo, d, h, mi, sec, us) - p.offset, isOK
	}
	return time.Date(y, time.Month(mo), d, h, mi, sec, us*1000, p.loc).UnixMicro(), isOK
}

// sentinel knows the placeholder dates that the departments' systems write for "no time": year 0, 1 and 9999, the
// zero days of Excel and SQL Server (1899-12-30, 1899-12-31, 1900-01-01), the midnights of 2000-01-01 and 2100-01-01,
// and the Unix epoch at midnight UTC or midnight local.
func sentinel(y, mo, d, h, mi, sec int) bool {
	if y > 1970 && y < 2000 || y > 2000 && y < 2100 {
		return false
	}
	switch {
	case y <= 1, y >= 9999:
		return true
	case y == 1899:
		return mo == 12 && d >= 30
	case y == 1900:
		return mo == 1 && d == 1
	case y == 1970:
		return mo == 1 && d == 1 && (h == 0 || h == 8) && mi == 0 && sec == 0
	case y == 2000, y == 2100:
		return mo == 1 && d == 1 && h == 0 && mi == 0 && sec == 0
	}
	return false
}

func valid(y, mo, d, h, mi, sec int) bool {
	if mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || sec > 59 {
		return false
	}
	return d <= 28 || d <= daysIn(y, mo)
}

func daysIn(y, mo int) int {
	switch mo {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// utcMicros counts days by years that start in March, so that the leap day is the last one.
func utcMicros(y, mo, d, h, mi, sec, us int) int64 {
	if mo <= 2 {
		y--
		mo += 12
	}
	days := int64(365*y + y/4 - y/100 + y/400 + (153*(mo-3)+2)/5 + d - 719469)
	return (days*86400+int64(h*3600+mi*60+sec))*1e6 + int64(us)
}
