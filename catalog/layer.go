package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/paulmach/orb"
)

// Shape is one polygon of a layer with the code it stands for. Coordinates are CGCS2000 degrees.
type Shape struct {
	Code      string
	Level     int    // areas: 3 county, 4 town, 5 community
	Scheme    string // grids: the code table of the grid
	Kind      string // grids: basic, special, micro, duty or unit
	Priority  int    // grids: where shapes overlap the higher wins
	Community string // grids: the community it belongs to, "" where it spans several
	Parent    string // grids: the grid it is part of
	Name      string
	Geometry  orb.MultiPolygon
	Validity  Validity
}

// Grid kinds. A unit grid (GB/T 30428.1) and a governance grid are independent layers.
const (
	GridBasic   = "basic"
	GridSpecial = "special"
	GridMicro   = "micro"
	GridDuty    = "duty"
	GridUnit    = "unit"
)

// loadAreaShapes reads catalog/areas.geojson.
func loadAreaShapes(c *collector, dir string, areas *Areas) []Shape {
	const file = "catalog/areas.geojson"
	shapes := loadLayer(c, dir, file, func(line int, at string, s *Shape) bool {
		s.Level = LevelOf(s.Code)
		if s.Level < County {
			c.addf(file, line, at+".properties.code", "应为 6、9 或 12 位区划代码", "must be a division code of 6, 9 or 12 digits")
			return false
		}
		if !areas.Known(s.Code) {
			c.addf(file, line, at+".properties.code", "代码不在 areas.csv 中", "code %s is not in areas.csv", s.Code)
			return false
		}
		return true
	})
	return shapes
}

// loadGridShapes reads catalog/grids.geojson.
func loadGridShapes(c *collector, dir string, areas *Areas) []Shape {
	const file = "catalog/grids.geojson"
	kinds := []string{GridBasic, GridSpecial, GridMicro, GridDuty, GridUnit}
	return loadLayer(c, dir, file, func(line int, at string, s *Shape) bool {
		if s.Kind == "" {
			s.Kind = GridBasic
		}
		if !slices.Contains(kinds, s.Kind) {
			c.addf(file, line, at+".properties.kind", "网格类型不在代码表中", "must be one of %s", strings.Join(kinds, ", "))
			return false
		}
		if s.Community != "" && areas.Len() > 0 && !areas.Known(s.Community) {
			c.addf(file, line, at+".properties.community", "社区代码不在 areas.csv 中", "community %s is not in areas.csv", s.Community)
			return false
		}
		return true
	})
}

type shapeProperties struct {
	Code      string `json:"code"`
	Level     int    `json:"level"`
	Scheme    string `json:"scheme"`
	Kind      string `json:"kind"`
	Priority  int    `json:"priority"`
	Community string `json:"community"`
	Parent    string `json:"parent"`
	Name      string `json:"name"`
	ValidFrom string `json:"valid_from"`
	ValidTo   string `json:"valid_to"`
}

type rawFeature struct {
	Geometry   json.RawMessage `json:"geometry"`
	Properties json.RawMessage `json:"properties"`
}

// loadLayer reads a GeoJSON FeatureCollection of polygons feature by feature, so that each problem has its line.
func loadLayer(c *collector, dir, file string, check func(line int, at string, s *Shape) bool) []Shape {
	if !exists(dir, file) {
		return nil
	}
	b, ok := readFile(c, dir, file)
	if !ok {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	lines := lineCounter{b: b}
	if !seekFeatures(dec) {
		c.add(Problem{File: file, Message: "is not a GeoJSON FeatureCollection", MessageZH: "不是 GeoJSON FeatureCollection"})
		return nil
	}
	var out []Shape
	seen := map[string][]int{}
	for i := 0; dec.More(); i++ {
		var f rawFeature
		line := lines.at(dec.InputOffset())
		at := fmt.Sprintf("features.%d", i)
		if err := dec.Decode(&f); err != nil {
			c.addf(file, line, at, "不是有效的 JSON", "not valid JSON from here on")
			return out
		}
		s, err := decodeShape(f)
		if err != nil {
			c.addf(file, line, at, "多边形无效", "%v", err)
			continue
		}
		s.Validity = Always()
		var p shapeProperties
		if json.Unmarshal(f.Properties, &p) == nil {
			s.Validity = parseValidity(c, file, line, p.ValidFrom, p.ValidTo)
		}
		if !check(line, at, &s) {
			continue
		}
		if slices.ContainsFunc(seen[s.Code], func(j int) bool { return out[j].Validity.Overlaps(s.Validity) && out[j].Kind == s.Kind }) {
			c.add(Problem{File: file, Line: line, Path: at + ".properties.code", Code: "CODE_DUPLICATE_IN_TABLE",
				Message: fmt.Sprintf("CODE_DUPLICATE_IN_TABLE: %q stands twice", s.Code), MessageZH: fmt.Sprintf("代码 %q 重复", s.Code),
				Hint: "join the parts into one MultiPolygon", HintZH: "请合并为一个 MultiPolygon"})
			continue
		}
		seen[s.Code] = append(seen[s.Code], len(out))
		out = append(out, s)
	}
	return out
}

// seekFeatures moves dec to the first element of the features array.
func seekFeatures(dec *json.Decoder) bool {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return false
		}
		if key == "features" {
			t, err := dec.Token()
			return err == nil && t == json.Delim('[')
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return false
		}
	}
	return false
}

// decodeShape checks one feature: a closed, non-empty polygon in degrees with a code.
func decodeShape(f rawFeature) (Shape, error) {
	var p shapeProperties
	d := json.NewDecoder(bytes.NewReader(f.Properties))
	if err := d.Decode(&p); err != nil {
		return Shape{}, fmt.Errorf("properties must be code (text), level and priority (numbers), scheme, kind, community, parent, name, valid_from, valid_to (text)")
	}
	if p.Code == "" {
		return Shape{}, fmt.Errorf("properties.code is missing: codes are text, in quotes")
	}
	geom, err := decodeGeometry(f.Geometry)
	if err != nil {
		return Shape{}, fmt.Errorf("the geometry of %s %w", p.Code, err)
	}
	s := Shape{Code: p.Code, Level: p.Level, Scheme: p.Scheme, Kind: p.Kind, Priority: p.Priority, Community: p.Community, Parent: p.Parent, Name: p.Name, Geometry: geom}
	if len(s.Geometry) == 0 {
		return Shape{}, fmt.Errorf("the geometry of %s is empty", p.Code)
	}
	for _, poly := range s.Geometry {
		if len(poly) == 0 {
			return Shape{}, fmt.Errorf("the geometry of %s has an empty part", p.Code)
		}
		for _, ring := range poly {
			if len(ring) < 4 || !ring.Closed() {
				return Shape{}, fmt.Errorf("a ring of %s is not closed: its first and last point must be equal", p.Code)
			}
			for _, pt := range ring {
				if pt[0] < -180 || pt[0] > 180 || pt[1] < -90 || pt[1] > 90 {
					return Shape{}, fmt.Errorf("a point of %s is not longitude, latitude in degrees", p.Code)
				}
			}
		}
	}
	return s, nil
}

// decodeGeometry reads a Polygon or MultiPolygon; a third coordinate (height) is dropped. The GeoJSON package of orb is
// not used: it brings the MongoDB driver along.
func decodeGeometry(b []byte) (orb.MultiPolygon, error) {
	var g struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	}
	if err := json.Unmarshal(b, &g); err != nil {
		return nil, fmt.Errorf("cannot be read")
	}
	var parts [][][][]float64
	switch g.Type {
	case "Polygon":
		parts = make([][][][]float64, 1)
		if json.Unmarshal(g.Coordinates, &parts[0]) != nil {
			return nil, fmt.Errorf("cannot be read")
		}
	case "MultiPolygon":
		if json.Unmarshal(g.Coordinates, &parts) != nil {
			return nil, fmt.Errorf("cannot be read")
		}
	default:
		return nil, fmt.Errorf("must be a Polygon or MultiPolygon")
	}
	out := make(orb.MultiPolygon, len(parts))
	for i, part := range parts {
		for _, ring := range part {
			r := make(orb.Ring, len(ring))
			for k, pt := range ring {
				if len(pt) < 2 {
					return nil, fmt.Errorf("has a point without longitude and latitude")
				}
				r[k] = orb.Point{pt[0], pt[1]}
			}
			out[i] = append(out[i], r)
		}
	}
	return out, nil
}

// lineCounter turns growing offsets into line numbers.
type lineCounter struct {
	b    []byte
	pos  int
	line int
}

func (l *lineCounter) at(offset int64) int {
	// InputOffset stands before the separator; the feature begins at the next brace.
	end := int(offset)
	if i := bytes.IndexByte(l.b[end:], '{'); i >= 0 {
		end += i
	}
	l.line += bytes.Count(l.b[l.pos:end], []byte("\n"))
	l.pos = end
	return l.line + 1
}
