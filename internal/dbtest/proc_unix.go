//go:build unix

package dbtest

import (
	"os/user"
	"strconv"
	"syscall"
)

// procAttr runs a server as another user and in its own process group, so that Ctrl-C in a terminal reaches the test first.
func procAttr(as *user.User) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		uid, _ := strconv.ParseUint(as.Uid, 10, 32)
		gid, _ := strconv.ParseUint(as.Gid, 10, 32)
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}
