package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/normalize"
)

func (a *app) rejectsCmd() *cobra.Command {
	return group("rejects", "records that did not become events · 拒收记录", a.rejectsListCmd(), a.rejectsShowCmd(), a.rejectsReplayCmd(), a.rejectsDiscardCmd())
}

func (a *app) rejectsListCmd() *cobra.Command {
	var source, rule, since string
	var limit int
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "open rejects, newest first; never a value · 未处理的拒收",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := parseSince(since, time.Now())
			if err != nil {
				return usageError{err}
			}
			if limit < 0 {
				return usageError{errors.New("--limit must be 0 or more")}
			}
			h, err := a.open(cmd.Context(), hub.Options{ReadOnly: true})
			if err != nil {
				return err
			}
			defer h.Close()
			if source != "" {
				if _, err := h.Source(source); err != nil {
					return err
				}
			}
			rs, total, err := h.Rejects(cmd.Context(), hub.RejectFilter{Source: source, Rule: rule, Since: from, Closed: all, Limit: limit})
			if err != nil {
				return err
			}
			if rs == nil {
				rs = []hub.Reject{}
			}
			return a.emit(map[string]any{"total": total, "rejects": rs}, func() { a.printRejects(rs, total) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&source, "source", "", "of this source · 来源")
	f.StringVar(&rule, "rule", "", "of this rule · 规则")
	f.StringVar(&since, "since", "", "newer than: a length of time such as 24h or 7d, or a date · 起始时间")
	f.IntVar(&limit, "limit", 100, "rows shown at most, 0 for all · 最多行数")
	f.BoolVar(&all, "all", false, "closed ones as well · 包括已处理的")
	return cmd
}

// parseSince reads a length of time back from now, or a date in the zone of the events.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := catalogDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, eventZone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q is neither a length of time such as 24h nor a date such as 2006-01-02", s)
}

func (a *app) printRejects(rs []hub.Reject, total int64) {
	t := a.table(a.tr("ID", "标识"), a.tr("SOURCE", "来源"), a.tr("AT", "时间"), a.tr("STAGE", "环节"), a.tr("RULE", "规则"), a.tr("WHERE", "位置"), a.tr("MESSAGE", "原因"), a.tr("ACTION", "处理"))
	for _, r := range rs {
		t.row(r.ID, r.Source, when(&r.At), r.Stage, r.Rule, short(r.Position, 20), short(a.tr(r.Message, r.MessageZH), 70), orDash(r.Action))
	}
	t.flush()
	a.printf("%d of %d shown", "显示 %d / 共 %d 条", len(rs), total)
}

func parseIDs(args []string) ([]uuid.UUID, error) {
	var out []uuid.UUID
	for _, s := range args {
		id, err := uuid.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no reject id; onegrid rejects list shows them", s)
		}
		out = append(out, id)
	}
	return out, nil
}

// rejectDetail is `rejects show`.
type rejectDetail struct {
	hub.Reject
	Record *previewRecord `json:"record,omitempty"` // masked; only with --identity
}

func (a *app) rejectsShowCmd() *cobra.Command {
	var identity string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "one reject: reason and place; with --identity the masked record · 查看一条拒收",
		Long: "Shows why a record was rejected and where it lies sealed in the landing. With the identity file of the landing it is decrypted in memory\n" +
			"and shown with the masks of a preview, beside what the mapping makes of it now.\n\n显示拒收原因与密封位置;提供身份文件时在内存解密并以遮蔽形式显示。",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return usageError{err}
			}
			h, err := a.open(cmd.Context(), hub.Options{ReadOnly: true})
			if err != nil {
				return err
			}
			defer h.Close()
			r, err := h.Reject(cmd.Context(), ids[0])
			if err != nil {
				return noReject(err)
			}
			d := rejectDetail{Reject: r}
			var items []normalize.Item
			if identity != "" {
				id, err := landing.ReadIdentity(identity)
				if err != nil {
					return badIdentity(err)
				}
				rec, err := h.RejectedRecord(cmd.Context(), r, id)
				if err != nil {
					return err
				}
				d.Record = &previewRecord{rec, a.reason(rec)}
				if src, err := h.Source(r.Source); err == nil {
					if m, err := normalize.Load(h.MappingPath(src)); err == nil {
						items = m.Items()
					}
				}
			}
			return a.emit(d, func() { a.printReject(d, items) })
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "age identity file of the landing · age 身份文件")
	return cmd
}

func noReject(err error) error {
	if errors.Is(err, hub.ErrNoReject) {
		return hinted{usageError{err}, "onegrid rejects list --all", "onegrid rejects list --all"}
	}
	return err
}

func badIdentity(err error) error {
	return hinted{usageError{err}, "--identity names the file that onegrid init wrote and that lies off this machine", "--identity 为 onegrid init 生成、另行保管的身份文件"}
}

func (a *app) printReject(d rejectDetail, items []normalize.Item) {
	line := func(en, zh string, v any) { fmt.Fprintf(a.out, "%s: %v\n", a.tr(en, zh), v) }
	line("reject", "拒收", d.ID)
	line("source", "来源", strings.TrimSpace(d.Source+" "+d.Stream))
	line("position", "位置", d.Position)
	line("stage, rule", "环节与规则", d.Stage+", "+d.Rule)
	line("message", "原因", a.tr(d.Message, d.MessageZH))
	line("run", "运行", d.RunID)
	line("read", "读取时间", when(&d.At))
	if d.Landed == "" {
		line("landed", "密封位置", a.tr("not landed: it cannot be replayed", "未保存原始批次,无法重放"))
	} else {
		line("landed", "密封位置", fmt.Sprintf("%s, %s %d, %s %d", d.Landed, a.tr("batch", "批"), d.Segment+1, a.tr("row", "行"), d.Row+1))
	}
	if d.Action != "" {
		line("closed", "处理", fmt.Sprintf("%s, %s: %s", d.Action, d.Actor, d.Note))
	}
	if d.Record != nil {
		fmt.Fprintln(a.out)
		a.printRecord(*d.Record, items)
		if d.Record.Reject == nil {
			a.printf("With the mapping as it is now this record becomes an event: onegrid rejects replay %s --identity FILE", "按当前映射该记录可成为事件:onegrid rejects replay %s --identity FILE", d.ID)
		}
	}
}

func (a *app) rejectsReplayCmd() *cobra.Command {
	var source, rule, identity, note string
	cmd := &cobra.Command{
		Use:   "replay [ID...] --identity FILE",
		Short: "carry sealed records through the mapping as it is now · 重放拒收",
		Long: "Decrypts the records of the chosen open rejects from the landing and maps them again. A record that becomes an event is stored and its\n" +
			"reject closed in one transaction; the others stay open as they are.\n\n用当前映射重新处理密封的拒收记录;成功者入库并在同一事务中关闭,其余保持不变。",
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return usageError{err}
			}
			if len(ids) == 0 && source == "" && rule == "" {
				return usageError{errors.New("name reject ids, or choose with --source or --rule")}
			}
			if identity == "" {
				return badIdentity(errors.New("--identity is missing"))
			}
			id, err := landing.ReadIdentity(identity)
			if err != nil {
				return badIdentity(err)
			}
			h, err := a.open(cmd.Context(), hub.Options{})
			if err != nil {
				return err
			}
			defer h.Close()
			progress := ops.NewProgress(a.err, a.json)
			job := progress.Job("replay", a.tr("rejects", "条拒收"), 0)
			last := 0
			res, err := h.ReplayRejects(cmd.Context(), hub.RejectFilter{IDs: ids, Source: source, Rule: rule}, id, actor(), h.Guard.Scrub(note), func(done, total int) {
				job.SetTotal(int64(total))
				job.Add(int64(done - last))
				last = done
			})
			progress.Close()
			if err != nil {
				return noReject(err)
			}
			if err := a.emit(res, func() { a.printReplay(res) }); err != nil {
				return err
			}
			if len(res.Open) > 0 {
				return reported{errors.New("some rejects stay open"), exitRun}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&source, "source", "", "all open rejects of this source · 该来源的全部拒收")
	f.StringVar(&rule, "rule", "", "all open rejects of this rule · 该规则的全部拒收")
	f.StringVar(&identity, "identity", "", "age identity file of the landing · age 身份文件")
	f.StringVar(&note, "note", "", "stored beside the closed rejects · 备注")
	return cmd
}

func (a *app) printReplay(res hub.ReplayResult) {
	a.printf("%d of %d rejects replayed: %d new events, %d updated, %d late, %d known already", "已重放 %d / %d 条:新增 %d,更新 %d,迟到 %d,未变 %d",
		res.Replayed, res.Asked, res.Counts.New, res.Counts.Updated, res.Counts.Stale, res.Counts.Unchanged)
	for _, o := range res.Open {
		a.printf("still open: %s %s: %s: %s", "仍未处理:%s %s:%s:%s", o.ID, o.Source, o.Rule, a.tr(o.Why, o.WhyZH))
	}
}

func (a *app) rejectsDiscardCmd() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "discard ID... --reason TEXT",
		Short: "close rejects without their records · 放弃拒收记录",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return usageError{err}
			}
			if strings.TrimSpace(reason) == "" {
				return usageError{errors.New("--reason is missing: it is stored beside the reject")}
			}
			h, err := a.open(cmd.Context(), hub.Options{})
			if err != nil {
				return err
			}
			defer h.Close()
			if err := h.Discard(cmd.Context(), ids, actor(), h.Guard.Scrub(reason)); err != nil {
				return noReject(err)
			}
			return a.emit(map[string]any{"discarded": ids}, func() {
				a.printf("%d rejects closed; their sealed records stay in the landing until they expire", "已关闭 %d 条拒收;密封记录保留至到期", len(ids))
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; stored · 原因,入库保存")
	return cmd
}
