package filedrop

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// dateKind is what a number format shows of a serial number.
type dateKind uint8

const (
	notDate dateKind = iota
	dateTime
	timeOnly
)

// builtinFormat knows the formats that a workbook does not spell out, including those of Chinese Excel (27–36, 50–58).
func builtinFormat(id int) dateKind {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return dateTime
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47, id == 55, id == 56:
		return timeOnly
	}
	return notDate
}

// dateFormat tells dates from other formats by the letters of the first section, apart from quoted text, escapes and [conditions].
func dateFormat(code string) dateKind {
	var letters strings.Builder
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			if j := strings.IndexByte(code[i+1:], '"'); j >= 0 {
				i += j + 1
			}
		case '\\', '_', '*':
			i++
		case '[':
			j := strings.IndexByte(code[i:], ']')
			if j < 0 {
				return notDate
			}
			switch strings.ToLower(code[i : i+j+1]) {
			case "[h]", "[hh]", "[m]", "[mm]", "[s]", "[ss]":
				return notDate // a duration is a number of days, not a point of time
			}
			i += j
		case ';':
			i = len(code)
		default:
			letters.WriteByte(c | 0x20)
		}
	}
	l := letters.String()
	switch {
	case strings.Contains(l, "general"):
		return notDate
	case strings.ContainsAny(l, "yd"):
		return dateTime
	case strings.ContainsAny(l, "hs"):
		return timeOnly
	case strings.Contains(l, "m"):
		return dateTime
	}
	return notDate
}

// serialText is the canonical text of a serial date: "2006-01-02 15:04:05", with a fraction where there is one, and
// only the time of day for a time format without a day. It is false for numbers that are no dates.
func serialText(v string, kind dateKind, date1904 bool) (string, bool) {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f >= 2958466 { // the year 10000
		return "", false
	}
	// Serial numbers carry no more than milliseconds; rounding hides the binary fraction.
	ms := int64(math.Round(f * 86_400_000))
	if kind == timeOnly && ms < 86_400_000 {
		return time.UnixMilli(ms).UTC().Format("15:04:05.999"), true
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case date1904:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case f < 60:
		epoch = epoch.AddDate(0, 0, 1) // before the 29 February 1900 that Excel believes in
	}
	// In two steps: all of it does not fit a time.Duration.
	return epoch.AddDate(0, 0, int(ms/86_400_000)).Add(time.Duration(ms%86_400_000) * time.Millisecond).Format("2006-01-02 15:04:05.999"), true
}
