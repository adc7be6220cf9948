package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Enter closes the sandbox around the whole process. readable names the only file that may still be opened, for reading,
// besides the limits of the control group: the engine looks for those while it opens and aborts if it may not.
// Limits and no_new_privs must succeed; Landlock and seccomp are reported.
func Enter(l Limits, readable string) (Protection, error) {
	var p Protection
	limits := []struct {
		what  string
		which int
		value uint64
	}{
		{"core size", unix.RLIMIT_CORE, 0},
		// No file grows, whatever lets it be opened: sockets and pipes are not files here.
		{"file size", unix.RLIMIT_FSIZE, 0},
		{"open files", unix.RLIMIT_NOFILE, l.Files},
		{"address space", unix.RLIMIT_AS, l.AddressSpace},
		{"tasks", unix.RLIMIT_NPROC, l.Tasks},
	}
	for _, r := range limits {
		if r.value == 0 && r.which == unix.RLIMIT_NPROC {
			continue
		}
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: r.value, Max: r.value}); err != nil {
			return p, fmt.Errorf("limiting %s: %w", r.what, err)
		}
	}
	if l.Nice > 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, l.Nice); err != nil {
			return p, fmt.Errorf("lowering the priority: %w", err)
		}
	}
	// Threads that exist already do not inherit what a later thread would: each gets it.
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return p, fmt.Errorf("refusing new privileges: %w", err)
	}
	if abi, err := ll.LandlockGetABIVersion(); err == nil && abi > 0 {
		if err := landlock.V8.BestEffort().Restrict(
			landlock.ROFiles(readable),
			landlock.ROFiles("/proc/self/cgroup").IgnoreIfMissing(), landlock.RODirs("/sys/fs/cgroup").IgnoreIfMissing(),
		); err != nil {
			return p, fmt.Errorf("entering Landlock: %w", err)
		}
		p.Landlock = abi
	}
	seccomp, err := enterSeccomp()
	if err != nil {
		return p, err
	}
	p.Seccomp = seccomp
	return p, nil
}

// enterSeccomp reports false where the kernel was built without filters or the processor is not one that is known here.
func enterSeccomp() (bool, error) {
	prog := filter()
	if prog == nil {
		return false, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	switch errno {
	case 0:
		return true, nil
	case unix.ENOSYS, unix.EINVAL:
		return false, nil
	}
	return false, fmt.Errorf("entering seccomp: %w", errno)
}

// Meter reads the memory of this process. It is opened before Enter.
type Meter struct{ statm, status, refs *os.File }

// OpenMeter opens the files that the meter reads.
func OpenMeter() (*Meter, error) {
	m := &Meter{}
	for _, f := range []struct {
		name string
		flag int
		into **os.File
	}{{"statm", os.O_RDONLY, &m.statm}, {"status", os.O_RDONLY, &m.status}, {"clear_refs", os.O_WRONLY, &m.refs}} {
		file, err := os.OpenFile("/proc/self/"+f.name, f.flag, 0)
		if err != nil {
			return nil, fmt.Errorf("opening the memory meter: %w", err)
		}
		*f.into = file
	}
	return m, nil
}

// Resident is the resident set in bytes now.
func (m *Meter) Resident() int64 {
	var buf [128]byte
	n, _ := m.statm.ReadAt(buf[:], 0)
	var size, resident int64
	if _, err := fmt.Sscan(string(buf[:n]), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// Reset makes Peak begin at the present resident set (proc_pid_clear_refs(5), value 5).
func (m *Meter) Reset() error {
	_, err := m.refs.WriteAt([]byte("5"), 0)
	return err
}

// Peak is the largest resident set in bytes since Reset.
func (m *Meter) Peak() int64 {
	var buf [4096]byte
	n, _ := m.status.ReadAt(buf[:], 0)
	return kilobytes(buf[:n], "VmHWM:")
}
