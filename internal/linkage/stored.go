package linkage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"onegrid/internal/hub"
	"onegrid/pipelines/link"
	"onegrid/pipelines/link/evaluate"
	"onegrid/pipelines/link/explain"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

// ErrNoRecord means that a named record does not exist.
var ErrNoRecord = errors.New("there is no such record")

// Explained is a pair taken apart, for people and machines.
type Explained struct{ *explain.Pair }

// Text is the explanation in a language, en or zh.
func (e Explained) Text(lang string) string {
	l := explain.EN
	if lang == "zh" {
		l = explain.ZH
	}
	return e.Pair.A + "\n" + e.Pair.B + "\n" + e.Pair.Text(l)
}

// Explain takes two records of a linked file apart.
func (r *Run) Explain(a, b string) (*Explained, error) {
	i, ok := r.Table.Find(a)
	if !ok {
		return nil, fmt.Errorf("%w: the first one", ErrNoRecord)
	}
	j, ok := r.Table.Find(b)
	if !ok {
		return nil, fmt.Errorf("%w: the second one", ErrNoRecord)
	}
	p, err := r.Result.Explain(&link.Engine{Spec: r.Spec}, i, j)
	if err != nil {
		return nil, err
	}
	return &Explained{p}, nil
}

// Train learns the weights of a file.
func Train(ctx context.Context, s *spec.Spec, path string, log *slog.Logger) (*score.Model, error) {
	t, _, err := Load(ctx, s, path, log)
	if err != nil {
		return nil, err
	}
	return (&link.Engine{Spec: s}).Train(ctx, link.Input{Table: t})
}

// find resolves an event named by id or by source_id:source_record_id.
func find(ctx context.Context, s *duckdb.Store, name string) (warehouse.EventRef, error) {
	var ref warehouse.EventRef
	where, args := "event_id = ?::UUID", []any{name}
	if _, err := uuid.Parse(name); err != nil {
		source, number, ok := strings.Cut(name, ":")
		if !ok {
			return ref, fmt.Errorf("%w: name it by event_id or by source_id:source_record_id", ErrNoRecord)
		}
		where, args = "source_id = ? AND source_record_id = ?", []any{source, number}
	}
	var id string
	var day time.Time
	err := s.DB().QueryRowContext(ctx, "SELECT event_id::VARCHAR, event_day FROM event_version WHERE known_to IS NULL AND "+where, args...).Scan(&id, &day)
	if errors.Is(err, sql.ErrNoRows) {
		return ref, ErrNoRecord
	}
	if err != nil {
		return ref, fmt.Errorf("finding an event: %w", err)
	}
	u, err := uuid.Parse(id)
	ref.ID, ref.Day = warehouse.EventID(u), int32(day.Unix()/86400)
	return ref, err
}

// ExplainStored takes two stored events apart.
func ExplainStored(ctx context.Context, h *hub.Hub, a, b string) (*Explained, error) {
	l, err := h.Linker()
	if err != nil {
		return nil, err
	}
	x, err := find(ctx, h.Store, a)
	if err != nil {
		return nil, err
	}
	y, err := find(ctx, h.Store, b)
	if err != nil {
		return nil, err
	}
	p, err := l.Explain(ctx, x, y)
	if err != nil {
		return nil, err
	}
	return &Explained{p}, nil
}

// Review is an open pair.
type Review struct {
	From        string  `json:"from"`
	To          string  `json:"to"`
	Probability float64 `json:"probability"`
	Bits        float64 `json:"bits"`
	Rule        string  `json:"rule"`
	Note        string  `json:"note"`
}

// Reviews lists open pairs, strongest first.
func Reviews(ctx context.Context, s *duckdb.Store, limit int) ([]Review, error) {
	rows, err := s.Review(ctx, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Review, 0, len(rows))
	for _, r := range rows {
		out = append(out, Review{uuid.UUID(r.From.ID).String(), uuid.UUID(r.To.ID).String(), r.Probability, r.Weight, r.Rule, r.Note})
	}
	return out, nil
}

// Decide stores what a person decided and returns its number.
func Decide(ctx context.Context, h *hub.Hub, a, b, says, actor, reason string) (int64, error) {
	x, err := find(ctx, h.Store, a)
	if err != nil {
		return 0, err
	}
	y, err := find(ctx, h.Store, b)
	if err != nil {
		return 0, err
	}
	if x.ID == y.ID {
		return 0, fmt.Errorf("%w: both names are of one event", ErrNoRecord)
	}
	return h.Store.Decide(ctx, []warehouse.Decision{{From: x, To: y, Says: says, Actor: actor, Reason: reason}})
}

// ExportDecisions writes what people decided as labels.
func ExportDecisions(ctx context.Context, s *duckdb.Store, path string, since time.Duration) (int, error) {
	ds, err := s.Decisions(ctx, 0)
	if err != nil {
		return 0, err
	}
	if since > 0 {
		ds = slices.DeleteFunc(ds, func(d warehouse.Decision) bool { return time.Since(d.At) > since })
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return 0, err
	}
	err = writeCSV(f, []string{"event_id_l", "event_id_r", "match", "says", "actor", "reason", "at"}, func(yield func([]string) bool) {
		for _, d := range ds {
			match := map[string]string{warehouse.MustLink: "1", warehouse.CannotLink: "0"}[d.Says]
			if !yield([]string{uuid.UUID(d.From.ID).String(), uuid.UUID(d.To.ID).String(), match, d.Says, d.Actor, d.Reason, d.At.UTC().Format(time.RFC3339)}) {
				return
			}
		}
	})
	return len(ds), errors.Join(err, f.Close())
}

// stored are the events of a store with their incidents.
type stored struct {
	index    map[string]int   // source_id, unit separator, source_record_id
	row      map[string]int32 // by event_id
	incident []int32
	source   []uint16
	names    []string
}

func readStored(ctx context.Context, s *duckdb.Store) (*stored, error) {
	rows, err := s.DB().QueryContext(ctx, "SELECT source_id, source_record_id, incident_id::VARCHAR, event_id::VARCHAR FROM event ORDER BY source_id, source_record_id")
	if err != nil {
		return nil, fmt.Errorf("reading incidents: %w", err)
	}
	defer rows.Close()
	st := &stored{index: map[string]int{}, row: map[string]int32{}}
	number := map[string]int32{}
	sources := map[string]uint16{}
	for rows.Next() {
		var source, record, incident, event string
		if err := rows.Scan(&source, &record, &incident, &event); err != nil {
			return nil, fmt.Errorf("reading incidents: %w", err)
		}
		n, ok := number[incident]
		if !ok {
			n = int32(len(number))
			number[incident] = n
		}
		k, ok := sources[source]
		if !ok {
			k = uint16(len(sources))
			sources[source] = k
			st.names = append(st.names, source)
		}
		st.index[source+"\x1f"+record] = len(st.incident)
		st.row[event] = int32(len(st.incident))
		st.incident = append(st.incident, n)
		st.source = append(st.source, k)
	}
	return st, rows.Err()
}

// truth reads source_id, source_record_id, incident_id.
func (st *stored) truth(ctx context.Context, path string, log *slog.Logger) ([]int32, error) {
	header, rows, err := rowsOf(ctx, path, log)
	if err != nil {
		return nil, err
	}
	at := func(name string) int { return slices.Index(header, name) }
	source, record, incident := at("source_id"), at("source_record_id"), at("incident_id")
	if source < 0 || record < 0 || incident < 0 {
		return nil, fmt.Errorf("%w: the columns source_id, source_record_id and incident_id are needed", ErrLabels)
	}
	out := make([]int32, len(st.incident))
	for i := range out {
		out[i] = evaluate.NoTruth
	}
	number := map[string]int32{}
	found := 0
	for _, r := range rows {
		i, ok := st.index[r[source]+"\x1f"+r[record]]
		if !ok {
			continue
		}
		n, known := number[r[incident]]
		if !known {
			n = int32(len(number))
			number[r[incident]] = n
		}
		out[i] = n
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("%w: none of %d records is in the store", ErrLabels, len(rows))
	}
	return out, nil
}

// StoredEval is the measure of the incidents of a store.
type StoredEval struct {
	evaluate.Report
	Across  evaluate.Rates        `json:"across_sources"` // pairs of different sources only
	Sources []evaluate.SourcePair `json:"sources"`
	Last    warehouse.LinkRun     `json:"last_run"`
	// Baselines are simpler methods on the same events.
	Baselines []evaluate.Report `json:"baselines,omitempty"`
}

// MeasureStore compares the incidents of a store with the true ones.
func MeasureStore(ctx context.Context, h *hub.Hub, truthFile string, baselines bool, log *slog.Logger) (*StoredEval, error) {
	s := h.Store
	st, err := readStored(ctx, s)
	if err != nil {
		return nil, err
	}
	truth, err := st.truth(ctx, truthFile, log)
	if err != nil {
		return nil, err
	}
	rep, err := evaluate.Clusters("incidents of the store", st.incident, truth)
	if err != nil {
		return nil, err
	}
	e := &StoredEval{Report: rep}
	if e.Sources, err = evaluate.Sources(st.incident, truth, st.source, st.names); err != nil {
		return nil, err
	}
	var pairs, correct, all int64
	for _, p := range e.Sources {
		if p.A != p.B {
			pairs += p.Pairs
			correct += p.Pairs - p.False
			all += p.Truth
		}
	}
	e.Across = evaluate.NewRates(pairs, all, correct)
	state, err := s.LinkState(ctx)
	if err != nil {
		return nil, err
	}
	e.Last = state.Last
	if baselines {
		rules, err := h.LinkRules()
		if err != nil {
			return nil, err
		}
		bits, _ := link.Bands(rules)
		if e.Baselines, err = st.baselines(ctx, s, truth, bits); err != nil {
			return nil, err
		}
	}
	e.Seconds, e.PeakRSSMiB = state.Last.Ended.Sub(state.Last.Started).Seconds(), peakMiB()
	return e, nil
}

// StoreReport writes the page about the last run over a store, with rates where a truth file is given.
func StoreReport(ctx context.Context, w io.Writer, h *hub.Hub, truthFile string, log *slog.Logger) error {
	rep, err := storeReport(ctx, h, truthFile, log)
	if err != nil {
		return err
	}
	return rep.WriteHTML(w)
}
