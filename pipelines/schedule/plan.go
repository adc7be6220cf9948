package schedule

import (
	"fmt"
	"hash/fnv"
	"time"
)

// late is how long after its due time a slot still counts as on time: two looks at the clock.
const late = 2 * tick

// plan is the schedule of one source with what has been handed out of it. It is a pure function of the times given to
// it, so that clock jumps are tested without changing any clock.
type plan struct {
	spec   Spec
	id     string
	jitter time.Duration
	missed Missed
	limit  int
	next   time.Time // the slot to hand out next; zero if the source runs by hand only
}

// newPlan resumes after last, the newest slot known to have run; zero if the source never ran.
func newPlan(src Source, spec Spec, last, now time.Time) *plan {
	p := &plan{spec: spec, id: src.ID, jitter: src.Jitter, missed: src.Missed, limit: src.CatchUp}
	switch {
	case spec.String() == "":
	case last.IsZero():
		p.next = spec.Next(now)
	default:
		p.next = spec.Next(last)
	}
	return p
}

// slot is one start that is due.
type slot struct {
	at      time.Time
	catchUp bool
}

// due returns the starts due at now, oldest first, the number of slots known to be passed over, and moves on.
func (p *plan) due(now time.Time) (slots []slot, passed int) {
	if p.next.IsZero() {
		return nil, 0
	}
	if now.Before(p.next) {
		// The clock was set back, or last came from a clock that was ahead: see the package comment.
		if between := p.spec.newest(now, p.next.Add(-time.Nanosecond), 2); len(between) == 2 {
			p.next = p.spec.Next(now)
		}
	}
	want := 1
	if p.missed == MissedAll {
		want = p.limit
	}
	found := p.spec.newest(p.next.Add(-time.Nanosecond), now, want+2)
	for len(found) > 0 && p.dueAt(found[len(found)-1]).After(now) {
		found = found[:len(found)-1]
	}
	if len(found) == 0 {
		return nil, 0
	}
	newest := found[len(found)-1]
	p.next = p.spec.Next(newest)
	onTime := now.Sub(p.dueAt(newest)) <= late
	if p.missed == MissedNone && !onTime {
		return nil, len(found)
	}
	keep := found[max(0, len(found)-want):]
	for i, at := range keep {
		slots = append(slots, slot{at: at, catchUp: i < len(keep)-1 || !onTime})
	}
	return slots, len(found) - len(keep)
}

// at returns when the next slot is due; zero if there is none.
func (p *plan) at() time.Time {
	if p.next.IsZero() {
		return p.next
	}
	return p.dueAt(p.next)
}

// dueAt is the slot with its jitter, which depends on source and slot only: a restart does not roll the dice again, and
// sources with the same schedule are spread. The jitter stays under half of the distance to the next slot, so that
// slots keep their order.
func (p *plan) dueAt(slot time.Time) time.Time {
	if p.jitter <= 0 {
		return slot
	}
	room := p.jitter
	if next := p.spec.Next(slot); !next.IsZero() {
		room = min(room, next.Sub(slot)/2)
	}
	if room <= 0 {
		return slot
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x1f%d", p.id, slot.Unix())
	// FNV leaves the high bits of near inputs alike; one multiplication-xorshift round spreads them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return slot.Add(time.Duration(x % uint64(room)))
}

// clockStep returns by how much the wall clock moved more than the time that really passed; zero when it is the slow
// correction of a time service.
func clockStep(wallBefore, wallNow time.Time, elapsed time.Duration) time.Duration {
	step := wallNow.Round(0).Sub(wallBefore.Round(0)) - elapsed
	if step.Abs() < 5*time.Second {
		return 0
	}
	return step
}
