package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"onegrid/event"
)

// Unmapped is the hub category of a record whose source category has no entry.
const Unmapped = "99.99"

// Category is one code of the hub taxonomy: LL (group) or LL.SS (leaf).
type Category struct {
	Code   string
	Parent string
	Name   string
	NameZH string
}

type categoryFile struct {
	Groups []struct {
		Code   string `yaml:"code"`
		Name   string `yaml:"name"`
		NameZH string `yaml:"name_zh"`
		Leaves []struct {
			Code   string `yaml:"code"`
			Name   string `yaml:"name"`
			NameZH string `yaml:"name_zh"`
		} `yaml:"leaves"`
	} `yaml:"groups"`
}

var (
	groupCode = regexp.MustCompile(`^[0-9]{2}$`)
	leafCode  = regexp.MustCompile(`^[0-9]{2}\.[0-9]{2}$`)
)

// loadCategories reads the hub taxonomy in file order.
func loadCategories(c *collector, dir string) []Category {
	const file = "catalog/categories.yaml"
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
	var f categoryFile
	decode(c, file, root, &f)
	var out []Category
	seen := map[string]bool{}
	add := func(path string, cat Category, shape *regexp.Regexp) {
		line := lineOf(root, path)
		switch {
		case !shape.MatchString(cat.Code):
			c.add(Problem{File: file, Line: line, Path: path + ".code", Message: "must be two digits, for a leaf LL.SS", MessageZH: "代码应为两位数字, 小类为 LL.SS",
				Hint: `put it in quotes: "01.10"`, HintZH: `请加引号: "01.10"`})
		case seen[cat.Code]:
			c.add(Problem{File: file, Line: line, Path: path + ".code", Code: "CODE_DUPLICATE_IN_TABLE",
				Message: fmt.Sprintf("code %s stands twice", cat.Code), MessageZH: fmt.Sprintf("代码 %s 重复", cat.Code)})
		case cat.Parent != "" && !strings.HasPrefix(cat.Code, cat.Parent+"."):
			c.addf(file, line, path+".code", "小类代码应以大类代码开头", "a leaf of %s begins with %s.", cat.Parent, cat.Parent)
		case cat.Name == "" || cat.NameZH == "":
			c.addf(file, line, path, "缺少名称", "needs name and name_zh")
		default:
			out = append(out, cat)
		}
		seen[cat.Code] = true
	}
	for i, g := range f.Groups {
		at := fmt.Sprintf("groups.%d", i)
		add(at, Category{Code: g.Code, Name: g.Name, NameZH: g.NameZH}, groupCode)
		for j, l := range g.Leaves {
			add(fmt.Sprintf("%s.leaves.%d", at, j), Category{Code: l.Code, Parent: g.Code, Name: l.Name, NameZH: l.NameZH}, leafCode)
		}
	}
	if !seen[Unmapped] {
		c.add(Problem{File: file, Message: "must hold the leaf " + Unmapped + " for what has no mapping", MessageZH: "必须包含未映射小类 " + Unmapped})
	}
	return out
}

// Crosswalk maps the codes or names of one version of a source's category table to hub categories.
type Crosswalk struct {
	Scheme  string
	Version string
	Rows    []CrosswalkRow // in file order

	byPrefix map[string][]int
	byName   map[string][]int
	lengths  []int // of prefixes, longest first
}

// CrosswalkRow is one entry. A row with a prefix maps every code that begins with it; a row without one maps the name.
type CrosswalkRow struct {
	Prefix     string
	Name       string // the name to match, or where Prefix is set what the code means
	Hub        string
	Method     string // of event.CategoryMethods; "" derives exact or prefix from the match
	Confidence float32
	Validity   Validity
}

// Match is the result of a lookup.
type Match struct {
	Hub        string
	Method     string
	Confidence float32
}

// Lookup finds the entry of a code on a day: the longest prefix that applies then, else the whole name. Code and name
// may be empty.
func (x *Crosswalk) Lookup(code, name string, day Day) (Match, bool) {
	if code != "" {
		for _, n := range x.lengths {
			if n > len(code) {
				continue
			}
			for _, i := range x.byPrefix[code[:n]] {
				if r := &x.Rows[i]; r.Validity.Has(day) {
					m := Match{Hub: r.Hub, Method: r.Method, Confidence: r.Confidence}
					if m.Method == "" {
						m.Method = "exact"
						if n < len(code) {
							m.Method = "prefix"
						}
					}
					return m, true
				}
			}
		}
	}
	if name != "" {
		for _, i := range x.byName[name] {
			if r := &x.Rows[i]; r.Validity.Has(day) {
				m := Match{Hub: r.Hub, Method: r.Method, Confidence: r.Confidence}
				if m.Method == "" {
					m.Method = "exact"
				}
				return m, true
			}
		}
	}
	return Match{}, false
}

// Temporal reports whether any entry depends on the day.
func (x *Crosswalk) Temporal() bool {
	return slices.ContainsFunc(x.Rows, func(r CrosswalkRow) bool { return r.Validity != Always() })
}

var crosswalkName = regexp.MustCompile(`^([a-z][a-z0-9_]{0,47})@([0-9A-Za-z][0-9A-Za-z._-]{0,31})\.csv$`)

// loadCrosswalks reads catalog/crosswalks/<scheme>@<version>.csv.
func loadCrosswalks(c *collector, dir string, cats []Category) []*Crosswalk {
	leaves := map[string]bool{}
	for _, cat := range cats {
		if cat.Parent != "" {
			leaves[cat.Code] = true
		}
	}
	var out []*Crosswalk
	for _, name := range listDir(c, dir, "catalog/crosswalks") {
		file := "catalog/crosswalks/" + name
		m := crosswalkName.FindStringSubmatch(name)
		if m == nil {
			c.add(Problem{File: file, Message: "the name must be scheme@version.csv", MessageZH: "文件名应为 体系@版本.csv", Hint: "for instance police_110@2013.csv"})
			continue
		}
		x := &Crosswalk{Scheme: m[1], Version: m[2], byPrefix: map[string][]int{}, byName: map[string][]int{}}
		lines := map[int]int{}
		for _, r := range readCSV(c, dir, file, []string{"src_code_prefix", "name", "hub_code"}, []string{"method", "confidence", "valid_from", "valid_to", "note"}) {
			row := CrosswalkRow{Prefix: r.get("src_code_prefix"), Name: r.get("name"), Hub: r.get("hub_code"), Method: r.get("method"), Validity: r.validity(c, file)}
			if !leaves[row.Hub] {
				c.add(Problem{File: file, Line: r.line, Path: "hub_code", Message: fmt.Sprintf("%q is not a leaf of categories.yaml", row.Hub),
					MessageZH: "不是 categories.yaml 中的小类", Hint: "a leaf has the form LL.SS", HintZH: "小类形如 LL.SS"})
				continue
			}
			if row.Method != "" && !event.CategoryMethods.Has(row.Method) {
				c.addf(file, r.line, "method", "映射方式不在代码表中", "must be one of %s", strings.Join(event.CategoryMethods.Values(), ", "))
				continue
			}
			row.Confidence = 1
			if s := r.get("confidence"); s != "" {
				if _, err := fmt.Sscanf(s, "%g", &row.Confidence); err != nil || row.Confidence < 0 || row.Confidence > 1 {
					c.addf(file, r.line, "confidence", "应在 0 与 1 之间", "must be from 0 to 1")
					continue
				}
			}
			index, key := x.byPrefix, row.Prefix
			if key == "" {
				index, key = x.byName, row.Name
			}
			if key == "" {
				c.addf(file, r.line, "src_code_prefix", "缺少代码前缀或名称", "a row needs a prefix or a name")
				continue
			}
			dup := false
			for _, i := range index[key] {
				if x.Rows[i].Validity.Overlaps(row.Validity) {
					c.add(duplicateCode(file, r.line, key, lines[i]))
					dup = true
					break
				}
			}
			if dup {
				continue
			}
			lines[len(x.Rows)] = r.line
			index[key] = append(index[key], len(x.Rows))
			x.Rows = append(x.Rows, row)
		}
		for p := range x.byPrefix {
			if !slices.Contains(x.lengths, len(p)) {
				x.lengths = append(x.lengths, len(p))
			}
		}
		slices.SortFunc(x.lengths, func(a, b int) int { return b - a })
		out = append(out, x)
	}
	return out
}

func duplicateCode(file string, line int, code string, first int) Problem {
	return Problem{File: file, Line: line, Code: "CODE_DUPLICATE_IN_TABLE", Message: fmt.Sprintf("CODE_DUPLICATE_IN_TABLE: %q stands twice, first on line %d", code, first),
		MessageZH: fmt.Sprintf("代码表重复: %q 首次出现在第 %d 行", code, first), Hint: "remove one, or give both validity dates that do not overlap", HintZH: "删除其一，或设置互不重叠的有效期"}
}
