package hub

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"onegrid/catalog"
	"onegrid/connectors"
	"onegrid/connectors/builtin"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/normalize"
	"onegrid/pipelines/privacy"
	"onegrid/pipelines/schedule"
)

// CheckResult is everything that is wrong with a configuration folder.
type CheckResult struct {
	OK       bool              `json:"ok"`
	Sources  int               `json:"sources"`
	Mappings int               `json:"mappings"`
	Problems []catalog.Problem `json:"problems"`
}

// Check reads a configuration folder and everything that it names, opens no source and no store, and reports all problems
// at once: catalog, connections, mappings, schedules, keys. The catalog is nil where there is nothing to go on with; with
// problems, parts of it are missing.
func Check(dir string) (*catalog.Catalog, CheckResult, error) {
	res := CheckResult{Problems: []catalog.Problem{}}
	cat, problems := catalog.Inspect(dir)
	res.Problems = append(res.Problems, problems...)
	if cat == nil {
		return nil, res, nil
	}
	reg, err := builtin.Registry()
	if err != nil {
		return cat, res, err
	}
	res.Sources = len(cat.Sources())
	for _, p := range cat.CheckConnections(reg) {
		// A missing kind is reported by the catalog already.
		if p.Path != "kind" || !strings.Contains(p.Message, `""`) {
			res.Problems = append(res.Problems, p)
		}
	}
	res.mappings(cat)
	res.schedules(cat)
	if cat.Hub != nil {
		res.keys(cat)
	}
	if cat.Hub != nil && len(res.Problems) == 0 {
		// The anchors of the coordinate systems are proved by converting them.
		if _, err := enrich.New(cat); err != nil {
			res.Problems = append(res.Problems, catalog.Problem{File: anchorFile(cat, err), Path: "anchors", Message: err.Error(), MessageZH: "坐标系校验点不符: " + err.Error()})
		}
	}
	slices.SortStableFunc(res.Problems, func(a, b catalog.Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	res.OK = len(res.Problems) == 0
	return cat, res, nil
}

func anchorFile(cat *catalog.Catalog, err error) string {
	for _, s := range cat.Sources() {
		if strings.Contains(err.Error(), s.File) {
			return s.File
		}
	}
	return "onegrid.yaml"
}

// mappings checks every mapping file: those that sources name and those that wait in mappings/.
func (res *CheckResult) mappings(cat *catalog.Catalog) {
	var files []string
	for _, s := range cat.Sources() {
		if s.Mapping != "" {
			files = append(files, s.Mapping)
		}
	}
	more, _ := filepath.Glob(filepath.Join(cat.Dir, "mappings", "*.yaml"))
	files = append(files, more...)
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		if st, err := os.Stat(file); err != nil || st.IsDir() {
			continue // reported with the source that names it
		}
		res.Mappings++
		shown := relative(cat.Dir, file)
		m, err := normalize.Load(file)
		if err == nil {
			_, err = m.Compile(cat)
		}
		var ps connectors.Problems
		switch {
		case err == nil:
		case errors.As(err, &ps):
			root := readNode(file)
			for i := range ps {
				if ps[i].Line == 0 {
					ps[i].Line = lineAt(root, ps[i].Path)
				}
			}
			res.Problems = append(res.Problems, catalog.FromConnectors(shown, "", ps)...)
		default:
			res.Problems = append(res.Problems, catalog.Problem{File: shown, Message: err.Error()})
		}
	}
}

// schedules checks what the scheduler would refuse and the catalog accepts.
func (res *CheckResult) schedules(cat *catalog.Catalog) {
	for _, s := range cat.Sources() {
		if slices.ContainsFunc(res.Problems, func(p catalog.Problem) bool { return p.File == s.File && strings.HasPrefix(p.Path, "schedule") }) {
			continue
		}
		ps := schedule.Source{ID: s.ID, Cron: ScheduleText(s), Jitter: s.Schedule.Jitter.Std(), Overlap: schedule.Overlap(s.Schedule.Overlap),
			Missed: schedule.Missed(s.Schedule.Missed), Timeout: s.Schedule.Timeout.Std()}.Validate()
		root := readNode(filepath.Join(cat.Dir, filepath.FromSlash(s.File)))
		for i := range ps {
			ps[i].Line = lineAt(root, "schedule."+ps[i].Path)
		}
		res.Problems = append(res.Problems, catalog.FromConnectors(s.File, "schedule", ps)...)
	}
}

// keys checks the privacy key and the recipients of the landing. Neither message quotes a key.
func (res *CheckResult) keys(cat *catalog.Catalog) {
	const file = "onegrid.yaml"
	root := readNode(filepath.Join(cat.Dir, file))
	if !slices.ContainsFunc(res.Problems, func(p catalog.Problem) bool { return p.Path == "privacy.key" }) {
		if _, err := privacy.LoadKeys(cat.Hub.Privacy.Key, catalog.Secrets(cat.Dir)); err != nil {
			res.Problems = append(res.Problems, catalog.Problem{File: file, Line: lineAt(root, "privacy.key"), Path: "privacy.key", Message: err.Error(), MessageZH: "无法读取隐私密钥: " + err.Error(),
				Hint: "`onegrid init` makes a key file; mode 0400", HintZH: "onegrid init 可生成密钥文件,权限 0400"})
		}
	}
	for i, r := range cat.Hub.Landing.Recipients {
		path := "landing.recipients." + strconv.Itoa(i)
		if slices.ContainsFunc(res.Problems, func(p catalog.Problem) bool { return p.Path == path }) {
			continue
		}
		if strings.HasPrefix(strings.ToUpper(r), "AGE-SECRET-KEY-") {
			res.Problems = append(res.Problems, catalog.Problem{File: file, Line: lineAt(root, path), Path: path, Message: "this is a private key: the hub must only have the public one", MessageZH: "这是私钥:本系统只应持有公钥",
				Hint: "write the age1... recipient and keep the private key elsewhere", HintZH: "请填写 age1 开头的公钥,私钥另行保管"})
		} else if _, err := landing.ParseRecipients(r); err != nil {
			res.Problems = append(res.Problems, catalog.Problem{File: file, Line: lineAt(root, path), Path: path, Message: "is not an age public key", MessageZH: "不是 age 公钥",
				Hint: "it starts with age1 and stands in the first lines of the identity file", HintZH: "以 age1 开头,见身份文件首部"})
		}
	}
}

func relative(dir, file string) string {
	if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

// readNode parses a YAML file for its line numbers; nil where it cannot be read.
func readNode(file string) (root *yaml.Node) {
	defer func() {
		if recover() != nil { // the parser panics on some malformed input
			root = nil
		}
	}()
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// lineAt is the line of a dotted path, the nearest parent's where the key is absent, 0 without a file.
func lineAt(n *yaml.Node, path string) int {
	if n == nil {
		return 0
	}
	line := n.Line
	for part := range strings.SplitSeq(path, ".") {
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					line, next = n.Content[i].Line, n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
				line = next.Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line
}
