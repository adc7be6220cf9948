//go:build faultpoint

package faultpoint

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// Enabled reports whether the binary can inject faults.
const Enabled = true

// The hits of the process are counted here: the only package-level state of the tree, and in no released binary.
var (
	mu   sync.Mutex
	hits = map[string]int{}
	plan = sync.OnceValue(func() []fault {
		faults, err := parse(os.Getenv("ONEGRID_FAULT"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return faults
	})
)

// Hit marks a step and does what ONEGRID_FAULT asks for at this hit of it.
func Hit(name string) error {
	mu.Lock()
	hits[name]++
	n := hits[name]
	mu.Unlock()
	for _, f := range plan() {
		if f.point != name || f.n != 0 && f.n != n {
			continue
		}
		switch f.action {
		case "kill":
			// SIGKILL cannot be caught: no deferred call, no flush. It may be delivered a moment later.
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case "error":
			return fmt.Errorf("at %s: %w", name, ErrInjected)
		case "sleep":
			time.Sleep(f.sleep)
		}
	}
	return nil
}
