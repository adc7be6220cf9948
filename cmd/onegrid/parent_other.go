//go:build !linux

package main

import "syscall"

// dieWithParent has no counterpart here: a child outlives a killed daemon and must be ended by hand.
func dieWithParent() *syscall.SysProcAttr { return nil }
