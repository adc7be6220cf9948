package city

import "strings"

// UrbanColumns are the columns of to_rec and to_his_rec in order.
func UrbanColumns() []string {
	var out []string
	for _, c := range urbanColumns() {
		out = append(out, c.name)
	}
	return out
}

type urbanColumn struct {
	name string
	kind byte // i integer, r real, t text, d time
}

func urbanColumns() []urbanColumn {
	var out []urbanColumn
	for _, f := range strings.Fields(`rec_id:i task_num:t create_time:d event_src_id:i event_src_name:t address:t event_desc:t rec_type_id:i event_type_id:i
		main_type_id:t main_type_name:t sub_type_id:t sub_type_name:t event_type_code:t part_code:t district_id:t district_name:t street_id:t
		street_name:t community_id:t community_name:t cell_id:t duty_grid_id:t coordinate_x:r coordinate_y:r act_property_id:i event_state_id:i
		inst_time:d dispatch_time:d deal_end_time:d bundle_deadline:d deadline:d archive_time:d cancel_time:d archive_type_id:i event_level_id:i
		is_urgent:i postpone_num:i rework_num:i hang_num:i upstream_no:t human_name:t dispose_unit_id:t dispose_unit_name:t update_time:d`) {
		name, kind, _ := strings.Cut(f, ":")
		out = append(out, urbanColumn{name, kind[0]})
	}
	return out
}

// UrbanDDL is the CREATE TABLE statement of one of the urban-management tables. Engine is sqlite or postgres: SQLite keeps
// times as text, PostgreSQL as timestamp without zone, as the vendor does.
func UrbanDDL(engine, table string) string {
	types := map[byte]string{'i': "INTEGER", 'r': "REAL", 't': "TEXT", 'd': "TEXT"}
	if engine == "postgres" {
		types = map[byte]string{'i': "bigint", 'r': "double precision", 't': "text", 'd': "timestamp"}
	}
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + table + " (")
	for i, c := range urbanColumns() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.name + " " + types[c.kind])
		if i == 0 {
			b.WriteString(" PRIMARY KEY")
		}
	}
	b.WriteString(")")
	return b.String()
}

// urban writes a case as it stands after n steps; updated is its update time.
func (c *City) urban(w *row, rec *record, n int, updated int64) {
	w.reset()
	r := random{s: hash(rec.h, saltPeople)}
	in, k := &rec.in, rec.in.kind
	w.num(1_000_000 + rec.ord)
	id := rec.self()
	w.buf = appendNumber(w.buf, &id)
	w.end()
	w.time(rec.rep)
	source, name := "1", "信息采集"
	switch v := r.below(1000); {
	case rec.role == transfer:
		source, name = "11", "12345转办"
	case v < 60:
		source, name = "34", "视频智能分析"
	case v < 85:
		source, name = "2", "考评发现"
	case v < 95:
		source, name = "36", "督查"
	case v < 100:
		source, name = "31", "媒体曝光"
	}
	w.text(source)
	w.text(name)
	w.buf = c.appendAddress(w.buf, rec)
	w.end()
	w.buf = c.narrative(w.buf, rec)
	w.end()
	w.text("1")
	kindID := "2" // 事件
	if k.part {
		kindID = "1" // 部件
	}
	w.text(kindID)
	w.text(k.main[0])
	w.text(k.main[1])
	w.text(k.sub[0])
	w.text(k.sub[1])
	w.buf = append(append(w.buf, kindID...), k.sub[0]...)
	w.end()
	if k.part {
		w.buf = append(append(w.buf, rec.county.code...), k.sub[0]...)
		w.buf = appendPadded(w.buf, int(in.h%1_000_000), 6)
		w.end()
	} else {
		w.none()
	}
	w.text(in.where.CountyCode)
	w.text(in.where.CountyName)
	w.text(in.where.StreetCode)
	w.text(in.where.StreetName)
	w.text(in.where.Code)
	w.text(in.where.Name)
	w.none() // cell_id and duty_grid_id: the vendor fills them where a district has surveyed its cells; this one has not
	w.none()
	q := random{s: rec.h + 3}
	lon, lat := offset(in.lon, in.lat, 16*q.float()-8, 16*q.float()-8)
	lon, lat = gcj02(lon, lat)
	lon, lat = bd09(lon, lat)
	x, y := bd09mc(lon, lat)
	w.buf = appendFixed(w.buf, x, 2)
	w.end()
	w.buf = appendFixed(w.buf, y, 2)
	w.end()
	act := rec.steps[n-1].code
	w.num(int64(act))
	w.num(eventState(act))
	sent := rec.last(n, 5)
	w.time(rec.last(n, 3))
	w.time(sent)
	w.time(rec.last(n, 11))
	var due int64
	if sent > 0 {
		due = sent + r.between(4, 72)*3600
		w.time(due + 2*3600)
		w.time(due)
	} else {
		w.none()
		w.none()
	}
	closed := rec.last(n, 101)
	w.time(closed)
	w.time(rec.last(n, 102))
	switch {
	case closed == 0:
		w.none()
	case rec.last(n, 11) > due:
		w.text("2")
	default:
		w.text("1")
	}
	w.text(r.pick([]string{"1", "2", "2", "2"}))
	if k.storm {
		w.text("1")
	} else {
		w.text("0")
	}
	w.num(int64(rec.count(n, 103)))
	w.num(int64(max(0, rec.count(n, 11)-1)))
	w.num(int64(rec.count(n, 103)))
	if rec.role == transfer {
		w.buf = appendNumber(w.buf, &rec.ref)
		w.end()
	} else {
		w.none()
	}
	w.buf = appendName(w.buf, &r)
	w.end()
	w.text(c.ownerCode(in, k.unit))
	w.text(c.ownerName(in, k.unit))
	w.time(updated)
}

// eventState is the vendor's event_state_id for an act_property_id.
func eventState(act int16) int64 {
	switch act {
	case 1:
		return 1
	case 3:
		return 2
	case 5:
		return 3
	case 7:
		return 4
	case 11:
		return 5
	case 101:
		return 6
	case 102:
		return 7
	case 103:
		return 8
	default:
		return 9
	}
}
