package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"onegrid/internal/surface"
	"onegrid/query"
	"onegrid/query/identity"
)

// stepFront is the query surface in a process of its own, as `onegrid serve` is.
const stepFront = "front"

// clients are the users of a run, each with a token.
const clients = 20

func tokenFile(j job) string { return filepath.Join(j.Data, "tokens.json") }

// addUsers makes the users before the front starts: deriving a key from a password takes memory that is not a question's.
func addUsers(ctx context.Context, j job) (err error) {
	c, err := catalogOf(j)
	if err != nil {
		return err
	}
	d, err := surface.Users(c, j.Data, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	var tokens []string
	for n := range clients {
		name := fmt.Sprintf("desk%02d", n)
		if _, err := d.Add(ctx, "bench", identity.NewUser{Name: name, Role: query.Analyst, Password: rand.Text()}); err != nil {
			return err
		}
		token, _, err := d.IssueToken(ctx, "bench", identity.NewToken{Owner: name, Name: "bench", For: 24 * time.Hour})
		if err != nil {
			return err
		}
		tokens = append(tokens, token)
	}
	b, err := json.Marshal(tokens)
	if err != nil {
		return err
	}
	return os.WriteFile(tokenFile(j), b, 0o600)
}

// serveFront serves the snapshots of the run's data directory until its input ends.
func serveFront(ctx context.Context, j job, in *bufio.Reader, out io.Writer) (err error) {
	c, err := catalogOf(j)
	if err != nil {
		return err
	}
	s, err := surface.Open(ctx, surface.Options{Catalog: c, Data: j.Data, Version: "bench", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	group := s.Services()
	if err := group.Start(ctx); err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		err = errors.Join(err, group.Stop(stop))
	}()
	if _, ok := s.Generation(cityMasked()); !ok {
		return fmt.Errorf("scope %s is not published", cityMasked())
	}
	address, _ := s.Addresses()
	if err := json.NewEncoder(out).Encode(address); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// frontProcess is a running front and how it is asked.
type frontProcess struct {
	address string
	tokens  []string
	cmd     *exec.Cmd
	in      io.Closer
	roots   *x509.CertPool
}

// startFront starts a front over the snapshots of the run's data directory and returns once it answers.
func startFront(ctx context.Context, j job) (*frontProcess, error) {
	cmd, err := command(ctx, stepFront)
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &frontProcess{cmd: cmd, in: in, roots: x509.NewCertPool()}
	if _, err = in.Write(append(text, '\n')); err == nil {
		err = json.NewDecoder(out).Decode(&f.address)
	}
	var pem, tokens []byte
	if err == nil {
		pem, err = os.ReadFile(filepath.Join(j.Data, "tls", "cert.pem"))
	}
	if err == nil {
		tokens, err = os.ReadFile(tokenFile(j))
	}
	if err == nil {
		err = json.Unmarshal(tokens, &f.tokens)
	}
	if err == nil && !f.roots.AppendCertsFromPEM(pem) {
		err = errors.New("the front's certificate cannot be read")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the front: %w", err), f.stop())
	}
	return f, nil
}

// stop ends the front. Its CPU time and that of its workers are from then on this process's.
func (f *frontProcess) stop() error { return errors.Join(f.in.Close(), f.cmd.Wait()) }

// client is one user with a connection of its own.
func (f *frontProcess) client(n int) *asker {
	return &asker{base: "https://" + f.address, token: f.tokens[n], http: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS13}, DisableCompression: true, MaxIdleConnsPerHost: 1}}}
}

// asker asks over HTTP.
type asker struct {
	base, token string
	http        *http.Client
}

func (a *asker) close() { a.http.CloseIdleConnections() }

// ask sends a question and hands the body to read, to its end. It returns the rows that the front says it sent.
func (a *asker) ask(ctx context.Context, q map[string]any, read func(io.Reader) error) (int64, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/v1/sql", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.token)
	res, err := a.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return 0, fmt.Errorf("the front answered %s: %s", res.Status, text)
	}
	if err := read(res.Body); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(res.Trailer.Get("X-Onegrid-Rows"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the answer has no count of its rows: %w", err)
	}
	return n, nil
}

// drop reads a body and keeps nothing.
func drop(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// cpu is the processor time, in seconds, that the front and its workers have used; 0 where there is no /proc.
func (f *frontProcess) cpu() float64 {
	sum := processorTime(strconv.Itoa(f.cmd.Process.Pid))
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return sum
	}
	for _, e := range entries {
		if _, parent := status(e.Name()); parent == f.cmd.Process.Pid {
			sum += processorTime(e.Name())
		}
	}
	return sum
}

// processorTime reads what a process and the children that it has waited for have used, in clock ticks of 10 ms.
func processorTime(pid string) (seconds float64) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	for i := 11; i < 15 && i < len(fields); i++ {
		ticks, _ := strconv.ParseFloat(fields[i], 64)
		seconds += ticks / 100
	}
	return seconds
}

// peaks are the largest resident sizes so far, in MiB, of the front and of its largest worker that is still there. It
// reads Linux's /proc and finds nothing elsewhere.
func (f *frontProcess) peaks() (front, worker float64) {
	front, _ = status(strconv.Itoa(f.cmd.Process.Pid))
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return front, 0
	}
	for _, e := range entries {
		if peak, parent := status(e.Name()); parent == f.cmd.Process.Pid {
			worker = max(worker, peak)
		}
	}
	return front, worker
}

// status reads the peak of a process and its parent.
func status(pid string) (peak float64, parent int) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0, 0 // ended meanwhile, or no process
	}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "VmHWM":
			kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			peak = rounded(kib / 1024)
		case "PPid":
			parent, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return peak, parent
}
