package docgen_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/connectors/builtin"
	"onegrid/internal/docgen"
)

var update = flag.Bool("update", false, "write docs/config-reference.md")

func docs(name string) string { return filepath.Join("..", "..", "docs", name) }

// TestReference holds docs/config-reference.md against the settings structs.
func TestReference(t *testing.T) {
	reg, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	want := docgen.Reference(reg)
	path := docs("config-reference.md")
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
		t.Errorf("docs/config-reference.md is stale: go test ./internal/docgen -update\n%s", diff)
	}
}

// TestEveryKeyIsDescribed wants both languages for every key of every kind.
func TestEveryKeyIsDescribed(t *testing.T) {
	reg, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range reg.Kinds() {
		keys := docgen.Keys(k.Defaults)
		if len(keys) == 0 {
			t.Errorf("kind %s has no keys", k.Name)
		}
		for _, key := range keys {
			if key.Doc == "" || key.DocZH == "" {
				t.Errorf("%s: %s lacks its doc or doczh tag", k.Name, key.Path)
			}
		}
	}
}

// TestKeys shows what becomes of each sort of field.
func TestKeys(t *testing.T) {
	type item struct {
		Name string `yaml:"name" doc:"n" doczh:"名"`
	}
	type settings struct {
		Text   string          `yaml:"text" doc:"a" doczh:"甲"`
		Flag   bool            `yaml:"flag,omitempty"`
		Words  []string        `yaml:"words,flow"`
		Items  []item          `yaml:"items"`
		One    *item           `yaml:"one"`
		ByName map[string]item `yaml:"by_name"`
		Hidden string          `yaml:"-"`
		local  int
	}
	in := settings{Text: "x", Words: []string{"a", "b"}, Hidden: "h", local: 1}
	want := []docgen.Key{
		{Path: "text", Type: "text", Default: "x", Doc: "a", DocZH: "甲"},
		{Path: "flag", Type: "true/false", Default: "false"},
		{Path: "words", Type: "list of text", Default: "[a, b]"},
		{Path: "items", Type: "list of section"},
		{Path: "items[].name", Type: "text", Doc: "n", DocZH: "名"},
		{Path: "one", Type: "section"},
		{Path: "one.name", Type: "text", Doc: "n", DocZH: "名"},
		{Path: "by_name", Type: "map of section"},
		{Path: "by_name.<name>.name", Type: "text", Doc: "n", DocZH: "名"},
	}
	if diff := cmp.Diff(want, docgen.Keys(in)); diff != "" {
		t.Error(diff)
	}
}

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	testName = regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*(/\w+)?$`)
	fileName = regexp.MustCompile(`^[\w./-]+\.(go|txtar)$`)
	goFunc   = regexp.MustCompile(`^([\w./-]+\.go) ((?:\w+\.)?\w+)\(\)$`)
)

// TestInvariantsNameWhatExists reads docs/invariants.md: each of the ten names files, functions and tests that exist.
func TestInvariantsNameWhatExists(t *testing.T) {
	page, err := os.ReadFile(docs("invariants.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, funcs := declared(t)
	root := filepath.Join("..", "..")
	parts := strings.Split(string(page), "\n## ")[1:]
	if len(parts) != 10 {
		t.Errorf("%d invariants, want 10", len(parts))
	}
	for _, part := range parts {
		title, _, _ := strings.Cut(part, "\n")
		var files, named, enforced int
		for _, m := range quoted.FindAllStringSubmatch(part, -1) {
			switch name := m[1]; {
			case testName.MatchString(name):
				named++
				if !tests[name] {
					t.Errorf("%s: there is no test %s", title, name)
				}
			case fileName.MatchString(name):
				files++
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
					t.Errorf("%s: there is no file %s", title, name)
				}
			case goFunc.MatchString(name):
				enforced++
				if f := goFunc.FindStringSubmatch(name); !funcs[f[1]+" "+f[2]] {
					t.Errorf("%s: there is no function %s in %s", title, f[2], f[1])
				}
			}
		}
		if strings.Contains(part, "**Not built yet.**") {
			if _, err := os.Stat(filepath.Join(root, "pipelines", "link")); err == nil {
				t.Errorf("%s: pipelines/link exists; say what enforces it and what tests it", title)
			}
			continue
		}
		if files == 0 || named == 0 || enforced == 0 {
			t.Errorf("%s: names %d files, %d functions and %d tests; each invariant needs all three", title, files, enforced, named)
		}
	}
}

var (
	testDecl = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	subtest  = regexp.MustCompile(`t\.Run\("(\w+)"`)
	funcDecl = regexp.MustCompile(`(?m)^func (?:\(\w* ?\*?(\w+)(?:\[\w+\])?\) )?(\w+)(?:\[[^\]]*\])?\(`)
)

// declared are the tests of the tree, those of the store's conformance suite as TestStore/name, and its functions, methods
// as "file Type.Name".
func declared(t *testing.T) (tests, funcs map[string]bool) {
	tests, funcs = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n := d.Name(); d.IsDir() && len(n) > 2 && strings.ContainsAny(n[:1], "._") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range testDecl.FindAllSubmatch(b, -1) {
				tests[string(m[1])] = true
			}
			return nil
		}
		if strings.HasSuffix(filepath.ToSlash(path), "warehousetest/suite.go") {
			for _, m := range subtest.FindAllSubmatch(b, -1) {
				tests["TestStore/"+string(m[1])] = true
			}
		}
		for _, m := range funcDecl.FindAllSubmatch(b, -1) {
			name := string(m[2])
			if len(m[1]) > 0 {
				name = string(m[1]) + "." + name
			}
			rel, err := filepath.Rel(filepath.Join("..", ".."), path)
			if err != nil {
				return err
			}
			funcs[filepath.ToSlash(rel)+" "+name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, funcs
}
