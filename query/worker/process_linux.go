package worker

import (
	"strconv"
	"syscall"
)

// attributes start a worker in a process group of its own, so that the terminal's interrupt does not reach it, to die
// with its parent, and under another account where this one is root.
func attributes(cfg Config) (*syscall.SysProcAttr, bool, error) {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	u, err := account(cfg)
	if u == nil || err != nil {
		return a, false, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, false, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, false, err
	}
	a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return a, cfg.User != "nobody", nil
}
