package city

// HotlineColumns are the columns of the 12345 files in order.
func HotlineColumns() []string {
	return []string{"工单编号", "来电时间", "来电人", "联系电话", "诉求类型", "受理来源", "办理方式", "诉求标题", "诉求内容", "事发地址", "所属区县", "所属街道",
		"一级分类", "二级分类", "承办单位", "当前状态", "是否紧急", "转办来源", "转办编号", "派遣时间", "签收时间", "办结时间", "截止时间", "回访时间", "满意度", "是否解决",
		"公开答复内容", "更新时间", "经度", "纬度"}
}

const (
	hotlineContent = 8
	hotlineUpdated = 27
)

// hotlineTimes marks the columns with times.
const hotlineTimes = 1<<1 | 1<<19 | 1<<20 | 1<<21 | 1<<22 | 1<<23 | 1<<27

// hotlineTables are the drawn values, as published (domain facts, 1.2), repeated by weight.
type hotlineTables struct{ demand, channel, satisfied []string }

func newHotlineTables() hotlineTables {
	rep := func(out []string, s string, n int) []string {
		for range n {
			out = append(out, s)
		}
		return out
	}
	var t hotlineTables
	for _, v := range []struct {
		s string
		n int
	}{{"求助", 160}, {"投诉", 12}, {"举报", 4}, {"建议", 3}, {"表扬", 1}, {"其它", 20}} {
		t.demand = rep(t.demand, v.s, v.n)
	}
	for _, v := range []struct {
		s string
		n int
	}{{"电话", 176}, {"微信", 12}, {"省平台流转", 5}, {"好差评", 1}, {"APP", 3}, {"门户网站", 2}, {"邮件", 1}} {
		t.channel = rep(t.channel, v.s, v.n)
	}
	for _, v := range []struct {
		s string
		n int
	}{{"非常满意", 30}, {"满意", 40}, {"基本满意", 15}, {"不满意", 10}, {"非常不满意", 5}} {
		t.satisfied = rep(t.satisfied, v.s, v.n)
	}
	return t
}

// hotline writes a ticket as it stands after n steps; updated is its update time.
func (c *City) hotline(w *row, rec *record, n int, updated int64) {
	w.reset()
	r := random{s: hash(rec.h, saltPeople)}
	in, k := &rec.in, rec.in.kind
	id := rec.self()
	w.buf = appendNumber(w.buf, &id)
	w.end()
	w.time(rec.rep)
	who := random{s: hash(rec.caller, saltPeople)}
	phone := who
	who.next() // the same streams as at the 110 desk, so that one caller has one number and one name in both
	w.buf = appendName(w.buf, &who)
	w.end()
	w.buf = appendPhone(w.buf, &phone)
	w.end()
	demand, channel := k.demand, r.pick(c.tables.channel)
	if v := r.pick(c.tables.demand); demand == "" {
		demand = v
	}
	if rec.role == transfer {
		channel = "110平台转交"
	}
	w.text(demand)
	w.text(channel)
	if rec.direct {
		w.text("直办")
	} else {
		w.text("转办")
	}
	w.buf = appendTemplate(w.buf, r.pick(k.title), in.spot.name, &r)
	w.end()
	w.buf = c.narrative(w.buf, rec)
	w.end()
	w.buf = c.appendAddress(w.buf, rec)
	w.end()
	w.text(in.where.CountyName)
	w.text(in.where.StreetName)
	w.text(k.level1)
	w.text(k.level2)
	w.text(c.ownerName(in, k.unit))
	status := rec.steps[n-1].code
	w.text(c.states[status])
	if r.below(20) == 0 {
		w.text("是")
	} else {
		w.text("否")
	}
	if rec.role == transfer {
		w.text("110")
		w.buf = appendNumber(w.buf, &rec.ref)
		w.end()
	} else {
		w.none()
		w.none()
	}
	sent, done, closed := rec.last(n, htSent), rec.last(n, htDone), rec.last(n, htClosed)
	w.time(sent)
	w.time(rec.last(n, htSigned))
	if done == 0 {
		done = closed
	}
	w.time(done)
	if sent > 0 && r.below(50) > 0 { // one in fifty has no deadline
		days := int64(5 + rec.count(n, htExtended)*5)
		if k.storm {
			days = 1
		}
		w.time(rec.steps[0].t + days*daySeconds)
	} else {
		w.none()
	}
	asked := closed > 0 && !rec.direct
	satisfied, reply := r.pick(c.tables.satisfied), r.pick(c.words.reply)
	if asked {
		w.time(closed - 600)
		w.text(satisfied)
		if satisfied == "不满意" || satisfied == "非常不满意" {
			w.text("否")
		} else {
			w.text("是")
		}
	} else {
		w.none()
		w.none()
		w.none()
	}
	if done > 0 && !rec.direct {
		w.buf = appendTemplate(w.buf, reply, in.spot.name, &r)
		w.end()
	} else {
		w.none()
	}
	w.time(updated)
	if r.chance(c.cfg.Rates.NoPoint) {
		w.none()
		w.none()
		return
	}
	q := random{s: rec.h + 3}
	lon, lat := offset(in.lon, in.lat, 30*q.float()-15, 30*q.float()-15)
	lon, lat = gcj02(lon, lat)
	c.point(w, lon, lat)
}
