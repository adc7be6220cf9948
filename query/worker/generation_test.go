package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onegrid/query"
	"onegrid/query/worker"
)

// numbered is a snapshot in which every row says its generation.
func numbered(t *testing.T, n int64) worker.Snapshot {
	s := publish(t, n, fmt.Sprintf("CREATE TABLE event AS SELECT %d AS generation, i FROM range(50000) r(i)", n))
	s.Tables, s.Macros = []string{"event"}, nil
	return s
}

// While statements run all the time, generations change: no answer mixes two, none is older than the one in force when
// it was asked, none fails, and a generation is released only when nobody reads it.
func TestGenerationSwitchUnderLoad(t *testing.T) {
	var mu sync.Mutex
	released := map[int64]bool{}
	cfg := config()
	cfg.Released = func(g query.Generation) {
		mu.Lock()
		defer mu.Unlock()
		if released[g.Number] {
			t.Errorf("generation %d was released twice", g.Number)
		}
		released[g.Number] = true
	}
	p := open(t, cfg)
	const generations = 6
	use(t, p, numbered(t, 1))
	must(t, p, "SELECT 1")
	stop := make(chan struct{})
	var asked atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before, ok := p.Generation(city())
				if !ok {
					t.Error("no generation")
					return
				}
				out, _, report, err := runReport(t, p, ask("SELECT min(generation), max(generation), count(*) FROM event"))
				if err != nil {
					t.Errorf("%v (cause %v)", err, errors.Unwrap(err))
					return
				}
				asked.Add(1)
				n := report.Generation.Number
				if want := fmt.Sprintf("%d|%d|50000", n, n); len(out) != 1 || out[0] != want {
					t.Errorf("generation %d answered %v", n, out)
				}
				if n < before.Number {
					t.Errorf("a statement asked under generation %d was answered from %d", before.Number, n)
				}
				mu.Lock()
				if released[before.Number] && n == before.Number {
					t.Errorf("generation %d answered after its release", n)
				}
				mu.Unlock()
			}
		})
	}
	for n := int64(2); n <= generations; n++ {
		s := numbered(t, n)
		since := asked.Load()
		use(t, p, s)
		if g, _ := p.Generation(city()); g.Number != n {
			t.Fatalf("generation %d after Use of %d", g.Number, n)
		}
		eventually(t, func() bool { return asked.Load() > since+5 || t.Failed() })
	}
	close(stop)
	wg.Wait()
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(released) == generations-1 })
	mu.Lock()
	defer mu.Unlock()
	if released[generations] {
		t.Error("the current generation was released")
	}
	t.Logf("%d answers", asked.Load())
}

// A statement that runs keeps its generation until it ends.
func TestReleaseWaitsForRunningStatements(t *testing.T) {
	got := make(chan int64, 10)
	cfg := config()
	cfg.Released = func(g query.Generation) { got <- g.Number }
	p := open(t, cfg)
	use(t, p, publish(t, 1, setup()...))
	a := streaming(t, p)
	use(t, p, publish(t, 2, setup()...))
	must(t, p, "SELECT 1")
	select {
	case n := <-got:
		t.Fatalf("generation %d was released while it was read", n)
	default:
	}
	if b, err := a.Next(); err != nil {
		t.Fatalf("the old generation does not answer any more: %v", err)
	} else {
		b.Release()
	}
	a.Close()
	select {
	case n := <-got:
		if n != 1 {
			t.Errorf("generation %d was released", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("the old generation was not released")
	}
}

func TestAlteredFileIsRefused(t *testing.T) {
	rewrite := func(t *testing.T, s worker.Snapshot, change func(*os.File)) {
		t.Helper()
		if err := os.Chmod(s.Path, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(s.Path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		change(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*os.File){
		"one byte":  func(f *os.File) { _, _ = f.WriteAt([]byte{0xff}, 8192) },
		"truncated": func(f *os.File) { _ = f.Truncate(12288) },
		"longer":    func(f *os.File) { _ = f.Truncate(1 << 24) },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, config())
			use(t, p, publish(t, 1, setup()...))
			must(t, p, "SELECT 1")
			bad := publish(t, 2, setup()...)
			rewrite(t, bad, change)
			if err := p.Use(t.Context(), bad); !errors.Is(err, worker.ErrAltered) {
				t.Errorf("%v", err)
			}
			if g, _ := p.Generation(city()); g.Number != 1 {
				t.Errorf("generation %d", g.Number)
			}
			must(t, p, "SELECT 1")
		})
	}
	t.Run("by a verifier of its own", func(t *testing.T) {
		p := open(t, config())
		s := publish(t, 1, setup()...)
		s.Generation.SHA256 = "the root of some tree"
		if err := p.Use(t.Context(), s); !errors.Is(err, worker.ErrAltered) {
			t.Errorf("without a verifier: %v", err)
		}
		refusal := errors.New("refused")
		s.Verify = func(context.Context) error { return refusal }
		if err := p.Use(t.Context(), s); !errors.Is(err, refusal) {
			t.Errorf("%v", err)
		}
		s.Verify = func(context.Context) error { // another file takes the name while it is verified
			return os.Rename(publish(t, 2, setup()...).Path, s.Path)
		}
		if err := p.Use(t.Context(), s); !errors.Is(err, worker.ErrAltered) {
			t.Errorf("%v", err)
		}
		s.Verify = func(context.Context) error { return nil }
		use(t, p, s)
		must(t, p, "SELECT 1")
	})
	t.Run("after it was checked", func(t *testing.T) {
		cfg := config()
		p := open(t, cfg)
		s := publish(t, 1, setup()...)
		use(t, p, s) // no worker yet
		rewrite(t, s, func(f *os.File) { _, _ = f.WriteAt([]byte{0xff}, 8192) })
		_, _, err := p.Run(t.Context(), city(), ask("SELECT 1"))
		if code(t, err) != query.Unavailable {
			t.Error(err)
		}
	})
	t.Run("not a database", func(t *testing.T) {
		p := open(t, config())
		path := filepath.Join(t.TempDir(), "x.duckdb")
		if err := os.WriteFile(path, []byte("no database"), 0o444); err != nil {
			t.Fatal(err)
		}
		use(t, p, worker.Snapshot{Generation: query.Generation{Scope: city(), Number: 1, SHA256: fileHash(t, path)}, Path: path})
		_, _, err := p.Run(t.Context(), city(), ask("SELECT 1"))
		if code(t, err) != query.Unavailable {
			t.Error(err)
		}
	})
}

func TestRetire(t *testing.T) {
	got := make(chan int64, 1)
	cfg := config()
	cfg.Released = func(g query.Generation) { got <- g.Number }
	p := open(t, cfg)
	use(t, p, publish(t, 7, setup()...))
	must(t, p, "SELECT 1")
	p.Retire(city())
	if n := <-got; n != 7 {
		t.Error(n)
	}
	if _, _, err := p.Run(t.Context(), city(), ask("SELECT 1")); code(t, err) != query.Unavailable {
		t.Error(err)
	}
}

// A worker is replaced after its number of statements, and when its scope is not asked for a while.
func TestReplacement(t *testing.T) {
	cfg := config()
	cfg.Workers, cfg.NoSpare, cfg.Statements = 1, true, 3
	p := open(t, cfg)
	use(t, p, publish(t, 1, setup()...))
	seen := map[int]bool{}
	for range 7 {
		must(t, p, "SELECT 1")
		for _, pid := range p.PIDs() {
			seen[pid] = true
		}
	}
	if n := p.Counts(city()).Started; n < 3 {
		t.Errorf("%d workers for 7 statements at 3 each", n)
	}
	cfg.Idle = 50 * time.Millisecond
	p = open(t, cfg)
	use(t, p, publish(t, 1, setup()...))
	must(t, p, "SELECT 1")
	eventually(t, func() bool { return len(p.PIDs()) == 0 })
	must(t, p, "SELECT 1")
}
