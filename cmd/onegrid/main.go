// Command onegrid is the data-integration hub of a city: it reads department systems on schedule, turns their records
// into governance events, stores them exactly once and answers SQL. `onegrid --help` lists the verbs.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"onegrid/query/worker"
)

// version is set by the linker.
var version = "dev"

// gcPercent is the garbage collector's target; GOGC in the environment wins.
const gcPercent = 50

func main() {
	// A worker of the query surface is this program again, without arguments and environment: it must do nothing else.
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	// What is written here is the city's: nothing for everybody on the machine, whatever the shell's mask says.
	syscall.Umask(0o027)
	if os.Getenv("GOGC") == "" {
		// Batches are short-lived and large: collecting earlier costs little and halves what lies about.
		debug.SetGCPercent(gcPercent)
	}
	// The first signal stops softly; the second one ends the process at once.
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitRun)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
