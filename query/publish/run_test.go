package publish_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"onegrid/internal/service"
	"onegrid/query/publish"
)

// watch waits until a generation satisfies cond. It asks the manifest, as a reader does.
func watch(t *testing.T, dir string, cond func(*publish.Manifest) bool) *publish.Manifest {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for {
		if m, err := publish.ReadManifest(dir, cityMasked); err == nil && cond(m) {
			return m
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("no such generation in a minute")
		}
	}
}

// The service publishes what is committed, after a failure too, keeps spares ready, and ends when it is told.
func TestService(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 200, nil)...)
	opts := options(t, f)
	opts.Interval = 20 * time.Millisecond
	p := open(t, opts)
	s := service.New("publisher", p.Run)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == 200 })
	f.mu.Lock()
	f.fail = fmt.Errorf("store is away")
	f.mu.Unlock()
	f.put(reports(t, 200, 210, nil)...)
	p.Notify()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.Status().Failures == 0 {
		<-tick.C
	}
	f.mu.Lock()
	f.fail = nil
	f.mu.Unlock()
	p.Notify()
	watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == 210 })
	stop, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Stop(stop); err != nil {
		t.Fatal(err)
	}
}

// A spare that was made ahead is what the next generation is made of.
func TestPrepare(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 200, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	if n, err := p.Prepare(t.Context()); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := p.Prepare(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	f.put(reports(t, 200, 220, nil)...)
	publishNow(t, p)
	if spares, err := filepath.Glob(filepath.Join(opts.Dir, "*", "spare-*")); err != nil || len(spares) != 0 {
		t.Fatal(spares, err)
	}
	for _, s := range publish.DefaultScopes(opts.Catalog) {
		_, m := snapshot(t, opts.Dir, s)
		if m.Generation != 2 {
			t.Errorf("%s: generation %d", s, m.Generation)
		}
	}
}
