package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/warehouse/duckdb"
)

func (a *app) queryCmd() *cobra.Command {
	var limit int
	var scope, explain = "city_masked", false
	var live, fresh bool
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "answer one SELECT from the published snapshot · 查询",
		Long: "Answers one SELECT statement on the newest published generation, by the same path as every door: gate, sandboxed worker, limits and\n" +
			"audit. It works beside a running daemon. Where nothing is published yet, it publishes first; --publish does so in any case. Every\n" +
			"answer says which generation it is and how fresh each source is. --store asks the live store instead, while no daemon runs: the\n" +
			"operator's tool, with the tables of runs, rejects and versions.\n\n" +
			"在最新发布的快照上回答一条 SELECT,与各接口同一路径;--store 为运维直接读库(守护进程未运行时)。",
		Example: "  onegrid query \"SELECT category, count(*) FROM event GROUP BY 1 ORDER BY 2 DESC\"\n  onegrid query --scope 990101_masked \"SELECT count(*) FROM event\"\n  onegrid query --store \"SELECT * FROM run ORDER BY started_at DESC\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				b, err := io.ReadAll(io.LimitReader(a.in, 64<<10))
				if err != nil {
					return err
				}
				text = string(b)
			}
			if !live {
				return a.published(cmd.Context(), text, scope, limit, explain, fresh)
			}
			h, err := a.open(cmd.Context(), hub.Options{ReadOnly: true})
			if err != nil {
				return err
			}
			defer h.Close()
			ans, err := answer(cmd.Context(), h.Store, text, limit)
			if err != nil {
				return err
			}
			return a.emit(ans, func() { a.printAnswer(ans) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 1000, "rows shown at most · 最多行数")
	cmd.Flags().StringVar(&scope, "scope", scope, "AREA_TIER: city_masked, city_sensitive or a county code with _masked · 范围")
	cmd.Flags().BoolVar(&explain, "explain", false, "show the plan instead of the rows · 显示执行计划")
	cmd.Flags().BoolVar(&fresh, "publish", false, "publish what is new first; needs the store to be free · 先发布最新数据")
	cmd.Flags().BoolVar(&live, "store", false, "ask the live store, while no daemon runs · 直接查询存储")
	return cmd
}

// queryAnswer is the answer to a query with the freshness of every source (invariant 9).
type queryAnswer struct {
	Columns   []string `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Truncated bool     `json:"truncated,omitempty"`
	Seconds   float64  `json:"seconds"`
	// Generation and Published say which snapshot answered; empty for the live store.
	Generation int64       `json:"generation,omitempty"`
	Published  *time.Time  `json:"published,omitempty"`
	Scope      string      `json:"scope,omitempty"`
	Freshness  []freshness `json:"freshness"`
}

type freshness struct {
	Source   string    `json:"source"`
	LastRead time.Time `json:"last_read"`
	Events   int64     `json:"events"`
}

func answer(ctx context.Context, s *duckdb.Store, text string, limit int) (queryAnswer, error) {
	var ans queryAnswer
	t0 := time.Now()
	err := s.Select(ctx, text, limit+1, func(cols []string, row []any) error {
		ans.Columns = cols
		if row == nil {
			return nil
		}
		if len(ans.Rows) == limit {
			ans.Truncated = true
			return nil
		}
		for i, v := range row {
			row[i] = plain(v)
		}
		ans.Rows = append(ans.Rows, row)
		return nil
	})
	if err != nil {
		return ans, hinted{err, "one SELECT statement; onegrid query \"SHOW TABLES\" is not one: try SELECT table_name FROM information_schema.tables", "只接受一条 SELECT 语句"}
	}
	ans.Seconds = time.Since(t0).Seconds()
	ans.Freshness, err = readFreshness(ctx, s.DB())
	return ans, err
}

func readFreshness(ctx context.Context, db *sql.DB) ([]freshness, error) {
	rows, err := db.QueryContext(ctx, "SELECT source_id, last_read, n_event FROM freshness ORDER BY source_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []freshness
	for rows.Next() {
		var f freshness
		if err := rows.Scan(&f.Source, &f.LastRead, &f.Events); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// plain makes a database value readable as JSON and as text.
func plain(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.In(eventZone).Format("2006-01-02T15:04:05.999999Z07:00")
	case []byte:
		if len(v) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
		}
		return fmt.Sprintf("%x", v)
	case fmt.Stringer:
		return v.String()
	default:
		return v
	}
}

func (a *app) printAnswer(ans queryAnswer) {
	t := a.table(ans.Columns...)
	for _, r := range ans.Rows {
		cells := make([]any, len(r))
		for i, v := range r {
			if v == nil {
				cells[i] = ""
			} else {
				cells[i] = strings.ReplaceAll(fmt.Sprint(v), "\n", "⏎")
			}
		}
		t.row(cells...)
	}
	t.flush()
	if ans.Truncated {
		fmt.Fprintln(a.err, a.tr("more rows exist: raise --limit, or use onegrid export", "还有更多行:调大 --limit 或使用 onegrid export"))
	}
	if ans.Published != nil {
		fmt.Fprintf(a.err, a.tr("generation %d of %s, published %s ago\n", "%[2]s 第 %[1]d 代,发布于 %[3]s 前\n"), ans.Generation, ans.Scope, time.Since(*ans.Published).Round(time.Second))
	}
	for _, f := range ans.Freshness {
		fmt.Fprintf(a.err, a.tr("%s: last read %s ago\n", "%s:最近读取于 %s 前\n"), f.Source, time.Since(f.LastRead).Round(time.Second))
	}
}

func (a *app) exportCmd() *cobra.Command {
	var format, query, where string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "write events to CSV, Parquet or Arrow · 导出",
		Long:  "Writes the current events, or the answer to --query, to FILE (csv, parquet or arrow, by its ending or --format). Text cells of a\nCSV that a spreadsheet would run as a formula are quoted with an apostrophe. The file appears only when it is complete.\n\n将当前事件或 --query 的结果写入文件;写完才出现。",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if query != "" && where != "" {
				return usageError{errors.New("--query and --where exclude each other")}
			}
			if query == "" {
				query = "SELECT * FROM event"
				if where != "" {
					query += " WHERE " + where
				}
				query += " ORDER BY event_day, event_id"
			}
			h, err := a.open(cmd.Context(), hub.Options{ReadOnly: true})
			if err != nil {
				return err
			}
			defer h.Close()
			n, err := h.Store.Export(cmd.Context(), query, args[0], format)
			if err != nil {
				return err
			}
			st, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"file": args[0], "rows": n, "bytes": st.Size()}, func() {
				a.printf("%d rows written to %s (%d bytes)", "已写入 %d 行到 %s(%d 字节)", n, args[0], st.Size())
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "csv, parquet or arrow · 格式")
	cmd.Flags().StringVar(&query, "query", "", "SELECT whose answer is written · 导出查询结果")
	cmd.Flags().StringVar(&where, "where", "", "condition on event · 事件条件")
	return cmd
}
