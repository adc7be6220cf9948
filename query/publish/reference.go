package publish

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"onegrid/catalog"
	"onegrid/event"
)

// sourceColumns are the columns of cat_source that are published: what a source is, not how it is read.
func sourceColumns() []string {
	return []string{"source_id", "title", "title_zh", "kind", "source_kind", "enabled", "freshness_expect_s", "provider", "provider_code", "class", "summary",
		"format", "update_cycle", "published_on"}
}

// reference are the tables of the catalog as a scope shows them. County is "" for the city; a district has the areas on
// the way to it and below it, its grids, and the organisations of the city and its own.
func reference(c *catalog.Catalog, masked bool, county string) []catalog.Table {
	var out []catalog.Table
	for _, t := range c.Tables() {
		switch t.Name {
		case "cat_source":
			out = append(out, project(t, sourceColumns()))
		case "area":
			out = append(out, keep(t, "area_code", func(code string) bool { return strings.HasPrefix(code, county) || strings.HasPrefix(county, code) }))
		case "grid":
			out = append(out, keep(t, "community_code", func(code string) bool { return strings.HasPrefix(code, county) }))
		case "org":
			out = append(out, keep(t, "area_code", func(code string) bool { return strings.HasPrefix(code, county) || strings.HasPrefix(county, code) }))
		case "code_map":
			out = append(out, keep(t, "origin", func(origin string) bool { return origin == "model" }))
		case "category":
			t.Rows = append(slices.Clone(t.Rows), []any{hiddenCategory, int64(1), nil, "Not shown: too few in a month", "不予显示(当月数量过少)"})
			out = append(out, t)
		case "work_calendar", "category_map":
			out = append(out, t)
		}
	}
	return append(out, describeTables(), describeColumns(masked))
}

func position(t catalog.Table, column string) int {
	return slices.IndexFunc(t.Columns, func(c catalog.Column) bool { return c.Name == column })
}

// project takes the named columns; one that the catalog does not have is an empty one.
func project(t catalog.Table, names []string) catalog.Table {
	out := catalog.Table{Name: t.Name}
	var from []int
	for _, n := range names {
		if i := position(t, n); i >= 0 {
			from, out.Columns = append(from, i), append(out.Columns, t.Columns[i])
		}
	}
	for _, row := range t.Rows {
		r := make([]any, len(from))
		for j, i := range from {
			r[j] = row[i]
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

func keep(t catalog.Table, column string, has func(string) bool) catalog.Table {
	i := position(t, column)
	out := catalog.Table{Name: t.Name, Columns: t.Columns}
	for _, row := range t.Rows {
		v, _ := row[i].(string)
		if has(v) {
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

// wideOrgs are the organisations that stand for a whole county or more, so that naming them tells no town.
func wideOrgs(c *catalog.Catalog) []string {
	var out []string
	for _, o := range c.Orgs() {
		if len(o.AreaCode) <= 6 {
			out = append(out, o.Code)
		}
	}
	return out
}

// Tables of the snapshots, in the words of the catalog.
func datasets() [][4]string {
	return [][4]string{
		{"event", "Governance events, current state", "治理事件现状", "one row per source record; an incident counts once where is_countable"},
		{"incident", "Incidents with several reports", "多次上报的归并事件", "one row per real-world matter that was reported more than once; reports counts the rows of event in this file"},
		{"freshness", "Freshness of the sources", "数据源新鲜度", "when each source was read last, and what of it this file shows"},
		{"generation", "This snapshot", "本快照", "number, tier, area and time of publication"},
		{"area", "Administrative divisions", "行政区划", ""},
		{"grid", "Grids", "网格", ""},
		{"category", "Hub taxonomy", "统一分类", ""},
		{"category_map", "Source categories and their hub category", "来源分类映射", ""},
		{"org", "Organisations", "单位", ""},
		{"work_calendar", "Working calendar", "工作日历", ""},
		{"code_map", "Code lists", "代码表", ""},
		{"cat_source", "Sources", "数据源", ""},
		{"cat_dataset", "Tables of the snapshot", "快照表目录", ""},
		{"cat_column", "Columns of table event", "事件表字段目录", ""},
	}
}

func textColumns(names string) []catalog.Column {
	var out []catalog.Column
	for n := range strings.FieldsSeq(names) {
		out = append(out, catalog.Column{Name: n, Type: "text"})
	}
	return out
}

func describeTables() catalog.Table {
	t := catalog.Table{Name: "cat_dataset", Columns: textColumns("dataset title title_zh doc")}
	for _, d := range datasets() {
		t.Rows = append(t.Rows, []any{d[0], d[1], d[2], d[3]})
	}
	return t
}

func describeColumns(masked bool) catalog.Table {
	t := catalog.Table{Name: "cat_column", Columns: append(textColumns("dataset column type privacy_class unit code_list doc doc_zh"), catalog.Column{Name: "position", Type: "int"})}
	n := int64(0)
	for _, c := range columns() {
		if masked && c.masked == absent {
			continue
		}
		n++
		col, _ := event.Lookup(c.name)
		var codes any
		if col.Codes != nil {
			codes = col.Codes.Name
		}
		t.Rows = append(t.Rows, []any{"event", c.name, sqlType(c.name), col.Class.String(), col.Unit, codes, col.Doc, col.DocZH, n})
	}
	t.Rows = append(t.Rows, []any{"event", maskedName, "VARCHAR", event.P0.String(), "", nil, "what was coarsened: none, place (sensitive cue) or cell (small cell)", "脱敏方式: none 无, place 隐去位置, cell 小样本合并", n + 1})
	return t
}

func engineType(t string) string {
	switch t {
	case "int":
		return "BIGINT"
	case "float":
		return "DOUBLE"
	case "date":
		return "DATE"
	case "bool":
		return "BOOLEAN"
	case "timestamp":
		return "TIMESTAMPTZ"
	default:
		return "VARCHAR"
	}
}

// writeReference replaces the catalog tables of an attached file.
func (e *engine) writeReference(ctx context.Context, db string, tables []catalog.Table) error {
	for _, t := range tables {
		var cols []string
		for _, c := range t.Columns {
			cols = append(cols, `"`+c.Name+`" `+engineType(c.Type))
		}
		if err := e.exec(ctx, "CREATE OR REPLACE TABLE "+db+"."+t.Name+" ("+strings.Join(cols, ", ")+")"); err != nil {
			return fmt.Errorf("writing table %s: %w", t.Name, err)
		}
		if err := e.conn.Raw(func(c any) error {
			app, err := duckdb.NewAppender(c.(driver.Conn), db, "main", t.Name)
			if err != nil {
				return err
			}
			for _, row := range t.Rows {
				vals := make([]driver.Value, len(row))
				for i, v := range row {
					vals[i] = v
				}
				if err := app.AppendRow(vals...); err != nil {
					app.Close()
					return err
				}
			}
			return app.Close()
		}); err != nil {
			return fmt.Errorf("writing table %s: %w", t.Name, diskError(err))
		}
	}
	return nil
}
