package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/internal/service"
	"onegrid/query"
	"onegrid/query/publish"
)

// gate is a log handler that stops whoever tells that a file is built aside until it is opened.
type gate struct {
	slog.Handler
	at   chan string
	open chan struct{}
}

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }

func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "building a file aside" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "scope" {
				g.at <- a.Value.String()
			}
			return true
		})
		<-g.open
	}
	return nil
}

// While a clean file is built, all scopes are published as before; the clean file then catches up, and what was
// withdrawn is gone from the disk.
func TestCleanFilesAreBuiltAside(t *testing.T) {
	f := newTown()
	rows := reports(t, 0, 400, nil)
	rows[7] = report(7, func(r row) { r["county_code"], r["grid_id"] = "990101", "GONEGRID003" })
	f.put(rows...)
	g := &gate{Handler: slog.DiscardHandler, at: make(chan string, 100), open: make(chan struct{})}
	opts := options(t, f)
	began := time.Now()
	var mu sync.Mutex
	var skip time.Duration
	opts.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clockAt.Add(time.Since(began) + skip)
	}
	opts.Interval, opts.ScrubAfter, opts.Logger = 20*time.Millisecond, 5*time.Minute, slog.New(g)
	p := open(t, opts)
	s := service.New("publisher", p.Run)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Stop(stop); err != nil {
			t.Error(err)
		}
	}()
	watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == 400 })
	f.purge(rows[7]["event_id"].(uuid.UUID))
	p.Notify()
	watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == 399 && m.ResidueSince != nil })
	mu.Lock()
	skip = 6 * time.Minute
	mu.Unlock()
	p.Notify()
	<-g.at // a file is being built, and does not get on
	for i := range 3 {
		f.put(reports(t, 400+10*i, 410+10*i, nil)...)
		p.Notify()
		watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == int64(409+10*i) })
	}
	building := 0
	for _, st := range p.Status().Scopes {
		if st.Building {
			building++
		}
	}
	if building != 1 {
		t.Errorf("%d scopes are being built", building)
	}
	close(g.open)
	for _, scope := range []query.Scope{citySensitive, cityMasked, north} {
		watchScope(t, opts.Dir, scope, func(m *publish.Manifest) bool { return m.ResidueSince == nil })
		if bytesHold(t, opts.Dir, scope, "GONEGRID003") {
			t.Errorf("%s still has the bytes", scope)
		}
		if got := columnsHold(t, opts.Dir, scope, regexp.MustCompile("GONEGRID003")); len(got) > 0 {
			t.Errorf("%s still has %v", scope, got)
		}
	}
	if m := watch(t, opts.Dir, func(*publish.Manifest) bool { return true }); m.Rows != 429 {
		t.Errorf("%d rows after the switch", m.Rows)
	}
	same := opts
	same.Dir = t.TempDir()
	copyKey(t, opts.Dir, same.Dir)
	publishNow(t, open(t, same))
	if d := cmp.Diff(contents(t, same.Dir, publish.DefaultScopes(opts.Catalog)), contents(t, opts.Dir, publish.DefaultScopes(opts.Catalog))); d != "" {
		t.Errorf("(-from scratch +after the switch):\n%s", d)
	}
}

func watchScope(t *testing.T, dir string, scope query.Scope, cond func(*publish.Manifest) bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for {
		if m, err := publish.ReadManifest(dir, scope); err == nil && cond(m) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: no such generation in a minute", scope)
		}
	}
}

func copyKey(t *testing.T, from, to string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from, ".pseudonym.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, ".pseudonym.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// spoil makes every file of a scope unreadable for the engine.
func spoil(t *testing.T, dir string, scope query.Scope) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, scope.String(), "*.duckdb"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := errors.Join(os.Chmod(f, 0o600), os.WriteFile(f, []byte("not a database, and long enough to be looked at as one"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// A scope whose files are damaged keeps its generation, the others go on and Status says which; then it is built anew.
func TestOneScopeFails(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 300, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	f.put(reports(t, 300, 310, nil)...)
	publishNow(t, p)
	spoil(t, opts.Dir, north)
	f.put(reports(t, 310, 320, nil)...)
	rep, err := p.Publish(t.Context())
	if !errors.Is(err, publish.ErrScope) || rep.Scopes != 5 || rep.Generation != 3 {
		t.Fatalf("%+v, %v", rep, err)
	}
	for _, st := range p.Status().Scopes {
		failed := st.Scope == north
		if (st.LastError != "") != failed || (st.Generation != 3) != failed {
			t.Errorf("%+v", st)
		}
	}
	if rep := publishNow(t, p); rep.Scopes != 6 {
		t.Fatalf("%+v", rep)
	}
	db, _ := snapshot(t, opts.Dir, north)
	if n := count(t, db, "SELECT count(*) FROM event"); n != 80 {
		t.Errorf("%d events after the repair", n)
	}
	for _, st := range p.Status().Scopes {
		if st.LastError != "" || st.Generation != 4 {
			t.Errorf("%+v", st)
		}
	}
}

// A damaged base is built anew from the store.
func TestBaseIsRepaired(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 300, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	spoil(t, opts.Dir, citySensitive)
	f.put(reports(t, 300, 310, nil)...)
	failures := 0
	for failures < 5 {
		if _, err := p.Publish(t.Context()); err == nil {
			break
		}
		failures++
	}
	if failures == 0 || failures > 2 {
		t.Errorf("%d failures before the base was built anew", failures)
	}
	db, m := snapshot(t, opts.Dir, citySensitive)
	if n := count(t, db, "SELECT count(*) FROM event"); n != 310 || m.Rows != 310 {
		t.Errorf("%d events", n)
	}
}

// Another scope in the configuration gets its first file aside, while the others are published.
func TestNewScopeIsBuiltAside(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 300, nil)...)
	opts := options(t, f)
	opts.Scopes = []query.Scope{citySensitive, cityMasked}
	opts.Interval = 20 * time.Millisecond
	p, err := publish.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	publishNow(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	opts.Scopes = append(opts.Scopes, north)
	g := &gate{Handler: slog.DiscardHandler, at: make(chan string, 10), open: make(chan struct{})}
	opts.Logger = slog.New(g)
	s := service.New("publisher", open(t, opts).Run)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if which := <-g.at; which != north.String() {
		t.Errorf("%s is built", which)
	}
	f.put(reports(t, 300, 320, nil)...)
	watch(t, opts.Dir, func(m *publish.Manifest) bool { return m.Rows == 320 })
	if _, err := publish.ReadManifest(opts.Dir, north); !errors.Is(err, publish.ErrNone) {
		t.Errorf("the new scope is published already: %v", err)
	}
	close(g.open)
	watchScope(t, opts.Dir, north, func(m *publish.Manifest) bool { return m.Rows == 80 })
	stop, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Stop(stop); err != nil {
		t.Fatal(err)
	}
}

// The group may enter the folders of the scopes, others may not, and nobody may change a file.
func TestGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: giving files to a group that one is not in takes root")
	}
	f := newTown()
	f.put(reports(t, 0, 50, nil)...)
	opts := options(t, f)
	opts.Group = 60_123
	publishNow(t, open(t, opts))
	for _, s := range []query.Scope{cityMasked, north} {
		st, err := os.Stat(filepath.Join(opts.Dir, s.String()))
		if err != nil {
			t.Fatal(err)
		}
		if gid := groupOf(st); gid != 60_123 || st.Mode().Perm() != 0o750 {
			t.Errorf("%s: group %d, mode %v", s, gid, st.Mode())
		}
	}
	if st, err := os.Stat(filepath.Join(opts.Dir, ".pseudonym.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", st, err)
	}
}
