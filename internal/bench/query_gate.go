package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"onegrid/query/gate"
)

// honestFile is the corpus of legitimate queries, as seen from the root of the repository.
const honestFile = "query/gate/testdata/honest.sql"

const gateRounds = 20

// prepareGate copies the corpus to the benchmark's folder.
func prepareGate(_ context.Context, j job) (outcome, error) {
	b, err := os.ReadFile(filepath.FromSlash(honestFile))
	if err != nil {
		return outcome{}, fmt.Errorf("reading the queries (run it in the root of the repository): %w", err)
	}
	n := len(statements(string(b)))
	if n < 40 {
		return outcome{}, fmt.Errorf("%s has %d statements", honestFile, n)
	}
	return outcome{Rows: int64(n)}, os.WriteFile(filepath.Join(j.Dir, "honest.sql"), b, 0o640)
}

// statements cuts a file of statements, each ended by a semicolon.
func statements(text string) (out []string) {
	var one []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len(one) == 0 && (line == "" || strings.HasPrefix(line, "--")) {
			continue
		}
		one = append(one, line)
		if strings.Contains(line, ";") {
			out, one = append(out, strings.Join(one, "\n")), nil
		}
	}
	return out
}

// measureGate decides on the corpus again and again; nothing is cached between two decisions.
func measureGate(ctx context.Context, j job) (res outcome, err error) {
	b, err := os.ReadFile(filepath.Join(j.Dir, "honest.sql"))
	if err != nil {
		return res, err
	}
	g, err := gate.Open(ctx)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	published, err := gate.NewCatalog([]string{"event", "incident", "area", "category", "org", "event_transition", "freshness", "bi.daily"}, []string{"hours_open"}, []string{"open_in"})
	if err != nil {
		return res, err
	}
	var took []float64
	var total time.Duration
	for round := range gateRounds + 1 {
		for _, q := range statements(string(b)) {
			t0 := time.Now()
			v, err := g.Check(ctx, q, published)
			d := time.Since(t0)
			if err != nil || !v.Allowed {
				return res, errors.Join(fmt.Errorf("an honest query was denied: %s", v.Message), err)
			}
			if round > 0 { // the first warms up
				took, total = append(took, 1000*d.Seconds()), total+d
			}
		}
	}
	return outcome{Seconds: total.Seconds(), Rows: int64(len(took)), Details: map[string]float64{"ms_p50": quantile(took, 0.5), "ms_p95": quantile(took, 0.95), "ms_p99": quantile(took, 0.99)}}, nil
}

// verifyGate counts the decisions that were to be made.
func verifyGate(_ context.Context, j job) (outcome, error) {
	return outcome{Rows: j.Expect.Rows * gateRounds}, nil
}
