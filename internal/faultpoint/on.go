//go:build faultpoint

package faultpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Enabled says whether the program was built with the tag faultpoint.
const Enabled = true

type plan struct {
	point string
	left  int
}

var armed = sync.OnceValue(func() *plan {
	// ONEGRID_FAULT is "point:n": the n-th hit of the point kills the process.
	point, n, _ := strings.Cut(os.Getenv("ONEGRID_FAULT"), ":")
	left, err := strconv.Atoi(n)
	if err != nil {
		left = 1
	}
	return &plan{point, left}
})

var mu sync.Mutex

// Hit ends the process with SIGKILL when it is the hit that ONEGRID_FAULT names.
func Hit(point string) {
	p := armed()
	if p.point != point {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if p.left--; p.left == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
