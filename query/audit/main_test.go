package audit

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The tests that need a process of their own start this one again with a task.
const taskEnv = "ONEGRID_AUDIT_TASK"

func TestMain(m *testing.M) {
	switch os.Getenv(taskEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "full":
		os.Exit(childFull(os.Args[1]))
	case "kill":
		os.Exit(childKill(os.Args[1]))
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// childFull fills the disk: a limit on the size of files makes the kernel write a part and refuse the rest.
func childFull(dir string) int {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := Open(Config{Dir: dir}, quiet())
	if err != nil {
		fmt.Println("open:", err)
		return 2
	}
	ctx := context.Background()
	if err := l.Start(ctx, Query{ID: "before", User: "li", SQL: "SELECT ?"}); err != nil {
		fmt.Println("start:", err)
		return 2
	}
	var old unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_FSIZE, &old)
	// Room for half a record.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(l.w.size) + 100, Max: old.Max}); err != nil {
		fmt.Println("setrlimit:", err)
		return 2
	}
	fmt.Println("full start:", l.Start(ctx, Query{ID: "refused", User: "li", SQL: "SELECT ?"}))
	fmt.Println("full note:", l.Note(ctx, Note{Kind: KindLogin, User: "li"}))
	fmt.Println("full end:", l.End(Outcome{ID: "before", Class: "ok", Rows: 7}))
	fmt.Println("err:", l.Err() != nil)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println("setrlimit:", err)
		return 2
	}
	fmt.Println("room again:", l.Start(ctx, Query{ID: "after", User: "li", SQL: "SELECT ?"}))
	fmt.Println("err:", l.Err() != nil)
	fmt.Println("end:", l.End(Outcome{ID: "after", Class: "ok"}))
	fmt.Println("close:", l.Close())
	return 0
}

// childKill dies in the middle of a query, and of a record.
func childKill(dir string) int {
	l, err := Open(Config{Dir: dir}, quiet())
	if err != nil {
		fmt.Println("open:", err)
		return 2
	}
	ctx := context.Background()
	for _, id := range []string{"whole", "cut-1", "cut-2"} {
		if err := l.Start(ctx, Query{ID: id, User: "li", SQL: "SELECT ?"}); err != nil {
			fmt.Println("start:", err)
			return 2
		}
	}
	if err := l.End(Outcome{ID: "whole", Class: "ok"}); err != nil {
		fmt.Println("end:", err)
		return 2
	}
	if _, err := l.w.f.WriteString(`{"seq":6,"time":"2026-`); err != nil {
		fmt.Println("write:", err)
		return 2
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
