package publish

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/event"
)

var update = flag.Bool("update", false, "write docs/published-tables.md")

// The page on the published tables is made from the same lists as the snapshots.
func TestPageOfPublishedTables(t *testing.T) {
	const path = "../../docs/published-tables.md"
	page := tablesPage()
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), page); d != "" {
		t.Fatalf("run go test ./query/publish -run Page -update (-page +lists):\n%s", d)
	}
}

func tablesPage() string {
	var b strings.Builder
	b.WriteString(`# Published tables · 发布的数据表

Generated from ` + "`query/publish`" + ` by its tests; do not edit. Analysts query snapshots, never the live store. Each scope is one
file: ` + "`city_masked`, `city_sensitive`" + ` and one ` + "`<county>_masked`" + ` per district. Masks and scopes are physical: what a
scope may not show is not in its file. · 分析人员只查询快照, 不接触在线库; 脱敏与范围在文件层面实现。

Names of tables and columns are stable: a column is added, never renamed or given another meaning.

| table | title | 名称 | |
|---|---|---|---|
`)
	for _, d := range datasets() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d[0], d[1], d[2], d[3])
	}
	b.WriteString(`
## Masks of the masked tier · 脱敏规则

- **no text**: title, description and address are in the sensitive tier only; numbers of records and the kind of reporter too.
- **place** (` + "`masked = 'place'`" + `): an event with a sensitive cue keeps its county; town, community, grids, point, offices of less than a
  county and its incident are null. · 含敏感线索的事件仅保留区县。
- **point**: degrees are rounded to 3 decimals, about 100 m.
- **cell** (` + "`masked = 'cell'`" + `): incidents of sensitive categories (` + strings.Join(DefaultSensitive(), ", ") + ` by default) show only cells of
  five or more: county, day and category; where that is too few, the month (` + "`event_day`" + ` is its first day), then the group of
  the category (two digits), then the city (county null), then the month alone (category ` + "`" + hiddenCategory + "`" + `). Parts too small stay together with
  others, so that no total less its parts leaves fewer than five. Months with fewer are absent, the current day too. ` + "`event_id`" + ` is a
  pseudonym, ` + "`reported_at`" + ` the start of the day or month, all other columns are null; exercises, invalid reports and further reports of an incident
  are absent. · 敏感类别按小样本规则合并, 少于五件的单元不予显示。

## Columns of event · 事件表字段

| column | type | class | masked tier | meaning | 含义 |
|---|---|---|---|---|---|
`)
	for _, c := range columns() {
		col, _ := event.Lookup(c.name)
		shown := map[mask]string{absent: "absent", plain: "as stored", place: "place", point: "point", office: "place", link: "place", cell: "cell"}[c.masked]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s: %s | %s | %s |\n", c.name, sqlType(c.name), col.Class, shown, c.why, col.Doc, col.DocZH)
	}
	fmt.Fprintf(&b, "| `%s` | VARCHAR | P0 | none, place or cell | what was coarsened | 脱敏方式 |\n", maskedName)
	b.WriteString(`
## incident · 归并事件

| column | type | meaning |
|---|---|---|
| ` + "`incident_id`" + ` | UUID | as in event |
| ` + "`event_day`" + ` | DATE | first day |
| ` + "`first_reported_at`, `last_reported_at`" + ` | TIMESTAMPTZ | of its reports in this file |
| ` + "`reports`" + ` | BIGINT | rows of event in this file, two or more |
| ` + "`sources`" + ` | BIGINT | different sources |
| ` + "`open_reports`" + ` | BIGINT | neither closed nor cancelled |
| ` + "`category`, `county_code`, `town_code`" + ` | VARCHAR | of the first report |

Reports are rows of ` + "`event`" + `; incidents are its rows where ` + "`is_countable`" + `. · 上报件数为 event 的行数, 事件数为 is_countable 的行数。

## Columns of no snapshot · 不发布的字段

| column | reason |
|---|---|
`)
	hidden := withheld()
	for _, c := range event.Columns() {
		if why, ok := hidden[c.Name]; ok {
			fmt.Fprintf(&b, "| `%s` | %s |\n", c.Name, why)
		}
	}
	return b.String()
}
