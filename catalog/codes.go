package catalog

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// codeList is one table of catalog/codes: source code to hub code, or code to name.
type codeList struct {
	name string
	rows []codeRow
	m    map[string]string
}

type codeRow struct{ code, value, name, nameZH string }

// listDir returns the names of the plain files of a folder, sorted; none where it does not exist.
func listDir(c *collector, dir, sub string) []string {
	files, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(sub)))
	if err != nil {
		if !os.IsNotExist(err) {
			c.addf(sub, 0, "", "无法读取目录", "the folder cannot be read")
		}
		return nil
	}
	var out []string
	for _, f := range files {
		if !f.IsDir() && !strings.HasPrefix(f.Name(), ".") {
			out = append(out, f.Name())
		}
	}
	return out
}

// loadCodes reads catalog/codes/<name>.csv (code,value[,name,name_zh]) and <name>.yaml (code: value).
func loadCodes(c *collector, dir string) []*codeList {
	var out []*codeList
	seen := map[string]string{}
	for _, f := range listDir(c, dir, "catalog/codes") {
		file := "catalog/codes/" + f
		ext := path.Ext(f)
		name := strings.TrimSuffix(f, ext)
		if !idPattern.MatchString(name) || (ext != ".csv" && ext != ".yaml") {
			c.add(Problem{File: file, Message: "the name must be lower-case letters, digits and _, ending in .csv or .yaml", MessageZH: "文件名应为小写字母、数字和下划线, 以 .csv 或 .yaml 结尾"})
			continue
		}
		if first, dup := seen[name]; dup {
			c.addf(file, 0, "", "代码表重名", "the list %s is already defined by %s", name, first)
			continue
		}
		seen[name] = file
		l := &codeList{name: name, m: map[string]string{}}
		lines := map[string]int{}
		add := func(line int, r codeRow) {
			if r.code == "" {
				c.addf(file, line, "code", "缺少代码", "a row needs a code")
				return
			}
			if first, dup := lines[r.code]; dup {
				c.add(duplicateCode(file, line, r.code, first))
				return
			}
			lines[r.code] = line
			l.m[r.code] = r.value
			l.rows = append(l.rows, r)
		}
		if ext == ".csv" {
			for _, r := range readCSV(c, dir, file, []string{"code", "value"}, []string{"name", "name_zh", "note"}) {
				add(r.line, codeRow{r.get("code"), r.get("value"), r.get("name"), r.get("name_zh")})
			}
		} else if b, ok := readFile(c, dir, file); ok {
			root := parseYAML(c, file, b)
			for i := 0; root != nil && i+1 < len(root.Content); i += 2 {
				k, v := root.Content[i], root.Content[i+1]
				if v.Kind != yaml.ScalarNode {
					c.addf(file, v.Line, k.Value, "值应为文本", "the value of a code is plain text")
					continue
				}
				add(k.Line, codeRow{code: k.Value, value: v.Value})
			}
		}
		out = append(out, l)
	}
	return out
}
