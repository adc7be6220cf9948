package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onegrid/connectors"
	"onegrid/internal/hub"
	"onegrid/pipelines"
	"onegrid/pipelines/normalize"
)

// previewResult is the JSON of a preview.
type previewResult struct {
	Source   string              `json:"source"`
	Masked   bool                `json:"masked"`
	Records  []previewRecord     `json:"records"`
	Rejects  map[string]int64    `json:"rejects_by_reason"`
	Unmapped map[string]int64    `json:"unmapped_columns"`
	Missing  map[string]int64    `json:"missing_columns"`
	Codes    map[string]codeMiss `json:"unmapped_codes"`
	Flags    map[string]int64    `json:"flags"`
	Notes    []connectors.Note   `json:"notes,omitempty"`
}

type previewRecord struct {
	pipelines.PreviewRecord
	Reject *rejectReason `json:"reject,omitempty"`
}

type rejectReason struct {
	Stage   string `json:"stage"`
	Rule    string `json:"rule"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

type codeMiss struct {
	Rows  int64            `json:"rows"`
	Codes map[string]int64 `json:"codes,omitempty"`
}

func (a *app) previewCmd() *cobra.Command {
	var n int
	var stored, unmask bool
	var reason string
	cmd := &cobra.Command{
		Use:   "preview SOURCE",
		Short: "read the first records and show what would become of them · 预览",
		Long: "Reads the first records of a source and shows them as received beside the events they would become, with reject reasons, flags and\n" +
			"columns that the mapping does not name. Nothing is stored. Values that the mapping drops or turns into tokens are hidden, all others\n" +
			"redacted as free text would be; --unmask shows them on a terminal, to somebody who gives a reason.\n\n" +
			"读取前几条记录,并排显示原始值与映射结果、拒收原因与标识;不入库。个人信息默认遮蔽,--unmask 仅限终端并须说明原因。",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 1 || n > 10_000 {
				return usageError{errors.New("-n must be from 1 to 10000")}
			}
			if unmask {
				if strings.TrimSpace(reason) == "" {
					return usageError{errors.New("--unmask needs --reason")}
				}
				if !a.terminal() {
					return hinted{usageError{errors.New("--unmask writes to a terminal only, never to a file or a pipe")}, "leave --unmask out, or run it on a terminal", "请去掉 --unmask 或在终端运行"}
				}
			}
			h, err := a.open(cmd.Context(), hub.Options{NoStore: !stored, ReadOnly: stored})
			if err != nil {
				return err
			}
			defer h.Close()
			src, err := h.Source(args[0])
			if err != nil {
				return err
			}
			var from connectors.Checkpoint
			if stored {
				st, err := h.Store.State(cmd.Context(), src.ID, "")
				if err != nil {
					return err
				}
				from = connectors.Checkpoint{Version: st.Resume.Version, Data: st.Resume.Data}
			}
			if unmask {
				// That it was done is logged; what was seen never is (invariant 4).
				h.Log.Warn("preview without masks", "source", src.ID, "by", actor(), "reason", h.Guard.Scrub(reason))
			}
			m, err := normalize.Load(h.MappingPath(src))
			if err != nil {
				return err
			}
			pv, err := h.Preview(cmd.Context(), src.ID, from, n, unmask)
			if err != nil && (len(pv.Records) == 0 || errors.Is(err, context.Canceled)) {
				return err
			}
			res := a.previewResult(src.ID, pv, !unmask)
			if eerr := a.emit(res, func() { a.printPreview(res, m.Items()) }); eerr != nil {
				return eerr
			}
			return err
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 20, "records to read · 记录数")
	cmd.Flags().BoolVar(&stored, "from-stored", false, "from the stored resume point instead of from zero · 从已存断点读取")
	cmd.Flags().BoolVar(&unmask, "unmask", false, "show values as received; terminal only · 显示原值,仅限终端")
	cmd.Flags().StringVar(&reason, "reason", "", "why the values must be seen · 查看原值的原因")
	return cmd
}

func (a *app) previewResult(id string, pv pipelines.Preview, masked bool) previewResult {
	res := previewResult{Source: id, Masked: masked, Records: []previewRecord{}, Rejects: map[string]int64{}, Unmapped: pv.Mapped.Unmapped, Missing: pv.Mapped.Missing,
		Codes: map[string]codeMiss{}, Flags: map[string]int64{}, Notes: pv.Notes}
	for field, c := range pv.Mapped.Codes {
		res.Codes[field] = codeMiss{c.Rows, c.ByCode}
	}
	for _, r := range pv.Records {
		rec := previewRecord{PreviewRecord: r, Reject: a.reason(r)}
		if rec.Reject != nil {
			res.Rejects[rec.Reject.Rule]++
		}
		for _, f := range r.Flags {
			res.Flags[f]++
		}
		res.Records = append(res.Records, rec)
	}
	return res
}

func (a *app) reason(r pipelines.PreviewRecord) *rejectReason {
	if r.Reject == nil {
		return nil
	}
	return &rejectReason{r.Reject.Stage, r.Reject.Rule, r.Reject.Column, a.tr(r.Reject.Message, r.Reject.MessageZH)}
}

func (a *app) printPreview(res previewResult, items []normalize.Item) {
	for i, r := range res.Records {
		fmt.Fprintf(a.out, "── %s %d · %s %s\n", a.tr("record", "记录"), i+1, r.Origin, r.Position)
		a.printRecord(r, items)
		fmt.Fprintln(a.out)
	}
	rejected := int64(0)
	for _, n := range res.Rejects {
		rejected += n
	}
	a.printf("%d records read: %d events, %d rejected. Nothing was stored.", "读取 %d 条:%d 个事件,%d 条拒收。未入库。", len(res.Records), int64(len(res.Records))-rejected, rejected)
	counts := func(en, zh string, m map[string]int64) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(a.out, "  %s %s: %d\n", a.tr(en, zh), k, m[k])
		}
	}
	counts("rejected by", "拒收规则", res.Rejects)
	counts("column not mapped, dropped:", "未映射而丢弃的列", res.Unmapped)
	counts("column expected and absent:", "缺少的列", res.Missing)
	counts("flag", "标识", res.Flags)
	for _, field := range slices.Sorted(maps.Keys(res.Codes)) {
		c := res.Codes[field]
		list := strings.Join(slices.Sorted(maps.Keys(c.Codes)), ", ")
		if list == "" {
			list = a.tr("not shown: they do not look like codes", "不显示:形式不似代码")
		}
		fmt.Fprintf(a.out, "  %s %s: %d (%s)\n", a.tr("codes without an entry in", "未映射代码,字段"), field, c.Rows, list)
	}
	for _, n := range res.Notes {
		fmt.Fprintf(a.out, "  %s: %s\n", n.Rule, n.Message)
	}
}

// plainDefault reports whether a column says nothing about this record. JSON shows all of them.
func plainDefault(v pipelines.PreviewValue) bool {
	switch v.Value {
	case "0", "unknown", "none", "false", "actual", "live", "other":
		return true
	}
	switch v.Column {
	case "redaction_ver", "schema_ver", "text_simhash", "source_id", "ingested_at", "category_scheme", "category_scheme_ver", "category_conf":
		return true
	}
	return false
}

// printRecord shows a record as received on the left and what it becomes on the right, each target beside the column it
// is made from.
func (a *app) printRecord(r previewRecord, items []normalize.Item) {
	const cells = 38
	values := map[string]string{}
	for _, v := range r.Event {
		values[v.Column] = v.Value
	}
	shown := map[string]bool{}
	t := a.table("  "+a.tr("SOURCE COLUMN", "来源列"), a.tr("AS RECEIVED", "原始值"), a.tr("EVENT COLUMN", "目标字段"), a.tr("VALUE", "值"))
	for _, v := range r.Raw {
		raw := short(v.Value, cells)
		if v.Null {
			raw = "∅"
		}
		first := true
		line := func(target, value string) {
			name := short(v.Column, 24)
			if !first {
				name, raw = "", ""
			}
			t.row("  "+name, raw, target, short(value, cells))
			first = false
		}
		mapped := false
		for _, it := range items {
			if it.Column != v.Column {
				continue
			}
			mapped = true
			switch it.Target {
			case "":
				line("-", a.tr("(dropped)", "(丢弃)"))
			case "party":
				line("party", a.tr("(token)", "(令牌)"))
			case "caller":
				line("caller", a.tr("(used in memory only)", "(仅内存使用)"))
			default:
				if value, ok := values[it.Target]; ok && !shown[it.Target] {
					shown[it.Target] = true
					line(it.Target, value)
				}
			}
		}
		switch {
		case !first:
		case !mapped:
			line("-", a.tr("(not mapped: dropped)", "(未映射,丢弃)"))
		case !v.Null:
			line("", "")
		}
	}
	for _, v := range r.Event {
		if !shown[v.Column] && !plainDefault(v) {
			t.row("  ", "", v.Column, short(v.Value, cells))
		}
	}
	t.flush()
	if len(r.Tokens) > 0 {
		fmt.Fprintf(a.out, "  %s: %s\n", a.tr("tokens", "令牌"), strings.Join(r.Tokens, ", "))
	}
	if len(r.Flags) > 0 {
		fmt.Fprintf(a.out, "  %s: %s\n", a.tr("flags", "标识"), strings.Join(r.Flags, ", "))
	}
	if r.Reject != nil {
		fmt.Fprintln(a.out, a.red(fmt.Sprintf("  %s %s: %s", a.tr("REJECTED", "拒收"), r.Reject.Rule, r.Reject.Message)))
	}
}
