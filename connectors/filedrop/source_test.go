package filedrop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"onegrid/connectors"
	"onegrid/connectors/connectortest"
	"onegrid/connectors/filedrop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	var keys []string
	write := func(name string, from, to, order int) {
		var b strings.Builder
		b.WriteString("id,text\n")
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "K%03d,编造内容%d\n", i, i)
			keys = append(keys, fmt.Sprintf("K%03d", i))
			if i == 7 {
				b.WriteString("K-bad,secret-value-4711,too many\n")
			}
		}
		drop(t, dir, name, []byte(b.String()), order)
	}
	write("a.csv", 0, 12, 0)
	write("b.csv", 12, 30, 1)
	connectortest.Run(t, connectortest.Harness{
		Kind: filedrop.Kind(),
		Open: func(t *testing.T) connectors.Source {
			return openWith(t, dir, 4, "patterns: ['*.csv']\nafter: move\n")
		},
		KeyColumn: "id",
		Keys:      keys,
		Rejects:   1,
		Secrets:   []string{"secret-value-4711"},
		Grow: func(t *testing.T) []string {
			drop(t, dir, "c.csv", []byte("id,text\nG1,新\nG2,新\n"), 2)
			return []string{"G1", "G2"}
		},
	})
}

// TestResumeEverywhere stops after each batch of every kind of file and goes on with a new source: each record comes once.
func TestResumeEverywhere(t *testing.T) {
	for name, f := range everyFormat(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, f.name, f.content, 0)
			all := read(t, openWith(t, dir, 2, f.settings), connectors.Checkpoint{})
			all.want(t, f.rows...)
			if len(all.resumes) < 3 {
				t.Fatalf("only %d batches: resuming is not tested", len(all.resumes))
			}
			passed := 0
			for i, c := range all.resumes {
				passed += all.counts[i]
				rest := read(t, openWith(t, dir, 2, f.settings), c)
				rest.want(t, f.rows[passed:]...)
			}
			if again := read(t, openWith(t, dir, 2, f.settings), all.last()); len(again.batches) > 0 || again.err != nil {
				t.Errorf("reading again gave %d batches, error %v", len(again.batches), again.err)
			}
		})
	}
}

func TestRenamedFileIsNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a.csv", []byte("id\n1\n2\n3\n"), 0)
	first := read(t, openWith(t, dir, 2, ""), connectors.Checkpoint{})
	first.want(t, "id=1", "id=2", "id=3")
	if err := os.Rename(filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")); err != nil {
		t.Fatal(err)
	}
	second := read(t, openWith(t, dir, 2, ""), first.last())
	second.want(t)
	// Half read and then renamed: the rest comes from the new name.
	read(t, openWith(t, dir, 2, ""), first.resumes[0]).want(t, "id=3")
	// A copy is known as well, and named.
	drop(t, dir, "copy.csv", []byte("id\n1\n2\n3\n"), 5)
	third := read(t, openWith(t, dir, 2, ""), second.last())
	third.want(t)
	if r := third.rules(); len(r) != 1 || r[0] != "duplicate_file" {
		t.Errorf("notes %v, want one duplicate_file", r)
	}
	// Other content under a known name is a new file.
	drop(t, dir, "copy.csv", []byte("id\n1\n2\n4\n"), 5)
	fourth := read(t, openWith(t, dir, 2, ""), third.last())
	fourth.want(t, "id=1", "id=2", "id=4")
	// The old content is remembered even after it has left.
	drop(t, dir, "copy.csv", []byte("id\n1\n2\n3\n"), 9)
	read(t, openWith(t, dir, 2, ""), fourth.last()).want(t)
}

// TestFileReplacedWhileReading writes to the file between two batches: the point does not move past it.
func TestFileReplacedWhileReading(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a.csv", []byte("id\n1\n2\n3\n4\n5\n"), 0)
	drop(t, dir, "b.csv", []byte("id\n9\n"), 1)
	s := openWith(t, dir, 2, "")
	var last connectors.Checkpoint
	var rows int64
	var notes []string
	n := 0
	for b, err := range s.Read(t.Context(), connectors.Checkpoint{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 { // grow it in place
			f, err := os.OpenFile(filepath.Join(dir, "a.csv"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("6\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		n++
		if b.Records != nil {
			rows += b.Records.NumRows()
			b.Records.Release()
		}
		for _, note := range b.Notes {
			notes = append(notes, note.Rule)
		}
		last = b.Resume
	}
	if rows != 3 || len(notes) != 1 || notes[0] != "file_changed" { // 1, 2 of the old a.csv, and b.csv
		t.Errorf("%d rows, notes %v", rows, notes)
	}
	drop(t, dir, "a.csv", []byte("id\n1\n2\n3\n4\n5\n6\n"), 2)
	read(t, openWith(t, dir, 2, ""), last).want(t, "id=1", "id=2", "id=3", "id=4", "id=5", "id=6")
}

func TestBadFileDoesNotBlock(t *testing.T) {
	text := "id\n" + strings.Repeat("1234567\n", 5000)
	whole := gz(t, []byte(text))
	for name, bad := range map[string]struct {
		file    string
		content []byte
	}{
		"cut gz":       {"bad.csv.gz", whole[:len(whole)-9]},
		"no gz":        {"bad.csv.gz", []byte("id\n1\n")},
		"no zip":       {"bad.zip", []byte("PK\x03\x04 nothing")},
		"no xlsx":      {"bad.xlsx", []byte("id\n1\n")},
		"no parquet":   {"bad.parquet", []byte("id\n1\n and more")},
		"cut json":     {"bad.json", []byte(`[{"id":1},{"id":2}`)},
		"cut xml":      {"bad.xml", []byte(`<r><c><id>1</id></c><c>`)},
		"dtd":          {"bad.xml", []byte(`<!DOCTYPE r [<!ENTITY a "b">]><r><c><id>&a;</id></c></r>`)},
		"deep xml":     {"bad.xml", []byte(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100))},
		"missing cols": {"bad.csv", []byte("other\n1\n")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, bad.file, bad.content, 0)
			drop(t, dir, "good.csv", []byte("id\ngood\n"), 1)
			g := read(t, openWith(t, dir, 100, "required: [id]\n"), connectors.Checkpoint{})
			if g.err == nil || !strings.Contains(g.err.Error(), bad.file) {
				t.Errorf("error %v does not name the file", g.err)
			}
			if len(g.rows) == 0 || g.rows[len(g.rows)-1] != "id=good" {
				t.Errorf("the good file was not read: %d rows", len(g.rows))
			}
			if len(g.rejects) != 1 || g.rejects[0].Rule != "bad_file" {
				t.Errorf("rejects %+v", g.rejects)
			}
			again := read(t, openWith(t, dir, 100, "required: [id]\n"), g.last())
			again.want(t)
			// Other settings try it again.
			if name == "missing cols" {
				read(t, openWith(t, dir, 100, ""), g.last()).want(t, "other=1")
			}
			if name == "cut gz" { // the whole file is read anew
				drop(t, dir, bad.file, whole, 2)
				if n := len(read(t, openWith(t, dir, 100, ""), g.last()).rows); n != 5000 {
					t.Errorf("%d rows of the whole file", n)
				}
			}
		})
	}
}

func TestHeaderDrift(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "1.csv", []byte("编号,内容,状态\n1,a,b\n"), 1)
	drop(t, dir, "2.csv", []byte("编号,详情,状态,片区\n2,a,b,c\n"), 2)
	drop(t, dir, "3.csv", []byte("0019900000000,某某路,x,y\n3,a,b,c\n"), 3)
	g := read(t, openWith(t, dir, 10, ""), connectors.Checkpoint{})
	var notes []string
	for _, n := range g.notes {
		notes = append(notes, n.Rule+" "+n.Message)
	}
	want := []string{
		"header_drift 2.csv: renamed: 内容 → 详情; added: 片区",
		"header_drift 3.csv: none of the 4 columns of the file before is there; the file has 4: is its header row missing?",
	}
	if strings.Join(notes, "\n") != strings.Join(want, "\n") {
		t.Errorf("notes:\n%s\nwant:\n%s", strings.Join(notes, "\n"), strings.Join(want, "\n"))
	}
}
