package connectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Env is what the hub lends to a source.
type Env struct {
	SourceID  string
	Logger    *slog.Logger
	Dir       string                                // folder against which relative paths in the settings resolve
	Secret    func(ref string) (string, error)      // resolves "env:NAME", "file:path" and "systemd:name" references
	Zone      *time.Location                        // zone of times without one; Asia/Shanghai unless configured
	Shared    func(key string, make func() any) any // one value per key for all sources of the process: rate limiters
	BatchRows int                                   // target rows of a batch, 8192 unless set
}

// Rows returns the target batch size.
func (e Env) Rows() int {
	if e.BatchRows > 0 {
		return e.BatchRows
	}
	return 8192
}

// Kind is one sort of connector: a name, a line of documentation and the way to open a source from its settings.
type Kind struct {
	Name   string
	Doc    string
	DocZH  string
	Config reflect.Type // the settings struct, for the generated reference
	// Defaults is a value of Config: what a source file may leave out. For reading only.
	Defaults any
	decode   func(*yaml.Node) (any, error)
	open     func(Env, any) (Source, error)
}

// Validator is implemented by settings structs. It returns all problems it finds; a Problem with a Path is reported at
// the line of that key.
type Validator interface {
	Validate() []Problem
}

// Problem is one finding in the settings. Path is the dotted YAML path of the key it is about, "" for the whole.
type Problem struct {
	Path    string
	Line    int // filled from the YAML node
	Message string
	Hint    string
}

func (p Problem) Error() string {
	s := p.Message
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d: %s", p.Line, s)
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems is every finding of one decoding.
type Problems []Problem

func (ps Problems) Error() string {
	ss := make([]string, len(ps))
	for i, p := range ps {
		ss[i] = p.Error()
	}
	return strings.Join(ss, "\n")
}

// FileError is every problem of a file, each with the name of the file. It unwraps to Problems.
type FileError struct {
	Name     string
	Problems Problems
}

// Error has one line "file:line: path: message (hint)" per problem.
func (e *FileError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		at := e.Name
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", e.Name, p.Line)
		}
		p.Line = 0
		lines[i] = at + ": " + p.Error()
	}
	return strings.Join(lines, "\n")
}

func (e *FileError) Unwrap() error { return e.Problems }

// Define makes a Kind whose settings are the struct C. The YAML is decoded strictly over defaults (an unknown key is a
// problem), then validated, then opened. open must not do I/O that can block: reaching the upstream is the work of Read
// and Check.
func Define[C any](name, doc, docZH string, defaults C, open func(Env, C) (Source, error)) Kind {
	return Kind{
		Name: name, Doc: doc, DocZH: docZH, Config: reflect.TypeFor[C](), Defaults: defaults,
		decode: func(n *yaml.Node) (any, error) {
			c := clone(defaults)
			if ps := DecodeStrict(n, &c); len(ps) > 0 {
				return nil, ps
			}
			return c, nil
		},
		open: func(env Env, c any) (Source, error) { return open(env, c.(C)) },
	}
}

// clone copies defaults through YAML so that decoding never writes into shared maps or slices.
func clone[C any](c C) C {
	b, err := yaml.Marshal(c)
	if err != nil {
		return c
	}
	var out C
	if yaml.Unmarshal(b, &out) != nil {
		return c
	}
	return out
}

// DecodeStrict decodes a YAML node into out, refuses unknown keys and runs Validate. It reports every problem with the
// line of its key.
func DecodeStrict(n *yaml.Node, out any) Problems {
	var ps Problems
	if n != nil && n.Kind != 0 {
		b, err := yaml.Marshal(n)
		if err != nil {
			return Problems{{Message: err.Error()}}
		}
		// The decoder with KnownFields works on bytes; lines of its messages are mapped back below.
		dec := yaml.NewDecoder(bytes.NewReader(b))
		dec.KnownFields(true)
		if err := dec.Decode(out); err != nil && !errors.Is(err, io.EOF) {
			var te *yaml.TypeError
			if errors.As(err, &te) {
				lines := renderedLines(n)
				for _, m := range te.Errors {
					p := Problem{Message: m}
					var l int
					if _, err := fmt.Sscanf(m, "line %d:", &l); err == nil {
						p.Message = strings.TrimSpace(m[strings.Index(m, ":")+1:])
						p.Line = lines[l]
					}
					ps = append(ps, p)
				}
			} else {
				ps = append(ps, Problem{Line: n.Line, Message: err.Error()})
			}
			return ps
		}
	}
	if v, ok := out.(Validator); ok {
		ps = append(ps, v.Validate()...)
	} else if v, ok := reflect.ValueOf(out).Elem().Interface().(Validator); ok {
		ps = append(ps, v.Validate()...)
	}
	for i := range ps {
		if ps[i].Line == 0 && n != nil {
			ps[i].Line = lineOf(n, ps[i].Path)
		}
	}
	return ps
}

// renderedLines maps the line numbers of a re-marshalled node to those of the file it came from.
func renderedLines(n *yaml.Node) map[int]int {
	b, err := yaml.Marshal(n)
	if err != nil {
		return nil
	}
	var again yaml.Node
	if yaml.Unmarshal(b, &again) != nil || len(again.Content) == 0 {
		return nil
	}
	out := map[int]int{}
	var walk func(a, o *yaml.Node)
	walk = func(a, o *yaml.Node) {
		if _, seen := out[a.Line]; !seen {
			out[a.Line] = o.Line
		}
		for i := range a.Content {
			if i < len(o.Content) {
				walk(a.Content[i], o.Content[i])
			}
		}
	}
	orig := n
	if orig.Kind == yaml.DocumentNode && len(orig.Content) > 0 {
		orig = orig.Content[0]
	}
	walk(again.Content[0], orig)
	return out
}

// lineOf finds the line of a dotted path such as "paging.size" or "columns.3.name" in a node.
func lineOf(n *yaml.Node, path string) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := n.Line
	if path == "" {
		return line
	}
	for part := range strings.SplitSeq(path, ".") {
		found := false
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					line, n, found = n.Content[i].Line, n.Content[i+1], true
					break
				}
			}
		case yaml.SequenceNode:
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err == nil && i >= 0 && i < len(n.Content) {
				n, found = n.Content[i], true
				line = n.Line
			}
		}
		if !found {
			return line
		}
	}
	return line
}

// Registry is the set of kinds a binary knows. It is a value: there is no global one.
type Registry struct{ kinds map[string]Kind }

// NewRegistry makes a registry; a name twice is an error.
func NewRegistry(kinds ...Kind) (*Registry, error) {
	r := &Registry{kinds: make(map[string]Kind, len(kinds))}
	for _, k := range kinds {
		if _, dup := r.kinds[k.Name]; dup {
			return nil, fmt.Errorf("connector kind %q is registered twice", k.Name)
		}
		r.kinds[k.Name] = k
	}
	return r, nil
}

// Kinds returns the kinds sorted by name.
func (r *Registry) Kinds() []Kind {
	return slices.SortedFunc(maps.Values(r.kinds), func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
}

// Validate decodes settings without opening and returns Problems, or nil.
func (r *Registry) Validate(kind string, settings *yaml.Node) error {
	_, err := r.decode(kind, settings)
	return err
}

// Open decodes settings and opens the source.
func (r *Registry) Open(kind string, env Env, settings *yaml.Node) (Source, error) {
	c, err := r.decode(kind, settings)
	if err != nil {
		return nil, err
	}
	s, err := r.kinds[kind].open(env, c)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", env.SourceID, err)
	}
	return s, nil
}

func (r *Registry) decode(kind string, settings *yaml.Node) (any, error) {
	k, ok := r.kinds[kind]
	if !ok {
		names := slices.Sorted(maps.Keys(r.kinds))
		return nil, Problems{{Path: "kind", Message: fmt.Sprintf("unknown connector kind %q", kind), Hint: "one of " + strings.Join(names, ", ")}}
	}
	return k.decode(settings)
}
