package faultpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	got, err := parse(" commit.before:3:kill, land:*:error ,x:1:sleep=5s,")
	want := []fault{{point: "commit.before", n: 3, action: "kill"}, {point: "land", action: "error"}, {point: "x", n: 1, action: "sleep", sleep: 5 * time.Second}}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"commit", "a:0:kill", "a:x:kill", "a:1:explode", "a:1:sleep=soon", ":1:kill"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestOffDoesNothing(t *testing.T) {
	if Enabled {
		t.Skip("built with the tag faultpoint")
	}
	t.Setenv("ONEGRID_FAULT", "x:*:kill")
	if err := Hit("x"); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = Hit("x") }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// A real program built with the tag is killed at the hit it is told, and not before.
func TestTaggedProgram(t *testing.T) {
	dir := t.TempDir()
	src := `package main

import (
	"fmt"
	"onegrid/internal/faultpoint"
)

func main() {
	for i := 1; i <= 3; i++ {
		fmt.Println("step", i, faultpoint.Hit("step"))
	}
}
`
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// An overlay puts the program into the module without writing to the tree.
	file := filepath.Join(dir, "main.go")
	overlay := filepath.Join(dir, "overlay.json")
	bin := filepath.Join(dir, "prog")
	virtual := filepath.Join(root, "internal", "faultpoint", "prog", "main.go")
	if err := errors.Join(os.WriteFile(file, []byte(src), 0o600),
		os.WriteFile(overlay, []byte(`{"Replace":{"`+virtual+`":"`+file+`"}}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-tags", "faultpoint", "-o", bin, "onegrid/internal/faultpoint/prog")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	run := func(fault string) (string, *os.ProcessState) {
		cmd := exec.Command(bin)
		cmd.Env = append(os.Environ(), "ONEGRID_FAULT="+fault)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState
	}
	if out, st := run("step:3:kill"); !st.Sys().(syscall.WaitStatus).Signaled() || st.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || strings.Count(out, "\n") != 2 {
		t.Fatalf("%v after %q", st, out)
	}
	if out, st := run("step:2:error"); st.ExitCode() != 0 || out != "step 1 <nil>\nstep 2 at step: injected fault\nstep 3 <nil>\n" {
		t.Fatalf("%v after %q", st, out)
	}
	if out, st := run("step:x:kill"); st.ExitCode() != 3 || !strings.Contains(out, "ONEGRID_FAULT") {
		t.Fatalf("%v after %q", st, out)
	}
	if out, st := run(""); st.ExitCode() != 0 || strings.Contains(out, "injected") {
		t.Fatalf("%v after %q", st, out)
	}
}
