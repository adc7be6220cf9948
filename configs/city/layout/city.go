package main

import "fmt"

// streetMap gives the street of every community, north at the top.
var streetMap = [5]string{
	"AABBGGHH",
	"AABBGGHH",
	"CCCDIIIJ",
	"EEDDKKJJ",
	"EEFFKLLL",
}

type division struct {
	code, name, nameEN string
}

var districts = []division{
	{"990101", "北岭区", "Beiling District"},
	{"990102", "西塘区", "Xitang District"},
	{"990103", "东渚区", "Dongzhu District"},
	{"990104", "南浦新区", "Nanpu New Area"},
}

// streets are keyed by the letter of streetMap.
var streets = map[byte]division{
	'A': {"990101001", "岭前街道", "Lingqian Subdistrict"},
	'B': {"990101002", "松台街道", "Songtai Subdistrict"},
	'C': {"990101003", "云桥街道", "Yunqiao Subdistrict"},
	'D': {"990102001", "塘桥街道", "Tangqiao Subdistrict"},
	'E': {"990102002", "苇荡街道", "Weidang Subdistrict"},
	'F': {"990102100", "柳堰镇", "Liuyan Town"},
	'G': {"990103001", "渚东街道", "Zhudong Subdistrict"},
	'H': {"990103002", "鹭洲街道", "Luzhou Subdistrict"},
	'I': {"990103003", "望江街道", "Wangjiang Subdistrict"},
	'J': {"990104001", "海棠街道", "Haitang Subdistrict"},
	'K': {"990104002", "星汇街道", "Xinghui Subdistrict"},
	'L': {"990104100", "芦港镇", "Lugang Town"},
}

var communityNames = []string{
	"青石", "梧桐", "长汀", "竹西", "望湖", "桂苑", "枫林", "映月", "听雨", "兰溪",
	"南栅", "石榴", "古槐", "碧波", "金穗", "晨曦", "荷塘", "银杏", "临河", "永宁",
	"双桥", "百合", "紫薇", "渔湾", "清风", "杏花", "芳草", "春晓", "白鹭", "翠屏",
	"月亮湾", "小北门", "文昌阁", "老码头", "新桥", "红梅", "凤鸣", "龙池", "丰乐", "和平里",
}

type community struct {
	division
	i, j  int // lower left cell
	grids []gridCell
}

type gridCell struct {
	code, name string
	i, j       int
}

// communities numbers them within their street from the north-west.
func communities() []community {
	var out []community
	count := map[string]int{}
	for row, line := range streetMap {
		for col := range len(line) {
			s := streets[line[col]]
			count[s.code]++
			kind, number := "社区", count[s.code]
			if len(s.code) == 9 && s.code[6] == '1' && number > 1 {
				kind, number = "村", 200+number-1 // villages of a town count from 200
			}
			c := community{i: 2 * col, j: 2 * (4 - row)}
			c.code = fmt.Sprintf("%s%03d", s.code, number)
			c.name = communityNames[len(out)] + kind
			for k, d := range [][2]int{{0, 1}, {1, 1}, {0, 0}, {1, 0}} {
				c.grids = append(c.grids, gridCell{fmt.Sprintf("%s%02d", c.code, k+1), fmt.Sprintf("%s第%d网格", c.name, k+1), c.i + d[0], c.j + d[1]})
			}
			out = append(out, c)
		}
	}
	return out
}

func (c community) cells() [][]point {
	var out [][]point
	for _, g := range c.grids {
		out = append(out, cell(g.i, g.j))
	}
	return out
}

// special grids lie across basic ones and win over them.
var specials = []struct {
	code, name               string
	lon, lat, w, h, rotation float64
}{
	{"9901ZS001", "江澜大学校园专属网格", 119.3312, 32.3756, 900, 700, 12},
	{"9901ZS002", "江澜市第一医院专属网格", 119.4021, 32.4108, 420, 360, -8},
	{"9901ZS003", "星汇商圈专属网格", 119.4218, 32.3294, 600, 500, 20},
	{"9901ZS004", "江澜火车站专属网格", 119.4773, 32.4486, 800, 450, 5},
	{"9901ZS005", "望江物流园专属网格", 119.4409, 32.3917, 1000, 800, 0},
}

// unitX and unitY are the south-west corner of the 10 by 10 unit grids of 100 m in the middle of the city.
const (
	unitX, unitY = 119.3946, 32.3954
	unitSide     = 100.0
)
