package normalize

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
)

// check sets the quality flags that need more than one column. Only one check changes a value: the repair of a lost
// AM/PM, and only where the mapping trusts the time in the record number.
func (r *run) check() {
	k := &r.p.checks
	if k.idTime != nil {
		r.checkIDTime(k.idTime) // first: the others see the repaired time
	}
	r.checkOrder(k.order)
	r.checkFuture(k.future.Microseconds())
	if k.dueMapped {
		r.checkDue()
	}
	r.checkCategory()
	for _, c := range k.ranges {
		r.checkColumn(c)
	}
	for _, c := range r.p.expect {
		if r.cols[c].arr == nil {
			r.drift = append(r.drift, r.p.columns[c])
		}
	}
	if len(r.drift) > 0 {
		for row := range r.flags {
			r.flags[row] |= event.HeaderDrift
		}
	}
}

// timeColumn gives the values of a time column of the draft, nil where it is unset.
func (r *run) timeColumn(col int) (*array.Timestamp, []arrow.Timestamp) {
	a, ok := r.out[col].(*array.Timestamp)
	if !ok {
		return nil, nil
	}
	return a, a.TimestampValues()
}

// checkOrder flags rows whose times run backwards. Missing steps are skipped: most cases leave some out.
func (r *run) checkOrder(cols []int) {
	type step struct {
		a *array.Timestamp
		v []arrow.Timestamp
	}
	var steps []step
	for _, c := range cols {
		if a, v := r.timeColumn(c); a != nil {
			steps = append(steps, step{a, v})
		}
	}
	for row := range r.flags {
		latest, any := arrow.Timestamp(0), false
		for _, s := range steps {
			if s.a.IsNull(row) {
				continue
			}
			if any && s.v[row] < latest {
				r.flags[row] |= event.TimeOrder
				break
			}
			latest, any = s.v[row], true
		}
	}
}

// checkFuture flags times after the reading. Deadlines lie in the future by nature.
func (r *run) checkFuture(tolerance int64) {
	if r.meta.ReadAt.IsZero() {
		return
	}
	limit := arrow.Timestamp(r.meta.ReadAt.UnixMicro() + tolerance)
	for i, c := range r.out {
		a, ok := c.(*array.Timestamp)
		if !ok || isDue(i) {
			continue
		}
		for row, v := range a.TimestampValues() {
			if v > limit && a.IsValid(row) {
				r.flags[row] |= event.TimeFuture
			}
		}
	}
}

func isDue(col int) bool {
	return col == event.Index("due_at") || col == event.Index("due_bundle_at") || col == event.Index("respond_due_at")
}

// checkDue flags dispatched records without a deadline.
func (r *run) checkDue() {
	sent, _ := r.timeColumn(event.Index("dispatched_at"))
	if sent == nil {
		return
	}
	due, _ := r.timeColumn(event.Index("due_at"))
	for row := range r.flags {
		if sent.IsValid(row) && (due == nil || due.IsNull(row)) {
			r.flags[row] |= event.DueMissing
		}
	}
}

// checkCategory flags records whose category at closure differs from that at intake.
func (r *run) checkCategory() {
	in, ok1 := r.out[event.Index("category_src_code")].(*array.Dictionary)
	end, ok2 := r.out[event.Index("category_end_code")].(*array.Dictionary)
	if !ok1 || !ok2 {
		return
	}
	a, b := in.Dictionary().(*array.String), end.Dictionary().(*array.String)
	for row := range r.flags {
		if in.IsValid(row) && end.IsValid(row) && a.Value(in.GetValueIndex(row)) != b.Value(end.GetValueIndex(row)) {
			r.flags[row] |= event.CategoryChanged
		}
	}
}

// checkColumn flags rows in which a source column holds something else than a number in its range: after a shift by
// one column a postcode column holds a latitude.
func (r *run) checkColumn(c rangeCheck) {
	v := &r.cols[c.col]
	if v.arr == nil {
		return
	}
	a := &alt{scale: 1}
	for row := range r.flags {
		if v.null(row) {
			continue
		}
		s, ok := clean(v.at(row), true)
		if !ok {
			continue
		}
		if n, ok := a.float(s); !ok || c.lo != nil && n < *c.lo || c.hi != nil && n > *c.hi {
			r.flags[row] |= event.ColumnShift
		}
	}
}

const halfDay = 12 * 3600 * 1_000_000

// checkIDTime compares the time in the record number with reported_at: equal within the tolerance; twelve hours apart,
// which is what an export without AM/PM does; another day; or another clock.
func (r *run) checkIDTime(k *idTimeCheck) {
	ids, ok := r.out[event.Index("source_record_id")].(*array.String)
	if !ok {
		return
	}
	reported, vals := r.timeColumn(event.Index("reported_at"))
	if reported == nil {
		return
	}
	for row := range vals {
		id := ids.Value(row)
		if len(id) < k.at+k.width {
			r.flags[row] |= event.IDFormat
			continue
		}
		t, ok := k.layout.read(id[k.at:])
		if !ok {
			r.flags[row] |= event.IDFormat
			continue
		}
		d := int64(vals[row]) - t
		switch {
		case d >= -k.tolerance && d <= k.tolerance:
		case near(d, halfDay, k.tolerance), near(d, -halfDay, k.tolerance):
			r.flags[row] |= event.Time12H
			if k.repair {
				if d > 0 {
					vals[row] -= halfDay
				} else {
					vals[row] += halfDay
				}
			}
		case event.Day(t) != event.Day(int64(vals[row])):
			r.flags[row] |= event.IDTimeMismatch
		default:
			r.flags[row] |= event.TimeSkew
		}
	}
}

func near(d, want, tolerance int64) bool { return d >= want-tolerance && d <= want+tolerance }

// idLayout is the parts of a time in a record number, in order: width of y (2 or 4), then M d H m s of two digits.
type idLayout string

// newIDLayout checks a layout such as yyMMddHHmm.
func newIDLayout(s string) (idLayout, error) {
	rest, ok := strings.CutPrefix(s, "yyyy")
	if !ok {
		rest, ok = strings.CutPrefix(s, "yy")
	}
	if !ok || len(rest) < 4 || len(rest)%2 != 0 || !strings.HasPrefix("MMddHHmmss", rest) {
		return "", fmt.Errorf("bad layout %q", s)
	}
	return idLayout(s), nil
}

// read gives microseconds UTC of the civil time in Asia/Shanghai at the start of s.
func (l idLayout) read(s string) (int64, bool) {
	var v [6]int // y M d H m s
	i, n := 0, 0
	width := 2
	if strings.HasPrefix(string(l), "yyyy") {
		width = 4
	}
	for i < len(l) {
		d, next, ok := digits(s, i, width, width)
		if !ok {
			return 0, false
		}
		v[n] = d
		n, i, width = n+1, next, 2
	}
	if v[0] < 100 {
		v[0] += 2000
	}
	if !valid(v[0], v[1], v[2], v[3], v[4], v[5]) {
		return 0, false
	}
	return utcMicros(v[0], v[1], v[2], v[3], v[4], v[5], 0) - 8*3600*1e6, true
}
