//go:build !linux

package worker

import (
	"syscall"

	"onegrid/query/worker/sandbox"
)

func attributes(Config) (*syscall.SysProcAttr, bool, error) { return nil, false, sandbox.ErrPlatform }
