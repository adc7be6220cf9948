package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// decoder fills a structure from YAML nodes and goes on after a problem, so that a file is told all of them at once. The
// decoder of the yaml package stops at unknown keys before anything can be validated.
type decoder struct {
	problems connectors.Problems
	lines    map[string]int
}

// custom is implemented by values that are written in more than one way.
type custom interface {
	decode(d *decoder, n *yaml.Node, path string)
}

func (d *decoder) fail(n *yaml.Node, path, hint, format string, args ...any) {
	d.problems = append(d.problems, connectors.Problem{Path: path, Line: n.Line, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// value decodes n into v, which is addressable.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	d.lines[path] = n.Line
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path)
		return
	}
	if c, ok := v.Addr().Interface().(custom); ok {
		c.decode(d, n, path)
		return
	}
	d.plain(n, v, path)
}

// plain is value without custom decoding.
func (d *decoder) plain(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		if n.Tag == "!!null" {
			return // an empty list, as JSON writes one
		}
		if n.Kind != yaml.SequenceNode {
			d.fail(n, path, "write each entry behind a dash", "expected a list")
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, c := range n.Content {
			d.value(c, out.Index(i), fmt.Sprintf("%s.%d", path, i))
		}
		v.Set(out)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.fail(n, path, "", "expected %s", scalarName(v.Kind()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		return
	case reflect.Bool:
		if b, err := strconv.ParseBool(n.Value); err == nil && (n.Value == "true" || n.Value == "false") {
			v.SetBool(b)
			return
		}
	case reflect.Int, reflect.Int64:
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 10, 64); err == nil {
			v.SetInt(i)
			return
		}
	case reflect.Uint64:
		if i, err := strconv.ParseUint(n.Value, 10, 64); err == nil {
			v.SetUint(i)
			return
		}
	case reflect.Float64:
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && f-f == 0 {
			v.SetFloat(f)
			return
		}
	}
	d.fail(n, path, "", "expected %s, not %q", scalarName(v.Kind()), n.Value)
}

func scalarName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a text"
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "write name: value", "expected names with values")
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := join(path, k.Value)
		key := reflect.ValueOf(k.Value)
		if out.MapIndex(key).IsValid() {
			d.fail(k, at, "", "stands twice")
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(n.Content[i+1], e, at)
		d.lines[at] = k.Line
		out.SetMapIndex(key, e)
	}
	v.Set(out)
}

// structure decodes a mapping into a struct by its yaml tags; embedded structs share the level of their parent.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "keys: "+strings.Join(keysOf(v.Type()), ", "), "expected keys with values")
		return
	}
	fields := map[string]reflect.Value{}
	collect(v, fields)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := join(path, k.Value)
		f, ok := fields[k.Value]
		switch {
		case !ok:
			d.fail(k, path, suggest(k.Value, keysOf(v.Type())), "unknown key %q", k.Value)
		case seen[k.Value]:
			d.fail(k, at, "", "stands twice")
		default:
			d.value(n.Content[i+1], f, at)
			d.lines[at] = k.Line
		}
		seen[k.Value] = true
	}
}

func collect(v reflect.Value, out map[string]reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			collect(v.Field(i), out)
		} else if name := t.Field(i).Tag.Get("yaml"); name != "" {
			out[name] = v.Field(i)
		}
	}
}

func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			out = append(out, keysOf(f.Type)...)
		} else if name := f.Tag.Get("yaml"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// suggest is a hint for a name that is not known: the nearest one that is, or all of them.
func suggest(name string, known []string) string {
	best, at := 3, ""
	for _, k := range known {
		if e := edits(name, k); e < best {
			best, at = e, k
		}
	}
	switch {
	case at != "":
		return "did you mean " + at + "?"
	case len(known) == 0:
		return ""
	case len(known) > 12:
		return "one of " + strings.Join(known[:12], ", ") + ", …"
	}
	return "one of " + strings.Join(known, ", ")
}

// edits is the Levenshtein distance of two short names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost = min(diag, row[j], row[j+1]) + 1
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func (x *Names) decode(d *decoder, n *yaml.Node, path string) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	*x = make(Names, 0, len(items))
	for _, c := range items {
		if c.Kind != yaml.ScalarNode || c.ShortTag() == "!!null" {
			d.fail(c, path, "", "expected a text or a list of texts")
			continue
		}
		*x = append(*x, c.Value)
	}
}

func (x *Duration) decode(d *decoder, n *yaml.Node, path string) {
	v, err := time.ParseDuration(n.Value)
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		var f float64
		if f, err = strconv.ParseFloat(days, 64); err == nil {
			v = time.Duration(f * float64(24*time.Hour))
		}
	}
	if n.Kind != yaml.ScalarNode || err != nil || v < 0 {
		d.fail(n, path, "such as 90m, 36h or 7d", "not a duration: %q", n.Value)
		return
	}
	*x = Duration(v)
}

func (x *Weight) decode(d *decoder, n *yaml.Node, path string) {
	switch n.Value {
	case "true":
		*x = 1
	case "false":
		*x = 0
	default:
		d.scalar(n, reflect.ValueOf((*float64)(x)).Elem(), path)
	}
}

// decode takes a level written as one word: exact, else, swapped, day_month_swapped.
func (x *Level) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		x.Test.word(d, n, path)
		return
	}
	d.structure(n, reflect.ValueOf(x).Elem(), path)
}

func (x *Test) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		x.word(d, n, path)
		return
	}
	d.structure(n, reflect.ValueOf(x).Elem(), path)
}

func (x *Test) word(d *decoder, n *yaml.Node, path string) {
	switch n.Value {
	case "exact":
		x.Exact = true
	case "else":
		x.Else = true
	case "swapped":
		x.Swapped = true
	case "day_month_swapped":
		x.DayMonth = true
	default:
		d.fail(n, path, suggest(n.Value, []string{"exact", "else", "swapped", "day_month_swapped"})+"; others take a value, as in {jaro_winkler: 0.9}",
			"%q is no condition that stands alone", n.Value)
		x.Else = true // reported already: nothing more is said about this level
	}
}

func (x *Key) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		x.Column = n.Value
		return
	}
	d.structure(n, reflect.ValueOf(x).Elem(), path)
}

func (x *Train) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		x.Mode = n.Value
		return
	}
	d.structure(n, reflect.ValueOf(x).Elem(), path)
}

// stepArgs names the cleaning steps and what they take: "" nothing, n a number, text a text, regexp, pair.
func stepArgs() map[string]string {
	return map[string]string{
		"trim": "", "squeeze": "", "lower": "", "upper": "", "nfkc": "", "unaccent": "", "simplify": "",
		"digits": "", "letters": "", "alnum": "", "first_word": "", "last_word": "", "sort_words": "",
		"prefix": "n", "suffix": "n", "extract": "regexp", "replace": "pair", "alias": "text",
	}
}

func stepNames() []string { return sorted(stepArgs()) }

func (x *Step) decode(d *decoder, n *yaml.Node, path string) {
	arg := n
	switch {
	case n.Kind == yaml.ScalarNode:
		x.Op = n.Value
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		x.Op, arg = n.Content[0].Value, n.Content[1]
	default:
		d.fail(n, path, "such as lower or {prefix: 3}", "expected one cleaning step")
		return
	}
	want, ok := stepArgs()[x.Op]
	if !ok {
		d.fail(n, path, suggest(x.Op, stepNames()), "unknown cleaning step %q", x.Op)
		x.Op = ""
		return
	}
	if (want == "") != (arg == n) {
		d.fail(n, path, map[bool]string{true: "write it alone", false: "write {" + x.Op + ": …}"}[want == ""], "%s %s", x.Op,
			map[bool]string{true: "takes no value", false: "needs a value"}[want == ""])
		return
	}
	switch want {
	case "n":
		d.scalar(arg, reflect.ValueOf(&x.N).Elem(), path)
	case "text", "regexp":
		d.scalar(arg, reflect.ValueOf(&x.Text).Elem(), path)
	case "pair":
		var p struct {
			Regexp string `yaml:"regexp"`
			With   string `yaml:"with"`
		}
		d.structure(arg, reflect.ValueOf(&p).Elem(), path)
		x.Text, x.New = p.Regexp, p.With
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
