package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

// backupResult is a verified backup.
type backupResult struct {
	Path    string  `json:"path"`
	SHA256  string  `json:"sha256"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func (a *app) backupCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "backup PATH",
		Short: "copy the store into a new file and prove that it restores · 备份",
		Long: "Copies the store inside one transaction into a new database file, opens the copy and compares counts and content with what was written.\n" +
			"To restore, stop onegrid and put the file into the data directory as onegrid.duckdb, without a .wal beside it. The keys and the landing are\n" +
			"not part of it.\n\n在一个事务内复制数据库,并打开副本核对;恢复时停止程序,将其作为 onegrid.duckdb 放入数据目录。不含密钥与原始批次。",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return usageError{err}
			}
			if _, err := os.Lstat(path); err == nil {
				return hinted{usageError{errors.New("the target " + path + " exists")}, "a backup never replaces a file: choose a new name", "备份不覆盖已有文件,请换一个名称"}
			}
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			if !duckdb.Look(dir).Exists {
				return hinted{fmt.Errorf("there is no store in %s: %w", dir, fs.ErrNotExist), "check --config and --data", "请检查 --config 与 --data"}
			}
			// A store that is opened for reading may not write a file, not even the copy.
			t0 := time.Now()
			h, err := a.open(cmd.Context(), hub.Options{})
			if errors.Is(err, warehouse.ErrLocked) {
				// The daemon holds the store: it makes the copy itself, while it goes on reading.
				ans, aerr := hub.AskDaemon(cmd.Context(), dir, hub.ControlRequest{Backup: path})
				if errors.Is(aerr, hub.ErrNoDaemon) {
					return err
				}
				if aerr != nil {
					return aerr
				}
				return a.backedUp(path, ans.SHA256, time.Since(t0))
			}
			if err != nil {
				return err
			}
			defer h.Close()
			progress := ops.NewProgress(a.err, a.json)
			sum, err := a.watchBackup(cmd.Context(), h, path, progress)
			progress.Close()
			if err != nil {
				return err
			}
			return a.backedUp(path, sum, time.Since(t0))
		},
	}
}

// backedUp reports a verified backup.
func (a *app) backedUp(path, sum string, took time.Duration) error {
	res := backupResult{Path: path, SHA256: sum, Seconds: took.Seconds()}
	if st, err := os.Stat(path); err == nil {
		res.Bytes = st.Size()
	}
	return a.emit(res, func() {
		a.printf("%s: %s, verified by reading it back\nsha256 %s", "%s:%s,已读回核对\nsha256 %s", res.Path, sizeText(res.Bytes), res.SHA256)
	})
}

// watchBackup shows how the copy grows. Only its size is asked for; the live file is never touched (invariant 5).
func (a *app) watchBackup(ctx context.Context, h *hub.Hub, path string, progress *ops.Progress) (string, error) {
	job := progress.Job("backup", "MiB", max(1, h.Store.Sizes().Database>>20))
	var seen int64
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if st, err := os.Stat(path + ".part"); err == nil && st.Size()>>20 > seen {
					job.Add(st.Size()>>20 - seen)
					seen = st.Size() >> 20
				}
			}
		}
	}()
	sum, err := h.Store.Backup(ctx, path)
	close(done)
	<-ended
	if st, serr := os.Stat(path); serr == nil && err == nil {
		job.Add(max(0, st.Size()>>20-seen))
	}
	job.End()
	return sum, err
}
