package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	rules "onegrid/configs/link"
	"onegrid/internal/hub"
	"onegrid/internal/linkage"
	"onegrid/pipelines/link"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
)

// linkFlags are the flags of the verbs that work on a file as well as on the store.
type linkFlags struct {
	input, mapping, model string
}

func (f *linkFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.input, "input", "i", "", "a file instead of the store: csv, parquet, xlsx, json · 输入文件")
	cmd.Flags().StringVarP(&f.mapping, "mapping", "m", "", "linkage mapping of the file (docs/link-mapping.md) · 关联映射文件")
	cmd.Flags().StringVar(&f.model, "model", "", "trained weights; otherwise as the mapping says · 权重文件")
}

// load reads the mapping and the model of a file.
func (f *linkFlags) load() (*spec.Spec, *score.Model, error) {
	if f.input == "" {
		return nil, nil, nil
	}
	if f.mapping == "" {
		return nil, nil, usageError{errors.New("--input needs --mapping")}
	}
	s, err := spec.Load(f.mapping)
	if err != nil {
		return nil, nil, usageError{err}
	}
	if f.model == "" {
		return s, nil, nil
	}
	m, err := score.LoadModel(f.model)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return s, m, nil
}

// linked reads and links the file of the flags; nil where they name none. Labels are those of the file pairs, or of the
// mapping where pairs is empty.
func (a *app) linked(cmd *cobra.Command, f *linkFlags, keep bool, pairs string) (*linkage.Run, linkage.Truths, error) {
	var tr linkage.Truths
	s, model, err := f.load()
	if err != nil || s == nil {
		return nil, tr, err
	}
	log, err := a.logger("warn", "text")
	if err != nil {
		return nil, tr, usageError{err}
	}
	run, err := linkage.Link(cmd.Context(), s, f.input, model, keep, log)
	if err != nil {
		return nil, tr, err
	}
	if pairs == "" {
		return run, linkage.OwnTruth(s, run.Table), nil
	}
	tr, err = linkage.ReadTruth(cmd.Context(), run.Table, pairs, log)
	if err != nil {
		err = usageError{err}
	}
	return run, tr, err
}

// withHub opens the hub for one verb.
func (a *app) withHub(cmd *cobra.Command, opts hub.Options, do func(h *hub.Hub) error) error {
	h, err := a.open(cmd.Context(), opts)
	if err != nil {
		return err
	}
	return errors.Join(do(h), h.Close())
}

// written makes a file that appears when it is complete.
func written(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	return os.Rename(path+".part", path)
}

func (a *app) linkCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link",
		Short: "which records report the same incident · 同一事件关联",
		Long: "Says which records report the same thing, explains why, and lets people overrule it. Links never delete or change a record.\n" +
			"Without --input the verbs work on the store; with it on any table, by a mapping file.\n\n" +
			"判断哪些记录反映同一事件,说明理由,并可由人工改判;关联从不删除或改写记录。",
	}
	cmd.AddCommand(a.linkRunCmd(), a.linkEvalCmd(), a.linkExplainCmd(), a.linkReviewCmd(), a.linkTrainCmd(), a.linkReportCmd(), a.linkRulesCmd())
	return cmd
}

func (a *app) linkRulesCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "print the rules that come with the program · 输出内置规则",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(rules.Events)
			return err
		},
	}
}

func (a *app) linkRunCmd() *cobra.Command {
	var f linkFlags
	var full bool
	var output string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "link what is new, or everything with --full · 执行关联",
		Long: "Links the events that came since the last run against the store; --full links everything anew and stores the differences.\n" +
			"With --input it links a file and writes --output (csv or parquet): record_id, incident_id, founder, size.\n\n" +
			"增量关联新事件;--full 全量重算。使用 --input 时对文件关联并写出 --output。",
		Example: "  onegrid link run --full\n  onegrid link run -i people.csv -m configs/link/febrl3.yaml -o clusters.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, _, err := a.linked(cmd, &f, false, "")
			if err != nil {
				return err
			}
			if file != nil {
				return a.linkFile(file, output)
			}
			if output != "" {
				return usageError{errors.New("--output goes with --input; incidents of the store are in the table incident")}
			}
			return a.withHub(cmd, hub.Options{}, func(h *hub.Hub) error {
				l, err := h.Linker()
				if err != nil {
					return err
				}
				run := l.Run
				if full {
					run = l.Rebuild
				}
				rep, err := run(cmd.Context())
				if err != nil {
					return err
				}
				return a.emit(rep, func() { a.printLinkRun(rep) })
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&full, "full", false, "link everything anew · 全量重算")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file for the clusters of --input · 输出文件")
	return cmd
}

func (a *app) printLinkRun(rep link.Report) {
	a.printf("%s: %d events, %d rows compared in %d candidate pairs, %d incidents with several reports touched, largest %d, %.1f s",
		"%s:%d 条事件,比较 %d 行、%d 对候选,涉及 %d 个多报事件,最大 %d 条,用时 %.1f 秒",
		rep.Trigger, rep.Events, rep.Compared, rep.Candidates, rep.Clusters, rep.Largest, rep.Seconds)
	t := a.table(a.tr("rule", "规则"), a.tr("candidates", "候选"), a.tr("blocks over the cap", "超限块"))
	for _, r := range rep.Rules {
		t.row(r.Rule, r.Candidates, r.CappedBlocks)
	}
	t.flush()
	a.printf("stored: %d links asserted, %d revoked, %d memberships begun, %d ended", "已存:新增关联 %d,撤销 %d;加入 %d,离开 %d",
		rep.Stored.Asserted, rep.Stored.Revoked, rep.Stored.Joined, rep.Stored.Left)
}

func (a *app) linkFile(run *linkage.Run, output string) error {
	if output != "" {
		if err := run.WriteClusters(output); err != nil {
			return err
		}
	}
	e, err := run.Measure(linkage.Truths{}, false)
	if err != nil {
		return err
	}
	sum := map[string]any{"records": e.Rows, "clusters": e.Clusters, "largest_cluster": e.LargestCluster, "candidates": e.Candidates, "candidates_by_rule": e.CandidatesByRule,
		"verdicts": e.Verdicts, "placeholders": e.Nulled, "seconds": e.Seconds, "peak_rss_mib": e.PeakRSSMiB, "output": output, "alarms": run.Result.Cluster.Alarms}
	return a.emit(sum, func() {
		a.printf("%d records in %d clusters, largest %d, %d candidate pairs, %.1f s", "%d 条记录归为 %d 组,最大 %d 条,候选 %d 对,用时 %.1f 秒", e.Rows, e.Clusters, e.LargestCluster, e.Candidates, e.Seconds)
		if output != "" {
			a.printf("written to %s", "已写入 %s", output)
		}
	})
}

func (a *app) linkEvalCmd() *cobra.Command {
	var f linkFlags
	var pairs, truth string
	var baselines bool
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "measure links against labels, as JSON · 用标注评测关联",
		Long: "Answers JSON: pairs, precision, recall, f1, largest_cluster, candidates, b3, seconds, peak_rss_mib, and more. Labels are judged\n" +
			"pairs or clusters in a file (--pairs), or the column that the mapping calls truth. Without --input the incidents of the store\n" +
			"are measured against --truth: source_id, source_record_id, incident_id.\n\n" +
			"以 JSON 输出评测结果;标注可为成对判定或分组文件。",
		Example: "  onegrid link eval -i dataset3.csv -m configs/link/febrl3.yaml\n  onegrid link eval -i fake_1000.csv -m configs/link/fake_1000.yaml --pairs fake_1000_labels.csv\n  onegrid link eval --truth truth.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pairs == "" {
				pairs = truth
			}
			run, tr, err := a.linked(cmd, &f, true, pairs)
			if err != nil {
				return err
			}
			if run == nil {
				if pairs == "" {
					return usageError{errors.New("measuring the store needs --truth")}
				}
				log, err := a.logger("warn", "text")
				if err != nil {
					return usageError{err}
				}
				return a.withHub(cmd, hub.Options{ReadOnly: true}, func(h *hub.Hub) error {
					e, err := linkage.MeasureStore(cmd.Context(), h, pairs, baselines, log)
					if err != nil {
						return err
					}
					return a.always(e)
				})
			}
			e, err := run.Measure(tr, baselines)
			if err != nil {
				return err
			}
			return a.always(e)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&pairs, "pairs", "", "file of labels: judged pairs, or records with their cluster · 标注文件")
	cmd.Flags().StringVar(&truth, "truth", "", "the same, for the store: source_id, source_record_id, incident_id · 真值文件")
	cmd.Flags().BoolVar(&baselines, "baselines", false, "measure simpler methods on the same candidates beside it · 同时评测基线方法")
	return cmd
}

// always answers JSON, with or without --json.
func (a *app) always(v any) error {
	was := a.json
	a.json = true
	defer func() { a.json = was }()
	return a.emit(v, func() {})
}

func (a *app) linkTrainCmd() *cobra.Command {
	var f linkFlags
	var output string
	cmd := &cobra.Command{
		Use:   "train",
		Short: "learn weights from unlabelled records · 训练权重",
		Long: "Learns what agreement in each comparison is worth: u from random pairs, m by expectation maximisation on the pairs of each blocking\n" +
			"rule. No labels are needed. The result is a model file for --model or link.model; weights change by this command only.\n\n" +
			"从无标注记录学习各比较项的权重,写出模型文件。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				return usageError{errors.New("--output names the model file to write")}
			}
			log, err := a.logger("warn", "text")
			if err != nil {
				return usageError{err}
			}
			s, _, err := f.load()
			if err != nil {
				return err
			}
			var m *score.Model
			if s != nil {
				m, err = linkage.Train(cmd.Context(), s, f.input, log)
			} else {
				err = a.withHub(cmd, hub.Options{}, func(h *hub.Hub) error {
					l, err := h.Linker()
					if err != nil {
						return err
					}
					m, err = l.Train(cmd.Context())
					return err
				})
			}
			if err != nil {
				return err
			}
			if err := written(output, m.Write); err != nil {
				return err
			}
			return a.emit(map[string]any{"model": output, "lambda": m.Lambda, "trained": m.Trained}, func() {
				a.printf("written to %s", "已写入 %s", output)
				t := a.table(a.tr("comparison", "比较项"), a.tr("level", "级别"), "m", "u", "bits")
				for _, c := range m.Comparisons {
					for _, l := range c.Levels {
						t.row(c.Name, l.Level, fmt.Sprintf("%.4f", l.M), fmt.Sprintf("%.5f", l.U), fmt.Sprintf("%+.1f", l.Bits))
					}
				}
				t.flush()
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "model file to write · 模型文件")
	return cmd
}

func (a *app) linkReportCmd() *cobra.Command {
	var f linkFlags
	var pairs, output string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "an HTML page about a run: curves, sizes, candidates, weights · 关联报告",
		Long: "Writes one HTML page without outside parts: precision and recall over thresholds, cluster sizes, candidates of each rule, weights, and\n" +
			"some links taken apart. It shows no text of a record.\n\n生成单页 HTML 报告。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				output = "link-report.html"
			}
			run, tr, err := a.linked(cmd, &f, true, pairs)
			if err != nil {
				return err
			}
			if run != nil {
				err = written(output, func(w io.Writer) error { return run.WriteReport(w, tr) })
			} else {
				log, lerr := a.logger("warn", "text")
				if lerr != nil {
					return usageError{lerr}
				}
				err = a.withHub(cmd, hub.Options{ReadOnly: true}, func(h *hub.Hub) error {
					return written(output, func(w io.Writer) error { return linkage.StoreReport(cmd.Context(), w, h, pairs, log) })
				})
			}
			if err != nil {
				return err
			}
			abs, _ := filepath.Abs(output)
			return a.emit(map[string]any{"report": abs}, func() { a.printf("written to %s", "已写入 %s", output) })
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&pairs, "pairs", "", "file of labels · 标注文件")
	cmd.Flags().StringVarP(&output, "output", "o", "", "page to write, link-report.html unless said · 输出页面")
	return cmd
}

func (a *app) linkExplainCmd() *cobra.Command {
	var f linkFlags
	cmd := &cobra.Command{
		Use:   "explain EVENT EVENT",
		Short: "why two records are, or are not, one incident · 解释关联",
		Long: "Shows what speaks for and against two records being one: certain evidence, the weight of every comparison in bits, the class policy,\n" +
			"and what people decided. Events of the store are named by event_id or by source_id:source_record_id.\n\n逐项说明两条记录是否为同一事件的依据。",
		Example: "  onegrid link explain police_110:99000026112200000001 hotline_12345:261122000000000001\n  onegrid link explain -i dataset3.csv -m configs/link/febrl3.yaml rec-1-org rec-1-dup-0",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, _, err := a.linked(cmd, &f, true, "")
			if err != nil {
				return err
			}
			var p *linkage.Explained
			if run != nil {
				p, err = run.Explain(args[0], args[1])
			} else {
				err = a.withHub(cmd, hub.Options{}, func(h *hub.Hub) error {
					var err error
					p, err = linkage.ExplainStored(cmd.Context(), h, args[0], args[1])
					return err
				})
			}
			if err != nil {
				if errors.Is(err, linkage.ErrNoRecord) {
					return usageError{err}
				}
				return err
			}
			return a.emit(p, func() { fmt.Fprintln(a.out, strings.TrimRight(p.Text(a.lang), "\n")) })
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) linkReviewCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "pairs that a person has to decide · 人工审核",
		Long: "Lists pairs of the middle band, strongest first. accept links a pair whatever its weight, reject keeps it apart; either outlives every\n" +
			"later run and rebuild and can be withdrawn.\n\n列出待审核的疑似关联;人工结论优先于任何自动结果,可撤回。",
	}
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "open pairs, strongest first · 待审列表", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var rows []linkage.Review
			if err := a.withHub(cmd, hub.Options{ReadOnly: true}, func(h *hub.Hub) (err error) {
				rows, err = linkage.Reviews(cmd.Context(), h.Store, limit)
				return err
			}); err != nil {
				return err
			}
			return a.emit(rows, func() {
				t := a.table(a.tr("event", "事件"), a.tr("other event", "另一事件"), a.tr("probability", "概率"), "bits", a.tr("rule", "规则"), a.tr("why not linked", "未自动关联原因"))
				for _, r := range rows {
					t.row(r.From, r.To, fmt.Sprintf("%.3f", r.Probability), fmt.Sprintf("%+.1f", r.Bits), r.Rule, r.Note)
				}
				t.flush()
				if len(rows) == 0 {
					a.printf("nothing to review", "没有待审项")
				}
			})
		},
	}
	list.Flags().IntVar(&limit, "limit", 50, "pairs at most · 条数")
	cmd.AddCommand(list)
	for _, v := range []struct{ use, says, en, zh string }{{"accept", "must_link", "the two are one incident", "认定为同一事件"}, {"reject", "cannot_link", "the two are different", "认定为不同事件"},
		{"withdraw", "withdrawn", "take an earlier decision back", "撤回结论"}} {
		var reason, actor string
		c := &cobra.Command{
			Use: v.use + " EVENT EVENT", Short: v.en + " · " + v.zh, Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				if strings.TrimSpace(reason) == "" {
					return usageError{errors.New("--reason is needed: it is kept with the decision")}
				}
				h, err := a.open(cmd.Context(), hub.Options{})
				if err != nil {
					return err
				}
				defer h.Close()
				d, err := linkage.Decide(cmd.Context(), h, args[0], args[1], v.says, actor, reason)
				if err != nil {
					if errors.Is(err, linkage.ErrNoRecord) {
						return usageError{err}
					}
					return err
				}
				l, err := h.Linker()
				if err != nil {
					return err
				}
				rep, err := l.Run(cmd.Context())
				if err != nil {
					return fmt.Errorf("the decision is stored; applying it: %w", err)
				}
				return a.emit(map[string]any{"decision": d, "run": rep.RunID, "moved": rep.Moved}, func() {
					a.printf("decision %d stored and applied; %d events changed their incident", "结论 %d 已保存并生效;%d 条事件的归属改变", d, rep.Moved)
				})
			},
		}
		c.Flags().StringVar(&reason, "reason", "", "why; kept with the decision · 理由")
		c.Flags().StringVar(&actor, "actor", defaultActor(), "who decides · 审核人")
		cmd.AddCommand(c)
	}
	var since time.Duration
	export := &cobra.Command{
		Use: "export FILE", Short: "decisions as labels, CSV · 导出结论作为标注", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var n int
			if err := a.withHub(cmd, hub.Options{ReadOnly: true}, func(h *hub.Hub) (err error) {
				n, err = linkage.ExportDecisions(cmd.Context(), h.Store, args[0], since)
				return err
			}); err != nil {
				return err
			}
			return a.emit(map[string]any{"file": args[0], "decisions": n}, func() { a.printf("%d decisions written to %s", "已写出 %d 条结论到 %s", n, args[0]) })
		},
	}
	export.Flags().DurationVar(&since, "since", 0, "only those of this last time · 仅最近一段时间")
	cmd.AddCommand(export)
	return cmd
}

// defaultActor is the account that calls.
func defaultActor() string {
	for _, n := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := os.Getenv(n); v != "" {
			return v
		}
	}
	return "operator"
}
