package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: layout FOLDER")
		os.Exit(2)
	}
	for name, content := range files() {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "writing the city:", err)
			os.Exit(1)
		}
	}
}

// files gives the content of every generated file by name.
func files() map[string][]byte {
	cs := communities()
	return map[string][]byte{
		"areas.csv":     areasCSV(cs),
		"areas.geojson": areasLayer(cs),
		"grids.geojson": gridsLayer(cs),
		"orgs.csv":      orgsCSV(),
	}
}

func table(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	return b.Bytes()
}

func areasCSV(cs []community) []byte {
	rows := [][]string{{"area_code", "level", "parent", "name", "name_en", "valid_from", "valid_to", "successor"},
		{"99", "1", "", "示例省", "Example Province", "", "", ""},
		{"9901", "2", "99", "江澜市", "Jianglan City", "", "", ""}}
	for _, d := range districts {
		rows = append(rows, []string{d.code, "3", d.code[:4], d.name, d.nameEN, "", "", ""})
	}
	for _, s := range sortedStreets() {
		rows = append(rows, []string{s.code, "4", s.code[:6], s.name, s.nameEN, "", "", ""})
	}
	var body [][]string
	for _, c := range cs {
		body = append(body, []string{c.code, "5", c.code[:9], c.name, "", "", "", ""})
	}
	// Codes move: this community was joined to its neighbour in 2024, and old records still carry its code.
	body = append(body, []string{"990102002009", "5", "990102002", "旧窑社区", "", "", "2024-01-01", "990102002001"})
	slices.SortFunc(body, func(a, b []string) int { return slices.Compare(a, b) })
	return table(append(rows, body...))
}

func sortedStreets() []division {
	var out []division
	for _, s := range streets {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b division) int { return bytes.Compare([]byte(a.code), []byte(b.code)) })
	return out
}

func orgsCSV() []byte {
	rows := [][]string{{"org_code", "scheme", "name", "name_en", "parent", "area_code", "kind"},
		{"990100000000", "police12", "江澜市公安局110指挥中心", "City police 110 command centre", "", "9901", "command_centre"}}
	for _, d := range districts {
		rows = append(rows, []string{d.code + "000000", "police12", d.name + "公安分局", d.nameEN + " police branch", "990100000000", d.code, "police_branch"})
	}
	for i, s := range sortedStreets() {
		rows = append(rows, []string{s.code[:6] + fmt.Sprintf("%02d", 51+i) + "0000", "police12", trimKind(s.name) + "派出所", s.nameEN + " police station", s.code[:6] + "000000", s.code, "police_station"})
	}
	for _, o := range [][3]string{
		{"JL-12345", "江澜市政务服务便民热线中心", "City 12345 hotline centre"},
		{"JL-CGZX", "江澜市数字城管指挥中心", "City urban-management command centre"},
		{"JL-CGJ", "江澜市城市管理局", "City urban-management bureau"},
		{"JL-ZJJ", "江澜市住房和城乡建设局", "City housing and construction bureau"},
		{"JL-HBJ", "江澜市生态环境局", "City ecology bureau"},
		{"JL-JTJ", "江澜市交通运输局", "City transport bureau"},
		{"JL-SCJG", "江澜市市场监督管理局", "City market supervision bureau"},
		{"JL-RSJ", "江澜市人力资源和社会保障局", "City labour and social security bureau"},
		{"JL-JYJ", "江澜市教育局", "City education bureau"},
		{"JL-WJW", "江澜市卫生健康委员会", "City health commission"},
		{"JL-SWJ", "江澜市水务局", "City water bureau"},
		{"JL-GDGS", "江澜供电公司", "City power company"},
	} {
		rows = append(rows, []string{o[0], "local", o[1], o[2], "", "9901", "bureau"})
	}
	for _, d := range districts {
		rows = append(rows, []string{"JL-" + d.code, "local", d.name + "人民政府", d.nameEN + " government", "", d.code, "district_government"})
	}
	for _, s := range sortedStreets() {
		office := "办事处"
		if s.code[6] == '1' {
			office = "人民政府"
		}
		rows = append(rows, []string{"JL-" + s.code, "local", s.name + office, s.nameEN + " office", "JL-" + s.code[:6], s.code, "street_office"})
	}
	return table(rows)
}

func trimKind(name string) string {
	for _, suffix := range []string{"街道", "镇"} {
		if n, ok := bytes.CutSuffix([]byte(name), []byte(suffix)); ok {
			return string(n)
		}
	}
	return name
}

// feature is one line of a layer; properties are written in the order given.
type feature struct {
	properties [][2]any
	ring       []point
}

func layer(fs []feature) []byte {
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + `{"type":"Feature","properties":{`)
		for k, p := range f.properties {
			if k > 0 {
				b.WriteByte(',')
			}
			v, err := json.Marshal(p[1])
			if err != nil {
				panic(err) // texts and numbers always marshal
			}
			fmt.Fprintf(&b, "%q:%s", p[0], v)
		}
		b.WriteString(`},"geometry":{"type":"Polygon","coordinates":[[`)
		for k, p := range slices.Concat(f.ring, f.ring[:1]) {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "[%s,%s]", degrees(p[0]), degrees(p[1]))
		}
		b.WriteString(`]]}}`)
	}
	b.WriteString("\n]}\n")
	return b.Bytes()
}

func degrees(v int) string { return strconv.FormatFloat(float64(v)/1e6, 'f', -1, 64) }

func areasLayer(cs []community) []byte {
	var fs []feature
	add := func(code string, level int, name string, cells [][]point) {
		fs = append(fs, feature{[][2]any{{"code", code}, {"level", level}, {"name", name}}, union(cells)})
	}
	within := func(prefix string) (cells [][]point) {
		for _, c := range cs {
			if len(c.code) >= len(prefix) && c.code[:len(prefix)] == prefix {
				cells = append(cells, c.cells()...)
			}
		}
		return cells
	}
	for _, d := range districts {
		add(d.code, 3, d.name, within(d.code))
	}
	for _, s := range sortedStreets() {
		add(s.code, 4, s.name, within(s.code))
	}
	for _, c := range cs {
		add(c.code, 5, c.name, c.cells())
	}
	return layer(fs)
}

func gridsLayer(cs []community) []byte {
	var fs []feature
	for _, c := range cs {
		for _, g := range c.grids {
			fs = append(fs, feature{[][2]any{{"code", g.code}, {"scheme", "jl_grid"}, {"kind", "basic"}, {"priority", 0}, {"community", c.code}, {"name", g.name}}, cell(g.i, g.j)})
		}
	}
	for _, s := range specials {
		fs = append(fs, feature{[][2]any{{"code", s.code}, {"scheme", "jl_grid"}, {"kind", "special"}, {"priority", 10}, {"name", s.name}}, rectangle(s.lon, s.lat, s.w, s.h, s.rotation)})
	}
	// Unit grids: code = county 6 + street 3 + community 3 + number 3 within the community.
	count := map[string]int{}
	for j := range 10 {
		for i := range 10 {
			lat := unitY + (float64(j)+0.5)*unitSide/111_320
			lon := unitX + (float64(i)+0.5)*unitSide/111_320/math.Cos(unitY*math.Pi/180)
			centre := point{int(math.Round(lon * 1e6)), int(math.Round(lat * 1e6))}
			for _, c := range cs {
				if contains(union(c.cells()), centre) {
					count[c.code]++
					code := fmt.Sprintf("%s%03d", c.code, count[c.code])
					fs = append(fs, feature{[][2]any{{"code", code}, {"scheme", "gbt30428_1"}, {"kind", "unit"}, {"priority", 0}, {"community", c.code}, {"name", code}}, rectangle(lon, lat, unitSide, unitSide, 0)})
				}
			}
		}
	}
	return layer(fs)
}
