package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"onegrid/connectors"
	"onegrid/internal/service"
	"onegrid/pipelines/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ service.Service = (*schedule.Scheduler)(nil)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// The bubble's clock starts at 2000-01-01 00:00 UTC, 08:00 in Shanghai.
type ledger struct {
	mu    sync.Mutex
	begin time.Time
	lines []string
}

func newLedger() *ledger { return &ledger{begin: time.Now()} }

func (l *ledger) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%v ", time.Since(l.begin).Round(time.Second))+fmt.Sprintf(format, args...))
}

func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.lines
	l.lines = nil
	return out
}

type memory struct {
	mu     sync.Mutex
	last   map[string]time.Time
	states map[string]schedule.BreakerState
}

func (m *memory) LastRuns(context.Context) (map[string]time.Time, error) { return m.last, nil }

func (m *memory) LoadBreakers(context.Context) (map[string]schedule.BreakerState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.states), nil
}

func (m *memory) SaveBreaker(_ context.Context, id string, st schedule.BreakerState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states == nil {
		m.states = map[string]schedule.BreakerState{}
	}
	m.states[id] = st
	return nil
}

func started(t *testing.T, cfg schedule.Config, run schedule.RunFunc) *schedule.Scheduler {
	t.Helper()
	s, err := schedule.New(cfg, run, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func stopped(t *testing.T, s *schedule.Scheduler) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func diff(t *testing.T, what string, want, got []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

func recent(ids ...string) *memory {
	m := &memory{last: map[string]time.Time{}}
	for _, id := range ids {
		m.last[id] = time.Now()
	}
	return m
}

func TestRunsOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		s := started(t, schedule.Config{
			Sources: []schedule.Source{{ID: "a", Cron: "*/5 * * * *"}, {ID: "b", Cron: "@every 4m"}, {ID: "hand"}, {ID: "new", Cron: "@daily"}, {ID: "new-night", Cron: "30 20 * * *", Missed: schedule.MissedNone}},
			History: recent("a", "b"),
		}, func(_ context.Context, id string, tr schedule.Trigger) error {
			<-time.After(time.Duration(len(id)) * time.Second) // lets the ledger's order be fixed
			l.add("%s %s %s", id, tr.Reason, tr.Slot.Format("15:04"))
			return nil
		})
		pass(11 * time.Minute)
		diff(t, "runs", []string{"3s new first 00:00", "4m1s b schedule 00:04", "5m1s a schedule 00:05", "8m1s b schedule 00:08", "10m1s a schedule 00:10"}, l.take())
		st := s.Snapshot()
		if len(st) != 5 || st[0].Source != "a" || st[0].Counts.Runs != 2 || !st[0].NextRun.Equal(l.begin.Add(15*time.Minute)) || !st[2].NextRun.IsZero() {
			t.Fatalf("snapshot %+v", st)
		}
		stopped(t, s)
		stopped(t, s)
		pass(time.Hour)
		diff(t, "runs after the stop", nil, l.take())
		if err := s.Trigger("a"); !errors.Is(err, schedule.ErrNotRunning) {
			t.Fatal(err)
		}
	})
}

func TestOverlap(t *testing.T) {
	for policy, want := range map[schedule.Overlap][]string{
		schedule.OverlapSkip:  {"1m0s start 00:01", "4m30s end", "5m0s start 00:05", "8m30s end"},
		schedule.OverlapQueue: {"1m0s start 00:01", "4m30s end", "4m30s start 00:04", "8m0s end", "8m0s start 00:08"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			s := started(t, schedule.Config{
				Sources: []schedule.Source{{ID: "a", Cron: "* * * * *", Overlap: policy}}, History: recent("a"),
			}, func(ctx context.Context, _ string, tr schedule.Trigger) error {
				l.add("start %s", tr.Slot.Format("15:04"))
				select {
				case <-time.After(3*time.Minute + 30*time.Second):
					l.add("end")
				case <-ctx.Done():
				}
				return ctx.Err()
			})
			pass(8*time.Minute + 40*time.Second)
			diff(t, string(policy), want, l.take())
			if n := s.Snapshot()[0].Counts.Skipped; n == 0 {
				t.Fatal("no skipped slot is counted")
			}
			stopped(t, s)
		})
	}
}

func TestMissedRunsAfterDowntime(t *testing.T) {
	for policy, want := range map[schedule.Missed][]string{
		schedule.MissedNone: nil,
		schedule.MissedLast: {"catch_up 23:55"},
		schedule.MissedAll:  {"catch_up 23:45", "catch_up 23:50", "catch_up 23:55"},
	} {
		synctest.Test(t, func(t *testing.T) {
			pass(3 * time.Minute) // 00:03; slots every five minutes, the newest is 00:00
			l := newLedger()
			m := &memory{last: map[string]time.Time{"a": time.Now().Add(-5 * time.Hour)}}
			var running, most int
			var mu sync.Mutex
			s := started(t, schedule.Config{
				Sources: []schedule.Source{{ID: "a", Cron: "*/5 * * * *", Missed: policy, CatchUp: 3}}, History: m,
			}, func(_ context.Context, _ string, tr schedule.Trigger) error {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-time.After(time.Second)
				l.add("%s %s", tr.Reason, tr.Slot.Add(-5*time.Minute).Format("15:04"))
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			})
			pass(time.Minute)
			got := l.take()
			for i := range got {
				got[i] = got[i][strings.IndexByte(got[i], ' ')+1:]
			}
			diff(t, string(policy), want, got)
			if most > 1 {
				t.Fatalf("%d runs of one source at a time", most)
			}
			if st := s.Snapshot()[0]; st.Counts.Missed == 0 {
				t.Fatal("slots that were passed over are not counted")
			}
			stopped(t, s)
		})
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var load, most, runs int
		var sources []schedule.Source
		m := recent()
		for i := range 12 {
			w := 1 + i%2*4 // 1 or 5; 5 is more than there is
			id := fmt.Sprintf("s%d-%d", i, w)
			m.last[id] = time.Now()
			sources = append(sources, schedule.Source{ID: id, Cron: "@every 10m", Weight: w})
		}
		s := started(t, schedule.Config{Sources: sources, Concurrency: 3, History: m}, func(_ context.Context, id string, _ schedule.Trigger) error {
			w := 1
			if strings.HasSuffix(id, "-5") {
				w = 3
			}
			mu.Lock()
			load += w
			most = max(most, load)
			runs++
			mu.Unlock()
			<-time.After(10 * time.Second)
			mu.Lock()
			load -= w
			mu.Unlock()
			return nil
		})
		pass(15 * time.Minute)
		if most != 3 || runs != 12 {
			t.Fatalf("%d runs, greatest load %d; want 12 and 3", runs, most)
		}
		stopped(t, s)
	})
}

// Sources that hang until their timeout never keep a good source from its slots.
func TestFailingSourcesDelayNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var worst time.Duration
		var good, panics int
		m := recent("good", "h0", "h1", "h2", "h3", "p")
		src := []schedule.Source{{ID: "good", Cron: "* * * * *"}, {ID: "p", Cron: "* * * * *"}}
		for i := range 4 {
			src = append(src, schedule.Source{ID: fmt.Sprintf("h%d", i), Cron: "* * * * *", Timeout: 10 * time.Minute})
		}
		s := started(t, schedule.Config{Sources: src, Concurrency: 6, History: m}, func(ctx context.Context, id string, tr schedule.Trigger) error {
			switch id {
			case "good":
				mu.Lock()
				good++
				worst = max(worst, time.Since(tr.Slot))
				mu.Unlock()
				return nil
			case "p":
				mu.Lock()
				panics++
				mu.Unlock()
				panic("value of a record")
			}
			<-ctx.Done()
			return ctx.Err()
		})
		pass(2*time.Hour + 30*time.Second)
		mu.Lock()
		defer mu.Unlock()
		if good != 120 || worst > time.Second {
			t.Fatalf("good source: %d runs of 120, latest by %v", good, worst)
		}
		if panics < 5 || panics > 60 {
			t.Fatalf("the panicking source ran %d times: the breaker should have slowed it down", panics)
		}
		stopped(t, s)
	})
}

// All upstreams behind one gateway hang at the same moment, each run up to its timeout of an hour, and fill the lane:
// the others wait for one patience, once.
func TestManyHangingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var delays []time.Duration
		m := recent("good")
		src := []schedule.Source{{ID: "good", Cron: "* * * * *"}}
		for i := range 4 {
			id := fmt.Sprintf("h%d", i)
			m.last[id] = time.Now()
			src = append(src, schedule.Source{ID: id, Cron: "@every 30s"}) // they fill the lane before the good one comes
		}
		s := started(t, schedule.Config{Sources: src, Concurrency: 4, History: m}, func(ctx context.Context, id string, tr schedule.Trigger) error {
			if id == "good" {
				mu.Lock()
				delays = append(delays, time.Since(tr.Slot))
				mu.Unlock()
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		pass(50*time.Minute + 45*time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(delays) != 50 || delays[0] > 30*time.Second {
			t.Fatalf("%d runs of 50, delays %v", len(delays), delays)
		}
		for _, d := range delays[1:] {
			if d > time.Second {
				t.Fatalf("delays %v", delays)
			}
		}
		stopped(t, s)
	})
}

func TestPanicIsReportedWithoutItsValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		s, err := schedule.New(schedule.Config{Sources: []schedule.Source{{ID: "p"}}, Breaker: schedule.BreakerConfig{Failures: 1}},
			func(context.Context, string, schedule.Trigger) error { panic("19900000000") }, slog.New(slog.NewTextHandler(&buf, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Trigger("p"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		st := s.Snapshot()[0]
		stopped(t, s)
		if st.Counts.Failed != 1 || st.Last.Class != "other" || st.Breaker.Phase != schedule.Open {
			t.Fatalf("%+v", st)
		}
		if strings.Contains(buf.String(), "19900000000") || !strings.Contains(buf.String(), "breaker changed") {
			t.Fatalf("log: %s", buf.String())
		}
	})
}

func TestTimeoutEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause, after error
		s := started(t, schedule.Config{Sources: []schedule.Source{{ID: "a", Timeout: time.Minute}}, Grace: 10 * time.Second}, func(ctx context.Context, _ string, _ schedule.Trigger) error {
			<-ctx.Done()
			cause, after = context.Cause(ctx), schedule.Hard(ctx).Err()
			<-schedule.Hard(ctx).Done() // a commit that hangs, too
			return ctx.Err()
		})
		if err := s.Trigger("a"); err != nil {
			t.Fatal(err)
		}
		pass(75 * time.Second)
		st := s.Snapshot()[0]
		if !errors.Is(cause, schedule.ErrRunTimeout) || after != nil || st.Last.Class != "timeout" || st.Last.Ended.Sub(st.Last.Started) != 70*time.Second {
			t.Fatalf("cause %v, commit context %v, status %+v", cause, after, st)
		}
		stopped(t, s)
	})
}

func TestBreakerStopsAndProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		m := recent("a")
		fixed := false
		cfg := schedule.Config{
			Sources: []schedule.Source{{ID: "a", Cron: "* * * * *"}}, History: m, Breakers: m,
			Breaker: schedule.BreakerConfig{AuthPause: 30*time.Minute - 30*time.Second},
		}
		run := func(_ context.Context, _ string, tr schedule.Trigger) error {
			l.add("%s %s", tr.Reason, tr.Slot.Format("15:04"))
			if fixed {
				return nil
			}
			return fmt.Errorf("login: %w", connectors.ErrAuth)
		}
		s := started(t, cfg, run)
		pass(45 * time.Minute)
		// One try, then one probe after the pause, for the newest slot: no account is locked by 45 tries.
		diff(t, "refused credentials", []string{"1m0s schedule 00:01", "30m30s retry 00:30"}, l.take())
		if st := s.Snapshot()[0]; st.Breaker.Phase != schedule.Open || st.Counts.Suppressed < 40 || !st.NextRun.Equal(l.begin.Add(89*time.Minute+30*time.Second)) {
			t.Fatalf("%+v", st)
		}
		stopped(t, s)

		// A restart keeps the pause.
		m.last["a"] = time.Now()
		s = started(t, cfg, run)
		pass(10 * time.Minute)
		diff(t, "after a restart", nil, l.take())

		// The operator puts the password right and says so.
		fixed = true
		if err := s.Trigger("a"); err != nil {
			t.Fatal(err)
		}
		pass(61 * time.Second)
		diff(t, "by hand", []string{"55m0s manual 00:00", "56m0s schedule 00:56"}, l.take())
		if m.states["a"].Phase != schedule.Closed {
			t.Fatalf("stored state %+v", m.states["a"])
		}
		stopped(t, s)
	})
}

// A daily source whose upstream was away for some minutes does not wait for the next day.
func TestPassingFailureIsRetriedBeforeTheNextSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		s := started(t, schedule.Config{Sources: []schedule.Source{{ID: "a", Cron: "0 10 * * *"}}, History: recent("a")}, func(_ context.Context, _ string, tr schedule.Trigger) error {
			tries++
			if tries < 8 {
				return connectors.ErrUnavailable
			}
			if tr.Reason != schedule.ReasonRetry || tr.Slot.Format("15:04") != "02:00" {
				t.Errorf("trigger %+v", tr)
			}
			return nil
		})
		pass(2*time.Hour + 2*time.Hour)
		if st := s.Snapshot()[0]; tries != 8 || st.Breaker.Phase != schedule.Closed || !st.NextRun.Equal(time.Date(2000, 1, 2, 2, 0, 0, 0, time.UTC)) {
			t.Fatalf("%d tries, %+v", tries, st)
		}
		stopped(t, s)
	})
}

func TestTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		s := started(t, schedule.Config{Sources: []schedule.Source{{ID: "a"}}}, func(context.Context, string, schedule.Trigger) error {
			<-time.After(time.Minute)
			l.add("done")
			return nil
		})
		if err := s.Trigger("b"); !errors.Is(err, schedule.ErrUnknownSource) {
			t.Fatal(err)
		}
		if err := s.Trigger("a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.Trigger("a"); err != nil { // waits behind the running one
			t.Fatal(err)
		}
		if err := s.Trigger("a"); !errors.Is(err, schedule.ErrQueued) {
			t.Fatal(err)
		}
		pass(5 * time.Minute)
		diff(t, "runs", []string{"1m0s done", "2m0s done"}, l.take())
		stopped(t, s)
	})
}

func TestStopFinishesTheCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		commit time.Duration // what the commit needs after the soft stop
		want   []string
		limit  time.Duration
	}{
		{"within the grace time", 3 * time.Second, []string{"0s stop reading: scheduler is stopping", "3s committed"}, time.Hour},
		{"beyond it", time.Hour, []string{"0s stop reading: scheduler is stopping", "20s commit cancelled"}, time.Hour},
		{"cut short by the caller", time.Hour, []string{"0s stop reading: scheduler is stopping", "2s commit cancelled"}, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				m := recent()
				s := started(t, schedule.Config{Sources: []schedule.Source{{ID: "a"}}, Breakers: m}, func(ctx context.Context, _ string, _ schedule.Trigger) error {
					<-ctx.Done()
					l.add("stop reading: %v", context.Cause(ctx))
					select {
					case <-time.After(c.commit):
						l.add("committed")
					case <-schedule.Hard(ctx).Done():
						l.add("commit cancelled")
					}
					return ctx.Err()
				})
				if err := s.Trigger("a"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				if err := s.Stop(ctx); err != nil {
					t.Fatal(err)
				}
				diff(t, "stop", c.want, l.take())
				if st := s.Snapshot()[0]; st.Breaker.Failures != 0 || !st.Last.Stopped || st.Counts.Failed != 0 {
					t.Fatalf("a stopped run counts as failed: %+v", st)
				}
			})
		})
	}
}

func TestStopNamesRunsThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := started(t, schedule.Config{Sources: []schedule.Source{{ID: "deaf"}}}, func(context.Context, string, schedule.Trigger) error { <-release; return nil })
		if err := s.Trigger("deaf"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		err := s.Stop(t.Context())
		if err == nil || !strings.Contains(err.Error(), "[deaf]") {
			t.Fatalf("error %v", err)
		}
		close(release)
		stopped(t, s)
	})
}

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := schedule.New(schedule.Config{Sources: []schedule.Source{
		{ID: "a", Cron: "TZ=Asia/Shanghai", Overlap: "both", Missed: "some"},
		{ID: "b", Jitter: -1, CatchUp: -1, Timeout: time.Millisecond, Weight: -1},
		{ID: "b"},
	}}, nil, quiet())
	for _, want := range []string{"source a: cron", "overlap", "missed", "source b: jitter", "catch_up", "timeout", "weight", "source b is scheduled twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nlacks %q", err, want)
		}
	}
}
