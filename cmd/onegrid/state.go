package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/warehouse"
)

func (a *app) stateCmd() *cobra.Command {
	return group("state", "show or move the resume point of a source · 断点", a.stateShowCmd(), a.stateSetCmd())
}

// point is a resume point as people see and write it.
type point struct {
	Source  string          `json:"source"`
	Window  string          `json:"window,omitempty"` // of a backfill, "" for the running point
	Seq     int64           `json:"seq"`
	At      *time.Time      `json:"at,omitempty"`
	Run     string          `json:"run,omitempty"`
	Version int             `json:"version"`
	Data    json.RawMessage `json:"data"`
	Done    bool            `json:"done,omitempty"` // a backfill window that was read to its end
}

func pointOf(st warehouse.State) point {
	p := point{Source: st.Source, Window: st.Point, Seq: st.Seq, Run: st.RunID, Version: st.Resume.Version, Data: json.RawMessage("null"), Done: st.Resume.Version < 0}
	if !st.At.IsZero() {
		at := st.At.UTC()
		p.At = &at
	}
	switch {
	case len(st.Resume.Data) == 0:
	case json.Valid(st.Resume.Data):
		p.Data = json.RawMessage(st.Resume.Data)
	default: // JSON is a convention of connectors, not a rule
		p.Data, _ = json.Marshal(st.Resume.Data)
	}
	return p
}

func (a *app) stateShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show SOURCE",
		Short: "the running resume point and those of backfill windows · 查看断点",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.open(cmd.Context(), hub.Options{ReadOnly: true})
			if err != nil {
				return err
			}
			defer h.Close()
			if _, err := h.Source(args[0]); err != nil {
				return err
			}
			states, err := h.Store.Points(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			running := point{Source: args[0], Data: json.RawMessage("null")}
			windows := []point{}
			for _, st := range states {
				if st.Point == "" {
					running = pointOf(st)
				} else {
					windows = append(windows, pointOf(st))
				}
			}
			return a.emit(map[string]any{"running": running, "windows": windows}, func() { a.printPoints(running, windows) })
		},
	}
}

func (a *app) printPoints(running point, windows []point) {
	show := func(p point) {
		fmt.Fprintf(a.out, "  %s %d, %s %s, %s %d\n", a.tr("unit", "批次"), p.Seq, a.tr("stored at", "入库于"), when(p.At), a.tr("version", "版本"), p.Version)
		b, err := json.MarshalIndent(p.Data, "  ", "  ")
		if err == nil {
			fmt.Fprintf(a.out, "  %s\n", b)
		}
	}
	if running.Seq == 0 {
		a.printf("%s was never read: the next run starts from zero", "%s 尚未读取,下次从头开始", running.Source)
	} else {
		a.printf("%s: running resume point", "%s:当前断点", running.Source)
		show(running)
	}
	for _, w := range windows {
		state := a.tr("open", "未完成")
		if w.Done {
			state = a.tr("done", "已完成")
		}
		a.printf("window %s (%s)", "窗口 %s(%s)", w.Window, state)
		if !w.Done {
			show(w)
		}
	}
}

func (a *app) stateSetCmd() *cobra.Command {
	var to, reason, window string
	var yes bool
	cmd := &cobra.Command{
		Use:   "set SOURCE --to zero|JSON --reason TEXT",
		Short: "move a resume point by hand · 手工设置断点",
		Long: "Sets the resume point from which the next run reads: zero for everything again (records that are stored already change nothing), or the\n" +
			"JSON that state show prints under data, or {\"version\": N, \"data\": ...}. It is stored as a unit of its own with the reason.\n\n" +
			"设置下次读取的断点:zero 表示从头再读(已入库记录不变),或 state show 中 data 的 JSON;连同原因入库。",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError{errors.New(`--to is missing: "zero", or a resume point as JSON`)}
			}
			if strings.TrimSpace(reason) == "" {
				return usageError{errors.New("--reason is missing: it is stored beside the resume point")}
			}
			h, err := a.open(cmd.Context(), hub.Options{})
			if err != nil {
				return err
			}
			defer h.Close()
			if _, err := h.Source(args[0]); err != nil {
				return err
			}
			st, err := h.Store.State(cmd.Context(), args[0], window)
			if err != nil {
				return err
			}
			next, err := parsePoint(to, st.Resume.Version)
			if err != nil {
				return usageError{err}
			}
			if err := a.confirm(yes, "Move the resume point of %s? The next run reads from there.", "确定移动 %s 的断点?下次将从该处读取。", args[0]); err != nil {
				return err
			}
			rec, err := h.Store.SetState(cmd.Context(), args[0], window, st.Seq, next, h.Guard.Scrub(reason))
			if err != nil {
				return err
			}
			p := pointOf(warehouse.State{Source: args[0], Point: window, Seq: rec.Seq, Resume: next})
			return a.emit(p, func() {
				a.printf("%s: resume point set as unit %d; what is stored did not change", "%s:断点已设置(批次 %d),已入库数据未变", args[0], rec.Seq)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "zero, or the resume point as JSON · zero 或 JSON")
	cmd.Flags().StringVar(&reason, "reason", "", "why; stored · 原因,入库保存")
	cmd.Flags().StringVar(&window, "window", "", "a backfill window as state show names it · 补采窗口")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask · 不再确认")
	return cmd
}

// parsePoint reads what state show prints: the data alone keeps the version of the stored point.
func parsePoint(text string, version int) (warehouse.Checkpoint, error) {
	if text == "zero" {
		return warehouse.Checkpoint{}, nil
	}
	var whole struct {
		Version *int            `json:"version"`
		V       *int            `json:"v"`
		Data    json.RawMessage `json:"data"`
	}
	if !json.Valid([]byte(text)) {
		return warehouse.Checkpoint{}, errors.New("--to is neither zero nor JSON")
	}
	if err := json.Unmarshal([]byte(text), &whole); err == nil && len(whole.Data) > 0 && (whole.Version != nil || whole.V != nil) {
		if whole.Version == nil {
			whole.Version = whole.V
		}
		if *whole.Version < 1 {
			return warehouse.Checkpoint{}, errors.New("--to: version must be 1 or more")
		}
		return warehouse.Checkpoint{Version: *whole.Version, Data: whole.Data}, nil
	}
	if version < 1 {
		return warehouse.Checkpoint{}, errors.New(`--to: the source has no resume point yet, so its version is not known: write {"version": N, "data": ...}`)
	}
	return warehouse.Checkpoint{Version: version, Data: []byte(text)}, nil
}
