package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onegrid/configs"
	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/privacy"
)

// town is the synthetic city with its three systems and the configuration that reads them. Several hubs may read it, each
// into a data directory of its own.
type town struct {
	t    testing.TB
	dir  string
	city *city.City
	addr string
	stop func()
	log  *lockedBuffer
}

// lockedBuffer takes the log of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func sources() []string { return []string{"police_110", "hotline_12345", "urban_mgmt"} }

func newTown(t testing.TB, records int) *town {
	t.Helper()
	w := &town{t: t, dir: filepath.Join(t.TempDir(), "town"), log: &lockedBuffer{}}
	var err error
	// Reports of late, since tokens of old ones are not kept.
	if w.city, err = city.New(city.Config{Seed: 42, Records: records, Days: 7, Start: time.Now().AddDate(0, 0, -30)}); err != nil {
		t.Fatal(err)
	}
	w.serve()
	t.Cleanup(func() { w.stop() })
	if err := w.configure(); err != nil {
		t.Fatal(err)
	}
	w.drop()
	return w
}

// serve starts the 110 API, on the same address after it was killed.
func (w *town) serve() {
	w.t.Helper()
	addr := w.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.city.ServeAPI(ctx, l) }()
	w.stop = func() { cancel(); <-done; w.stop = func() {} }
}

func (w *town) configure() error {
	if err := os.MkdirAll(filepath.Join(w.dir, "city", "drop"), 0o750); err != nil {
		return err
	}
	recipient, err := landing.GenerateIdentity(filepath.Join(w.dir, "identity.txt"))
	if err != nil {
		return err
	}
	if err := errors.Join(privacy.GenerateKeyFile(filepath.Join(w.dir, "privacy.key")), os.WriteFile(filepath.Join(w.dir, "city.key"), []byte("demo-key\n"), 0o400)); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(w.addr)
	replace := strings.NewReplacer("${ONEGRID_CITY_110}", port, "${ONEGRID_CITY_DROP}", "city/drop", "${ONEGRID_CITY_DB}", "city/urban.db", "env:ONEGRID_CITY_KEY", "file:city.key",
		"env:ONEGRID_PRIVACY_KEY", "file:privacy.key", "recipients: []", "recipients: ["+recipient+"]",
		"size: 2000,", "size: 60,", "path: /api/jjd\n", "path: /api/jjd\n  retry: {wait_min: 1ms, wait_max: 20ms}\n", `patterns: ["*.csv", "*.xlsx"]`, "patterns: [\"*.csv\", \"*.xlsx\"]\n  settle: 1ms")
	sub, err := fs.Sub(configs.FS, "city")
	if err != nil {
		return err
	}
	return fs.WalkDir(sub, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(path, "layout") {
			return err
		}
		to := filepath.Join(w.dir, path)
		if e.IsDir() {
			return os.MkdirAll(to, 0o750)
		}
		b, err := fs.ReadFile(sub, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".yaml") {
			b = []byte(replace.Replace(string(b)))
		}
		return os.WriteFile(to, b, 0o640)
	})
}

// drop brings the folder and the database to the city's time.
func (w *town) drop() {
	w.t.Helper()
	if _, err := w.city.DropFiles(filepath.Join(w.dir, "city", "drop")); err != nil {
		w.t.Fatal(err)
	}
	if err := w.city.Database(context.Background(), filepath.Join(w.dir, "city", "urban.db")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) inject(f ...city.Fault) {
	w.t.Helper()
	if err := w.city.Inject(f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) open(data string) *hub.Hub {
	w.t.Helper()
	h, err := hub.Open(context.Background(), hub.Options{Config: w.dir, Data: data, Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// sync reads all sources side by side and returns the error of each.
func (w *town) sync(h *hub.Hub) map[string]error {
	errs := map[string]error{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, id := range sources() {
		all.Go(func() {
			_, err := h.Sync(context.Background(), id, "manual", time.Time{})
			mu.Lock()
			defer mu.Unlock()
			errs[id] = err
		})
	}
	all.Wait()
	return errs
}

func (w *town) mustSync(what string, h *hub.Hub) {
	w.t.Helper()
	for id, err := range w.sync(h) {
		if err != nil {
			w.t.Fatalf("%s: %s: %v", what, id, err)
		}
	}
}

// othersGoOn reads all sources while one is ill: it fails or gets through by trying again, and the others are read.
func (w *town) othersGoOn(what string, h *hub.Hub, ill string) (failed bool) {
	w.t.Helper()
	for id, err := range w.sync(h) {
		if id == ill {
			failed = err != nil
		} else if err != nil {
			w.t.Fatalf("%s: %s failed as well: %v", what, id, err)
		}
	}
	return failed
}

// TestTown reads the whole city through its faults and compares with a hub that was never disturbed; then it rebuilds the
// store from the landing, and searches everything that was written for the personal values that the city puts into its
// records.
func TestTown(t *testing.T) {
	ctx := context.Background()
	w := newTown(t, 900)
	root := t.TempDir()
	calm, ill := w.open(filepath.Join(root, "calm")), w.open(filepath.Join(root, "ill"))
	defer calm.Close()
	defer func() { ill.Close() }()
	w.mustSync("first reading", calm)

	storms := []struct {
		name     string
		faults   []city.Fault
		ends     bool // the run must fail
		mayRetry bool // the run must get through by itself
	}{
		{name: "429 storm", faults: []city.Fault{{Kind: city.FaultTooMany, Every: 1}}, ends: true},
		{name: "429 now and then", faults: []city.Fault{{Kind: city.FaultTooMany, Every: 3, Times: 2}}, mayRetry: true},
		{name: "server errors", faults: []city.Fault{{Kind: city.FaultServerError, Every: 1}}, ends: true},
		{name: "web page in place of data", faults: []city.Fault{{Kind: city.FaultHTML, Every: 2}}},
		{name: "error of the vendor", faults: []city.Fault{{Kind: city.FaultVendorError, Every: 2}}},
		{name: "cut bodies", faults: []city.Fault{{Kind: city.FaultCut, Every: 1}}, ends: true},
		{name: "bodies cut after the last byte", faults: []city.Fault{{Kind: city.FaultCut, Every: 2, AtEnd: true}}},
		{name: "a page twice", faults: []city.Fault{{Kind: city.FaultRepeatPage, Every: 2}}},
		{name: "slow", faults: []city.Fault{{Kind: city.FaultSlow, Every: 3, BytesPerS: 400_000, Times: 2}}, mayRetry: true},
	}
	for _, s := range storms {
		w.inject(s.faults...)
		failed := w.othersGoOn(s.name, ill, "police_110")
		if s.ends && !failed {
			t.Errorf("%s: the run reported success", s.name)
		}
		if s.mayRetry && failed {
			t.Errorf("%s: the run gave up", s.name)
		}
		sound(t, ill.Store)
	}
	w.inject()
	w.stop() // the upstream is killed
	if !w.othersGoOn("killed upstream", ill, "police_110") {
		t.Error("a killed upstream: the run reported success")
	}
	w.serve()
	w.mustSync("after the faults", ill)
	compareTown(t, "after the faults", ill, calm, "")

	// Six hours later, with a file that is cut in half until the next drop, and a restart between.
	w.city.Advance(6 * time.Hour)
	w.inject(city.Fault{Kind: city.FaultHalfFile, Every: 1, Times: 1})
	w.drop()
	w.sync(ill) // half a file may be read or left: both are right as long as nothing is missing in the end
	w.inject()
	w.drop()
	if err := ill.Close(); err != nil {
		t.Fatal(err)
	}
	ill = w.open(filepath.Join(root, "ill"))
	w.mustSync("later", calm)
	w.mustSync("later", ill)
	for range 2 { // a file must be seen unchanged before it is read
		w.mustSync("again", calm)
		w.mustSync("again", ill)
	}
	compareTown(t, "later", ill, calm, "hotline_12345") // a character cut in two is a reject of the half file

	t.Run("rebuild", func(t *testing.T) {
		into := w.open(filepath.Join(root, "rebuilt"))
		defer into.Close()
		rebuilt(t, into, ill, filepath.Join(root, "ill"), identity(t, w.dir))
	})
	t.Run("privacy", func(t *testing.T) { w.searchAll(ctx, t, ill, filepath.Join(root, "ill")) })
}

// compareTown compares the events and what hangs on them, and the rejects but those of a source that was read in halves.
// Versions are compared for the current states only: what was read between two states depends on when it was read.
func compareTown(t *testing.T, what string, got, want *hub.Hub, halved string) {
	t.Helper()
	for table, query := range map[string]string{
		"event":             "SELECT * EXCLUDE (ingested_at, first_seen_at, version) FROM event",
		"event_party_token": "SELECT * FROM event_party_token",
		"event_transition":  "SELECT * EXCLUDE (ingested_at, seq) FROM event_transition",
		"reject":            fmt.Sprintf("SELECT reject_id, source_id, rule, column_name FROM reject WHERE source_id <> '%s'", halved),
	} {
		g, w := lines(t, got.Store.DB(), query), lines(t, want.Store.DB(), query)
		if table == "event" && len(w) < 500 {
			t.Fatalf("%d events: the test would compare little", len(w))
		}
		same(t, what+": "+table, content{table: g}, content{table: w})
	}
	sound(t, got.Store)
	if t.Failed() {
		t.FailNow()
	}
}

// TestTownSlowUpstream lets one source hang in the middle of an answer: the others are read to their end meanwhile.
func TestTownSlowUpstream(t *testing.T) {
	w := newTown(t, 300)
	h := w.open(filepath.Join(t.TempDir(), "data"))
	defer h.Close()
	w.inject(city.Fault{Kind: city.FaultSlow, Every: 1, BytesPerS: 50})
	ctx, cancel := context.WithCancel(context.Background())
	hung := make(chan error, 1)
	go func() {
		_, err := h.Sync(ctx, "police_110", "manual", time.Time{})
		hung <- err
	}()
	for _, id := range sources()[1:] {
		if _, err := h.Sync(context.Background(), id, "manual", time.Time{}); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	select {
	case err := <-hung:
		t.Fatalf("the slow source was over first: %v", err)
	default:
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Fatalf("a stopped run: %v", err)
	}
	if n := number(t, h.Store.DB(), "SELECT count(*) FROM run WHERE source_id = 'police_110' AND status = 'stopped'"); n != 1 {
		t.Errorf("%d stopped runs are recorded", n)
	}
	w.inject()
	w.mustSync("afterwards", h)
}

// TestTownClockJumps lets the clock of a source jump forth and back: nothing that it gave at any time is missing.
func TestTownClockJumps(t *testing.T) {
	w := newTown(t, 300)
	root := t.TempDir()
	calm, h := w.open(filepath.Join(root, "calm")), w.open(filepath.Join(root, "ill"))
	defer calm.Close()
	defer h.Close()
	for _, by := range []time.Duration{0, 7 * time.Minute, -5 * time.Minute, 0} {
		w.inject()
		if by != 0 {
			w.inject(city.Fault{Kind: city.FaultClockSkew, On: "api", Every: 1, By: by})
		}
		w.sync(h)
		w.inject()
		w.mustSync("calm", calm)
		w.city.Advance(90 * time.Minute)
		w.drop()
	}
	w.mustSync("in the end", h)
	w.mustSync("in the end", calm)
	const keys = "SELECT source_id, source_record_id FROM event"
	same(t, "after the clock jumped", content{"keys": lines(t, h.Store.DB(), keys)}, content{"keys": lines(t, calm.Store.DB(), keys)})
	sound(t, h.Store)
}

// raw asks the 110 API for a page as the connector does.
func (w *town) raw() ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/api/jjd?size=500", w.addr), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Api-Key", "demo-key")
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	return b.Bytes(), err
}
