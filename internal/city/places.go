package city

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Places is the geography and the organisations that the city plays in. Catalog reads one from the example city's files.
type Places interface {
	// Communities are the smallest areas; at least one. Order matters: it is part of what a seed repeats.
	Communities() []Community
	// Units are the organisations that take and handle reports; may be empty.
	Units() []Unit
}

// Community is one area of the lowest level with its parents. Ring is its outline in degrees (WGS-84, longitude first).
type Community struct {
	Code, Name             string // 12 digits
	StreetCode, StreetName string // 9 digits
	CountyCode, CountyName string // 6 digits
	Ring                   [][2]float64
}

// Unit is an organisation. Area is the code of the area that it serves: a street (9 digits), a county (6) or the city.
type Unit struct {
	Code, Name, Area string
}

// spot is a place that people name: a crossing, an estate, a market. Reports of one incident share its name.
type spot struct {
	name     string
	lon, lat float64
}

// community is a Community ready for use.
type community struct {
	Community
	county int // index into City.counties
	spots  []spot
	owners map[string]int // trade of a kind → index of units, -1 without one
}

// county holds what the records of one county need.
type county struct {
	code, name string
	accept     string // unit that takes its calls
}

// spotsPerCommunity is how many named places a community has.
const spotsPerCommunity = 40

func syllables() (first, second, kinds []string) {
	split := func(s string) []string { return strings.Fields(s) }
	return split("青 望 云 南 白 松 兰 锦 玉 石 桃 荷 瑞 景 龙 凤 春 秋 江 湖 星 月 朝 晚 竹 梅 柳 枫 金 银 东 西 北 长 新 古 文 德 和 安"),
		split("禾 湖 栖 塘 沙 风 亭 绣 泉 桥 源 香 祥 山 池 台 晖 水 畔 洲 河 影 阳 霞 溪 岭 岸 林 门 丰 苑 园 浦 巷 堂 坊 居 乐 康 宁"),
		split("路 街 小区 花园 新村 广场 路口 市场 大厦 公园 巷 大桥 中学 地铁站 雅苑 家园")
}

// settle turns places into communities with named spots, the same ones for the same seed.
func settle(seed uint64, p Places) ([]community, []county, error) {
	in := p.Communities()
	if len(in) == 0 {
		return nil, nil, errors.New("city: the places hold no community")
	}
	first, second, ends := syllables()
	var (
		communities []community
		counties    []county
		index       = map[string]int{}
	)
	for i, c := range in {
		if len(c.CountyCode) != 6 {
			return nil, nil, fmt.Errorf("city: community %s: county code %q is not 6 digits", c.Code, c.CountyCode)
		}
		k, ok := index[c.CountyCode]
		if !ok {
			k = len(counties)
			index[c.CountyCode] = k
			counties = append(counties, county{code: c.CountyCode, name: c.CountyName})
		}
		r := random{s: hash(seed^saltPlaces, uint64(i))}
		box, err := bounds(c)
		if err != nil {
			return nil, nil, err
		}
		spots := make([]spot, spotsPerCommunity)
		for j := range spots {
			s := &spots[j]
			s.name = r.pick(first) + r.pick(second) + r.pick(ends)
			s.lon, s.lat = point(&r, c.Ring, box)
		}
		communities = append(communities, community{Community: c, county: k, spots: spots})
	}
	// The order of counties is that of their codes, so that the API can sort record numbers without writing them.
	order := make([]int, len(counties))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(counties[a].code, counties[b].code) })
	sorted, rank := make([]county, len(counties)), make([]int, len(counties))
	for to, from := range order {
		sorted[to], rank[from] = counties[from], to
	}
	for i := range communities {
		communities[i].county = rank[communities[i].county]
		communities[i].staff(p.Units())
	}
	for i := range sorted {
		sorted[i].accept = sorted[i].code + "000000"
	}
	return communities, sorted, nil
}

func bounds(c Community) ([4]float64, error) {
	if len(c.Ring) < 3 {
		return [4]float64{}, fmt.Errorf("city: community %s has no outline", c.Code)
	}
	b := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, p := range c.Ring {
		b[0], b[1] = min(b[0], p[0]), min(b[1], p[1])
		b[2], b[3] = max(b[2], p[0]), max(b[3], p[1])
	}
	return b, nil
}

// point draws a point inside the ring; a sliver that is never hit gives its first corner.
func point(r *random, ring [][2]float64, b [4]float64) (lon, lat float64) {
	for range 500 {
		lon, lat = b[0]+(b[2]-b[0])*r.float(), b[1]+(b[3]-b[1])*r.float()
		if inside(ring, lon, lat) {
			return lon, lat
		}
	}
	return ring[0][0], ring[0][1]
}

// unitWords are the trades that kinds of incident ask for, each with words that a unit's name may hold.
func unitWords() map[string][]string {
	return map[string][]string{
		"水务": {"水务", "供水", "自来水"}, "照明": {"照明", "城市管理局"}, "排水": {"排水", "水务", "市政"}, "园林": {"园林", "城市管理局"},
		"交警": {"交警", "交通"}, "环卫": {"环卫", "城市管理局"}, "住建": {"住房", "住建", "建设"}, "环保": {"生态环境", "环保"},
		"城管": {"城市管理局", "综合行政执法"}, "派出所": {"派出所", "公安"}, "消防": {"消防", "公安分局"}, "燃气": {"燃气", "住房"}, "供电": {"供电", "电力"},
		"街道": {"街道", "镇"}, "市监": {"市场监督", "市监"}, "热线": {"12345", "热线", "政务"},
	}
}

// staff finds the unit of each trade: that of the street, of the county, then of the whole city.
func (k *community) staff(units []Unit) {
	k.owners = map[string]int{}
	for trade, words := range unitWords() {
		best, near := -1, -1
		for i, u := range units {
			if !strings.HasPrefix(k.StreetCode, u.Area) || len(u.Area) <= near {
				continue
			}
			if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(u.Name, w) }) {
				best, near = i, len(u.Area)
			}
		}
		k.owners[trade] = best
	}
}
