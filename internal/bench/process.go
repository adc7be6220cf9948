package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// Steps of a benchmark; each is a process.
const (
	stepPrepare = "prepare"
	stepServe   = "serve"
	stepReset   = "reset"
	stepMeasure = "measure"
	stepVerify  = "verify"
)

// job is what a step is told.
type job struct {
	Bench   string
	Dir     string // of the benchmark: configuration and input
	Data    string // data directory of the run
	Cache   string // outlives the benchmark
	Rows    int
	Run     int    // from 1
	Address string // host:port of the server
	Expect  outcome
	Profile string
	Store   string // YAML settings of the store
}

// outcome is what a step answers.
type outcome struct {
	Seconds float64            `json:",omitempty"` // of the measured part
	Rows    int64              `json:",omitempty"` // measured or found in the store
	Repeats int                `json:",omitempty"` // of what Seconds is the median, where a run repeats it in one process
	Layout  string             `json:",omitempty"` // of the store's tables
	Details map[string]float64 `json:",omitempty"`
}

// usage is what the kernel says about a process that has ended.
type usage struct {
	cpu  float64 // seconds, user and system
	peak float64 // MiB of resident memory
}

// process runs one step in a process of its own and returns its answer. The parent does no work itself and stays
// small: on Linux the peak of a process begins with that of the process that started it.
func process(ctx context.Context, step string, j job) (outcome, usage, error) {
	var res outcome
	cmd, err := command(ctx, step)
	if err != nil {
		return res, usage{}, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return res, usage{}, err
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = bytes.NewReader(append(text, '\n')), &out
	if err := cmd.Run(); err != nil {
		return res, usage{}, fmt.Errorf("step %s: %w", step, err)
	}
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return res, usage{}, fmt.Errorf("reading the answer of step %s: %w", step, err)
	}
	u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return res, usage{}, errors.New("this system does not say what a process used")
	}
	peak := float64(u.Maxrss) / (1 << 10)
	if runtime.GOOS == "darwin" {
		peak /= 1 << 10 // bytes there
	}
	return res, usage{cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), peak: peak}, nil
}

func command(ctx context.Context, step string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-step", step)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	return cmd, nil
}

// server starts the serving step and returns its address once it listens. It ends with its standard input.
func server(ctx context.Context, j job) (address string, stop func() error, err error) {
	cmd, err := command(ctx, stepServe)
	if err != nil {
		return "", nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	text, err := json.Marshal(j)
	if err == nil {
		_, err = in.Write(append(text, '\n'))
	}
	if err == nil {
		err = json.NewDecoder(out).Decode(&address)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("starting the server: %w", err), stop())
	}
	return address, stop, nil
}

// untilEnd answers with an address and waits for the end of the input.
func untilEnd(address string, in *bufio.Reader, out io.Writer) error {
	if err := json.NewEncoder(out).Encode(address); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// profiled writes a CPU profile of a step where the job wants one.
func profiled(step func(context.Context, job) (outcome, error)) func(context.Context, job) (outcome, error) {
	return func(ctx context.Context, j job) (outcome, error) {
		if j.Profile == "" {
			return step(ctx, j)
		}
		f, err := os.Create(j.Profile)
		if err != nil {
			return outcome{}, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return outcome{}, errors.Join(err, f.Close())
		}
		res, err := step(ctx, j)
		pprof.StopCPUProfile()
		return res, errors.Join(err, f.Close())
	}
}
