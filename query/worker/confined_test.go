package worker_test

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func isRoot() bool { return os.Geteuid() == 0 }

// confined looks at a worker from outside.
func confined(t *testing.T, pid int) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	read := func(name string) string {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if env := read("environ"); env != "" {
		t.Errorf("the environment has %d bytes", len(env))
	}
	status := map[string]string{}
	for line := range strings.Lines(read("status")) {
		k, v, _ := strings.Cut(line, ":")
		status[k] = strings.TrimSpace(v)
	}
	if status["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs %s", status["NoNewPrivs"])
	}
	if isRoot() {
		if strings.HasPrefix(status["Uid"], "0\t") || strings.Contains(status["Uid"], "\t0") {
			t.Errorf("Uid %s", status["Uid"])
		}
		if strings.Trim(status["CapEff"], "0") != "" || strings.Trim(status["CapPrm"], "0") != "" {
			t.Errorf("capabilities %s %s", status["CapEff"], status["CapPrm"])
		}
		if status["Groups"] != "" {
			t.Errorf("groups %s", status["Groups"])
		}
	}
	limits := strings.Join(strings.Fields(read("limits")), " ")
	for _, want := range []string{"Max core file size 0 0 ", "Max file size 0 0 ", "Max open files 32 32 "} {
		if !strings.Contains(limits, want) {
			t.Errorf("no %q in\n%s", want, limits)
		}
	}
	if !instrumented && !strings.Contains(limits, "Max address space 3221225472 3221225472 ") {
		t.Errorf("no limit on the address space:\n%s", limits)
	}
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err != nil || cwd != "/" {
		t.Errorf("cwd %s %v", cwd, err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to, err := os.Readlink(filepath.Join(dir, "fd", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []string{"/dev/null", "socket:", "pipe:", "anon_inode:", "/proc/", ".duckdb", "/sys/fs/cgroup"} {
			if strings.Contains(to, known) {
				to = ""
			}
		}
		if to != "" {
			t.Errorf("it holds %s", to)
		}
	}
}
