package normalize

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Names is a text or a list of texts. Numbers and truth values are taken as they are written: codes are strings.
type Names []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *Names) UnmarshalYAML(v *yaml.Node) error {
	switch v.Kind {
	case yaml.ScalarNode:
		if v.ShortTag() == "!!null" {
			return typeError(v, "expected a text or a list of texts")
		}
		*n = Names{v.Value}
		return nil
	case yaml.SequenceNode:
		out := make(Names, 0, len(v.Content))
		for _, c := range v.Content {
			if c.Kind != yaml.ScalarNode || c.ShortTag() == "!!null" {
				return typeError(c, "expected a text")
			}
			out = append(out, c.Value)
		}
		*n = out
		return nil
	}
	return typeError(v, "expected a text or a list of texts")
}

// Codes is a code list: the name of one in the catalog, or source codes to hub codes in place. An empty hub code means
// that the field stays empty.
type Codes struct {
	Name   string
	Inline map[string]string
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *Codes) UnmarshalYAML(v *yaml.Node) error {
	switch v.Kind {
	case yaml.ScalarNode:
		if v.Value == "" || v.ShortTag() == "!!null" {
			return typeError(v, "expected the name of a code list or source codes to hub codes")
		}
		c.Name = v.Value
		return nil
	case yaml.MappingNode:
		c.Inline = make(map[string]string, len(v.Content)/2)
		for i := 0; i+1 < len(v.Content); i += 2 {
			k, val := v.Content[i], v.Content[i+1]
			if k.Kind != yaml.ScalarNode || val.Kind != yaml.ScalarNode {
				return typeError(val, "a code list maps one text to one text")
			}
			if _, twice := c.Inline[k.Value]; twice {
				return typeError(k, fmt.Sprintf("code %q stands twice", k.Value))
			}
			hub := val.Value
			if val.ShortTag() == "!!null" {
				hub = ""
			}
			c.Inline[k.Value] = hub
		}
		return nil
	}
	return typeError(v, "expected the name of a code list or source codes to hub codes")
}

// Number is true or settings of a number.
type Number struct {
	Unit  string
	Scale float64
	Comma bool
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *Number) UnmarshalYAML(v *yaml.Node) error {
	if v.Kind == yaml.ScalarNode && v.Value == "true" {
		return nil
	}
	if v.Kind != yaml.MappingNode {
		return typeError(v, "expected true or unit, scale, comma")
	}
	for i := 0; i+1 < len(v.Content); i += 2 {
		k, val := v.Content[i], v.Content[i+1]
		switch k.Value {
		case "unit":
			n.Unit = val.Value
		case "scale":
			f, err := strconv.ParseFloat(val.Value, 64)
			if err != nil || !finite(f) || f == 0 {
				return typeError(val, "scale is a number other than 0")
			}
			n.Scale = f
		case "comma":
			b, err := strconv.ParseBool(val.Value)
			if err != nil {
				return typeError(val, "comma is true or false")
			}
			n.Comma = b
		default:
			return typeError(k, fmt.Sprintf("field %s not found in number", k.Value))
		}
	}
	return nil
}

// typeError is collected by the YAML decoder beside its own findings, with the line.
func typeError(v *yaml.Node, msg string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", v.Line, msg)}}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
