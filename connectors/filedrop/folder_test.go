package filedrop_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"onegrid/connectors"
)

// TestNothingOutsideIsOpened: links, pipes, folders, hidden and temporary files are left alone, and no name leads out.
func TestNothingOutsideIsOpened(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "in")
	drop(t, base, "out/secret.csv", []byte("id\nsecret\n"), 0)
	drop(t, dir, "sub/ok.csv", []byte("id\n1\n"), 0)
	drop(t, dir, ".hidden.csv", []byte("id\nhidden\n"), 0)
	drop(t, dir, "~$lock.csv", []byte("id\nlock\n"), 0)
	drop(t, dir, "done/old.csv", []byte("id\ndone\n"), 0)
	for link, to := range map[string]string{"abs.csv": filepath.Join(base, "out/secret.csv"), "rel.csv": "../out/secret.csv", "inside.csv": "sub/ok.csv", "outdir": "../out", "insidedir": "sub"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a pipe that is opened would block
	defer cancel()
	readCtx(ctx, openWith(t, dir, 10, "patterns: ['*.csv', '*/*.csv']\nsettle: 0s\n"), connectors.Checkpoint{}).want(t, "id=1")
}

func TestZipSlip(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a.zip", zipOf(t, zipped{"../../evil.csv", []byte("id\n1\n")}), 0)
	drop(t, dir, "b.zip", zipOf(t, zipped{"/etc/evil.csv", []byte("id\n2\n")}), 1)
	drop(t, dir, "c.zip", zipOf(t, zipped{"x\x00y.csv", []byte("id\n3\n")}), 2)
	g := read(t, openWith(t, dir, 10, ""), connectors.Checkpoint{})
	if len(g.rejects) != 3 || g.err == nil {
		t.Errorf("%d rejects, error %v", len(g.rejects), g.err)
	}
	g.wantRows(t)
	for _, r := range g.rejects {
		if strings.Contains(r.Message, "evil") {
			t.Errorf("the message shows the name: %s", r.Message)
		}
	}
}

// TestHalfWrittenWait runs on a synthetic clock: a file that was just written is waited for once, one that goes on being
// written waits for the next reading.
func TestHalfWrittenWait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		path := filepath.Join(dir, "a.csv")
		touch := func(at time.Time) {
			if err := os.WriteFile(path, []byte("id\n1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		touch(now)
		read(t, openWith(t, dir, 10, "settle: 5s\n"), connectors.Checkpoint{}).want(t, "id=1")
		if waited := time.Since(now); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		touch(time.Now().Add(3 * time.Second)) // as if written to during the wait
		g := read(t, openWith(t, dir, 10, "settle: 5s\n"), connectors.Checkpoint{})
		g.want(t)
		if !slices.Equal(g.rules(), []string{"still_written"}) {
			t.Errorf("notes %v", g.rules())
		}
		// A time far in the future says nothing: seen unchanged twice, the file is read.
		touch(time.Now().Add(1000 * time.Hour))
		read(t, openWith(t, dir, 10, "settle: 5s\n"), connectors.Checkpoint{}).want(t, "id=1")
		// The wait ends with the context.
		touch(time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if g := readCtx(ctx, openWith(t, dir, 10, "settle: 5s\n"), connectors.Checkpoint{}); !errors.Is(g.err, context.DeadlineExceeded) {
			t.Errorf("error %v", g.err)
		}
	})
}

func TestMarker(t *testing.T) {
	dir := t.TempDir()
	settings := "patterns: ['*.csv']\nmarker: .done\nafter: move\n"
	drop(t, dir, "a.csv", []byte("id\n1\n"), 0)
	g := read(t, openWith(t, dir, 10, settings), connectors.Checkpoint{})
	g.want(t)
	drop(t, dir, "a.csv.done", nil, 0)
	s := openWith(t, dir, 10, settings)
	g = read(t, s, g.last())
	g.want(t, "id=1")
	acknowledge(t, s, g.last())
	wantFiles(t, dir, "done/a.csv", "done/a.csv.done")
}

func acknowledge(t *testing.T, s connectors.Source, c connectors.Checkpoint) {
	t.Helper()
	for range 2 { // it may be repeated
		if err := s.(connectors.Acknowledger).Ack(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			got = append(got, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("files %v, want %v (%v)", got, want, err)
	}
}

func TestAcknowledge(t *testing.T) {
	dir := t.TempDir()
	fill := func() {
		drop(t, dir, "a.csv", []byte("id\n1\n2\n3\n"), 0)
		drop(t, dir, "b.xlsx", []byte("no workbook"), 1)
	}
	fill()
	s := openWith(t, dir, 2, "after: move\n")
	g := read(t, s, connectors.Checkpoint{})
	g.wantRows(t, "id=1", "id=2", "id=3")
	acknowledge(t, s, g.resumes[0]) // in the middle of a.csv: nothing moves
	wantFiles(t, dir, "a.csv", "b.xlsx")
	// What was replaced after it was read stays.
	drop(t, dir, "a.csv", []byte("id\n4\n5\n6\n"), 3)
	acknowledge(t, s, g.last())
	wantFiles(t, dir, "a.csv", "failed/b.xlsx")
	g = read(t, s, g.last())
	g.want(t, "id=4", "id=5", "id=6")
	acknowledge(t, s, g.last())
	wantFiles(t, dir, "done/a.csv", "failed/b.xlsx")
	// A second file of the name gets another name; content that has been read is moved without being read.
	fill()
	g = read(t, s, g.last())
	g.wantRows(t)
	acknowledge(t, s, g.last())
	if done, err := filepath.Glob(filepath.Join(dir, "done", "a.*csv")); err != nil || len(done) != 2 {
		t.Errorf("done: %v %v", done, err)
	}

	dir = t.TempDir()
	fill()
	s = openWith(t, dir, 2, "after: delete\n")
	g = read(t, s, connectors.Checkpoint{})
	acknowledge(t, s, g.last())
	wantFiles(t, dir, "b.xlsx")
}

func TestOrder(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "b.csv", []byte("id\n1\n"), 1)
	drop(t, dir, "a.csv", []byte("id\n2\n"), 2)
	drop(t, dir, "c.csv", []byte("id\n3\n"), 2)
	read(t, openWith(t, dir, 10, ""), connectors.Checkpoint{}).want(t, "id=1", "id=2", "id=3")
	g := read(t, openWith(t, dir, 10, "order: name\n"), connectors.Checkpoint{})
	g.want(t, "id=2", "id=1", "id=3")
	b := g.batches[0]
	if b.Origin != "a.csv" || b.Stream != "*" || !b.AsOf.Equal(past.Add(2*time.Second)) {
		t.Errorf("origin %q, stream %q, as of %v", b.Origin, b.Stream, b.AsOf)
	}
}

func TestCheckAndDiscover(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "a.csv", encode(t, gbkEncoding, "编号,内容\n1,东\n"), 0)
	s := openWith(t, dir, 10, "patterns: ['*.csv', '*.xlsx']\nafter: move\n")
	if err := s.(connectors.Checker).Check(t.Context()); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "a.csv")
	streams, err := s.(connectors.Discoverer).Discover(t.Context())
	if err != nil || len(streams) != 2 {
		t.Fatalf("%+v %v", streams, err)
	}
	if !slices.Equal(streams[0].Columns, []string{"编号", "内容"}) || streams[0].Note != "1 files; newest a.csv: csv, gb18030" || streams[1].Note != "no file matches" {
		t.Errorf("%+v", streams)
	}
	none := openWith(t, filepath.Join(dir, "absent"), 10, "")
	var e *connectors.Error
	if err := none.(connectors.Checker).Check(t.Context()); !errors.Is(err, connectors.ErrUnavailable) || !errors.As(err, &e) || e.Hint == "" || e.HintZH == "" {
		t.Errorf("error %v", err)
	}
	if g := read(t, none, connectors.Checkpoint{}); !errors.Is(g.err, connectors.ErrUnavailable) {
		t.Errorf("error %v", g.err)
	}
}

// TestCheckpointStaysSmall: what has left the folder leaves the checkpoint, apart from a bounded list of hashes.
func TestCheckpointStaysSmall(t *testing.T) {
	dir := t.TempDir()
	var at connectors.Checkpoint
	for i := range 400 {
		name := filepath.Join(dir, "f.csv")
		drop(t, dir, "f.csv", []byte("id\n"+strings.Repeat("x", i+1)+"\n"), i)
		g := read(t, openWith(t, dir, 10, ""), at)
		if g.err != nil || len(g.rows) != 1 {
			t.Fatalf("file %d: %d rows, %v", i, len(g.rows), g.err)
		}
		at = g.last()
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(at.Data); n > 10_000 {
		t.Errorf("the checkpoint has %d bytes", n)
	}
	if g := read(t, openWith(t, dir, 10, "limits: {files: 1}\n"), at); g.err != nil {
		t.Error(g.err)
	}
	drop(t, dir, "1.csv", []byte("id\n"), 0)
	drop(t, dir, "2.csv", []byte("id\n"), 0)
	if g := read(t, openWith(t, dir, 10, "limits: {files: 1}\n"), at); !errors.Is(g.err, connectors.ErrLimit) {
		t.Errorf("error %v", g.err)
	}
}
