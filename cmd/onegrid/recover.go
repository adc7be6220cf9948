package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/internal/ops"
	"onegrid/warehouse/duckdb"
)

func (a *app) recoverCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "open a damaged store again and say what is missing · 恢复",
		Long: "Copies database and log aside, cuts a damaged log at the place that the engine names until the store opens, checks the invariants and\n" +
			"compares the witness. What was cut off is named; its resume points went with it, so the next sync reads it again, or onegrid rebuild replays\n" +
			"the landing into a new data directory.\n\n先另存文件,再截去损坏的日志直至可打开,检查不变量并与见证文件核对;被截去的部分由下次同步重新读取,或用 onegrid rebuild 重放。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			progress := ops.NewProgress(a.err, a.json)
			job := progress.Job("recover", a.tr("steps", "步"), 0)
			r, err := duckdb.Recover(cmd.Context(), dir)
			job.Add(int64(len(r.Steps)))
			progress.Close()
			if errors.Is(err, fs.ErrNotExist) {
				return hinted{err, "there is no store in " + dir + ": check --config and --data; onegrid rebuild makes one from the landing", "数据目录中没有数据库,请检查 --config 与 --data;onegrid rebuild 可由原始批次重建"}
			}
			if err != nil {
				for _, s := range r.Steps {
					fmt.Fprintln(a.err, "  "+s)
				}
				return err
			}
			if err := a.emit(r, func() { a.printRecovery(r) }); err != nil {
				return err
			}
			if len(r.Lost) > 0 || len(r.Problems) > 0 {
				return reported{errors.New("the store opens and is not complete"), exitRun}
			}
			return nil
		},
	}
}

// dataDir is the data directory without opening anything: the keys and the sources need not be in order for a recovery.
func (a *app) dataDir() (string, error) {
	if a.data != "" {
		return filepath.Abs(a.data)
	}
	cat, problems := catalog.Inspect(a.config)
	if cat == nil || cat.Hub == nil {
		return "", &catalog.Error{Dir: a.config, Problems: problems}
	}
	return cat.Hub.Data, nil
}

func (a *app) printRecovery(r duckdb.Recovery) {
	for _, s := range r.Steps {
		fmt.Fprintln(a.out, "  "+s)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(a.out, a.red("  "+a.tr("broken: ", "不一致:")+p))
	}
	switch {
	case len(r.Lost) > 0:
		a.printf("The store opens. Acknowledged commits are missing: run onegrid sync to read them again, or onegrid rebuild to replay the landing.",
			"数据库可打开,但有已确认的提交缺失:运行 onegrid sync 重新读取,或 onegrid rebuild 重放原始批次。")
	case len(r.Problems) > 0:
		a.printf("The store opens and is not consistent: restore a backup, or onegrid rebuild.", "数据库可打开但不一致:请恢复备份或运行 onegrid rebuild。")
	case r.Clean:
		a.printf("Nothing had to be done: %d events, %d versions.", "无需处理:%d 个事件,%d 个版本。", r.Events, r.Versions)
	default:
		a.printf("Recovered: %d events, %d versions. The files as they were lie in %s; remove them once all is well.", "已恢复:%d 个事件,%d 个版本。原文件保存在 %s,确认无误后可删除。", r.Events, r.Versions, r.SavedAs)
	}
}
