package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustOpen(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustClose(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// ask records one query from start to end.
func ask(t *testing.T, l *Log, id string) {
	t.Helper()
	q := Query{ID: id, User: "li", Role: "analyst", Scope: "city_masked", Surface: "http", Client: "test", SQLSHA256: "ab", SQL: "SELECT count(*) FROM event WHERE day < ?", SQLBytes: 60, Params: 1}
	if err := l.Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if err := l.End(Outcome{ID: id, User: "li", Decision: "allowed", Tables: []string{"event"}, Functions: []string{"count_star"}, Generation: 4, Rows: 1, Bytes: 512, Elapsed: 2500 * time.Microsecond, PeakRSS: 1 << 20, Class: "ok"}); err != nil {
		t.Fatal(err)
	}
}

func records(t *testing.T, dir string) (out []Record) {
	t.Helper()
	for r, err := range Read(t.Context(), dir, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func kinds(rs []Record) (out []string) {
	for _, r := range rs {
		k := string(r.Kind)
		if r.QueryID != "" {
			k += " " + r.QueryID
		}
		out = append(out, k)
	}
	return out
}

func whole(t *testing.T, dir string, o VerifyOptions) Verified {
	t.Helper()
	v, err := Verify(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() {
		t.Fatalf("problems: %v", v.Problems)
	}
	return v
}

// onlyFile is the name of a log's single file.
func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	names, err := files(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("files %v, error %v", names, err)
	}
	return filepath.Join(dir, names[0])
}

func TestQueryIsAPairInTheChain(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir})
	ask(t, l, "q1")
	if err := l.Note(t.Context(), Note{Kind: KindLoginDenied, User: "(unknown)", Address: "192.0.2.7", Reason: "wrong"}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	got := records(t, dir)
	if d := cmp.Diff([]string{"open", "start q1", "end q1", "login_denied", "close"}, kinds(got)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	end := got[2]
	if end.Ms != 2.5 || end.Rows != 1 || end.Generation != 4 || end.Decision != "allowed" || end.Tables[0] != "event" || end.PeakRSS != 1<<20 {
		t.Fatalf("end record %+v", end)
	}
	v := whole(t, dir, VerifyOptions{})
	if v.Records != 5 || v.Queries != 1 || len(v.Running) != 0 || v.Last.Seq != 5 {
		t.Fatalf("verified %+v", v)
	}
	info, err := os.Stat(onlyFile(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	if err := l.Start(t.Context(), Query{ID: "q2"}); !errors.Is(err, ErrWrite) || !errors.Is(err, ErrClosed) {
		t.Fatalf("start after close: %v", err)
	}
}

func TestOneProcessWrites(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir, Settle: 5 * time.Millisecond})
	if _, err := Open(Config{Dir: dir}, quiet()); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	// A command beside the daemon leaves its note, and the daemon takes it into the chain.
	c := NewCourier(Config{Dir: dir}, quiet())
	if err := c.Note(t.Context(), Note{Kind: KindUser, User: "wang", By: "root", Action: "added"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, spoolName, "broken.json"), []byte(`{"kind":"end"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	got := records(t, dir)
	if d := cmp.Diff([]string{"open", "user", "unreadable", "close"}, kinds(got)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if got[1].By != "root" || got[1].Spooled == "" {
		t.Fatalf("record %+v", got[1])
	}
	left, err := os.ReadDir(filepath.Join(dir, spoolName))
	if err != nil || len(left) != 0 {
		t.Fatalf("left in the inbox: %v, error %v", left, err)
	}
	// Without a daemon the courier writes the log itself.
	if err := c.Note(t.Context(), Note{Kind: KindUser, User: "wang", By: "root", Action: "disabled"}); err != nil {
		t.Fatal(err)
	}
	if v := whole(t, dir, VerifyOptions{}); v.Records != 7 {
		t.Fatalf("verified %+v", v)
	}
}

func TestManyCallersShareASync(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir})
	const clients, each = 20, 25
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range clients {
		wg.Go(func() {
			for n := range each {
				if err := l.Start(context.Background(), Query{ID: fmt.Sprintf("%d-%d", c, n), User: "li", SQL: "SELECT ?"}); err != nil {
					t.Error(err)
				}
				if err := l.End(Outcome{ID: fmt.Sprintf("%d-%d", c, n), Class: "ok"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	syncs := l.syncs.Load()
	t.Logf("%d queries of %d clients: %d syncs, %v", clients*each, clients, syncs, time.Since(begin))
	if syncs > clients*each/2 {
		t.Errorf("%d syncs for %d queries: callers do not share them", syncs, clients*each)
	}
	mustClose(t, l)
	if v := whole(t, dir, VerifyOptions{}); v.Queries != clients*each || len(v.Running) != 0 {
		t.Fatalf("verified %+v", v)
	}
}

func TestRotationCarriesTheChain(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)
	l, err := open(Config{Dir: dir, MaxBytes: 4 << 10, Settle: time.Hour}, quiet(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context(), Query{ID: "long", User: "li"}); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		ask(t, l, fmt.Sprint(n))
	}
	bySize, _ := files(dir)
	now = now.Add(2 * time.Minute)
	ask(t, l, "next day")
	byDay, _ := files(dir)
	if len(bySize) < 3 || len(byDay) != len(bySize)+1 || !strings.HasSuffix(byDay[len(byDay)-1], "-20261123.jsonl") {
		t.Fatalf("files %v then %v", bySize, byDay)
	}
	if err := l.End(Outcome{ID: "long", Class: "ok"}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	v := whole(t, dir, VerifyOptions{})
	if v.Files != len(byDay) || v.Queries != 22 {
		t.Fatalf("verified %+v", v)
	}
	// The two oldest files go to an archive; the rest still verifies, from where it begins.
	for _, name := range byDay[:2] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := Verify(dir, VerifyOptions{}); err != nil || v.OK() {
		t.Fatalf("missing files were not reported: %+v, %v", v, err)
	}
	var first int64
	if _, err := fmt.Sscanf(byDay[2], "audit-%012d", &first); err != nil {
		t.Fatal(err)
	}
	if v := whole(t, dir, VerifyOptions{From: first}); v.First.Seq != first || len(v.Running) != 0 {
		t.Fatalf("verified %+v", v)
	}
}

func child(t *testing.T, task, dir string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], dir)
	cmd.Env = append(os.Environ(), taskEnv+"="+task)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestNothingStartsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	out, err := child(t, "full", dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	full := ErrWrite.Error() + ": appending to the audit log: write "
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		name, got, _ := strings.Cut(l, ": ")
		switch name {
		case "full start", "full note", "full end":
			if !strings.HasPrefix(got, full) || !strings.Contains(got, "file too large") {
				t.Errorf("%s", l)
			}
		case "room again", "end", "close":
			if got != "<nil>" {
				t.Errorf("%s", l)
			}
		}
	}
	if !strings.Contains(out, "err: true") || !strings.Contains(out, "err: false") {
		t.Errorf("Err did not follow the disk:\n%s", out)
	}
	// What was refused left nothing, and the end that could not be written was written once there was room.
	want := []string{"open", "start before", "end before", "start after", "end after", "close"}
	if d := cmp.Diff(want, kinds(records(t, dir))); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	whole(t, dir, VerifyOptions{})
}

func TestKillLeavesWhatCanBeSaid(t *testing.T) {
	dir := t.TempDir()
	if out, err := child(t, "kill", dir); err == nil || out != "" {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	v := whole(t, dir, VerifyOptions{})
	if v.Torn == 0 || !cmp.Equal(v.Running, []string{"cut-1", "cut-2"}) {
		t.Fatalf("after the kill: %+v", v)
	}
	l := mustOpen(t, Config{Dir: dir})
	ask(t, l, "next")
	mustClose(t, l)
	want := []string{"open", "start whole", "start cut-1", "start cut-2", "end whole", "open", "repaired", "unpaired cut-1", "unpaired cut-2", "start next", "end next", "close"}
	got := records(t, dir)
	if d := cmp.Diff(want, kinds(got)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if got[7].User != "li" {
		t.Errorf("unpaired record %+v", got[7])
	}
	v = whole(t, dir, VerifyOptions{})
	if v.Crashed != 2 || v.Repaired != 1 || v.Torn != 0 || len(v.Running) != 0 {
		t.Fatalf("after the restart: %+v", v)
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*.torn-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside: %v, %v", aside, err)
	}
}

func TestFileBegunAndNotWritten(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir})
	ask(t, l, "q1")
	mustClose(t, l)
	if err := os.WriteFile(filepath.Join(dir, "audit-000000000005-20991231.jsonl"), []byte(`{"seq":5`), 0o600); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, Config{Dir: dir})
	ask(t, l, "q2")
	mustClose(t, l)
	if v := whole(t, dir, VerifyOptions{}); v.Queries != 2 {
		t.Fatalf("verified %+v", v)
	}
}

func TestNothingStartsOnAClosedFile(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir, Settle: time.Hour})
	if err := l.w.f.Close(); err != nil {
		t.Fatal(err)
	}
	err := l.Start(t.Context(), Query{ID: "q1"})
	if !errors.Is(err, ErrWrite) || !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("start: %v", err)
	}
	if err := l.Close(); err == nil {
		t.Fatal("closing said nothing")
	}
	if d := cmp.Diff([]string{"open"}, kinds(records(t, dir))); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestNothingStartsWithoutAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: filepath.Join(file, "audit")}, quiet()); err == nil {
		t.Fatal("opened below a file")
	}
	if err := NewCourier(Config{Dir: filepath.Join(file, "audit")}, quiet()).Note(t.Context(), Note{Kind: KindUser}); !errors.Is(err, ErrWrite) {
		t.Fatalf("courier: %v", err)
	}
}

// A caller that goes away before its record is written leaves none; the one that stays gets its own.
func TestAbandonedStartIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	l := &Log{cfg: Config{Settle: time.Hour}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Start(gone, Query{ID: "gone"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("start: %v", err)
	}
	real := mustOpen(t, Config{Dir: dir})
	real.mu.Lock()
	real.queue = append(real.queue, l.queue...)
	real.mu.Unlock()
	ask(t, real, "stays")
	mustClose(t, real)
	if d := cmp.Diff([]string{"open", "start stays", "end stays", "close"}, kinds(records(t, dir))); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestSyslogGetsTheHead(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "log")
	pc, err := net.ListenPacket("unixgram", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir, Syslog: sock})
	ask(t, l, "q1")
	mustClose(t, l)
	if err := pc.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	v := whole(t, dir, VerifyOptions{})
	buf := make([]byte, 4096)
	for {
		n, _, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatalf("no message names the last record: %v", err)
		}
		if strings.Contains(string(buf[:n]), fmt.Sprintf("seq=%d hash=%s", v.Last.Seq, v.Last.Hash)) {
			return
		}
	}
}

func TestTextsOfClientsAreCut(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir})
	if err := l.Start(t.Context(), Query{ID: "q1", Client: strings.Repeat("市", 1000) + "\x00\x1b[2J", SQL: strings.Repeat("<", 1<<20)}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	for _, r := range records(t, dir) {
		if len(r.Client) > maxText+4 || len(r.SQL) > maxSQL+4 {
			t.Errorf("%d and %d bytes", len(r.Client), len(r.SQL))
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := Record{Seq: 1, Kind: KindStart, Prev: genesis()}
	line, err := encode(&r, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimSpace(line))
	f.Add([]byte(`{"seq":1,"hash":""}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decode(b, nil, true); err == nil {
			// Whatever is accepted hashes to what it says; a changed byte before the hash must not be.
			c := bytes.Clone(b)
			c[0] ^= 1
			if _, err := decode(c, nil, true); err == nil {
				t.Fatalf("accepted %q and %q", b, c)
			}
		}
	})
}
