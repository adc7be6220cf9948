package catalog

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

var envRef = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}`)
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseYAML reads one document, refuses anchors and duplicate keys, and expands environment references. It returns nil
// when the file is not YAML at all.
func parseYAML(c *collector, file string, b []byte) *yaml.Node {
	var doc yaml.Node
	if err := unmarshalNode(b, &doc); err != nil {
		line := 0
		msg := strings.TrimPrefix(err.Error(), "yaml: ")
		if _, e := fmt.Sscanf(msg, "line %d:", &line); e == nil {
			msg = strings.TrimSpace(msg[strings.Index(msg, ":")+1:])
		}
		c.add(Problem{File: file, Line: line, Message: "not valid YAML: " + msg, MessageZH: "不是有效的 YAML",
			Hint: "indent with spaces, and put quotes around text with a colon or #", HintZH: "用空格缩进；含冒号或 # 的文本加引号"})
		return nil
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		c.add(Problem{File: file, Message: "the file is empty", MessageZH: "文件为空"})
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		c.add(Problem{File: file, Line: root.Line, Message: "the file must hold keys and values", MessageZH: "文件应为键值结构"})
		return nil
	}
	if !walkYAML(c, file, "", root) {
		return nil
	}
	return root
}

// unmarshalNode parses b; the parser panics on some malformed input, which becomes an error here.
func unmarshalNode(b []byte, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	return yaml.Unmarshal(b, n)
}

// walkYAML checks n and expands it in place. It reports false where decoding would only repeat the finding.
func walkYAML(c *collector, file, path string, n *yaml.Node) bool {
	ok := true
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		c.add(Problem{File: file, Line: n.Line, Path: path, Message: "anchors and aliases are not allowed here", MessageZH: "此处不允许锚点与别名",
			Hint: "write the value out", HintZH: "请直接写出值"})
		return false
	}
	switch n.Kind {
	case yaml.MappingNode:
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if first, dup := seen[k.Value]; dup {
				c.addf(file, k.Line, join(k.Value), "键重复", "the key stands twice, first on line %d", first)
				ok = false
			}
			seen[k.Value] = k.Line
			if k.Kind != yaml.ScalarNode {
				c.addf(file, k.Line, path, "键必须是文本", "a key must be plain text")
				return false
			}
			ok = walkYAML(c, file, join(k.Value), v) && ok
		}
	case yaml.SequenceNode:
		for i, v := range n.Content {
			ok = walkYAML(c, file, join(strconv.Itoa(i)), v) && ok
		}
	case yaml.ScalarNode:
		expandEnv(c, file, path, n)
	}
	return ok
}

// expandEnv replaces ${NAME} in a parsed scalar. Expanding after parsing means that "x #y" stays "x #y", and a quote or
// a line break in a variable cannot add keys. "$${" stands for a literal "${".
func expandEnv(c *collector, file, path string, n *yaml.Node) {
	if !strings.Contains(n.Value, "${") {
		return
	}
	changed := false
	n.Value = envRef.ReplaceAllStringFunc(n.Value, func(ref string) string {
		changed = true
		if ref == "$${" {
			return "${"
		}
		name := ref[2 : len(ref)-1]
		if !envName.MatchString(name) {
			c.add(Problem{File: file, Line: n.Line, Path: path, Message: "not a variable reference: write ${NAME} with letters, digits and _",
				MessageZH: "环境变量引用格式错误，应为 ${NAME}", Hint: "a literal ${ is written $${", HintZH: "要写字面 ${ 请写成 $${"})
			return ""
		}
		v := os.Getenv(name)
		if v == "" {
			c.add(Problem{File: file, Line: n.Line, Path: path, Message: "environment variable " + name + " is not set",
				MessageZH: "环境变量 " + name + " 未设置", Hint: "set it: export " + name + "=...", HintZH: "请设置: export " + name + "=..."})
		}
		return v
	})
	if changed && n.Style == 0 {
		// A plain scalar may be a number or a truth value once it is expanded; everything else stays text.
		switch tag := (&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}).ShortTag(); tag {
		case "!!int", "!!float", "!!bool":
			n.Tag = tag
		default:
			n.Tag = "!!str"
		}
	}
}

// decode fills out strictly from root and reports what does not fit.
func decode(c *collector, file string, root *yaml.Node, out any) {
	c.problems = append(c.problems, FromConnectors(file, "", connectors.DecodeStrict(root, out))...)
}

// child returns the value of a key in a mapping, nil where it is absent.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// lineOf is the line of a dotted path in root, the nearest parent's where the key is absent.
func lineOf(root *yaml.Node, path string) int {
	n, line := root, root.Line
	for part := range strings.SplitSeq(path, ".") {
		var next *yaml.Node
		if n.Kind == yaml.SequenceNode {
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		} else {
			next = child(n, part)
		}
		if next == nil {
			return line
		}
		n, line = next, next.Line
	}
	return line
}

// Duration is a length of time in a configuration file: Go notation, with d for days ("90s", "15m", "36h", "30d").
type Duration time.Duration

// Std returns the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalYAML writes Go notation.
func (d Duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

// UnmarshalYAML reads Go notation or days.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return typeError(n, "needs a duration such as 90s, 15m, 36h or 30d")
	}
	*d = v
	return nil
}

// ParseDuration parses Go notation or a whole number of days ("30d").
func ParseDuration(s string) (Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return Duration(time.Duration(n) * 24 * time.Hour), err
	}
	v, err := time.ParseDuration(s)
	return Duration(v), err
}

// Bytes is a size in a configuration file: "200MB", "64MiB", "1GB" or a plain number of bytes.
type Bytes int64

// MarshalYAML writes the number of bytes.
func (b Bytes) MarshalYAML() (any, error) { return int64(b), nil }

// UnmarshalYAML reads a number with an optional unit.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	s := strings.TrimSpace(n.Value)
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		size   int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if n.Kind != yaml.ScalarNode || err != nil || v < 0 || v > (1<<62)/unit {
		return typeError(n, "needs a size such as 200MB or 64MiB")
	}
	*b = Bytes(v * unit)
	return nil
}

func typeError(n *yaml.Node, msg string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", n.Line, msg)}}
}
