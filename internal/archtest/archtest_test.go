package archtest_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"onegrid/internal/archtest"
)

func TestTreeKeepsItsRules(t *testing.T) {
	found, err := archtest.Check(os.DirFS("../.."), archtest.Onegrid())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// The twin: a tree that breaks every rule once.
func TestBrokenTreeIsFound(t *testing.T) {
	a, err := txtar.ParseFile("testdata/broken.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	var want []string
	for _, f := range a.Files {
		if f.Name == "want" {
			want = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		tree[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	r := archtest.Onegrid()
	r.MaxLines = 40
	found, err := archtest.Check(tree, r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, found); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestUnreadableFileIsAnError(t *testing.T) {
	_, err := archtest.Check(fstest.MapFS{"x/x.go": {Data: []byte("pakcage x")}}, archtest.Onegrid())
	if err == nil || !strings.Contains(err.Error(), "x/x.go") {
		t.Fatalf("error %v", err)
	}
}
