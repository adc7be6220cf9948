package surface_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"onegrid/internal/surface"
	"onegrid/query"
	"onegrid/query/publish"
)

// slowQuestion runs until its time limit.
const slowQuestion = "SELECT count(*) FROM event a CROSS JOIN event b CROSS JOIN event c CROSS JOIN event d WHERE a.reported_at + (b.reported_at - c.reported_at) < d.reported_at"

// Workers, the front and the daemon are killed in the middle of what they do: the next question is answered, what was
// under way is on record as such, and the chain is whole.
func TestKills(t *testing.T) {
	s := newStack(t, 300)
	daemon := s.start("daemon")
	front := s.front()
	s.user("li", query.Analyst)
	s.until("li", consistent, 2*time.Minute, func(a answer) bool { _, err := whole(a); return err == nil })

	ask := func() <-chan answer {
		out := make(chan answer, 1)
		go func() {
			a, err := s.ask(context.Background(), "li", slowQuestion)
			if err != nil {
				a.status = -1
			}
			out <- a
		}()
		return out
	}
	// A worker.
	running := ask()
	if pid := s.working(front); pid == 0 {
		t.Fatalf("no worker is at work: %+v", <-running)
	} else if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if a := <-running; a.status == 200 {
		t.Errorf("the question of a killed worker was answered: %s", a.body)
	}
	s.until("li", consistent, 30*time.Second, func(a answer) bool { _, err := whole(a); return err == nil })

	// The front.
	running = ask()
	if s.working(front) == 0 {
		t.Fatal("no worker is at work")
	}
	orphans := children(front.cmd.Process.Pid)
	front.kill()
	if a := <-running; a.status == 200 {
		t.Errorf("the question of a killed front was answered: %s", a.body)
	}
	gone(t, orphans)
	front = s.front()
	s.until("li", consistent, 30*time.Second, func(a answer) bool { _, err := whole(a); return err == nil })

	// The daemon, while it publishes: the front goes on with what it has.
	before := s.manifest(cityMasked).Generation
	s.city.Advance(time.Hour)
	daemon.kill()
	for range 3 {
		s.until("li", consistent, 10*time.Second, func(a answer) bool { g, err := whole(a); return err == nil && g >= before })
	}
	daemon = s.start("daemon")
	s.city.Advance(time.Hour)
	m := s.manifest(cityMasked)
	s.until("li", consistent, time.Minute, func(a answer) bool { g, err := whole(a); return err == nil && g > m.Generation })

	daemon.stop(t)
	front.stop(t)
	all, err := surface.VerifyAudit(s.catalog(), s.data)
	if err != nil {
		t.Fatal(err)
	}
	for dir, v := range all {
		if !v.OK() || len(v.Running) > 0 {
			t.Errorf("%s: %+v", filepath.Base(dir), v)
		}
		if filepath.Base(dir) == "audit" && v.Crashed != 1 {
			t.Errorf("%d queries are on record as crashed, 1 was", v.Crashed)
		}
	}
	l, err := publish.Acquire(surface.SnapDir(s.data), cityMasked)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := publish.Verify(t.Context(), l.Path, l.Manifest); err != nil {
		t.Error(err)
	}
}

// working waits for a worker that uses the processor and returns its id.
func (s *stack) working(front *process) int {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(4 * time.Second)
	used := map[int]int64{}
	for {
		for _, pid := range children(front.cmd.Process.Pid) {
			now := ticks(pid)
			if first, ok := used[pid]; !ok {
				used[pid] = now
			} else if now > first+10 { // 0.1 s: more than a short question takes
				return pid
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			return 0
		}
	}
}

// gone waits for processes to end.
func gone(t *testing.T, pids []int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for _, pid := range pids {
		for syscall.Kill(pid, 0) == nil && !zombie(pid) {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("worker %d outlives its front", pid)
			}
		}
	}
}
