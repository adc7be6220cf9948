package linkage

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"onegrid/pipelines/link/block"
	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/evaluate"
	"onegrid/warehouse/duckdb"
)

// Names of the simpler methods that results are shown beside.
const (
	baselineRaw   = "raw components of the same links"
	baselineNear  = "same type, 30 m, 24 h"
	baselineExact = "exact rule: same text"
)

var baselineZH = map[string]string{baselineRaw: "同一批关联的连通分量", baselineNear: "同类、30米、24小时", baselineExact: "精确规则:文本相同"}

// held is a link of the ledger that holds.
type held struct {
	a, b     int32
	from, to string // event ids
	bits     float64
	certain  bool
	band     string
}

// ledger reads the links that hold, of both bands.
func (st *stored) ledger(ctx context.Context, s *duckdb.Store) ([]held, error) {
	rows, err := s.DB().QueryContext(ctx, "SELECT from_event::VARCHAR, to_event::VARCHAR, weight, method, band FROM event_link_held")
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	defer rows.Close()
	var out []held
	for rows.Next() {
		var h held
		var method string
		if err := rows.Scan(&h.from, &h.to, &h.bits, &method, &h.band); err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		a, okA := st.row[h.from]
		b, okB := st.row[h.to]
		if !okA || !okB {
			continue
		}
		h.a, h.b = a, b
		h.certain = method == certain.SourceField.String() || method == certain.IDInText.String() || method == certain.Copy.String()
		out = append(out, h)
	}
	return out, rows.Err()
}

// baselines are simpler methods on the same events: components of the links without guards, the same category within 30 m
// and 24 h, and the same text. link is the weight in bits from which the rules link.
func (st *stored) baselines(ctx context.Context, s *duckdb.Store, truth []int32, link float64) ([]evaluate.Report, error) {
	ledger, err := st.ledger(ctx, s)
	if err != nil {
		return nil, err
	}
	n := len(st.incident)
	raw := cluster.NewForest(n)
	for _, l := range ledger {
		if l.certain || l.bits >= link {
			raw.Join(l.a, l.b)
		}
	}
	near, exact, err := st.simple(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []evaluate.Report
	for _, m := range []struct {
		name string
		f    *cluster.Forest
	}{{baselineNear, near}, {baselineExact, exact}, {baselineRaw, raw}} {
		label, _ := m.f.Labels()
		rep, err := evaluate.Clusters(m.name, label, truth)
		if err != nil {
			return nil, err
		}
		rep.Sizes = nil
		out = append(out, rep)
	}
	return out, nil
}

// simple joins by the two rules that a first attempt would write.
func (st *stored) simple(ctx context.Context, s *duckdb.Store) (near, exact *cluster.Forest, err error) {
	rows, err := s.DB().QueryContext(ctx, "SELECT event_id::VARCHAR, hash(category), lon, lat, epoch_us(reported_at), text_simhash FROM event")
	if err != nil {
		return nil, nil, fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	n := len(st.incident)
	in := block.Input{Rows: n, Order: make([]int64, n), X: make([]float64, n), Y: make([]float64, n)}
	kind := make([]uint64, n)
	near, exact = cluster.NewForest(n), cluster.NewForest(n)
	first := map[uint64]int32{}
	for rows.Next() {
		var id string
		var category uint64
		var lon, lat sql.NullFloat64
		var at int64
		var text sql.Null[uint64]
		if err := rows.Scan(&id, &category, &lon, &lat, &at, &text); err != nil {
			return nil, nil, fmt.Errorf("reading events: %w", err)
		}
		i, ok := st.row[id]
		if !ok {
			continue
		}
		kind[i], in.Order[i], in.X[i], in.Y[i] = category, at, math.NaN(), math.NaN()
		if lon.Valid && lat.Valid {
			const degree = 111_195
			in.X[i], in.Y[i] = lon.Float64*degree*math.Cos(lat.Float64*math.Pi/180), lat.Float64*degree
		}
		if text.Valid {
			if j, ok := first[text.V]; ok {
				exact.Join(i, j)
			} else {
				first[text.V] = i
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	in.Rules = []block.Rule{{Name: "near", Radius: 30, Within: 24 * 3600 * 1e6, Cap: n, Keys: func() (block.Keys, error) {
		b := block.NewBuilder(n, 1)
		for _, k := range kind {
			b.Add(k)
			b.End()
		}
		return b.Keys()
	}}}
	_, err = block.Pairs(ctx, in, func(pairs []block.Pair) error {
		for _, p := range pairs {
			near.Join(p.A, p.B)
		}
		return nil
	})
	return near, exact, err
}
