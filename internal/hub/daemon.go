package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"onegrid/internal/ops"
	"onegrid/internal/service"
	"onegrid/pipelines"
	"onegrid/pipelines/schedule"
)

// Daemon runs a hub on schedule: scheduler, maintenance and the metrics server.
type Daemon struct {
	metrics *ops.Metrics
	hub     *Hub
	sched   *schedule.Scheduler
	// AfterLink is told when incidents may have changed, AfterCommit when events may have; nil for nobody.
	AfterLink, AfterCommit func()
	// Extra are further services of the daemon, started before the scheduler.
	Extra []service.Named
}

// NewDaemon makes the metrics first, so that a hub can report to them from its first commit.
func NewDaemon(version string) *Daemon { return &Daemon{metrics: ops.NewMetrics(version)} }

// Observe is the hub's Options.Observe.
func (d *Daemon) Observe(source string, u pipelines.Stored) {
	c := u.Receipt.Counts
	d.metrics.Committed(source, ops.Unit{Read: c.Read, Events: c.New, Versions: c.New + c.Updated + c.Stale, Unchanged: c.Unchanged, Rejects: u.Rejects,
		Newest: u.Newest, Took: u.Took})
	if d.AfterCommit != nil {
		d.AfterCommit()
	}
}

// Services are what the daemon runs, in the order of their start.
func (d *Daemon) Services(h *Hub) (*service.Group, error) {
	d.hub = h
	set := h.Catalog.Hub
	var sources []schedule.Source
	for _, s := range h.Catalog.Sources() {
		if !s.Enabled {
			continue
		}
		cron := s.Schedule.Cron
		if cron == "" && s.Schedule.Every > 0 {
			cron = "@every " + s.Schedule.Every.Std().String()
		}
		sources = append(sources, schedule.Source{ID: s.ID, Cron: cron, Jitter: s.Schedule.Jitter.Std(), Overlap: schedule.Overlap(s.Schedule.Overlap),
			Missed: schedule.Missed(s.Schedule.Missed), Timeout: s.Schedule.Timeout.Std(),
			Breaker: schedule.BreakerConfig{Failures: s.Breaker.Failures, Pause: s.Breaker.OpenFor.Std()}})
	}
	sched, err := schedule.New(schedule.Config{Sources: sources, Zone: h.Catalog.Hub.Location(), Concurrency: set.Run.MaxConcurrent, Grace: set.Run.Grace.Std(),
		History: history{h}, Breakers: breakers{h}}, d.sync, h.Log)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	d.sched = sched
	members := []service.Named{{Name: "maintenance", Service: service.New("maintenance", d.maintain)},
		{Name: "control", Service: service.New("control", d.control)}}
	if set.Link.Enabled {
		members = append(members, service.Named{Name: "linkage", Service: service.New("linkage", d.linkLoop)})
	}
	d.seed(h)
	if set.Server.Listen != "" {
		server := ops.NewServer(set.Server.Listen, d.metrics, []ops.Check{{Name: "store", Vital: true, Run: h.Store.Ready}}, h.Log)
		server.Handle("GET /v1/status", http.HandlerFunc(d.status))
		members = append(members, service.Named{Name: "server", Service: server})
	}
	members = append(members, d.Extra...)
	members = append(members, service.Named{Name: "scheduler", Service: sched})
	return service.NewGroup(h.Log, members...), nil
}

// seed tells the metrics what earlier daemons did, so that a restart does not look like silence (invariant 9).
func (d *Daemon) seed(h *Hub) {
	rows, err := h.Store.DB().Query(`SELECT source_id, max(started_at) FILTER (status = 'ok'), (SELECT max(valid_from) FROM event_version v WHERE v.source_id = r.source_id) FROM run r GROUP BY source_id`)
	if err != nil {
		h.Log.Warn("reading earlier runs", "error", err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var good, newest sql.NullTime
		if err := rows.Scan(&id, &good, &newest); err != nil {
			h.Log.Warn("reading earlier runs", "error", err)
			return
		}
		if good.Valid {
			d.metrics.LastGoodRun(id, good.Time)
		}
		if newest.Valid {
			d.metrics.Newest(id, newest.Time)
		}
	}
}

// sync is one run of the scheduler.
func (d *Daemon) sync(ctx context.Context, source string, t schedule.Trigger) error {
	t0 := time.Now()
	res, err := d.hub.Sync(ctx, source, string(t.Reason), t.Slot)
	outcome := "ok"
	switch {
	case err != nil && ctx.Err() != nil:
		outcome = "stopped"
	case err != nil && res.Units > 0:
		outcome = "partial"
	case err != nil:
		outcome = "failed"
	}
	d.metrics.RunEnded(source, outcome, time.Since(t0), time.Now())
	return err
}

// status answers `onegrid status` of another process: the store's view, with what only the scheduler knows.
func (d *Daemon) status(w http.ResponseWriter, r *http.Request) {
	rep, err := d.hub.Status(r.Context())
	if err != nil {
		d.hub.Log.Warn("answering the status", "error", err)
		http.Error(w, "the store cannot be read", http.StatusServiceUnavailable)
		return
	}
	rep.Daemon = true
	for _, s := range d.sched.Snapshot() {
		st := rep.Source(s.Source)
		if st == nil {
			continue
		}
		if !s.RunningSince.IsZero() {
			st.State = StateRunning
		} else if st.State == StateRunning {
			st.State = StateInterrupted
		}
		if st.Next = nil; !s.NextRun.IsZero() {
			next := s.NextRun.UTC()
			st.Next = &next
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(rep); err != nil {
		d.hub.Log.Debug("answering the status", "error", err)
	}
}

// Pauses of the maintenance.
const (
	maintainEvery = 5 * time.Second
	idleFor       = 5 * time.Second
	longLog       = 64 << 20
	expireEvery   = time.Hour
)

// maintain checkpoints the idle store, expires the landing and feeds the gauges.
func (d *Daemon) maintain(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	var expired time.Time
	var landed int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.hub.Store.CheckpointIdle(ctx, idleFor, longLog); err != nil {
			d.hub.Log.Warn("writing the log into the database", "error", err)
		}
		z := d.hub.Store.Sizes()
		d.metrics.Sizes(z.Database, z.Log, landed)
		for _, s := range d.sched.Snapshot() {
			d.metrics.Breaker(s.Source, string(s.Breaker.Phase))
			d.metrics.NextRun(s.Source, s.NextRun)
		}
		if time.Since(expired) > expireEvery {
			expired = time.Now()
			landed = folderSize(d.hub.LandingDir())
			if n, err := d.hub.Store.ExpireTokens(ctx, expired); err != nil {
				d.hub.Log.Warn("expiring tokens", "error", err)
			} else if n > 0 {
				d.hub.Log.Info("tokens expired", "tokens", n)
			}
			if n, err := d.hub.ExpireLanding(expired); err != nil {
				d.hub.Log.Warn("expiring the landing", "error", err)
			} else if n > 0 {
				d.hub.Log.Info("landing expired", "files", n)
			}
		}
	}
}

type history struct{ h *Hub }

func (s history) LastRuns(ctx context.Context) (map[string]time.Time, error) {
	return s.h.Store.LastSlots(ctx)
}

type breakers struct{ h *Hub }

func (s breakers) LoadBreakers(ctx context.Context) (map[string]schedule.BreakerState, error) {
	raw, err := s.h.Store.LoadBreakers(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]schedule.BreakerState{}
	for id, text := range raw {
		var st schedule.BreakerState
		if err := json.Unmarshal([]byte(text), &st); err != nil {
			return nil, fmt.Errorf("reading the breaker of %s: %w", id, err)
		}
		out[id] = st
	}
	return out, nil
}

func (s breakers) SaveBreaker(ctx context.Context, source string, st schedule.BreakerState) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return s.h.Store.SaveBreaker(ctx, source, string(b))
}

// folderSize adds up the files below a folder; what cannot be read counts nothing.
func folderSize(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if fi, err := e.Info(); err == nil {
			n += fi.Size()
		}
		return nil
	})
	return n
}
