package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/internal/hub"
	"onegrid/internal/surface"
	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// config loads the configuration without opening a store, with the data directory that the flags say.
func (a *app) loadConfig() (*catalog.Catalog, string, error) {
	c, err := catalog.Load(a.config)
	if err != nil {
		return nil, "", err
	}
	data := c.Hub.Data
	if a.data != "" {
		if data, err = filepath.Abs(a.data); err != nil {
			return nil, "", err
		}
	}
	return c, data, nil
}

// parseScope reads AREA_TIER.
func parseScope(s string) (query.Scope, error) {
	area, tier, ok := strings.Cut(s, "_")
	if !ok || tier != string(query.Masked) && tier != string(query.Sensitive) {
		return query.Scope{}, usageError{fmt.Errorf("scope %q: it is an area, an underscore, and masked or sensitive", s)}
	}
	return query.Scope{Area: area, Tier: query.Tier(tier)}, nil
}

// publishNow publishes what is new, with the store of this process.
func (a *app) publishNow(ctx context.Context, log *slog.Logger) (publish.Report, error) {
	h, err := a.open(ctx, hub.Options{Logger: log})
	if err != nil {
		return publish.Report{}, err
	}
	defer h.Close()
	return publishHub(ctx, h)
}

func publishHub(ctx context.Context, h *hub.Hub) (publish.Report, error) {
	p, err := surface.OpenPublisher(ctx, h.Catalog, h.DataDir(), h.Store, h.Log)
	if err != nil {
		return publish.Report{}, err
	}
	rep, err := p.Publish(ctx)
	return rep, errors.Join(err, p.Close())
}

// published answers one statement from the newest generation, by the path of every door.
func (a *app) published(ctx context.Context, text, scopeText string, limit int, explain, fresh bool) error {
	scope, err := parseScope(scopeText)
	if err != nil {
		return err
	}
	c, data, err := a.loadConfig()
	if err != nil {
		return err
	}
	log, err := a.logger("warn", "text")
	if err != nil {
		return usageError{err}
	}
	_, err = publish.ReadManifest(surface.SnapDir(data), scope)
	if fresh || errors.Is(err, publish.ErrNone) {
		if _, serr := os.Stat(filepath.Join(data, "onegrid.duckdb")); errors.Is(serr, fs.ErrNotExist) {
			return hinted{fmt.Errorf("there is no store below %s: %w", data, fs.ErrNotExist), "onegrid sync reads the sources first", "请先运行 onegrid sync"}
		}
		if _, err := a.publishNow(ctx, log); err != nil {
			if errors.Is(err, warehouse.ErrLocked) {
				return hinted{err, "the daemon publishes by itself: wait a few seconds, or look at query.publish in onegrid.yaml", "守护进程会自动发布,请稍候"}
			}
			return err
		}
	} else if err != nil {
		return err
	}
	s, err := surface.Open(ctx, surface.Options{Catalog: c, Data: data, Log: log, Version: version, Local: true})
	if err != nil {
		return err
	}
	defer s.Close()
	group := s.Services()
	if err := group.Start(ctx); err != nil {
		return err
	}
	defer group.Stop(context.WithoutCancel(ctx))
	if _, ok := s.Generation(scope); !ok {
		return hinted{fmt.Errorf("scope %s is not published", scope), "query.publish.scopes in onegrid.yaml lists what is", "该范围未发布,见 query.publish.scopes"}
	}
	who := query.Principal{User: defaultActor(), Role: query.Analyst, Scope: scope}
	if scope.Tier == query.Sensitive {
		who.Role = query.SensitiveAnalyst
	}
	t0 := time.Now()
	ans, err := s.Front.Run(ctx, who, query.Request{SQL: text, Surface: query.CLI, Client: "onegrid query", Explain: explain, MaxRows: int64(limit) + 1})
	if err != nil {
		return queryFailed(err)
	}
	defer ans.Close()
	out, err := collect(ans, limit)
	if err != nil {
		return queryFailed(err)
	}
	out.Seconds = time.Since(t0).Seconds()
	return a.emit(out, func() { a.printAnswer(out) })
}

// queryFailed gives an error of the query surface its hint.
func queryFailed(err error) error {
	var q *query.Error
	if !errors.As(err, &q) {
		return err
	}
	return hinted{errors.New(q.Message), q.Hint, q.HintZH}
}

// collect reads an answer into rows, at most limit of them.
func collect(ans query.Answer, limit int) (queryAnswer, error) {
	g := ans.Generation()
	out := queryAnswer{Generation: g.Number, Published: &g.Published, Scope: g.Scope.String()}
	for _, c := range ans.Columns() {
		out.Columns = append(out.Columns, c.Name)
	}
	for _, f := range g.Sources {
		out.Freshness = append(out.Freshness, freshness{Source: f.Source, LastRead: f.LastRead, Events: f.Events})
	}
	for {
		b, err := ans.Next()
		if errors.Is(err, io.EOF) {
			out.Truncated = out.Truncated || ans.Stats().Truncated
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for row := range int(b.NumRows()) {
			if len(out.Rows) == limit {
				out.Truncated = true
				break
			}
			cells := make([]any, b.NumCols())
			for i := range cells {
				cells[i] = arrowCell(b.Column(i), row)
			}
			out.Rows = append(out.Rows, cells)
		}
		b.Release()
	}
}

// arrowCell is a value as JSON and text show it. Times are the city's.
func arrowCell(a arrow.Array, row int) any {
	if a.IsNull(row) {
		return nil
	}
	switch c := a.(type) {
	case *array.Timestamp:
		t := c.Value(row).ToTime(c.DataType().(*arrow.TimestampType).Unit)
		if c.DataType().(*arrow.TimestampType).TimeZone == "" {
			return t.Format("2006-01-02T15:04:05.999999")
		}
		return plain(t)
	case *array.String:
		return c.Value(row)
	case *array.Date32:
		return c.Value(row).ToTime().Format(time.DateOnly)
	case *array.Dictionary:
		return arrowCell(c.Dictionary(), c.GetValueIndex(row))
	case *array.Decimal128:
		return c.Value(row).ToString(c.DataType().(*arrow.Decimal128Type).Scale)
	default:
		return a.GetOneForMarshal(row)
	}
}

func (a *app) publishCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "publish what is new for analysts, while no daemon runs · 发布快照",
		Long: "Brings the published snapshots up to date with the store: masked and cut to their areas, physically. The daemon does so by itself\n" +
			"within seconds of a commit.\n\n把最新数据发布为脱敏、分区域的快照;守护进程会自动执行。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := a.logger("info", "text")
			if err != nil {
				return usageError{err}
			}
			rep, err := a.publishNow(cmd.Context(), log)
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"generation": rep.Generation, "changed": rep.Changed, "scopes": rep.Scopes, "bytes": rep.Bytes, "seconds": rep.Elapsed.Seconds()}, func() {
				a.printf("generation %d of %d scopes, %.1f MB, %.1f s", "第 %d 代,%d 个范围,%.1f MB,用时 %.1f 秒", rep.Generation, rep.Scopes, float64(rep.Bytes)/1e6, rep.Elapsed.Seconds())
			})
		},
	}
}

func (a *app) auditCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "the record of every question · 审计"}
	cmd.AddCommand(&cobra.Command{
		Use:   "verify",
		Short: "check the hash chain of the record · 校验审计链",
		Long: "Reads the whole record and reports every edit, removal and reordering, queries whose end is missing, and, with an anchor file\n" +
			"(query.audit.anchor), records that were cut off at the end. It reads only and may run beside the daemon.\n\n校验审计日志的完整性。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, data, err := a.loadConfig()
			if err != nil {
				return err
			}
			all, err := surface.VerifyAudit(c, data)
			if err != nil {
				return err
			}
			bad := 0
			for _, v := range all {
				bad += len(v.Problems)
			}
			if err := a.emit(all, func() {
				if len(all) == 0 {
					a.printf("nothing was asked yet", "尚无审计记录")
				}
				for dir, v := range all {
					a.printf("%s: %d records in %d files, %d queries, %d of crashed processes, %d without an end, last hash %.16s…", "%s:%d 条记录、%d 个文件、%d 次查询,崩溃 %d,未结束 %d,末尾哈希 %.16s…",
						dir, v.Records, v.Files, v.Queries, v.Crashed, len(v.Running), v.Last.Hash)
					for _, p := range v.Problems {
						fmt.Fprintln(a.out, "  "+p.String())
					}
				}
			}); err != nil {
				return err
			}
			if bad > 0 {
				return reported{fmt.Errorf("%d problems in the audit record", bad), exitRun}
			}
			return nil
		},
	})
	var user string
	var since time.Duration
	show := &cobra.Command{
		Use: "show", Short: "print records, oldest first · 查看审计记录", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, data, err := a.loadConfig()
			if err != nil {
				return err
			}
			f := audit.Filter{User: user}
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			for _, dir := range surface.AuditDirs(data) {
				if _, err := os.Stat(dir); err != nil {
					continue
				}
				for r, err := range audit.Read(cmd.Context(), dir, f) {
					if err != nil {
						return err
					}
					if err := a.always(r); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	show.Flags().StringVar(&user, "user", "", "of this user · 用户")
	show.Flags().DurationVar(&since, "since", 0, "of this last time · 时间范围")
	cmd.AddCommand(show)
	return cmd
}
