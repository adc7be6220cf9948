package surface_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onegrid/internal/service"
	"onegrid/internal/surface"
	"onegrid/pipelines"
	"onegrid/query"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

var cityMasked = query.Scope{Tier: query.Masked, Area: "city"}

// consistent asks one file several ways: an answer of a torn file would not agree with itself.
const consistent = `SELECT (SELECT generation FROM generation) AS g, (SELECT count(*) FROM event) AS n, (SELECT sum(events)::BIGINT FROM freshness) AS f,
 (SELECT count(*) FROM incident i WHERE i.reports <> (SELECT count(*) FROM event e WHERE e.incident_id = i.incident_id)) AS bad`

// stale is how long after its publication a generation may still be unknown to a client.
const stale = 30 * time.Second

func whole(a answer) (g int64, err error) {
	if a.status != 200 || len(a.rows) != 1 || len(a.rows[0]) != 4 {
		return 0, fmt.Errorf("status %d: %.300s", a.status, a.body)
	}
	var v [4]int64
	for i, c := range a.rows[0] {
		if v[i], err = strconv.ParseInt(fmt.Sprint(c), 10, 64); err != nil {
			f, ok := c.(float64)
			if !ok {
				return 0, err
			}
			v[i], err = int64(f), nil
		}
	}
	if v[0] != a.generation || v[1] != v[2] || v[3] != 0 {
		return 0, fmt.Errorf("generation %d in the file and %d in the header, %d events and %d in freshness, %d incidents do not add up", v[0], a.generation, v[1], v[2], v[3])
	}
	return v[0], nil
}

type millis []float64

func (m millis) at(q float64) float64 {
	if len(m) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(m))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

// bombs are statements that take all they can get.
func bombs() []string {
	return []string{"SELECT length(repeat('x', 4000000000))", "SELECT len(range(2000000000))", "SELECT len(list_sort(range(100000000)))",
		"SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))", "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3", "SELECT length(lpad('x', 2000000000, 'y'))"}
}

// A whole hub: clients ask while it reads, links and publishes.
func TestStack(t *testing.T) {
	s := newStack(t, 600)
	var mu sync.Mutex
	var took millis
	h := s.open(func(_ string, u pipelines.Stored) {
		mu.Lock()
		defer mu.Unlock()
		if u.Receipt.Counts.Read > 0 {
			took = append(took, float64(u.Took.Microseconds())/1000)
		}
	})
	defer h.Close()
	taken := func() millis {
		mu.Lock()
		defer mu.Unlock()
		m := took
		took = nil
		return m
	}
	s.sync(h, "police_110", "hotline_12345", "urban_mgmt", "hotline_12345")
	link, err := h.Linker()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := link.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := &lockedBuffer{}
	p, err := surface.OpenPublisher(t.Context(), h.Catalog, s.data, h.Store, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	run := service.New("publisher", p.Run)
	if err := run.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("the publisher: %+v\n%s", p.Status(), said)
		}
		run.Stop(context.Background())
	}()
	front := s.front()
	s.user("li", query.Analyst)
	s.until("li", consistent, time.Minute, func(a answer) bool { _, err := whole(a); return err == nil })

	t.Run("lock", func(t *testing.T) { s.lockHeld(t, front) })

	commit := func() {
		s.city.Advance(40 * time.Minute)
		s.sync(h, "police_110")
		p.Notify()
	}
	t.Run("switch", func(t *testing.T) {
		rounds := 30
		if os.Getenv("ONEGRID_SOAK") == "" {
			rounds = 5
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var asked millis
		for range 3 {
			wg.Go(func() {
				var last int64
				for ctx.Err() == nil {
					m, err := publish.ReadManifest(surface.SnapDir(s.data), cityMasked)
					if err != nil {
						t.Error(err)
						return
					}
					t0 := time.Now()
					a, err := s.ask(context.Background(), "li", consistent)
					var g int64
					if err == nil {
						g, err = whole(a)
					}
					if err != nil {
						t.Error(err)
						return
					}
					if g < last {
						t.Errorf("generation %d after %d", g, last)
					}
					if t0.Sub(m.Published) > stale && g < m.Generation {
						t.Errorf("generation %d was published %v ago and the answer is of %d", m.Generation, t0.Sub(m.Published), g)
					}
					last = g
					mu.Lock()
					asked = append(asked, float64(time.Since(t0).Milliseconds()))
					mu.Unlock()
				}
			})
		}
		var visible millis
		first := s.manifest(cityMasked).Generation
		for i := 0; s.manifest(cityMasked).Generation < first+int64(rounds); i++ {
			commit()
			if i%5 == 4 {
				if _, err := link.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			t0, want := time.Now(), position(t, h)
			var g int64
			s.until("li", "SELECT 1", time.Minute, func(a answer) bool {
				if m := s.manifest(cityMasked); g == 0 {
					// A commit may have touched nothing that is published: then there is nothing to wait for.
					pending, err := h.Store.Poll(context.Background(), warehouse.ChangeQuery{From: m.Position})
					if err == nil && !pending || m.Position.Change >= want {
						g = m.Generation
					}
				}
				return g > 0 && a.generation >= g
			})
			if st := p.Status(); st.Failures > 0 {
				t.Fatalf("publishing failed: %+v", st)
			}
			visible = append(visible, float64(time.Since(t0).Milliseconds()))
		}
		stop()
		wg.Wait()
		t.Logf("%d publications, %d commits, %d questions; commit to visible p50 %.0f ms p95 %.0f ms max %.0f ms; question p50 %.0f ms p95 %.0f ms", rounds, len(visible), len(asked),
			visible.at(0.5), visible.at(0.95), visible.at(1), asked.at(0.5), asked.at(0.95))
		if len(asked) < rounds {
			t.Errorf("%d questions: the test would prove little", len(asked))
		}
		// How soon is a figure for the benchmark (publish_1k_into_10m), not for a test on whatever machine this is.
		files, err := filepath.Glob(filepath.Join(surface.SnapDir(s.data), cityMasked.String(), "*.duckdb"))
		if err != nil || len(files) > 5 {
			t.Errorf("files of earlier generations pile up: %v, %v", files, err)
		}
	})

	t.Run("bombs", func(t *testing.T) {
		during := 20 * time.Second
		if os.Getenv("ONEGRID_SOAK") == "" {
			during = 5 * time.Second
		}
		busy := func(d time.Duration) millis {
			taken()
			for end := time.Now().Add(d); time.Now().Before(end); {
				commit()
			}
			return taken()
		}
		calm := busy(during)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var refused sync.Map
		for i := range 4 {
			wg.Go(func() {
				for n := i; ctx.Err() == nil; n++ {
					a, err := s.ask(ctx, "li", bombs()[n%len(bombs())])
					if err == nil {
						refused.Store(a.status, true)
					}
				}
			})
		}
		var peak int64
		wg.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				for _, pid := range children(front.cmd.Process.Pid) {
					peak = max(peak, residentBytes(pid))
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
		loaded := busy(during)
		stop()
		wg.Wait()
		t0 := time.Now()
		s.until("li", consistent, time.Minute, func(a answer) bool { _, err := whole(a); return err == nil })
		t.Logf("commits: %d calm p50 %.1f ms p95 %.1f ms; %d beside bombs p50 %.1f ms p95 %.1f ms; ratio of medians %.2f; largest worker %d MiB; next question after %d ms", len(calm), calm.at(0.5), calm.at(0.95),
			len(loaded), loaded.at(0.5), loaded.at(0.95), loaded.at(0.5)/calm.at(0.5), peak>>20, time.Since(t0).Milliseconds())
		if peak > 2<<30 || peak == 0 {
			t.Errorf("a worker held %d MiB", peak>>20)
		}
		if len(loaded) == 0 {
			t.Error("no commit went through beside the bombs")
		}
		refused.Range(func(k, _ any) bool {
			if k.(int) >= 500 && k.(int) != 503 {
				t.Errorf("a bomb was answered with status %d", k)
			}
			return true
		})
	})

	t.Run("altered", func(t *testing.T) {
		if err := run.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.alteredIsRefused(t, front)
		commit()
		if _, err := p.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := s.manifest(cityMasked).Generation
		s.until("li", consistent, 30*time.Second, func(a answer) bool { g, err := whole(a); return err == nil && g >= want })
	})

	t.Run("modes", func(t *testing.T) { s.modes(t, front) })

	t.Run("audit", func(t *testing.T) {
		front.stop(t)
		all, err := surface.VerifyAudit(s.catalog(), s.data)
		if err != nil {
			t.Fatal(err)
		}
		var queries, records int64
		for dir, v := range all {
			if !v.OK() || len(v.Running) > 0 || v.Keyed != v.Records {
				t.Errorf("%s: %+v", filepath.Base(dir), v)
			}
			queries, records = queries+v.Queries, records+v.Records
		}
		t.Logf("%d chains, %d records, %d queries", len(all), records, queries)
		if queries < 30 || len(all) < 2 {
			t.Errorf("%d queries in %d chains", queries, len(all))
		}
	})
}

// lockHeld: while the hub serves and publishes nobody else opens the live store, and the front never has.
func (s *stack) lockHeld(t *testing.T, front *process) {
	thief := s.start("thief")
	if thief.said != "refused" {
		t.Errorf("a second process said %q", thief.said)
	}
	thief.stop(t)
	looked, snaps := 0, 0
	for _, pid := range append(children(front.cmd.Process.Pid), front.cmd.Process.Pid) {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
			if err != nil {
				continue
			}
			looked++
			if strings.Contains(to, "onegrid.duckdb") {
				t.Errorf("process %d of the query surface has %s open", pid, to)
			}
			if strings.Contains(to, "gen-") {
				snaps++
			}
		}
	}
	if looked == 0 || snaps == 0 {
		t.Errorf("%d open files, %d of them snapshots: the test would prove little", looked, snaps)
	}
}

// alteredIsRefused announces a generation whose file is not what its manifest says: cut, then changed in one bit.
func (s *stack) alteredIsRefused(t *testing.T, front *process) {
	folder := filepath.Join(surface.SnapDir(s.data), cityMasked.String())
	good := s.manifest(cityMasked)
	original, err := os.ReadFile(filepath.Join(folder, "current.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(folder, good.File))
	if err != nil {
		t.Fatal(err)
	}
	s.until("li", consistent, 30*time.Second, func(a answer) bool { return a.generation == good.Generation })
	for i, spoilt := range [][]byte{data[:len(data)-4096], append(slices.Clone(data[:len(data)/2]), append([]byte{data[len(data)/2] ^ 1}, data[len(data)/2+1:]...)...)} {
		m := *good
		m.Generation += int64(i + 1)
		m.File, m.Leaves = fmt.Sprintf("gen-%d.duckdb", m.Generation), fmt.Sprintf("gen-%d.leaves", m.Generation)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Count(front.log.String(), "could not be taken up")
		for name, content := range map[string][]byte{m.File: spoilt, "current.json.new": b} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o444); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(folder, "current.json.new"), filepath.Join(folder, "current.json")); err != nil {
			t.Fatal(err)
		}
		s.until("li", consistent, 30*time.Second, func(a answer) bool {
			if g, err := whole(a); err != nil || g != good.Generation {
				t.Errorf("answered from generation %d: %v", g, err)
			}
			return strings.Count(front.log.String(), "could not be taken up") > told || i > 0 && strings.Count(front.log.String(), "could not be taken up") > 0
		})
		if err := os.Remove(filepath.Join(folder, m.File)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "current.json.new"), original, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(folder, "current.json.new"), filepath.Join(folder, "current.json")); err != nil {
		t.Fatal(err)
	}
}

// modes: nobody but the owner and the group enters the snapshots, nobody changes a generation, and workers are nobody.
func (s *stack) modes(t *testing.T, front *process) {
	for path, want := range map[string]os.FileMode{
		surface.SnapDir(s.data): 0o750, filepath.Join(surface.SnapDir(s.data), cityMasked.String()): 0o750,
		filepath.Join(surface.SnapDir(s.data), cityMasked.String(), s.manifest(cityMasked).File): 0o444,
		filepath.Join(surface.SnapDir(s.data), ".pseudonym.key"):                                 0o600, surface.AuditDirs(s.data)[0]: 0o700, surface.AuditDirs(s.data)[2]: 0o700,
	} {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", filepath.Base(path), st.Mode(), err, want)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("skipped: workers get another user only where the program is started as root")
	}
	s.until("li", "SELECT 1", 15*time.Second, func(a answer) bool { return a.status == 200 })
	workers := children(front.cmd.Process.Pid)
	if len(workers) == 0 {
		t.Fatal("no worker runs")
	}
	for _, pid := range workers {
		if st, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil && !strings.Contains(string(st), "Uid:\t65534\t65534") {
			t.Errorf("worker %d is not nobody", pid)
		}
	}
}

// children are the processes that a process started.
func children(pid int) (out []int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// residentBytes is the resident memory of a process, 0 when it is gone.
func residentBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(f[1], 10, 64)
	return n * int64(os.Getpagesize())
}
