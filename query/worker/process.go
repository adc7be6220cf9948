package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/query/worker/child"
	"onegrid/query/worker/wire"
)

// reason says why a worker was killed by us; the first one counts.
type reason int32

const (
	alive     reason = iota
	replaced         // it is not needed or not fit any more
	overdue          // its statement missed the deadline
	cancelled        // its statement was cancelled and did not end
	stopping         // the pool stops
	broken           // it sent what makes no sense
)

// process is one worker process, seen from outside.
type process struct {
	cmd    *exec.Cmd
	socket *os.File
	in     *wire.Reader
	out    *wire.Writer
	stderr *tail
	hello  wire.Hello
	gen    *generation

	served int    // statements, guarded by the lane
	seq    uint64 // of the last statement; its holder's

	why    atomic.Int32
	exited chan struct{} // closed once the process is gone
}

// start starts a worker on a generation and waits for its hello.
func start(ctx context.Context, cfg Config, gen *generation, spec wire.Spec) (*process, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: making a socket: %w", ErrStart, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "parent")
	p := &process{socket: ours, in: wire.NewReader(bufio.NewReaderSize(ours, 128<<10)), out: wire.NewWriter(ours), stderr: &tail{}, gen: gen, exited: make(chan struct{})}
	// The program itself, even if its file was replaced by a newer one meanwhile.
	p.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{name}, Env: []string{}, Dir: "/", Stderr: p.stderr,
		ExtraFiles: []*os.File{theirs, gen.file}}
	p.cmd.SysProcAttr, spec.OwnAccount, err = attributes(cfg)
	if err == nil {
		err = p.cmd.Start()
	}
	theirs.Close() // or the worker's end would not show
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("%w: %w", ErrStart, err)
	}
	go func() {
		_ = p.cmd.Wait() // the state is read from ProcessState
		close(p.exited)
	}()
	if err := p.greet(ctx, cfg.StartTimeout, spec); err != nil {
		p.kill(replaced)
		<-p.exited
		ours.Close()
		return nil, fmt.Errorf("%w: %s%s: %w", ErrStart, p.end(), p.complaint(), err)
	}
	return p, nil
}

// greet sends the specification and waits for the hello.
func (p *process) greet(ctx context.Context, limit time.Duration, spec wire.Spec) error {
	if err := p.socket.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { p.kill(stopping) })()
	if err := p.out.Send(wire.KindSpec, spec); err != nil {
		return err
	}
	kind, payload, err := p.in.Next()
	if err != nil {
		return err
	}
	if kind != wire.KindHello {
		return fmt.Errorf("%w: %c instead of a hello", wire.ErrFrame, kind)
	}
	if err := wire.Decode(payload, &p.hello); err != nil {
		return err
	}
	return p.socket.SetDeadline(time.Time{})
}

// kill ends the process with SIGKILL. The first reason given is the one that counts.
func (p *process) kill(why reason) {
	p.why.CompareAndSwap(int32(alive), int32(why))
	// An error means that it is gone already.
	_ = p.cmd.Process.Kill()
}

// dismiss ends an idle process: it leaves when its socket closes, or is killed.
func (p *process) dismiss(grace time.Duration) {
	p.why.CompareAndSwap(int32(alive), int32(replaced))
	p.socket.Close()
	t := time.AfterFunc(grace, func() { p.kill(replaced) })
	go func() {
		<-p.exited
		t.Stop()
	}()
}

func (p *process) reason() reason { return reason(p.why.Load()) }

// end describes how the process ended, from its exit code and signal; never from what it wrote.
func (p *process) end() string {
	select {
	case <-p.exited:
	default:
		return "it runs"
	}
	s := p.cmd.ProcessState
	if ws, ok := s.Sys().(interface{ Signaled() bool }); ok && ws.Signaled() {
		return s.String() // "signal: killed"
	}
	switch s.ExitCode() {
	case child.ExitDone:
		return "it ended"
	case child.ExitProtocol:
		return "it did not understand a frame"
	case child.ExitSandbox:
		return "its sandbox could not be made"
	case child.ExitOpen:
		return "it could not open the snapshot"
	case child.ExitLock:
		return "its engine could not be locked"
	case child.ExitSelfTest:
		return "its locked engine did what it must refuse"
	case child.ExitGate:
		return "its gate could not be opened"
	case child.ExitMemory:
		return "it exceeded its resident limit"
	}
	return "exit code " + strconv.Itoa(s.ExitCode())
}

// complaint is what a worker wrote when its own set-up failed. It had read nothing of a user then, nor any row.
func (p *process) complaint() string {
	c := p.cmd.ProcessState.ExitCode()
	if c < child.ExitSandbox || c > child.ExitGate {
		return ""
	}
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	line, _, _ := strings.Cut(string(p.stderr.buf), "\n")
	return " (" + line[:min(len(line), 300)] + ")"
}

// starved reports whether the process ended for lack of memory.
func (p *process) starved() bool {
	return p.cmd.ProcessState.ExitCode() == child.ExitMemory || p.stderr.mentions("out of memory", "cannot allocate memory", "bad_alloc", "failed to create new OS thread")
}

// peak is the largest resident set in bytes of a process that is gone, over its whole life.
func (p *process) peak() int64 {
	if u, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return int64(u.Maxrss) << 10 // kilobytes on Linux (getrusage(2))
	}
	return 0
}

// account finds the account of the workers. Only root can change it.
func account(cfg Config) (*user.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(cfg.User)
	if err != nil {
		return nil, fmt.Errorf("looking up the account of query workers: %w", err)
	}
	if u.Uid == "0" {
		return nil, errors.New("query workers must not run as root: name another account")
	}
	return u, nil
}

// tail keeps the first bytes that a worker writes to its standard error. They are only searched for known words,
// except when the set-up failed: a crash report may quote anything (invariant 4).
type tail struct {
	mu  sync.Mutex
	buf []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[:min(len(p), 4096-len(t.buf))]...)
	return len(p), nil
}

func (t *tail) mentions(words ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.ToLower(string(t.buf))
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
