package dbtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds the start of a server, so that a broken installation fails a test and never hangs it.
const startTimeout = 90 * time.Second

// Server is a running database server that ends with the test.
type Server struct {
	Host, User, Password, Database string
	Port                           int

	scheme string
	dir    string
	cmd    *exec.Cmd
	start  func() (*exec.Cmd, error)
	ready  string
	stop   os.Signal
	done   chan struct{}
	mu     sync.Mutex
	log    []string
}

// DSN is the connection string: postgres://... for PostgreSQL, user:password@tcp(host:port)/db for MariaDB.
func (s *Server) DSN() string {
	if s.scheme == "postgres" {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(s.User, s.Password),
			Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), Path: "/" + s.Database, RawQuery: "sslmode=disable"}
		return u.String()
	}
	return fmt.Sprintf("%s:%s@tcp(%s:%d)/%s", s.User, s.Password, s.Host, s.Port, s.Database)
}

// Kill ends the server the hard way (SIGQUIT for PostgreSQL, whose children would outlive a SIGKILL; SIGKILL for
// MariaDB) and returns when it is gone.
func (s *Server) Kill() {
	sig := os.Signal(syscall.SIGKILL)
	if s.scheme == "postgres" {
		sig = syscall.SIGQUIT
	}
	s.end(sig)
}

// Start starts the server again on the same port and data after Kill.
func (s *Server) Start() error { return s.run() }

func (s *Server) end(sig os.Signal) {
	if s.cmd == nil {
		return
	}
	// The process may be gone already; waiting on done is what counts.
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
}

// run starts the process and returns once its log says that it answers.
func (s *Server) run() error {
	cmd, err := s.start()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	up, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		seen := false
		sc := bufio.NewScanner(stderr)
		for sc.Scan() {
			s.mu.Lock()
			s.log = append(s.log, sc.Text())
			if len(s.log) > 200 {
				s.log = s.log[100:]
			}
			s.mu.Unlock()
			if !seen && strings.Contains(sc.Text(), s.ready) {
				seen = true
				close(up)
			}
		}
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	}()
	select {
	case <-up:
		s.cmd, s.done = cmd, done
		return nil
	case <-done:
		return fmt.Errorf("%s ended before it was ready:\n%s", filepath.Base(cmd.Path), s.tail())
	case <-time.After(startTimeout):
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("%s was not ready in %s:\n%s", filepath.Base(cmd.Path), startTimeout, s.tail())
	}
}

func (s *Server) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log[max(0, len(s.log)-20):], "\n")
}

// find returns the path of a program from PATH, the usual server folders or the glob patterns, newest version first.
func find(tb testing.TB, name string, globs ...string) string {
	tb.Helper()
	if p, err := exec.LookPath(name); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return real
		}
		return p
	}
	for _, g := range append(globs, "/usr/sbin/", "/usr/local/sbin/") {
		m, _ := filepath.Glob(filepath.Join(g, name))
		slices.Sort(m)
		if len(m) > 0 {
			return m[len(m)-1]
		}
	}
	tb.Skipf("skipped: %s is not installed on this machine", name)
	return ""
}

// workDir makes a folder for a server that runs as owner. t.TempDir is of no use: its parent is closed to other users.
func workDir(tb testing.TB, pattern string, owner *user.User) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if owner != nil {
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// account is the unprivileged user that a server runs as when the test is root, nil otherwise: PostgreSQL refuses root.
func account(tb testing.TB, names ...string) *user.User {
	tb.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, n := range append(names, "nobody") {
		if u, err := user.Lookup(n); err == nil {
			return u
		}
	}
	tb.Skip("skipped: running as root and no unprivileged account (postgres, mysql, nobody) exists to run the server as")
	return nil
}

func command(ctx context.Context, as *user.User, dir, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C.UTF-8", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = procAttr(as)
	return cmd
}

// freePort asks the kernel for a port. Another process may take it before the server does; the start then fails loudly.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func setUp(tb testing.TB, as *user.User, dir, path string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if out, err := command(ctx, as, dir, path, args...).CombinedOutput(); err != nil {
		tb.Fatalf("running %s: %v\n%s", filepath.Base(path), err, out)
	}
}
