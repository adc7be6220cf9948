package catalog

import (
	"fmt"
	"strings"

	"github.com/paulmach/orb"

	"onegrid/event"
)

// Table is one table of the catalog as the store holds it. A value of a row is a string, int64, float64, bool or
// time.Time according to the column's type, or nil.
type Table struct {
	Name    string
	Columns []Column
	Rows    [][]any
}

// Column is one column of a Table. Type is text, int, float, date, bool or timestamp.
type Column struct {
	Name string
	Type string
}

// Item is one information item (信息项) of a source: a source column and what the mapping makes of it. The catalog does
// not parse mappings; whoever does hands the items to Tables.
type Item struct {
	SourceID string
	Name     string // source column
	Target   string // event column, "" where it is dropped
	Class    string // privacy class, or "dropped"
	Doc      string
	DocZH    string
}

func columns(spec string) []Column {
	var out []Column
	for f := range strings.FieldsSeq(spec) {
		name, typ, ok := strings.Cut(f, ":")
		if !ok {
			typ = "text"
		}
		out = append(out, Column{name, typ})
	}
	return out
}

// Tables returns the catalog as tables for the store. Every table is complete: the store replaces its content.
func (c *Catalog) Tables(items ...Item) []Table {
	return []Table{
		c.sourceTable(), datasetTable(), columnTable(items), c.codeTable(), c.categoryTable(), c.categoryMapTable(),
		c.areaTable(), c.gridTable(), c.orgTable(), c.calendarTable(),
	}
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (c *Catalog) sourceTable() Table {
	t := Table{Name: "cat_source", Columns: columns(`source_id title title_zh kind source_kind enabled:bool schedule
		freshness_expect_s:int retention_days:int landing_mode landing_keep_days:int max_reject_percent:float max_rejects:int
		provider provider_code class summary format share_type share_condition share_method open update_cycle published_on:date related file config_digest`)}
	for _, s := range c.sources {
		sched := s.Schedule.Cron
		if s.Schedule.Every > 0 {
			sched = "every " + s.Schedule.Every.String()
		}
		var published any
		if d, err := parseDay(s.PublishedOn); err == nil {
			published = d.Time()
		}
		t.Rows = append(t.Rows, []any{s.ID, text(s.Title), text(s.TitleZH), s.Kind, s.SourceKind, s.Enabled, text(sched),
			int64(s.Freshness.Expect.Std().Seconds()), int64(s.RetentionDays), s.Landing.Mode, int64(s.Landing.KeepDays), s.Errors.MaxPercent, int64(s.Errors.MaxRejects),
			text(s.Provider), text(s.ProviderCode), text(s.Class), text(s.Summary), text(s.Format), s.Share.Type, text(s.Share.Condition), text(s.Share.Method),
			text(s.Open), text(s.UpdateCycle), published, text(strings.Join(s.Related, ";")), s.File, c.digest})
	}
	return t
}

// datasetTable lists the tables that the hub offers.
func datasetTable() Table {
	t := Table{Name: "cat_dataset", Columns: columns("dataset title title_zh doc")}
	for _, d := range [][4]string{
		{"event", "Governance events, current state", "治理事件现状", "one row per source record"},
		{"event_version", "Governance events, every state", "治理事件历史版本", "append-only, one row per state seen"},
		{"event_transition", "Status changes", "状态流转", "append-only"},
		{"event_link", "Links between events", "事件关联", "reversible, with evidence"},
		{"incident", "Real-world incidents", "归并事件", "one row per matter with several reports; reports and incidents are both counted"},
		{"incident_alias", "Former incident ids", "事件编号变更", "append-only: an id that was merged leads to the one in use"},
		{"link_review", "Pairs for a person to decide", "待审关联", "proposed links without a decision"},
		{"link_decision", "Decisions about pairs", "人工判定", "append-only; they outlive every run"},
		{"link_run", "Runs of linkage", "关联运行", "one row per run, with counts"},
		{"reject", "Records that did not become events", "拒收记录", "with a reason, without values"},
		{"run", "Runs", "运行记录", "one row per run, with counts that add up"},
	} {
		t.Rows = append(t.Rows, []any{d[0], d[1], d[2], d[3]})
	}
	return t
}

// columnTable describes the columns of the event dataset and the information items of each source.
func columnTable(items []Item) Table {
	t := Table{Name: "cat_column", Columns: columns("dataset source_id column position:int type required:bool privacy_class unit code_list target doc doc_zh")}
	for i, col := range event.Columns() {
		var codes any
		if col.Codes != nil {
			codes = col.Codes.Name
		}
		t.Rows = append(t.Rows, []any{"event", nil, col.Name, int64(i + 1), col.Type.Name(), col.Required, col.Class.String(), text(col.Unit), codes, nil, col.Doc, col.DocZH})
	}
	pos := map[string]int64{}
	for _, it := range items {
		pos[it.SourceID]++
		t.Rows = append(t.Rows, []any{"source", it.SourceID, it.Name, pos[it.SourceID], "utf8", false, text(it.Class), nil, nil, text(it.Target), text(it.Doc), text(it.DocZH)})
	}
	return t
}

// codeTable holds the closed lists of the event model, the quality flags and the lists of the configuration.
func (c *Catalog) codeTable() Table {
	t := Table{Name: "code_map", Columns: columns("list origin code value name name_zh")}
	for _, l := range event.CodeLists() {
		for _, code := range l.Codes {
			t.Rows = append(t.Rows, []any{l.Name, "model", code.Value, code.Value, code.Doc, code.DocZH})
		}
	}
	for _, f := range event.Flags() {
		t.Rows = append(t.Rows, []any{"quality_flags", "model", f.Name, fmt.Sprint(uint64(f.Flag)), f.Doc, f.DocZH})
	}
	for _, l := range c.codes {
		for _, r := range l.rows {
			t.Rows = append(t.Rows, []any{l.name, "config", r.code, text(r.value), text(r.name), text(r.nameZH)})
		}
	}
	return t
}

func (c *Catalog) categoryTable() Table {
	t := Table{Name: "category", Columns: columns("category level:int parent name name_zh")}
	for _, cat := range c.categories {
		level := int64(1)
		if cat.Parent != "" {
			level = 2
		}
		t.Rows = append(t.Rows, []any{cat.Code, level, text(cat.Parent), cat.Name, cat.NameZH})
	}
	return t
}

func (c *Catalog) categoryMapTable() Table {
	t := Table{Name: "category_map", Columns: columns("scheme scheme_ver src_code_prefix src_name category method confidence:float valid_from:date valid_to:date")}
	for _, x := range c.crosswalks {
		for _, r := range x.Rows {
			from, to := r.Validity.bounds()
			t.Rows = append(t.Rows, []any{x.Scheme, x.Version, text(r.Prefix), text(r.Name), r.Hub, text(r.Method), float64(r.Confidence), from, to})
		}
	}
	return t
}

func (c *Catalog) areaTable() Table {
	t := Table{Name: "area", Columns: columns("area_code level:int parent name valid_from:date valid_to:date successor centroid_lon:float centroid_lat:float has_polygon:bool")}
	boxes := map[string]orb.Bound{}
	for _, s := range c.areaShapes {
		b, ok := boxes[s.Code]
		if !ok {
			b = s.Geometry.Bound()
		}
		boxes[s.Code] = b.Union(s.Geometry.Bound())
	}
	for _, a := range c.areas.rows {
		from, to := a.Validity.bounds()
		var lon, lat any
		b, has := boxes[a.Code]
		if has {
			lon, lat = b.Center()[0], b.Center()[1]
		}
		t.Rows = append(t.Rows, []any{a.Code, int64(a.Level), text(a.Parent), a.Name, from, to, text(strings.Join(a.Successors, ";")), lon, lat, has})
	}
	return t
}

func (c *Catalog) gridTable() Table {
	t := Table{Name: "grid", Columns: columns("grid_id scheme kind priority:int community_code parent_grid name min_lon:float min_lat:float max_lon:float max_lat:float valid_from:date valid_to:date")}
	for _, s := range c.gridShapes {
		from, to := s.Validity.bounds()
		b := s.Geometry.Bound()
		t.Rows = append(t.Rows, []any{s.Code, text(s.Scheme), s.Kind, int64(s.Priority), text(s.Community), text(s.Parent), text(s.Name),
			b.Min[0], b.Min[1], b.Max[0], b.Max[1], from, to})
	}
	return t
}

func (c *Catalog) orgTable() Table {
	t := Table{Name: "org", Columns: columns("org_code scheme name name_en parent area_code kind valid_from:date valid_to:date")}
	for _, o := range c.orgs {
		from, to := o.Validity.bounds()
		t.Rows = append(t.Rows, []any{o.Code, o.Scheme, o.Name, text(o.NameEN), text(o.Parent), text(o.AreaCode), text(o.Kind), from, to})
	}
	return t
}

func (c *Catalog) calendarTable() Table {
	t := Table{Name: "work_calendar", Columns: columns("calendar day:date workday:bool name name_en work_minutes:int")}
	if c.calendar == nil {
		return t
	}
	minutes := int64(0)
	for _, h := range c.calendar.Hours {
		minutes += int64(h.To - h.From)
	}
	for d := c.calendar.From; d < c.calendar.To; d++ {
		work, _ := c.calendar.Workday(d)
		s := c.calendar.special[d]
		m := int64(0)
		if work {
			m = minutes
		}
		t.Rows = append(t.Rows, []any{text(c.calendar.Name), d.Time(), work, text(s.name), text(s.nameEN), m})
	}
	return t
}
