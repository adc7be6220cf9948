package sandbox

import "errors"

// Limits of the process.
type Limits struct {
	AddressSpace uint64 // bytes, RLIMIT_AS; what the program reserves before its first statement counts too
	Files        uint64 // RLIMIT_NOFILE
	Tasks        uint64 // RLIMIT_NPROC, counted over all processes of the account; 0 leaves it
	Nice         int    // 0 leaves it
}

// Protection is what holds.
type Protection struct {
	Landlock int  // ABI version in force, 0 for none
	Seccomp  bool // the filter is in force on every thread
}

// ErrPlatform is a system that has no such means.
var ErrPlatform = errors.New("query workers need Linux")
