package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/internal/hub"
	"onegrid/warehouse"
)

func (a *app) statusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "what every source did last and how fresh it is · 运行状态与时效",
		Long: "Shows for every source its last run, how old its newest record is against what the source file expects, its open rejects and its\n" +
			"next start. While a daemon holds the store, the daemon is asked.\n\n显示各来源最近一次运行、最新数据的时延、未处理拒收和下次运行;守护进程运行时由其回答。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rep, err := a.status(cmd.Context())
			if errors.Is(err, fs.ErrNotExist) {
				return hinted{err, "there is no store yet: onegrid sync makes one; onegrid sources needs none", "尚无数据库:onegrid sync 会创建;onegrid sources 无需数据库"}
			}
			if err != nil {
				return err
			}
			return a.emit(rep, func() { a.printStatus(rep) })
		},
	}
}

// status reads the store, or asks the daemon that holds it.
func (a *app) status(ctx context.Context) (hub.StatusReport, error) {
	h, err := a.open(ctx, hub.Options{ReadOnly: true})
	if errors.Is(err, warehouse.ErrLocked) {
		return a.askDaemon(ctx, err)
	}
	if err != nil {
		return hub.StatusReport{}, err
	}
	defer h.Close()
	return h.Status(ctx)
}

// askDaemon fetches the status from the process that holds the store. Only this machine is asked, whatever address the
// daemon listens on.
func (a *app) askDaemon(ctx context.Context, locked error) (hub.StatusReport, error) {
	var rep hub.StatusReport
	cat, err := catalog.Load(a.config)
	if err != nil {
		return rep, err
	}
	host, port, err := net.SplitHostPort(cat.Hub.Server.Listen)
	if err != nil {
		return rep, hinted{locked, "server.listen is empty in onegrid.yaml, so the process that holds the store cannot be asked", "onegrid.yaml 未设置 server.listen,无法询问占用进程"}
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/v1/status", nil)
	if err != nil {
		return rep, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return rep, hinted{fmt.Errorf("%w, and nothing answers on %s", locked, req.URL.Host), "another verb is at work (sync, backfill, backup): wait for it, or look for its process",
			"可能有其他命令(sync、backfill、backup)正在运行:请等待其结束"}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return rep, hinted{fmt.Errorf("%w, and %s answers %s", locked, req.URL.Host, resp.Status), "is another program listening on server.listen?", "server.listen 是否被其他程序占用?"}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&rep); err != nil {
		return rep, fmt.Errorf("reading the daemon's status: %w", err)
	}
	rep.Daemon = true
	return rep, nil
}

func (a *app) stateName(s string) string {
	zh := map[string]string{hub.StateDisabled: "停用", hub.StateNever: "未运行", hub.StateOK: "正常", hub.StateFailed: "失败", hub.StateStopped: "已停止", hub.StateRunning: "运行中", hub.StateInterrupted: "中断"}
	return a.tr(s, zh[s])
}

func (a *app) printStatus(rep hub.StatusReport) {
	t := a.table(a.tr("SOURCE", "来源"), a.tr("STATE", "状态"), a.tr("LAST RUN", "最近运行"), a.tr("READ", "读取"), a.tr("NEW", "新增"), a.tr("UPDATED", "更新"), a.tr("REJECTED", "拒收"),
		a.tr("UNITS", "批次"), a.tr("EVENTS", "事件"), a.tr("OPEN REJECTS", "未处理拒收"), a.tr("NEWEST RECORD", "最新数据"), a.tr("FRESH WITHIN", "时效要求"), a.tr("NEXT", "下次运行"))
	for _, s := range rep.Sources {
		run := s.LastRun
		if run == nil {
			run = &hub.RunStatus{}
		}
		state := a.stateName(s.State)
		if s.State == hub.StateFailed || s.State == hub.StateInterrupted {
			state = a.red(state)
		}
		newest := "-"
		if s.Newest != nil {
			newest = fmt.Sprintf(a.tr("%s ago", "%s前"), a.age(rep.At.Sub(*s.Newest)))
		}
		if s.Late {
			newest = a.red(newest + a.tr(" LATE", " 超时"))
		}
		t.row(s.ID, state, when(&run.Started), run.Read, run.New, run.Updated, run.Rejected, s.Seq, s.Events, s.Rejects, newest, a.age(time.Duration(s.Expect)*time.Second), when(s.Next))
	}
	t.flush()
	for _, s := range rep.Sources {
		if s.LastRun == nil || s.LastRun.Error == "" {
			continue
		}
		fmt.Fprintf(a.out, "%s: %s\n", s.ID, a.red(s.LastRun.Error))
		if s.LastRun.Hint != "" {
			fmt.Fprintf(a.out, "    %s%s\n", a.tr("try: ", "建议:"), s.LastRun.Hint)
		}
	}
	z := rep.Store
	a.printf("store: %d events, %d versions, %d open rejects, database %s, log %s", "数据库:%d 个事件,%d 个版本,%d 条未处理拒收,文件 %s,日志 %s",
		z.Events, z.Versions, z.OpenRejects, sizeText(z.DatabaseBytes), sizeText(z.LogBytes))
	if z.WitnessOK {
		a.printf("witness: every acknowledged commit is in the store", "见证文件:已确认的提交均在库中")
	} else {
		fmt.Fprintln(a.out, a.red(a.tr("witness: acknowledged commits are missing: onegrid recover", "见证文件:有已确认的提交缺失,请运行 onegrid recover")))
	}
}
