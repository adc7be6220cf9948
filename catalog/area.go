package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Area levels.
const (
	Province  = 1
	CityLevel = 2
	County    = 3
	Town      = 4
	Community = 5
)

// Area is one administrative division. Code has 2, 4, 6, 9 or 12 digits for levels 1 to 5.
type Area struct {
	Code       string
	Level      int
	Parent     string
	Name       string
	Validity   Validity
	Successors []string
}

// Areas is the division table. Codes move, so one code may have several rows whose validities do not overlap.
type Areas struct {
	rows   []Area
	byCode map[string][]int
}

// Len is the number of rows.
func (a *Areas) Len() int { return len(a.rows) }

// All returns the rows in file order. The slice is shared and must not be changed.
func (a *Areas) All() []Area { return a.rows }

// At returns the division that a code names on a day.
func (a *Areas) At(code string, day Day) (Area, bool) {
	for _, i := range a.byCode[code] {
		if a.rows[i].Validity.Has(day) {
			return a.rows[i], true
		}
	}
	return Area{}, false
}

// Known reports whether the code has ever been valid.
func (a *Areas) Known(code string) bool { return len(a.byCode[code]) > 0 }

// Bounded reports whether the code is valid on some days only.
func (a *Areas) Bounded(code string) bool {
	return slices.ContainsFunc(a.byCode[code], func(i int) bool { return a.rows[i].Validity != Always() })
}

// Temporal reports whether any row depends on the day.
func (a *Areas) Temporal() bool {
	return slices.ContainsFunc(a.rows, func(r Area) bool { return r.Validity != Always() })
}

var areaCode = regexp.MustCompile(`^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$`)

// LevelOf is the level that the length of a code stands for, 0 where it is not a division code.
func LevelOf(code string) int {
	if !areaCode.MatchString(code) {
		return 0
	}
	switch len(code) {
	case 2:
		return Province
	case 4:
		return CityLevel
	case 6:
		return County
	case 9:
		return Town
	default:
		return Community
	}
}

// parentCode is the code one level up.
func parentCode(code string) string {
	switch len(code) {
	case 12:
		return code[:9]
	case 9:
		return code[:6]
	case 6:
		return code[:4]
	case 4:
		return code[:2]
	}
	return ""
}

// divisionFiles are the tables of the public china_divisions set. Their columns are found by name: streets.csv lists
// code,name,areaCode,provinceCode,cityCode, not in the order of the levels.
var divisionFiles = []struct {
	file     string
	required []string
	optional []string
}{
	{"catalog/divisions/provinces.csv", []string{"code", "name"}, nil},
	{"catalog/divisions/cities.csv", []string{"code", "name", "provinceCode"}, nil},
	{"catalog/divisions/areas.csv", []string{"code", "name", "cityCode"}, []string{"provinceCode"}},
	{"catalog/divisions/streets.csv", []string{"code", "name", "areaCode"}, []string{"provinceCode", "cityCode"}},
}

// loadAreas reads catalog/areas.csv and, where present, catalog/divisions/*.csv in the china_divisions shape.
func loadAreas(c *collector, dir string) *Areas {
	a := &Areas{byCode: map[string][]int{}}
	const file = "catalog/areas.csv"
	type src struct {
		file string
		line int
	}
	var from []src
	add := func(file string, r csvRow, area Area) {
		level := LevelOf(area.Code)
		switch {
		case level == 0:
			c.add(Problem{File: file, Line: r.line, Path: "area_code", Message: "a division code has 2, 4, 6, 9 or 12 digits", MessageZH: "区划代码应为 2、4、6、9 或 12 位数字",
				Hint: "was a leading zero lost in a spreadsheet?", HintZH: "是否在表格软件中丢失了前导零?"})
			return
		case area.Level != 0 && area.Level != level:
			c.addf(file, r.line, "level", "级别与代码长度不符", "a code of %d digits has level %d", len(area.Code), level)
			return
		case area.Parent != "" && area.Parent != parentCode(area.Code):
			c.addf(file, r.line, "parent", "上级代码应为本级代码的前缀", "the parent of %s is %s", area.Code, parentCode(area.Code))
			return
		case area.Name == "":
			c.addf(file, r.line, "name", "缺少名称", "needs a name")
			return
		}
		area.Level, area.Parent = level, parentCode(area.Code)
		for _, i := range a.byCode[area.Code] {
			if a.rows[i].Validity.Overlaps(area.Validity) {
				c.add(duplicateCode(file, r.line, area.Code, from[i].line))
				return
			}
		}
		a.byCode[area.Code] = append(a.byCode[area.Code], len(a.rows))
		a.rows = append(a.rows, area)
		from = append(from, src{file, r.line})
	}
	for _, d := range divisionFiles {
		if exists(dir, d.file) {
			for _, r := range readCSV(c, dir, d.file, d.required, d.optional) {
				add(d.file, r, Area{Code: r.get("code"), Name: r.get("name"), Validity: Always()})
			}
		}
	}
	if exists(dir, file) {
		for _, r := range readCSV(c, dir, file, []string{"area_code", "name"}, []string{"level", "parent", "valid_from", "valid_to", "successor", "name_en"}) {
			area := Area{Code: r.get("area_code"), Parent: r.get("parent"), Name: r.get("name"), Validity: r.validity(c, file)}
			if s := r.get("level"); s != "" {
				if _, err := fmt.Sscanf(s, "%d", &area.Level); err != nil || area.Level < Province || area.Level > Community {
					c.addf(file, r.line, "level", "级别应为 1 至 5", "must be from 1 to 5")
					continue
				}
			}
			if s := r.get("successor"); s != "" {
				area.Successors = strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ';' || r == '|' })
			}
			add(file, r, area)
		}
	}
	for i, r := range a.rows {
		if r.Level > County && len(a.byCode[r.Parent]) == 0 {
			c.addf(from[i].file, from[i].line, "parent", "上级区划不在表中", "its parent %s is not in the table", r.Parent)
		}
		for _, s := range r.Successors {
			if len(a.byCode[s]) == 0 {
				c.addf(from[i].file, from[i].line, "successor", "继任代码不在表中", "its successor %s is not in the table", s)
			}
		}
	}
	return a
}
