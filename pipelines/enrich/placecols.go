package enrich

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
)

// placeInput are the columns that location reads.
type placeInput struct {
	x, y, callerX, callerY    *floats
	crs, origin, county, town *words
	community, grid, unitGrid *array.String
}

func readPlaces(d *event.Draft) (*placeInput, error) {
	in := &placeInput{}
	var err error
	set := func(e error) {
		if err == nil {
			err = e
		}
	}
	for _, c := range []struct {
		name string
		out  **floats
	}{{"coord_src_x", &in.x}, {"coord_src_y", &in.y}} {
		f, e := floatsOf(d.Col(c.name), c.name)
		*c.out = f
		set(e)
	}
	f, e := floatsOf(d.CallerX, "caller x")
	in.callerX = f
	set(e)
	f, e = floatsOf(d.CallerY, "caller y")
	in.callerY = f
	set(e)
	for _, c := range []struct {
		name string
		out  **words
	}{{"coord_src_crs", &in.crs}, {"coord_origin", &in.origin}, {"county_code", &in.county}, {"town_code", &in.town}} {
		w, e := wordsOf(d, c.name)
		*c.out = w
		set(e)
	}
	for _, c := range []struct {
		name string
		out  **array.String
	}{{"community_code", &in.community}, {"grid_id", &in.grid}, {"unit_grid_code", &in.unitGrid}} {
		s, e := textsOf(d, c.name)
		*c.out = s
		set(e)
	}
	return in, err
}

// deepest are the division codes of a row as received.
func (in *placeInput) deepest(row int) divisions {
	return divisions{county: in.county.text(in.county.at(row)), town: in.town.text(in.town.at(row)), community: textAt(in.community, row)}
}

// placeColumns are the columns that location writes.
type placeColumns struct {
	lon, lat                []float64
	quality, origin, method *wordBuilder
	county, town            *wordBuilder
	community, grid, unit   []string
	cells                   []uint32
	hidden                  []bool // rows whose source coordinates are a caller's
	hides                   bool
}

func newPlaceColumns(rows int) *placeColumns {
	return &placeColumns{
		lon: make([]float64, rows), lat: make([]float64, rows),
		quality: newWordBuilder(rows), origin: newWordBuilder(rows), method: newWordBuilder(rows),
		county: newWordBuilder(rows), town: newWordBuilder(rows),
		community: make([]string, rows), grid: make([]string, rows), unit: make([]string, rows), cells: make([]uint32, rows),
	}
}

func (c *placeColumns) hide(row int) {
	if c.hidden == nil {
		c.hidden = make([]bool, len(c.lon))
	}
	c.hidden[row], c.hides = true, true
}

func (c *placeColumns) set(row int, p point, a area, origin string, in *placeInput) {
	c.lon[row], c.lat[row] = p.lon, p.lat
	c.quality.set(row, p.quality)
	c.origin.set(row, origin)
	c.method.set(row, a.method)
	c.cells[row] = cell6(p.lon, p.lat)
	if len(a.code) >= 6 {
		c.county.set(row, a.code[:6])
	}
	if len(a.code) >= 9 {
		c.town.set(row, a.code[:9])
	}
	if len(a.code) >= 12 {
		c.community[row] = a.code[:12]
	}
	if c.grid[row] = textAt(in.grid, row); c.grid[row] == "" {
		c.grid[row] = a.grid
	}
	if c.unit[row] = textAt(in.unitGrid, row); c.unit[row] == "" {
		c.unit[row] = a.unit
	}
}

// store hands the columns to the draft.
func (c *placeColumns) store(d *event.Draft, in *placeInput) {
	if c.hides {
		// invariant 4: no column keeps a caller's position.
		x, y := make([]float64, d.Rows), make([]float64, d.Rows)
		for row := range x {
			x[row], y[row] = in.x.at(row), in.y.at(row)
			if c.hidden[row] {
				x[row], y[row] = math.NaN(), math.NaN()
			}
		}
		d.Set("coord_src_x", floatArray(x))
		d.Set("coord_src_y", floatArray(y))
	}
	d.Set("lon", floatArray(c.lon))
	d.Set("lat", floatArray(c.lat))
	d.Set("coord_quality", c.quality.array())
	d.Set("coord_origin", c.origin.array())
	d.Set("area_method", c.method.array())
	d.Set("geohash6", cellArray(c.cells))
	// The new columns may share text with the old ones, which Set releases: copy first, then replace.
	community, grid, unit := textArray(c.community), textArray(c.grid), textArray(c.unit)
	county, town := c.county.array(), c.town.array()
	d.Set("community_code", community)
	d.Set("grid_id", grid)
	d.Set("unit_grid_code", unit)
	d.Set("county_code", county)
	d.Set("town_code", town)
}
