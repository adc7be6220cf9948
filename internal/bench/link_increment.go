package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"onegrid/event"
	"onegrid/internal/city"
	"onegrid/internal/hub"
)

// Increments measured, tickets of each, and calls of the storm.
const (
	increments    = 10
	incrementRows = 1000
	stormRows     = 5000
	windowDays    = 30
)

func incrementBenchmarks() []benchmark {
	return []benchmark{
		{name: "link_incremental", rows: 300_000, runs: 3, prepare: prepareIncrements, reset: resetIncrements, measure: measureIncrements(incrementRows, increments), verify: verifyIncrements},
		{name: "link_storm", rows: 300_000, runs: 3, prepare: prepareStorm, reset: resetIncrements, measure: measureIncrements(stormRows, 1), verify: verifyIncrements},
	}
}

// resetIncrements copies the store with the frequencies that its last rebuild left beside it.
func resetIncrements(ctx context.Context, j job) (outcome, error) {
	if _, err := resetLinkFull(ctx, j); err != nil {
		return outcome{}, err
	}
	to := filepath.Join(j.Data, "link")
	return outcome{}, errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(filepath.Join(j.Dir, "filled", "link"))))
}

func incrementFile(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("increment%02d.csv", n))
}

// prepareIncrements fills a store with the tickets of 30 days, links it, and lays the newest tickets aside as increments.
func prepareIncrements(ctx context.Context, j job) (outcome, error) {
	head, lines, err := tickets(j)
	if err != nil {
		return outcome{}, err
	}
	base := len(lines) - increments*incrementRows
	for k := range increments {
		if err := writeLines(incrementFile(j.Dir, k), head, lines[base+k*incrementRows:base+(k+1)*incrementRows]); err != nil {
			return outcome{}, err
		}
	}
	return linkedStore(ctx, j, head, lines[:base])
}

// prepareStorm does the same with one increment: calls of one hour about the place of one ticket.
func prepareStorm(ctx context.Context, j job) (outcome, error) {
	head, lines, err := tickets(j)
	if err != nil {
		return outcome{}, err
	}
	cols, err := csv.NewReader(bytes.NewReader(head)).Read()
	if err != nil {
		return outcome{}, err
	}
	at := func(name string) int { return slices.Index(cols, name) }
	var model []string
	for i := len(lines) - 1; i >= 0; i-- {
		if model, err = csv.NewReader(bytes.NewReader(lines[i])).Read(); err != nil {
			return outcome{}, err
		}
		if model[at("经度")] != "" && strings.Contains(model[at("诉求标题")], "井盖") {
			break
		}
	}
	began, err := time.ParseInLocation(time.DateTime, model[at("来电时间")], event.Shanghai)
	if err != nil {
		return outcome{}, err
	}
	lon, err := strconv.ParseFloat(model[at("经度")], 64)
	if err != nil {
		return outcome{}, err
	}
	lat, err := strconv.ParseFloat(model[at("纬度")], 64)
	if err != nil {
		return outcome{}, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var storm [][]byte
	for i := range stormRows {
		t := began.Add(time.Duration(i) * time.Hour / stormRows)
		row := slices.Clone(model)
		row[at("工单编号")] = t.Format("060102150405") + fmt.Sprintf("%06d", 900_000+i)
		row[at("来电时间")], row[at("更新时间")] = t.Format(time.DateTime), t.Format(time.DateTime)
		row[at("诉求内容")] = fmt.Sprintf("%s 第%d次来电", row[at("诉求内容")], i+1)
		row[at("办结时间")] = ""
		// Callers point at the place, not at one coordinate: within 20 m of it.
		row[at("经度")] = fmt.Sprintf("%.6f", lon+float64(i%97-48)*4e-6)
		row[at("纬度")] = fmt.Sprintf("%.6f", lat+float64(i%89-44)*4e-6)
		b.Reset()
		if err := w.Write(row); err != nil {
			return outcome{}, err
		}
		w.Flush()
		storm = append(storm, bytes.Clone(b.Bytes()))
	}
	if err := writeLines(incrementFile(j.Dir, 0), head, storm); err != nil {
		return outcome{}, err
	}
	return linkedStore(ctx, j, head, lines)
}

// tickets are the lines of j.Rows tickets of 30 days in the order of time, and their header.
func tickets(j job) (head []byte, lines [][]byte, err error) {
	if err := configure(j); err != nil {
		return nil, nil, err
	}
	c, err := city.New(city.Config{Seed: 1, Records: j.Rows * 64 / 25, Days: windowDays, Start: time.Date(2026, 1, 5, 0, 0, 0, 0, event.Shanghai)})
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	if err := c.WriteHotlineCSV(&b, j.Rows, city.UTF8); err != nil {
		return nil, nil, err
	}
	// A quoted field may hold line ends: a record ends where the quotes are even.
	var all [][]byte
	from, quotes := 0, 0
	for i, c := range b.Bytes() {
		switch {
		case c == '"':
			quotes++
		case c == '\n' && quotes%2 == 0:
			all = append(all, b.Bytes()[from:i+1])
			from = i + 1
		}
	}
	return all[0], all[1:], nil
}

func writeLines(path string, head []byte, lines [][]byte) error {
	_, err := writeSettled(path, func(w *bufio.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, l := range lines {
			if _, err := w.Write(l); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// linkedStore reads the lines into a store and links it as a whole.
func linkedStore(ctx context.Context, j job, head []byte, lines [][]byte) (outcome, error) {
	if err := writeLines(filepath.Join(dropDir(j.Dir), "tickets.csv"), head, lines); err != nil {
		return outcome{}, err
	}
	j.Data = j.Dir + "/filled"
	if _, err := measureSync(hotline)(ctx, j); err != nil {
		return outcome{}, fmt.Errorf("filling the store: %w", err)
	}
	if _, err := measureLinkFull(ctx, j); err != nil {
		return outcome{}, fmt.Errorf("linking the store: %w", err)
	}
	t, err := countStore(ctx, j.Data, hotline)
	return outcome{Rows: t.events}, err
}

// measureIncrements reads one increment after the other and measures the linking of each.
func measureIncrements(rows, repeats int) func(context.Context, job) (outcome, error) {
	return func(ctx context.Context, j job) (out outcome, err error) {
		h, err := hub.Open(ctx, hub.Options{Config: j.Dir, Data: j.Data})
		if err != nil {
			return outcome{}, err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		r, err := h.Linker()
		if err != nil {
			return outcome{}, err
		}
		var took []float64
		var largest, compared int
		for k := range repeats {
			if err := dropFile(filepath.Join(dropDir(j.Dir), filepath.Base(incrementFile(j.Dir, k))), incrementFile(j.Dir, k)); err != nil {
				return outcome{}, err
			}
			if _, err := h.Sync(ctx, hotline, "manual", time.Time{}); err != nil {
				return outcome{}, err
			}
			t0 := time.Now()
			rep, err := r.Run(ctx)
			took = append(took, time.Since(t0).Seconds())
			if err == nil && (rep.Trigger != "incremental" || rep.Events > rows || rep.Events < rows*9/10) {
				// Invalid calls take no part.
				err = fmt.Errorf("increment %d: a %s run of %d events, not an increment of about %d", k, rep.Trigger, rep.Events, rows)
			}
			if err != nil {
				return outcome{}, err
			}
			largest, compared = max(largest, rep.Largest), max(compared, rep.Compared)
		}
		d := map[string]float64{"ms_median": rounded(1000 * median(took)), "ms_max": rounded(1000 * slices.Max(took)), "largest_cluster": float64(largest), "compared": float64(compared)}
		return outcome{Seconds: median(took), Rows: int64(rows), Repeats: repeats, Details: d}, nil
	}
}

// verifyIncrements counts in the store: the increments are there, and every incident has one member that counts.
func verifyIncrements(ctx context.Context, j job) (outcome, error) {
	more := int64(increments * incrementRows)
	if j.Bench == "link_storm" {
		more = stormRows
	}
	j.Expect.Rows += more
	// A later run of the benchmark begins without the increments in its folder.
	for k := range increments {
		if err := os.Remove(filepath.Join(dropDir(j.Dir), filepath.Base(incrementFile(j.Dir, k)))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return outcome{}, err
		}
	}
	return verifyLinkFull(ctx, j)
}

func dropFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = writeSettled(to, func(w *bufio.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	return err
}
