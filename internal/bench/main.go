package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"onegrid/query/worker"
)

// options are the flags.
type options struct {
	names   string
	rows    int
	runs    int
	dir     string
	keep    bool
	profile string
	store   string
	step    string
}

func main() {
	if worker.IsWorker() { // of a front; before anything else is looked at
		os.Exit(worker.Main())
	}
	var o options
	flag.StringVar(&o.names, "bench", "", "benchmarks to run, separated by commas; all but the long ones unless set")
	flag.IntVar(&o.rows, "rows", 0, "records, instead of the benchmark's own number")
	flag.IntVar(&o.runs, "runs", 0, "runs, of which the median counts, instead of the benchmark's own number")
	flag.StringVar(&o.dir, "dir", "bench-out", "folder for input and stores")
	flag.BoolVar(&o.keep, "keep", false, "keep input and stores")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the last run's Go code to this file")
	flag.StringVar(&o.store, "store", "", "settings of the store instead of the defaults, as YAML: {unit_rows: 10000}")
	flag.StringVar(&o.step, "step", "", "internal: be one step of a benchmark, described on standard input")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := errors.New("unexpected argument " + flag.Arg(0))
	switch {
	case flag.NArg() > 0:
	case o.step != "":
		err = runStep(ctx, o.step, os.Stdin, os.Stdout)
	default:
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run measures the benchmarks that were asked for. One that fails does not keep the others from running.
func run(ctx context.Context, o options, out io.Writer) error {
	all := benchmarks()
	var chosen []benchmark
	for _, name := range strings.FieldsFunc(o.names, func(r rune) bool { return r == ',' || r == ' ' }) {
		i := slices.IndexFunc(all, func(b benchmark) bool { return b.name == name })
		if i < 0 {
			var names []string
			for _, b := range all {
				names = append(names, b.name)
			}
			return fmt.Errorf("no benchmark %q; there are %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[i])
	}
	if len(chosen) == 0 {
		for _, b := range all {
			if !b.long {
				chosen = append(chosen, b)
			}
		}
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if o.profile != "" {
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var failed error
	for _, b := range chosen {
		if o.rows > 0 {
			b.rows = o.rows
		}
		if o.runs > 0 {
			b.runs = o.runs
		}
		rep, err := b.run(ctx, o, dir)
		var miss absent
		switch {
		case errors.As(err, &miss):
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", b.name, err)
			continue
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", b.name, err))
			continue
		}
		if err := enc.Encode(rep); err != nil {
			return err
		}
	}
	return failed
}

// absent means that a benchmark needs a program that this machine does not have.
type absent struct{ what string }

func (a absent) Error() string { return "skipped: " + a.what }

// runStep is the other side of process: it reads its job from the first line and writes its answer as one line.
func runStep(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	all := benchmarks()
	i := slices.IndexFunc(all, func(b benchmark) bool { return b.name == j.Bench })
	if i < 0 {
		return fmt.Errorf("no benchmark %q", j.Bench)
	}
	b := all[i]
	step := map[string]func(context.Context, job) (outcome, error){stepPrepare: b.prepare, stepReset: b.reset, stepMeasure: profiled(b.measure), stepVerify: b.verify}[name]
	switch name {
	case stepServe:
		return b.serve(ctx, j, r, out)
	case stepFront:
		return serveFront(ctx, j, r, out)
	}
	if step == nil {
		return fmt.Errorf("no step %q", name)
	}
	res, err := step(ctx, j)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(res)
}
