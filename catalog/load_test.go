package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onegrid/catalog"
	"onegrid/connectors"
)

const hub = "city: {name: T, bbox: [119.3, 32.3, 119.5, 32.5]}\n"

const source = `id: a
kind: filedrop
source_kind: grid
connection: {dir: x}
mapping: ../mappings/a.yaml
`

const taxonomy = `groups:
  - code: "05"
    name: Utilities
    name_zh: 公用设施
    leaves:
      - {code: "05.02", name: Lights, name_zh: 路灯}
  - {code: "99", name: Other, name_zh: 其他, leaves: [{code: "99.99", name: Not mapped, name_zh: 未映射}]}
`

// load loads a folder that is good but for the files given and returns the problems as lines.
func load(t *testing.T, files map[string]string) (*catalog.Catalog, []string) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"onegrid.yaml": hub, "sources/a.yaml": source, "mappings/a.yaml": "version: 1\n", "catalog/categories.yaml": taxonomy}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		if content != "" {
			write(t, dir, name, content)
		}
	}
	c, err := catalog.Load(dir)
	if err == nil {
		return c, nil
	}
	var e *catalog.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is not a *catalog.Error", err)
	}
	for _, p := range e.Problems {
		if p.MessageZH == "" {
			t.Errorf("no Chinese message for %q", p.Message)
		}
		if strings.Contains(p.Message, dir) {
			t.Errorf("the message names a path of this machine: %s", p.Message)
		}
	}
	return nil, strings.Split(err.Error(), "\n")
}

// TestProblems holds the messages that a user sees for each mistake, with file and line.
func TestProblems(t *testing.T) {
	t.Setenv("ONEGRID_T_EMPTY", "")
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"no hub file", map[string]string{"onegrid.yaml": ""}, []string{"onegrid.yaml: the file does not exist"}},
		{"empty hub file", map[string]string{"onegrid.yaml": "# nothing\n"}, []string{"onegrid.yaml: the file is empty"}},
		{"not YAML", map[string]string{"onegrid.yaml": "city:\n  name: \"x\n"}, []string{
			"onegrid.yaml:2: not valid YAML: found unexpected end of stream (indent with spaces, and put quotes around text with a colon or #)"}},
		{"several at once", map[string]string{
			"onegrid.yaml":   "city:\n  bbox: [120, 32, 119, 33]\nzone: Mars\nlog: {level: loud}\nserver:\n  listen: nowhere\n",
			"sources/a.yaml": "id: b\nkind: filedrop\nsource_kind: gossip\nconnection: {dir: x}\nmapping: ../mappings/a.yaml\nschedule:\n  cron: every day\n  overlap: maybe\n",
		}, []string{
			"onegrid.yaml:2: city.bbox: must be min lon, min lat, max lon, max lat in degrees (for instance [119.2, 32.2, 119.6, 32.6])",
			"onegrid.yaml:3: zone: not a known time zone (write a name such as Asia/Shanghai)",
			"onegrid.yaml:4: log.level: \"loud\" is not allowed (one of debug, info, warn, error)",
			"onegrid.yaml:6: server.listen: must be host:port (for instance 127.0.0.1:8686)",
			"sources/a.yaml:1: id: must equal the file name \"a\" (rename the file or the id; stored events carry the id)",
			"sources/a.yaml:3: source_kind: \"gossip\" is not allowed (one of police_110, hotline_12345, urban_mgmt, grid, petition, emergency, sensor, other)",
			"sources/a.yaml:7: schedule.cron: not a cron expression: expected exactly 5 fields, found 2: [every day] (five fields: minute hour day month weekday, for instance \"*/5 * * * *\")",
			"sources/a.yaml:8: schedule.overlap: \"maybe\" is not allowed (one of skip, queue)",
		}},
		{"unknown keys and wrong types", map[string]string{"onegrid.yaml": "citty: {name: T}\nrun:\n  max_concurrent: many\n  grace: soon\nstore:\n  memory_limit: lots\n"}, []string{
			`onegrid.yaml:1: unknown key "citty" (see the reference for the keys allowed here; is it indented rightly?)`,
			"onegrid.yaml:3: text found where a whole number is expected",
			"onegrid.yaml:4: needs a duration such as 90s, 15m, 36h or 30d",
			"onegrid.yaml:6: needs a size such as 200MB or 64MiB",
		}},
		{"key twice", map[string]string{"sources/a.yaml": source + "kind: httpjson\n"}, []string{"sources/a.yaml:6: kind: the key stands twice, first on line 2"}},
		{"alias", map[string]string{"onegrid.yaml": "city: &c {name: T}\nlog: *c\n"}, []string{
			"onegrid.yaml:1: city: anchors and aliases are not allowed here (write the value out)",
			"onegrid.yaml:2: log: anchors and aliases are not allowed here (write the value out)"}},
		{"variables", map[string]string{"sources/a.yaml": strings.Replace(source, "{dir: x}", "{dir: \"${ONEGRID_T_UNSET}/${ONEGRID_T_EMPTY}/${1}\"}", 1)}, []string{
			"sources/a.yaml:4: connection.dir: environment variable ONEGRID_T_UNSET is not set (set it: export ONEGRID_T_UNSET=...)",
			"sources/a.yaml:4: connection.dir: environment variable ONEGRID_T_EMPTY is not set (set it: export ONEGRID_T_EMPTY=...)",
			"sources/a.yaml:4: connection.dir: not a variable reference: write ${NAME} with letters, digits and _ (a literal ${ is written $${)"}},
		{"mapping missing", map[string]string{"mappings/a.yaml": ""}, []string{"sources/a.yaml:5: mapping: the mapping file does not exist (the path is relative to this file)"}},
		{"cron that panics", map[string]string{"sources/a.yaml": source + "schedule: {cron: \"TZ=Asia/Shanghai\"}\n"}, []string{
			"sources/a.yaml:6: schedule.cron: a zone inside the expression is not allowed: zone in onegrid.yaml applies (five fields: minute hour day month weekday, for instance \"*/5 * * * *\")"}},
		{"cron that never comes", map[string]string{"sources/a.yaml": source + "schedule: {cron: \"0 0 30 2 *\"}\n"}, []string{
			"sources/a.yaml:6: schedule.cron: this expression never comes due (five fields: minute hour day month weekday, for instance \"*/5 * * * *\")"}},
		{"cron and every", map[string]string{"sources/a.yaml": source + "schedule: {cron: \"@hourly\", every: 5m}\n"}, []string{
			"sources/a.yaml:6: schedule: cron and every exclude each other (keep one of them)"}},
		{"private key as recipient", map[string]string{"onegrid.yaml": hub + "landing:\n  recipients:\n    - AGE-SECRET-KEY-1INVENTED\n"}, []string{
			"onegrid.yaml:4: landing.recipients.0: this is a private key: the hub must only have the public one (write the age1... recipient and keep the private key elsewhere)"}},
		{"secret written in", map[string]string{"onegrid.yaml": hub + "privacy: {key: hunter2}\n"}, []string{
			"onegrid.yaml:2: privacy.key: a secret is named as env:NAME, file:path or systemd:name, never written into a configuration file"}},
		{"vault", map[string]string{"onegrid.yaml": hub + "privacy: {key: \"vault:kv/x\"}\n"}, []string{
			"onegrid.yaml:2: privacy.key: vault: references are not supported; let the agent write a file and name it as file:path"}},
		{"wrong ending", map[string]string{"sources/b.yml": source}, []string{"sources/b.yml: the name must end in .yaml"}},
		{"taxonomy", map[string]string{"catalog/categories.yaml": "groups:\n  - code: \"05\"\n    name: U\n    name_zh: 公\n    leaves:\n      - {code: \"05.02\", name: L, name_zh: 灯}\n      - {code: \"05.02\", name: L, name_zh: 灯}\n      - {code: 5.3, name: L, name_zh: 灯}\n      - {code: \"06.01\", name: L, name_zh: 灯}\n"}, []string{
			"catalog/categories.yaml: must hold the leaf 99.99 for what has no mapping",
			"catalog/categories.yaml:7: groups.0.leaves.1.code: code 05.02 stands twice",
			"catalog/categories.yaml:8: groups.0.leaves.2.code: must be two digits, for a leaf LL.SS (put it in quotes: \"01.10\")",
			"catalog/categories.yaml:9: groups.0.leaves.3.code: a leaf of 05 begins with 05."}},
		{"crosswalk", map[string]string{"catalog/crosswalks/p@1.csv": "src_code_prefix,name,hub_code,valid_from,valid_to,confidence\n909900,a,05.02,,,\n10,b,05.77,,,\n909900,c,99.99,,,\n,,05.02,,,\n11,d,05.02,2025-13-01,,\n12,e,05.02,,,2\n13,f,05.02,2025-01-01,2024-01-01,\n14,g\n"}, []string{
			"catalog/crosswalks/p@1.csv:3: hub_code: \"05.77\" is not a leaf of categories.yaml (a leaf has the form LL.SS)",
			"catalog/crosswalks/p@1.csv:4: CODE_DUPLICATE_IN_TABLE: \"909900\" stands twice, first on line 2 (remove one, or give both validity dates that do not overlap)",
			"catalog/crosswalks/p@1.csv:5: src_code_prefix: a row needs a prefix or a name",
			"catalog/crosswalks/p@1.csv:6: valid_from: not a date such as 2026-01-31",
			"catalog/crosswalks/p@1.csv:7: confidence: must be from 0 to 1",
			"catalog/crosswalks/p@1.csv:8: valid_to: must be later than valid_from",
			"catalog/crosswalks/p@1.csv:9: has 2 columns where the header has 6"}},
		{"crosswalk name", map[string]string{"catalog/crosswalks/p.csv": "src_code_prefix,name,hub_code\n"}, []string{
			"catalog/crosswalks/p.csv: the name must be scheme@version.csv (for instance police_110@2013.csv)"}},
		{"code lists", map[string]string{"catalog/codes/s.csv": "code,value\n1,open\n2,closed\n1,closed\n", "catalog/codes/s.yaml": "x: y\n", "catalog/codes/Bad.csv": "code,value\n"}, []string{
			"catalog/codes/Bad.csv: the name must be lower-case letters, digits and _, ending in .csv or .yaml",
			"catalog/codes/s.csv:4: CODE_DUPLICATE_IN_TABLE: \"1\" stands twice, first on line 2 (remove one, or give both validity dates that do not overlap)",
			"catalog/codes/s.yaml: the list s is already defined by catalog/codes/s.csv"}},
		{"areas", map[string]string{"catalog/areas.csv": "area_code,name,level,parent\n990101,甲区,3,9901\n990101,甲区,3,\n10101,乙区,,\n990102001,乙街道,,\n990103,丙区,4,\n990104,丁区,3,9902\n"}, []string{
			"catalog/areas.csv:3: CODE_DUPLICATE_IN_TABLE: \"990101\" stands twice, first on line 2 (remove one, or give both validity dates that do not overlap)",
			"catalog/areas.csv:4: area_code: a division code has 2, 4, 6, 9 or 12 digits (was a leading zero lost in a spreadsheet?)",
			"catalog/areas.csv:5: parent: its parent 990102 is not in the table",
			"catalog/areas.csv:6: level: a code of 6 digits has level 3",
			"catalog/areas.csv:7: parent: the parent of 990104 is 9901"}},
		{"header", map[string]string{"catalog/areas.csv": "code,name\n"}, []string{
			"catalog/areas.csv:1: code: unknown column (the columns are area_code, name, level, parent, valid_from, valid_to, successor, name_en)",
			"catalog/areas.csv:1: area_code: the column is missing"}},
		{"not UTF-8", map[string]string{"catalog/areas.csv": "area_code,name\n990101,\xbc\xd7\n"}, []string{"catalog/areas.csv:2: is not UTF-8 (save the file as UTF-8)"}},
		{"layer", map[string]string{"catalog/areas.csv": "area_code,name\n990101,甲区\n", "catalog/areas.geojson": `{"type":"FeatureCollection","features":[
{"properties":{"code":"990101"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}},
{"properties":{"code":"990109"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}},
{"properties":{"code":"990101"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}},
{"properties":{"code":"990101"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2]]]}},
{"properties":{"code":"990101"},"geometry":{"type":"Point","coordinates":[1,1]}},
{"properties":{"code":990101},"geometry":{"type":"Polygon","coordinates":[]}},
{"properties":{"code":"990101"},"geometry":{"type":"Polygon","coordinates":[[[1321,1],[2,1],[2,2],[1321,1]]]}}
]}`}, []string{
			"catalog/areas.geojson:3: features.1.properties.code: code 990109 is not in areas.csv",
			"catalog/areas.geojson:4: features.2.properties.code: CODE_DUPLICATE_IN_TABLE: \"990101\" stands twice (join the parts into one MultiPolygon)",
			"catalog/areas.geojson:5: features.3: a ring of 990101 is not closed: its first and last point must be equal",
			"catalog/areas.geojson:6: features.4: the geometry of 990101 must be a Polygon or MultiPolygon",
			"catalog/areas.geojson:7: features.5: properties must be code (text), level and priority (numbers), scheme, kind, community, parent, name, valid_from, valid_to (text)",
			"catalog/areas.geojson:8: features.6: a point of 990101 is not longitude, latitude in degrees"}},
		{"not a layer", map[string]string{"catalog/grids.geojson": "[]"}, []string{"catalog/grids.geojson: is not a GeoJSON FeatureCollection"}},
		{"calendar", map[string]string{"catalog/calendar.yaml": "years: [2025]\nwork_hours: [\"18:00-09:00\"]\nholidays:\n  - {from: 2024-12-31}\n  - {from: 2025-10-01, to: 2025-10-03}\n  - {from: 2025-10-02}\n"}, []string{
			"catalog/calendar.yaml:2: work_hours.0: must be like 08:30-12:00",
			"catalog/calendar.yaml:4: holidays.0: lies outside years",
			"catalog/calendar.yaml:6: holidays.2: 2025-10-02 stands twice"}},
		{"organisations", map[string]string{"catalog/orgs.csv": "org_code,scheme,name\n990101,police12,a\nX,other,b\nJ,local,c\nJ,local,d\n"}, []string{
			"catalog/orgs.csv:2: org_code: a code of scheme police12 has 12 characters",
			"catalog/orgs.csv:3: scheme: must be uscc18, police12 or local",
			"catalog/orgs.csv:5: CODE_DUPLICATE_IN_TABLE: \"J\" stands twice, first on line 4 (remove one, or give both validity dates that do not overlap)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := load(t, c.files)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

// TestVariables: a variable is text in one place, whatever it holds.
func TestVariables(t *testing.T) {
	t.Setenv("ONEGRID_T_DIR", "x #y\nretention_days: 1")
	t.Setenv("ONEGRID_T_DAYS", "42")
	t.Setenv("ONEGRID_T_TITLE", "true")
	c, problems := load(t, map[string]string{"sources/a.yaml": strings.Replace(source, "{dir: x}", "\n  dir: ${ONEGRID_T_DIR}\n  literal: $${HOME}\n  port: ${ONEGRID_T_DAYS}", 1) +
		"retention_days: ${ONEGRID_T_DAYS}\ntitle: ${ONEGRID_T_TITLE}\n"})
	if problems != nil {
		t.Fatal(problems)
	}
	s, ok := c.Source("a")
	if !ok || s.RetentionDays != 42 || s.Title != "true" {
		t.Errorf("source %+v", s)
	}
	var conn struct {
		Dir     string `yaml:"dir"`
		Literal string `yaml:"literal"`
		Port    int    `yaml:"port"`
	}
	if ps := connectors.DecodeStrict(&s.Connection, &conn); ps != nil {
		t.Fatal(ps)
	}
	if conn.Dir != "x #y\nretention_days: 1" || conn.Literal != "${HOME}" || conn.Port != 42 {
		t.Errorf("connection %+v", conn)
	}
}

// TestValuesStayOut: a message about a value of the wrong type does not quote it.
func TestValuesStayOut(t *testing.T) {
	t.Setenv("ONEGRID_T_SECRET", "correct-horse")
	_, problems := load(t, map[string]string{"sources/a.yaml": source + "retention_days: ${ONEGRID_T_SECRET}\n"})
	if len(problems) != 1 || problems[0] != "sources/a.yaml:6: text found where a whole number is expected" {
		t.Errorf("problems %q", problems)
	}
}

func TestCrosswalkRules(t *testing.T) {
	c, problems := load(t, map[string]string{"catalog/crosswalks/p@1.csv": `src_code_prefix,name,hub_code,method,confidence,valid_from,valid_to
# comments are allowed
6,,99.99,,,,
60,,05.02,,,2020-01-01,2025-01-01
60,,99.99,rule,0.5,2025-01-01,
,路灯,05.02,keyword,,,
`})
	if problems != nil {
		t.Fatal(problems)
	}
	x, ok := c.Crosswalk("p", "1")
	if !ok || !x.Temporal() {
		t.Fatal("no crosswalk")
	}
	day := func(s string) catalog.Day {
		tm, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return catalog.DayOf(tm)
	}
	for _, c := range []struct {
		code, name, day string
		want            catalog.Match
		ok              bool
	}{
		{"6099", "", "2024-12-31", catalog.Match{Hub: "05.02", Method: "prefix", Confidence: 1}, true},
		{"6099", "", "2025-01-01", catalog.Match{Hub: "99.99", Method: "rule", Confidence: 0.5}, true},
		{"6099", "", "2019-12-31", catalog.Match{Hub: "99.99", Method: "prefix", Confidence: 1}, true},
		{"60", "", "2024-12-31", catalog.Match{Hub: "05.02", Method: "exact", Confidence: 1}, true},
		{"7", "路灯", "2024-12-31", catalog.Match{Hub: "05.02", Method: "keyword", Confidence: 1}, true},
		{"7", "路灯坏", "2024-12-31", catalog.Match{}, false},
		{"", "", "2024-12-31", catalog.Match{}, false},
	} {
		got, ok := x.Lookup(c.code, c.name, day(c.day))
		if got != c.want || ok != c.ok {
			t.Errorf("Lookup(%q, %q, %s) = %+v, %v; want %+v", c.code, c.name, c.day, got, ok, c.want)
		}
	}
}

// TestDivisions: the public table of streets lists its columns in another order than the levels.
func TestDivisions(t *testing.T) {
	c, problems := load(t, map[string]string{
		"catalog/divisions/areas.csv":   "code,name,cityCode,provinceCode\n990101,\"甲区\",9901,99\n",
		"catalog/divisions/streets.csv": "code,name,areaCode,provinceCode,cityCode\n990101001,\"甲街道\",990101,99,9901\n",
		"catalog/areas.csv":             "area_code,name,valid_from,valid_to,successor\n990101002,乙街道,,2024-01-01,990101001\n990101002,丙街道,2024-01-01,,\n",
	})
	if problems != nil {
		t.Fatal(problems)
	}
	before, after := catalog.DayOf(time.Date(2023, 12, 31, 0, 0, 0, 0, time.UTC)), catalog.DayOf(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	if a, ok := c.Areas().At("990101001", after); !ok || a.Parent != "990101" || a.Level != catalog.Town {
		t.Errorf("street %+v", a)
	}
	if a, _ := c.Areas().At("990101002", before); a.Name != "乙街道" || len(a.Successors) != 1 {
		t.Errorf("before: %+v", a)
	}
	if a, _ := c.Areas().At("990101002", after); a.Name != "丙街道" {
		t.Errorf("after: %+v", a)
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONEGRID_T_KEY", "from env")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for ref, want := range map[string]string{"env:ONEGRID_T_KEY": "from env", "file:" + key: "sesame", "systemd:key": "sesame"} {
		if got, err := catalog.Secret(ref); err != nil || got != want {
			t.Errorf("Secret(%s) = %q, %v", ref, got, err)
		}
	}
	if got, err := catalog.Secrets(dir)("file:key"); err != nil || got != "sesame" {
		t.Errorf("relative: %q, %v", got, err)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"file:" + key, "systemd:key", "systemd:../key", "env:ONEGRID_T_NO", "vault:x", "sesame", "file:", "file:" + dir} {
		if got, err := catalog.Secret(ref); err == nil {
			t.Errorf("Secret(%s) = %q", ref, got)
		} else if strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error quotes a value: %v", err)
		}
	}
}

// TestDigest: the digest follows the files, not the environment.
func TestDigest(t *testing.T) {
	t.Setenv("ONEGRID_T_DIR", "one")
	files := map[string]string{"sources/a.yaml": strings.Replace(source, "{dir: x}", "\n  dir: ${ONEGRID_T_DIR}", 1)}
	a, _ := load(t, files)
	t.Setenv("ONEGRID_T_DIR", "two")
	b, _ := load(t, files)
	files["mappings/a.yaml"] = "version: 2\n"
	c, _ := load(t, files)
	if a.Digest() != b.Digest() || a.Digest() == c.Digest() || len(a.Digest()) != 64 {
		t.Errorf("digests %s %s %s", a.Digest(), b.Digest(), c.Digest())
	}
}

// TestTables: every table of the catalog fits its columns and holds what the files say.
func TestTables(t *testing.T) {
	t.Setenv("ONEGRID_CITY_110", "18110")
	t.Setenv("ONEGRID_CITY_DROP", "drop")
	t.Setenv("ONEGRID_CITY_DB", "city.db")
	c, err := catalog.Load(filepath.Join("..", "configs", "city"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, table := range c.Tables(catalog.Item{SourceID: "police_110", Name: "JJDBH", Target: "source_record_id", Class: "P1"}) {
		rows[table.Name] = len(table.Rows)
		for i, r := range table.Rows {
			if len(r) != len(table.Columns) {
				t.Fatalf("%s row %d: %d values for %d columns", table.Name, i, len(r), len(table.Columns))
			}
			for k, v := range r {
				typ := "nil"
				switch v.(type) {
				case string:
					typ = "text"
				case int64:
					typ = "int"
				case float64:
					typ = "float"
				case bool:
					typ = "bool"
				case time.Time:
					typ = "date"
				}
				if v != nil && typ != table.Columns[k].Type {
					t.Fatalf("%s.%s row %d: %T where %s is declared", table.Name, table.Columns[k].Name, i, v, table.Columns[k].Type)
				}
			}
		}
	}
	want := map[string]int{"cat_source": 3, "cat_dataset": 11, "cat_column": rows["cat_column"], "code_map": rows["code_map"], "category": 144,
		"category_map": rows["category_map"], "area": 59, "grid": 265, "org": 45, "work_calendar": 365}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("rows of tables (-want +got):\n%s", d)
	}
	if rows["cat_column"] < 100 || rows["category_map"] < 150 || rows["code_map"] < 150 {
		t.Errorf("tables are incomplete: %v", rows)
	}
	s, ok := c.Source("police_110")
	if !ok || s.RetentionDays != 1095 || s.Landing.KeepDays != 30 || len(s.Area.BBox) != 4 {
		t.Errorf("the source did not inherit the hub's settings: %+v", s)
	}
	if work, ok := c.Calendar().Workday(catalog.DayOf(time.Date(2025, 1, 26, 0, 0, 0, 0, time.UTC))); !work || !ok {
		t.Error("a make-up Sunday is not worked")
	}
	if _, ok := c.Calendar().Workday(catalog.DayOf(time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC))); ok {
		t.Error("the calendar answers for a year that it does not cover")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("onegrid.yaml", hub)
	f.Add("sources/a.yaml", source)
	f.Add("catalog/categories.yaml", taxonomy)
	f.Add("catalog/crosswalks/p@1.csv", "src_code_prefix,name,hub_code\n1,a,05.02\n")
	f.Add("catalog/areas.csv", "area_code,name\n990101,甲\n")
	f.Add("catalog/areas.geojson", `{"features":[{"properties":{"code":"990101"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}}]}`)
	f.Add("catalog/calendar.yaml", "years: [2025]\nholidays: [{from: 2025-01-01}]\n")
	f.Add("sources/a.yaml", source+"schedule: {cron: \"TZ=\"}\n")
	f.Fuzz(func(t *testing.T, name, content string) {
		known := map[string]bool{"onegrid.yaml": true, "sources/a.yaml": true, "catalog/categories.yaml": true, "catalog/crosswalks/p@1.csv": true,
			"catalog/areas.csv": true, "catalog/areas.geojson": true, "catalog/calendar.yaml": true, "catalog/codes/c.yaml": true, "catalog/orgs.csv": true}
		if !known[name] {
			return
		}
		c, problems := load(t, map[string]string{name: content})
		if c == nil && len(problems) == 0 {
			t.Fatal("neither a catalog nor a problem")
		}
		if c != nil {
			for _, table := range c.Tables() {
				for _, r := range table.Rows {
					if len(r) != len(table.Columns) {
						t.Fatalf("table %s: %d values for %d columns", table.Name, len(r), len(table.Columns))
					}
				}
			}
		}
	})
}
