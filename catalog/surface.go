package catalog

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Link is incident linkage over the store.
type Link struct {
	Enabled bool     `yaml:"enabled" doc:"link new events after commits" doczh:"入库后自动关联同一事件"`
	Rules   string   `yaml:"rules" doc:"linkage rules file; empty takes the rules that come with the program" doczh:"关联规则文件, 空为内置规则"`
	Model   string   `yaml:"model" doc:"trained weights (onegrid link train); empty takes those of the rules" doczh:"训练所得权重, 空为规则内权重"`
	Every   Duration `yaml:"every" doc:"shortest time between two runs" doczh:"两次关联的最短间隔"`
	Rebuild string   `yaml:"rebuild" doc:"cron of the full rebuild that checks for drift; empty turns it off" doczh:"全量重算的计划, 空为关闭"`
}

// Query is the query surface: published snapshots and the doors before them.
type Query struct {
	Publish QueryPublish `yaml:"publish" doc:"snapshots that analysts read" doczh:"发布供查询的快照"`
	HTTP    QueryDoor    `yaml:"http" doc:"POST /v1/sql" doczh:"HTTP 接口"`
	PGWire  QueryDoor    `yaml:"pgwire" doc:"PostgreSQL clients, TLS only" doczh:"PostgreSQL 协议接口, 仅 TLS"`
	TLS     QueryTLS     `yaml:"tls" doc:"certificate of the doors" doczh:"接口证书"`
	Workers QueryWorkers `yaml:"workers" doc:"sandboxed processes that run SQL" doczh:"执行 SQL 的隔离进程"`
	Limits  QueryLimits  `yaml:"limits" doc:"limits of one statement and one user" doczh:"语句与用户限额"`
	Users   QueryUsers   `yaml:"users" doc:"who may ask" doczh:"用户"`
	Audit   QueryAudit   `yaml:"audit" doc:"record of every question" doczh:"审计"`
}

// QueryPublish says what is published and how often.
type QueryPublish struct {
	Enabled   bool     `yaml:"enabled" doc:"publish snapshots; without them there is nothing to query" doczh:"发布快照"`
	Every     Duration `yaml:"every" doc:"shortest time between two generations" doczh:"两代快照的最短间隔"`
	Scopes    []string `yaml:"scopes,flow" doc:"AREA_TIER, such as city_masked or 990101_masked; empty publishes the city in both tiers and every county masked" doczh:"范围_级别, 空为全市两级与各区县脱敏级"`
	Group     string   `yaml:"group" doc:"group, by name or number, that may enter the folders of the snapshots, for a front that runs as another user; empty: that of the process" doczh:"可读取快照目录的用户组"`
	SmallCell int      `yaml:"small_cell" doc:"fewer sensitive events than this in one place, day and category are shown coarser" doczh:"敏感类小计数阈值"`
	Memory    Bytes    `yaml:"memory" doc:"memory of the engine while publishing" doczh:"发布时引擎内存"`
}

// QueryDoor is one listener.
type QueryDoor struct {
	Listen string `yaml:"listen" doc:"address, host:port; empty turns the door off" doczh:"监听地址, 空为关闭"`
}

// QueryTLS is the certificate of the doors.
type QueryTLS struct {
	Cert  string `yaml:"cert" doc:"PEM file of the certificate chain; empty makes a self-signed one in the data directory" doczh:"证书链文件, 空为自签"`
	Key   string `yaml:"key" doc:"PEM file of the private key" doczh:"私钥文件"`
	Plain bool   `yaml:"plain_http" doc:"HTTP without TLS, for a proxy on the same machine; only on a loopback address" doczh:"不加密的 HTTP, 仅限本机代理"`
}

// QueryWorkers bounds the worker processes.
type QueryWorkers struct {
	PerScope     int    `yaml:"per_scope" doc:"statements at a time per scope" doczh:"每个范围的并发语句数"`
	Threads      int    `yaml:"threads" doc:"engine threads of a worker" doczh:"引擎线程数"`
	Memory       Bytes  `yaml:"memory" doc:"engine memory of a worker" doczh:"引擎内存"`
	AddressSpace Bytes  `yaml:"address_space" doc:"RLIMIT_AS of a worker; what a statement cannot exceed whatever it does" doczh:"地址空间上限"`
	User         string `yaml:"user" doc:"account of the workers where the program runs as root" doczh:"以 root 启动时工作进程的账户"`
	Nice         int    `yaml:"nice" doc:"added to the scheduling priority, 0 to 19: ingest goes first" doczh:"调度优先级增量"`
}

// QueryLimits bounds questions.
type QueryLimits struct {
	Rows       int64    `yaml:"rows" doc:"rows of one answer" doczh:"单次结果行数"`
	Bytes      Bytes    `yaml:"bytes" doc:"bytes of one answer" doczh:"单次结果字节数"`
	ExportRows int64    `yaml:"export_rows" doc:"rows of one answer for roles that may export" doczh:"导出角色的结果行数"`
	Timeout    Duration `yaml:"timeout" doc:"time of one statement, waiting included" doczh:"单条语句时限"`
	Concurrent int      `yaml:"concurrent" doc:"statements of one user at the same time" doczh:"单用户并发语句数"`
	Rate       float64  `yaml:"rate" doc:"statements a second of one user in the long run" doczh:"单用户长期每秒语句数"`
}

// QueryUsers says who may ask.
type QueryUsers struct {
	Orgs string    `yaml:"orgs" doc:"file that gives organisations their area; empty: every user sees the city" doczh:"组织与范围对照文件"`
	OIDC QueryOIDC `yaml:"oidc" doc:"OpenID Connect provider; without issuer there is none" doczh:"OIDC 身份提供方"`
}

// QueryOIDC is a provider whose bearer tokens are accepted. Its host is called (invariant 10).
type QueryOIDC struct {
	Issuer    string            `yaml:"issuer" doc:"URL of the issuer" doczh:"签发方地址"`
	Audience  string            `yaml:"audience" doc:"audience that tokens must name" doczh:"受众"`
	CAFile    string            `yaml:"ca_file" doc:"PEM file of the issuer's authority, instead of the system's" doczh:"签发方 CA 文件"`
	UserClaim string            `yaml:"user_claim" doc:"claim with the user name; preferred_username, then sub, unless written" doczh:"用户名声明"`
	RoleClaim string            `yaml:"role_claim" doc:"claim with the roles" doczh:"角色声明"`
	OrgClaim  string            `yaml:"org_claim" doc:"claim with the organisation code" doczh:"组织声明"`
	Roles     map[string]string `yaml:"roles" doc:"value of the role claim to role of this program" doczh:"角色对照"`
}

// QueryAudit is about the record.
type QueryAudit struct {
	Anchor string `yaml:"anchor" doc:"file, best on another disk, that is told the newest hash: a record cut off at its end is then noticed" doczh:"外部锚定文件"`
	Key    string `yaml:"key" doc:"reference to a secret of at least 32 characters that makes the hashes HMACs: whoever can write the record, but has no key, cannot write it anew" doczh:"审计链 HMAC 密钥引用, 至少 32 字符"`
}

// DefaultLink and DefaultQuery are what is not written.
func DefaultLink() Link {
	return Link{Enabled: true, Every: Duration(5 * time.Second), Rebuild: "30 3 * * *"}
}

// DefaultQuery publishes, and opens no door: a port is opened by whoever names it.
func DefaultQuery() Query {
	return Query{
		Publish: QueryPublish{Enabled: true, Every: Duration(5 * time.Second), SmallCell: 5, Memory: 768e6},
		Workers: QueryWorkers{PerScope: 2, Threads: 2, Memory: 1 << 30, AddressSpace: 3 << 30, User: "nobody", Nice: 5},
		Limits:  QueryLimits{Rows: 50_000, Bytes: 64 << 20, ExportRows: 1_000_000, Timeout: Duration(30 * time.Second), Concurrent: 2, Rate: 20},
	}
}

// Roles that a user of the query surface can have; query.Role holds their meaning.
var queryRoles = []string{"viewer", "analyst", "sensitive-analyst", "steward", "auditor", "admin"}

func (q Query) validate(ps *problems) {
	for _, l := range [][2]string{{"query.http.listen", q.HTTP.Listen}, {"query.pgwire.listen", q.PGWire.Listen}} {
		if l[1] == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(l[1]); err != nil || port == "" {
			ps.add(l[0], "must be host:port", "for instance 127.0.0.1:8687")
		}
	}
	if (q.TLS.Cert == "") != (q.TLS.Key == "") {
		ps.add("query.tls", "cert and key belong together", "write both or none")
	}
	if q.TLS.Plain && q.HTTP.Listen != "" {
		if host, _, err := net.SplitHostPort(q.HTTP.Listen); err == nil {
			if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
				ps.add("query.tls.plain_http", "passwords would travel in clear", "listen on 127.0.0.1, or leave plain_http out")
			}
		}
	}
	for i, s := range q.Publish.Scopes {
		area, tier, ok := strings.Cut(s, "_")
		if !ok || tier != "masked" && tier != "sensitive" || area != "city" && !countyPattern.MatchString(area) {
			ps.add(fmt.Sprintf("query.publish.scopes.%d", i), "must be city or a county code, an underscore, and masked or sensitive", "for instance city_masked")
		}
	}
	ps.atLeast("query.publish.every", int64(q.Publish.Every), int64(100*time.Millisecond))
	ps.atLeast("query.publish.small_cell", int64(q.Publish.SmallCell), 2)
	ps.atLeast("query.publish.memory", int64(q.Publish.Memory), 128e6)
	ps.atLeast("query.workers.per_scope", int64(q.Workers.PerScope), 1)
	ps.atLeast("query.workers.threads", int64(q.Workers.Threads), 1)
	ps.atLeast("query.workers.memory", int64(q.Workers.Memory), 64<<20)
	ps.atLeast("query.workers.address_space", int64(q.Workers.AddressSpace), int64(q.Workers.Memory)+2<<30)
	ps.atLeast("query.workers.nice", int64(q.Workers.Nice), 0)
	ps.atLeast("query.limits.rows", q.Limits.Rows, 1)
	ps.atLeast("query.limits.bytes", int64(q.Limits.Bytes), 1<<20)
	ps.atLeast("query.limits.export_rows", q.Limits.ExportRows, q.Limits.Rows)
	ps.atLeast("query.limits.timeout", int64(q.Limits.Timeout), int64(time.Second))
	ps.atLeast("query.limits.concurrent", int64(q.Limits.Concurrent), 1)
	if q.Limits.Rate <= 0 {
		ps.add("query.limits.rate", "is too small", "20 is the default")
	}
	if q.Audit.Key != "" {
		if err := checkSecretRef(q.Audit.Key); err != nil {
			ps.add("query.audit.key", err.Error(), "")
		}
	}
	o := q.Users.OIDC
	if o.Issuer != "" && (o.Audience == "" || o.RoleClaim == "") {
		ps.add("query.users.oidc", "an issuer needs audience and role_claim", "")
	}
	for claim, role := range o.Roles {
		if !slices.Contains(queryRoles, role) {
			ps.add("query.users.oidc.roles."+claim, fmt.Sprintf("%q is not a role", role), "one of "+strings.Join(queryRoles, ", "))
		}
	}
}

// resolve makes relative paths those of the configuration folder.
func (q *Query) resolve(dir string) {
	for _, p := range []*string{&q.TLS.Cert, &q.TLS.Key, &q.Users.Orgs, &q.Users.OIDC.CAFile, &q.Audit.Anchor} {
		*p = resolvePath(dir, *p)
	}
	q.Audit.Key = resolveSecretRef(dir, q.Audit.Key)
}
