package main

import "syscall"

// dieWithParent ends a child process when this one is killed: its ports would stay taken.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
