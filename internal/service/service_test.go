package service_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"onegrid/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(s string) { j.mu.Lock(); j.lines = append(j.lines, s); j.mu.Unlock() }

func worker(j *journal, name string, fail error) service.Named {
	return service.Named{Name: name, Service: service.New(name, func(ctx context.Context, ready func()) error {
		if fail != nil {
			return fail
		}
		j.add("start " + name)
		ready()
		<-ctx.Done()
		j.add("stop " + name)
		return nil
	})}
}

func TestGroupStartsInOrderAndStopsInReverse(t *testing.T) {
	var j journal
	g := service.NewGroup(quiet(), worker(&j, "a", nil), worker(&j, "b", nil), worker(&j, "c", nil))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second Stop changes nothing
		if err := g.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}
	if !slices.Equal(j.lines, want) {
		t.Fatalf("got %v, want %v", j.lines, want)
	}
}

func TestGroupUndoesAHalfStart(t *testing.T) {
	var j journal
	g := service.NewGroup(quiet(), worker(&j, "a", nil), worker(&j, "b", errors.New("port taken")))
	err := g.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "starting b") || !strings.Contains(err.Error(), "port taken") {
		t.Fatalf("error %v", err)
	}
	if want := []string{"start a", "stop a"}; !slices.Equal(j.lines, want) {
		t.Fatalf("got %v, want %v", j.lines, want)
	}
}

func TestFuncIsStartedOnce(t *testing.T) {
	f := service.New("x", func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return nil })
	if err := f.Stop(t.Context()); err != nil {
		t.Fatal("stopping before the start:", err)
	}
	if err := f.Start(t.Context()); !errors.Is(err, service.ErrStopped) {
		t.Fatalf("got %v", err)
	}
}

func TestStartDeadlineEndsASlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := service.New("slow", func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestRun(t *testing.T) {
	t.Run("one signal stops gracefully", func(t *testing.T) {
		var j journal
		sig := make(chan os.Signal, 2)
		sig <- syscall.SIGTERM
		err := service.Run(t.Context(), service.NewGroup(quiet(), worker(&j, "a", nil)), sig, time.Minute, func(int) { t.Error("exit called") }, quiet())
		if err != nil || !slices.Equal(j.lines, []string{"start a", "stop a"}) {
			t.Fatalf("%v %v", err, j.lines)
		}
	})
	t.Run("a second signal exits at once", func(t *testing.T) {
		release := make(chan struct{})
		ended := make(chan struct{})
		stuck := service.New("stuck", func(_ context.Context, ready func()) error {
			defer close(ended)
			ready()
			<-release
			return nil
		})
		sig := make(chan os.Signal, 2)
		sig <- syscall.SIGTERM
		sig <- syscall.SIGINT
		code := 0
		err := service.Run(t.Context(), stuck, sig, time.Hour, func(c int) { code = c }, quiet())
		if code != 1 || err == nil {
			t.Fatalf("exit code %d, error %v", code, err)
		}
		close(release)
		<-ended
	})
	t.Run("the limit ends the waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			stuck := service.New("stuck", func(_ context.Context, ready func()) error { ready(); <-release; return nil })
			sig := make(chan os.Signal, 1)
			sig <- syscall.SIGTERM
			begin := time.Now()
			err := service.Run(t.Context(), stuck, sig, 45*time.Second, func(int) {}, quiet())
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 45*time.Second {
				t.Fatalf("%v after %v", err, time.Since(begin))
			}
			close(release)
		})
	})
	t.Run("a service that dies stops the others", func(t *testing.T) {
		var j journal
		die := make(chan struct{})
		dying := service.New("server", func(_ context.Context, ready func()) error {
			ready()
			<-die
			return errors.New("listener closed")
		})
		g := service.NewGroup(quiet(), worker(&j, "a", nil), service.Named{Name: "server", Service: dying})
		close(die)
		err := service.Run(t.Context(), g, nil, time.Minute, func(int) {}, quiet())
		if err == nil || !strings.Contains(err.Error(), "listener closed") || !slices.Equal(j.lines, []string{"start a", "stop a"}) {
			t.Fatalf("%v %v", err, j.lines)
		}
	})
}
