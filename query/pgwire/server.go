package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"

	"onegrid/query"
	"onegrid/query/identity"
)

// Directory proves who somebody is. *identity.Directory is one.
type Directory interface {
	SCRAM(ctx context.Context, name string, from identity.From, binding scram.ChannelBinding) (*identity.Exchange, error)
}

// Server is the PostgreSQL door. It is a service of internal/service.
type Server struct {
	cfg  Config
	run  query.Runner
	dir  Directory
	log  *slog.Logger
	stop context.CancelFunc
	base context.Context

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]struct{}
	unknown  int
	sessions map[uint32]*session // by process id, for cancel requests
	nextPID  uint32
	stopping bool
	done     sync.WaitGroup
	failed   chan error
}

// New checks the configuration. run answers statements, dir knows the users.
func New(cfg Config, run query.Runner, dir Directory, log *slog.Logger) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	base, stop := context.WithCancel(context.Background())
	return &Server{cfg: cfg, run: run, dir: dir, log: log, base: base, stop: stop, open: map[net.Conn]struct{}{}, sessions: map[uint32]*session{}, failed: make(chan error, 1)}, nil
}

// Start listens and returns.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening for PostgreSQL clients: %w", err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		s.accept(l)
	}()
	return nil
}

// Addr is the address that the server listens on, nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Failed receives the error that ended listening.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop refuses new connections, ends idle ones at once and running statements when ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	l := s.listener
	var idle []*session
	for _, x := range s.sessions {
		idle = append(idle, x)
	}
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
	for _, x := range idle {
		x.endWhenIdle()
	}
	ended := make(chan struct{})
	go func() { s.done.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	s.stop()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	<-ended
	return nil
}

func (s *Server) accept(l net.Listener) {
	var wait time.Duration
	for {
		conn, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			stopping := s.stopping
			s.mu.Unlock()
			if stopping {
				return
			}
			if errors.Is(err, net.ErrClosed) {
				s.failed <- fmt.Errorf("listening for PostgreSQL clients: %w", err)
				return
			}
			// Too many open files and the like pass; a tight loop would make them worse.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.log.Warn("accepting a PostgreSQL client failed", "error", err, "retry_in", wait)
			select {
			case <-time.After(wait):
			case <-s.base.Done():
				return
			}
			continue
		}
		wait = 0
		s.mu.Lock()
		full := len(s.open) >= s.cfg.MaxConns || s.unknown >= s.cfg.MaxUnknown
		if s.stopping {
			s.mu.Unlock()
			conn.Close()
			return
		}
		if len(s.open) >= s.cfg.MaxConns+s.cfg.MaxUnknown {
			// Those that are told why they are refused are bounded as well.
			s.mu.Unlock()
			conn.Close()
			continue
		}
		s.open[conn] = struct{}{}
		s.unknown++
		s.mu.Unlock()
		s.done.Add(1)
		go func() {
			defer s.done.Done()
			s.serve(conn, full)
		}()
	}
}

// serve speaks with one client until either side ends.
func (s *Server) serve(conn net.Conn, full bool) {
	known := false
	proved := func() {
		if !known {
			known = true
			s.mu.Lock()
			s.unknown--
			s.mu.Unlock()
		}
	}
	defer func() {
		proved()
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
		if r := recover(); r != nil {
			// One client's message must not end the daemon. The value may hold a part of a row: its type is enough.
			s.log.Error("a PostgreSQL session failed", "panic", fmt.Sprintf("%T", r))
		}
	}()
	x, err := s.greet(conn, full)
	if err != nil || x == nil {
		if err != nil && !errors.Is(err, errQuiet) {
			s.log.Debug("a PostgreSQL client did not get in", "error", err)
		}
		return
	}
	proved()
	defer s.forget(x)
	x.loop()
}

// register gives a session its process id and secret key.
func (s *Server) register(x *session) error {
	// Protocol 3.0 has room for four bytes, 3.2 for up to 256 (PostgreSQL 18 documentation, section 54.7).
	key := make([]byte, 4)
	if x.version >= pgproto3.ProtocolVersion32 {
		key = make([]byte, 32)
	}
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("making a cancel key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return errQuiet
	}
	for {
		s.nextPID++
		if s.nextPID > 1<<30 {
			s.nextPID = 1
		}
		if s.sessions[s.nextPID] == nil {
			break
		}
	}
	x.pid, x.key = s.nextPID, key
	s.sessions[x.pid] = x
	return nil
}

func (s *Server) forget(x *session) {
	s.mu.Lock()
	delete(s.sessions, x.pid)
	s.mu.Unlock()
	x.end()
}

// cancel ends the running statement of a session if the key is its own. It tells nobody whether it was.
func (s *Server) cancel(pid uint32, key []byte) {
	s.mu.Lock()
	x := s.sessions[pid]
	s.mu.Unlock()
	if x != nil && subtle.ConstantTimeCompare(key, x.key) == 1 {
		x.cancelRunning()
	}
}
