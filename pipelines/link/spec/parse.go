package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// FileError is every problem of a link mapping or a model file.
type FileError = connectors.FileError

// maxFile bounds a mapping file.
const maxFile = 4 << 20

// Load reads a mapping file and the alias files that it names. A file with problems gives a *FileError with all of them.
func Load(path string) (*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading link mapping: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading link mapping: %w", err)
	}
	s, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	return s, s.readAliases(filepath.Dir(path))
}

// Parse is Load for bytes, without alias files; name stands for the file in messages.
func Parse(name string, data []byte) (*Spec, error) {
	fail := func(ps ...connectors.Problem) (*Spec, error) { return nil, &FileError{Name: name, Problems: ps} }
	if len(data) > maxFile {
		return fail(connectors.Problem{Message: "the file is larger than 4 MiB", Hint: "move aliases to a file of their own"})
	}
	var doc yaml.Node
	if err := unmarshal(data, &doc); err != nil {
		return fail(syntaxProblem(err))
	}
	if doc.Kind == 0 || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fail(connectors.Problem{Line: 1, Message: "a link mapping is a YAML mapping", Hint: "start with version: 1"})
	}
	if ps := refuseAliases(&doc, nil); len(ps) > 0 {
		return fail(ps...)
	}
	s := &Spec{name: name}
	d := &decoder{lines: map[string]int{}}
	d.value(doc.Content[0], reflect.ValueOf(s).Elem(), "")
	s.lines = d.lines
	// What could not be read stays empty; saying that it is missing too would only confuse.
	unread := map[string]bool{}
	for _, p := range d.problems {
		unread[p.Path] = true
	}
	ps := d.problems
	for _, p := range s.validate() {
		if !covered(unread, p.Path) {
			ps = append(ps, p)
		}
	}
	if len(ps) > 0 {
		for i := range ps {
			if ps[i].Line == 0 {
				ps[i].Line = s.Line(ps[i].Path)
			}
		}
		slices.SortStableFunc(ps, func(a, b connectors.Problem) int { return a.Line - b.Line })
		return fail(ps...)
	}
	s.fill()
	return s, nil
}

// covered reports whether a path, what it lies in or what lies in it has a problem already.
func covered(unread map[string]bool, path string) bool {
	for u := range unread {
		if u == path || u != "" && path != "" && (strings.HasPrefix(path, u+".") || strings.HasPrefix(u, path+".")) {
			return true
		}
	}
	return false
}

// Line is the line of a dotted path such as comparisons.2.levels.0, or of the nearest key above it; 0 without a file.
func (s *Spec) Line(path string) int {
	for path != "" {
		if l, ok := s.lines[path]; ok {
			return l
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return s.lines[""]
}

// Name is the name of the file, as in messages.
func (s *Spec) Name() string { return s.name }

// Problem makes the error of one finding about a path, found while the spec was used: a column that the data has not.
func (s *Spec) Problem(path, message, hint string) error {
	return &FileError{Name: s.name, Problems: connectors.Problems{{Path: path, Line: s.Line(path), Message: message, Hint: hint}}}
}

// fill writes the defaults.
func (s *Spec) fill() {
	if s.Zone == "" {
		s.Zone = "Asia/Shanghai"
	}
	for i, r := range s.Blocking {
		if r.Name == "" {
			r.Name = ruleName(r, i)
		}
		setDefault(&r.Cap, 200)
	}
	for i := range s.Placeholders {
		setDefault(&s.Placeholders[i].Min, 20)
	}
	setDefault(&s.Bands.Link, 0.95)
	if s.Bands.Review == 0 {
		s.Bands.Review = min(0.5, s.Bands.Link)
	}
	setDefault(&s.Cluster.Support, 0.35)
	setDefault(&s.Cluster.Weight, 0.5)
	setDefault(&s.Cluster.Alarm, 50)
	if s.Train.Mode == "" {
		s.Train.Mode = "auto"
	}
	setDefault(&s.Train.Pairs, 1_000_000)
	setDefault(&s.Train.Iterations, 100)
	setDefault(&s.Train.Seed, 1)
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// ruleName names a rule by its keys.
func ruleName(r *Rule, i int) string {
	var parts []string
	for _, k := range r.Keys {
		p := k.Column
		if k.Prefix > 0 {
			p = fmt.Sprintf("%s(%d)", p, k.Prefix)
		}
		if k.Part != "" {
			p = k.Part + "(" + p + ")"
		}
		parts = append(parts, p)
	}
	if r.Near != nil {
		parts = append(parts, fmt.Sprintf("%s<=%gm", r.Near.Point, r.Near.Metres))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("rule%d", i+1)
	}
	return strings.Join(parts, "+")
}

// engine changes when this package or the scoring makes other levels of the same file; it is part of every digest.
const engine = "link/1"

// Digest identifies columns and comparisons, which decide what a trained weight means: it changes when they do, and not
// with comments, labels, bands, blocking rules or the order of keys.
func (s *Spec) Digest() string {
	h := sha256.New()
	io.WriteString(h, engine+"\n")
	type level struct {
		Test
		TF Weight
	}
	enc := json.NewEncoder(h) // sorts map keys
	enc.Encode([]any{s.Zone, s.Columns, s.Aliases})
	for _, c := range s.Comparisons {
		enc.Encode([]any{c.Name, c.Columns})
		for _, l := range c.Levels {
			enc.Encode(level{l.Test, l.TF})
		}
	}
	return hex.EncodeToString(h.Sum(nil))
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

// Decode decodes a YAML or JSON file strictly into out, a pointer to a struct with yaml tags, and then asks check for what
// is wrong with the values; a problem's Path gives its line. It returns a *FileError with all problems.
func Decode(name string, data []byte, out any, check func() connectors.Problems) error {
	var doc yaml.Node
	fail := func(ps ...connectors.Problem) error { return &FileError{Name: name, Problems: ps} }
	if len(data) > maxFile {
		return fail(connectors.Problem{Message: "the file is larger than 4 MiB"})
	}
	if err := unmarshal(data, &doc); err != nil {
		return fail(syntaxProblem(err))
	}
	if doc.Kind == 0 || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fail(connectors.Problem{Line: 1, Message: "expected keys with values"})
	}
	if ps := refuseAliases(&doc, nil); len(ps) > 0 {
		return fail(ps...)
	}
	d := &decoder{lines: map[string]int{}}
	d.value(doc.Content[0], reflect.ValueOf(out).Elem(), "")
	ps := d.problems
	if len(ps) == 0 {
		ps = check()
	}
	if len(ps) == 0 {
		return nil
	}
	lines := &Spec{lines: d.lines}
	for i := range ps {
		if ps[i].Line == 0 {
			ps[i].Line = lines.Line(ps[i].Path)
		}
	}
	slices.SortStableFunc(ps, func(a, b connectors.Problem) int { return a.Line - b.Line })
	return fail(ps...)
}
