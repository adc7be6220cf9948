package city

// Status numbers of the 110 desk (AJZT).
const (
	ajTaken = 1 + iota
	ajSent
	ajArrived
	ajReported
	ajDone
	ajCancelled
	ajToHotline
	ajAnswered
	ajInvalid
)

// policeLife gives a call its clock and its steps.
func (c *City) policeLife(rec *record, r *random, late int64) {
	rates := c.cfg.Rates
	lag := r.between(0, 59)
	if r.chance(rates.LateClock) {
		lag = 360 + r.between(0, 59)
	}
	rec.rep = rec.idTime + lag
	t := rec.rep + r.between(3, 30) + late
	answered := r.chance(rates.AnsweredOnCall)
	rec.step(t, ajTaken)
	switch {
	case rec.onward:
		rec.step(t+r.between(60, 240), ajToHotline)
		return
	case answered:
		rec.step(t+r.between(30, 300), ajAnswered)
		return
	case rec.in.kind.name == "silent" && rec.role == first:
		rec.valid = false
		rec.step(t+r.between(5, 60), ajInvalid)
		return
	case rec.role == followup || rec.role == followFar:
		rec.step(t+r.between(60, 1800), ajDone)
		return
	}
	t += r.between(40, 300)
	rec.step(t, ajSent)
	if r.chance(0.02) {
		rec.step(t+r.between(60, 600), ajCancelled)
		return
	}
	t += r.between(240, 1500)
	rec.step(t, ajArrived)
	t += r.between(600, 7200)
	rec.step(t, ajReported)
	if r.chance(0.93) {
		rec.step(t+r.between(600, 86400), ajDone)
	}
}

// Status numbers of the hotline, index of hotlineStates.
const (
	htWaiting = iota
	htTaken
	htToSend
	htSent
	htSigned
	htReturned
	htExtended
	htRework
	htDone
	htToAsk
	htUrged
	htClosed
	htRefused
	htVoid
	htToPolice
)

func hotlineStates() []string {
	return []string{"待受理", "已受理", "待派遣", "已派遣", "待处置", "退单", "延期", "重办", "已处置", "待回访", "待督办", "已结案", "不予受理", "作废", "转110"}
}

func (c *City) hotlineLife(rec *record, r *random, late int64) {
	rec.rep = rec.idTime
	t := rec.rep + late
	rec.step(t, htWaiting)
	rec.direct = rec.in.kind.demand == "咨询" && r.chance(0.95)
	switch {
	case rec.onward && rec.ref.ok: // handed over twice
		rec.direct = false
	case rec.direct:
		rec.step(t+r.between(120, 900), htClosed)
		return
	case !rec.onward && r.chance(0.03):
		rec.step(t+r.between(600, 7200), htRefused)
		return
	case !rec.onward && r.chance(0.01):
		rec.step(t+r.between(600, 7200), htVoid)
		return
	case !rec.onward && rec.in.kind.heard&byPolice != 0 && r.chance(0.01):
		rec.step(t+r.between(60, 600), htToPolice)
		return
	}
	t += r.between(180, 1200)
	rec.step(t, htTaken)
	t += r.between(300, 3600)
	rec.step(t, htToSend)
	t += r.between(600, 3*3600)
	rec.step(t, htSent)
	if r.chance(0.06) {
		t += r.between(3600, 20*3600)
		rec.step(t, htReturned)
		t += r.between(1800, 6*3600)
		rec.step(t, htSent)
	}
	t += r.between(1800, 24*3600)
	rec.step(t, htSigned)
	switch {
	case r.chance(0.05):
		t += r.between(24*3600, 3*daySeconds)
		rec.step(t, htExtended)
	case r.chance(0.02):
		t += r.between(24*3600, 3*daySeconds)
		rec.step(t, htUrged)
	}
	t += r.between(6*3600, 4*daySeconds)
	rec.step(t, htDone)
	if rec.n < 9 && r.chance(0.04) {
		t += r.between(3600, daySeconds)
		rec.step(t, htRework)
		t += r.between(6*3600, 2*daySeconds)
		rec.step(t, htDone)
	}
	t += r.between(600, 12*3600)
	rec.step(t, htToAsk)
	rec.step(t+r.between(3600, 2*daySeconds), htClosed)
}

// urbanLife uses the vendor's act_property_id as status number: 1 taken, 3 filing, 5 dispatch, 7 handling, 9
// supervision, 11 check, 101 closed, 102 void, 103 suspended.
func (c *City) urbanLife(rec *record, r *random, late int64) {
	rec.rep = rec.idTime
	t := rec.rep + late
	rec.step(t, 1)
	t += r.between(60, 1800)
	if !rec.ref.ok && r.chance(0.03) {
		rec.step(t, 102)
		return
	}
	rec.step(t, 3)
	t += r.between(60, 1800)
	rec.step(t, 5)
	t += r.between(120, 3600)
	rec.step(t, 7)
	switch {
	case r.chance(0.04):
		t += r.between(3600, daySeconds)
		rec.step(t, 103)
		t += r.between(daySeconds, 6*daySeconds)
		rec.step(t, 7)
	case r.chance(0.03):
		t += r.between(daySeconds, 2*daySeconds)
		rec.step(t, 9)
	}
	t += r.between(3600, 3*daySeconds)
	rec.step(t, 11)
	if r.chance(0.052) { // rework: 103 of 1,974 cases in one published month
		t += r.between(1800, 7200)
		rec.step(t, 7)
		t += r.between(3600, 2*daySeconds)
		rec.step(t, 11)
	}
	rec.step(t+r.between(1800, daySeconds), 101)
}

// last is the newest step of a status number among the first n, 0 without one.
func (rec *record) last(n int, code int16) (t int64) {
	for _, s := range rec.steps[:n] {
		if s.code == code {
			t = s.t
		}
	}
	return t
}

func (rec *record) count(n int, code int16) (k int) {
	for _, s := range rec.steps[:n] {
		if s.code == code {
			k++
		}
	}
	return k
}
