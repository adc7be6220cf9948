package sandbox_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/query/worker/sandbox"
)

// The sandbox closes for good, so each try runs in a process of its own: this test binary with a name.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SANDBOX_TEST_DIR"); dir != "" {
		os.Exit(inside(dir))
	}
	os.Exit(m.Run())
}

// inside enters the sandbox and tries what a worker must not be able to do. It prints what was possible.
func inside(dir string) int {
	meter, err := sandbox.OpenMeter()
	if err != nil {
		fmt.Println("METER", err)
		return 1
	}
	readable := filepath.Join(dir, "readable")
	_, before := os.Open(filepath.Join(dir, "other"))
	p, err := sandbox.Enter(sandbox.Limits{AddressSpace: 1 << 46, Files: 32}, readable)
	if err != nil {
		fmt.Println("ENTER", err)
		return 1
	}
	fmt.Printf("PROTECTION %+v\n", p)
	tries := map[string]func() error{
		"write":   func() error { return os.WriteFile(filepath.Join(dir, "planted"), nil, 0o644) },
		"change":  func() error { f, err := os.OpenFile(readable, os.O_RDWR, 0); _ = f; return err },
		"remove":  func() error { return os.Remove(readable) },
		"rename":  func() error { return os.Rename(readable, readable+"2") },
		"mkdir":   func() error { return os.Mkdir(filepath.Join(dir, "d"), 0o755) },
		"link":    func() error { return os.Symlink("/", filepath.Join(dir, "l")) },
		"chmod":   func() error { return os.Chmod(readable, 0o777) },
		"program": func() error { return exec.Command("/bin/true").Run() },
		"connect": func() error { c, err := net.Dial("tcp", "127.0.0.1:1"); _ = c; return except(err, unix.ECONNREFUSED) },
		"listen":  func() error { l, err := net.Listen("tcp", "127.0.0.1:0"); _ = l; return err },
		"unix": func() error {
			c, err := net.Dial("unix", filepath.Join(dir, "s"))
			_ = c
			return except(err, unix.ENOENT)
		},
		"signal": func() error { return unix.Kill(os.Getppid(), 0) },
		"trace":  func() error { return unix.PtraceAttach(os.Getppid()) },
		"limit":  func() error { return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}) },
		"memfd":  func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"mount":  func() error { return unix.Mount("x", dir, "tmpfs", 0, "") },
		"setuid": func() error { return unix.Setuid(0) },
	}
	if p.Landlock > 0 {
		tries["read"] = func() error { _, err := os.Open(filepath.Join(dir, "other")); return err }
		tries["list"] = func() error { _, err := os.ReadDir(dir); return err }
		tries["environment"] = func() error { _, err := os.Open("/proc/self/environ"); return err }
	}
	code := 0
	for name, try := range tries {
		if err := try(); err == nil {
			fmt.Println("POSSIBLE", name)
			code = 1
		}
	}
	f, err := os.Open(readable)
	if err != nil || before != nil {
		fmt.Println("IMPOSSIBLE to read", err, before)
		return 1
	}
	b, _ := io.ReadAll(f)
	if string(b) != "content" {
		fmt.Println("READ", string(b))
		code = 1
	}
	if err := meter.Reset(); err != nil || meter.Resident() < 1<<20 || meter.Peak() < 1<<20 {
		fmt.Println("METER", err, meter.Resident(), meter.Peak())
		code = 1
	}
	// New threads must still start: the engine makes them later.
	done := make(chan struct{})
	go func() { time.AfterFunc(time.Millisecond, func() { close(done) }) }()
	<-done
	return code
}

// except makes an error that shows the call itself was allowed count as success of the attempt.
func except(err error, reached error) error {
	if errors.Is(err, reached) {
		return nil
	}
	return err
}

func TestEnter(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"readable", "other"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SANDBOX_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		if strings.Contains(string(out), "Seccomp:false") {
			t.Skip("this kernel has no seccomp filters")
		}
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("%v", entries)
	}
}
