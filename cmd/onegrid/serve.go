package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/hub"
	"onegrid/internal/service"
	"onegrid/internal/surface"
	"onegrid/query/publish"
)

func (a *app) serveCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "the query surface: HTTP and PostgreSQL doors over published snapshots · 查询服务",
		Long: "Answers analysts and BI tools from the published snapshots, over HTTP (query.http.listen) and the PostgreSQL protocol\n" +
			"(query.pgwire.listen). It never opens the store and may run as another user; `onegrid run` starts it as a process of its own when a\n" +
			"door is configured. The first start makes the user admin with a one-time password and, without a configured certificate, a\n" +
			"self-signed one.\n\n基于已发布快照提供 HTTP 与 PostgreSQL 查询;不打开存储。首次启动生成管理员一次性口令。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c, data, err := a.loadConfig()
			if err != nil {
				return err
			}
			log, err := a.logger(c.Hub.Log.Level, c.Hub.Log.Format)
			if err != nil {
				return usageError{err}
			}
			s, err := surface.Open(ctx, surface.Options{Catalog: c, Data: data, Log: log, Version: version})
			if err != nil {
				if errors.Is(err, surface.ErrNothingOpen) {
					return hinted{err, "query.http.listen: 127.0.0.1:8687 and query.pgwire.listen: 127.0.0.1:5433 in onegrid.yaml", "在 onegrid.yaml 中设置 query.http.listen 或 query.pgwire.listen"}
				}
				return err
			}
			defer s.Close()
			if s.Secret != "" {
				// Shown once, on the terminal of whoever started it, and never in the log.
				fmt.Fprintf(a.err, a.tr("First start: user admin, one-time password %s (also in %s). It must be changed first.\n", "首次启动:用户 admin,一次性口令 %s(亦在 %s),须先修改。\n"), s.Secret, s.SecretFile)
			}
			if s.MadeCertificate != "" {
				log.Warn("a self-signed certificate was made; clients must be told to trust it", "file", s.MadeCertificate)
			}
			group := s.Services()
			announced := service.Named{Name: "announcement", Service: service.New("announcement", func(ctx context.Context, ready func()) error {
				http, pg := s.Addresses()
				log.Info("query surface open", "http", http, "pgwire", pg)
				ready()
				<-ctx.Done()
				return nil
			})}
			return a.untilSignal(ctx, service.NewGroup(log, service.Named{Name: "surface", Service: group}, announced), c.Hub.Run.Grace.Std(), log)
		},
	}
}

// publishing adds the publisher to a daemon, and the query surface as a process of its own where a door is configured.
// The publisher must be closed after the services have stopped and before the store is.
func (a *app) publishing(ctx context.Context, h *hub.Hub, d *hub.Daemon) (*publish.Publisher, error) {
	set := h.Catalog.Hub.Query
	if !set.Publish.Enabled {
		return nil, nil
	}
	p, err := surface.OpenPublisher(ctx, h.Catalog, h.DataDir(), h.Store, h.Log)
	if err != nil {
		return nil, err
	}
	d.AfterCommit, d.AfterLink = p.Notify, p.Notify
	d.Extra = append(d.Extra, service.Named{Name: "publisher", Service: service.New("publisher", p.Run)})
	if set.HTTP.Listen != "" || set.PGWire.Listen != "" {
		d.Extra = append(d.Extra, service.Named{Name: "query surface", Service: service.New("query surface", a.frontProcess(h.DataDir(), h.Log))})
	}
	return p, nil
}

// frontProcess runs `onegrid serve` and starts it again when it ends: a fault of the front must not touch reading, nor the
// other way round.
func (a *app) frontProcess(data string, log *slog.Logger) func(ctx context.Context, ready func()) error {
	return func(ctx context.Context, ready func()) error {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding the program: %w", err)
		}
		ready()
		pause := time.Second
		for {
			args := []string{"--config", a.config, "--data", data, "--lang", a.lang}
			if a.logLevel != "" {
				args = append(args, "--log-level", a.logLevel)
			}
			cmd := exec.CommandContext(ctx, self, append(args, "serve")...)
			cmd.Stdout, cmd.Stderr = a.err, a.err
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			cmd.WaitDelay = 20 * time.Second
			cmd.SysProcAttr = dieWithParent()
			started := time.Now()
			err := cmd.Run()
			if ctx.Err() != nil {
				return nil
			}
			if time.Since(started) > time.Minute {
				pause = time.Second
			}
			if err == nil {
				log.Warn("the query surface was ended; it is started again", "in", pause)
			} else {
				log.Error("the query surface failed; it is started again", "error", err, "in", pause)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Minute)
		}
	}
}
