package faultpoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrInjected is what Hit returns for the action error.
var ErrInjected = errors.New("injected fault")

type fault struct {
	point  string
	n      int // 0 = every hit
	action string
	sleep  time.Duration
}

// parse reads the value of ONEGRID_FAULT.
func parse(text string) ([]fault, error) {
	var out []fault
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		parts := strings.Split(item, ":")
		if len(parts) != 3 || parts[0] == "" {
			return nil, fmt.Errorf("reading ONEGRID_FAULT: %q is not point:n:action", item)
		}
		f := fault{point: parts[0], action: parts[2]}
		if parts[1] != "*" {
			n, err := strconv.Atoi(parts[1])
			if err != nil || n < 1 {
				return nil, fmt.Errorf("reading ONEGRID_FAULT: %q: the hit is a number from 1, or *", item)
			}
			f.n = n
		}
		if wait, ok := strings.CutPrefix(f.action, "sleep="); ok {
			d, err := time.ParseDuration(wait)
			if err != nil {
				return nil, fmt.Errorf("reading ONEGRID_FAULT: %q: %w", item, err)
			}
			f.action, f.sleep = "sleep", d
		} else if f.action != "kill" && f.action != "error" {
			return nil, fmt.Errorf("reading ONEGRID_FAULT: %q: the action is kill, error or sleep=5s", item)
		}
		out = append(out, f)
	}
	return out, nil
}
