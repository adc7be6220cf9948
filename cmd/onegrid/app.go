package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/internal/surface"
	"onegrid/pipelines"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/normalize"
	"onegrid/warehouse"

	"onegrid/connectors"
)

// Exit codes: 0 fine, 1 the work failed, 2 configuration or usage, 3 the environment (disk, lock, permission, upstream).
const (
	exitOK     = 0
	exitRun    = 1
	exitConfig = 2
	exitEnv    = 3
)

// app is what every verb shares.
type app struct {
	in       io.Reader
	out, err io.Writer
	config   string
	data     string
	json     bool
	lang     string
	logLevel string
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	a.fail(err)
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "onegrid",
		Short:         "make a city's departmental systems one grid · 城市事件数据汇聚平台",
		Long:          "onegrid reads the systems of city departments on schedule, turns their records into one governance-event schema, stores them\nexactly once in DuckDB and answers SQL.\n\nonegrid 按计划读取各部门系统,统一为治理事件,入库一次且仅一次,并以 SQL 提供查询。",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.config, "config", "c", envOr("ONEGRID_CONFIG", "."), "configuration folder · 配置目录")
	f.StringVar(&a.data, "data", "", "data directory, instead of the one in onegrid.yaml · 数据目录")
	f.BoolVar(&a.json, "json", false, "answer in JSON · 以 JSON 输出")
	f.StringVar(&a.lang, "lang", defaultLang(), "language of messages: en or zh · 提示语言")
	f.StringVar(&a.logLevel, "log-level", "", "debug, info, warn or error · 日志级别")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.commands()...)
	strictUsage(root)
	return root
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func defaultLang() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// tr chooses between the English and the Chinese form of a message.
func (a *app) tr(en, zh string) string {
	if a.lang == "zh" && zh != "" {
		return zh
	}
	return en
}

func (a *app) printf(en, zh string, args ...any) { fmt.Fprintf(a.out, a.tr(en, zh)+"\n", args...) }

// emit writes v as JSON with --json and calls text otherwise.
func (a *app) emit(v any, text func()) error {
	if !a.json {
		text()
		return nil
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// logger is the log of short-lived verbs: warnings to standard error. Record values never reach it; privacy's scrubbing
// handler is put around it once there is a guard.
func (a *app) logger(level, format string) (*slog.Logger, error) {
	if a.logLevel != "" {
		level = a.logLevel
	}
	return ops.NewLogger(a.err, format, level)
}

// open opens the hub that --config names.
func (a *app) open(ctx context.Context, opts hub.Options) (*hub.Hub, error) {
	opts.Config, opts.Data = a.config, a.data
	if opts.Logger == nil {
		log, err := a.logger("warn", "text")
		if err != nil {
			return nil, usageError{err}
		}
		opts.Logger = log
	}
	return hub.Open(ctx, opts)
}

// usageError is a wrong call.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// hinted is an error with advice.
type hinted struct {
	error
	hint, hintZH string
}

func (e hinted) Unwrap() error { return e.error }

// reported is an error that the verb has shown already.
type reported struct {
	error
	code int
}

func (e reported) Unwrap() error { return e.error }

func exitCode(err error) int {
	var ue usageError
	var rep reported
	var ce *catalog.Error
	var me *normalize.FileError
	switch {
	case errors.As(err, &rep):
		return rep.code
	case errors.As(err, &ue), errors.As(err, &ce), errors.As(err, &me), errors.Is(err, hub.ErrConfig), errors.Is(err, surface.ErrNothingOpen), wrongCall(err):
		return exitConfig
	case errors.Is(err, warehouse.ErrLocked), errors.Is(err, warehouse.ErrDiskFull), errors.Is(err, warehouse.ErrDown), errors.Is(err, warehouse.ErrDamaged),
		errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, warehouse.ErrWitnessAhead):
		return exitEnv
	default:
		return exitRun
	}
}

// wrongCall reports whether cobra itself refused the call; it has no type for that.
func wrongCall(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag(s)")
}

// fail shows an error with what can be done about it.
func (a *app) fail(err error) {
	var rep reported
	if errors.As(err, &rep) {
		return
	}
	hint := a.hint(err)
	if a.json {
		json.NewEncoder(a.err).Encode(map[string]any{"error": err.Error(), "hint": hint, "exit": exitCode(err)})
		return
	}
	fmt.Fprintf(a.err, "%s: %v\n", a.tr("Error", "错误"), err)
	if hint != "" {
		fmt.Fprintf(a.err, "%s: %s\n", a.tr("Try", "建议"), hint)
	}
}

// hint is the advice for an error, the most specific first.
func (a *app) hint(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return a.tr(h.hint, h.hintZH)
	}
	var ce *connectors.Error
	if errors.As(err, &ce) && ce.Hint != "" {
		return a.tr(ce.Hint, ce.HintZH)
	}
	for _, c := range []struct {
		is     error
		en, zh string
	}{
		{warehouse.ErrLocked, "stop the other onegrid process of this data directory, or ask it: onegrid status", "先停止占用该数据目录的 onegrid 进程"},
		{warehouse.ErrDiskFull, "free space on the disk of the data directory; nothing is lost and the next run goes on", "请释放数据目录所在磁盘空间;数据未丢失,下次运行会继续"},
		{warehouse.ErrDamaged, "onegrid recover", "运行 onegrid recover"},
		{warehouse.ErrWitnessAhead, "onegrid recover, then onegrid rebuild", "先运行 onegrid recover,再运行 onegrid rebuild"},
		{pipelines.ErrBudget, "onegrid preview SOURCE shows the first records with their reject reasons; the resume point did not move", "用 onegrid preview 查看被拒原因;断点未移动"},
		{pipelines.ErrBusy, "wait for the running read to end", "等待当前读取结束"},
		{connectors.ErrAuth, "check the credentials that the source file refers to", "检查来源文件引用的凭据"},
		{connectors.ErrUnavailable, "onegrid doctor checks the network, the certificate and the login of each source", "用 onegrid doctor 检查网络、证书和登录"},
		{connectors.ErrCheckpoint, "onegrid state show SOURCE; set it back with onegrid state set", "用 onegrid state show 查看断点"},
		{landing.ErrIdentity, "the identity must belong to a public key of landing.recipients as it was when the batch was landed", "身份文件须与保存批次时 landing.recipients 中的公钥对应"},
		{landing.ErrTampered, "restore the landing folder from its backup; the source can be read again with onegrid state set SOURCE --to zero", "请从备份恢复落地目录;也可用 onegrid state set 来源 --to zero 重新读取"},
		{hub.ErrNotLanded, "read the source again: onegrid state set SOURCE --to zero, then onegrid sync SOURCE", "重新读取来源:onegrid state set 来源 --to zero,再 onegrid sync 来源"},
		{fs.ErrPermission, "check the owner and the mode of the named file or folder", "检查文件或目录的属主与权限"},
	} {
		if errors.Is(err, c.is) {
			return a.tr(c.en, c.zh)
		}
	}
	var cfg *catalog.Error
	if errors.As(err, &cfg) || errors.Is(err, hub.ErrConfig) {
		return a.tr("onegrid check lists every problem with file and line", "运行 onegrid check 列出所有问题及行号")
	}
	var ue usageError
	if errors.As(err, &ue) || wrongCall(err) {
		return a.tr("onegrid --help", "onegrid --help")
	}
	return ""
}
