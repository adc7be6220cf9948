package spec_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/connectors"
	"onegrid/pipelines/link/spec"
)

var update = flag.Bool("update", false, "write docs/link-mapping.md anew")

// TestBadMappings compares every problem of testdata/bad with the "# want: line: text" lines in the file.
func TestBadMappings(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for line := range strings.Lines(string(data)) {
				if w, ok := strings.CutPrefix(strings.TrimSpace(line), "# want: "); ok {
					want["bad.yaml:"+w] = true
				}
			}
			_, err = spec.Parse("bad.yaml", data)
			var fe *spec.FileError
			var ps connectors.Problems
			if !errors.As(err, &fe) || !errors.As(err, &ps) {
				t.Fatalf("no *FileError with Problems but %v", err)
			}
			got := map[string]bool{}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				got[line] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestGoodMappings(t *testing.T) {
	shipped, err := filepath.Glob("../../../configs/link/*.yaml")
	if err != nil || len(shipped) < 3 {
		t.Fatal("no shipped mappings", err)
	}
	for _, file := range append(shipped, "testdata/good/all.yaml") {
		s, err := spec.Load(file)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if s.Name() != file || s.Line("id") == 0 {
			t.Errorf("%s: the file and its lines are forgotten", file)
		}
	}
}

func TestAliasFileWithProblems(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("m.yaml", minimal+"aliases: {x: {file: x.csv}}\n")
	if _, err := spec.Load(filepath.Join(dir, "m.yaml")); err == nil || !strings.Contains(err.Error(), "m.yaml:6: aliases.x.file: reading aliases") {
		t.Errorf("absent alias file: %v", err)
	}
	write("x.csv", "a,b\nc\n")
	if _, err := spec.Load(filepath.Join(dir, "m.yaml")); err == nil || !strings.Contains(err.Error(), "x.csv:2: ") {
		t.Errorf("bad alias file: %v", err)
	}
}

const minimal = `version: 1
id: no
columns: {a: {from: a}, b: {from: b, as: date}}
comparisons: [{name: a, columns: [a], levels: [exact, else]}]
blocking: [{keys: [a]}]
`

func TestDigest(t *testing.T) {
	digest := func(text string) string {
		s, err := spec.Parse("m.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	base := digest(minimal)
	for _, same := range []string{"# x\n" + minimal, minimal + "bands: {link: 0.9}\n", strings.Replace(minimal, "name: a,", "name: a, label: b,", 1)} {
		if digest(same) != base {
			t.Errorf("the digest changed with\n%s", same)
		}
	}
	for _, other := range []string{strings.Replace(minimal, "exact", "{prefix: 2}", 1), strings.Replace(minimal, "from: a}", "from: a, clean: [lower]}", 1)} {
		if digest(other) == base {
			t.Errorf("the digest did not change with\n%s", other)
		}
	}
}

func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "link-mapping.md")
	want := spec.Reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/link-mapping.md is stale; run with -update:\n%s", diff)
	}
}

// TestEveryKeyIsDocumented compares the documented keys with the structures that the YAML is decoded into.
func TestEveryKeyIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, k := range spec.Keys() {
		documented[strings.TrimPrefix(k.Section+"."+k.Name, ".")] = true
		if k.Doc == "" || k.DocZH == "" || k.Example == "" {
			t.Errorf("%s.%s is not described", k.Section, k.Name)
		}
	}
	found := map[string]bool{}
	var walk func(section string, typ reflect.Type)
	walk = func(section string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[spec.Test]() && !strings.HasSuffix(section, "levels") {
			return // all and any hold conditions again
		}
		for f := range typ.NumField() {
			if typ.Field(f).Anonymous {
				walk(section, typ.Field(f).Type)
				continue
			}
			if name := typ.Field(f).Tag.Get("yaml"); name != "" {
				key := strings.TrimPrefix(section+"."+name, ".")
				found[key] = true
				walk(key, typ.Field(f).Type)
			}
		}
	}
	walk("", reflect.TypeFor[spec.Spec]())
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

// TestEveryStepIsDocumented writes a mapping with every documented cleaning step, and holds the list against the code's.
func TestEveryStepIsDocumented(t *testing.T) {
	doc := spec.Reference()
	for _, step := range []string{"trim", "squeeze", "lower", "upper", "nfkc", "unaccent", "simplify", "digits", "letters", "alnum", "first_word", "last_word",
		"sort_words", "{prefix: 3}", "{suffix: 4}", "{extract: '@(.+)$'}", "{replace: {regexp: ' street$', with: ' st'}}", "{alias: nick}"} {
		text := strings.Replace(minimal, "{from: a}", "{from: a, clean: ["+step+"]}", 1) + "aliases: {nick: {inline: {bob: robert}}}\n"
		if _, err := spec.Parse("m.yaml", []byte(text)); err != nil {
			t.Error(err)
		}
		if !strings.Contains(doc, "| `"+step+"` |") {
			t.Errorf("%s is not in the reference", step)
		}
	}
	_, err := spec.Parse("m.yaml", []byte(strings.Replace(minimal, "{from: a}", "{from: a, clean: [zzzzzzzzzzz]}", 1)))
	if err == nil || !strings.Contains(err.Error(), "one of ") {
		t.Errorf("unknown step: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := spec.Parse("f.yaml", data)
		if err == nil && s.Digest() == "" {
			t.Error("no digest")
		}
	})
}
