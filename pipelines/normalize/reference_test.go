package normalize_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onegrid/event"
	"onegrid/pipelines/normalize"
)

func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "mapping-reference.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, path, normalize.Reference())
}

// TestEveryKeyIsDocumented compares the documented keys with the structures that the YAML is decoded into.
func TestEveryKeyIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, k := range normalize.Keys() {
		documented[strings.TrimPrefix(k.Section+"."+k.Name, ".")] = true
		if k.Doc == "" || k.DocZH == "" || k.Example == "" {
			t.Errorf("%s.%s is not described", k.Section, k.Name)
		}
	}
	found := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var walk func(section string, typ reflect.Type)
	walk = func(section string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] && section != "" && typ == reflect.TypeFor[normalize.Field]() {
			return
		}
		seen[typ] = true
		for f := range typ.NumField() {
			name := typ.Field(f).Tag.Get("yaml")
			if name == "" {
				continue
			}
			key := strings.TrimPrefix(section+"."+name, ".")
			found[key] = true
			walk(key, typ.Field(f).Type)
		}
	}
	walk("", reflect.TypeFor[normalize.Mapping]())
	for k := range found {
		if !documented[k] {
			t.Errorf("key %s is not documented", k)
		}
	}
	for k := range documented {
		if !found[k] {
			t.Errorf("key %s is documented and does not exist", k)
		}
	}
}

// TestGoldenFlags makes sure that every flag that the reference gives to mapping is met in a golden file or table test.
func TestGoldenFlags(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	// Met in TestChecks and TestTransforms instead.
	elsewhere := []string{"TIME_UNPARSED", "NUMBER_UNPARSED", "CATEGORY_CHANGED", "HEADER_DRIFT"}
	for _, f := range event.Flags() {
		if !strings.Contains(normalize.Reference(), "| "+f.Name+" | yes |") || slices.Contains(elsewhere, f.Name) {
			continue
		}
		if !strings.Contains(text, f.Name) {
			t.Errorf("%s is in no golden file", f.Name)
		}
	}
}
