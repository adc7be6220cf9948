package catalog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"onegrid/connectors"
)

// Problem is one finding in a configuration folder.
type Problem struct {
	File      string `json:"file"`           // relative to the configuration folder, with slashes
	Line      int    `json:"line,omitempty"` // from 1; 0 where the finding is about the file as a whole
	Path      string `json:"path,omitempty"` // dotted YAML path or CSV column
	Code      string `json:"code,omitempty"` // stable name such as CODE_DUPLICATE_IN_TABLE, "" for ordinary findings
	Message   string `json:"message"`
	MessageZH string `json:"message_zh,omitempty"`
	Hint      string `json:"hint,omitempty"`
	HintZH    string `json:"hint_zh,omitempty"`
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Error is every problem of one configuration folder, ordered by file and line.
type Error struct {
	Dir      string
	Problems []Problem
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// collector gathers problems while files are read.
type collector struct{ problems []Problem }

func (c *collector) add(p Problem) { c.problems = append(c.problems, p) }

func (c *collector) addf(file string, line int, path, zh, format string, args ...any) {
	c.add(Problem{File: file, Line: line, Path: path, Message: fmt.Sprintf(format, args...), MessageZH: zh})
}

func (c *collector) sorted() []Problem {
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(c.problems)
}

var (
	unknownField = regexp.MustCompile(`(?s)^field (.*) not found in type (.+)$`)
	badScalar    = regexp.MustCompile("^cannot unmarshal (!!\\w+)(?: `[^`]*`)? into (.+)$")
)

// FromConnectors turns findings about settings in a file into problems of that file. It puts the decoder's messages
// into words for people and removes the values that it quotes: a value may come from the environment and be a secret.
func FromConnectors(file, prefix string, ps connectors.Problems) []Problem {
	out := make([]Problem, 0, len(ps))
	for _, p := range ps {
		q := Problem{File: file, Line: p.Line, Path: p.Path, Message: p.Message, MessageZH: chinese(p.Message), Hint: p.Hint}
		if prefix != "" {
			q.Path = strings.TrimSuffix(prefix+"."+p.Path, ".")
		}
		if m := unknownField.FindStringSubmatch(p.Message); m != nil {
			q.Message = fmt.Sprintf("unknown key %q", m[1])
			q.MessageZH = fmt.Sprintf("未知的键 %q", m[1])
			q.Hint, q.HintZH = "see the reference for the keys allowed here; is it indented rightly?", "请查参考文档中允许的键，并检查缩进"
		} else if m := badScalar.FindStringSubmatch(p.Message); m != nil {
			q.Message = fmt.Sprintf("%s found where %s is expected", yamlWord(m[1]), goWord(m[2]))
			q.MessageZH = "值的类型不对"
		} else if strings.HasPrefix(p.Message, "yaml: ") {
			q.Message = strings.TrimPrefix(p.Message, "yaml: ")
		}
		if q.MessageZH == "" {
			q.MessageZH = "设置有误, 见英文说明" // a connector words its findings in English
		}
		out = append(out, q)
	}
	return out
}

func yamlWord(tag string) string {
	switch tag {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true/false"
	case "!!seq":
		return "a list"
	case "!!map":
		return "a group of keys"
	}
	return "a value"
}

func goWord(t string) string {
	switch {
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		return "a whole number"
	case strings.HasPrefix(t, "float"):
		return "a number"
	case t == "bool":
		return "true or false"
	case t == "string":
		return "text"
	}
	return "a group of keys"
}
