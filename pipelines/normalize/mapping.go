package normalize

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// Mapping is a mapping file as read. The keys are described in docs/mapping-reference.md.
type Mapping struct {
	Version    int               `yaml:"version"`
	Doc        string            `yaml:"doc"`
	DocZH      string            `yaml:"doc_zh"`
	SourceKind string            `yaml:"source_kind"`
	Zone       string            `yaml:"zone"`
	Scheme     Scheme            `yaml:"scheme"`
	Expect     []string          `yaml:"expect"`
	Fields     map[string]*Field `yaml:"fields"`
	Parties    []Party           `yaml:"parties"`
	Caller     *Caller           `yaml:"caller"`
	Ext        Ext               `yaml:"ext"`
	Drop       []string          `yaml:"drop"`
	Checks     Checks            `yaml:"checks"`
}

// Scheme names the source's own category table.
type Scheme struct {
	ID      string `yaml:"id"`
	Version string `yaml:"version"`
}

// Field says where one target field comes from and how.
type Field struct {
	// where the value comes from: exactly one of these
	From   Names    `yaml:"from"`
	Concat Names    `yaml:"concat"`
	Const  *string  `yaml:"const"`
	CEL    string   `yaml:"cel"`
	First  []*Field `yaml:"first"`

	When    []Cond  `yaml:"when"`
	Sep     *string `yaml:"sep"`
	OnError string  `yaml:"on_error"`

	// text steps, in this order
	Trim        *bool     `yaml:"trim"`
	NullIf      Names     `yaml:"null_if"`
	StripPrefix Names     `yaml:"strip_prefix"`
	Regex       string    `yaml:"regex"`
	Replace     []Replace `yaml:"replace"`
	Upper       bool      `yaml:"upper"`
	Lower       bool      `yaml:"lower"`
	Substring   *Substr   `yaml:"substring"`
	Codes       *Codes    `yaml:"codes"`
	Otherwise   *string   `yaml:"otherwise"`

	// conversion to the type of the target
	Time   *TimeSpec `yaml:"time"`
	Number *Number   `yaml:"number"`
	Split  string    `yaml:"split"`
	CRS    string    `yaml:"crs"`

	// what to do with the result
	Default *string `yaml:"default"`
	Format  string  `yaml:"format"`
	Range   *Range  `yaml:"range"`
	Require bool    `yaml:"require"`
	Strict  bool    `yaml:"strict"`
}

// Cond is one condition of when; all of them must hold.
type Cond struct {
	Column  string `yaml:"column"`
	In      Names  `yaml:"in"`
	NotIn   Names  `yaml:"not_in"`
	Present *bool  `yaml:"present"`
	Matches string `yaml:"matches"`
}

// Replace is one literal replacement.
type Replace struct {
	Old string `yaml:"old"`
	New string `yaml:"new"`
}

// Substr cuts characters (not bytes): Start from 0, Length characters or, where 0, all that follow.
type Substr struct {
	Start  int `yaml:"start"`
	Length int `yaml:"length"`
}

// TimeSpec says how times are written.
type TimeSpec struct {
	Layouts Names  `yaml:"layouts"`
	Zone    string `yaml:"zone"`
}

// Range is a closed range; a value outside is read as shifted by a column.
type Range struct {
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
}

// Party names columns of direct identifiers that become tokens and are then dropped.
type Party struct {
	Kind string `yaml:"kind"`
	Role string `yaml:"role"`
	From Names  `yaml:"from"`
}

// Caller names the columns of the caller's own position.
type Caller struct {
	X string `yaml:"x"`
	Y string `yaml:"y"`
}

// Ext lists the source extras that may be kept: key of ext to source column.
type Ext struct {
	Allow map[string]string `yaml:"allow"`
}

// Checks tunes the quality checks.
type Checks struct {
	IDTime *IDTime       `yaml:"id_time"`
	Order  *[]string     `yaml:"order"`
	Future string        `yaml:"future"`
	Ranges []ColumnRange `yaml:"ranges"`
}

// IDTime compares the time that stands in the record number with reported_at.
type IDTime struct {
	Layout    string `yaml:"layout"`
	At        int    `yaml:"at"`
	Tolerance string `yaml:"tolerance"`
	Repair    bool   `yaml:"repair"`
}

// ColumnRange expects a source column, mapped or not, to hold numbers in a range.
type ColumnRange struct {
	Column string   `yaml:"column"`
	Min    *float64 `yaml:"min"`
	Max    *float64 `yaml:"max"`
}

// FileError is every problem of a mapping file.
type FileError = connectors.FileError

// maxFile bounds a mapping file: code lists belong into the catalog when they grow beyond this.
const maxFile = 4 << 20

// Load reads a mapping file. A file with problems gives a *FileError with all of them.
func Load(path string) (*Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading mapping: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading mapping: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load for bytes; name stands for the file in messages.
func Parse(name string, data []byte) (*Mapping, error) {
	fail := func(ps ...connectors.Problem) (*Mapping, error) { return nil, &FileError{Name: name, Problems: ps} }
	if len(data) > maxFile {
		return fail(connectors.Problem{Message: "the file is larger than 4 MiB", Hint: "move long code lists to the catalog"})
	}
	var doc yaml.Node
	if err := unmarshal(data, &doc); err != nil {
		return fail(syntaxProblem(err))
	}
	if doc.Kind == 0 || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fail(connectors.Problem{Message: "a mapping file is a YAML mapping", Hint: "start with version: 1"})
	}
	if ps := refuseAliases(&doc, nil); len(ps) > 0 {
		return fail(ps...)
	}
	m := &Mapping{}
	ps := connectors.DecodeStrict(&doc, m)
	slices.SortStableFunc(ps, func(a, b connectors.Problem) int { return a.Line - b.Line })
	if len(ps) > 0 {
		return fail(ps...)
	}
	return m, nil
}

// unmarshal turns a panic of the YAML parser on hostile input into an error.
func unmarshal(data []byte, doc *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("yaml: the parser gave up")
		}
	}()
	return yaml.Unmarshal(data, doc)
}

func syntaxProblem(err error) connectors.Problem {
	p := connectors.Problem{Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	var line int
	if _, e := fmt.Sscanf(p.Message, "line %d:", &line); e == nil {
		p.Line, p.Message = line, strings.TrimSpace(p.Message[strings.Index(p.Message, ":")+1:])
	}
	return p
}

// refuseAliases reports anchors and aliases: nested ones grow without bound, and no mapping needs them.
func refuseAliases(n *yaml.Node, ps connectors.Problems) connectors.Problems {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return append(ps, connectors.Problem{Line: n.Line, Message: "anchors and aliases are not allowed"})
	}
	for _, c := range n.Content {
		ps = refuseAliases(c, ps)
	}
	return ps
}

// engine changes when this package maps the same file to other values; it is part of every digest.
const engine = "normalize/1"

// Digest identifies what the mapping does: it changes when the mapping, one of the code lists it uses or the engine
// changes, and not with comments or the order of keys. Lists that are not found count as empty.
func (m *Mapping) Digest(lists Lists) string {
	h := sha256.New()
	io.WriteString(h, engine+"\n")
	enc := json.NewEncoder(h) // sorts map keys
	c := *m
	c.Doc, c.DocZH = "", ""
	enc.Encode(c)
	var names []string
	m.eachField(func(_ string, f *Field) {
		if f.Codes != nil && f.Codes.Name != "" {
			names = append(names, f.Codes.Name)
		}
	})
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		codes, _ := lookup(lists, n)
		enc.Encode(n)
		enc.Encode(codes)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// eachField visits every field and every alternative of first with its YAML path.
func (m *Mapping) eachField(visit func(path string, f *Field)) {
	var walk func(path string, f *Field)
	walk = func(path string, f *Field) {
		if f == nil {
			return
		}
		visit(path, f)
		for i, a := range f.First {
			walk(fmt.Sprintf("%s.first.%d", path, i), a)
		}
	}
	for _, name := range sortedKeys(m.Fields) {
		walk("fields."+name, m.Fields[name])
	}
}

// Lists gives code lists and crosswalks by name: source code to hub code.
type Lists interface {
	Codes(name string) (map[string]string, bool)
}

// ListMap is Lists in memory.
type ListMap map[string]map[string]string

// Codes implements Lists.
func (l ListMap) Codes(name string) (map[string]string, bool) {
	c, ok := l[name]
	return c, ok
}

func lookup(lists Lists, name string) (map[string]string, bool) {
	if lists == nil {
		return nil, false
	}
	return lists.Codes(name)
}
