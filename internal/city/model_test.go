package city

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// The vectors of domain facts, 10.
func TestCoordinateSystems(t *testing.T) {
	for _, v := range [][6]float64{
		{119.412939, 32.394209, 119.418419, 32.392329, 119.424856, 32.398531},
		{118.796624, 32.059344, 118.801808, 32.057269, 118.808227, 32.063628},
		{120.311910, 31.491169, 120.316519, 31.489280, 120.323090, 31.495048},
		{115.858198, 28.682892, 115.863098, 28.679562, 115.869683, 28.685219},
		{118.089425, 24.479834, 118.094402, 24.477187, 118.100846, 24.483445},
	} {
		lon, lat := gcj02(v[0], v[1])
		bLon, bLat := bd09(lon, lat)
		for i, d := range []float64{lon - v[2], lat - v[3], bLon - v[4], bLat - v[5]} {
			if math.Abs(d) > 2e-6 {
				t.Errorf("%v: value %d is off by %g degrees", v[:2], i, d)
			}
		}
		x, y := bd09mc(bLon, bLat)
		if bx, by := mcInverse(x, y); math.Abs(bx-bLon) > 1e-6 || math.Abs(by-bLat) > 1e-6 {
			t.Errorf("%v: metres %f, %f go back to %f, %f", v[:2], x, y, bx, by)
		}
	}
}

// mcInverse is the published inverse of BD-09 Mercator for 15 to 45 degrees north: other constants, the same projection.
func mcInverse(x, y float64) (lon, lat float64) {
	c := [10]float64{-1.981981304930552e-8, 8.983055099779535e-6, 0.03278182852591, 40.31678527705744, 0.65659298677277, -4.44255534477492, 0.85341911805263, 0.12923347998204, -0.04625736007561, 4482777.06}
	if y < 3481989.83 {
		c = [10]float64{3.09191371068437e-9, 8.983055096812155e-6, 0.00006995724062, 23.10934304144901, -0.00023663490511, -0.6321817810242, -0.00663494467273, 0.03430082397953, -0.00466043876332, 2555164.4}
	}
	v := y / c[9]
	return c[0] + c[1]*x, c[2] + v*(c[3]+v*(c[4]+v*(c[5]+v*(c[6]+v*(c[7]+v*c[8])))))
}

// Callers about one incident share the place and little wording: on real petitions the median similarity is 0.04.
func TestParaphrasesShareLittle(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 20_000})
	texts := map[string][]string{}
	c.each(func(rec *record) {
		if rec.role == again || rec.role == first {
			id := string(appendIncidentID(nil, &rec.in))
			texts[id] = append(texts[id], string(c.narrative(nil, rec)))
		}
	})
	var scores []float64
	for _, group := range texts {
		for i := range group {
			for j := range i {
				scores = append(scores, jaccard(group[i], group[j]))
			}
		}
	}
	slices.Sort(scores)
	median, high := scores[len(scores)/2], scores[len(scores)*995/1000]
	t.Logf("%d pairs: median trigram Jaccard %.3f, 99.5 %% at %.3f", len(scores), median, high)
	if median < 0.015 || median > 0.09 || high > 0.6 {
		t.Errorf("median %.3f (measured 0.04), 99.5 %% at %.3f", median, high)
	}
}

func jaccard(a, b string) float64 {
	grams := func(s string) map[string]bool {
		r, m := []rune(s), map[string]bool{}
		for i := 0; i+3 <= len(r); i++ {
			m[string(r[i:i+3])] = true
		}
		return m
	}
	x, y := grams(a), grams(b)
	both := 0
	for g := range x {
		if y[g] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

func TestBulkWriters(t *testing.T) {
	c := newCity(t, Config{Seed: 1})
	var utf, gb, again bytes.Buffer
	for w, enc := range map[*bytes.Buffer]Encoding{&utf: UTF8, &gb: GB18030, &again: UTF8} {
		if err := c.WriteHotlineCSV(w, 3000, enc); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(utf.Bytes(), again.Bytes()) {
		t.Error("the same tickets are written differently")
	}
	back, err := simplifiedchinese.GB18030.NewDecoder().Bytes(gb.Bytes())
	if err != nil || !bytes.Equal(back, utf.Bytes()) {
		t.Errorf("GB18030 does not decode to the UTF-8 text: %v", err)
	}
	rows, err := csv.NewReader(&utf).ReadAll()
	if err != nil || len(rows) != 3001 {
		t.Fatalf("%d lines, %v", len(rows), err)
	}
	old := map[string][]string{}
	for _, r := range rows[1:] {
		old[r[0]] = r
	}
	seen := map[string]bool{}
	for round := 1; round <= 2; round++ {
		var b bytes.Buffer
		if err := c.WriteHotlineUpdates(&b, 3000, 100, round, UTF8); err != nil {
			t.Fatal(err)
		}
		changed, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(changed) != 101 {
			t.Fatalf("%d lines, %v", len(changed), err)
		}
		for _, r := range changed[1:] {
			o := old[r[0]]
			if o == nil || seen[r[0]] {
				t.Fatal("an update of a ticket that is not there, or twice")
			}
			seen[r[0]] = true
			if r[hotlineUpdated] <= o[hotlineUpdated] || r[15] == o[15] || r[hotlineContent] != o[hotlineContent] {
				t.Fatal("an update must be later, change the status and keep the text")
			}
		}
	}
	if err := c.WriteHotlineUpdates(io.Discard, 10, 11, 1, UTF8); err == nil {
		t.Error("more changes than tickets were accepted")
	}
	var cp bytes.Buffer
	if err := c.WriteUrbanCopy(&cp, 500); err != nil {
		t.Fatal(err)
	}
	src := c.UrbanRows(500)
	for i, line := range strings.Split(strings.TrimSuffix(cp.String(), "\n"), "\n") {
		if !src.Next() {
			t.Fatal("more lines than rows")
		}
		v, err := src.Values()
		fields := strings.Split(line, "\t")
		if err != nil || len(v) != len(UrbanColumns()) || len(fields) != len(v) || fields[1] != v[1] {
			t.Fatalf("row %d: %d fields, %d values, %v", i, len(fields), len(v), err)
		}
		for j := range v {
			if (v[j] == nil) != (fields[j] == `\N`) {
				t.Fatalf("row %d: %s is null in one form only", i, UrbanColumns()[j])
			}
		}
	}
	if src.Next() || src.Err() != nil {
		t.Error("more rows than lines")
	}
}

func TestExampleCity(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 3000})
	c.each(func(rec *record) {
		if !inside(rec.in.where.Ring, rec.in.lon, rec.in.lat) {
			t.Fatal("an incident lies outside its community")
		}
	})
	for _, k := range c.kinds {
		if i := c.communities[0].owners[k.unit]; i < 0 {
			t.Errorf("%s: no unit of trade %s in the example city", k.name, k.unit)
		}
	}
}

func TestCatalogProblems(t *testing.T) {
	areas := "area_code,level,parent,name\n990101,3,9901,甲区\n990101001,4,990101,乙街道\n990101001001,5,990101001,丙社区\n"
	orgs := "org_code,name,area_code\nX,某单位,9901\n"
	geo := `{"features":[{"properties":{"code":"990101001001"},"geometry":{"type":"MultiPolygon","coordinates":[[[[119,32],[119.01,32],[119,32.01],[119,32]]]]}}]}`
	good := fstest.MapFS{"areas.csv": {Data: []byte(areas)}, "orgs.csv": {Data: []byte(orgs)}, "areas.geojson": {Data: []byte(geo)}}
	p, err := Catalog(good, ".")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Communities(); len(got) != 1 || got[0].CountyName != "甲区" || got[0].StreetName != "乙街道" || len(got[0].Ring) != 4 {
		t.Errorf("%+v", got)
	}
	newCity(t, Config{Places: p, Records: 200})
	for name, text := range map[string]string{"areas.csv": "level,parent,name\n", "orgs.csv": "", "areas.geojson": "{"} {
		bad := fstest.MapFS{}
		for k, v := range good {
			bad[k] = v
		}
		bad[name] = &fstest.MapFile{Data: []byte(text)}
		if _, err := Catalog(bad, "."); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a bad %s: %v", name, err)
		}
	}
}

// One caller who rings twice about an incident has the same number both times, in whichever department.
func TestSomeCallersRingAgain(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 40_000})
	var w row
	phones := map[string]map[string]int{}
	c.each(func(rec *record) {
		if rec.dept != hotline {
			return
		}
		c.hotline(&w, rec, rec.n, rec.steps[rec.n-1].t)
		id := string(appendIncidentID(nil, &rec.in))
		if phones[id] == nil {
			phones[id] = map[string]int{}
		}
		phones[id][string(w.field(3))]++
	})
	same, other := 0, 0
	for _, p := range phones {
		if len(p) > 1 {
			other++
		}
		for _, n := range p {
			if n > 1 {
				same++
			}
		}
	}
	t.Logf("%d incidents with one number twice, %d with several numbers", same, other)
	if same < 10 || other < 5*same {
		t.Errorf("%d incidents with one number twice, %d with several", same, other)
	}
}
