package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"onegrid/internal/ops"
	"onegrid/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ service.Service = (*ops.Server)(nil)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// serve starts a real server on a free loopback port and returns a way to get a path from it.
func serve(t *testing.T, m *ops.Metrics, checks ...ops.Check) func(path string) (int, string) {
	t.Helper()
	s := ops.NewServer("127.0.0.1:0", m, checks, quiet())
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return func(path string) (int, string) {
		resp, err := client.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
}

func TestMetricsAreServed(t *testing.T) {
	m := ops.NewMetrics("v-test")
	m.Committed("hotline", ops.Unit{Read: 10, Events: 6, Versions: 7, Unchanged: 1, Rejects: map[string]int64{"bad_time": 2, "拨打 19900000000": 1}, Newest: time.Now().Add(-90 * time.Second), Took: 40 * time.Millisecond})
	m.RunEnded("hotline", "ok", 2*time.Second, time.Now().Add(-30*time.Second))
	m.RunEnded("hotline", "failed", time.Second, time.Now())
	m.RunEnded("hotline", "19900000000", time.Second, time.Now())
	m.Breaker("hotline", "half_open")
	m.Breaker("hotline", "open")
	m.Sizes(4096, 128, -1)
	m.SlotsDropped("hotline", "skipped", 3)
	m.NextRun("hotline", time.Unix(1234567890, 0))
	_, body := serve(t, m)("/metrics")
	for _, want := range []string{
		`onegrid_records_read_total{source="hotline"} 10`,
		`onegrid_events_new_total{source="hotline"} 6`,
		`onegrid_event_versions_total{source="hotline"} 7`,
		`onegrid_records_unchanged_total{source="hotline"} 1`,
		`onegrid_rejects_total{rule="bad_time",source="hotline"} 2`,
		`onegrid_rejects_total{rule="other",source="hotline"} 1`,
		`onegrid_runs_total{outcome="ok",source="hotline"} 1`,
		`onegrid_runs_total{outcome="other",source="hotline"} 1`,
		`onegrid_breaker_state{phase="open",source="hotline"} 1`,
		`onegrid_breaker_state{phase="half_open",source="hotline"} 0`,
		`onegrid_commit_seconds_count 1`,
		`onegrid_store_file_bytes 4096`,
		`onegrid_store_wal_bytes 128`,
		`onegrid_next_run_timestamp_seconds{source="hotline"} 1.23456789e+09`,
		`onegrid_schedule_slots_dropped_total{source="hotline",why="skipped"} 3`,
		`onegrid_build_info{version="v-test"} 1`,
		`onegrid_source_freshness_seconds{source="hotline"} 9`,
		`onegrid_source_last_good_run_age_seconds{source="hotline"} 3`,
		`go_goroutines`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(body, "19900000000") {
		t.Error("a value of a record became a label")
	}
}

// The freshness grows while nothing happens: a gauge set by runs would stand still just when runs stop.
func TestFreshnessGrowsInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ops.NewMetrics("x")
		m.Newest("a", time.Now().Add(-time.Minute))
		m.Newest("a", time.Now().Add(-time.Hour)) // older than what is known
		value := func() float64 {
			families, err := m.Registry().Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "onegrid_source_freshness_seconds" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			t.Fatal("no freshness")
			return 0
		}
		before := value()
		<-time.After(2 * time.Hour)
		if after := value(); before != 60 || after != 7260 {
			t.Fatalf("freshness %v, then %v", before, after)
		}
	})
}

// canary writes and reads a real file, as the store's canary does with a row.
func canary(dir string) func(context.Context) error {
	return func(context.Context) error {
		p := filepath.Join(dir, "canary")
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			return fmt.Errorf("writing the canary: %w", errors.Unwrap(err))
		}
		b, err := os.ReadFile(p)
		if err != nil || string(b) != "x" {
			return fmt.Errorf("reading the canary: %w", err)
		}
		return nil
	}
}

func TestHealth(t *testing.T) {
	dir := t.TempDir()
	get := serve(t, ops.NewMetrics("x"),
		ops.Check{Name: "store", Vital: true, Run: canary(dir)},
		ops.Check{Name: "hotline", Run: func(context.Context) error { return errors.New("breaker open") }})
	code, body := get("/readyz")
	var rep struct {
		Ready  bool
		Checks []struct {
			Name, Error string
			OK, Vital   bool
		}
	}
	if err := json.Unmarshal([]byte(body), &rep); err != nil {
		t.Fatal(err)
	}
	if code != 200 || !rep.Ready || len(rep.Checks) != 2 || !rep.Checks[0].OK || rep.Checks[1].OK || rep.Checks[1].Error != "breaker open" {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Fatalf("/healthz %d", code)
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/x", "/readyz/x"} {
		if code, _ := get(path); code != 404 {
			t.Errorf("%s answers %d: nothing else is served", path, code)
		}
	}
}

func TestReadyFollowsTheStore(t *testing.T) {
	dir := t.TempDir()
	get := serve(t, ops.NewMetrics("x"), ops.Check{Name: "store", Vital: true, Run: canary(filepath.Join(dir, "gone"))})
	code, body := get("/readyz")
	if code != 503 || !strings.Contains(body, "writing the canary") || strings.Contains(body, dir) {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Fatal("a store that is down does not make the process dead")
	}
}

func TestProbeStormIsOneCheck(t *testing.T) {
	var n atomic.Int64
	get := serve(t, ops.NewMetrics("x"), ops.Check{Name: "store", Vital: true, Run: func(context.Context) error { n.Add(1); return nil }},
		ops.Check{Name: "broken", Run: func(context.Context) error { panic("19900000000") }})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if code, body := get("/readyz"); code != 200 || strings.Contains(body, "19900000000") {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	wg.Wait()
	if n.Load() > 5 { // one a second; 50 requests are over long before
		t.Fatalf("%d checks for 50 probes", n.Load())
	}
}

// A store that hangs answers "not ready" within the limit, and is not asked again while it hangs.
func TestHangingCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the five seconds of the check limit")
	}
	release := make(chan struct{})
	var asked atomic.Int64
	get := serve(t, ops.NewMetrics("x"), ops.Check{Name: "store", Vital: true, Run: func(context.Context) error {
		asked.Add(1)
		<-release
		return nil
	}})
	code, body := get("/readyz")
	if code != 503 || !strings.Contains(body, "no answer in time") {
		t.Fatalf("%d %s", code, body)
	}
	// The answer is shared for a second, then the check is due again and must not be started again.
	for !strings.Contains(body, "still hangs") {
		code, body = get("/readyz")
	}
	if code != 503 || asked.Load() != 1 {
		t.Fatalf("%d %s, asked %d times", code, body, asked.Load())
	}
	close(release)
}

func TestListenFailureIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := ops.NewServer(l.Addr().String(), ops.NewMetrics("x"), nil, quiet())
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "listening on "+l.Addr().String()) {
		t.Fatalf("error %v", err)
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	l, err := ops.NewLogger(&b, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	l.Info("quiet")
	l.Warn("run ended", "source", "hotline", "read", 3)
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["source"] != "hotline" || line["read"] != 3.0 {
		t.Fatalf("%s: %v", b.String(), err)
	}
	for _, bad := range [][2]string{{"xml", "info"}, {"text", "loud"}} {
		if _, err := ops.NewLogger(&b, bad[0], bad[1]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestProgressLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := ops.NewProgress(&b, false)
		j := p.Job("hotline", "records 条", 5000)
		<-time.After(500 * time.Millisecond) // so that no tick falls together with a step
		for range 12 {                       // 12 seconds
			j.Add(100)
			<-time.After(time.Second)
		}
		synctest.Wait()
		j.End()
		p.Close()
		p.Close()
		// Two at the ticks, one at the end.
		if lines := strings.Split(b.String(), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "hotline: 500 / 5,000 records 条, ") ||
			!strings.HasPrefix(lines[1], "hotline: 1,000 / 5,000 records 条, ") || !strings.HasPrefix(lines[2], "hotline: 1,200 / 5,000 records 条, ") || strings.Contains(b.String(), "\x1b") {
			t.Fatalf("got %q", b.String())
		}
	})
}

func TestProgressIsSilent(t *testing.T) {
	var b bytes.Buffer
	p := ops.NewProgress(&b, true)
	j := p.Job("hotline", "records", 10)
	j.Add(5)
	j.SetTotal(20)
	j.End()
	p.Close()
	if b.Len() != 0 {
		t.Fatalf("wrote %q", b.String())
	}
}

func TestProgressBarsOnATerminal(t *testing.T) {
	pty, tty := terminal(t)
	var b bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&b, pty) // ends with an error once the other side is closed
	}()
	t.Setenv("TERM", "xterm")
	p := ops.NewProgress(tty, false)
	known, unknown := p.Job("hotline", "records", 1000), p.Job("files", "files", 0)
	known.Add(1000)
	unknown.Add(3)
	p.Close()
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
	out := b.String()
	if !strings.Contains(out, "hotline") || !strings.Contains(out, "100 %") || !strings.Contains(out, "1,000 / 1,000 records") || !strings.Contains(out, "3 files") {
		t.Fatalf("terminal got %q", out)
	}
}

// terminal opens a real pseudo-terminal.
func terminal(t *testing.T) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { _ = pty.Close() })
	conn, err := pty.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var failed error
	if err := conn.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			n, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		if failed == nil {
			failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 160})
		}
	}); err != nil || failed != nil {
		t.Skip("no pseudo-terminals here: ", err, failed)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	return pty, tty
}
