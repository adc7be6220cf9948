package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"onegrid/catalog"
	"onegrid/connectors"
	"onegrid/internal/hub"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

// finding is one line of the doctor. Status is ok, warn, fail or skip.
type finding struct {
	Area   string `json:"area"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// examination collects findings.
type examination struct {
	app      *app
	findings []finding
}

func (e *examination) add(area, name, status, detail, hint string) {
	e.findings = append(e.findings, finding{area, name, status, detail, hint})
}

func (a *app) doctorCmd() *cobra.Command {
	var timeout time.Duration
	var deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "examine the environment: keys, disk, store, clock, every source · 环境诊断",
		Long: "Examines what the configuration cannot say of itself: keys and their modes, disk, lock and log of the store, the clock, and whether each\n" +
			"source can be reached and logged in to. It reads no record and stores nothing.\n\n检查密钥权限、磁盘、数据库、时钟,并逐一测试来源的连通与登录;不读取记录,不入库。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := &examination{app: a}
			e.run(cmd.Context(), timeout, deep)
			broken := slices.ContainsFunc(e.findings, func(f finding) bool { return f.Status == "fail" })
			if err := a.emit(map[string]any{"ok": !broken, "findings": e.findings}, e.print); err != nil {
				return err
			}
			if broken {
				return reported{errors.New("something is broken"), exitEnv}
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "longest wait for one source · 单个来源的等待上限")
	cmd.Flags().BoolVar(&deep, "deep", false, "check the invariants of the whole store as well · 同时检查数据库不变量")
	return cmd
}

func (e *examination) run(ctx context.Context, timeout time.Duration, deep bool) {
	e.versions()
	cat, res, err := hub.Check(e.app.config)
	switch {
	case err != nil:
		e.add("config", e.app.config, "fail", err.Error(), "")
	case !res.OK:
		e.add("config", e.app.config, "fail", fmt.Sprintf(e.app.tr("%d problems; the first: %s", "%d 个问题,首个:%s"), len(res.Problems), res.Problems[0]), e.app.tr("onegrid check lists them all", "运行 onegrid check 查看全部"))
	default:
		e.add("config", e.app.config, "ok", fmt.Sprintf(e.app.tr("%d sources, %d mappings", "%d 个来源,%d 个映射"), res.Sources, res.Mappings), "")
	}
	if cat == nil || cat.Hub == nil {
		return
	}
	e.key(cat)
	e.recipients(cat)
	e.clock(cat)
	dir, err := e.app.dataDir()
	if err != nil {
		return
	}
	e.disk(dir)
	if !res.OK {
		e.add("store", dir, "skip", e.app.tr("not opened while the configuration has problems", "配置有问题,未打开"), "")
		return
	}
	e.store(ctx, dir, deep)
	e.sources(ctx, timeout)
}

func (e *examination) versions() {
	detail := "onegrid " + version + ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			switch d.Path {
			case "github.com/duckdb/duckdb-go/v2":
				detail += ", duckdb-go " + d.Version
			case "github.com/apache/arrow-go/v18":
				detail += ", arrow-go " + d.Version
			}
		}
	}
	e.add("program", "versions", "ok", detail, "")
}

func (e *examination) key(cat *catalog.Catalog) {
	a, ref := e.app, cat.Hub.Privacy.Key
	path, file := strings.CutPrefix(ref, "file:")
	switch {
	case ref == "":
		e.add("keys", "privacy.key", "fail", a.tr("none is configured: nothing is read without one", "未配置隐私密钥,无法读取任何来源"), a.tr("onegrid init makes one", "onegrid init 可生成"))
	case !file:
		if _, err := catalog.Secrets(cat.Dir)(ref); err != nil {
			e.add("keys", "privacy.key", "fail", err.Error(), "")
			return
		}
		e.add("keys", "privacy.key", "ok", a.tr("readable, from ", "可读取,来自 ")+ref, "")
	default:
		st, err := os.Stat(path)
		switch {
		case err != nil:
			e.add("keys", "privacy.key", "fail", err.Error(), a.tr("restore it from its backup; onegrid init makes a new one, whose tokens match no older ones", "请从备份恢复;新密钥的令牌与旧令牌不可比对"))
		case st.Mode().Perm()&0o177 != 0:
			e.add("keys", "privacy.key", "fail", fmt.Sprintf("%s: mode %04o", path, st.Mode().Perm()), "chmod 0400 "+path)
		default:
			e.add("keys", "privacy.key", "ok", fmt.Sprintf("%s, mode %04o", path, st.Mode().Perm()), "")
		}
	}
}

func (e *examination) recipients(cat *catalog.Catalog) {
	n := len(cat.Hub.Landing.Recipients)
	if n == 0 && cat.Hub.Landing.RecipientsFile == "" {
		e.add("keys", "landing.recipients", "warn", e.app.tr("none: batches are not kept, so rebuild and rejects replay have nothing to read", "未配置:不保存原始批次,无法重建与重放"), e.app.tr("onegrid init makes a key pair", "onegrid init 可生成密钥对"))
		return
	}
	e.add("keys", "landing.recipients", "ok", fmt.Sprintf(e.app.tr("%d in onegrid.yaml, kept %d days", "onegrid.yaml 中 %d 个,保存 %d 天"), n, cat.Hub.Landing.KeepDays), "")
}

// clock finds the clocks that make freshness and retention wrong: a machine that woke up in 1970, or far ahead.
func (e *examination) clock(cat *catalog.Catalog) {
	now := time.Now()
	detail := now.In(cat.Hub.Location()).Format("2006-01-02 15:04:05 -0700") + " (" + cat.Hub.Zone + ")"
	if y := now.Year(); y < 2025 || y > 2100 {
		e.add("clock", "year", "fail", detail, e.app.tr("set the clock: retention deletes by it", "请校准时钟:保存期限依其计算"))
		return
	}
	e.add("clock", "time", "ok", detail, "")
}

// Bytes of free disk below which the store refuses to commit, and below which the doctor warns.
const (
	diskFail = 256 << 20
	diskWarn = 2 << 30
)

func (e *examination) disk(dir string) {
	a := e.app
	at := dir
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		for at != filepath.Dir(at) {
			if at = filepath.Dir(at); exists(at) {
				break
			}
		}
		if err := unix.Access(at, unix.W_OK); err != nil {
			e.add("disk", dir, "fail", a.tr("does not exist and cannot be made: ", "不存在且无法创建:")+err.Error(), a.tr("check the owner of "+at, "请检查 "+at+" 的属主"))
			return
		}
		e.add("disk", dir, "ok", a.tr("does not exist yet; the first sync makes it", "尚不存在,首次同步时创建"), "")
	} else if f, err := os.CreateTemp(dir, ".doctor-*"); err != nil {
		e.add("disk", dir, "fail", a.tr("cannot be written: ", "不可写:")+err.Error(), a.tr("check owner, mode and mount of the folder", "请检查目录属主、权限与挂载"))
		return
	} else {
		f.Close()
		os.Remove(f.Name())
		e.add("disk", dir, "ok", a.tr("can be written", "可写"), "")
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		e.add("disk", "free", "fail", err.Error(), "")
		return
	}
	free := int64(st.Bavail) * st.Bsize
	status, hint := "ok", ""
	switch {
	case free < diskFail:
		status, hint = "fail", a.tr("nothing is committed below 256 MiB", "低于 256 MiB 将不再入库")
	case free < diskWarn:
		status, hint = "warn", a.tr("make room before it stops at 256 MiB", "请及时清理,低于 256 MiB 将停止入库")
	}
	e.add("disk", "free", status, sizeText(free), hint)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (e *examination) store(ctx context.Context, dir string, deep bool) {
	a := e.app
	look := duckdb.Look(dir)
	if !look.Exists {
		if look.Sizes.Log > 0 {
			e.add("store", dir, "fail", a.tr("the database file is gone and its log is there", "数据库文件缺失,仅剩日志"), a.tr("restore a backup, or onegrid rebuild", "请恢复备份或运行 onegrid rebuild"))
			return
		}
		e.add("store", dir, "ok", a.tr("none yet; the first sync makes it", "尚无数据库,首次同步时创建"), "")
		return
	}
	t0 := time.Now()
	h, err := a.open(ctx, hub.Options{ReadOnly: true})
	if errors.Is(err, warehouse.ErrLocked) {
		if rep, derr := a.askDaemon(ctx, err); derr == nil {
			e.add("store", dir, "ok", fmt.Sprintf(a.tr("held by a daemon that answers: %d events, log %s", "由守护进程占用且应答正常:%d 个事件,日志 %s"), rep.Store.Events, sizeText(rep.Store.LogBytes)), "")
			return
		}
		e.add("store", dir, "warn", a.tr("another process holds it and does not answer on server.listen", "被其他进程占用且未应答"), a.tr("it may be another verb at work", "可能有其他命令正在运行"))
		return
	}
	if err != nil {
		e.add("store", dir, "fail", err.Error(), a.hint(err))
		return
	}
	defer h.Close()
	took := time.Since(t0).Round(time.Millisecond)
	var n int64
	var engine string
	if err := h.Store.DB().QueryRowContext(ctx, "SELECT count(*), any_value(v) FROM (SELECT version() AS v) LEFT JOIN event_version ON known_to IS NULL").Scan(&n, &engine); err != nil {
		e.add("store", dir, "fail", err.Error(), "onegrid recover")
		return
	}
	e.add("store", "open", "ok", fmt.Sprintf(a.tr("DuckDB %s, %d events, opened in %s", "DuckDB %s,%d 个事件,打开耗时 %s"), engine, n, took), "")
	if look.Clean.IsZero() {
		e.add("store", "shutdown", "warn", a.tr("the last process did not close the store; its log was replayed and is intact", "上次未正常关闭,日志已重放且完好"), "")
	} else {
		e.add("store", "shutdown", "ok", a.tr("closed cleanly at ", "正常关闭于 ")+when(&look.Clean), "")
	}
	status, hint := "ok", ""
	if look.Sizes.Log > 1<<30 {
		status, hint = "warn", a.tr("a log this long makes the next start slow; an open reader may keep it from being written back", "日志过长会拖慢下次启动,可能有未结束的读取")
	}
	e.add("store", "log", status, sizeText(look.Sizes.Log), hint)
	if len(h.Lost) > 0 {
		e.add("store", "witness", "fail", fmt.Sprintf(a.tr("acknowledged commits of %d sources are missing", "%d 个来源的已确认提交缺失"), len(h.Lost)), "onegrid recover")
	} else {
		e.add("store", "witness", "ok", a.tr("every acknowledged commit is in the store", "已确认的提交均在库中"), "")
	}
	e.setBack(ctx, h)
	if deep {
		ps, err := duckdb.Invariants(ctx, h.Store.DB())
		if err != nil {
			ps = append(ps, err.Error())
		}
		for _, p := range ps {
			e.add("store", "invariants", "fail", p, "onegrid recover")
		}
		if len(ps) == 0 {
			e.add("store", "invariants", "ok", a.tr("all hold", "全部成立"), "")
		}
	}
}

// setBack finds a clock that runs behind what is stored already.
func (e *examination) setBack(ctx context.Context, h *hub.Hub) {
	var last *time.Time
	if err := h.Store.DB().QueryRowContext(ctx, "SELECT max(committed_at) FROM checkpoint").Scan(&last); err != nil || last == nil {
		return
	}
	if ahead := time.Until(*last); ahead > time.Minute {
		e.add("clock", "stored", "fail", fmt.Sprintf(e.app.tr("the newest commit lies %s in the future: the clock was set back", "最近一次入库在未来 %s:时钟被回拨"), e.app.age(ahead)), e.app.tr("set the clock", "请校准时钟"))
	}
}

// sources reaches and logs in to every enabled source, a few at a time, each with its own time limit.
func (e *examination) sources(ctx context.Context, timeout time.Duration) {
	a := e.app
	h, err := a.open(ctx, hub.Options{NoStore: true})
	if err != nil {
		e.add("source", "*", "fail", err.Error(), a.hint(err))
		return
	}
	defer h.Close()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	sources := h.Catalog.Sources() // in the order of their ids
	out := make([]finding, len(sources))
	for i, src := range sources {
		if !src.Enabled {
			out[i] = finding{"source", src.ID, "skip", a.tr("disabled", "停用"), ""}
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out[i] = a.examine(ctx, h, src, timeout)
		})
	}
	wg.Wait()
	e.findings = append(e.findings, out...)
}

func (a *app) examine(ctx context.Context, h *hub.Hub, src *catalog.Source, timeout time.Duration) finding {
	f := finding{Area: "source", Name: src.ID, Status: "ok"}
	conn, err := h.Connector(src)
	if err == nil {
		can, ok := conn.(connectors.Checker)
		if !ok {
			f.Status, f.Detail = "skip", a.tr("this kind of connector has no check", "该类连接器不支持检查")
			return f
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		t0 := time.Now()
		if err = can.Check(ctx); err == nil {
			f.Detail = fmt.Sprintf(a.tr("reached in %s", "可访问,耗时 %s"), time.Since(t0).Round(time.Millisecond))
			return f
		}
	}
	// invariant 4: what an upstream says may quote anything.
	f.Status, f.Detail, f.Hint = "fail", h.Guard.Scrub(err.Error()), a.hint(err)
	if errors.Is(err, context.DeadlineExceeded) && f.Hint == "" {
		f.Hint = fmt.Sprintf(a.tr("no answer within %s", "%s 内无应答"), timeout)
	}
	return f
}

func (e *examination) print() {
	a := e.app
	names := map[string]string{"ok": "ok", "warn": a.tr("warn", "注意"), "fail": a.tr("FAIL", "故障"), "skip": a.tr("skip", "跳过")}
	t := a.table(a.tr("RESULT", "结果"), a.tr("AREA", "范围"), a.tr("WHAT", "项目"), a.tr("DETAIL", "说明"))
	for _, f := range e.findings {
		name := names[f.Status]
		if f.Status == "fail" {
			name = a.red(name)
		}
		t.row(name, f.Area, f.Name, short(f.Detail, 160))
		if f.Hint != "" {
			t.row("", "", "", a.tr("try: ", "建议:")+f.Hint)
		}
	}
	t.flush()
}
