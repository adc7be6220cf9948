package normalize

import (
	"fmt"
	"testing"
	"time"

	"onegrid/event"
)

func TestParseTime(t *testing.T) {
	for _, tc := range []struct {
		in, layouts, want string // want in Shanghai; "" unreadable, "null" placeholder
	}{
		{"2024-03-05 08:09:10", "", "2024-03-05 08:09:10"},
		{"2024-03-05 08:09:10.123", "", "2024-03-05 08:09:10.123"},
		{"2024-03-05 08:09:10.1234567", "", "2024-03-05 08:09:10.123456"},
		{"2024-03-05 08:09", "", "2024-03-05 08:09:00"},
		{"2024-03-05", "", "2024-03-05 00:00:00"},
		{"2024/03/05 08:09:10", "", "2024-03-05 08:09:10"},
		{"2024/3/5 8:09", "", "2024-03-05 08:09:00"},
		{"2024/3/5 8:09:10", "", "2024-03-05 08:09:10"},
		{"2024.3.5", "", "2024-03-05 00:00:00"},
		{"2024-03-05T08:09:10Z", "", "2024-03-05 16:09:10"},
		{"2024-03-05T08:09:10.5-05:00", "", "2024-03-05 21:09:10.5"},
		{"2024-03-05T08:09:10+0800", "", "2024-03-05 08:09:10"},
		{"2024-03-05 08:09:10 +08", "", "2024-03-05 08:09:10"},
		{"2024-03-05  08:09:10", "", "2024-03-05 08:09:10"},
		{"2024/3/5 2:09:10 PM", "", "2024-03-05 14:09:10"},
		{"2024/3/5 12:09:10 am", "", "2024-03-05 00:09:10"},
		{"20240305080910", "", "2024-03-05 08:09:10"},
		{"202403050809", "", "2024-03-05 08:09:00"},
		{"20240305", "", "2024-03-05 00:00:00"},
		{"20240305080910123", "", "2024-03-05 08:09:10.123"},
		{"45356.339699074074", "", "2024-03-05 08:09:10"},
		{"45356", "", "2024-03-05 00:00:00"},
		{"45356.0", "", "2024-03-05 00:00:00"},
		{"45356.999999999", "", "2024-03-06 00:00:00"},
		{"2024年3月5日 8时9分10秒", "", "2024-03-05 08:09:10"},
		{"2024年03月05日08点09分", "", "2024-03-05 08:09:00"},
		{"2024年3月5日", "", "2024-03-05 00:00:00"},
		{"2024年3月5日 08:09:10", "", "2024-03-05 08:09:10"},
		{"2024-02-29", "", "2024-02-29 00:00:00"},
		{"2023-02-29", "", ""},
		{"2024-13-01", "", ""},
		{"2024-04-31", "", ""},
		{"2024-03-05 24:00:00", "", ""},
		{"2024-03-05 08:60", "", ""},
		{"2024-03-05 13:00 PM", "", ""},
		{"2024-03/05", "", ""},
		{"2024-03-05 08:09:10 CST", "", ""},
		{"2024-03-05x", "", ""},
		{"05/03/2024", "", ""},
		{"24-03-05", "", ""},
		{"", "", "null"},
		{"12345678901", "", ""},
		{"00012", "", ""},
		{"45356.5x", "", ""},
		{"03/05/2024 08:09:10 AM", "us", "2024-03-05 08:09:10"},
		{"3/5/2024 12:09:10 PM", "us", "2024-03-05 12:09:10"},
		{"3/5/2024", "us", "2024-03-05 00:00:00"},
		{"1709597350", "unix", "2024-03-05 08:09:10"},
		{"1709597350123", "unix_ms", "2024-03-05 08:09:10.123"},
		{"-5", "unix", ""},
		{"0", "unix", "null"},
		{"05-Mar-24 08.09.10", "02-Jan-06 15.04.05", "2024-03-05 08:09:10"},
		{"01-Jan-00 00.00.00", "02-Jan-06 15.04.05", "null"},
		// placeholders
		{"0000-00-00 00:00:00", "", "null"},
		{"0001-01-01T00:00:00Z", "", "null"},
		{"1899-12-30 00:00:00", "", "null"},
		{"1900-01-01", "", "null"},
		{"1900-01-01 12:00:00", "", "null"},
		{"2000-01-01 00:00:00", "", "null"},
		{"2000-01-01 12:30:00", "", "2000-01-01 12:30:00"},
		{"2100-01-01", "", "null"},
		{"9999-12-31 23:59:59", "", "null"},
		{"99991231", "", "null"},
		{"1970-01-01 08:00:00", "", "null"},
		{"00000000", "", "null"},
		{"0", "", "null"},
	} {
		var names []string
		if tc.layouts != "" {
			names = []string{tc.layouts}
		}
		p, err := newTimeParser(names, "")
		if err != nil {
			t.Fatal(err)
		}
		us, o := p.parse(tc.in)
		got := ""
		switch o {
		case isOK:
			got = time.UnixMicro(us).In(event.Shanghai).Format("2006-01-02 15:04:05.999999")
		case isNull, isSentinel:
			got = "null"
		}
		if got != tc.want {
			t.Errorf("%q (%s) = %q, want %q", tc.in, tc.layouts, got, tc.want)
		}
	}
}

func TestLayoutExamples(t *testing.T) {
	for _, l := range layouts() {
		p, err := newTimeParser([]string{l.Name}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, o := p.parse(l.Example); o != isOK {
			t.Errorf("%s does not read its own example %q", l.Name, l.Example)
		}
	}
	if _, err := newTimeParser([]string{"yyyy"}, ""); err == nil {
		t.Error("an unknown layout is accepted")
	}
	if _, err := newTimeParser(nil, "Local"); err == nil {
		t.Error("zone Local is accepted")
	}
}

func TestZoneWithDaylightSaving(t *testing.T) {
	p, err := newTimeParser(nil, "America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{"2021-01-01 00:00:09": "2021-01-01T06:00:09Z", "2021-07-01 00:00:09": "2021-07-01T05:00:09Z"} {
		us, o := p.parse(in)
		if got := time.UnixMicro(us).UTC().Format(time.RFC3339); o != isOK || got != want {
			t.Errorf("%s = %s, want %s", in, got, want)
		}
	}
}

// goLayouts are the layouts of the standard library that the fast parser must agree with.
func goLayouts() []string {
	return []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006-1-2 15:04:05", "2006/01/02 15:04:05", "2006/1/2 15:04", "2006/1/2",
		"2006.1.2", "20060102150405", "200601021504", "20060102", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05-0700", "2006-01-02 03:04:05 PM",
		"2006年1月2日15时04分05秒"}
}

// FuzzTime compares the fast parser with time.Parse in both directions: what a layout reads must be read alike, and
// what is read must come back when it is written again.
func FuzzTime(f *testing.F) {
	for _, l := range goLayouts() {
		f.Add(time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC).Format(l))
	}
	for _, s := range []string{"45356.25", "2024-3-5 8:9", "0000-00-00", "2024-03-05T08:09:10,5Z", "2024年", "2024-03-05 08:09:10 pm+08:00"} {
		f.Add(s)
	}
	p, err := newTimeParser(nil, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		us, o := p.parse(s)
		if o == isOK {
			again, o2 := p.parse(time.UnixMicro(us).In(event.Shanghai).Format("2006-01-02 15:04:05.999999"))
			at := time.UnixMicro(us).In(event.Shanghai)
			if y := at.Year(); (o2 != isOK || again != us) && y > 1970 && y < 9999 && at.YearDay() > 1 {
				t.Errorf("%q = %v, which is not read again", s, at)
			}
		}
		for _, l := range goLayouts() {
			want, err := time.ParseInLocation(l, s, event.Shanghai)
			if err != nil {
				continue
			}
			y, mo, d := want.Date()
			switch {
			case o == isSentinel || sentinel(y, int(mo), d, want.Hour(), want.Minute(), want.Second()):
			case o != isOK:
				// The standard library also reads some hours beyond the clock's day and zones beyond a day; a person does not.
				if want.Format(l) == s {
					t.Errorf("%q is a time by %q and not read", s, l)
				}
			case want.UnixMicro() != us:
				t.Errorf("%q by %q = %v, got %v", s, l, want, time.UnixMicro(us).In(event.Shanghai))
			}
		}
	})
}

func BenchmarkParseTime(b *testing.B) {
	p, err := newTimeParser(nil, "")
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []string{"2024-03-05 08:09:10", "20240305080910", "45356.339699"} {
		b.Run(fmt.Sprint(len(s)), func(b *testing.B) {
			for b.Loop() {
				if _, o := p.parse(s); o != isOK {
					b.Fatal(o)
				}
			}
		})
	}
}
