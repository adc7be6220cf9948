package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
	_ "time/tzdata" // the sandbox has no zone files

	"golang.org/x/sys/unix"

	"onegrid/query/gate"
	"onegrid/query/worker/engine"
	"onegrid/query/worker/sandbox"
	"onegrid/query/worker/wire"
)

// Descriptors that the parent passes.
const (
	Socket   = 3 // frames, both ways
	Snapshot = 4 // the file, open for reading
)

// openFiles is RLIMIT_NOFILE: the standard three, the two passed, the engine's, the meter's, epoll, and a margin.
const openFiles = 32

// tasks is RLIMIT_NPROC where the account is the workers' own: threads of all workers together.
const tasks = 4096

// worker is the state of the process.
type worker struct {
	in     *wire.Reader
	out    *wire.Writer
	meter  *sandbox.Meter
	spec   wire.Spec
	zone   *time.Location
	engine *engine.Engine
	gate   *gate.Gate
	names  gate.Catalog
}

// Main lives until the parent hangs up, and returns the exit code.
func Main(started time.Time) int {
	fewArenas()
	// The poller waits for the socket instead of a thread. A failure only costs that thread.
	_ = unix.SetNonblock(Socket, true)
	socket := os.NewFile(Socket, "parent")
	w := &worker{in: wire.NewReader(bufio.NewReaderSize(socket, 64<<10)), out: wire.NewWriter(socket)}
	kind, payload, err := w.in.Next()
	switch {
	case errors.Is(err, io.EOF):
		return ExitDone
	case err != nil || kind != wire.KindSpec || wire.Decode(payload, &w.spec) != nil:
		return ExitProtocol
	}
	hello, code, err := w.prepare(started)
	if err != nil {
		// Nothing of a user has been read yet: the text is about our own set-up. It goes to the parent's bounded buffer.
		why := ""
		if text, ok := engine.IsFailure(err); ok {
			why = ": " + text
		}
		fmt.Fprintf(os.Stderr, "%v%s\n", err, why)
		return code
	}
	if err := w.out.Send(wire.KindHello, hello); err != nil {
		return ExitDone
	}
	return w.serve()
}

// prepare closes the sandbox, then opens, locks and tests the engine and the gate.
func (w *worker) prepare(started time.Time) (hello wire.Hello, code int, err error) {
	// The engine's memory is not Go's; what Go holds here is a frame or two.
	debug.SetMemoryLimit(192 << 20)
	runtime.GOMAXPROCS(max(2, w.spec.Threads))
	if w.zone, err = time.LoadLocation(w.spec.Zone); err != nil {
		return hello, ExitLock, fmt.Errorf("loading the time zone: %w", err)
	}
	if w.names, err = gate.NewCatalog(w.spec.Tables, w.spec.Macros, w.spec.TableMacros); err != nil {
		return hello, ExitGate, err
	}
	if w.meter, err = sandbox.OpenMeter(); err != nil {
		return hello, ExitSandbox, err
	}
	snapshot := fmt.Sprintf("/proc/self/fd/%d", Snapshot)
	limits := sandbox.Limits{AddressSpace: uint64(w.spec.AddressSpace), Files: openFiles, Nice: w.spec.Nice}
	if w.spec.OwnAccount {
		limits.Tasks = tasks
	}
	protection, err := sandbox.Enter(limits, snapshot)
	if err != nil {
		return hello, ExitSandbox, err
	}
	w.engine, err = engine.Open(engine.Options{Path: snapshot, Threads: w.spec.Threads, Memory: w.spec.Memory, Zone: w.spec.Zone})
	switch {
	case errors.Is(err, engine.ErrOpen):
		return hello, ExitOpen, err
	case err != nil:
		return hello, ExitLock, err
	}
	checks, err := w.engine.SelfTest()
	if err != nil {
		return hello, ExitSelfTest, err
	}
	if !w.spec.Ungated {
		if w.gate, err = gate.Open(context.Background()); err != nil {
			return hello, ExitGate, err
		}
	}
	return wire.Hello{PID: os.Getpid(), Engine: engine.Version(), Landlock: protection.Landlock, Seccomp: protection.Seccomp,
		Checks: checks, Resident: w.meter.Resident(), Took: time.Since(started)}, 0, nil
}
