package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/warehouse/duckdb"
)

// Sources of the example city.
const (
	police  = "police_110"
	hotline = "hotline_12345"
	urban   = "urban_mgmt"
)

// newCity is a city of a year's length in which one department has more than n records.
func newCity(n, share int) (*city.City, error) {
	return city.New(city.Config{Seed: 1, Records: n * share, Days: 365, APIKey: apiKey})
}

// prepareFile drops n tickets as one UTF-8 CSV file.
func prepareFile(_ context.Context, j job) (outcome, error) {
	if err := configure(j); err != nil {
		return outcome{}, err
	}
	c, err := newCity(j.Rows, 3)
	if err != nil {
		return outcome{}, err
	}
	size, err := writeSettled(filepath.Join(dropDir(j.Dir), "tickets.csv"), func(w *bufio.Writer) error { return c.WriteHotlineCSV(w, j.Rows, city.UTF8) })
	return outcome{Rows: int64(j.Rows), Details: map[string]float64{"input_mib": rounded(float64(size) / (1 << 20)), "input_bytes_per_row": rounded(float64(size) / float64(j.Rows))}}, err
}

// writeSettled writes a file that looks as if it had been lying there for an hour.
func writeSettled(path string, write func(*bufio.Writer) error) (int64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	past := time.Now().Add(-time.Hour)
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), os.Chtimes(path, past, past)
}

// measureSync reads a source to its end. The measured seconds are those of the reading, after which everything is
// committed; opening and closing the store are told apart, and the process's CPU time holds all three.
func measureSync(source string) func(context.Context, job) (outcome, error) {
	return func(ctx context.Context, j job) (outcome, error) {
		t0 := time.Now()
		h, err := hub.Open(ctx, hub.Options{Config: j.Dir, Data: j.Data})
		if err != nil {
			return outcome{}, err
		}
		t1 := time.Now()
		res, err := h.Sync(ctx, source, "manual", time.Time{})
		t2 := time.Now()
		if err := errors.Join(err, h.Close()); err != nil {
			return outcome{}, err
		}
		return outcome{Seconds: t2.Sub(t1).Seconds(), Rows: res.Counts.Read, Details: map[string]float64{"units": float64(res.Units),
			"open_s": rounded(t1.Sub(t0).Seconds()), "close_s": rounded(time.Since(t2).Seconds())}}, nil
	}
}

// tally is what a store holds, by SQL.
type tally struct {
	events, versions, rejects, read int64
}

func countStore(ctx context.Context, data, source string) (t tally, err error) {
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: data, ReadOnly: true})
	if err != nil {
		return t, err
	}
	defer s.Close()
	err = s.DB().QueryRowContext(ctx, `SELECT (SELECT count(DISTINCT event_id) FROM event WHERE source_id = $1), (SELECT count(*) FROM event_version WHERE source_id = $1),
  (SELECT count(*) FROM reject WHERE source_id = $1), (SELECT coalesce(sum(n_read), 0)::BIGINT FROM checkpoint WHERE source_id = $1)`, source).
		Scan(&t.events, &t.versions, &t.rejects, &t.read)
	return t, err
}

// verifyEvents wants every record that was made to lie in the store: as an event with one version, or as a reject.
func verifyEvents(source string) func(context.Context, job) (outcome, error) {
	return func(ctx context.Context, j job) (outcome, error) {
		t, err := countStore(ctx, j.Data, source)
		if err != nil {
			return outcome{}, err
		}
		if t.events+t.rejects != j.Expect.Rows || t.versions != t.events || t.read != j.Expect.Rows {
			return outcome{}, fmt.Errorf("%d records were made; the store holds %d events in %d versions and %d rejects, and has read %d",
				j.Expect.Rows, t.events, t.versions, t.rejects, t.read)
		}
		size, err := landed(j.Data)
		return outcome{Rows: t.events + t.rejects, Details: map[string]float64{"events": float64(t.events), "rejects": float64(t.rejects),
			"landed_bytes_per_row": rounded(float64(size) / float64(t.read)), "store_mib": rounded(fileMiB(duckdb.DatabasePath(j.Data)))}}, err
	}
}

// landed is the size of the sealed batches; none at all is an error, since landing belongs to the measured work.
func landed(data string) (int64, error) {
	var size int64
	err := filepath.WalkDir(filepath.Join(data, "landing"), func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		size += st.Size()
		return nil
	})
	if err == nil && size == 0 {
		err = errors.New("nothing was landed")
	}
	return size, err
}

func fileMiB(path string) float64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return float64(st.Size()) / (1 << 20)
}
