package hub

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"onegrid/catalog"
	"onegrid/pipelines/schedule"
	"onegrid/warehouse/duckdb"
)

// StatusReport is the state of a hub: what `onegrid status` prints and what the daemon answers under /v1/status.
type StatusReport struct {
	At      time.Time      `json:"at"`
	City    string         `json:"city,omitempty"`
	CityZH  string         `json:"city_zh,omitempty"`
	Daemon  bool           `json:"daemon"` // answered by a running daemon
	Store   StoreStatus    `json:"store"`
	Sources []SourceStatus `json:"sources"`
}

// StoreStatus is about the store as a whole. Sizes are bytes.
type StoreStatus struct {
	DatabaseBytes int64         `json:"database_bytes"`
	LogBytes      int64         `json:"log_bytes"`
	Events        int64         `json:"events"`
	Versions      int64         `json:"versions"`
	OpenRejects   int64         `json:"open_rejects"`
	WitnessOK     bool          `json:"witness_ok"` // every acknowledged commit is in the store
	Lost          []duckdb.Lost `json:"lost,omitempty"`
}

// States of a source.
const (
	StateDisabled    = "disabled"
	StateNever       = "never"
	StateOK          = "ok"
	StateFailed      = "failed"
	StateStopped     = "stopped"
	StateRunning     = "running"
	StateInterrupted = "interrupted" // the process ended before its run did; the next one goes on where it stopped
)

// SourceStatus is the state of one source.
type SourceStatus struct {
	ID       string     `json:"id"`
	Title    string     `json:"title,omitempty"`
	TitleZH  string     `json:"title_zh,omitempty"`
	Kind     string     `json:"kind"`
	Enabled  bool       `json:"enabled"`
	State    string     `json:"state"`
	LastRun  *RunStatus `json:"last_run,omitempty"`
	LastGood *time.Time `json:"last_good,omitempty"`   // end of the last run that read to its end
	Commit   *time.Time `json:"last_commit,omitempty"` // of records, not of a resume point set by hand
	Seq      int64      `json:"seq"`                   // units stored
	Events   int64      `json:"events"`
	Rejects  int64      `json:"open_rejects"`
	Newest   *time.Time `json:"newest,omitempty"` // newest update or report time that is stored and not in the future
	Expect   float64    `json:"expect_seconds"`   // oldest acceptable age of the newest record
	Late     bool       `json:"late"`             // invariant 9: silence is not zero
	Schedule string     `json:"schedule,omitempty"`
	Next     *time.Time `json:"next,omitempty"` // next start by the schedule, without jitter and breaker
}

// RunStatus is one run.
type RunStatus struct {
	ID        string     `json:"id"`
	Trigger   string     `json:"trigger"`
	Status    string     `json:"status"`
	Started   time.Time  `json:"started"`
	Ended     *time.Time `json:"ended,omitempty"`
	Read      int64      `json:"read"`
	New       int64      `json:"new"`
	Updated   int64      `json:"updated"`
	Unchanged int64      `json:"unchanged"`
	Stale     int64      `json:"stale"`
	Rejected  int64      `json:"rejected"`
	Class     string     `json:"error_class,omitempty"`
	Error     string     `json:"error,omitempty"`
	Hint      string     `json:"hint,omitempty"`
	Notes     string     `json:"notes,omitempty"`
}

// Source returns the status of a source, nil where it is not in the report. The daemon adds what only it knows.
func (r *StatusReport) Source(id string) *SourceStatus {
	for i := range r.Sources {
		if r.Sources[i].ID == id {
			return &r.Sources[i]
		}
	}
	return nil
}

// Status reads the state of all sources from the store. Without a store (Options.NoStore) it holds what the
// configuration says.
func (h *Hub) Status(ctx context.Context) (StatusReport, error) {
	now := time.Now().UTC()
	rep := StatusReport{At: now, City: h.Catalog.Hub.City.Name, CityZH: h.Catalog.Hub.City.NameZH, Sources: []SourceStatus{}}
	for _, s := range h.Catalog.Sources() {
		st := SourceStatus{ID: s.ID, Title: s.Title, TitleZH: s.TitleZH, Kind: s.Kind, Enabled: s.Enabled, State: StateNever, Schedule: ScheduleText(s), Expect: s.Freshness.Expect.Std().Seconds()}
		if spec, err := schedule.ParseSpec(st.Schedule, h.Catalog.Hub.Location()); st.Schedule != "" && err == nil && s.Enabled {
			if next := spec.Next(now); !next.IsZero() {
				st.Next = &next
			}
		}
		rep.Sources = append(rep.Sources, st)
	}
	if h.Store != nil {
		z := h.Store.Sizes()
		rep.Store = StoreStatus{DatabaseBytes: z.Database, LogBytes: z.Log, WitnessOK: len(h.Lost) == 0, Lost: h.Lost}
		if err := h.storeStatus(ctx, &rep); err != nil {
			return rep, fmt.Errorf("reading the state of the sources: %w", err)
		}
	}
	for i := range rep.Sources {
		st := &rep.Sources[i]
		if !st.Enabled {
			st.State = StateDisabled
			continue
		}
		st.Late = st.Newest == nil || now.Sub(*st.Newest).Seconds() > st.Expect
	}
	return rep, nil
}

// ScheduleText is the schedule of a source as pipelines/schedule parses it; "" for a source that is read by hand only.
func ScheduleText(s *catalog.Source) string {
	if s.Schedule.Every > 0 {
		return "@every " + s.Schedule.Every.String()
	}
	return s.Schedule.Cron
}

func (h *Hub) storeStatus(ctx context.Context, rep *StatusReport) error {
	db := h.Store.DB()
	if err := db.QueryRowContext(ctx, "SELECT count(*) FILTER (known_to IS NULL), count(*), (SELECT count(*) FROM reject_open) FROM event_version").
		Scan(&rep.Store.Events, &rep.Store.Versions, &rep.Store.OpenRejects); err != nil {
		return err
	}
	type step struct {
		query string
		scan  func(*sql.Rows) error
	}
	var id string
	for _, s := range []step{
		{"SELECT source_id, max(seq), max(committed_at) FILTER (n_read > 0) FROM checkpoint GROUP BY 1", func(r *sql.Rows) error {
			var seq int64
			var at sql.NullTime
			if err := r.Scan(&id, &seq, &at); err != nil {
				return err
			}
			if st := rep.Source(id); st != nil {
				st.Seq, st.Commit = seq, moment(at)
			}
			return nil
		}},
		{"SELECT source_id, count(*), max(coalesce(source_updated_at, reported_at)) FILTER (coalesce(source_updated_at, reported_at) <= now()) FROM event_version WHERE known_to IS NULL GROUP BY 1",
			func(r *sql.Rows) error {
				var n int64
				var at sql.NullTime
				if err := r.Scan(&id, &n, &at); err != nil {
					return err
				}
				if st := rep.Source(id); st != nil {
					st.Events, st.Newest = n, moment(at)
				}
				return nil
			}},
		{"SELECT source_id, count(*) FROM reject_open GROUP BY 1", func(r *sql.Rows) error {
			var n int64
			if err := r.Scan(&id, &n); err != nil {
				return err
			}
			if st := rep.Source(id); st != nil {
				st.Rejects = n
			}
			return nil
		}},
		{"SELECT source_id, max(ended_at) FROM run WHERE status = 'ok' AND run_trigger NOT IN ('state', 'replay', 'backfill', 'rebuild') GROUP BY 1", func(r *sql.Rows) error {
			var at sql.NullTime
			if err := r.Scan(&id, &at); err != nil {
				return err
			}
			if st := rep.Source(id); st != nil {
				st.LastGood = moment(at)
			}
			return nil
		}},
		// A point set by hand and a replay of rejects say nothing about reading.
		{`SELECT source_id, run_id, run_trigger, status, started_at, ended_at, n_read, n_new, n_updated, n_unchanged, n_stale, n_rejected,
 coalesce(error_class, ''), coalesce(error, ''), coalesce(hint, ''), coalesce(notes, '') FROM run WHERE run_trigger NOT IN ('state', 'replay')
 QUALIFY row_number() OVER (PARTITION BY source_id ORDER BY started_at DESC, ended_at DESC) = 1`, func(r *sql.Rows) error {
			var v RunStatus
			var end sql.NullTime
			if err := r.Scan(&id, &v.ID, &v.Trigger, &v.Status, &v.Started, &end, &v.Read, &v.New, &v.Updated, &v.Unchanged, &v.Stale, &v.Rejected, &v.Class, &v.Error, &v.Hint, &v.Notes); err != nil {
				return err
			}
			v.Started = v.Started.UTC()
			if st := rep.Source(id); st != nil {
				st.LastRun, st.State = &v, v.Status
				if v.Status != StateRunning {
					v.Ended = moment(end)
				} else if h.opts.ReadOnly {
					// This process holds the store and reads nothing, so nobody does.
					st.State = StateInterrupted
				}
			}
			return nil
		}},
	} {
		if err := each(ctx, db, s.query, s.scan); err != nil {
			return err
		}
	}
	return nil
}

func moment(t sql.NullTime) *time.Time {
	if !t.Valid {
		return nil
	}
	v := t.Time.UTC()
	return &v
}

// each runs a query and scans every row.
func each(ctx context.Context, db *sql.DB, query string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
