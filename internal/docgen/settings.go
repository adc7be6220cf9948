package docgen

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Key is one key of a settings struct.
type Key struct {
	Path    string // dotted; [] marks the items of a list, <name> the keys of a map
	Type    string
	Default string // as YAML; "" for none
	Doc     string // `doc` tag
	DocZH   string // `doczh` tag
}

// Keys lists every key of a settings struct in the order of its fields, nested ones below their parent. defaults is a
// value of the struct, or a pointer to one; its yaml, doc and doczh tags are read.
func Keys(defaults any) []Key {
	v := reflect.Indirect(reflect.ValueOf(defaults))
	var out []Key
	keys(&out, "", v)
	return out
}

func keys(out *[]Key, prefix string, v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		path := prefix + name
		k := Key{Path: path, Type: typeName(f.Type), Doc: f.Tag.Get("doc"), DocZH: f.Tag.Get("doczh")}
		inner, below := nested(f.Type)
		if inner == nil {
			k.Default = value(v.Field(i))
		}
		*out = append(*out, k)
		if inner == nil {
			continue
		}
		item := reflect.New(inner).Elem()
		if below == "" && f.Type.Kind() == reflect.Struct {
			item = v.Field(i)
		}
		keys(out, path+below+".", item)
	}
}

// nested is the struct whose keys stand below a field, and how its place is written.
func nested(t reflect.Type) (reflect.Type, string) {
	below := ""
	for {
		switch t.Kind() {
		case reflect.Pointer:
			t = t.Elem()
		case reflect.Slice:
			t, below = t.Elem(), below+"[]"
		case reflect.Map:
			t, below = t.Elem(), below+".<name>"
		case reflect.Struct:
			if t == reflect.TypeFor[yaml.Node]() {
				return nil, ""
			}
			return t, below
		default:
			return nil, ""
		}
	}
}

// typeName is the type as the author of a file thinks of it.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration](), t.Name() == "Duration":
		return "duration"
	case t.Name() == "Bytes":
		return "size"
	case t == reflect.TypeFor[yaml.Node]():
		return "settings"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map of " + typeName(t.Elem())
	case reflect.Struct:
		return "section"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true/false"
	case reflect.Float32, reflect.Float64:
		return "number"
	default:
		return "whole number"
	}
}

// value is a default as it would stand in a file; "" where there is none.
func value(v reflect.Value) string {
	if v.Kind() == reflect.Bool {
		return fmt.Sprint(v.Bool())
	}
	if v.IsZero() {
		return ""
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return short(d)
	}
	if d, ok := v.Interface().(interface{ Std() time.Duration }); ok {
		return short(d.Std())
	}
	if v.Type().Name() == "Bytes" && v.CanInt() {
		return size(v.Int())
	}
	b, err := yaml.Marshal(flow(v.Interface()))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// flow makes a value render on one line.
func flow(v any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode}
	}
	n.Style = yaml.FlowStyle
	return &n
}

// size writes a number of bytes in the largest unit that divides it.
func size(n int64) string {
	for _, u := range []struct {
		name string
		n    int64
	}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}} {
		if n%u.n == 0 {
			return fmt.Sprintf("%d%s", n/u.n, u.name)
		}
	}
	return fmt.Sprint(n)
}

// short writes 10m0s as 10m.
func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" || !strings.HasSuffix(s, "h") && !strings.HasSuffix(s, "m") {
		return d.String()
	}
	return s
}
