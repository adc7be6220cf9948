package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a city server may have no zone files
)

// timeLayouts and dateLayouts are the names of layouts besides Go's own.
func timeLayouts() []string { return []string{"auto", "us", "unix", "unix_ms"} }
func dateLayouts() []string { return []string{"ymd", "dmy", "mdy"} }

func layoutHint(as string) string {
	if as == "date" {
		return "one of " + strings.Join(dateLayouts(), ", ")
	}
	return "one of " + strings.Join(timeLayouts(), ", ") + ", or a Go layout such as 02.01.2006 15:04"
}

func checkLayout(as, l string) error {
	names := timeLayouts()
	if as == "date" {
		names = dateLayouts()
	}
	for _, n := range names {
		if n == l {
			return nil
		}
	}
	if as == "time" && strings.Contains(l, "06") && strings.Contains(l, "2") {
		return nil
	}
	return fmt.Errorf("unknown layout %q", l)
}

var errNoTime = errors.New("not a time")

// readTime gives microseconds since 1970 UTC.
func readTime(s string, layouts []string, loc *time.Location) (int64, bool) {
	if len(layouts) == 0 {
		layouts = []string{"auto"}
	}
	for _, l := range layouts {
		var t time.Time
		var err error
		switch l {
		case "auto":
			t, err = readISO(s, loc)
		case "us":
			t, err = readUS(s, loc)
		case "unix", "unix_ms":
			var n int64
			if n, err = strconv.ParseInt(s, 10, 64); err == nil && l == "unix" {
				t = time.Unix(n, 0)
			} else {
				t = time.UnixMilli(n)
			}
		default:
			t, err = time.ParseInLocation(l, s, loc)
		}
		if err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}

// readISO reads year, month, day separated by - / . or nothing, then hours, minutes, seconds, fraction and zone as far as
// they are written.
func readISO(s string, loc *time.Location) (time.Time, error) {
	i := 0
	num := func(most int) (int, bool) {
		v, n := 0, 0
		for i < len(s) && n < most && s[i] >= '0' && s[i] <= '9' {
			v, i, n = v*10+int(s[i]-'0'), i+1, n+1
		}
		return v, n > 0
	}
	sep := func(set string) bool {
		if i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
			i++
			return true
		}
		return false
	}
	year, ok1 := num(4)
	dashed := sep("-/.")
	month, ok2 := num(2)
	if dashed && !sep("-/.") {
		return time.Time{}, errNoTime
	}
	day, ok3 := num(2)
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, errNoTime
	}
	var h, m, sec, nano int
	if i < len(s) {
		sep("T ")
		var ok bool
		if h, ok = num(2); !ok {
			return time.Time{}, errNoTime
		}
		sep(":")
		if m, ok = num(2); !ok {
			return time.Time{}, errNoTime
		}
		sep(":")
		sec, _ = num(2)
		if sep(".,") {
			scale := 100_000_000
			for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
				nano += int(s[i]-'0') * scale
				scale /= 10
			}
		}
	}
	if h > 23 || m > 59 || sec > 60 {
		return time.Time{}, errNoTime
	}
	switch rest := strings.TrimSpace(s[i:]); {
	case rest == "":
	case rest == "Z":
		loc = time.UTC
	default:
		z, err := time.Parse("-07:00", rest)
		if err != nil {
			if z, err = time.Parse("-0700", rest); err != nil {
				return time.Time{}, errNoTime
			}
		}
		loc = z.Location()
	}
	t := time.Date(year, time.Month(month), day, h, m, sec, nano, loc)
	if t.Day() != day && h != 23 && h != 0 { // 31 April; not the hour that a change of the clock leaves out
		return time.Time{}, errNoTime
	}
	return t, nil
}

// readUS reads month/day/year, 24 hours or AM and PM.
func readUS(s string, loc *time.Location) (time.Time, error) {
	for _, l := range []string{"1/2/2006 3:04:05 PM", "1/2/2006 15:04:05", "1/2/2006 3:04 PM", "1/2/2006 15:04", "1/2/2006"} {
		if t, err := time.ParseInLocation(l, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errNoTime
}

// readDate gives y*10000 + m*100 + d. Groups may be separated by anything but digits, or stand together in eight digits.
// A month or day that no calendar has is kept: its digits can still be compared.
func readDate(s string, layouts []string) (int32, bool) {
	order := "ymd"
	if len(layouts) > 0 {
		order = layouts[0]
	}
	var groups [3]int
	var width [3]int
	n := -1
	in := false
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			in = false
			continue
		}
		if !in {
			n++
			in = true
			if n > 2 {
				break // a time of day behind the date
			}
		}
		if groups[n] < 1e8 {
			groups[n] = groups[n]*10 + int(s[i]-'0')
			width[n]++
		}
	}
	n = min(n, 2)
	if n == 0 && width[0] == 8 {
		v, at := groups[0], 8
		for k, c := range order {
			w := 2
			if c == 'y' {
				w = 4
			}
			at -= w
			p := 1
			for range at {
				p *= 10
			}
			groups[k], width[k] = v/p, w
			v %= p
		}
		n = 2
	}
	if n != 2 {
		return 0, false
	}
	var y, m, d int
	for k, c := range order {
		switch c {
		case 'y':
			if width[k] != 4 {
				return 0, false
			}
			y = groups[k]
		case 'm':
			m = groups[k]
		case 'd':
			d = groups[k]
		}
	}
	if m > 99 || d > 99 {
		return 0, false
	}
	return int32(y*10000 + m*100 + d), y > 0
}
