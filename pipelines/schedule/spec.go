package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Spec is a parsed schedule in one zone.
type Spec struct {
	text  string
	zone  *time.Location
	cron  *cron.SpecSchedule // nil for an interval
	every time.Duration
	wall  bool // the hour is fixed: compute on the wall clock
}

const allHours = 1<<24 - 1

// ParseSpec parses five cron fields (minute hour day-of-month month day-of-week) or a descriptor (@hourly, @daily,
// @weekly, @monthly, @yearly, @every 5m). A zone in the text ("TZ=", "CRON_TZ=") is refused: the zone is a setting of
// its own, and robfig/cron panics on some of these. It never panics, and refuses schedules without any future slot.
func ParseSpec(text string, zone *time.Location) (spec Spec, err error) {
	defer func() {
		if r := recover(); r != nil {
			spec, err = Spec{}, fmt.Errorf("reading schedule %q: not a schedule", text)
		}
	}()
	if zone == nil {
		return Spec{}, errors.New("reading schedule: no zone")
	}
	trimmed := strings.TrimSpace(text)
	if up := strings.ToUpper(trimmed); strings.HasPrefix(up, "TZ=") || strings.HasPrefix(up, "CRON_TZ=") {
		return Spec{}, fmt.Errorf("reading schedule %q: the zone is set with the key zone, not in the schedule", text)
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(trimmed)
	if err != nil {
		return Spec{}, fmt.Errorf("reading schedule %q: %w", text, err)
	}
	spec = Spec{text: trimmed, zone: zone}
	switch s := parsed.(type) {
	case cron.ConstantDelaySchedule:
		if d, derr := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(trimmed, "@every"))); derr == nil && d < time.Second {
			return Spec{}, fmt.Errorf("reading schedule %q: an interval under one second", text)
		}
		spec.every = s.Delay
	case *cron.SpecSchedule:
		s.Location = time.UTC
		spec.cron, spec.wall = s, s.Hour&allHours != allHours
		if !spec.wall {
			s.Location = zone
		}
	default:
		return Spec{}, fmt.Errorf("reading schedule %q: unknown form", text)
	}
	if spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Spec{}, fmt.Errorf("reading schedule %q: no such day ever comes", text)
	}
	return spec, nil
}

// String returns the text that was parsed.
func (s Spec) String() string { return s.text }

// Next returns the first slot after t, in UTC, or the zero time if there is none.
func (s Spec) Next(t time.Time) time.Time {
	switch {
	case s.cron == nil && s.every == 0:
		return time.Time{}
	case s.cron == nil:
		anchor := time.Date(2000, 1, 1, 0, 0, 0, 0, s.zone)
		n := t.Sub(anchor) / s.every
		next := anchor.Add(n * s.every)
		for !next.After(t) {
			next = next.Add(s.every)
		}
		return next.UTC()
	case !s.wall:
		next := s.cron.Next(t.In(s.zone))
		if next.IsZero() {
			return next
		}
		return next.UTC()
	}
	local := t.In(s.zone)
	// The wall clock as if it were UTC: a clock without gaps and repetitions.
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	for {
		wall = s.cron.Next(wall)
		if wall.IsZero() {
			return wall
		}
		if at := onWall(wall, s.zone); at.After(t) {
			return at.UTC()
		}
		// The slot's wall time came before, in the first pass of a repeated hour: it has had its run.
	}
}

// onWall returns the instant at which clocks of the zone show wall. A time that the clocks skip is moved forward by the
// length of the gap, so that a daily run inside it is late, not lost.
func onWall(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	_, off := at.Zone()
	shown := at.Add(time.Duration(off) * time.Second).UTC()
	if shown.Before(wall) {
		at = at.Add(wall.Sub(shown))
	}
	return at
}

// newest returns the newest n slots in (after, until], oldest first. Its work is bounded by n, not by the length of
// the time in between, so that a clock that jumped by years costs nothing.
func (s Spec) newest(after, until time.Time, n int) []time.Time {
	if n <= 0 || !after.Before(until) {
		return nil
	}
	first := s.Next(after)
	if first.IsZero() || first.After(until) {
		return nil
	}
	span := max(s.Next(until).Sub(until), 0) + time.Minute
	for {
		from := until.Add(-span)
		if from.Before(after) {
			from = after
		}
		var slots []time.Time
		for t := s.Next(from); !t.IsZero() && !t.After(until); t = s.Next(t) {
			slots = append(slots, t)
			if len(slots) > n {
				slots = slots[1:]
			}
		}
		if len(slots) == n || from.Equal(after) {
			return slots
		}
		span *= 2
	}
}
