package city

// PoliceColumns are the columns of the 110 API in order.
func PoliceColumns() []string {
	return []string{"JJDBH", "GLJJDBH", "XZQHBH", "JJDWBH", "BJFSBH", "BJSJ", "JJSJ", "AFSJ", "BJDH", "LXDH", "BJRXM", "SFDZ", "BJNR", "GXDWBH",
		"BJLB", "BJLX", "BJXL", "ZDDWXZB", "ZDDWYZB", "SDDWXZB", "SDDWYZB", "AJZT", "JQJB", "YWXAJBS", "ZFAJBS", "TRANSMITUNIT", "LDGBH", "JJYBH",
		"RKSJC", "GXSJ"}
}

// policeNumbers marks the columns that the API gives as JSON numbers: the coordinates and AJZT.
const policeNumbers = 1<<17 | 1<<18 | 1<<19 | 1<<20 | 1<<21

// police writes a call as it stands after n steps. updated is its update time; shift is the skew of the desk's clock.
func (c *City) police(w *row, rec *record, n int, updated, shift int64) {
	w.reset()
	rates := c.cfg.Rates
	r := random{s: hash(rec.h, saltPeople)}
	in := &rec.in
	id := rec.self()
	w.buf = appendNumber(w.buf, &id)
	w.end()
	follow := rec.role == followup || rec.role == followFar
	if follow && r.chance(0.35) {
		w.buf = appendNumber(w.buf, &rec.ref)
		w.end()
	} else {
		w.none()
	}
	w.text(rec.county.code)
	w.text(rec.county.accept)
	w.text(r.pick([]string{"01", "01", "01", "01", "01", "01", "01", "01", "03", "07", "12"}))
	if r.chance(rates.Clock12) {
		w.buf = appendTime12(w.buf, rec.rep+shift)
	} else {
		w.buf = appendTime(w.buf, rec.rep+shift)
	}
	w.end()
	w.time(rec.steps[0].t + shift)
	if r.chance(0.45) {
		w.none()
	} else {
		w.time(rec.idTime - r.between(30, 1800))
	}
	masked := r.chance(rates.Masked)
	who := random{s: hash(rec.caller, saltPeople)}
	phone := func() {
		q := who // the same caller calls from one number
		if masked {
			w.buf = appendMaskedPhone(w.buf, &q)
		} else {
			w.buf = appendPhone(w.buf, &q)
		}
		w.end()
	}
	phone()
	phone()
	who.next()
	if masked {
		w.buf = appendMaskedName(w.buf, &who)
	} else {
		w.buf = appendName(w.buf, &who)
	}
	w.end()
	if r.chance(rates.NoAddress) {
		w.none()
	} else {
		w.buf = c.appendAddress(w.buf, rec)
		w.end()
	}
	// A follow-up call always has its text: the text is what makes it one.
	if !follow && r.chance(rates.NoNarrative/(1-rates.FollowUp)) && rec.role != transfer {
		w.none()
	} else {
		w.buf = c.narrative(w.buf, rec)
		w.end()
	}
	w.text(c.ownerCode(in, "派出所"))
	category := in.kind.police
	switch {
	case follow && r.chance(rates.FollowUpDefault):
		category = "100100"
	case follow:
		category = "500901"
	case category == "" || r.chance(rates.DefaultCategory):
		category = "100100"
	}
	w.buf = append(append(w.buf, category[:2]...), "0000"...)
	w.end()
	w.buf = append(append(w.buf, category[:4]...), "00"...)
	w.end()
	w.text(category)
	if r.chance(rates.AutoZero) {
		w.text("0")
		w.text("0")
	} else { // where the caller stands, not where it happened
		lon, lat := offset(in.lon, in.lat, 600*r.float()-300, 600*r.float()-300)
		c.point(w, lon, lat)
	}
	if r.chance(rates.ManualZero) {
		w.text("0")
		w.text("0")
	} else {
		c.point(w, in.lon, in.lat)
	}
	w.num(int64(rec.steps[n-1].code))
	w.text(r.pick([]string{"4", "4", "4", "4", "3", "3", "2"}))
	if rec.valid || n < rec.n {
		w.text("1")
	} else {
		w.text("0")
	}
	if rec.onward && n == rec.n {
		w.text("1")
		w.text("12345")
	} else {
		w.text("0")
		w.none()
	}
	if r.chance(0.1) {
		w.buf = append(append(w.buf, "LD"...), rec.county.code...)
		w.buf = appendPadded(w.buf, int(in.h%100_000), 5)
		w.end()
	} else {
		w.none()
	}
	w.buf = appendPadded(append(w.buf, 'J'), r.below(60), 4)
	w.end()
	w.buf = appendCompact(w.buf, rec.steps[0].t+shift+2, 0, 14)
	w.end()
	w.time(updated + shift)
}

// point writes longitude and latitude with six decimals.
func (c *City) point(w *row, lon, lat float64) {
	w.buf = appendFixed(w.buf, lon, 6)
	w.end()
	w.buf = appendFixed(w.buf, lat, 6)
	w.end()
}

func (c *City) ownerCode(in *incident, trade string) string {
	if i, ok := in.where.owners[trade]; ok && i >= 0 {
		return c.units[i].Code
	}
	return in.where.CountyCode + "999999"
}

func (c *City) ownerName(in *incident, trade string) string {
	if i, ok := in.where.owners[trade]; ok && i >= 0 {
		return c.units[i].Name
	}
	return in.where.CountyName + trade
}
