package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/netutil"

	"onegrid/internal/service"
	"onegrid/query"
	"onegrid/query/front"
)

// Catalog lists what is published; *front.Front is one.
type Catalog interface {
	Tables(ctx context.Context, who query.Principal, req query.Request) ([]front.Table, query.Generation, error)
}

// Deps are what the door stands before.
type Deps struct {
	Run       query.Runner
	Directory Directory
	Catalog   Catalog
	Questions []front.Question
	// Current is the generation that a scope would be answered from now: worker.Pool.Generation.
	Current func(query.Scope) (query.Generation, bool)
	// Healthy reports whether questions can be answered, for /healthz; nil: always.
	Healthy func() bool
	// Version of the program, for the OpenAPI document.
	Version string
	Log     *slog.Logger
}

// Server is the HTTP door. It is a service (internal/service).
type Server struct {
	*service.Func
	cfg     Config
	deps    Deps
	log     *slog.Logger
	origin  *http.CrossOriginProtection
	running *registry
	pages   *pages
	mux     *http.ServeMux
	hosts   []string

	mu   sync.Mutex
	addr string
}

// route is one line of the table that the mux and the OpenAPI document are made of.
type route struct {
	method, path string
	open         bool // needs no login
	handle       http.HandlerFunc
}

// New checks the configuration; an error names what is wrong.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if deps.Run == nil || deps.Directory == nil || deps.Catalog == nil || deps.Current == nil || deps.Log == nil {
		return nil, errors.New("query door: runner, directory, catalog, current generation and logger are all needed")
	}
	if deps.Questions == nil {
		deps.Questions = []front.Question{}
	}
	s := &Server{cfg: cfg, deps: deps, log: deps.Log, origin: http.NewCrossOriginProtection(), running: newRegistry(), pages: newPages(cfg), mux: http.NewServeMux()}
	s.hosts = cfg.Hosts
	if len(s.hosts) == 0 && cfg.TLS == nil {
		s.hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	for _, r := range s.routes() {
		s.mux.HandleFunc(r.method+" "+r.path, r.handle)
	}
	// What is not there looks the same to everybody, and to nobody without a login.
	s.mux.HandleFunc("/", s.authed(func(w http.ResponseWriter, r *http.Request, _ query.Principal) {
		writeProblem(w, r, http.StatusNotFound, "there is nothing at this address", "地址不存在")
	}))
	s.Func = service.New("query door", s.serve)
	return s, nil
}

func (s *Server) routes() []route {
	return []route{
		{"GET", "/healthz", true, s.healthz},
		{"POST", "/v1/login", true, s.login},
		{"POST", "/v1/password", true, s.password},
		{"POST", "/v1/logout", false, s.authed(s.logout)},
		{"GET", "/v1/me", false, s.authed(s.whoami)},
		{"GET", "/v1/generation", false, s.authed(s.current)},
		{"GET", "/v1/tables", false, s.authed(s.tables)},
		{"GET", "/v1/queries", false, s.authed(s.questions)},
		{"GET", "/v1/queries/{name}", false, s.authed(s.named)},
		{"POST", "/v1/sql", false, s.authed(s.sql)},
		{"GET", "/v1/sql", false, s.authed(s.listRunning)},
		{"DELETE", "/v1/sql/{id}", false, s.authed(s.cancel)},
		{"GET", "/v1/openapi.json", false, s.authed(s.openapi)},
	}
}

// Handle adds pages of somebody else's, such as the console's. It must be called before the start. They get the headers
// and the checks of every request, but no login: Authenticated gives them that.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Authenticated wraps a handler of somebody else's that needs to know who asks.
func (s *Server) Authenticated(next func(http.ResponseWriter, *http.Request, query.Principal)) http.Handler {
	return s.authed(next)
}

// Handler is the whole door without its listener.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.cfg.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !s.knownHost(r.Host) {
			// A name that somebody else's DNS points here.
			writeProblem(w, r, http.StatusMisdirectedRequest, "this server does not answer to that name", "主机名不在允许列表中")
			return
		}
		s.mux.ServeHTTP(&patient{ResponseWriter: w, rc: http.NewResponseController(w), limit: s.cfg.WriteTimeout}, r)
	})
}

func (s *Server) knownHost(host string) bool {
	if len(s.hosts) == 0 {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return slices.ContainsFunc(s.hosts, func(o string) bool { return strings.EqualFold(o, strings.Trim(host, "[]")) })
}

// healthz says whether it works and nothing else: whoever asks is nobody.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.deps.Healthy != nil && !s.deps.Healthy() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]bool{"ok": false})
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
}

// Addr is the address it listens on, with the real port; empty before the start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

func (s *Server) serve(ctx context.Context, ready func()) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.cfg.Listen, err)
	}
	s.mu.Lock()
	s.addr = l.Addr().String()
	s.mu.Unlock()
	l = netutil.LimitListener(l, s.cfg.Connections)
	// Running answers outlive the stop signal by the grace time.
	base, hard := context.WithCancel(context.WithoutCancel(ctx))
	defer hard()
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		ReadTimeout:       s.cfg.ReadTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.cfg.TLS != nil {
		t := s.cfg.TLS.Clone()
		t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
		t.NextProtos = []string{"http/1.1"} // one connection, one answer: the limits above count
		l = tls.NewListener(l, t)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	ready()
	select {
	case err := <-ended:
		return fmt.Errorf("serving on %s: %w", s.cfg.Listen, err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(base, s.cfg.Grace)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		hard()
		_ = srv.Close() // answers that do not end do not keep the process
	}
	<-ended
	s.pages.close()
	return nil
}

func writeProblem(w http.ResponseWriter, r *http.Request, status int, en, zh string) {
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: en, Code: query.Invalid}
	if chinese(r) {
		p.Detail = zh
	}
	writeJSON(w, status, p)
}
