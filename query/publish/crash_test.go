package publish_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/internal/faultpoint"
	"onegrid/query/publish"
)

// crashEnv makes the test binary a publisher that is killed.
const crashEnv = "ONEGRID_TEST_PUBLISH_DIR"

// crashTown is the same store in every process: two publications, the second of which is interrupted.
func crashTown(t testing.TB, changed bool) *town {
	f := newTown()
	f.store = "8b1f7d7c-0000-4000-8000-000000000001"
	f.put(reports(t, 0, 300, func(n int, r row) {
		if n%3 == 0 {
			r["category"] = "07.03"
		}
	})...)
	if changed {
		f.put(reports(t, 280, 320, func(_ int, r row) { r["county_code"] = "990102" })...)
	}
	return f
}

func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashEnv)
	if dir == "" {
		t.Skip("skipped: this is the process that TestCrash kills")
	}
	opts := options(t, crashTown(t, true))
	opts.Dir = dir
	p := open(t, opts)
	publishNow(t, p)
}

// A publisher that is killed at any step leaves the generation before published, whole; the next one finishes the work.
func TestCrash(t *testing.T) {
	if !faultpoint.Enabled {
		t.Skip("skipped: built without the tag faultpoint")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	scopes := publish.DefaultScopes(cityCatalog(t))
	for _, fault := range []string{"publish.stage:1", "publish.base:1", "publish.scope:1", "publish.scope:4", "publish.manifest:1", "publish.manifest:3", "publish.manifest:6", "publish.done:1"} {
		t.Run(fault, func(t *testing.T) {
			opts := options(t, crashTown(t, false))
			p, err := publish.Open(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			publishNow(t, p)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestCrashChild$")
			cmd.Env = append(os.Environ(), crashEnv+"="+opts.Dir, "ONEGRID_FAULT="+fault+":kill")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v\n%s", err, out)
			}
			old := 0
			for _, s := range scopes { // whatever is published is whole
				l, err := publish.Acquire(opts.Dir, s)
				if err != nil {
					t.Fatal(err)
				}
				if err := publish.Verify(t.Context(), l.Path, l.Manifest); err != nil {
					t.Errorf("%s: %v", s, err)
				}
				if l.Manifest.Generation == 1 {
					old++
				}
				l.Close()
			}
			if fault != "publish.done:1" && old == 0 {
				t.Error("nothing was left to do")
			}
			opts.Feed = crashTown(t, true)
			publishNow(t, open(t, opts))
			fresh := opts
			fresh.Dir = t.TempDir()
			key, err := os.ReadFile(filepath.Join(opts.Dir, ".pseudonym.key"))
			if err == nil {
				err = os.WriteFile(filepath.Join(fresh.Dir, ".pseudonym.key"), key, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			publishNow(t, open(t, fresh))
			if d := cmp.Diff(contents(t, fresh.Dir, scopes), contents(t, opts.Dir, scopes)); d != "" {
				t.Fatalf("(-from scratch +after the crash):\n%s", d)
			}
			left, err := filepath.Glob(filepath.Join(opts.Dir, "*", "work-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// A failing store or a full disk changes nothing that is published, and is told.
func TestFailureKeepsTheGeneration(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 200, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	before, err := publish.ReadManifest(opts.Dir, cityMasked)
	if err != nil {
		t.Fatal(err)
	}
	f.put(reports(t, 200, 210, nil)...)
	f.fail = fmt.Errorf("store is away")
	if _, err := p.Publish(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if s := p.Status(); s.Failures != 1 || s.LastError == "" || s.Generation != 1 {
		t.Fatalf("%+v", s)
	}
	f.fail = nil
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	full := opts
	full.MinFree = 1 << 60
	q, err := publish.Open(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Publish(t.Context()); !errors.Is(err, publish.ErrDiskFull) {
		t.Fatalf("error %v", err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := publish.ReadManifest(opts.Dir, cityMasked)
	if err != nil || after.SHA256 != before.SHA256 || after.Generation != 1 {
		t.Fatalf("%+v, %v", after, err)
	}
	if rep := publishNow(t, open(t, opts)); rep.Generation != 2 || rep.Changed != 10 {
		t.Fatalf("%+v", rep)
	}
}

func TestOnePublisherPerFolder(t *testing.T) {
	opts := options(t, newTown())
	open(t, opts)
	if _, err := publish.Open(t.Context(), opts); !errors.Is(err, publish.ErrBusy) {
		t.Fatalf("error %v", err)
	}
}
