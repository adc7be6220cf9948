package enrich_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/catalog"
	"onegrid/event"
	"onegrid/pipelines/enrich"
)

// row is one event of a test batch; zero values are null.
type row struct {
	x, y, cx, cy            *float64
	crs, origin             string
	county, town, community string
	grid, unit              string
	scheme, version         string
	code, name, end         string
	reported                time.Time
}

func at(v float64) *float64 { return &v }

func dict(vals []string) arrow.Array {
	b := array.NewDictionaryBuilder(memory.DefaultAllocator, event.Dict).(*array.BinaryDictionaryBuilder)
	for _, v := range vals {
		if v == "" {
			b.AppendNull()
		} else if err := b.AppendString(v); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func texts(vals []string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for _, v := range vals {
		if v == "" {
			b.AppendNull()
		} else {
			b.Append(v)
		}
	}
	return b.NewArray()
}

func floats(vals []*float64) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for _, v := range vals {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(*v)
		}
	}
	return b.NewArray()
}

func pick[T any](rows []row, f func(row) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

func draft(rows []row) *event.Draft {
	d := event.NewDraft(len(rows))
	d.Set("coord_src_x", floats(pick(rows, func(r row) *float64 { return r.x })))
	d.Set("coord_src_y", floats(pick(rows, func(r row) *float64 { return r.y })))
	d.CallerX = floats(pick(rows, func(r row) *float64 { return r.cx }))
	d.CallerY = floats(pick(rows, func(r row) *float64 { return r.cy }))
	for name, f := range map[string]func(row) string{
		"coord_src_crs": func(r row) string { return r.crs }, "coord_origin": func(r row) string { return r.origin },
		"county_code": func(r row) string { return r.county }, "town_code": func(r row) string { return r.town },
		"category_scheme": func(r row) string { return r.scheme }, "category_scheme_ver": func(r row) string { return r.version },
		"category_src_code": func(r row) string { return r.code }, "category_src_name": func(r row) string { return r.name },
		"category_end_code": func(r row) string { return r.end },
	} {
		d.Set(name, dict(pick(rows, f)))
	}
	for name, f := range map[string]func(row) string{
		"community_code": func(r row) string { return r.community }, "grid_id": func(r row) string { return r.grid },
		"unit_grid_code": func(r row) string { return r.unit },
	} {
		d.Set(name, texts(pick(rows, f)))
	}
	tb := array.NewTimestampBuilder(memory.DefaultAllocator, event.Timestamp)
	for _, r := range rows {
		if r.reported.IsZero() {
			r.reported = time.Date(2025, 6, 1, 4, 0, 0, 0, time.UTC)
		}
		tb.Append(arrow.Timestamp(r.reported.UnixMicro()))
	}
	d.Set("reported_at", tb.NewArray())
	return d
}

// get is a value of a result column as text, "" where null.
func get(d *event.Draft, name string, i int) string {
	col := d.Col(name)
	if col == nil || col.IsNull(i) {
		return ""
	}
	return col.ValueStr(i)
}

func num(d *event.Draft, name string, i int) float64 {
	col := d.Col(name)
	if col == nil || col.IsNull(i) {
		return math.NaN()
	}
	return col.(*array.Float64).Value(i)
}

// folder writes a configuration and loads it.
func folder(t testing.TB, files map[string]string) *catalog.Catalog {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const categories = `groups:
  - {code: "05", name: Utilities, name_zh: 公用设施, leaves: [{code: "05.02", name: Lights, name_zh: 路灯}, {code: "05.03", name: Water, name_zh: 供水}]}
  - {code: "06", name: Traffic, name_zh: 交通, leaves: [{code: "06.03", name: Move car, name_zh: 移车}]}
  - {code: "99", name: Other, name_zh: 其他, leaves: [{code: "99.99", name: Not mapped, name_zh: 未映射}]}
`

// The test town: two communities side by side, split at 119.41, with a village of another county to the east, and a gap.
const areas = `area_code,name,valid_from,valid_to,successor
990101,甲区,,,
990102,乙区,,,
990101001,甲街道,,,
990102001,乙街道,,,
990101001001,一社区,,,
990101001002,二社区,,,
990102001001,三社区,,,
990101001009,旧社区,,2024-01-01,990101001001
`

const areasLayer = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"990101001001"},"geometry":{"type":"Polygon","coordinates":[[[119.40,32.40],[119.41,32.40],[119.41,32.41],[119.40,32.41],[119.40,32.40]]]}},
{"type":"Feature","properties":{"code":"990101001002"},"geometry":{"type":"Polygon","coordinates":[[[119.41,32.40],[119.42,32.40],[119.42,32.41],[119.41,32.41],[119.41,32.40]],[[119.413,32.403],[119.415,32.403],[119.415,32.405],[119.413,32.405],[119.413,32.403]]]}},
{"type":"Feature","properties":{"code":"990102001001"},"geometry":{"type":"MultiPolygon","coordinates":[[[[119.43,32.40],[119.44,32.40],[119.44,32.41],[119.43,32.41],[119.43,32.40]]],[[[119.413,32.403],[119.415,32.403],[119.415,32.405],[119.413,32.405],[119.413,32.403]]]]}}
]}
`

const gridsLayer = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"G1","kind":"basic","community":"990101001001"},"geometry":{"type":"Polygon","coordinates":[[[119.40,32.40],[119.41,32.40],[119.41,32.41],[119.40,32.41],[119.40,32.40]]]}},
{"type":"Feature","properties":{"code":"S1","kind":"special","priority":10},"geometry":{"type":"Polygon","coordinates":[[[119.408,32.404],[119.412,32.404],[119.412,32.406],[119.408,32.406],[119.408,32.404]]]}},
{"type":"Feature","properties":{"code":"U1","kind":"unit"},"geometry":{"type":"Polygon","coordinates":[[[119.404,32.404],[119.405,32.404],[119.405,32.405],[119.404,32.405],[119.404,32.404]]]}}
]}
`

const crosswalk = `src_code_prefix,name,hub_code,method,confidence,valid_from,valid_to
60,社会联动,05.03,,0.5,,
6006,城管,05.02,,,,
600699,移车,06.03,manual,,2025-01-01,
,挪车,06.03,,,,
`

func town(t testing.TB) (*catalog.Catalog, *enrich.Enricher) {
	t.Helper()
	c := folder(t, map[string]string{
		"onegrid.yaml":               "city: {name: T, bbox: [119.3, 32.3, 119.5, 32.5]}\n",
		"catalog/categories.yaml":    categories,
		"catalog/areas.csv":          areas,
		"catalog/areas.geojson":      areasLayer,
		"catalog/grids.geojson":      gridsLayer,
		"catalog/crosswalks/s@1.csv": crosswalk,
		"mappings/a.yaml":            "x: y\n",
		"sources/a.yaml": `id: a
kind: filedrop
source_kind: grid
connection: {dir: x}
mapping: ../mappings/a.yaml
area: {default_points: [[119.405, 32.4055]], caller_crs: gcj02}
`,
	})
	e, err := enrich.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, e
}

func apply(t testing.TB, e *enrich.Enricher, rows ...row) (*event.Draft, enrich.Report) {
	t.Helper()
	d := draft(rows)
	rep, err := e.Apply(d, enrich.Meta{SourceID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return d, rep
}

func TestPoints(t *testing.T) {
	_, e := town(t)
	for _, c := range []struct {
		name    string
		r       row
		quality string
		usable  bool
		flags   event.Flag
		origin  string
	}{
		{"ok", row{x: at(119.402345), y: at(32.401234), crs: "wgs84"}, "ok", true, 0, "incident"},
		{"manual stays manual", row{x: at(119.402345), y: at(32.401234), crs: "cgcs2000", origin: "manual"}, "ok", true, 0, "manual"},
		{"missing", row{crs: "wgs84", origin: "incident"}, "missing", false, 0, "none"},
		{"half missing", row{x: at(119.402345), crs: "wgs84"}, "missing", false, 0, "none"},
		{"zero", row{x: at(0), y: at(0), crs: "wgs84"}, "zero", false, event.CoordZero, "none"},
		{"default point", row{x: at(119.405), y: at(32.4055), crs: "wgs84"}, "default_point", false, 0, "none"},
		{"swapped", row{x: at(32.401234), y: at(119.402345), crs: "wgs84"}, "swapped", true, event.CoordSwapped, "incident"},
		{"out of area", row{x: at(121.402345), y: at(31.401234), crs: "wgs84"}, "out_of_area", false, event.CoordOutOfArea, "none"},
		{"two decimals", row{x: at(119.40), y: at(32.41), crs: "wgs84"}, "low_precision", false, event.CoordLowPrecision, "incident"},
		{"unknown system", row{x: at(119.402345), y: at(32.401234), crs: "unknown"}, "missing", false, event.CRSSuspect, "none"},
		{"no system", row{x: at(119.402345), y: at(32.401234)}, "missing", false, event.CRSSuspect, "none"},
		{"plane grid without parameters", row{x: at(4321.5), y: at(-1234.5), crs: "local:city"}, "missing", false, 0, "none"},
		{"metres declared as degrees", row{x: at(13293277.3), y: at(3793572.0), crs: "bd09ll"}, "ok", true, event.CRSSuspect, "incident"},
		{"degrees declared as metres", row{x: at(119.402345), y: at(32.401234), crs: "bd09mc"}, "out_of_area", false, event.CRSSuspect | event.CoordOutOfArea, "none"},
		{"nonsense", row{x: at(1e18), y: at(-1e18), crs: "wgs84"}, "out_of_area", false, event.CRSSuspect | event.CoordOutOfArea, "none"},
		{"not a number", row{x: at(math.NaN()), y: at(math.Inf(1)), crs: "wgs84"}, "missing", false, 0, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := apply(t, e, c.r)
			defer d.Release()
			if got := get(d, "coord_quality", 0); got != c.quality {
				t.Errorf("coord_quality = %q, want %q", got, c.quality)
			}
			const coordFlags = event.CoordZero | event.CoordSwapped | event.CoordOutOfArea | event.CoordLowPrecision | event.CRSSuspect
			if got := d.Flags[0] & coordFlags; got != c.flags {
				t.Errorf("flags = %v, want %v", got, c.flags)
			}
			if got := get(d, "coord_origin", 0); got != c.origin {
				t.Errorf("coord_origin = %q, want %q", got, c.origin)
			}
			lon, lat := num(d, "lon", 0), num(d, "lat", 0)
			if has := lon == lon && lat == lat; has != (c.usable || c.quality == "low_precision") {
				t.Errorf("lon, lat = %v, %v", lon, lat)
			}
			if area := get(d, "area_method", 0); (area != "none") != c.usable {
				t.Errorf("area_method = %q for a point that is usable: %v", area, c.usable)
			}
			if geo := get(d, "geohash6", 0); (geo != "") != (lon == lon) {
				t.Errorf("geohash6 = %q with lon %v", geo, lon)
			}
		})
	}
}

// in is a point in WGS-84.
func in(lon, lat float64) row { return row{x: at(lon), y: at(lat), crs: "wgs84"} }

func TestAreas(t *testing.T) {
	_, e := town(t)
	state := func(r row, county, town, community, grid, unit string) row {
		r.county, r.town, r.community, r.grid, r.unit = county, town, community, grid, unit
		return r
	}
	old := in(119.402345, 32.401234)
	old.reported = time.Date(2023, 12, 31, 15, 59, 59, 0, time.UTC) // 23:59:59 in Asia/Shanghai
	late := old
	late.reported = old.reported.Add(time.Second) // the new year there
	for _, c := range []struct {
		name                 string
		r                    row
		county, town, commun string
		grid, unit, method   string
		flags                event.Flag
	}{
		{"polygon", in(119.402345, 32.401234), "990101", "990101001", "990101001001", "G1", "", "polygon", 0},
		{"unit grid", in(119.404345, 32.404234), "990101", "990101001", "990101001001", "G1", "U1", "polygon", 0},
		{"special grid wins by priority", in(119.4091, 32.4051), "990101", "990101001", "990101001001", "S1", "", "polygon", 0},
		{"special grid spans communities", in(119.4111, 32.4051), "990101", "990101001", "990101001002", "S1", "", "polygon", 0},
		{"border falls to the smaller code", in(119.41, 32.4012345), "990101", "990101001", "990101001001", "G1", "", "polygon", 0},
		{"hole is not part", in(119.414123, 32.404123), "990102", "990102001", "990102001001", "", "", "polygon", 0},
		{"second part", in(119.435123, 32.404123), "990102", "990102001", "990102001001", "", "", "polygon", 0},
		{"nearest within 200 m", in(119.421123, 32.404123), "990101", "990101001", "990101001002", "", "", "nearest", event.AreaNearest},
		{"gap", in(119.425123, 32.404123), "", "", "", "", "", "none", 0},
		{"source code", state(row{}, "", "", "990101001002", "", ""), "990101", "990101001", "990101001002", "", "", "source", 0},
		{"source grids stay", state(in(119.404345, 32.404234), "", "", "", "X9", "Y9"), "990101", "990101001", "990101001001", "X9", "Y9", "polygon", 0},
		{"source county refined", state(in(119.402345, 32.401234), "990101", "", "", "", ""), "990101", "990101001", "990101001001", "G1", "", "polygon", 0},
		{"source and point agree", state(in(119.402345, 32.401234), "990101", "990101001", "990101001001", "", ""), "990101", "990101001", "990101001001", "G1", "", "source", 0},
		{"conflict keeps the source", state(in(119.402345, 32.401234), "", "", "990101001002", "", ""), "990101", "990101001", "990101001002", "", "", "source", event.AreaConflict},
		{"county in conflict", state(in(119.402345, 32.401234), "990102", "", "", "", ""), "990102", "", "", "", "", "source", event.AreaConflict},
		{"own columns in conflict", state(row{}, "990102", "", "990101001001", "", ""), "990101", "990101001", "990101001001", "", "", "source", event.AreaConflict},
		{"padded county", state(row{}, "990101000000", "", "", "", ""), "990101", "", "", "", "", "source", 0},
		{"unknown code, point", state(in(119.402345, 32.401234), "", "", "990101001777", "", ""), "990101", "990101001", "990101001001", "G1", "", "polygon", event.CodeUnknownArea},
		{"unknown community in known county", state(row{}, "990101", "", "990101001777", "", ""), "990101", "", "", "", "", "source", event.CodeUnknownArea},
		{"unknown code, no point", state(row{}, "110101", "", "", "", ""), "", "", "", "", "", "none", event.CodeUnknownArea},
		{"not a code", state(row{}, "甲区", "", "", "", ""), "", "", "", "", "", "none", event.CodeUnknownArea},
		{"code of its time", state(old, "", "", "990101001009", "", ""), "990101", "990101001", "990101001009", "G1", "", "source", 0},
		{"code after its time", state(late, "", "", "990101001009", "", ""), "990101", "990101001", "990101001001", "G1", "", "polygon", event.CodeUnknownArea},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := apply(t, e, c.r)
			defer d.Release()
			for _, f := range [][2]string{{"county_code", c.county}, {"town_code", c.town}, {"community_code", c.commun}, {"grid_id", c.grid},
				{"unit_grid_code", c.unit}, {"area_method", c.method}} {
				if got := get(d, f[0], 0); got != f[1] {
					t.Errorf("%s = %q, want %q", f[0], got, f[1])
				}
			}
			const areaFlags = event.AreaConflict | event.AreaNearest | event.CodeUnknownArea
			if got := d.Flags[0] & areaFlags; got != c.flags {
				t.Errorf("flags = %v, want %v", got, c.flags)
			}
		})
	}
}

// TestCallerPosition: the caller's own position finds the area and is kept nowhere.
func TestCallerPosition(t *testing.T) {
	_, e := town(t)
	gx, gy := at(119.409831621), at(32.402357477) // the GCJ-02 form of 119.404345, 32.404234, in G1 and U1
	d, _ := apply(t, e,
		row{cx: gx, cy: gy},
		row{cx: gx, cy: gy, x: at(119.4111), y: at(32.4051), crs: "wgs84"},
		row{cx: gx, cy: gy, county: "990102"},
		row{x: at(119.404345), y: at(32.404234), crs: "wgs84", origin: "caller"},
		row{cx: at(0), cy: at(0)},
	)
	defer d.Release()
	if d.CallerX != nil || d.CallerY != nil {
		t.Error("the caller's position is still in the draft")
	}
	for i, want := range []struct{ origin, community, grid, unit, method string }{
		{"caller", "990101001001", "G1", "", "polygon"},
		{"incident", "990101001002", "S1", "", "polygon"},
		{"caller", "", "", "", "source"}, // the caller may stand elsewhere: no conflict, nothing taken
		{"caller", "990101001001", "G1", "", "polygon"},
		{"none", "", "", "", "none"},
	} {
		got := [5]string{get(d, "coord_origin", i), get(d, "community_code", i), get(d, "grid_id", i), get(d, "unit_grid_code", i), get(d, "area_method", i)}
		if got != [5]string{want.origin, want.community, want.grid, want.unit, want.method} {
			t.Errorf("row %d: %q, want %+v", i, got, want)
		}
		for _, col := range []string{"lon", "lat", "geohash6", "coord_src_x", "coord_src_y"} {
			if i != 1 && get(d, col, i) != "" {
				t.Errorf("row %d: %s is kept", i, col)
			}
		}
		if d.Flags[i]&event.AreaConflict != 0 {
			t.Errorf("row %d: a conflict with the caller's position", i)
		}
	}
}

func TestCategories(t *testing.T) {
	_, e := town(t)
	before := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	rows := []row{
		{code: "600100"},                   // prefix 60
		{code: "600600"},                   // longer prefix
		{code: "6006"},                     // whole
		{code: "600699"},                   // own entry
		{code: "600699", reported: before}, // before the entry
		{name: "挪车"},                       // by name
		{code: "110000", name: "挪车"},       // code unmapped, name known
		{code: "110000"},                   // unmapped
		{},                                 // no category at all
		{code: "600600", end: "600699"},    // changed at closure
		{code: "600600", end: "600601"},    // same hub category
		{code: "600600", end: "110000"},    // closure not mapped
		{code: "600600", scheme: "other", version: "1"}, // no such crosswalk
	}
	for i := range rows {
		if rows[i].scheme == "" {
			rows[i].scheme, rows[i].version = "s", "1"
		}
	}
	d, rep := apply(t, e, rows...)
	defer d.Release()
	for i, want := range []struct {
		category, method, conf string
		flags                  event.Flag
	}{
		{"05.03", "prefix", "0.5", 0},
		{"05.02", "prefix", "1", 0},
		{"05.02", "exact", "1", 0},
		{"06.03", "manual", "1", 0},
		{"05.02", "prefix", "1", 0},
		{"06.03", "exact", "1", 0},
		{"06.03", "exact", "1", 0},
		{"99.99", "default", "", event.CodeUnmapped},
		{"99.99", "default", "", 0},
		{"05.02", "prefix", "1", event.CategoryChanged},
		{"05.02", "prefix", "1", 0},
		{"05.02", "prefix", "1", 0},
		{"99.99", "default", "", event.CodeUnmapped},
	} {
		got := [3]string{get(d, "category", i), get(d, "category_map_method", i), get(d, "category_conf", i)}
		if got != [3]string{want.category, want.method, want.conf} {
			t.Errorf("row %d: %q, want %+v", i, got, want)
		}
		if f := d.Flags[i] & (event.CodeUnmapped | event.CategoryChanged); f != want.flags {
			t.Errorf("row %d: flags %v, want %v", i, f, want.flags)
		}
	}
	if rep.Unmapped != 2 || rep.CategoryChanged != 1 {
		t.Errorf("report %+v", rep)
	}
}

// TestWrongColumn: a draft that breaks the schema is an error that quotes no value.
func TestWrongColumn(t *testing.T) {
	_, e := town(t)
	d := event.NewDraft(1)
	defer d.Release()
	d.Set("coord_src_x", texts([]string{"19900000000"}))
	_, err := e.Apply(d, enrich.Meta{SourceID: "a"})
	if err == nil || err.Error() != "enriching a batch of a: column coord_src_x is utf8 where float64 is expected" {
		t.Errorf("error %v", err)
	}
}

// TestEmpty: a batch without rows or columns is no trouble, and required columns are always there.
func TestEmpty(t *testing.T) {
	_, e := town(t)
	for _, n := range []int{0, 3} {
		d := event.NewDraft(n)
		if _, err := e.Apply(d, enrich.Meta{SourceID: "nobody"}); err != nil {
			t.Fatal(err)
		}
		for _, col := range event.Columns() {
			switch col.Name {
			case "category", "category_map_method", "coord_quality", "coord_origin", "area_method":
				if c := d.Col(col.Name); n > 0 && (c == nil || c.NullN() > 0) {
					t.Errorf("%s has nulls", col.Name)
				}
			}
		}
		d.Release()
	}
}
