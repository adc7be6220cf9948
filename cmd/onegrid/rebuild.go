package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/pipelines/landing"
)

func (a *app) rebuildCmd() *cobra.Command {
	var identity, into string
	cmd := &cobra.Command{
		Use:   "rebuild --identity FILE --into DIR",
		Short: "replay the sealed landing into an empty store · 由加密原始批次重建",
		Long:  "Replays every landed batch, in the order of the witness, into a new data directory. The identity file is the secret half of\nthe landing's key pair; bring it to this machine for the rebuild only.\n\n按见证文件顺序把加密批次回放到新的数据目录;身份文件只在重建时带到本机。",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := landing.ReadIdentity(identity)
			if err != nil {
				return hinted{err, "--identity names the file that onegrid init wrote and that lies off this machine", "--identity 为 onegrid init 生成、另行保管的身份文件"}
			}
			if st, err := os.Stat(into); err == nil && st.IsDir() {
				if es, _ := os.ReadDir(into); len(es) > 0 {
					return usageError{errors.New("--into must name a folder that is empty or does not exist")}
				}
			}
			from, err := a.open(cmd.Context(), hub.Options{NoStore: true})
			if err != nil {
				return err
			}
			source := from.DataDir()
			b := *a
			b.data = into
			h, err := b.open(cmd.Context(), hub.Options{})
			if err != nil {
				return err
			}
			progress := ops.NewProgress(a.err, a.json)
			job := progress.Job("rebuild", "units", 0)
			res, err := h.Rebuild(cmd.Context(), source, id, func(_, total int) { job.SetTotal(int64(total)); job.Add(1) })
			progress.Close()
			if cerr := h.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
			return a.emit(res, func() {
				a.printf("%d units replayed: %d events, %d further versions, %d rejects", "已回放 %d 个批次:%d 个事件,%d 个后续版本,%d 条拒收",
					res.Units, res.Counts.New, res.Counts.Updated+res.Counts.Stale, res.Counts.Rejected)
				if n := len(res.Missing); n > 0 {
					a.printf("%d landed units are gone (expired or never landed); their records are read again by the next sync after: onegrid state set SOURCE --to zero",
						"%d 个批次已过期或未保存;可用 onegrid state set SOURCE --to zero 后重新读取", n)
				}
			})
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "age identity file · age 身份文件")
	cmd.Flags().StringVar(&into, "into", "", "new data directory · 新的数据目录")
	cmd.MarkFlagRequired("identity")
	cmd.MarkFlagRequired("into")
	return cmd
}
