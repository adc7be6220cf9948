package catalog

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/event"
)

// Source is sources/<id>.yaml: one feed of one department system.
type Source struct {
	ID         string     `yaml:"id" doc:"id, equal to the file name" doczh:"标识, 与文件名一致"`
	Title      string     `yaml:"title" doc:"title" doczh:"名称(英文)"`
	TitleZH    string     `yaml:"title_zh" doc:"title in Chinese" doczh:"名称"`
	Kind       string     `yaml:"kind" doc:"connector kind" doczh:"连接器类型"`
	SourceKind string     `yaml:"source_kind" doc:"kind of department system" doczh:"来源类别"`
	Connection yaml.Node  `yaml:"connection" doc:"settings of the connector" doczh:"连接器设置"`
	Mapping    string     `yaml:"mapping" doc:"mapping file" doczh:"映射文件"`
	Enabled    bool       `yaml:"enabled" doc:"read by the daemon" doczh:"是否启用"`
	Schedule   Schedule   `yaml:"schedule" doc:"when it is read" doczh:"调度"`
	Freshness  Freshness  `yaml:"freshness" doc:"how fresh its data should be" doczh:"时效要求"`
	Errors     Errors     `yaml:"errors" doc:"error budget of one run" doczh:"单次运行容错"`
	Landing    SrcLanding `yaml:"landing" doc:"sealed copies of its batches" doczh:"加密原始批次"`
	Breaker    Breaker    `yaml:"breaker" doc:"when it is left alone for a while after failures" doczh:"熔断"`
	Area       SrcArea    `yaml:"area" doc:"where its points lie, if not in the city's bbox" doczh:"坐标范围"`

	RetentionDays int `yaml:"retention_days" doc:"days that its events are kept; 0 takes the hub's" doczh:"事件保存天数"`

	// The keys of the government information resource catalogue.
	Provider     string   `yaml:"provider" doc:"department that provides it" doczh:"信息资源提供方"`
	ProviderCode string   `yaml:"provider_code" doc:"code of that department" doczh:"提供方代码"`
	Class        string   `yaml:"class" doc:"class in the resource catalogue" doczh:"信息资源分类"`
	Summary      string   `yaml:"summary" doc:"what it holds" doczh:"信息资源摘要"`
	Format       string   `yaml:"format" doc:"format" doczh:"信息资源格式"`
	Share        Share    `yaml:"share" doc:"sharing attributes" doczh:"共享属性"`
	Open         string   `yaml:"open" doc:"open-data attribute" doczh:"开放属性"`
	UpdateCycle  string   `yaml:"update_cycle" doc:"update cycle" doczh:"更新周期"`
	PublishedOn  string   `yaml:"published_on" doc:"publication date, 2006-01-02" doczh:"发布日期"`
	Related      []string `yaml:"related" doc:"codes of related resources" doczh:"关联资源代码"`

	File string `yaml:"-"` // relative to the configuration folder, with slashes
	Dir  string `yaml:"-"` // absolute configuration folder: relative paths in the connection resolve against it
}

// Schedule says when a source is read: cron or every, not both.
type Schedule struct {
	Cron    string   `yaml:"cron" doc:"five-field cron expression in the hub's zone" doczh:"cron 表达式"`
	Every   Duration `yaml:"every" doc:"fixed distance between starts" doczh:"固定间隔"`
	Jitter  Duration `yaml:"jitter" doc:"random delay added to each start" doczh:"随机延迟"`
	Overlap string   `yaml:"overlap" doc:"a start while the last run still works: skip or queue" doczh:"重叠策略: skip 跳过, queue 排队"`
	Missed  string   `yaml:"missed" doc:"starts missed while the daemon was down: none, last or all" doczh:"错过策略: none, last, all"`
	Timeout Duration `yaml:"timeout" doc:"longest run" doczh:"单次运行上限"`
}

// Freshness is the expectation that makes silence visible.
type Freshness struct {
	Expect Duration `yaml:"expect" doc:"oldest acceptable age of the newest record" doczh:"最新数据允许的时延"`
}

// Errors is the error budget of one run; beyond it the run fails and the resume point stays.
type Errors struct {
	MaxPercent float64 `yaml:"max_percent" doc:"rejects in percent of the records of one unit, judged from 20 rejects on" doczh:"单个提交单元的拒收比例上限(%), 满 20 条起判"`
	MaxRejects int     `yaml:"max_rejects" doc:"rejects of one unit" doczh:"单个提交单元的拒收数上限"`
}

// SrcLanding says whether batches of a source are landed.
type SrcLanding struct {
	Mode     string `yaml:"mode" doc:"sealed or off" doczh:"模式: sealed 加密保存, off 不保存"`
	KeepDays int    `yaml:"keep_days" doc:"days until deletion; 0 takes the hub's" doczh:"保存天数"`
}

// Breaker leaves a failing source alone for a while.
type Breaker struct {
	Failures int      `yaml:"failures" doc:"failed runs in a row that open it" doczh:"连续失败次数"`
	OpenFor  Duration `yaml:"open_for" doc:"time until the next attempt" doczh:"熔断时长"`
}

// SrcArea overrides the city's area for one source.
type SrcArea struct {
	BBox          []float64   `yaml:"bbox,flow" doc:"min lon, min lat, max lon, max lat; replaces the city's" doczh:"范围, 替代城市范围"`
	Anchors       []Anchor    `yaml:"anchors" doc:"known points of this source" doczh:"坐标系校验点"`
	CallerCRS     string      `yaml:"caller_crs" doc:"coordinate system of a caller's position where the record declares none; wgs84 unless set" doczh:"报警人位置的坐标系, 默认 wgs84"`
	DefaultPoints [][]float64 `yaml:"default_points,flow" doc:"points as received that stand for no point, each x, y" doczh:"默认点(来源坐标)"`
}

// Share are the sharing attributes of the resource catalogue.
type Share struct {
	Type      string `yaml:"type" doc:"unconditional, conditional or none" doczh:"共享类型: 无条件/有条件/不予"`
	Condition string `yaml:"condition" doc:"condition" doczh:"共享条件"`
	Method    string `yaml:"method" doc:"method" doczh:"共享方式"`
}

// DefaultSource is a source file with nothing in it.
func DefaultSource() Source {
	return Source{
		Enabled:   true,
		Schedule:  Schedule{Overlap: "skip", Missed: "last", Timeout: Duration(30 * time.Minute)},
		Freshness: Freshness{Expect: Duration(24 * time.Hour)},
		Errors:    Errors{MaxPercent: 5, MaxRejects: 1000},
		Landing:   SrcLanding{Mode: "sealed"},
		Breaker:   Breaker{Failures: 5, OpenFor: Duration(10 * time.Minute)},
		Share:     Share{Type: "conditional"},
	}
}

// Validate reports what is wrong with the settings themselves.
func (s Source) Validate() []connectors.Problem {
	var ps problems
	if !idPattern.MatchString(s.ID) {
		ps.add("id", "must be lower-case letters, digits and _, at most 48, starting with a letter", "")
	}
	if s.Kind == "" {
		ps.add("kind", "must name a connector kind", "for instance httpjson, sqltable or filedrop")
	}
	ps.oneOf("source_kind", s.SourceKind, event.SourceKinds.Values()...)
	if s.Connection.Kind != yaml.MappingNode {
		ps.add("connection", "must hold the connector's settings", "")
	}
	if s.Mapping == "" {
		ps.add("mapping", "must name a mapping file", "for instance ../mappings/police_110.yaml")
	}
	sc := s.Schedule
	switch {
	case sc.Cron != "" && sc.Every != 0:
		ps.add("schedule", "cron and every exclude each other", "keep one of them")
	case sc.Cron != "":
		if _, err := ParseCron(sc.Cron); err != nil {
			ps.add("schedule.cron", err.Error(), `five fields: minute hour day month weekday, for instance "*/5 * * * *"`)
		}
	case sc.Every != 0:
		ps.atLeast("schedule.every", int64(sc.Every), int64(time.Second))
	}
	ps.atLeast("schedule.jitter", int64(sc.Jitter), 0)
	ps.oneOf("schedule.overlap", sc.Overlap, "skip", "queue")
	ps.oneOf("schedule.missed", sc.Missed, "none", "last", "all")
	ps.atLeast("schedule.timeout", int64(sc.Timeout), int64(time.Second))
	ps.atLeast("freshness.expect", int64(s.Freshness.Expect), int64(time.Second))
	if s.Errors.MaxPercent < 0 || s.Errors.MaxPercent > 100 {
		ps.add("errors.max_percent", "must be from 0 to 100", "")
	}
	ps.atLeast("errors.max_rejects", int64(s.Errors.MaxRejects), 0)
	ps.oneOf("landing.mode", s.Landing.Mode, "sealed", "off")
	ps.atLeast("landing.keep_days", int64(s.Landing.KeepDays), 0)
	ps.atLeast("retention_days", int64(s.RetentionDays), 0)
	ps.atLeast("breaker.failures", int64(s.Breaker.Failures), 1)
	ps.atLeast("breaker.open_for", int64(s.Breaker.OpenFor), int64(time.Second))
	ps.bbox("area.bbox", s.Area.BBox)
	for i, p := range s.Area.DefaultPoints {
		if len(p) != 2 {
			ps.add(fmt.Sprintf("area.default_points.%d", i), "a point is x, y", "")
		}
	}
	for i, a := range s.Area.Anchors {
		if a.CRS == "" {
			ps.add(fmt.Sprintf("area.anchors.%d", i), "an anchor needs crs, x, y, lon and lat", "")
		}
	}
	ps.oneOf("share.type", s.Share.Type, "unconditional", "conditional", "none")
	if s.PublishedOn != "" {
		if _, err := time.Parse(time.DateOnly, s.PublishedOn); err != nil {
			ps.add("published_on", "must be a date such as 2026-01-31", "")
		}
	}
	return ps
}

// ParseCron parses a five-field expression or a descriptor such as @hourly. The zone is the hub's: one inside the
// expression is refused, and the library's panic on a bare "TZ=" becomes an error.
func ParseCron(spec string) (sched cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			sched, err = nil, fmt.Errorf("not a cron expression")
		}
	}()
	if strings.Contains(spec, "TZ=") {
		return nil, fmt.Errorf("a zone inside the expression is not allowed: zone in onegrid.yaml applies")
	}
	sched, err = cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("not a cron expression: %w", err)
	}
	if sched.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("this expression never comes due")
	}
	return sched, nil
}

// loadSources reads every sources/*.yaml.
func loadSources(c *collector, dir string) []*Source {
	files, err := os.ReadDir(filepath.Join(dir, "sources"))
	if err != nil {
		if !os.IsNotExist(err) {
			c.addf("sources", 0, "", "无法读取目录", "the folder cannot be read")
		}
		return nil
	}
	var out []*Source
	for _, f := range files {
		switch ext := path.Ext(f.Name()); {
		case f.IsDir() || strings.HasPrefix(f.Name(), "."):
		case ext == ".yml":
			c.add(Problem{File: "sources/" + f.Name(), Message: "the name must end in .yaml", MessageZH: "文件名应以 .yaml 结尾"})
		case ext == ".yaml":
			if s := loadSource(c, dir, "sources/"+f.Name()); s != nil {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Source) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func loadSource(c *collector, dir, file string) *Source {
	b, ok := readFile(c, dir, file)
	if !ok {
		return nil
	}
	root := parseYAML(c, file, b)
	if root == nil {
		return nil
	}
	s := DefaultSource()
	decode(c, file, root, &s)
	// The strict decoder re-renders the file; the connector's findings need the lines of the original.
	if conn := child(root, "connection"); conn != nil {
		s.Connection = *conn
	}
	s.File = file
	s.Dir = dir
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); s.ID != want && idPattern.MatchString(s.ID) {
		c.add(Problem{File: file, Line: lineOf(root, "id"), Path: "id", Message: fmt.Sprintf("must equal the file name %q", want),
			MessageZH: "必须与文件名一致", Hint: "rename the file or the id; stored events carry the id", HintZH: "已入库事件带有该标识，请谨慎改名"})
	}
	if s.Mapping != "" {
		s.Mapping = resolvePath(filepath.Join(dir, "sources"), s.Mapping)
		if st, err := os.Stat(s.Mapping); err != nil || st.IsDir() {
			c.add(Problem{File: file, Line: lineOf(root, "mapping"), Path: "mapping", Message: "the mapping file does not exist",
				MessageZH: "映射文件不存在", Hint: "the path is relative to this file", HintZH: "路径相对于本文件"})
		}
	}
	return &s
}
