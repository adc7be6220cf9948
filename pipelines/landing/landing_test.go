package landing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/connectors"
)

const seed = "19900000000"

func sealed(t testing.TB, opt Options) (*Landing, age.Identity, string) {
	t.Helper()
	dir := t.TempDir()
	keyFile := filepath.Join(t.TempDir(), "identity")
	rec, err := GenerateIdentity(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ReadIdentity(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := ParseRecipients(rec)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, rs, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, id, dir
}

func records(n int, columns ...string) arrow.RecordBatch {
	b := connectors.NewBuilder(columns...)
	for i := range n {
		for c := range columns {
			b.Set(c, fmt.Sprintf("%s-%d-路灯不亮 %s", columns[c], i, seed))
		}
		b.EndRow()
	}
	return b.Take()
}

func land(t testing.TB, l *Landing, source string, unit int, batches ...connectors.Batch) Ref {
	t.Helper()
	w, err := l.Begin(context.Background(), source, "run1", unit)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Append(b, time.Unix(1e9, 0).UTC()); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestRoundTrip(t *testing.T) {
	l, id, dir := sealed(t, Options{})
	first, second := records(3, "a", "b"), records(2, "b", "c", "d")
	want := []connectors.Batch{
		{Stream: "s1", Records: first, Resume: connectors.Checkpoint{Version: 1, Data: []byte(`{"p":1}`)}, Origin: "file-" + seed, AsOf: time.Unix(5, 0).UTC()},
		{Stream: "s2", Records: second, Resume: connectors.Checkpoint{Version: 1, Data: []byte(`{"p":2}`)}, Notes: []connectors.Note{{Rule: "header_drift"}}},
		{Stream: "s2", Rejects: []connectors.Reject{{Position: "line 1", Rule: "bad_row", Raw: []byte(seed + "\xff")}}, Resume: connectors.Checkpoint{Version: 1, Data: []byte(`{"p":3}`)}},
	}
	ref := land(t, l, "city_110", 7, want...)
	if ref.Rows != 5 {
		t.Errorf("rows %d, want 5", ref.Rows)
	}
	k := 0
	for s, err := range l.Replay(ref, id) {
		if err != nil {
			t.Fatal(err)
		}
		got := s.Batch()
		if got.Stream != want[k].Stream || string(got.Resume.Data) != string(want[k].Resume.Data) || !got.AsOf.Equal(want[k].AsOf) || got.Origin != want[k].Origin || len(got.Notes) != len(want[k].Notes) {
			t.Errorf("segment %d: header differs", k)
		}
		if (got.Records == nil) != (want[k].Records == nil) {
			t.Fatalf("segment %d: records present %v", k, got.Records != nil)
		}
		if got.Records != nil {
			if !array.RecordEqual(got.Records, want[k].Records) {
				t.Errorf("segment %d: records differ", k)
			}
			got.Records.Release()
		}
		if k == 2 && !bytes.Equal(got.Rejects[0].Raw, want[2].Rejects[0].Raw) {
			t.Error("the raw bytes of a reject differ")
		}
		k++
	}
	if k != 3 {
		t.Errorf("%d segments, want 3", k)
	}
	// No value in clear anywhere on disk, in names or contents; the manifest is one of the files. Nothing of two or three
	// bytes is looked for: sealed bytes hold that by chance.
	files := 0
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, clear := range []string{seed, "路灯", "bad_row"} {
			if bytes.Contains(b, []byte(clear)) || strings.Contains(p, clear) {
				t.Errorf("%s holds a clear value", filepath.Base(p))
			}
		}
		return nil
	})
	if files != 2 {
		t.Errorf("%d files, want a unit and its manifest", files)
	}
	units, err := l.List("city_110")
	if err != nil || len(units) != 1 || units[0].Ref != ref || units[0].Segments != 3 || units[0].Unit != 7 {
		t.Errorf("listing gives %+v, %v", units, err)
	}
}

func TestTamperingAndTruncation(t *testing.T) {
	l, id, dir := sealed(t, Options{})
	ref := land(t, l, "src", 1, connectors.Batch{Records: records(50, "a", "b")})
	file := filepath.Join(dir, ref.Path)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	replay := func(r Ref, id age.Identity) error {
		for s, err := range l.Replay(r, id) {
			if err != nil {
				return err
			}
			if s.Records != nil {
				s.Records.Release()
			}
		}
		return nil
	}
	if err := replay(ref, id); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, b := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "empty": nil} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := replay(ref, id); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := replay(ref, other); !errors.Is(err, ErrIdentity) {
		t.Errorf("another identity: %v", err)
	}
	wrong := ref
	wrong.Rows++
	if err := replay(wrong, id); !errors.Is(err, ErrTampered) {
		t.Errorf("another row count: %v", err)
	}
}

func TestModeOff(t *testing.T) {
	l, _, dir := sealed(t, Options{Off: map[string]bool{"quiet": true}})
	ref := land(t, l, "quiet", 1, connectors.Batch{Records: records(2, "a")})
	if !ref.IsZero() || ref.Rows != 2 {
		t.Errorf("ref %+v", ref)
	}
	if e, _ := os.ReadDir(dir); len(e) != 0 {
		t.Error("a source with its landing off left files")
	}
}

func TestAbortAndFaults(t *testing.T) {
	steps := map[string]int{}
	l, _, dir := sealed(t, Options{Fault: func(s string) { steps[s]++ }})
	w, err := l.Begin(context.Background(), "src", "run1", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(connectors.Batch{Records: records(2, "a")}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, dir); n != 0 {
		t.Errorf("%d files after an abort", n)
	}
	if _, err := w.Close(); err == nil {
		t.Error("an aborted unit can be closed")
	}
	land(t, l, "src", 2, connectors.Batch{Records: records(2, "a")})
	for _, s := range []string{"land.write", "land.fsync", "land.rename", "land.dirsync"} {
		if steps[s] == 0 {
			t.Errorf("step %s was not announced", s)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	w, err = l.Begin(ctx, "src", "run1", 3)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("closing after a cancel: %v", err)
	}
	if n := countFiles(t, dir); n != 2 {
		t.Errorf("%d files after a cancel, want 2", n)
	}
}

func countFiles(t *testing.T, dir string) int {
	n := 0
	if err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExpireAndOrphans(t *testing.T) {
	l, _, dir := sealed(t, Options{})
	ref := land(t, l, "src", 1, connectors.Batch{Records: records(2, "a")})
	kept := land(t, l, "long", 1, connectors.Batch{Records: records(2, "a")})
	day := filepath.Dir(filepath.Join(dir, ref.Path))
	old := time.Now().Add(-2 * time.Hour)
	strays := []string{tempPrefix + "00", "x" + dataSuffix, "y" + dataSuffix + manifestSuffix}
	for _, s := range strays {
		p := filepath.Join(day, s)
		if err := os.WriteFile(p, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(day, tempPrefix+"fresh"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := l.Orphans(time.Now(), func(r Ref) bool { return r == ref })
	if err != nil || len(got) != 5 { // three strays, and the unit of "long" with its manifest
		t.Errorf("orphans %v, %v", got, err)
	}
	got, err = l.Orphans(time.Now(), nil)
	if err != nil || len(got) != 3 {
		t.Fatalf("orphans %v, %v", got, err)
	}
	if err := l.Remove(got...); err != nil {
		t.Fatal(err)
	}
	keep := func(s string) int {
		if s == "long" {
			return 60
		}
		return 30
	}
	if n, err := l.Expire(time.Now().AddDate(0, 0, 29), keep); n != 0 || err != nil {
		t.Errorf("after 29 days %d files went, %v", n, err)
	}
	if n, err := l.Expire(time.Now().AddDate(0, 0, 30), keep); n != 3 || err != nil {
		t.Errorf("after 30 days %d files went, %v", n, err)
	}
	units, err := l.List("")
	if err != nil || len(units) != 1 || units[0].Ref != kept {
		t.Errorf("left: %v, %v", units, err)
	}
}

// TestFileSizeLimit runs itself with RLIMIT_FSIZE: to the writer it is a full disk (EFBIG).
func TestFileSizeLimit(t *testing.T) {
	if dir := os.Getenv("ONEGRID_LANDING_LIMIT_DIR"); dir != "" {
		limitedChild(dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$")
	cmd.Env = append(os.Environ(), "ONEGRID_LANDING_LIMIT_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("limit: ok")) {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := countFiles(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func limitedChild(dir string) {
	die := func(v ...any) { fmt.Println(v...); os.Exit(1) }
	id, err := age.GenerateX25519Identity()
	if err != nil {
		die(err)
	}
	l, err := Open(dir, []age.Recipient{id.Recipient()}, Options{})
	if err != nil {
		die(err)
	}
	w, err := l.Begin(context.Background(), "src", "run1", 1)
	if err != nil {
		die(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 200, Max: 200}); err != nil {
		die(err)
	}
	_ = w.Append(connectors.Batch{Records: records(20000, "a", "b")}, time.Now())
	_, err = w.Close()
	var e *connectors.Error
	if !errors.As(err, &e) || e.Hint == "" || e.HintZH == "" || strings.Contains(err.Error(), seed) {
		die("no error with a hint:", err)
	}
	fmt.Println("limit: ok")
}

func TestIdentityFile(t *testing.T) {
	p := filepath.Join(t.TempDir(), "id")
	if _, err := GenerateIdentity(p); err != nil {
		t.Fatal(err)
	}
	if _, err := GenerateIdentity(p); err == nil {
		t.Error("an identity file was replaced")
	}
	st, err := os.Stat(p)
	if err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if err := os.Chmod(p, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadIdentity(p); err == nil {
		t.Error("an identity that others can read was taken")
	}
	if _, err := Open(t.TempDir(), nil, Options{}); err == nil {
		t.Error("a landing without a recipient was opened")
	}
	l, _, _ := sealed(t, Options{})
	for _, name := range []string{"../x", "a/b", "", ".hidden"} {
		if _, err := l.Begin(context.Background(), name, "run1", 1); err == nil {
			t.Errorf("source name %q was taken", name)
		}
	}
}

// BenchmarkLand seals units of 8192 records of about 600 bytes in 24 columns. cpu-us/record is user and system time.
func BenchmarkLand(b *testing.B) {
	l, _, _ := sealed(b, Options{})
	const rows = 8192
	names := make([]string, 24)
	for i := range names {
		names[i] = fmt.Sprintf("col%02d", i)
	}
	// Phrases, as in real narratives: characters drawn one by one would be harder to compress than any language.
	words := strings.Split("市民反映 小区门口 路灯不亮 夜间出行 不便 希望 尽快处理 道路破损 积水严重 垃圾 未及时清运 噪声扰民 影响休息 请 相关部门 核实 多次 来电 文昌路 施工 物业 井盖 缺失 业主", " ")
	cb := connectors.NewBuilder(names...)
	x := uint32(1)
	next := func(n int) int { x = x*1664525 + 1013904223; return int(x>>8) % n }
	for i := range rows {
		cb.Set(0, fmt.Sprintf("2602121011%08d", i))
		var text strings.Builder
		for text.Len() < 330 {
			text.WriteString(words[next(len(words))])
		}
		cb.Set(1, text.String())
		for c := 2; c < 24; c++ {
			switch c % 3 {
			case 0:
				cb.Set(c, "2026-02-12 10:11:"+fmt.Sprintf("%02d", next(60)))
			case 1:
				cb.Set(c, []string{"已受理", "已派遣", "待处置", "已结案"}[next(4)])
			default:
				cb.Set(c, fmt.Sprintf("%06d", 321000+next(30)))
			}
		}
		cb.EndRow()
	}
	size := cb.Bytes()
	rec := cb.Take()
	var before, after syscall.Rusage
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	var ref Ref
	for i := range b.N {
		ref = land(b, l, "bench", i, connectors.Batch{Records: rec})
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(cpu.Nanoseconds())/1e3/float64(b.N)/rows, "cpu-us/record")
	b.ReportMetric(float64(ref.Bytes)/rows, "disk-B/record")
	b.ReportMetric(float64(size)/rows, "B/record")
}
