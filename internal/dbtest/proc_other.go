//go:build !unix

package dbtest

import (
	"os/user"
	"syscall"
)

func procAttr(*user.User) *syscall.SysProcAttr { return nil }
