package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"onegrid/internal/service"
)

// DefaultListen is where the operations server listens unless configured: on loopback, for a local Prometheus.
const DefaultListen = "127.0.0.1:9464"

const (
	checkLimit = 5 * time.Second // of all checks of one /readyz
	checkFresh = time.Second     // answers within it share one set of checks: a probe storm is no load on the store
)

// Check is one thing that /readyz looks at. Run does real work, such as writing and reading one row of a canary table,
// and returns nil if it went well; its error must carry no secret. A check that is not Vital is shown but does not make
// the process unready: one source that is down is not the hub being down.
type Check struct {
	Name  string
	Vital bool
	Run   func(ctx context.Context) error
}

// Server serves /metrics, /healthz, /readyz and what Handle adds, and nothing else.
type Server struct {
	*service.Func
	listen string
	log    *slog.Logger
	mux    *http.ServeMux
	ready  *readiness
	mu     sync.Mutex
	addr   string
}

// NewServer returns a server that has not started; listen is host:port, DefaultListen if empty. It is a service.
func NewServer(listen string, m *Metrics, checks []Check, log *slog.Logger) *Server {
	if listen == "" {
		listen = DefaultListen
	}
	s := &Server{listen: listen, log: log, mux: http.NewServeMux(), ready: &readiness{checks: checks, log: log}}
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"alive": true})
	})
	s.mux.Handle("GET /readyz", s.ready)
	s.Func = service.New("operations server", s.serve)
	return s
}

// Handle adds a page. It must be called before the start; a pattern twice panics.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Addr is the address it listens on, with the real port; empty before the start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

func (s *Server) serve(ctx context.Context, ready func()) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.listen, err)
	}
	s.mu.Lock()
	s.addr = l.Addr().String()
	s.mu.Unlock()
	srv := &http.Server{
		Handler:           http.MaxBytesHandler(s.mux, 0),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	if host, _, err := net.SplitHostPort(s.Addr()); err == nil && !net.ParseIP(host).IsLoopback() {
		s.log.Warn("the operations server is reachable from other machines", "address", s.Addr())
	}
	ready()
	select {
	case err := <-ended:
		return fmt.Errorf("serving on %s: %w", s.listen, err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		_ = srv.Close() // a scrape that hangs does not keep the process
	}
	<-ended
	return nil
}

// readiness answers /readyz.
type readiness struct {
	checks []Check
	log    *slog.Logger

	busy []atomic.Bool
	mu   sync.Mutex // also makes simultaneous probes share one set of checks
	at   time.Time
	last report
}

type report struct {
	Ready  bool      `json:"ready"`
	Checks []finding `json:"checks"`
}

type finding struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Vital bool   `json:"vital"`
	Error string `json:"error,omitempty"`
	Ms    int64  `json:"ms"`
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	rep := r.report(req.Context())
	status := http.StatusOK
	if !rep.Ready {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, rep)
}

func (r *readiness) report(ctx context.Context) report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < checkFresh {
		return r.last
	}
	// The probe's caller may hang up; the others that share this answer still want it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	found := make([]finding, len(r.checks))
	results := make(chan int, len(r.checks))
	for i, c := range r.checks {
		found[i] = finding{Name: c.Name, Vital: c.Vital, Error: "no answer in time", Ms: checkLimit.Milliseconds()}
	}
	outcome := make([]finding, len(r.checks))
	begin := time.Now()
	if r.busy == nil {
		r.busy = make([]atomic.Bool, len(r.checks))
	}
	for i, c := range r.checks {
		if !r.busy[i].CompareAndSwap(false, true) {
			// One that hangs is not asked again, else every probe would leave a goroutine behind.
			found[i].Error = "still hangs since an earlier check"
			found[i].Ms = 0
			outcome[i] = found[i]
			results <- i
			continue
		}
		go func() {
			defer r.busy[i].Store(false)
			f := finding{Name: c.Name, Vital: c.Vital}
			if err := runCheck(ctx, c); err != nil {
				f.Error = err.Error()
			}
			f.OK, f.Ms = f.Error == "", time.Since(begin).Milliseconds()
			outcome[i] = f
			results <- i
		}()
	}
	for range r.checks {
		select {
		case i := <-results:
			found[i] = outcome[i]
		case <-ctx.Done(): // a check that does not heed its context must not make the probe hang, too
		}
	}
	rep := report{Ready: true, Checks: found}
	for _, f := range found {
		if f.Vital && !f.OK {
			rep.Ready = false
		}
	}
	if rep.Ready != r.last.Ready && !r.at.IsZero() {
		r.log.Warn("readiness changed", "ready", rep.Ready, "checks", failing(found))
	}
	r.at, r.last = time.Now(), rep
	return rep
}

func runCheck(ctx context.Context, c Check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check panicked with a %T", p)
		}
	}()
	if c.Run == nil {
		return errors.New("the check has nothing to run")
	}
	return c.Run(ctx)
}

func failing(found []finding) []string {
	var names []string
	for _, f := range found {
		if !f.OK {
			names = append(names, f.Name)
		}
	}
	return names
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody is left to tell
}
