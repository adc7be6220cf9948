package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// benchmark is one measurement: prepare once, then measure and verify as often as runs says, each step in its own process.
type benchmark struct {
	name string
	rows int
	runs int
	long bool // runs only when it is named

	prepare func(context.Context, job) (outcome, error)
	reset   func(context.Context, job) (outcome, error) // before every run; nil: nothing to do
	measure func(context.Context, job) (outcome, error)
	// verify opens the store anew and counts; Expect is what prepare answered.
	verify func(context.Context, job) (outcome, error)

	serve func(ctx context.Context, j job, in *bufio.Reader, out io.Writer) error // nil: no server
	// database starts a server that is no process of ours and returns its address; nil: none.
	database func(j job) (address string, stop func(), err error)
}

func benchmarks() []benchmark {
	return slices.Concat(ingestBenchmarks(), linkBenchmarks(), queryBenchmarks())
}

func ingestBenchmarks() []benchmark {
	return []benchmark{
		{name: "ingest_file", rows: 1_000_000, runs: 5, prepare: prepareFile, measure: measureSync(hotline), verify: verifyEvents(hotline)},
		{name: "ingest_file_10m", rows: 10_000_000, runs: 1, long: true, prepare: prepareFile, measure: measureSync(hotline), verify: verifyEvents(hotline)},
		{name: "ingest_unchanged", rows: 1_000_000, runs: 5, prepare: prepareUnchanged, reset: resetUnchanged, measure: measureSync(hotline), verify: verifyUnchanged},
		{name: "commit_1k_into_10m", rows: 10_000_000, runs: 1, prepare: prepareCommits, reset: resetCommits, measure: measureCommits, verify: verifyCommits},
		{name: "ingest_http", rows: 300_000, runs: 5, prepare: prepareHTTP, serve: servePages, measure: measureHTTP, verify: verifyEvents(police)},
		{name: "ingest_sql", rows: 500_000, runs: 5, database: startPostgres, prepare: prepareSQL, measure: measureSync(urban), verify: verifyEvents(urban)},
	}
}

// report is the line of one benchmark.
type report struct {
	Name       string             `json:"name"`
	Rows       int64              `json:"rows"`
	RowsPerS   float64            `json:"rows_per_s"`
	Seconds    float64            `json:"seconds"`
	CPU        float64            `json:"cpu_s"`
	PeakRSSMiB float64            `json:"peak_rss_mib"`
	Runs       int                `json:"runs"`
	Details    map[string]float64 `json:"details,omitempty"`
}

// run measures a benchmark and reports medians.
func (b benchmark) run(ctx context.Context, o options, out string) (rep report, err error) {
	dir := filepath.Join(out, b.name)
	if err := os.RemoveAll(dir); err != nil {
		return rep, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return rep, err
	}
	defer func() {
		if !o.keep && err == nil {
			err = os.RemoveAll(dir)
		}
	}()
	j := job{Bench: b.name, Dir: dir, Cache: filepath.Join(out, "cache"), Rows: b.rows, Store: o.store}
	if b.database != nil {
		address, stop, err := b.database(j)
		if err != nil {
			return rep, err
		}
		defer stop()
		j.Address = address
	}
	if j.Expect, _, err = process(ctx, stepPrepare, j); err != nil {
		return rep, err
	}
	if b.serve != nil {
		address, stop, err := server(ctx, j)
		if err != nil {
			return rep, err
		}
		defer stop()
		j.Address = address
	}
	var seconds, cpu, peak []float64
	repeats := 0
	details := map[string][]float64{}
	for i := 1; i <= b.runs; i++ {
		j.Run, j.Data = i, filepath.Join(dir, fmt.Sprintf("run%d", i))
		if i == b.runs {
			j.Profile = o.profile
		}
		if b.reset != nil {
			if _, _, err := process(ctx, stepReset, j); err != nil {
				return rep, fmt.Errorf("run %d: %w", i, err)
			}
		}
		res, use, err := process(ctx, stepMeasure, j)
		if err != nil {
			return rep, fmt.Errorf("run %d: %w", i, err)
		}
		found, _, err := process(ctx, stepVerify, j)
		if err != nil {
			return rep, fmt.Errorf("run %d: %w", i, err)
		}
		rep.Rows, repeats = found.Rows, res.Repeats
		seconds, cpu, peak = append(seconds, res.Seconds), append(cpu, use.cpu), append(peak, use.peak)
		for _, m := range []map[string]float64{j.Expect.Details, res.Details, found.Details} {
			for k, v := range m {
				details[k] = append(details[k], v)
			}
		}
		fmt.Fprintf(os.Stderr, "%s: run %d of %d: %.2f s, %.2f CPU-s, %.0f MiB\n", b.name, i, b.runs, res.Seconds, use.cpu, use.peak)
		if !o.keep {
			if err := os.RemoveAll(j.Data); err != nil {
				return rep, err
			}
		}
	}
	rep.Name, rep.Runs = b.name, max(b.runs, repeats)
	rep.Seconds, rep.CPU, rep.PeakRSSMiB = median(seconds), median(cpu), median(peak)
	rep.RowsPerS = math.Round(float64(rep.Rows) / rep.Seconds)
	rep.Details = map[string]float64{"seconds_min": slices.Min(seconds), "seconds_max": slices.Max(seconds), "peak_rss_mib_max": slices.Max(peak),
		"cpu_us_per_row": rounded(1e6 * rep.CPU / float64(max(1, rep.Rows)))}
	for _, k := range slices.Sorted(maps.Keys(details)) {
		rep.Details[k] = median(details[k])
	}
	return rep, nil
}

func median(v []float64) float64 { return quantile(v, 0.5) }

// quantile interpolates between the nearest values.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 == len(v) {
		return rounded(v[i])
	}
	return rounded(v[i] + (at-float64(i))*(v[i+1]-v[i]))
}

func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
