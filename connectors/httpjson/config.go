package httpjson

import "time"

// Config is the settings of one endpoint. The tags doc and doczh are the generated reference.
type Config struct {
	BaseURL  string            `yaml:"base_url" doc:"Address of the service; every request goes below it." doczh:"服务地址，所有请求都在其下。"`
	Stream   string            `yaml:"stream,omitempty" doc:"Name of the stream; default: last part of path." doczh:"数据流名称，默认取 path 的最后一段。"`
	Path     string            `yaml:"path" doc:"Path below base_url. May hold {from} {to} {page} {offset} {size} {cursor}." doczh:"base_url 之下的路径，可含占位符。"`
	Method   string            `yaml:"method,omitempty" doc:"GET or POST." doczh:"GET 或 POST。"`
	Query    map[string]string `yaml:"query,omitempty" doc:"Query parameters; values may hold the placeholders of path." doczh:"查询参数，值中可用占位符。"`
	Headers  map[string]string `yaml:"headers,omitempty" doc:"Extra request headers, not for secrets." doczh:"附加请求头（不放密钥）。"`
	Body     string            `yaml:"body,omitempty" doc:"JSON body of a POST; placeholders are JSON-escaped." doczh:"POST 的 JSON 正文，占位符按 JSON 转义。"`
	Records  string            `yaml:"records,omitempty" doc:"Dotted path of the array of records; empty: the answer is the array; '.': the answer is one record." doczh:"记录数组的点分路径；空表示答复本身即数组；'.' 表示答复即一条记录。"`
	Format   string            `yaml:"format,omitempty" doc:"json or lines (one record a line); default: by content type." doczh:"json 或 lines（每行一条），默认按内容类型判断。"`
	Charset  string            `yaml:"charset,omitempty" doc:"utf-8 or gb18030; default: what the answer declares. Valid UTF-8 is always taken as such." doczh:"utf-8 或 gb18030，默认按答复声明；有效的 UTF-8 总按 UTF-8 处理。"`
	Auth     Auth              `yaml:"auth,omitempty" doc:"How to log in." doczh:"认证方式。"`
	Paging   Paging            `yaml:"paging,omitempty" doc:"How pages follow each other." doczh:"分页方式。"`
	Cursor   Cursor            `yaml:"cursor,omitempty" doc:"Column that tells what is new; without one every run reads everything." doczh:"增量列；不设则每次全量读取。"`
	Rules    []Rule            `yaml:"rules,omitempty" doc:"What an answer means, first match wins; the standard meaning of status codes follows." doczh:"答复含义规则，按顺序首个匹配生效，之后按标准状态码处理。"`
	Child    *Child            `yaml:"child,omitempty" doc:"A second request for each record." doczh:"对每条记录再发一次请求。"`
	Limits   Limits            `yaml:"limits,omitempty" doc:"Size limits." doczh:"大小限制。"`
	Rate     Rate              `yaml:"rate,omitempty" doc:"Request rate towards the host, shared by all sources of it." doczh:"对主机的请求速率，同主机的数据源共用。"`
	Retry    Retry             `yaml:"retry,omitempty" doc:"Repeating failed requests." doczh:"失败重试。"`
	Timeouts Timeouts          `yaml:"timeouts,omitempty" doc:"Time limits of one request." doczh:"单次请求的时间限制。"`
	TLS      TLS               `yaml:"tls,omitempty" doc:"Certificates." doczh:"证书。"`
	Network  Network           `yaml:"network,omitempty" doc:"Where connections may go." doczh:"允许连接的范围。"`
}

// Auth is how requests are authorised. Secrets are references, never values.
type Auth struct {
	Type     string `yaml:"type,omitempty" doc:"none, header, query, basic, bearer, oauth2 or signed." doczh:"none、header、query、basic、bearer、oauth2、signed 之一。"`
	Name     string `yaml:"name,omitempty" doc:"Header or query parameter of the key." doczh:"密钥所在的请求头或查询参数名。"`
	Prefix   string `yaml:"prefix,omitempty" doc:"Text before the key in the header." doczh:"请求头中密钥前的文字。"`
	Value    string `yaml:"value,omitempty" doc:"Reference to the key (header, query) or token (bearer): env:, file: or systemd:." doczh:"密钥或令牌的引用：env:、file: 或 systemd:。"`
	User     string `yaml:"user,omitempty" doc:"User of basic." doczh:"basic 的用户名。"`
	Password string `yaml:"password,omitempty" doc:"Reference to the password of basic." doczh:"basic 的密码引用。"`

	TokenURL     string            `yaml:"token_url,omitempty" doc:"oauth2: address of the token endpoint." doczh:"oauth2：令牌地址。"`
	ClientID     string            `yaml:"client_id,omitempty" doc:"oauth2: client id." doczh:"oauth2：客户端标识。"`
	ClientSecret string            `yaml:"client_secret,omitempty" doc:"oauth2: reference to the client secret." doczh:"oauth2：客户端密钥引用。"`
	Scope        string            `yaml:"scope,omitempty" doc:"oauth2: scope." doczh:"oauth2：范围。"`
	Params       map[string]string `yaml:"params,omitempty" doc:"oauth2: more form fields, such as audience." doczh:"oauth2：其他表单字段。"`
	ClientIn     string            `yaml:"client_in,omitempty" doc:"oauth2: client in header (default) or body." doczh:"oauth2：客户端信息放在 header（默认）或 body。"`

	AppID     string `yaml:"app_id,omitempty" doc:"signed: application id." doczh:"signed：应用标识。"`
	Key       string `yaml:"key,omitempty" doc:"signed: reference to the HMAC key." doczh:"signed：HMAC 密钥引用。"`
	Canonical string `yaml:"canonical,omitempty" doc:"signed: text that is signed; {method} {path} {query} {timestamp} {nonce} {app_id} {body} {body_sha256}." doczh:"signed：被签名的文本模板。"`
	Encoding  string `yaml:"encoding,omitempty" doc:"signed: hex (default), hex_upper or base64." doczh:"signed：签名编码 hex（默认）、hex_upper 或 base64。"`
	Timestamp string `yaml:"timestamp,omitempty" doc:"signed: unix (default), unix_ms or a Go layout." doczh:"signed：时间戳格式 unix（默认）、unix_ms 或 Go 布局。"`
	In        string `yaml:"in,omitempty" doc:"signed: values in header (default) or query." doczh:"signed：放在 header（默认）或 query。"`

	AppIDName     string `yaml:"app_id_name,omitempty" doc:"signed: name that carries the application id; empty: not sent." doczh:"signed：应用标识的参数名，空则不发送。"`
	TimestampName string `yaml:"timestamp_name,omitempty" doc:"signed: name that carries the time." doczh:"signed：时间戳的参数名。"`
	NonceName     string `yaml:"nonce_name,omitempty" doc:"signed: name that carries the nonce; empty: not sent." doczh:"signed：随机数的参数名，空则不发送。"`
	SignatureName string `yaml:"signature_name,omitempty" doc:"signed: name that carries the signature." doczh:"signed：签名的参数名。"`
}

// Paging is how pages follow each other.
type Paging struct {
	Style      string `yaml:"style,omitempty" doc:"single, page, offset, until_empty, cursor, link, next_url or keyset." doczh:"single、page、offset、until_empty、cursor、link、next_url、keyset 之一。"`
	Param      string `yaml:"param,omitempty" doc:"Query parameter of the page number, offset or cursor." doczh:"页码、偏移或游标的查询参数。"`
	SizeParam  string `yaml:"size_param,omitempty" doc:"Query parameter of the page size." doczh:"每页条数的查询参数。"`
	Size       int    `yaml:"size,omitempty" doc:"Records asked for in a page." doczh:"每页请求条数。"`
	First      int    `yaml:"first" doc:"Number of the first page." doczh:"首页页码。"`
	CursorPath string `yaml:"cursor_path,omitempty" doc:"cursor: where the answer holds the next cursor." doczh:"cursor：答复中下一游标的路径。"`
	NextPath   string `yaml:"next_path,omitempty" doc:"next_url: where the answer holds the next address." doczh:"next_url：答复中下一页地址的路径。"`
	NextOrigin string `yaml:"next_origin,omitempty" doc:"link, next_url: same (default) refuses another origin; ignore keeps ours, for services behind a proxy." doczh:"link、next_url：same（默认）拒绝其他来源；ignore 沿用本来源（服务在代理之后时）。"`
	MorePath   string `yaml:"more_path,omitempty" doc:"Where the answer says whether more pages follow (true/false)." doczh:"答复中表示是否还有下一页的路径。"`
	TotalPath  string `yaml:"total_path,omitempty" doc:"Where the answer holds the number of all records; a change while paging is noticed." doczh:"答复中总条数的路径；分页中变化会被发现。"`
	MaxPages   int    `yaml:"max_pages,omitempty" doc:"Most pages of one window." doczh:"一个时间窗的最多页数。"`
}

// Cursor says which column tells what is new.
type Cursor struct {
	Column       string        `yaml:"column,omitempty" doc:"Column (dotted) of the change time or id." doczh:"变更时间或编号所在的列。"`
	Kind         string        `yaml:"kind,omitempty" doc:"time (default) or id." doczh:"time（默认）或 id。"`
	FromParam    string        `yaml:"from_param,omitempty" doc:"Query parameter of the lower bound; or use {from}." doczh:"下界的查询参数，或用 {from}。"`
	ToParam      string        `yaml:"to_param,omitempty" doc:"Query parameter of the upper bound; or use {to}." doczh:"上界的查询参数，或用 {to}。"`
	Layout       string        `yaml:"layout,omitempty" doc:"Format of times in requests: rfc3339 (default), unix, unix_ms or a Go layout." doczh:"请求中的时间格式：rfc3339（默认）、unix、unix_ms 或 Go 布局。"`
	RecordLayout string        `yaml:"record_layout,omitempty" doc:"Format of the column; default: layout." doczh:"列的时间格式，默认同 layout。"`
	Zone         string        `yaml:"zone,omitempty" doc:"Zone of times without one, such as Asia/Shanghai." doczh:"无时区时间所属时区，如 Asia/Shanghai。"`
	Start        string        `yaml:"start,omitempty" doc:"Lower bound of the first run: RFC 3339 time or id; empty: none." doczh:"首次运行的下界：RFC 3339 时间或编号，空则不设。"`
	Lookback     time.Duration `yaml:"lookback,omitempty" doc:"How far each run reads back before the last one's end; at least the source's clock skew plus its commit delay." doczh:"每次运行向前回看的时长，不少于上游时钟偏差加提交延迟。"`
	LookbackIDs  int64         `yaml:"lookback_ids,omitempty" doc:"Look-back of a numeric id." doczh:"数字编号的回看量。"`
	Lag          time.Duration `yaml:"lag,omitempty" doc:"How far the upper bound stays behind the upstream's clock." doczh:"上界落后于上游时钟的时长。"`
	Step         time.Duration `yaml:"step,omitempty" doc:"Longest window; a longer span is read in several." doczh:"单个时间窗的最大长度。"`
}

// Rule says what an answer means. All conditions given in When must hold.
type Rule struct {
	When      When   `yaml:"when" doc:"Conditions, all of which must hold." doczh:"条件，须全部满足。"`
	Then      string `yaml:"then" doc:"ok, empty, retry, throttle, fail or auth." doczh:"ok、empty、retry、throttle、fail、auth 之一。"`
	Message   string `yaml:"message,omitempty" doc:"What the operator is told." doczh:"给操作人员的提示（英文）。"`
	MessageZH string `yaml:"message_zh,omitempty" doc:"The same in Chinese." doczh:"给操作人员的提示（中文）。"`
}

// When is the conditions of a rule.
type When struct {
	Status       []string `yaml:"status,omitempty" doc:"Status codes: 404, 5xx or 500-503." doczh:"状态码：404、5xx 或 500-503。"`
	ContentType  string   `yaml:"content_type,omitempty" doc:"Part of the content type." doczh:"内容类型中的一部分。"`
	JSON         string   `yaml:"json,omitempty" doc:"Dotted path in the answer." doczh:"答复中的点分路径。"`
	Equals       []string `yaml:"equals,omitempty" doc:"The value at json is one of these." doczh:"json 处的值为其中之一。"`
	Not          []string `yaml:"not,omitempty" doc:"The value at json is there and none of these." doczh:"json 处有值且不在其中。"`
	Exists       *bool    `yaml:"exists,omitempty" doc:"Whether json is there and not null." doczh:"json 处是否有非空值。"`
	BodyContains string   `yaml:"body_contains,omitempty" doc:"Text in the answer." doczh:"答复中含有的文字。"`
}

// Child is a second request for each record.
type Child struct {
	Path    string            `yaml:"path" doc:"Path below base_url with {column} of the parent." doczh:"base_url 之下的路径，含父记录的 {列名}。"`
	Query   map[string]string `yaml:"query,omitempty" doc:"Query parameters with {column}." doczh:"查询参数，可含 {列名}。"`
	Records string            `yaml:"records,omitempty" doc:"Dotted path of the children in the answer." doczh:"答复中子记录的路径。"`
	As      string            `yaml:"as,omitempty" doc:"column (JSON text in the parent, default) or stream." doczh:"column（父记录中的 JSON 文本，默认）或 stream。"`
	Name    string            `yaml:"name" doc:"Name of the column or stream." doczh:"列名或数据流名。"`
	Copy    map[string]string `yaml:"copy,omitempty" doc:"stream: child column from parent column." doczh:"stream：子列名与取自父记录的列名。"`
}

// Limits are sizes in bytes unless said otherwise.
type Limits struct {
	ResponseBytes int64 `yaml:"response_bytes,omitempty" doc:"Largest unpacked answer." doczh:"解压后答复的最大字节数。"`
	Ratio         int64 `yaml:"ratio,omitempty" doc:"Largest unpacked/packed ratio." doczh:"最大解压比。"`
	RecordBytes   int   `yaml:"record_bytes,omitempty" doc:"Largest record; a larger one is rejected." doczh:"单条记录最大字节数，超出则拒收。"`
	Depth         int   `yaml:"depth,omitempty" doc:"Deepest nesting of a record." doczh:"记录的最大嵌套层数。"`
	Columns       int   `yaml:"columns,omitempty" doc:"Most columns of a stream." doczh:"最多列数。"`
}

// Rate is the token bucket of a host.
type Rate struct {
	PerSecond float64 `yaml:"per_second,omitempty" doc:"Requests a second; 0: no limit of ours." doczh:"每秒请求数，0 表示不限。"`
	Burst     int     `yaml:"burst,omitempty" doc:"Requests at once." doczh:"突发请求数。"`
}

// Retry is how failed requests are repeated.
type Retry struct {
	Max           int           `yaml:"max" doc:"Repeats after the first try." doczh:"首次之后的重试次数。"`
	WaitMin       time.Duration `yaml:"wait_min,omitempty" doc:"Base of the growing random wait." doczh:"递增随机等待的基数。"`
	WaitMax       time.Duration `yaml:"wait_max,omitempty" doc:"Longest wait within a run; an upstream that asks for more ends the run." doczh:"运行中的最长等待；上游要求更久则结束本次运行。"`
	RetryAfterCap time.Duration `yaml:"retry_after_cap,omitempty" doc:"Most that an upstream's Retry-After may postpone the next run." doczh:"上游 Retry-After 最多推迟的时长。"`
}

// Timeouts bound one request.
type Timeouts struct {
	Connect  time.Duration `yaml:"connect,omitempty" doc:"Making the connection." doczh:"建立连接。"`
	TLS      time.Duration `yaml:"tls,omitempty" doc:"TLS handshake." doczh:"TLS 握手。"`
	Header   time.Duration `yaml:"header,omitempty" doc:"Until the answer's header." doczh:"等待答复头。"`
	Idle     time.Duration `yaml:"idle,omitempty" doc:"Longest silence within the answer." doczh:"答复中的最长静默。"`
	Total    time.Duration `yaml:"total,omitempty" doc:"The whole request." doczh:"整个请求。"`
	MinBytes int64         `yaml:"min_bytes_per_second,omitempty" doc:"Slowest answer, measured over idle." doczh:"最低接收速率（按 idle 时段计）。"`
}

// TLS is certificates; files resolve against the folder of the settings.
type TLS struct {
	CAFile    string `yaml:"ca_file,omitempty" doc:"PEM file of the only authorities to trust." doczh:"仅信任的 CA 证书文件（PEM）。"`
	CertFile  string `yaml:"cert_file,omitempty" doc:"PEM file of the client certificate." doczh:"客户端证书文件（PEM）。"`
	Key       string `yaml:"key,omitempty" doc:"Reference to the PEM key of the client certificate." doczh:"客户端证书私钥（PEM）的引用。"`
	AllowHTTP bool   `yaml:"allow_http,omitempty" doc:"Permits credentials over unencrypted http beyond this machine." doczh:"允许在本机之外用未加密 http 发送凭据。"`
}

// Network is where connections may go. The hosts of base_url and token_url are always allowed.
type Network struct {
	AllowHosts []string `yaml:"allow_hosts,omitempty" doc:"More host:port that may be connected to." doczh:"额外允许连接的 host:port。"`
	AllowCIDRs []string `yaml:"allow_cidrs,omitempty" doc:"If set, addresses must lie in one of these." doczh:"若设置，地址须在其中之一。"`
}

// Defaults are the settings before the YAML is read.
func Defaults() Config {
	return Config{
		Method:   "GET",
		Auth:     Auth{Type: "none"},
		Paging:   Paging{Style: "single", First: 1, Size: 500, MaxPages: 100_000},
		Cursor:   Cursor{Lookback: 10 * time.Minute},
		Limits:   Limits{ResponseBytes: 64 << 20, Ratio: 100, RecordBytes: 1 << 20, Depth: 64, Columns: 2000},
		Rate:     Rate{Burst: 1},
		Retry:    Retry{Max: 5, WaitMin: 500 * time.Millisecond, WaitMax: 30 * time.Second, RetryAfterCap: 15 * time.Minute},
		Timeouts: Timeouts{Connect: 5 * time.Second, TLS: 5 * time.Second, Header: 30 * time.Second, Idle: 30 * time.Second, Total: 5 * time.Minute, MinBytes: 64},
	}
}
