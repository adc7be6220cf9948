package worker

import (
	"os"
	"time"

	"onegrid/query/worker/child"
)

// name is the only argument of a worker process; nothing else makes this program one.
const name = "onegrid-query-worker"

// IsWorker reports whether this process was started as a worker. A program that uses the pool asks it first of all in
// main, before it reads arguments, environment or files, and if so does nothing but os.Exit(worker.Main()).
func IsWorker() bool { return len(os.Args) == 1 && os.Args[0] == name }

// Main is the whole life of a worker process. It returns the exit code.
func Main() int { return child.Main(time.Now()) }
