package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onegrid/internal/hub"
	"onegrid/warehouse/duckdb"
)

func linkBenchmarks() []benchmark {
	return append(incrementBenchmarks(), []benchmark{
		{name: "link_full_1m", rows: 1_000_000, runs: 5, prepare: prepareLinkFull, reset: resetLinkFull, measure: measureLinkFull, verify: verifyLinkFull},
	}...)
}

// prepareLinkFull fills a store with tickets of a year, of which a part report the same incidents.
func prepareLinkFull(ctx context.Context, j job) (outcome, error) {
	res, err := prepareFile(ctx, j)
	if err != nil {
		return res, err
	}
	j.Data = j.Dir + "/filled"
	if _, err := measureSync(hotline)(ctx, j); err != nil {
		return res, fmt.Errorf("filling the store: %w", err)
	}
	t, err := countStore(ctx, j.Data, hotline)
	res.Rows = t.events
	return res, err
}

func resetLinkFull(_ context.Context, j job) (outcome, error) {
	return outcome{}, copyStore(j.Dir+"/filled", j.Data)
}

// measureLinkFull links a store for the first time: reading, comparing, clustering and storing.
func measureLinkFull(ctx context.Context, j job) (outcome, error) {
	h, err := hub.Open(ctx, hub.Options{Config: j.Dir, Data: j.Data})
	if err != nil {
		return outcome{}, err
	}
	r, err := h.Linker()
	if err != nil {
		return outcome{}, errors.Join(err, h.Close())
	}
	t0 := time.Now()
	rep, err := r.Rebuild(ctx)
	took := time.Since(t0).Seconds()
	if err := errors.Join(err, h.Close()); err != nil {
		return outcome{}, err
	}
	d := map[string]float64{"candidates": float64(rep.Candidates), "largest_cluster": float64(rep.Largest), "clusters": float64(rep.Clusters)}
	for k, v := range rep.Took {
		d[k+"_s"] = rounded(v)
	}
	return outcome{Seconds: took, Rows: int64(rep.Events), Details: d}, nil
}

// verifyLinkFull counts in the store: every event is still there, and every incident has one member that counts.
func verifyLinkFull(ctx context.Context, j job) (outcome, error) {
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: j.Data, ReadOnly: true})
	if err != nil {
		return outcome{}, err
	}
	defer s.Close()
	var events, incidents, countable int64
	if err := s.DB().QueryRowContext(ctx, "SELECT count(*), count(DISTINCT incident_id), count(*) FILTER (is_countable) FROM event").Scan(&events, &incidents, &countable); err != nil {
		return outcome{}, err
	}
	if events != j.Expect.Rows || countable != incidents || incidents >= events {
		return outcome{}, fmt.Errorf("%d events were stored; after linking there are %d in %d incidents with %d countable members", j.Expect.Rows, events, incidents, countable)
	}
	return outcome{Rows: events, Details: map[string]float64{"incidents": float64(incidents)}}, nil
}
