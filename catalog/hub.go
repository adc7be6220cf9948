package catalog

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// Hub is onegrid.yaml: the settings of the hub itself.
type Hub struct {
	City      City      `yaml:"city" doc:"the city that the hub serves" doczh:"本系统服务的城市"`
	Zone      string    `yaml:"zone" doc:"zone of source times without one" doczh:"来源时间缺省时区"`
	Data      string    `yaml:"data" doc:"folder of the store, the landing and the witness file" doczh:"数据目录"`
	Store     Store     `yaml:"store" doc:"the event store" doczh:"存储"`
	Landing   Landing   `yaml:"landing" doc:"sealed copies of the batches as received" doczh:"加密原始批次"`
	Privacy   Privacy   `yaml:"privacy" doc:"tokens of personal identifiers" doczh:"个人标识令牌"`
	Server    Server    `yaml:"server" doc:"metrics and health" doczh:"监控与健康检查"`
	Log       Log       `yaml:"log" doc:"the program's own log" doczh:"日志"`
	Run       Run       `yaml:"run" doc:"the daemon" doczh:"守护进程"`
	Retention Retention `yaml:"retention" doc:"how long stored data is kept" doczh:"保存期限"`
	Link      Link      `yaml:"link" doc:"which events are one incident" doczh:"同一事件关联"`
	Query     Query     `yaml:"query" doc:"the query surface" doczh:"查询接口"`

	// CoordinateSystems are the plane grids of the city, usable as local:<id>. Without parameters such a source keeps
	// its x and y, and lon and lat stay null.
	CoordinateSystems map[string]PlaneGrid `yaml:"coordinate_systems" doc:"parameters of city plane grids, by id; coord_src_crs names one as local:<id>" doczh:"城市平面坐标系参数"`

	location *time.Location
}

// City says where the city is.
type City struct {
	Name        string    `yaml:"name" doc:"name" doczh:"名称"`
	NameZH      string    `yaml:"name_zh" doc:"name in Chinese" doczh:"中文名称"`
	CountyCodes []string  `yaml:"county_codes" doc:"6-digit codes of its counties" doczh:"所辖区县代码"`
	BBox        []float64 `yaml:"bbox,flow" doc:"min lon, min lat, max lon, max lat in CGCS2000 degrees; a point outside is not stored" doczh:"范围: 最小经度, 最小纬度, 最大经度, 最大纬度"`
	Anchors     []Anchor  `yaml:"anchors" doc:"known points that prove the declared coordinate systems" doczh:"坐标系校验点"`
}

// Anchor is a known point in two systems. A declared system that does not carry X, Y to Lon, Lat is a mistake.
type Anchor struct {
	CRS        string  `yaml:"crs" doc:"coordinate system of x and y" doczh:"坐标系"`
	X          float64 `yaml:"x" doc:"x or longitude in that system" doczh:"横坐标"`
	Y          float64 `yaml:"y" doc:"y or latitude in that system" doczh:"纵坐标"`
	Lon        float64 `yaml:"lon" doc:"longitude, CGCS2000" doczh:"经度"`
	Lat        float64 `yaml:"lat" doc:"latitude, CGCS2000" doczh:"纬度"`
	ToleranceM float64 `yaml:"tolerance_m" doc:"tolerance in metres, 5 unless given" doczh:"容差(米)"`
}

// PlaneGrid is a transverse Mercator grid on the CGCS2000 ellipsoid, followed by a shift and a turn.
type PlaneGrid struct {
	CentralMeridian float64 `yaml:"central_meridian" doc:"degrees" doczh:"中央子午线(度)"`
	Scale           float64 `yaml:"scale" doc:"scale on the central meridian, 1 unless given" doczh:"中央子午线比例"`
	FalseEasting    float64 `yaml:"false_easting" doc:"metres added to x" doczh:"东偏移(米)"`
	FalseNorthing   float64 `yaml:"false_northing" doc:"metres added to y" doczh:"北偏移(米)"`
	RotationDeg     float64 `yaml:"rotation_deg" doc:"turn of the grid against projected north, counter-clockwise, in degrees" doczh:"旋转角(度)"`
}

// Store are the limits of the event store.
type Store struct {
	MemoryLimit Bytes    `yaml:"memory_limit" doc:"memory of the engine" doczh:"引擎内存上限"`
	Threads     int      `yaml:"threads" doc:"threads of the engine; 0 takes one: loading with two threads cost twice the CPU of one" doczh:"引擎线程数, 0 为 1"`
	UnitRows    int      `yaml:"unit_rows" doc:"records of one commit" doczh:"每次提交记录数"`
	UnitWait    Duration `yaml:"unit_wait" doc:"longest wait before a smaller commit" doczh:"提交等待上限"`
}

// Landing is where batches are kept as received, readable only with a private key that the hub does not have.
type Landing struct {
	Recipients     []string `yaml:"recipients" doc:"age public keys (age1...)" doczh:"age 公钥"`
	RecipientsFile string   `yaml:"recipients_file" doc:"file of age public keys, one a line" doczh:"age 公钥文件"`
	KeepDays       int      `yaml:"keep_days" doc:"days until a landed batch is deleted" doczh:"保存天数"`
}

// Privacy is about tokens of direct identifiers.
type Privacy struct {
	Key       string `yaml:"key" doc:"reference of the HMAC key: env:NAME, file:path or systemd:name" doczh:"HMAC 密钥引用"`
	EpochDays int    `yaml:"epoch_days" doc:"days until the key of new tokens changes" doczh:"密钥轮换天数"`
	TokenDays int    `yaml:"token_days" doc:"days until a token is deleted" doczh:"令牌保存天数"`
}

// Server is the listener of metrics and health.
type Server struct {
	Listen string `yaml:"listen" doc:"address, host:port; empty turns it off" doczh:"监听地址, 空为关闭"`
}

// Log is the program's own log.
type Log struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error" doczh:"级别"`
	Format string `yaml:"format" doc:"text or json" doczh:"格式"`
}

// Run is about the daemon.
type Run struct {
	MaxConcurrent int      `yaml:"max_concurrent" doc:"sources read at the same time" doczh:"同时运行的来源数"`
	Grace         Duration `yaml:"grace" doc:"time for running commits after SIGTERM" doczh:"停止宽限时间"`
}

// Retention is how long stored data is kept.
type Retention struct {
	EventDays  int `yaml:"event_days" doc:"days that an event is kept after it was reported; a source may say otherwise" doczh:"事件保存天数"`
	RejectDays int `yaml:"reject_days" doc:"days that a reject is kept" doczh:"拒收记录保存天数"`
	RunDays    int `yaml:"run_days" doc:"days that a run row is kept" doczh:"运行记录保存天数"`
}

// DefaultHub is onegrid.yaml with nothing in it.
func DefaultHub() Hub {
	return Hub{
		Zone: "Asia/Shanghai",
		Data: "./data",
		Store: Store{
			MemoryLimit: 144e6,
			UnitRows:    122_880, // one row group of the engine: written once, straight to the file
			UnitWait:    Duration(2 * time.Second),
		},
		Landing:   Landing{KeepDays: 30},
		Privacy:   Privacy{EpochDays: 90, TokenDays: 180},
		Server:    Server{Listen: "127.0.0.1:8686"},
		Log:       Log{Level: "info", Format: "text"},
		Run:       Run{MaxConcurrent: 4, Grace: Duration(45 * time.Second)},
		Retention: Retention{EventDays: 1095, RejectDays: 90, RunDays: 1095},
		Link:      DefaultLink(),
		Query:     DefaultQuery(),
	}
}

// Location is the zone of source times without one.
func (h *Hub) Location() *time.Location { return h.location }

// ThreadCount is Threads with 0 replaced by the number of processors.
func (h *Hub) ThreadCount() int {
	if h.Store.Threads > 0 {
		return h.Store.Threads
	}
	return runtime.GOMAXPROCS(0)
}

var (
	idPattern     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)
	countyPattern = regexp.MustCompile(`^[0-9]{6}$`)
)

// loadZone accepts the zone database where the machine has one and knows Asia/Shanghai without it: UTC+8 all year.
func loadZone(name string) (*time.Location, error) {
	if name == "Asia/Shanghai" {
		return time.FixedZone(name, 8*3600), nil
	}
	if name == "Local" || name == "" {
		return nil, fmt.Errorf("the zone must be named, such as Asia/Shanghai")
	}
	return time.LoadLocation(name)
}

// Validate reports what is wrong with the settings themselves.
func (h Hub) Validate() []connectors.Problem {
	var ps problems
	if _, err := loadZone(h.Zone); err != nil {
		ps.add("zone", "not a known time zone", "write a name such as Asia/Shanghai")
	}
	if h.Data == "" {
		ps.add("data", "must name a folder", "")
	}
	ps.bbox("city.bbox", h.City.BBox)
	for i, code := range h.City.CountyCodes {
		if !countyPattern.MatchString(code) {
			ps.add(fmt.Sprintf("city.county_codes.%d", i), "a county code has 6 digits", "put it in quotes so that it stays text")
		}
	}
	for i, a := range h.City.Anchors {
		if a.CRS == "" {
			ps.add(fmt.Sprintf("city.anchors.%d", i), "an anchor needs crs, x, y, lon and lat", "")
		}
	}
	for id, g := range h.CoordinateSystems {
		if !idPattern.MatchString(id) {
			ps.add("coordinate_systems."+id, "an id is lower-case letters, digits and _", "")
		}
		if g.CentralMeridian < -180 || g.CentralMeridian > 180 || g.Scale < 0 {
			ps.add("coordinate_systems."+id, "central_meridian must be degrees and scale positive", "")
		}
	}
	ps.atLeast("store.memory_limit", int64(h.Store.MemoryLimit), 64e6)
	ps.atLeast("store.threads", int64(h.Store.Threads), 0)
	ps.atLeast("store.unit_rows", int64(h.Store.UnitRows), 1)
	ps.atLeast("store.unit_wait", int64(h.Store.UnitWait), int64(time.Millisecond))
	ps.atLeast("landing.keep_days", int64(h.Landing.KeepDays), 0)
	for i, r := range h.Landing.Recipients {
		if strings.HasPrefix(strings.ToUpper(r), "AGE-SECRET-KEY-") {
			ps.add(fmt.Sprintf("landing.recipients.%d", i), "this is a private key: the hub must only have the public one",
				"write the age1... recipient and keep the private key elsewhere")
		} else if !strings.HasPrefix(r, "age1") {
			ps.add(fmt.Sprintf("landing.recipients.%d", i), "not an age recipient", "it starts with age1")
		}
	}
	if h.Privacy.Key != "" {
		if err := checkSecretRef(h.Privacy.Key); err != nil {
			ps.add("privacy.key", err.Error(), "")
		}
	}
	ps.atLeast("privacy.epoch_days", int64(h.Privacy.EpochDays), 1)
	ps.atLeast("privacy.token_days", int64(h.Privacy.TokenDays), 1)
	if h.Server.Listen != "" {
		if _, port, err := net.SplitHostPort(h.Server.Listen); err != nil || port == "" {
			ps.add("server.listen", "must be host:port", "for instance 127.0.0.1:8686")
		}
	}
	ps.oneOf("log.level", h.Log.Level, "debug", "info", "warn", "error")
	ps.oneOf("log.format", h.Log.Format, "text", "json")
	ps.atLeast("run.max_concurrent", int64(h.Run.MaxConcurrent), 1)
	ps.atLeast("run.grace", int64(h.Run.Grace), 0)
	ps.atLeast("retention.event_days", int64(h.Retention.EventDays), 1)
	ps.atLeast("retention.reject_days", int64(h.Retention.RejectDays), 1)
	ps.atLeast("retention.run_days", int64(h.Retention.RunDays), 1)
	ps.atLeast("link.every", int64(h.Link.Every), int64(100*time.Millisecond))
	h.Query.validate(&ps)
	return ps
}

// loadHub reads onegrid.yaml. It returns nil where there is nothing to go on with.
func loadHub(c *collector, dir string) *Hub {
	const file = "onegrid.yaml"
	b, ok := readFile(c, dir, file)
	if !ok {
		return nil
	}
	root := parseYAML(c, file, b)
	if root == nil {
		return nil
	}
	h := DefaultHub()
	decode(c, file, root, &h)
	if loc, err := loadZone(h.Zone); err == nil {
		h.location = loc
	} else {
		h.location = time.FixedZone("Asia/Shanghai", 8*3600)
	}
	h.Data = resolvePath(dir, h.Data)
	if h.Landing.RecipientsFile != "" {
		h.Landing.RecipientsFile = resolvePath(dir, h.Landing.RecipientsFile)
	}
	h.Privacy.Key = resolveSecretRef(dir, h.Privacy.Key)
	h.Link.Rules, h.Link.Model = resolvePath(dir, h.Link.Rules), resolvePath(dir, h.Link.Model)
	h.Query.resolve(dir)
	return &h
}

// resolvePath resolves a path against the folder of the file it stands in.
func resolvePath(base, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(base, p)
}

// problems collects findings of one settings struct.
type problems []connectors.Problem

func (ps *problems) add(path, msg, hint string) {
	*ps = append(*ps, connectors.Problem{Path: path, Message: msg, Hint: hint})
}

func (ps *problems) atLeast(path string, v, low int64) {
	if v < low {
		ps.add(path, "is too small", fmt.Sprintf("the least is %d", low))
	}
}

func (ps *problems) oneOf(path, v string, allowed ...string) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	ps.add(path, fmt.Sprintf("%q is not allowed", v), "one of "+strings.Join(allowed, ", "))
}

func (ps *problems) bbox(path string, b []float64) {
	if len(b) == 0 {
		return
	}
	if len(b) != 4 || b[0] >= b[2] || b[1] >= b[3] || b[0] < -180 || b[2] > 180 || b[1] < -90 || b[3] > 90 {
		ps.add(path, "must be min lon, min lat, max lon, max lat in degrees", "for instance [119.2, 32.2, 119.6, 32.6]")
	}
}

var _ yaml.Unmarshaler = (*Duration)(nil)
