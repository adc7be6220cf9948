package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/query"
	"onegrid/query/worker"
)

// long is a statement whose first rows are there at once and whose last never are.
const long = "SELECT a.note || b.note FROM event a, event b"

func streaming(t *testing.T, p *worker.Pool) *worker.Answer {
	t.Helper()
	st := ask(long)
	st.MaxRows, st.MaxBytes = 1<<40, 1<<40
	a, _, err := p.Run(t.Context(), city(), st)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	return a
}

// toTheEnd reads an answer until it ends and returns why.
func toTheEnd(a *worker.Answer) error {
	for {
		b, err := a.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		b.Release()
	}
}

// A worker that dies within an answer is a clean error, and the next statement is answered.
func TestCrashWithinAnAnswer(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGABRT, unix.SIGSEGV, unix.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cfg := config()
			cfg.Workers, cfg.NoSpare = 1, true
			p := open(t, cfg)
			use(t, p, publish(t, 1, setup()...))
			a := streaming(t, p)
			pids := p.PIDs()
			if len(pids) != 1 {
				t.Fatal(pids)
			}
			if err := unix.Kill(pids[0], sig); err != nil {
				t.Fatal(err)
			}
			if c := code(t, toTheEnd(a)); c != query.Internal {
				t.Errorf("code %q", c)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			must(t, p, "SELECT 1")
			if now := p.PIDs(); len(now) != 1 || now[0] == pids[0] {
				t.Errorf("workers %v after %v", now, pids)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	p := open(t, config(), func(p *worker.Pool) { p.Ungated(false) })
	use(t, p, publish(t, 1, setup()...))
	t.Run("while it computes", func(t *testing.T) {
		for _, sql := range []string{
			"SELECT count(*) FROM event a, event b, event c WHERE a.note || b.note < c.note",
			"SELECT levenshtein(repeat('ab', 100000), repeat('ba', 100000))", // hears no interrupt
		} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(300*time.Millisecond, cancel)
			began := time.Now()
			_, _, err := p.Run(ctx, city(), ask(sql))
			if c := code(t, err); c != query.Cancelled {
				t.Errorf("%s: code %q", sql, c)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: ended after %v", sql, took)
			}
			must(t, p, "SELECT 1")
		}
	})
	t.Run("while it streams", func(t *testing.T) {
		a := streaming(t, p)
		began := time.Now()
		a.Close()
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
		if _, err := a.Next(); code(t, err) != query.Cancelled {
			t.Errorf("after Close: %v", err)
		}
		must(t, p, "SELECT 1")
	})
	t.Run("from another goroutine", func(t *testing.T) {
		a := streaming(t, p)
		var wg sync.WaitGroup
		wg.Go(func() { a.Close() })
		if c := code(t, toTheEnd(a)); c != query.Cancelled {
			t.Errorf("code %q", c)
		}
		wg.Wait()
	})
	t.Run("while it waits", func(t *testing.T) {
		one, two := streaming(t, p), streaming(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _, err := p.Run(ctx, city(), ask("SELECT 1"))
		if c := code(t, err); c != query.Busy {
			t.Errorf("code %q", c)
		}
		one.Close()
		two.Close()
	})
}

// The queue is served in order and refuses what it cannot hold.
func TestQueue(t *testing.T) {
	cfg := config()
	cfg.Workers, cfg.Queue = 1, 2
	p := open(t, cfg)
	use(t, p, publish(t, 1, setup()...))
	a := streaming(t, p)
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if _, _, err := run(t, p, ask("SELECT 1")); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, i)
		})
		eventually(t, func() bool { return p.Counts(city()).Waiting == i+1 })
	}
	_, _, err := p.Run(t.Context(), city(), ask("SELECT 1"))
	if c := code(t, err); c != query.Busy {
		t.Errorf("code %q", c)
	}
	a.Close()
	wg.Wait()
	if fmt.Sprint(order) != "[0 1]" {
		t.Error(order)
	}
}

// eventually waits for what another goroutine or process does; it has no signal of its own.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(15 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it did not happen within 15 s")
		}
	}
}

// Workers do not outlive the program, however it ends.
func TestParentDeath(t *testing.T) {
	if path := os.Getenv("WORKER_TEST_SNAPSHOT"); path != "" {
		orphan(t, path)
		return
	}
	snap := publish(t, 1, setup()...)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestParentDeath$", "-test.v")
	cmd.Env = append(os.Environ(), "WORKER_TEST_SNAPSHOT="+snap.Path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for s := bufio.NewScanner(out); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "WORKERS "); ok {
			for f := range strings.FieldsSeq(rest) {
				n, err := strconv.Atoi(f)
				if err != nil {
					t.Fatal(err)
				}
				pids = append(pids, n)
			}
			break
		}
	}
	if len(pids) < 2 {
		t.Fatalf("workers of the other program: %v", pids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for _, pid := range pids {
		eventually(t, func() bool { return !isWorker(pid) })
	}
}

// orphan is the program that gets killed: one worker computes, one is idle.
func orphan(t *testing.T, path string) {
	p, err := worker.NewPool(config(), discard())
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Start(t.Context())
	snap := worker.Snapshot{Generation: query.Generation{Scope: city(), Number: 1, SHA256: fileHash(t, path)}, Path: path, Tables: []string{"event"}}
	use(t, p, snap)
	streaming(t, p)
	go func() {
		_, _, _ = p.Run(t.Context(), city(), ask("SELECT count(*) FROM event a, event b, event c WHERE a.note || b.note < c.note"))
	}()
	eventually(t, func() bool { return p.Counts(city()).Running == 2 })
	fmt.Print("WORKERS")
	for _, pid := range p.PIDs() {
		fmt.Print(" ", pid)
	}
	fmt.Println()
	select {}
}

// isWorker reports whether a process with that number is a worker of ours.
func isWorker(pid int) bool {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	defer f.Close()
	b, _ := io.ReadAll(f)
	return strings.HasPrefix(string(b), "onegrid-query-worker")
}

// No process and no goroutine is left after Stop, even if something runs.
func TestStop(t *testing.T) {
	p, err := worker.NewPool(config(), discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	use(t, p, publish(t, 1, setup()...))
	a := streaming(t, p)
	pids := p.PIDs()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := p.Stop(ctx); err == nil {
		t.Error("it stopped in time although a statement ran")
	}
	if c := code(t, toTheEnd(a)); c != query.Unavailable {
		t.Errorf("code %q", c)
	}
	for _, pid := range pids {
		if isWorker(pid) {
			t.Errorf("worker %d is left", pid)
		}
	}
	if _, _, err := p.Run(t.Context(), city(), ask("SELECT 1")); code(t, err) != query.Unavailable {
		t.Error(err)
	}
}

// The deadline bounds the whole answer, also one that the client reads slowly.
func TestDeadlineWhileItStreams(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	must(t, p, "SELECT 1")
	for _, reads := range []bool{true, false} {
		st := ask(long)
		st.MaxRows, st.MaxBytes, st.Timeout = 1<<40, 1<<40, 500*time.Millisecond
		began := time.Now()
		a, _, err := p.Run(t.Context(), city(), st)
		if err != nil {
			t.Fatal(err)
		}
		if !reads { // the worker waits for a reader that does not come, and is killed
			eventually(t, func() bool { return time.Since(began) > 1600*time.Millisecond })
		}
		if c := code(t, toTheEnd(a)); c != query.Timeout {
			t.Errorf("reading %v: code %q", reads, c)
		}
		a.Close()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("reading %v: ended after %v", reads, took)
		}
		must(t, p, "SELECT 1")
	}
}
