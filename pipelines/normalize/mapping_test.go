package normalize_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/connectors"
	"onegrid/pipelines/normalize"
)

var update = flag.Bool("update", false, "write golden files and docs/mapping-reference.md anew")

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
					at, msg, _ := strings.Cut(w, ": ")
					if at == "0" {
						want["bad.yaml: "+msg] = true
					} else {
						want["bad.yaml:"+at+": "+msg] = true
					}
				}
			}
			_, err = normalize.Parse("bad.yaml", data)
			var fe *normalize.FileError
			if !errors.As(err, &fe) {
				t.Fatalf("no *FileError but %v", err)
			}
			var ps connectors.Problems
			if !errors.As(err, &ps) || len(ps) != len(fe.Problems) {
				t.Error("the error does not unwrap to its problems")
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
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		m, err := normalize.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Compile(normalize.ListMap{"counties": {"北": "990101"}}); err != nil {
			t.Error(err)
		}
		// A list that the catalog does not have is a problem when compiling, with its path.
		_, err = m.Compile(nil)
		var ps connectors.Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Path != "fields.county_code.codes" {
			t.Errorf("compiling without lists: %v", err)
		}
	}
}

func TestLoadAbsent(t *testing.T) {
	if _, err := normalize.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestNamedListsAreChecked(t *testing.T) {
	m, err := normalize.Parse("m.yaml", []byte(minimal+"  channel: {from: a, codes: channels}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Compile(normalize.ListMap{"channels": {"1": "fone"}})
	if err == nil || !strings.Contains(err.Error(), `fields.channel.codes.1: "fone" is not in the code list channel`) {
		t.Error(err)
	}
}

func TestDigest(t *testing.T) {
	lists := normalize.ListMap{"channels": {"1": "phone"}, "other": {"1": "x"}}
	digest := func(text string, lists normalize.Lists) string {
		m, err := normalize.Parse("m.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Compile(lists)
		if err != nil {
			t.Fatal(err)
		}
		if n.Digest() != m.Digest(lists) || n.Clone().Digest() != n.Digest() {
			t.Error("Normalizer and Mapping disagree")
		}
		return n.Digest()
	}
	text := minimal + "  channel: {from: a, codes: channels}\n  title: {from: b}\n"
	base := digest(text, lists)
	if base != digest("# a comment\n"+minimal+"  title: {from: b}\n  channel: {from: a, codes: channels}\n", lists) {
		t.Error("a comment or the order of keys changes the digest")
	}
	if base == digest(strings.Replace(text, "from: b", "from: c", 1), lists) {
		t.Error("another column has the same digest")
	}
	if base == digest(text, normalize.ListMap{"channels": {"1": "phone", "2": "web"}}) {
		t.Error("another code list has the same digest")
	}
	if base != digest(text, normalize.ListMap{"channels": {"1": "phone"}}) {
		t.Error("a list that is not used changes the digest")
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yaml", "../../configs/*/mappings/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := normalize.Parse("fuzz.yaml", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("a problem without a message")
			}
			return
		}
		// What parses must map a batch without panicking and lose no record.
		n, err := m.Compile(nil)
		if err != nil {
			return
		}
		cols := n.Columns()
		row := make([]string, len(cols))
		for i := range row {
			row[i] = []string{"1", "2024-01-01 00:00:00", "文字", ""}[i%4]
		}
		rec := records(cols, row, row)
		defer rec.Release()
		d, rejects, err := n.Apply(rec, normalize.Meta{SourceID: "fuzz", ReadAt: readAt()})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Release()
		if d.Rows+len(rejects) != 2 {
			t.Errorf("%d events, %d rejects", d.Rows, len(rejects))
		}
	})
}
