package city

import "strings"

// appendTemplate writes a wording: '@' is the place, '#' a number of one digit, '%' of two.
func appendTemplate(dst []byte, text, place string, r *random) []byte {
	for {
		i := strings.IndexAny(text, "@#%")
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		switch text[i] {
		case '@':
			dst = append(dst, place...)
		case '#':
			dst = append(dst, byte('2'+r.below(8)))
		default:
			dst = appendInt(dst, int64(10+r.below(80)))
		}
		text = text[i+1:]
	}
}

// appendPlace names the place as this caller does: with or without the street, with or without a number.
func appendPlace(dst []byte, in *incident, r *random) []byte {
	switch r.below(6) {
	case 0:
		dst = append(append(dst, in.where.StreetName...), in.spot.name...)
	case 1:
		dst = append(append(dst, in.where.Name...), in.spot.name...)
		dst = append(dst, "旁"...)
	case 2:
		dst = append(append(dst, in.spot.name...), "附近"...)
	case 3:
		dst = append(append(dst, in.spot.name...), r.pick([]string{"东侧", "西侧", "南门", "北门", "对面"})...)
	case 4:
		dst = append(append(dst, in.where.CountyName...), in.spot.name...)
	default:
		dst = append(dst, in.spot.name...)
		dst = append(appendInt(dst, int64(1+r.below(300))), "号"...)
	}
	return dst
}

// appendAddress is the address column: longer and more orderly than what the caller says; some name a room.
func (c *City) appendAddress(dst []byte, rec *record) []byte {
	r := random{s: rec.h ^ saltPeople}
	in := &rec.in
	if r.below(3) > 0 {
		dst = append(dst, in.where.CountyName...)
	}
	if r.below(4) > 0 {
		dst = append(dst, in.where.StreetName...)
	}
	dst = append(dst, in.spot.name...)
	if r.below(2) == 0 {
		dst = append(appendInt(dst, int64(1+r.below(300))), "号"...)
	}
	if r.chance(c.cfg.Rates.RoomInText) {
		dst = appendRoom(dst, &r)
	}
	return dst
}

// narrative appends what the reporter said. It is the same at every step of the record.
func (c *City) narrative(dst []byte, rec *record) []byte {
	r := random{s: hash(rec.h, saltText)}
	k, w := rec.in.kind, &c.words
	var buf [96]byte
	place := string(appendPlace(buf[:0], &rec.in, &r))
	switch {
	case rec.role == followup || rec.role == followFar:
		dst = append(appendNumber(append(dst, "案件编号:"...), &rec.ref), ";地址:"...)
		dst = append(append(append(dst, place...), ';'), r.pick(w.feedback)...)
		dst = append(dst, "。"...)
	case rec.dept == police:
		if rec.role == transfer {
			dst = append(appendNumber(append(dst, "12345转办，工单编号:"...), &rec.ref), '\n')
		}
		dst = c.says(dst, k, place, r.pick(w.callerOpen), w.policeAsk, &r)
	case rec.dept == hotline:
		if rec.role == transfer {
			dst = append(appendNumber(append(dst, "【110转办】警情编号"...), &rec.ref), "。"...)
		}
		dst = c.says(dst, k, place, r.pick(w.hotlineOpen), w.hotlineAsk, &r)
	default:
		if rec.role == transfer {
			dst = append(appendNumber(append(dst, "12345转办"...), &rec.ref), "："...)
		} else {
			dst = append(dst, r.pick(w.patrol)...)
		}
		dst = append(dst, place...)
		dst = appendTemplate(dst, r.pick(k.inspect), place, &r)
		dst = append(dst, "。"...)
		dst = append(append(dst, r.pick(w.survey)...), "。"...)
		if r.below(2) == 0 {
			dst = append(append(dst, r.pick(w.effect)...), "。"...)
		}
	}
	return c.leak(dst, rec.dept, &r)
}

// says composes a caller's words.
func (c *City) says(dst []byte, k *kind, place, open string, ask []string, r *random) []byte {
	dst = append(append(dst, open...), place...)
	if r.below(3) == 0 {
		dst = append(dst, "这里"...)
	}
	dst = appendTemplate(dst, r.pick(k.see), place, r)
	dst = append(dst, "，"...)
	dst = appendTemplate(dst, r.pick(k.more), place, r)
	dst = append(dst, "。"...)
	if k.demand == "咨询" {
		dst = append(append(dst, r.pick(c.words.background)...), "。"...)
	} else {
		if r.below(8) > 0 {
			dst = append(append(dst, r.pick(c.words.detail)...), "，"...)
		}
		dst = append(append(dst, r.pick(c.words.effect)...), "。"...)
		if len(k.title) > 0 && r.below(8) > 0 { // what only the police hear of has no history
			dst = append(append(dst, r.pick(c.words.history)...), "，"...)
		}
		if r.below(2) == 0 {
			dst = appendTemplate(dst, r.pick(k.more), place, r)
			dst = append(dst, "，"...)
		}
	}
	return append(append(dst, r.pick(ask)...), "。"...)
}

// leak adds personal data to a narrative at the measured rates, as people do: whatever the columns mask, the text tells.
func (c *City) leak(dst []byte, dept int, r *random) []byte {
	rates := c.cfg.Rates
	scale := 1.0
	if dept == police {
		scale = 1 / (1 - rates.NoNarrative) // rates are by row, and rows without a narrative tell nothing
	}
	if r.chance(rates.PhoneInText * scale) {
		dst = append(dst, r.pick([]string{"联系电话", "请回电", "报警人手机", "电话："})...)
		dst = append(appendPhone(dst, r), "。"...)
	}
	if r.chance(rates.PlateInText * scale) {
		dst = append(dst, r.pick([]string{"车牌", "对方车辆", "一辆白色轿车", "车号"})...)
		dst = append(appendPlate(dst, r), "。"...)
	}
	if r.chance(rates.NameInText * scale) {
		dst = append(dst, r.pick([]string{"报警人", "当事人", "联系人：", "联系人"})...)
		dst = append(appendName(dst, r), "，"...)
		dst = append(dst, r.pick([]string{"情况已核对。", "要求保密。", "在现场等。"})...)
	}
	if r.chance(rates.IDInText * scale) {
		dst = append(appendIDNumber(append(dst, "身份证号"...), r), "。"...)
	}
	if r.chance(rates.RoomInText * scale) {
		dst = append(appendRoom(append(dst, "住"...), r), "。"...)
	}
	if r.chance(rates.OtherInText * scale) {
		if r.below(2) == 0 {
			dst = append(appendLandline(append(dst, "座机"...), r), "。"...)
		} else {
			dst = append(appendBankCard(append(dst, "转账到卡号"...), r), "。"...)
		}
	}
	if dept != urban && r.chance(rates.Newline*scale) {
		dst = append(append(dst, '\n'), "补充："...)
		dst = append(append(dst, r.pick(c.words.effect)...), "。"...)
	}
	return dst
}
