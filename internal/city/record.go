package city

// incident is one thing that happened.
type incident struct {
	block int64
	k     int // number within the block
	kind  *kind
	where *community
	spot  *spot
	t0    int64
	h     uint64
	lon   float64
	lat   float64
}

// incident returns incident k of block b. Time and place need no layout, so that a follow-up call can quote a call of
// an earlier block; kind is left for the caller where it has none.
func (c *City) incident(b int64, k int, kd *kind) incident {
	r := random{s: hash(c.cfg.Seed^saltIncident, uint64(b)<<6|uint64(k))}
	w := &c.communities[r.below(len(c.communities))]
	s := &w.spots[r.below(len(w.spots))]
	in := incident{block: b, k: k, kind: kd, where: w, spot: s, h: r.next()}
	in.t0 = c.wall((float64(b) + r.float()) * c.perBlock)
	in.lon, in.lat = s.lon, s.lat
	if lon, lat := offset(s.lon, s.lat, 40*r.float()-20, 40*r.float()-20); inside(w.Ring, lon, lat) {
		in.lon, in.lat = lon, lat
	}
	return in
}

// appendIncidentID appends the true id of an incident.
func appendIncidentID(dst []byte, in *incident) []byte {
	return appendPadded(append(appendPadded(append(dst, 'I'), int(in.block), 10), '-'), in.k, 2)
}

// step is a change of status: when, and the department's own status number.
type step struct {
	t    int64
	code int16
}

const maxSteps = 12

// lifeSeconds is longer than any record takes from its report to its last step, and to its archive.
const lifeSeconds = 24 * daySeconds

// record is one report of an incident as one department keeps it.
type record struct {
	dept   int
	ord    int64 // number within the department, from 0
	role   role
	in     incident
	county *county
	h      uint64
	caller uint64 // seed of the person who reports; never stands for a person outside the record's incident
	idTime int64  // the time in its number
	rep    int64  // the time of the call on the department's own clock
	hidden int64  // seconds between an update and its becoming visible
	ref    quoted
	onward bool // handed over to another department
	direct bool // 12345: answered in the call
	valid  bool
	n      int
	steps  [maxSteps]step
}

// quoted is the record that another one names by its number.
type quoted struct {
	dept   int
	ord    int64
	idTime int64
	county *county
	spot   *spot
	far    bool
	ok     bool
}

func (c *City) ordinal(b int64, slot int) (dept int, ord int64) {
	dept = deptOf(slot)
	from, n := slotsOf(dept)
	return dept, b*int64(n) + int64(slot-from)
}

// slotOf finds the block and slot of a department's record.
func slotOf(dept int, ord int64) (b int64, slot int) {
	from, n := slotsOf(dept)
	return ord / int64(n), from + int(ord%int64(n))
}

// called is when the report in a slot is made, on the clock of its number.
func (c *City) called(l *layout, slot int, in *incident) int64 {
	p := &l.slots[slot]
	r := random{s: hash(c.cfg.Seed^saltRecord, uint64(l.block)<<6|uint64(slot))}
	switch p.role {
	case first:
		return in.t0
	case again:
		f := r.float()
		if l.big[p.incident] {
			return in.t0 + int64(f*f*float64(min(c.spread, 3*3600)))
		}
		return in.t0 + int64(f*f*f*float64(c.spread))
	case followFar:
		return c.wall((float64(l.block)+r.float())*c.perBlock) + r.between(0, min(c.spread, 1800))
	default: // after the record that it quotes
		quick := min(c.spread, 3600)
		return c.called(l, int(p.ref), in) + quick/20 + r.between(0, quick)
	}
}

// build makes the record in a slot.
func (c *City) build(l *layout, slot int, rec *record) {
	p := &l.slots[slot]
	*rec = record{role: p.role, valid: true, onward: p.onward != noRef}
	rec.dept, rec.ord = c.ordinal(l.block, slot)
	rec.h = hash(c.cfg.Seed^saltRecord, uint64(l.block)<<6|uint64(slot))
	if p.role == followFar {
		b := l.block - int64(p.far)
		rec.in = c.incident(b, 0, &c.kinds[l.kind[0]])
		rec.ref = quoted{dept: police, ord: b * policeSlots, idTime: rec.in.t0, far: true, ok: true}
	} else {
		rec.in = c.incident(l.block, int(p.incident), &c.kinds[l.kind[p.incident]])
		if p.ref != noRef {
			rec.ref.dept, rec.ref.ord = c.ordinal(l.block, int(p.ref))
			rec.ref.idTime, rec.ref.ok = c.called(l, int(p.ref), &rec.in), true
		}
	}
	rec.county = &c.counties[rec.in.where.county]
	rec.ref.county, rec.ref.spot = rec.county, rec.in.spot
	rec.idTime = c.called(l, slot, &rec.in)
	r := random{s: rec.h + 1}
	if r.chance(c.cfg.Rates.DelayedCommit) {
		rec.hidden = r.between(120, 480)
	}
	rec.caller = rec.h
	if p.role == first || p.role == again && r.chance(c.cfg.Rates.SameCaller) {
		rec.caller = rec.in.h // who reports first may ring again, or ring another department
	}
	var late int64
	if r.chance(c.cfg.Rates.LateEntry) {
		late = r.between(2*3600, 12*3600)
	}
	switch rec.dept {
	case police:
		c.policeLife(rec, &r, late)
	case hotline:
		c.hotlineLife(rec, &r, late)
	default:
		c.urbanLife(rec, &r, late)
	}
}

func (rec *record) step(t int64, code int16) {
	rec.steps[rec.n] = step{t, code}
	rec.n++
}

// at is the number of steps that are visible at time now; 0 while the record is unknown.
func (rec *record) at(now int64) int {
	n := 0
	for n < rec.n && rec.steps[n].t+rec.hidden <= now {
		n++
	}
	return n
}

// appendNumber appends the number under which a department keeps a record.
func appendNumber(dst []byte, q *quoted) []byte {
	switch q.dept {
	case police: // 接警单编号: division 6, yyMMddHHmm, 4
		dst = append(dst, q.county.code...)
		dst = appendCompact(dst, q.idTime, 2, 10)
		return appendPadded(dst, int(q.ord%10_000), 4)
	case hotline: // 工单编号: yyMMddHHmmss, 6
		return appendPadded(appendCompact(dst, q.idTime, 2, 12), int(q.ord%1_000_000), 6)
	default: // 任务号: yyyyMMdd, 9
		return appendPadded(appendCompact(dst, q.idTime, 0, 8), int(q.ord%1_000_000_000), 9)
	}
}

func (rec *record) self() quoted {
	return quoted{dept: rec.dept, ord: rec.ord, idTime: rec.idTime, county: rec.county}
}

// walker builds records of one department in the order of their numbers without planning a block twice.
type walker struct {
	c    *City
	plan layout
	has  bool
}

func (w *walker) record(dept int, ord int64, rec *record) {
	b, slot := slotOf(dept, ord)
	if !w.has || w.plan.block != b {
		w.c.plan(b, &w.plan)
		w.has = true
	}
	w.c.build(&w.plan, slot, rec)
}
