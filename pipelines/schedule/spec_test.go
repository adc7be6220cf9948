package schedule_test

import (
	"strings"
	"testing"
	"time"

	_ "time/tzdata" // the zones with daylight saving below, on machines without a zone database

	"onegrid/pipelines/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseSpecRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"TZ=Asia/Shanghai":      "key zone",
		"CRON_TZ=UTC":           "key zone",
		"CRON_TZ=UTC 0 2 * * *": "key zone",
		"":                      "empty spec",
		"* * * *":               "expected exactly 5 fields",
		"61 * * * *":            "above maximum",
		"0 0 30 2 *":            "no such day ever comes",
		"@every 200ms":          "under one second",
		"@every -5m":            "under one second",
		"@never":                "unrecognized descriptor",
		"*/0 * * * *":           "positive",
		"30 2 * * * 记录":         "expected exactly 5 fields",
	} {
		if _, err := schedule.ParseSpec(text, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ name, zone, spec, from, want string }{
		{"daily on the zone's clock", "Asia/Shanghai", "30 2 * * *", "2026-05-01T00:00:00Z", "2026-05-01T18:30:00Z"},
		{"weekdays", "Asia/Shanghai", "0 9 * * 1-5", "2026-05-01T02:00:00Z", "2026-05-04T01:00:00Z"},
		{"leap day", "UTC", "0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"year rollover", "Asia/Shanghai", "59 23 31 12 *", "2026-12-31T16:00:00Z", "2027-12-31T15:59:00Z"},
		{"every, on its grid", "UTC", "@every 7m", "2000-01-01T00:06:59Z", "2000-01-01T00:07:00Z"},
		{"every, exactly on a slot", "UTC", "@every 7m", "2000-01-01T00:07:00Z", "2000-01-01T00:14:00Z"},
		{"every, before the anchor", "UTC", "@every 7m", "1999-12-31T23:58:00Z", "2000-01-01T00:00:00Z"},
		{"every day, at the zone's midnight", "Asia/Shanghai", "@every 24h", "2026-05-01T12:00:00Z", "2026-05-01T16:00:00Z"},
		{"a time that the clocks skip comes late", "America/New_York", "30 2 * * *", "2026-03-08T06:59:00Z", "2026-03-08T07:30:00Z"},
		{"after it, the next day", "America/New_York", "30 2 * * *", "2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"},
	} {
		s, err := schedule.ParseSpec(c.spec, zone(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(at(t, c.from)); !got.Equal(at(t, c.want)) {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
}

// Over a year with both clock changes, a daily schedule has one slot per day and an interval keeps its distance,
// where robfig/cron alone skips one and doubles one.
func TestDaylightSavingYear(t *testing.T) {
	for _, name := range []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"} {
		z := zone(t, name)
		from := time.Date(2018, 1, 1, 0, 0, 0, 0, z) // Sao Paulo still changed its clocks at midnight then
		for _, spec := range []string{"30 1 * * *", "30 2 * * *", "0 0 * * *", "15 0 * * *"} {
			s, err := schedule.ParseSpec(spec, z)
			if err != nil {
				t.Fatal(err)
			}
			days := map[string]int{}
			end := from.AddDate(1, 0, 0)
			for at := s.Next(from.Add(-time.Second)); at.Before(end); at = s.Next(at) {
				days[at.In(z).Format(time.DateOnly)]++
			}
			for i := range 365 {
				day := time.Date(2018, 1, 1+i, 12, 0, 0, 0, z).Format(time.DateOnly)
				if n := days[day]; n != 1 {
					t.Errorf("%s %q: %d slots on %s", name, spec, n, day)
				}
			}
		}
		for spec, gap := range map[string]time.Duration{"*/30 * * * *": 30 * time.Minute, "@every 90m": 90 * time.Minute, "@hourly": time.Hour} {
			if name == "Australia/Lord_Howe" && spec == "@hourly" {
				continue // clocks move by 30 minutes there: full hours of the clock are not an hour apart
			}
			s, err := schedule.ParseSpec(spec, z)
			if err != nil {
				t.Fatal(err)
			}
			prev := s.Next(from)
			for at := s.Next(prev); at.Before(from.AddDate(1, 0, 0)); prev, at = at, s.Next(at) {
				if at.Sub(prev) != gap {
					t.Fatalf("%s %q: %v between %v and %v", name, spec, at.Sub(prev), prev, at)
				}
			}
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{"*/5 * * * *", "TZ=Asia/Shanghai", "CRON_TZ=", "@every 1h", "@daily", "0 0 31 2 *", "1-5/2,7 * ? JAN MON"} {
		f.Add(s)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schedule.ParseSpec(text, time.UTC)
		if err != nil {
			return
		}
		if next := s.Next(from); !next.After(from) {
			t.Errorf("%q: next %v is not after %v", text, next, from)
		}
	})
}
