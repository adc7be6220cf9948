package sqltable

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onegrid/connectors"
)

// Config is the settings of one sqltable source.
type Config struct {
	Driver           string            `yaml:"driver" doc:"postgres, mysql (also MariaDB), sqlite, sqlserver or oracle" doczh:"数据库类型：postgres、mysql（含 MariaDB）、sqlite、sqlserver、oracle"`
	Host             string            `yaml:"host" doc:"host name or address of the server" doczh:"服务器地址"`
	Port             int               `yaml:"port" doc:"port; the usual one of the driver unless set" doczh:"端口，默认为该数据库的常用端口"`
	Database         string            `yaml:"database" doc:"database name; the service name for oracle" doczh:"数据库名；Oracle 为服务名"`
	User             string            `yaml:"user" doc:"account, which should hold no more than SELECT" doczh:"账号，应只有查询权限"`
	Password         string            `yaml:"password" doc:"secret reference of the password: env:NAME, file:path or systemd:name" doczh:"口令引用：env:名称、file:路径或 systemd:名称"`
	TLS              TLS               `yaml:"tls" doc:"encryption of the connection" doczh:"连接加密"`
	Params           map[string]string `yaml:"params" doc:"further session settings of the driver; no passwords" doczh:"驱动的其他会话参数，不得含口令"`
	Path             string            `yaml:"path" doc:"SQLite only: the file, relative to the configuration folder and inside it" doczh:"仅 SQLite：配置目录内的相对文件路径"`
	PageRows         int               `yaml:"page_rows" doc:"rows of one page statement, 100 to 200000" doczh:"每页行数，100 至 200000"`
	StatementTimeout time.Duration     `yaml:"statement_timeout" doc:"longest run of one page statement" doczh:"单页查询时限"`
	SnapshotTimeout  time.Duration     `yaml:"snapshot_timeout" doc:"longest run of a statement that reads a whole table (no cursor, rows without a position)" doczh:"整表读取语句的时限"`
	ConnectTimeout   time.Duration     `yaml:"connect_timeout" doc:"longest wait for a connection and log-in" doczh:"连接与登录时限"`
	ConnLifetime     time.Duration     `yaml:"conn_lifetime" doc:"age at which a connection is replaced" doczh:"连接最长存续时间"`
	Retries          int               `yaml:"retries" doc:"tries after a transient error before the run ends, 0 to 20" doczh:"瞬时错误的重试次数，0 至 20"`
	RetryWait        time.Duration     `yaml:"retry_wait" doc:"first wait before a retry; it doubles, with jitter, up to 30 s" doczh:"首次重试等待，逐次加倍并加抖动，最长 30 秒"`
	Streams          []Stream          `yaml:"streams" doc:"what to read" doczh:"读取内容"`
}

// TLS says how a connection is encrypted.
type TLS struct {
	Mode       string `yaml:"mode" doc:"disable, require (encrypted, server not verified), verify-ca or verify-full" doczh:"disable 不加密；require 加密但不校验；verify-ca 校验证书；verify-full 校验证书与主机名"`
	CA         string `yaml:"ca" doc:"PEM file of the authority, inside the configuration folder; the system's unless set" doczh:"CA 证书文件（PEM），默认使用系统证书"`
	Cert       string `yaml:"cert" doc:"PEM file of the client certificate" doczh:"客户端证书文件（PEM）"`
	Key        string `yaml:"key" doc:"secret reference of the client key (PEM)" doczh:"客户端私钥引用（PEM）"`
	ServerName string `yaml:"server_name" doc:"name to verify instead of host" doczh:"校验用的主机名，默认取 host"`
}

// Stream is one table, several tables that belong together, or a query.
type Stream struct {
	Name    string   `yaml:"name" doc:"name of the stream, unique in the source" doczh:"流名称，源内唯一"`
	Tables  []string `yaml:"tables" doc:"tables or views, schema.table allowed; several are read as one stream, such as live and history" doczh:"表或视图，可带模式名；多个表（如在办与历史）作为一个流读取"`
	Query   string   `yaml:"query" doc:"a SELECT without a semicolon instead of tables; it becomes a subquery" doczh:"代替表的 SELECT 语句（无分号），作为子查询执行"`
	Columns []string `yaml:"columns" doc:"columns to read; all unless set; the cursor columns are always read" doczh:"读取的列，默认全部；游标列总会读取"`
	Cursor  *Cursor  `yaml:"cursor" doc:"how to read only what is new; without it everything is read at every run" doczh:"增量游标；缺省则每次全量读取"`
	Charset string   `yaml:"charset" doc:"utf-8, or gb18030 where the database stores GBK bytes in latin1 or binary columns" doczh:"utf-8；若数据库在 latin1 或二进制列中存放 GBK 字节则为 gb18030"`
}

// Cursor is the position of a stream: a time column, a key column, or both.
type Cursor struct {
	Time     string         `yaml:"time" doc:"column of the last change" doczh:"更新时间列"`
	Key      string         `yaml:"key" doc:"unique column that orders rows of the same time; alone, it must only ever grow" doczh:"唯一键列，用于同一时刻内排序；单独使用时必须递增"`
	Lookback *time.Duration `yaml:"lookback" doc:"how far before the last row a reading starts again, for late commits and skewed clocks; 10m unless set" doczh:"回看时长，用于迟到提交与时钟偏差，默认 10m"`
	Lag      *time.Duration `yaml:"lag" doc:"rows younger than this by the clock of the database wait for the next reading; 5s unless set" doczh:"滞后时长，晚于数据库时钟减此值的行留待下次，默认 5s"`
	Layout   string         `yaml:"layout" doc:"for a time column that is text or a number: unix, unix_ms or a Go layout; found from a sample unless set" doczh:"时间列为文本或数字时：unix、unix_ms 或 Go 时间格式；缺省由样本判断"`
	Overlap  *int64         `yaml:"overlap" doc:"id-only cursor on whole numbers: how many ids to read again for late commits; 1000 unless set" doczh:"仅数值主键游标：为迟到提交重读的编号数，默认 1000"`
}

func (c *Cursor) lookback() time.Duration { return orDefault(c.Lookback, 10*time.Minute) }
func (c *Cursor) lag() time.Duration      { return orDefault(c.Lag, 5*time.Second) }
func (c *Cursor) overlap() int64          { return orDefault(c.Overlap, 1000) }

func orDefault[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}

// Defaults are the settings that a source file may leave out.
func Defaults() Config {
	return Config{TLS: TLS{Mode: "verify-full"}, PageRows: 24576, StatementTimeout: time.Minute, SnapshotTimeout: 30 * time.Minute,
		ConnectTimeout: 10 * time.Second, ConnLifetime: 30 * time.Minute, Retries: 4, RetryWait: 500 * time.Millisecond}
}

// Validate reports every problem of the settings.
func (c Config) Validate() []connectors.Problem {
	var ps problems
	d, known := dialectFor(c.Driver)
	if !known {
		ps.add("driver", fmt.Sprintf("unknown driver %q", c.Driver), "one of postgres, mysql, sqlite, sqlserver, oracle")
	}
	if c.Driver == "sqlite" {
		ps.sqlite(c)
	} else {
		ps.server(c)
	}
	if c.PageRows < 100 || c.PageRows > 200000 {
		ps.add("page_rows", "must be between 100 and 200000", "")
	}
	if c.Retries < 0 || c.Retries > 20 {
		ps.add("retries", "must be between 0 and 20", "")
	}
	for _, t := range []struct {
		key string
		d   time.Duration
	}{{"statement_timeout", c.StatementTimeout}, {"snapshot_timeout", c.SnapshotTimeout}, {"connect_timeout", c.ConnectTimeout},
		{"conn_lifetime", c.ConnLifetime}, {"retry_wait", c.RetryWait}} {
		if t.d <= 0 {
			ps.add(t.key, "must be a positive duration", "such as 30s")
		}
	}
	if len(c.Streams) == 0 {
		ps.add("streams", "at least one stream is needed", "")
	}
	seen := map[string]bool{}
	for i, s := range c.Streams {
		at := fmt.Sprintf("streams.%d", i)
		if s.Name == "" {
			ps.add(at, "a stream needs a name", "")
		} else if seen[s.Name] {
			ps.add(at+".name", fmt.Sprintf("the stream name %q stands twice", s.Name), "")
		}
		seen[s.Name] = true
		if known {
			ps.stream(at, s, d)
		}
	}
	return ps
}

type problems []connectors.Problem

func (ps *problems) add(path, message, hint string) {
	*ps = append(*ps, connectors.Problem{Path: path, Message: message, Hint: hint})
}

func (ps *problems) sqlite(c Config) {
	if c.Path == "" {
		ps.add("path", "sqlite needs the path of its file", "relative to the configuration folder")
	} else if !filepath.IsLocal(c.Path) {
		ps.add("path", "the path leaves the configuration folder", "use a relative path without ..")
	}
	if c.Host != "" {
		ps.add("host", "sqlite has no host", "remove it")
	}
}

func (ps *problems) server(c Config) {
	if c.Path != "" {
		ps.add("path", "only sqlite has a path", "remove it or set driver: sqlite")
	}
	for _, f := range [][2]string{{"host", c.Host}, {"database", c.Database}, {"user", c.User}} {
		if f[1] == "" {
			ps.add(f[0], f[0]+" is missing", "")
		}
	}
	if strings.ContainsAny(c.Host, "/\\@?, \t") {
		ps.add("host", "not a host name or address", "one host, without port")
	}
	if c.Port < 0 || c.Port > 65535 {
		ps.add("port", "must be between 1 and 65535", "")
	}
	if c.Password != "" && !isSecretRef(c.Password) {
		ps.add("password", "must be a secret reference, never the password itself", "env:NAME, file:path or systemd:name")
	}
	if c.TLS.Key != "" && !isSecretRef(c.TLS.Key) {
		ps.add("tls.key", "must be a secret reference", "env:NAME, file:path or systemd:name")
	}
	if !slices.Contains([]string{"disable", "require", "verify-ca", "verify-full"}, c.TLS.Mode) {
		ps.add("tls.mode", fmt.Sprintf("unknown mode %q", c.TLS.Mode), "one of disable, require, verify-ca, verify-full")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		ps.add("tls", "cert and key go together", "")
	}
	for _, f := range [][2]string{{"tls.ca", c.TLS.CA}, {"tls.cert", c.TLS.Cert}} {
		if f[1] != "" && !filepath.IsLocal(f[1]) {
			ps.add(f[0], "the path leaves the configuration folder", "use a relative path without ..")
		}
	}
	for k := range c.Params {
		if l := strings.ToLower(k); strings.Contains(l, "passw") || strings.Contains(l, "pwd") || strings.Contains(l, "secret") {
			ps.add("params."+k, "secrets do not belong in params", "use password")
		}
	}
}

func isSecretRef(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	return ok && rest != "" && slices.Contains([]string{"env", "file", "systemd"}, scheme)
}

func (ps *problems) stream(at string, s Stream, d dialect) {
	switch {
	case len(s.Tables) == 0 && s.Query == "":
		ps.add(at, "a stream needs tables or a query", "")
	case len(s.Tables) > 0 && s.Query != "":
		ps.add(at+".query", "a stream has tables or a query, not both", "")
	}
	for j, t := range s.Tables {
		if _, err := parseName(t, d.fold); err != nil {
			ps.add(fmt.Sprintf("%s.tables.%d", at, j), err.Error(), `letters, digits and _ $ #, or "quoted"`)
		} else if slices.Index(s.Tables, t) != j {
			ps.add(fmt.Sprintf("%s.tables.%d", at, j), fmt.Sprintf("the table %q stands twice", t), "")
		}
	}
	if s.Query != "" {
		head := strings.ToUpper(strings.TrimSpace(s.Query))
		switch {
		case strings.Contains(s.Query, ";"):
			ps.add(at+".query", "a query holds no semicolon", "write one SELECT")
		case !strings.HasPrefix(head, "SELECT") && (!strings.HasPrefix(head, "WITH") || d.name == "sqlserver"):
			ps.add(at+".query", "a query begins with SELECT", "")
		}
	}
	if s.Charset != "" && s.Charset != "utf-8" && s.Charset != "gb18030" {
		ps.add(at+".charset", fmt.Sprintf("unknown charset %q", s.Charset), "utf-8 or gb18030")
	}
	for j, c := range s.Columns {
		if _, err := parseColumn(c); err != nil {
			ps.add(fmt.Sprintf("%s.columns.%d", at, j), err.Error(), "")
		}
	}
	if s.Cursor != nil {
		ps.cursor(at+".cursor", *s.Cursor)
	}
}

func (ps *problems) cursor(at string, c Cursor) {
	if c.Time == "" && c.Key == "" {
		ps.add(at, "a cursor needs time, key or both", "without a cursor the whole table is read at every run")
	}
	for _, f := range [][2]string{{"time", c.Time}, {"key", c.Key}} {
		if f[1] != "" {
			if _, err := parseColumn(f[1]); err != nil {
				ps.add(at+"."+f[0], err.Error(), "")
			}
		}
	}
	if c.Time != "" && c.Time == c.Key {
		ps.add(at+".key", "time and key are the same column", "")
	}
	if c.lookback() < 0 {
		ps.add(at+".lookback", "must not be negative", "")
	}
	if c.lag() < 0 {
		ps.add(at+".lag", "must not be negative", "")
	}
	if c.overlap() < 0 {
		ps.add(at+".overlap", "must not be negative", "")
	}
	if c.Time == "" && (c.Lookback != nil || c.Lag != nil || c.Layout != "") {
		ps.add(at, "lookback, lag and layout belong to a time column", "set time, or use overlap")
	}
	if c.Time != "" && c.Overlap != nil {
		ps.add(at+".overlap", "overlap belongs to an id-only cursor", "use lookback")
	}
}
