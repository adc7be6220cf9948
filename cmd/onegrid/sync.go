package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"onegrid/connectors"
	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/pipelines"
	"onegrid/warehouse"
)

// syncResult is one source's line of sync and backfill.
type syncResult struct {
	Source   string            `json:"source"`
	Run      string            `json:"run"`
	Counts   warehouse.Counts  `json:"counts"`
	Units    int               `json:"units"`
	Seconds  float64           `json:"seconds"`
	Rejects  map[string]int64  `json:"rejects_by_reason,omitempty"`
	Unmapped map[string]int64  `json:"unmapped_columns,omitempty"`
	Notes    []connectors.Note `json:"notes,omitempty"`
	Error    string            `json:"error,omitempty"`
	Hint     string            `json:"hint,omitempty"`
}

func (a *app) syncCmd() *cobra.Command {
	var parallel int
	cmd := &cobra.Command{
		Use:   "sync [SOURCE...]",
		Short: "read sources once, now · 立即读取一次",
		Long:  "Reads the named sources (all enabled ones when none is named) from their resume points until they have nothing more.\nOne source failing does not stop the others.\n\n从断点读取指定来源(缺省为全部启用的来源);一个来源失败不影响其他来源。",
		RunE: func(cmd *cobra.Command, args []string) error {
			progress := ops.NewProgress(a.err, a.json)
			jobs := &jobSet{p: progress}
			h, err := a.open(cmd.Context(), hub.Options{Observe: jobs.observe})
			if errors.Is(err, warehouse.ErrLocked) && len(args) > 0 {
				return a.askSync(cmd.Context(), args, err)
			}
			if err != nil {
				return err
			}
			defer h.Close()
			ids, err := sourceIDs(h, args)
			if err != nil {
				return err
			}
			results := a.syncAll(cmd.Context(), h, ids, parallel)
			progress.Close()
			if err := a.emit(map[string]any{"results": results}, func() { a.printSync(results) }); err != nil {
				return err
			}
			return failures(results)
		},
	}
	cmd.Flags().IntVar(&parallel, "parallel", 2, "sources read at the same time · 同时读取的来源数")
	return cmd
}

// askSync asks the running daemon to read the sources now; locked is what is said where none answers.
func (a *app) askSync(ctx context.Context, ids []string, locked error) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := hub.AskDaemon(ctx, dir, hub.ControlRequest{Sync: id}); errors.Is(err, hub.ErrNoDaemon) {
			return locked
		} else if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return a.emit(map[string]any{"asked": ids}, func() {
		a.printf("the daemon reads now: %s; onegrid status shows how it ended", "守护进程正在读取:%s;结果见 onegrid status", strings.Join(ids, ", "))
	})
}

// jobSet makes one progress line per source when its first unit is stored.
type jobSet struct {
	mu sync.Mutex
	p  *ops.Progress
	m  map[string]*ops.Job
}

func (j *jobSet) observe(source string, u pipelines.Stored) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.m == nil {
		j.m = map[string]*ops.Job{}
	}
	if j.m[source] == nil {
		j.m[source] = j.p.Job(source, "records", 0)
	}
	j.m[source].Add(u.Receipt.Counts.Read)
}

func sourceIDs(h *hub.Hub, args []string) ([]string, error) {
	if len(args) > 0 {
		for _, id := range args {
			if _, err := h.Source(id); err != nil {
				return nil, err
			}
		}
		return args, nil
	}
	var out []string
	for _, s := range h.Catalog.Sources() {
		if s.Enabled {
			out = append(out, s.ID)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no source is enabled", hub.ErrConfig)
	}
	return out, nil
}

func (a *app) syncAll(ctx context.Context, h *hub.Hub, ids []string, parallel int) []syncResult {
	results := make([]syncResult, len(ids))
	slots := make(chan struct{}, max(parallel, 1))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t0 := time.Now()
			res, err := h.Sync(ctx, id, "manual", time.Time{})
			results[i] = a.result(h, id, res, err, time.Since(t0))
		})
	}
	wg.Wait()
	return results
}

func (a *app) result(h *hub.Hub, id string, res pipelines.Result, err error, took time.Duration) syncResult {
	r := syncResult{Source: id, Run: res.RunID, Counts: res.Counts, Units: res.Units, Seconds: took.Seconds(), Notes: res.Notes, Unmapped: res.Mapped.Unmapped}
	if res.Counts.Rejected > 0 {
		r.Rejects = rejectsByReason(h, res.RunID)
	}
	if err != nil {
		r.Error, r.Hint = h.Guard.Scrub(err.Error()), a.hint(err)
	}
	return r
}

// rejectsByReason counts in the store, not in the program's own metrics.
func rejectsByReason(h *hub.Hub, run string) map[string]int64 {
	rows, err := h.Store.DB().Query("SELECT rule, count(*) FROM reject WHERE run_id = ? GROUP BY rule", run)
	if err != nil {
		return nil
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var rule string
		var n int64
		if rows.Scan(&rule, &n) == nil {
			out[rule] = n
		}
	}
	return out
}

func (a *app) printSync(rs []syncResult) {
	t := a.table(a.tr("SOURCE", "来源"), a.tr("READ", "读取"), a.tr("NEW", "新增"), a.tr("UPDATED", "更新"), a.tr("UNCHANGED", "未变"), a.tr("STALE", "迟到"),
		a.tr("REJECTED", "拒收"), a.tr("SECONDS", "秒"), a.tr("RESULT", "结果"))
	for _, r := range rs {
		state := "ok"
		if r.Error != "" {
			state = a.tr("failed", "失败")
		}
		c := r.Counts
		t.row(r.Source, c.Read, c.New, c.Updated, c.Unchanged, c.Stale, c.Rejected, fmt.Sprintf("%.1f", r.Seconds), state)
	}
	t.flush()
	for _, r := range rs {
		for rule, n := range r.Rejects {
			a.printf("%s: %d rejected: %s", "%s:拒收 %d 条:%s", r.Source, n, rule)
		}
		for _, n := range r.Notes {
			fmt.Fprintf(a.out, "%s: %s: %s\n", r.Source, n.Rule, n.Message)
		}
		if r.Error != "" {
			fmt.Fprintf(a.err, "%s: %s: %s\n", a.tr("Error", "错误"), r.Source, r.Error)
			if r.Hint != "" {
				fmt.Fprintf(a.err, "%s: %s\n", a.tr("Try", "建议"), r.Hint)
			}
		}
	}
}

// failures turns failed sources into the exit code; their messages are printed already.
func failures(rs []syncResult) error {
	for _, r := range rs {
		if r.Error != "" {
			return reported{errors.New(r.Error), exitRun}
		}
	}
	return nil
}

func (a *app) backfillCmd() *cobra.Command {
	var from, to, step string
	cmd := &cobra.Command{
		Use:   "backfill SOURCE --from TIME --to TIME",
		Short: "read a span of time again, in resumable windows · 按时间窗口补采",
		Long:  "Reads [from, to) again window by window. A window that was read to its end is not read a second time, and one that was\ninterrupted goes on where it stopped: run the same command again. The running resume point of the source is not touched.\n\n按窗口补采 [from, to);已完成的窗口不再读取,中断后重新执行同一命令即可继续。",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.open(cmd.Context(), hub.Options{})
			if err != nil {
				return err
			}
			defer h.Close()
			ws, err := parseWindows(from, to, step, h.Catalog.Hub.Location())
			if err != nil {
				return usageError{err}
			}
			if _, err := h.Source(args[0]); err != nil {
				return err
			}
			progress := ops.NewProgress(a.err, a.json)
			job := progress.Job(args[0], "windows", int64(len(ws)))
			var results []syncResult
			for _, w := range ws {
				t0 := time.Now()
				res, done, err := h.Backfill(cmd.Context(), args[0], w)
				r := a.result(h, args[0]+" "+w.Point(), res, err, time.Since(t0))
				if done {
					r.Notes = append(r.Notes, connectors.Note{Rule: "done_before", Message: a.tr("read to its end by an earlier backfill", "此前已补采完成")})
				}
				results = append(results, r)
				job.Add(1)
				if err != nil {
					break
				}
			}
			progress.Close()
			if err := a.emit(map[string]any{"results": results}, func() { a.printSync(results) }); err != nil {
				return err
			}
			return failures(results)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first moment, 2006-01-02 or RFC 3339 · 起始时间")
	cmd.Flags().StringVar(&to, "to", "", "end, not included · 结束时间(不含)")
	cmd.Flags().StringVar(&step, "step", "24h", "length of a window, such as 24h or 7d · 窗口长度")
	cmd.MarkFlagRequired("from")
	cmd.MarkFlagRequired("to")
	return cmd
}

func parseWindows(from, to, step string, zone *time.Location) ([]pipelines.Window, error) {
	parse := func(name, v string) (time.Time, error) {
		for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
			if t, err := time.ParseInLocation(layout, v, zone); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("--%s %q is neither 2006-01-02 nor RFC 3339", name, v)
	}
	f, err := parse("from", from)
	if err != nil {
		return nil, err
	}
	t, err := parse("to", to)
	if err != nil {
		return nil, err
	}
	d, err := catalogDuration(step)
	if err != nil || d <= 0 {
		return nil, fmt.Errorf("--step %q is not a length of time such as 24h or 7d", step)
	}
	if !f.Before(t) {
		return nil, errors.New("--from must lie before --to")
	}
	return pipelines.Windows(f, t, d), nil
}
