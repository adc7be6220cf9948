package enrich

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/catalog"
	"onegrid/event"
)

// Enricher adds what one catalog knows to batches of events. It does not change after New and is safe for concurrent use.
type Enricher struct {
	cat      *catalog.Catalog
	systems  systems
	sources  map[string]*place
	anywhere *place

	community, town, county layer
	governance, unit        layer

	temporalAreas      bool
	temporalCategories bool
}

// Meta says which source a batch comes from.
type Meta struct {
	SourceID string
}

// Report counts what enrichment found in one batch, for the run report. Counts are records.
type Report struct {
	Unmapped        int // category not in the crosswalk
	CategoryChanged int // category at closure maps elsewhere than at intake
	Points          int // usable incident points
	OutOfArea       int
	DefaultPoint    int
	Zero            int
	Swapped         int
	AreaConflict    int
	AreaUnknown     int
	AreaNearest     int
	NoArea          int // no division could be found
}

// Add sums two reports.
func (r *Report) Add(o Report) {
	r.Unmapped += o.Unmapped
	r.CategoryChanged += o.CategoryChanged
	r.Points += o.Points
	r.OutOfArea += o.OutOfArea
	r.DefaultPoint += o.DefaultPoint
	r.Zero += o.Zero
	r.Swapped += o.Swapped
	r.AreaConflict += o.AreaConflict
	r.AreaUnknown += o.AreaUnknown
	r.AreaNearest += o.AreaNearest
	r.NoArea += o.NoArea
}

// New prepares the catalog's layers and proves the declared coordinate systems by their anchors.
func New(cat *catalog.Catalog) (*Enricher, error) {
	e := &Enricher{cat: cat, systems: newSystems(cat.Hub.CoordinateSystems), sources: map[string]*place{}}
	if err := e.systems.checkAnchors("onegrid.yaml", cat.Hub.City.Anchors); err != nil {
		return nil, err
	}
	e.anywhere = newPlace(cat.Hub.City.BBox, catalog.SrcArea{})
	for _, s := range cat.Sources() {
		if err := e.systems.checkAnchors(s.File, s.Area.Anchors); err != nil {
			return nil, err
		}
		e.sources[s.ID] = newPlace(s.Area.BBox, s.Area)
	}
	for _, s := range cat.AreaShapes() {
		switch s.Level {
		case catalog.Community:
			e.community.add(s)
		case catalog.Town:
			e.town.add(s)
		default:
			e.county.add(s)
		}
		e.temporalAreas = e.temporalAreas || s.Validity != catalog.Always()
	}
	for _, s := range cat.GridShapes() {
		if s.Kind == catalog.GridUnit {
			e.unit.add(s)
		} else {
			e.governance.add(s)
		}
		e.temporalAreas = e.temporalAreas || s.Validity != catalog.Always()
	}
	e.temporalAreas = e.temporalAreas || cat.Areas().Temporal()
	for _, x := range cat.Crosswalks() {
		e.temporalCategories = e.temporalCategories || x.Temporal()
	}
	return e, nil
}

// Apply sets the columns lon, lat, coord_quality, coord_origin, geohash6, county_code, town_code, community_code, grid_id,
// unit_grid_code, area_method, category, category_map_method and category_conf, and the flags that go with them. It drops
// the caller's position. An error means that the draft has not the columns of the schema; no record is ever rejected.
func (e *Enricher) Apply(d *event.Draft, m Meta) (Report, error) {
	var rep Report
	ds, err := e.days(d)
	if err == nil {
		err = e.locate(d, m, ds, &rep)
	}
	if err == nil {
		err = e.categories(d, ds, &rep)
	}
	if err != nil {
		return rep, fmt.Errorf("enriching a batch of %s: %w", m.SourceID, err)
	}
	return rep, nil
}

// days gives the day of each record, on which divisions and crosswalks are looked up: that of reported_at in
// Asia/Shanghai. It is only computed where something depends on it.
type days struct{ us []int64 }

func (e *Enricher) days(d *event.Draft) (days, error) {
	if !e.temporalAreas && !e.temporalCategories {
		return days{}, nil
	}
	col := d.Col("reported_at")
	if col == nil {
		return days{}, nil
	}
	ts, ok := col.(*array.Timestamp)
	if !ok {
		return days{}, fmt.Errorf("column reported_at is %s where %s is expected", col.DataType(), event.Timestamp)
	}
	out := make([]int64, d.Rows)
	for i := range out {
		out[i] = int64(ts.Value(i))
	}
	return days{out}, nil
}

func (ds days) at(row int) catalog.Day {
	if ds.us == nil {
		return 0
	}
	return catalog.Day(event.Day(ds.us[row]))
}

// place is where the points of one source may lie.
type place struct {
	bbox     [4]float64
	bounded  bool
	defaults [][2]float64
	caller   string // coordinate system of a caller's position where the record declares none
}

func newPlace(bbox []float64, a catalog.SrcArea) *place {
	p := &place{caller: "wgs84"}
	if len(bbox) == 4 {
		p.bbox, p.bounded = [4]float64(bbox), true
	}
	for _, pt := range a.DefaultPoints {
		p.defaults = append(p.defaults, [2]float64(pt))
	}
	if a.CallerCRS != "" {
		p.caller = a.CallerCRS
	}
	return p
}

func (p *place) has(lon, lat float64) bool {
	if !p.bounded {
		return lon >= -180 && lon <= 180 && lat >= -90 && lat <= 90
	}
	return lon >= p.bbox[0] && lon <= p.bbox[2] && lat >= p.bbox[1] && lat <= p.bbox[3]
}

// isDefault reports whether a point as received is one that the source writes when it knows none.
func (p *place) isDefault(x, y float64) bool {
	for _, d := range p.defaults {
		if math.Abs(x-d[0]) <= 1e-9*math.Max(1, math.Abs(d[0])) && math.Abs(y-d[1]) <= 1e-9*math.Max(1, math.Abs(d[1])) {
			return true
		}
	}
	return false
}
