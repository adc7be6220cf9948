package surface_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onegrid/catalog"
	"onegrid/configs"
	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/internal/service"
	"onegrid/internal/surface"
	"onegrid/pipelines"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/privacy"
	"onegrid/query"
	"onegrid/query/identity"
	"onegrid/query/publish"
	"onegrid/query/worker"
)

// modeEnv makes the test binary a part of the stack: front, daemon or thief. configEnv and dataEnv are its folders.
const (
	modeEnv   = "ONEGRID_SURFACE_TEST_MODE"
	configEnv = "ONEGRID_SURFACE_TEST_CONFIG"
	dataEnv   = "ONEGRID_SURFACE_TEST_DATA"
)

func TestMain(m *testing.M) {
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	if mode := os.Getenv(modeEnv); mode != "" {
		if err := part(mode, os.Getenv(configEnv), os.Getenv(dataEnv)); err != nil {
			fmt.Fprintln(os.Stderr, mode, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// part runs a process of the stack until SIGTERM.
func part(mode, config, data string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	switch mode {
	case "front":
		c, err := catalog.Load(config)
		if err != nil {
			return err
		}
		s, err := surface.Open(ctx, surface.Options{Catalog: c, Data: data, Log: log, Version: "test"})
		if err != nil {
			return err
		}
		group := s.Services()
		if err := group.Start(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
		h, p := s.Addresses()
		fmt.Println("ready", h, p)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		return errors.Join(group.Stop(grace), s.Close())
	case "daemon":
		h, err := hub.Open(ctx, hub.Options{Config: config, Data: data, Logger: log})
		if err != nil {
			return err
		}
		p, err := surface.OpenPublisher(ctx, h.Catalog, h.DataDir(), h.Store, log)
		if err != nil {
			return errors.Join(err, h.Close())
		}
		run := service.New("publisher", p.Run)
		if err := run.Start(ctx); err != nil {
			return errors.Join(err, p.Close(), h.Close())
		}
		fmt.Println("ready")
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, err := h.Sync(ctx, "police_110", "manual", time.Time{}); err != nil && ctx.Err() == nil {
				log.Error("syncing", "error", err)
			}
			p.Notify()
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
		grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		return errors.Join(run.Stop(grace), p.Close(), h.Close())
	case "thief":
		h, err := hub.Open(ctx, hub.Options{Config: config, Data: data, Logger: log})
		if err == nil {
			return errors.Join(errors.New("opened the live store beside the daemon"), h.Close())
		}
		fmt.Println("ready refused")
		return nil
	default:
		return fmt.Errorf("mode %q", mode)
	}
}

// stack is a city, its configuration and the processes of a hub.
type stack struct {
	t            testing.TB
	config, data string
	city         *city.City
	tokens       map[string]string
	url          string
}

func newStack(t testing.TB, records int) *stack {
	t.Helper()
	root := t.TempDir()
	s := &stack{t: t, config: filepath.Join(root, "config"), data: filepath.Join(root, "data"), tokens: map[string]string{}}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.city, err = city.New(city.Config{Seed: 11, Records: records, Days: 7, Start: time.Now().AddDate(0, 0, -30)}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.city.ServeAPI(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	if err := s.configure(l.Addr().(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
	s.drop()
	return s
}

func (s *stack) configure(port int) error {
	if err := os.MkdirAll(filepath.Join(s.config, "city", "drop"), 0o750); err != nil {
		return err
	}
	recipient, err := landing.GenerateIdentity(filepath.Join(s.config, "identity.txt"))
	if err != nil {
		return err
	}
	if err := errors.Join(privacy.GenerateKeyFile(filepath.Join(s.config, "privacy.key")), os.WriteFile(filepath.Join(s.config, "city.key"), []byte("demo-key\n"), 0o400),
		os.WriteFile(filepath.Join(s.config, "audit.key"), []byte(strings.Repeat("k3y-", 10)+"\n"), 0o400)); err != nil {
		return err
	}
	replace := strings.NewReplacer("${ONEGRID_CITY_110}", strconv.Itoa(port), "${ONEGRID_CITY_DROP}", "city/drop", "${ONEGRID_CITY_DB}", "city/urban.db", "env:ONEGRID_CITY_KEY", "file:city.key",
		"env:ONEGRID_PRIVACY_KEY", "file:privacy.key", "recipients: []", "recipients: ["+recipient+"]", `patterns: ["*.csv", "*.xlsx"]`, "patterns: [\"*.csv\", \"*.xlsx\"]\n  settle: 1ms")
	sub, err := fs.Sub(configs.FS, "city")
	if err != nil {
		return err
	}
	return fs.WalkDir(sub, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(path, "layout") {
			return err
		}
		to := filepath.Join(s.config, path)
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
		if path == "onegrid.yaml" {
			b = append(cutSection(b, "query:"), querySettings...)
		}
		return os.WriteFile(to, b, 0o640)
	})
}

const querySettings = `
query:
  publish: {every: 500ms, scopes: [city_masked, city_sensitive, 990101_masked]}
  http: {listen: "127.0.0.1:0"}
  pgwire: {listen: "127.0.0.1:0"}
  tls: {plain_http: true}
  limits: {rate: 1000, concurrent: 8, timeout: 5s}
  audit: {key: "file:audit.key"}
`

// cutSection takes a top-level section out of a YAML file.
func cutSection(b []byte, head string) []byte {
	var out []string
	in := false
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.HasPrefix(line, head) {
			in = true
			continue
		}
		if in && (line == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "#")) {
			continue
		}
		in = false
		out = append(out, line)
	}
	return []byte(strings.Join(out, "\n"))
}

func (s *stack) drop() {
	s.t.Helper()
	if _, err := s.city.DropFiles(filepath.Join(s.config, "city", "drop")); err != nil {
		s.t.Fatal(err)
	}
	if err := s.city.Database(context.Background(), filepath.Join(s.config, "city", "urban.db")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) catalog() *catalog.Catalog {
	s.t.Helper()
	c, err := catalog.Load(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// open opens the hub in this process.
func (s *stack) open(observe func(string, pipelines.Stored)) *hub.Hub {
	s.t.Helper()
	h, err := hub.Open(context.Background(), hub.Options{Config: s.config, Data: s.data, Logger: slog.New(slog.DiscardHandler), Observe: observe})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (s *stack) sync(h *hub.Hub, sources ...string) {
	s.t.Helper()
	for _, id := range sources {
		if _, err := h.Sync(context.Background(), id, "manual", time.Time{}); err != nil {
			s.t.Fatalf("%s: %v", id, err)
		}
	}
}

// user makes a user and a service token, as an operator does beside the running front.
func (s *stack) user(name string, role query.Role) {
	s.t.Helper()
	d, err := surface.Users(s.catalog(), s.data, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Add(context.Background(), "test", identity.NewUser{Name: name, Role: role, Password: "a long enough passphrase 77"}); err != nil {
		s.t.Fatal(err)
	}
	if s.tokens[name], _, err = d.IssueToken(context.Background(), "test", identity.NewToken{Owner: name, Name: "t"}); err != nil {
		s.t.Fatal(err)
	}
}

// process is a part of the stack that runs.
type process struct {
	cmd  *exec.Cmd
	said string // its line "ready ..."
	log  *lockedBuffer
	done chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (s *stack) start(mode string) *process {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self), log: &lockedBuffer{}, done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), modeEnv+"="+mode, configEnv+"="+s.config, dataEnv+"="+s.data)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready") {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		s.t.Fatalf("%s: %q, %v\n%s", mode, line, err, p.log)
	}
	p.said = strings.TrimSpace(strings.TrimPrefix(line, "ready"))
	go func() { p.done <- p.cmd.Wait() }()
	s.t.Cleanup(func() { p.stop(s.t) })
	return p
}

// front starts the doors and remembers where they are.
func (s *stack) front() *process {
	s.t.Helper()
	p := s.start("front")
	s.url = "http://" + strings.Fields(p.said)[0]
	return p
}

func (p *process) stop(t testing.TB) {
	if p.done == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
		t.Errorf("a process did not end by itself\n%s", p.log)
	}
	p.done = nil
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
	p.done = nil
}

// answer is what a door said.
type answer struct {
	status     int
	generation int64
	rows       [][]any
	body       string
}

// ask puts a statement over HTTP.
func (s *stack) ask(ctx context.Context, user, sql string) (answer, error) {
	body, err := json.Marshal(map[string]any{"sql": sql})
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/sql", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.tokens[user])
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, body: string(text)}
	a.generation, _ = strconv.ParseInt(resp.Header.Get("X-Onegrid-Generation"), 10, 64)
	if a.status == http.StatusOK {
		var doc struct {
			Rows [][]any `json:"rows"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			return a, fmt.Errorf("%w in %.300s", err, text)
		}
		a.rows = doc.Rows
	}
	return a, nil
}

// until asks until an answer satisfies cond.
func (s *stack) until(user, sql string, limit time.Duration, cond func(answer) bool) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last answer
	for {
		a, err := s.ask(ctx, user, sql)
		if err == nil && cond(a) {
			return a
		}
		if err == nil {
			last = a
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("no such answer in %v; the last was %d: %.500s", limit, last.status, last.body)
		case <-tick.C:
		}
	}
}

// position is the number of the last change that the live store holds.
func position(t testing.TB, h *hub.Hub) (n int64) {
	t.Helper()
	if err := h.Store.DB().QueryRow("SELECT coalesce(max(no), 0) FROM store_change WHERE kind = 'state'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *stack) manifest(scope query.Scope) *publish.Manifest {
	s.t.Helper()
	m, err := publish.ReadManifest(surface.SnapDir(s.data), scope)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}
