package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"onegrid/internal/faultpoint"
	"onegrid/query/worker"
)

// TestMain makes `onegrid` in a script run this program's main in a process of its own.
func TestMain(m *testing.M) {
	if worker.IsWorker() { // a worker of a query that a script asks
		os.Exit(worker.Main())
	}
	testscript.Main(m, map[string]func(){"onegrid": main})
}

// TestScripts runs every verb as an operator does. Beside the commands of testscript there are
//
//	exits CODE onegrid ARGS...   the exit code is exactly that
//	json FILE PATH VALUE         FILE (stdout, stderr) is JSON and holds VALUE at the dotted path; len is a length, * any value
//	lock DIR                     holds the lock of a data directory until the script ends
//	mode FILE OCTAL              the permission bits of a file
//	freeport NAME                sets NAME to a port of loopback that nobody listens on
//	waitfor URL                  until it answers 200
//	setid NAME PATH              sets NAME to the value at a path of the JSON on stdout
//	sqlite DB FILE               runs the statements of FILE on an SQLite database
//	waitpg PORT                  until a PostgreSQL client gets an answer on this port of loopback
//	damage FILE                  turns bytes in the middle of a file over
//
// and the condition [faultpoint], true where the binary can be killed at a named step (make test).
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TZ", "UTC")
			e.Setenv("TERM", "xterm")
			e.Setenv("USER", "operator")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonHas, "lock": lock, "mode": mode, "freeport": freeport, "waitfor": waitFor, "setid": setID, "damage": damage, "waitpg": waitPG, "sqlite": runSQLite,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "faultpoint" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return faultpoint.Enabled, nil
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ee *exec.ExitError
	switch {
	case errors.As(err, &ee):
		got = ee.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// at finds a dotted path in a JSON document.
func at(ts *testscript.TestScript, text, path string) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("not JSON: %v\n%s", err, text)
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if part == "len" {
				v = len(x)
				continue
			}
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH VALUE")
	}
	v, ok := at(ts, ts.ReadFile(args[0]), args[1])
	same := ok && (args[2] == "*" || fmt.Sprint(v) == args[2])
	if same == neg {
		ts.Fatalf("%s is %v (there: %v), want %v %q", args[1], v, ok, !neg, args[2])
	}
}

func setID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setid NAME PATH")
	}
	v, ok := at(ts, ts.ReadFile("stdout"), args[1])
	if !ok {
		ts.Fatalf("nothing at %s", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	f, err := os.OpenFile(filepath.Join(dir, "onegrid.lock"), os.O_CREATE|os.O_RDWR, 0o640)
	ts.Check(err)
	ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	ts.Defer(func() { f.Close() })
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode FILE OCTAL")
	}
	st, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("mode is %s", got)
	}
}

func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor URL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := "no answer"
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
		ts.Check(err)
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
			last = resp.Status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s: %s", args[0], last)
		}
	}
}

func runSQLite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite DB FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(err)
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(b) < 64 {
		ts.Fatalf("%s holds only %d bytes", args[0], len(b))
	}
	for i := len(b) / 2; i < len(b)/2+16; i++ {
		b[i] ^= 0xff
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o640))
}

// TestMessagesInBothLanguages keeps every verb's help and every hint of the program bilingual.
func TestMessagesInBothLanguages(t *testing.T) {
	var out, errw bytes.Buffer
	a := &app{out: &out, err: &errw}
	for _, c := range a.commands() {
		if !strings.ContainsFunc(c.Short, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }) {
			t.Errorf("%s: no Chinese in its short help", c.Name())
		}
		for _, sub := range c.Commands() {
			if !strings.ContainsFunc(sub.Short, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }) {
				t.Errorf("%s %s: no Chinese in its short help", c.Name(), sub.Name())
			}
		}
	}
}

// waitPG waits until something takes connections on a port of loopback.
func waitPG(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitpg PORT")
	}
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+args[0])
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("nobody listens on %s", args[0])
		case <-tick.C:
		}
	}
}
