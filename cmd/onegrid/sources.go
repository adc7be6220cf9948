package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/connectors"
	"onegrid/internal/hub"
	"onegrid/pipelines/normalize"
	"onegrid/warehouse"
)

func (a *app) sourcesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sources",
		Short: "list the sources, or show one · 来源清单",
		Long:  "Lists every source of the configuration with its schedule and what the store holds of it. It works without a store.\n\n列出配置中的全部来源及其入库情况;没有数据库也可使用。",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rep, stored, err := a.statusOrConfig(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"store": stored, "sources": rep.Sources}, func() { a.printSources(rep, stored) })
		},
	}
	cmd.AddCommand(a.sourceShowCmd())
	return cmd
}

// statusOrConfig is the status from the store, from the daemon that holds it, or what the configuration alone says; the
// text says which.
func (a *app) statusOrConfig(ctx context.Context) (hub.StatusReport, string, error) {
	rep, err := a.status(ctx)
	switch {
	case err == nil && rep.Daemon:
		return rep, "daemon", nil
	case err == nil:
		return rep, "open", nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, warehouse.ErrLocked):
		return rep, "", err
	}
	stored := "absent"
	if errors.Is(err, warehouse.ErrLocked) {
		stored = "locked"
	}
	h, err := a.open(ctx, hub.Options{NoStore: true})
	if err != nil {
		return rep, "", err
	}
	defer h.Close()
	rep, err = h.Status(ctx)
	return rep, stored, err
}

func (a *app) printSources(rep hub.StatusReport, stored string) {
	t := a.table(a.tr("ID", "标识"), a.tr("TITLE", "名称"), a.tr("KIND", "类型"), a.tr("STATE", "状态"), a.tr("SCHEDULE", "调度"), a.tr("FRESH WITHIN", "时效要求"),
		a.tr("LAST GOOD RUN", "最近成功"), a.tr("LAST COMMIT", "最近入库"), a.tr("EVENTS", "事件"), a.tr("REJECTS", "拒收"))
	for _, s := range rep.Sources {
		t.row(s.ID, short(a.tr(s.Title, s.TitleZH), 40), s.Kind, a.stateName(s.State), orDash(s.Schedule), a.age(time.Duration(s.Expect)*time.Second), when(s.LastGood), when(s.Commit), s.Events, s.Rejects)
	}
	t.flush()
	switch stored {
	case "absent":
		a.printf("there is no store yet: onegrid sync makes one", "尚无数据库:运行 onegrid sync 即会创建")
	case "locked":
		a.printf("another process holds the store: what it holds is not shown", "数据库被其他进程占用,未显示入库情况")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// sourceDetail is `sources show`.
type sourceDetail struct {
	ID         string         `json:"id"`
	Title      string         `json:"title,omitempty"`
	TitleZH    string         `json:"title_zh,omitempty"`
	File       string         `json:"file"`
	Kind       string         `json:"kind"`
	SourceKind string         `json:"source_kind"`
	Enabled    bool           `json:"enabled"`
	Provider   string         `json:"provider,omitempty"`
	Summary    string         `json:"summary,omitempty"`
	Schedule   string         `json:"schedule,omitempty"`
	Overlap    string         `json:"overlap"`
	Missed     string         `json:"missed"`
	Expect     float64        `json:"expect_seconds"`
	Landing    string         `json:"landing"`
	Mapping    string         `json:"mapping"`
	Streams    []streamDetail `json:"streams"`
	NotReached string         `json:"streams_error,omitempty"`
	Columns    []columnDetail `json:"columns"`
}

type streamDetail struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Note    string   `json:"note,omitempty"`
}

// columnDetail is a source column with what becomes of it.
type columnDetail struct {
	Column  string   `json:"column"`
	Targets []string `json:"targets"` // empty where the mapping does not name it: it is dropped
	Seen    bool     `json:"seen"`    // the source has it now
	Dropped bool     `json:"dropped"` // on purpose
}

func (a *app) sourceShowCmd() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "show SOURCE",
		Short: "one source: settings, columns it has now, what the mapping makes of them · 来源详情",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.open(cmd.Context(), hub.Options{NoStore: true})
			if err != nil {
				return err
			}
			defer h.Close()
			src, err := h.Source(args[0])
			if err != nil {
				return err
			}
			d, err := a.sourceDetail(cmd.Context(), h, src, timeout)
			if err != nil {
				return err
			}
			return a.emit(d, func() { a.printSource(d) })
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 15*time.Second, "longest wait for the source · 等待来源的上限")
	return cmd
}

func (a *app) sourceDetail(ctx context.Context, h *hub.Hub, src *catalog.Source, timeout time.Duration) (sourceDetail, error) {
	d := sourceDetail{ID: src.ID, Title: src.Title, TitleZH: src.TitleZH, File: src.File, Kind: src.Kind, SourceKind: src.SourceKind, Enabled: src.Enabled, Provider: src.Provider,
		Summary: src.Summary, Schedule: hub.ScheduleText(src), Overlap: src.Schedule.Overlap, Missed: src.Schedule.Missed, Expect: src.Freshness.Expect.Std().Seconds(),
		Landing: src.Landing.Mode, Mapping: src.Mapping, Streams: []streamDetail{}, Columns: []columnDetail{}}
	m, err := normalize.Load(h.MappingPath(src))
	if err != nil {
		return d, err
	}
	seen, err := discover(ctx, h, src, timeout, &d)
	if err != nil {
		d.NotReached = h.Guard.Scrub(err.Error()) // invariant 4: an upstream's words may quote anything
	}
	byColumn := map[string]*columnDetail{}
	var order []string
	column := func(name string) *columnDetail {
		c, ok := byColumn[name]
		if !ok {
			c = &columnDetail{Column: name, Targets: []string{}, Seen: seen[name]}
			byColumn[name] = c
			order = append(order, name)
		}
		return c
	}
	for _, s := range d.Streams {
		for _, name := range s.Columns {
			column(name)
		}
	}
	for _, it := range m.Items() {
		c := column(it.Column)
		if it.Target == "" {
			c.Dropped = true
		} else if !slices.Contains(c.Targets, it.Target) {
			c.Targets = append(c.Targets, it.Target)
		}
	}
	for _, name := range order {
		d.Columns = append(d.Columns, *byColumn[name])
	}
	return d, nil
}

// discover asks the source for its streams and columns, where its connector can tell them.
func discover(ctx context.Context, h *hub.Hub, src *catalog.Source, timeout time.Duration, d *sourceDetail) (map[string]bool, error) {
	seen := map[string]bool{}
	conn, err := h.Connector(src)
	if err != nil {
		return seen, err
	}
	can, ok := conn.(connectors.Discoverer)
	if !ok {
		return seen, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	streams, err := can.Discover(ctx)
	for _, s := range streams {
		d.Streams = append(d.Streams, streamDetail{Name: s.Name, Columns: append([]string{}, s.Columns...), Note: h.Guard.Scrub(s.Note)})
		for _, c := range s.Columns {
			seen[c] = true
		}
	}
	return seen, err
}

func (a *app) printSource(d sourceDetail) {
	line := func(en, zh, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%s: %s\n", a.tr(en, zh), value)
		}
	}
	line("source", "来源", d.ID+"  "+a.tr(d.Title, d.TitleZH))
	line("file", "文件", d.File)
	line("kind", "类型", d.Kind+" / "+d.SourceKind)
	line("provider", "提供方", d.Provider)
	line("summary", "摘要", d.Summary)
	state := a.tr("enabled", "启用")
	if !d.Enabled {
		state = a.tr("disabled", "停用")
	}
	line("state", "状态", state)
	line("schedule", "调度", fmt.Sprintf("%s (overlap %s, missed %s)", orDash(d.Schedule), d.Overlap, d.Missed))
	line("fresh within", "时效要求", a.age(time.Duration(d.Expect)*time.Second))
	line("landing", "原始批次", d.Landing)
	line("mapping", "映射", d.Mapping)
	for _, s := range d.Streams {
		line("stream", "数据流", strings.TrimSuffix(fmt.Sprintf("%s (%d columns) %s", s.Name, len(s.Columns), s.Note), " "))
	}
	if d.NotReached != "" {
		line("not reached", "无法访问", a.red(d.NotReached))
	}
	fmt.Fprintln(a.out)
	t := a.table(a.tr("SOURCE COLUMN", "来源列"), a.tr("BECOMES", "目标"), a.tr("NOTE", "备注"))
	for _, c := range d.Columns {
		target, note := strings.Join(c.Targets, ", "), ""
		switch {
		case c.Dropped:
			target = a.tr("(dropped on purpose)", "(有意丢弃)")
		case len(c.Targets) == 0:
			target = a.tr("(not mapped: dropped)", "(未映射,丢弃)")
		}
		if !c.Seen && len(d.Streams) > 0 {
			note = a.tr("the source does not have it now", "来源当前没有该列")
		}
		t.row(short(c.Column, 40), target, note)
	}
	t.flush()
}
