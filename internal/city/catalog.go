package city

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
)

// Catalog reads the geography and organisations of a configuration folder: areas.csv (area_code, level, parent, name),
// areas.geojson (polygons by property code) and orgs.csv (org_code, name, area_code). Package catalog reads the same
// files for the hub; the city reads them by itself so that a wrong reading there shows as a wrong area here.
func Catalog(fsys fs.FS, dir string) (Places, error) {
	areas, err := readCSV(fsys, path.Join(dir, "areas.csv"), "area_code", "level", "parent", "name")
	if err != nil {
		return nil, err
	}
	orgs, err := readCSV(fsys, path.Join(dir, "orgs.csv"), "org_code", "name", "area_code")
	if err != nil {
		return nil, err
	}
	rings, err := readRings(fsys, path.Join(dir, "areas.geojson"))
	if err != nil {
		return nil, err
	}
	type area struct{ parent, name string }
	known := map[string]area{}
	for _, a := range areas {
		known[a[0]] = area{a[2], a[3]}
	}
	p := new(catalogPlaces)
	for _, a := range areas {
		if a[1] != "5" {
			continue
		}
		c := Community{Code: a[0], Name: a[3], StreetCode: a[2], Ring: rings[a[0]]}
		street := known[c.StreetCode]
		c.StreetName, c.CountyCode = street.name, street.parent
		c.CountyName = known[c.CountyCode].name
		if c.Ring == nil {
			continue // an area that ended has no outline, and nothing happens in it
		}
		p.communities = append(p.communities, c)
	}
	for _, o := range orgs {
		p.units = append(p.units, Unit{Code: o[0], Name: o[1], Area: o[2]})
	}
	return p, nil
}

type catalogPlaces struct {
	communities []Community
	units       []Unit
}

func (p *catalogPlaces) Communities() []Community { return p.communities }
func (p *catalogPlaces) Units() []Unit            { return p.units }

// readCSV returns the named columns of every row.
func readCSV(fsys fs.FS, name string, columns ...string) ([][]string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading places: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("reading %s: the file is empty", name)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = -1
		for j, h := range rows[0] {
			if h == c {
				at[i] = j
			}
		}
		if at[i] < 0 {
			return nil, fmt.Errorf("reading %s: no column %s", name, c)
		}
	}
	out := make([][]string, 0, len(rows)-1)
	for _, row := range rows[1:] {
		v := make([]string, len(at))
		for i, j := range at {
			v[i] = row[j]
		}
		out = append(out, v)
	}
	return out, nil
}

// readRings returns the first outer ring of each feature by its code.
func readRings(fsys fs.FS, name string) (map[string][][2]float64, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading places: %w", err)
	}
	var doc struct {
		Features []struct {
			Properties struct {
				Code string `json:"code"`
			} `json:"properties"`
			Geometry struct {
				Type        string          `json:"type"`
				Coordinates json.RawMessage `json:"coordinates"`
			} `json:"geometry"`
		} `json:"features"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	out := map[string][][2]float64{}
	for _, f := range doc.Features {
		var polygons [][][][2]float64
		switch f.Geometry.Type {
		case "MultiPolygon":
			err = json.Unmarshal(f.Geometry.Coordinates, &polygons)
		case "Polygon":
			polygons = make([][][][2]float64, 1)
			err = json.Unmarshal(f.Geometry.Coordinates, &polygons[0])
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: outline of %s: %w", name, f.Properties.Code, err)
		}
		if len(polygons) > 0 && len(polygons[0]) > 0 {
			out[f.Properties.Code] = polygons[0][0]
		}
	}
	return out, nil
}
