package enrich_test

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"onegrid/catalog"
	"onegrid/pipelines/enrich"
)

// TestCityLayersFit: the centre of every grid of the example city falls into the community that the grid names, by the
// polygons and by nothing else.
func TestCityLayersFit(t *testing.T) {
	cat := cityCatalog(t)
	e, err := enrich.New(cat)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range cat.GridShapes() {
		if g.Kind != catalog.GridBasic {
			continue
		}
		n++
		c := g.Geometry.Bound().Center()
		d, _ := apply(t, e, row{x: at(c[0]), y: at(c[1]), crs: "cgcs2000"})
		if got := get(d, "community_code", 0); got != g.Community {
			t.Errorf("centre of %s lies in %q, want %q", g.Code, got, g.Community)
		}
		d.Release()
	}
	if n != 160 {
		t.Errorf("%d basic grids, want 160", n)
	}
}

// TestRealPoints judges the points of the public data sets. The counts were counted in the files by other means.
func TestRealPoints(t *testing.T) {
	base := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(base); err != nil {
		t.Skip("../shared/data is absent")
	}
	t.Setenv("ONEGRID_REAL_DATA", base)
	cat, err := catalog.Load(filepath.Join("..", "..", "configs", "real"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(cat)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source, file, x, y, code, scheme, version string
		rows, points, defaults                    int
	}{
		{"chicago_311", "chicago311_day1/chicago_311_day1.csv", "longitude", "latitude", "sr_short_code", "chicago_311", "2021", 2953, 2952, 0},
		{"baltimore_311", "baltimore311/311_sample.csv", "Longitude", "Latitude", "SRType", "baltimore_311", "2019", 10000, 8518, 892},
	} {
		f, err := os.Open(filepath.Join(base, filepath.FromSlash(c.file)))
		if err != nil {
			t.Skip("../shared/data holds no " + c.file)
		}
		defer f.Close()
		r := csv.NewReader(f)
		head, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		col := map[string]int{}
		for i, h := range head {
			col[h] = i
		}
		number := func(s string) *float64 {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil
			}
			return &v
		}
		var rows []row
		for {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{x: number(rec[col[c.x]]), y: number(rec[col[c.y]]), crs: "wgs84", scheme: c.scheme, version: c.version, code: rec[col[c.code]]})
		}
		d := draft(rows)
		rep, err := e.Apply(d, enrich.Meta{SourceID: c.source})
		if err != nil {
			t.Fatal(err)
		}
		d.Release()
		t.Logf("%s: %d rows, %+v", c.source, len(rows), rep)
		if len(rows) != c.rows || rep.Points != c.points || rep.DefaultPoint != c.defaults {
			t.Errorf("%s: %d rows, %d points, %d default points; want %d, %d, %d", c.source, len(rows), rep.Points, rep.DefaultPoint, c.rows, c.points, c.defaults)
		}
		if rep.Unmapped*50 > len(rows) {
			t.Errorf("%s: %d of %d categories are not mapped", c.source, rep.Unmapped, len(rows))
		}
	}
}
