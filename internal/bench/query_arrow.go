package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// exportRows is what an analyst may take at once; the statement asks for ten columns of all kinds.
const (
	exportRows = 1_000_000
	exportSQL  = "SELECT event_id, event_day, source_id, category, county_code, status, reported_at, lon, lat, is_countable FROM event"
	exports    = 3 // measured, after one that warms up
)

// measureArrow reads a million rows as an Arrow stream over HTTP and counts them in the stream itself.
func measureArrow(ctx context.Context, j job) (res outcome, err error) {
	f, err := startFront(ctx, j)
	if err != nil {
		return res, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, f.stop())
		}
	}()
	a := f.client(0)
	defer a.close()
	if _, err := a.ask(ctx, map[string]any{"sql": "SELECT count(*) FROM freshness"}, drop); err != nil {
		return res, err
	}
	idle, _ := f.peaks()
	want := min(int64(j.Rows)*8/10, exportRows)
	var took []float64
	var cold float64
	var size int64
	for n := range exports + 1 {
		t0 := time.Now()
		var rows int64
		said, err := a.ask(ctx, map[string]any{"sql": exportSQL, "format": "arrow", "max_rows": want}, func(r io.Reader) (err error) {
			c := &counted{Reader: r}
			rows, err = arrowRows(c)
			size = c.n
			return err
		})
		if err != nil {
			return res, err
		}
		d := time.Since(t0).Seconds()
		if rows != want || said != rows {
			return res, fmt.Errorf("%d rows of %d columns arrived, the front says %d, %d were asked for", rows, 10, said, want)
		}
		if n == 0 {
			cold = d
			continue
		}
		took = append(took, d)
	}
	front, worker := f.peaks()
	stopped = true
	if err := f.stop(); err != nil {
		return res, err
	}
	return outcome{Seconds: median(took), Rows: want, Repeats: exports, Details: map[string]float64{"first_s": rounded(cold), "export_s_max": quantile(took, 1), "exported_rows": float64(want),
		"arrow_mib": rounded(float64(size) / (1 << 20)), "front_idle_mib": idle, "front_peak_mib": front, "worker_peak_mib": worker}}, nil
}

// verifyArrow wants the snapshot as it was; the rows of the report are those of one export.
func verifyArrow(ctx context.Context, j job) (outcome, error) {
	res, err := verifySnapshot(ctx, j)
	res.Rows = min(int64(j.Rows)*8/10, exportRows)
	return res, err
}

// arrowRows counts the rows of an Arrow IPC stream of ten columns.
func arrowRows(r io.Reader) (n int64, err error) {
	s, err := ipc.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("reading the Arrow stream: %w", err)
	}
	defer s.Release()
	for s.Next() {
		if c := s.RecordBatch().NumCols(); c != 10 {
			return n, fmt.Errorf("a batch has %d columns", c)
		}
		n += s.RecordBatch().NumRows()
	}
	return n, s.Err()
}

// counted counts bytes.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
