package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func planFor(t *testing.T, src Source, last, now time.Time) *plan {
	t.Helper()
	src = src.Defaults()
	spec, err := ParseSpec(src.Cron, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return newPlan(src, spec, last, now)
}

func clock(s string) time.Time {
	v, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return v
}

// Each case is a history of looks at the clock: what is due at each, written as the slot's time and + for catch-up.
func TestPlanClock(t *testing.T) {
	type look struct {
		now  string
		want []string
	}
	for _, c := range []struct {
		name string
		src  Source
		last string
		look []look
	}{
		{"regular", Source{Cron: "*/5 * * * *"}, "2026-05-01 10:00:00", []look{
			{"2026-05-01 10:04:59", nil}, {"2026-05-01 10:05:00", []string{"10:05"}}, {"2026-05-01 10:05:10", nil}, {"2026-05-01 10:10:20", []string{"10:10"}}}},
		{"downtime, none", Source{Cron: "*/5 * * * *", Missed: MissedNone}, "2026-05-01 08:00:00", []look{
			{"2026-05-01 10:02:00", nil}, {"2026-05-01 10:05:00", []string{"10:05"}}}},
		{"downtime, none, but the newest slot is on time", Source{Cron: "*/5 * * * *", Missed: MissedNone}, "2026-05-01 08:00:00", []look{
			{"2026-05-01 10:00:30", []string{"10:00"}}}},
		{"downtime, last", Source{Cron: "*/5 * * * *"}, "2026-05-01 08:00:00", []look{
			{"2026-05-01 10:02:00", []string{"10:00+"}}, {"2026-05-01 10:05:00", []string{"10:05"}}}},
		{"downtime, all, capped at the newest", Source{Cron: "*/5 * * * *", Missed: MissedAll, CatchUp: 3}, "2026-05-01 08:00:00", []look{
			{"2026-05-01 10:02:00", []string{"09:50+", "09:55+", "10:00+"}}, {"2026-05-01 10:05:00", []string{"10:05"}}}},
		{"downtime, all, fewer than the cap", Source{Cron: "@hourly", Missed: MissedAll, CatchUp: 10}, "2026-05-01 08:00:00", []look{
			{"2026-05-01 11:00:05", []string{"09:00+", "10:00+", "11:00"}}}},
		{"clock forward by years is bounded", Source{Cron: "* * * * *", Missed: MissedAll, CatchUp: 2}, "2026-05-01 10:00:00", []look{
			{"2126-05-01 10:00:40", []string{"09:59+", "10:00"}}}},
		{"clock back by less than a slot: not run twice, not lost", Source{Cron: "*/5 * * * *"}, "2026-05-01 10:00:00", []look{
			{"2026-05-01 10:05:00", []string{"10:05"}}, {"2026-05-01 10:03:00", nil}, {"2026-05-01 10:05:00", nil}, {"2026-05-01 10:10:00", []string{"10:10"}}}},
		{"clock back by an hour: the interval goes on", Source{Cron: "*/5 * * * *"}, "2026-05-01 10:00:00", []look{
			{"2026-05-01 10:05:00", []string{"10:05"}}, {"2026-05-01 09:05:30", nil}, {"2026-05-01 09:10:00", []string{"09:10"}}, {"2026-05-01 09:15:00", []string{"09:15"}}}},
		{"daily, clock back over its slot: once that day", Source{Cron: "0 2 * * *"}, "2026-04-30 02:00:00", []look{
			{"2026-05-01 02:00:00", []string{"02:00"}}, {"2026-05-01 01:30:00", nil}, {"2026-05-01 02:00:10", nil}, {"2026-05-02 02:00:00", []string{"02:00"}}}},
		{"weekdays, clock back over Friday's slot: once", Source{Cron: "0 9 * * 1-5"}, "2026-04-30 09:00:00", []look{
			{"2026-05-01 09:00:00", []string{"09:00"}}, {"2026-05-01 08:45:00", nil}, {"2026-05-01 09:00:00", nil}, {"2026-05-04 09:00:00", []string{"09:00"}}}},
		{"last run in a far future that never was", Source{Cron: "0 2 * * *"}, "2036-05-01 02:00:00", []look{
			{"2026-05-01 01:00:00", nil}, {"2026-05-01 02:00:00", []string{"02:00"}}}},
		{"clock to and fro neither doubles nor loses", Source{Cron: "@hourly"}, "2026-05-01 10:00:00", []look{
			{"2026-05-01 11:00:00", []string{"11:00"}}, {"2026-05-01 10:30:00", nil}, {"2026-05-01 11:30:00", nil}, {"2026-05-01 12:00:00", []string{"12:00"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planFor(t, c.src, clock(c.last), clock(c.look[0].now))
			for _, l := range c.look {
				var got []string
				slots, _ := p.due(clock(l.now))
				for _, s := range slots {
					text := s.at.Format("15:04")
					if s.catchUp {
						text += "+"
					}
					got = append(got, text)
				}
				if d := cmp.Diff(l.want, got); d != "" {
					t.Errorf("at %s (-want +got):\n%s", l.now, d)
				}
				if !p.at().After(clock(l.now)) {
					t.Errorf("at %s: the next slot %v is not in the future: the loop would spin", l.now, p.at())
				}
			}
		})
	}
}

func TestJitter(t *testing.T) {
	base := clock("2026-05-01 10:00:00")
	seen := map[time.Duration]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		p := planFor(t, Source{ID: id, Cron: "@hourly", Jitter: 10 * time.Minute}, base, base)
		again := planFor(t, Source{ID: id, Cron: "@hourly", Jitter: 10 * time.Minute}, base, base)
		if !p.at().Equal(again.at()) {
			t.Errorf("%s: a restart moved the start from %v to %v", id, p.at(), again.at())
		}
		delay := p.at().Sub(p.next)
		if delay < 0 || delay >= 10*time.Minute {
			t.Errorf("%s: delay %v out of range", id, delay)
		}
		seen[delay.Truncate(time.Minute)] = true
	}
	if len(seen) < 4 {
		t.Errorf("eight sources share %d minutes: not spread", len(seen))
	}
	// A jitter above the interval is held under half of it, so that slots keep their order.
	p := planFor(t, Source{ID: "x", Cron: "* * * * *", Jitter: time.Hour}, base, base)
	for s := base; s.Before(base.Add(3 * time.Hour)); s = s.Add(time.Minute) {
		if d := p.dueAt(s).Sub(s); d < 0 || d >= 30*time.Second {
			t.Fatalf("slot %v delayed by %v", s, d)
		}
	}
}

func TestClockStep(t *testing.T) {
	a := clock("2026-05-01 10:00:00")
	for _, c := range []struct {
		wall, elapsed, want time.Duration
	}{
		{30 * time.Second, 30 * time.Second, 0},
		{31 * time.Second, 30 * time.Second, 0}, // a time service that corrects slowly
		{time.Hour, 30 * time.Second, time.Hour - 30*time.Second},
		{-time.Hour, 30 * time.Second, -time.Hour - 30*time.Second},
	} {
		if got := clockStep(a, a.Add(c.wall), c.elapsed); got != c.want {
			t.Errorf("wall %v in %v: %v, want %v", c.wall, c.elapsed, got, c.want)
		}
	}
}
