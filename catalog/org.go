package catalog

import (
	"fmt"
	"strings"
	"time"
)

// Org is one organisation that accepts or handles records.
type Org struct {
	Code     string
	Scheme   string // uscc18, police12 or local
	Name     string
	NameEN   string
	Parent   string
	AreaCode string
	Kind     string // bureau, station, street_office, ...
	Validity Validity
}

// loadOrgs reads catalog/orgs.csv.
func loadOrgs(c *collector, dir string, areas *Areas) []Org {
	const file = "catalog/orgs.csv"
	if !exists(dir, file) {
		return nil
	}
	shapes := map[string]int{"uscc18": 18, "police12": 12, "local": 0}
	var out []Org
	seen := map[string]int{}
	for _, r := range readCSV(c, dir, file, []string{"org_code", "scheme", "name"}, []string{"name_en", "parent", "area_code", "kind", "valid_from", "valid_to"}) {
		o := Org{Code: r.get("org_code"), Scheme: r.get("scheme"), Name: r.get("name"), NameEN: r.get("name_en"), Parent: r.get("parent"),
			AreaCode: r.get("area_code"), Kind: r.get("kind"), Validity: r.validity(c, file)}
		n, ok := shapes[o.Scheme]
		switch {
		case !ok:
			c.addf(file, r.line, "scheme", "应为 uscc18、police12 或 local", "must be uscc18, police12 or local")
		case o.Code == "" || (n > 0 && len(o.Code) != n):
			c.addf(file, r.line, "org_code", "单位代码长度不符", "a code of scheme %s has %d characters", o.Scheme, n)
		case o.AreaCode != "" && areas.Len() > 0 && !areas.Known(o.AreaCode):
			c.addf(file, r.line, "area_code", "区划代码不在 areas.csv 中", "code %s is not in areas.csv", o.AreaCode)
		case seen[o.Scheme+" "+o.Code] > 0:
			c.add(duplicateCode(file, r.line, o.Code, seen[o.Scheme+" "+o.Code]))
		default:
			seen[o.Scheme+" "+o.Code] = r.line
			out = append(out, o)
		}
	}
	return out
}

// Calendar is the working calendar: which days are worked, and at what hours.
type Calendar struct {
	Name     string
	From, To Day // the years it covers, half-open
	Hours    []Span
	special  map[Day]special
}

// Span is a working time of day in minutes since midnight, half-open.
type Span struct{ From, To int }

type special struct {
	work   bool
	name   string
	nameEN string
}

type calendarFile struct {
	Calendar string   `yaml:"calendar"`
	Years    []int    `yaml:"years,flow"`
	Hours    []string `yaml:"work_hours,flow"`
	Holidays []struct {
		From   string `yaml:"from"`
		To     string `yaml:"to"`
		Name   string `yaml:"name"`
		NameEN string `yaml:"name_en"`
	} `yaml:"holidays"`
	Makeup []struct {
		Day    string `yaml:"day"`
		Name   string `yaml:"name"`
		NameEN string `yaml:"name_en"`
	} `yaml:"makeup_days"`
}

// Workday reports whether a day is worked; ok is false outside the years that the calendar covers.
func (k *Calendar) Workday(d Day) (work, ok bool) {
	if d < k.From || d >= k.To {
		return false, false
	}
	if s, ok := k.special[d]; ok {
		return s.work, true
	}
	wd := d.Time().Weekday()
	return wd != time.Saturday && wd != time.Sunday, true
}

// loadCalendar reads catalog/calendar.yaml; nil where there is none.
func loadCalendar(c *collector, dir string) *Calendar {
	const file = "catalog/calendar.yaml"
	if !exists(dir, file) {
		return nil
	}
	b, ok := readFile(c, dir, file)
	if !ok {
		return nil
	}
	root := parseYAML(c, file, b)
	if root == nil {
		return nil
	}
	var f calendarFile
	decode(c, file, root, &f)
	k := &Calendar{Name: f.Calendar, special: map[Day]special{}}
	if len(f.Years) == 0 {
		c.addf(file, 1, "years", "缺少年份", "must list the years it covers")
		return nil
	}
	for i, y := range f.Years {
		if y < 1970 || y > 2200 || (i > 0 && y != f.Years[i-1]+1) {
			c.addf(file, lineOf(root, "years"), "years", "年份应连续递增", "years must be consecutive, rising")
			return nil
		}
	}
	k.From = DayOf(time.Date(f.Years[0], 1, 1, 0, 0, 0, 0, time.UTC))
	k.To = DayOf(time.Date(f.Years[len(f.Years)-1]+1, 1, 1, 0, 0, 0, 0, time.UTC))
	for i, h := range f.Hours {
		var s Span
		var fh, fm, th, tm int
		if _, err := fmt.Sscanf(h, "%d:%d-%d:%d", &fh, &fm, &th, &tm); err == nil {
			s = Span{fh*60 + fm, th*60 + tm}
		}
		if s.From >= s.To || s.To > 24*60 || strings.Contains(h, " ") {
			c.addf(file, lineOf(root, fmt.Sprintf("work_hours.%d", i)), fmt.Sprintf("work_hours.%d", i), "应形如 08:30-12:00", "must be like 08:30-12:00")
			continue
		}
		k.Hours = append(k.Hours, s)
	}
	put := func(path, from, to string, s special) {
		line := lineOf(root, path)
		a, err := parseDay(from)
		b, err2 := parseDay(to)
		switch {
		case err != nil || err2 != nil:
			c.addf(file, line, path, "日期格式应为 2026-01-31", "not a date such as 2026-01-31")
		case b < a || b-a > 60:
			c.addf(file, line, path, "结束日期早于开始日期或跨度过长", "to must follow from by at most 60 days")
		case a < k.From || b >= k.To:
			c.addf(file, line, path, "日期不在 years 范围内", "lies outside years")
		default:
			for d := a; d <= b; d++ {
				if _, dup := k.special[d]; dup {
					c.addf(file, line, path, "日期重复", "%s stands twice", d)
					return
				}
				k.special[d] = s
			}
		}
	}
	for i, h := range f.Holidays {
		to := h.To
		if to == "" {
			to = h.From
		}
		put(fmt.Sprintf("holidays.%d", i), h.From, to, special{false, h.Name, h.NameEN})
	}
	for i, m := range f.Makeup {
		put(fmt.Sprintf("makeup_days.%d", i), m.Day, m.Day, special{true, m.Name, m.NameEN})
	}
	return k
}
