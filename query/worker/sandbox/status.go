package sandbox

import (
	"bytes"
	"strconv"
)

// kilobytes reads one line of /proc/PID/status, "VmHWM:	  1234 kB", in bytes; 0 when it is not there.
func kilobytes(status []byte, key string) int64 {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte(key))
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		if len(f) == 0 {
			return 0
		}
		n, err := strconv.ParseInt(string(f[0]), 10, 64)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return 0
}
