package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/internal/service"
	"onegrid/pipelines/privacy"
)

func (a *app) runCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "the daemon: read every enabled source on its schedule · 守护进程",
		Long: "Reads every enabled source on its schedule until SIGTERM. The first signal stops reading, finishes running commits within the\n" +
			"grace time and closes the store; a second one ends the process at once, which loses nothing.\n\n" +
			"按计划读取全部启用的来源;第一次信号平稳停止,第二次立即退出,均不丢数据。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			log, err := a.logger("info", "text")
			if err != nil {
				return usageError{err}
			}
			d := hub.NewDaemon(version)
			h, err := a.open(ctx, hub.Options{Logger: log, Observe: d.Observe})
			if err != nil {
				return err
			}
			defer h.Close()
			if log, err = a.logger(h.Catalog.Hub.Log.Level, h.Catalog.Hub.Log.Format); err != nil {
				return usageError{err}
			}
			// invariant 4: a net under every log line.
			h.Log = slog.New(privacy.NewHandler(log.Handler(), h.Guard))
			return a.serve(ctx, h, d)
		},
	}
}

// serve runs the daemon's services until a signal or the end of ctx.
func (a *app) serve(ctx context.Context, h *hub.Hub, d *hub.Daemon) (err error) {
	pub, err := a.publishing(ctx, h, d)
	if err != nil {
		return err
	}
	if pub != nil {
		defer func() { err = errors.Join(err, pub.Close()) }()
	}
	group, err := d.Services(h)
	if err != nil {
		return err
	}
	return a.untilSignal(ctx, group, h.Catalog.Hub.Run.Grace.Std(), h.Log)
}

// untilSignal runs a group until the first signal, and gives it the grace time to end.
func (a *app) untilSignal(ctx context.Context, group service.Service, grace time.Duration, log *slog.Logger) error {
	// main turns the first signal into the end of ctx and leaves at the second one. Listening for them here too would take
	// one signal for two, and end the daemon without its grace.
	signals := make(chan os.Signal, 1)
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-ctx.Done():
			signals <- syscall.SIGTERM
		case <-stopped:
		}
	}()
	if grace <= 0 {
		grace = 45 * time.Second
	}
	return service.Run(context.WithoutCancel(ctx), group, signals, grace, os.Exit, log)
}

// goOn keeps the demo's city alive: an hour passes every ten seconds, while the daemon reads it.
func (d *demo) goOn(ctx context.Context, h *hub.Hub, say func(en, zh string, args ...any)) error {
	say("\nThe city lives on: an hour passes every ten seconds. Metrics: http://%s/metrics  Stop with Ctrl-C.", "\n城市持续运行:每十秒过一小时。指标:http://%s/metrics  按 Ctrl-C 停止。", h.Catalog.Hub.Server.Listen)
	q := h.Catalog.Hub.Query
	say("Doors: https://%s/v1/sql and PostgreSQL on %s. Make a user: echo 'a long password' | onegrid -c %s user add li --password-stdin, then psql \"host=127.0.0.1 port=%s user=li dbname=onegrid sslmode=require\"",
		"查询接口:https://%s/v1/sql,PostgreSQL %s。新增用户:echo '口令' | onegrid -c %s user add li --password-stdin,再用 psql \"host=127.0.0.1 port=%s user=li dbname=onegrid sslmode=require\"",
		q.HTTP.Listen, q.PGWire.Listen, d.dir, q.PGWire.Listen[strings.LastIndexByte(q.PGWire.Listen, ':')+1:])
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				d.city.Advance(time.Hour)
				if err := d.drop(ctx); err != nil {
					h.Log.Error("the city stumbled", "error", err)
				}
			}
		}
	}()
	return d.app.serve(ctx, h, hub.NewDaemon(version))
}
