package enrich

import (
	"fmt"
	"math"
	"strings"

	"onegrid/catalog"
)

// crs is a declared coordinate system of source points.
type crs uint8

const (
	crsUnknown    crs = iota
	crsGeographic     // cgcs2000 and wgs84: equal at the precision of any source
	crsGCJ02
	crsBD09LL
	crsBD09MC
	crsLocal        // a plane grid with parameters
	crsLocalMissing // a plane grid that nobody gave parameters for
)

// system is a coordinate system ready for use.
type system struct {
	kind  crs
	plane *plane
}

// systems resolves the names of coord_src_crs.
type systems map[string]*plane

func newSystems(grids map[string]catalog.PlaneGrid) systems {
	s := systems{}
	for id, g := range grids {
		s["local:"+id] = newPlane(g)
	}
	return s
}

func (s systems) named(name string) system {
	switch name {
	case "cgcs2000", "wgs84":
		return system{kind: crsGeographic}
	case "gcj02":
		return system{kind: crsGCJ02}
	case "bd09ll":
		return system{kind: crsBD09LL}
	case "bd09mc":
		return system{kind: crsBD09MC}
	}
	if p := s[name]; p != nil {
		return system{kind: crsLocal, plane: p}
	}
	if strings.HasPrefix(name, "local:") {
		return system{kind: crsLocalMissing}
	}
	return system{kind: crsUnknown}
}

// degrees reports whether x and y of the system are degrees.
func (s system) degrees() bool {
	return s.kind == crsGeographic || s.kind == crsGCJ02 || s.kind == crsBD09LL
}

// toGeographic converts a point to CGCS2000 degrees. The kind must be one that can be converted.
func (s system) toGeographic(x, y float64) (lon, lat float64) {
	switch s.kind {
	case crsGCJ02:
		return gcjToWGS(x, y)
	case crsBD09LL:
		return gcjToWGS(bdToGCJ(x, y))
	case crsBD09MC:
		return gcjToWGS(bdToGCJ(mcToBD(x, y)))
	case crsLocal:
		return s.plane.toGeographic(x, y)
	default:
		return x, y
	}
}

// The published obfuscation formula: an ellipsoid of semi-major axis gcjA and first eccentricity squared gcjEE.
const (
	gcjA  = 6378245.0
	gcjEE = 0.00669342162296594323
)

// gcjOffset is the shift from WGS-84 to GCJ-02 in degrees. The formula has eleven sines of multiples of four angles;
// they come from three pairs of sine and cosine here, since this is the dearest step of enrichment.
func gcjOffset(lon, lat float64) (dlon, dlat float64) {
	x, y := lon-105, lat-35
	sx, cx := math.Sincos(x * math.Pi / 12)
	s4, c4 := quadruple(sx, cx)        // x*pi/3
	s12 := s4 * (3 - 4*s4*s4)          // x*pi
	c12 := c4 * (4*c4*c4 - 3)          // x*pi
	s24 := 2 * s12 * c12               // 2*x*pi
	s72 := s24 * (3 - 4*s24*s24)       // 6*x*pi
	sx30 := math.Sin(x * math.Pi / 30) // x*pi/30

	sy, cy := math.Sincos(y * math.Pi / 12)
	t4, _ := quadruple(sy, cy)
	t12 := t4 * (3 - 4*t4*t4)
	sy30 := math.Sin(y * math.Pi / 30)

	common := (20*s72 + 20*s24) * 2 / 3
	root := math.Sqrt(math.Abs(x))
	dlat = -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root + common +
		(20*t12+40*t4)*2/3 + (160*sy+320*sy30)*2/3
	dlon = 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root + common +
		(20*s12+40*s4)*2/3 + (150*sx+300*sx30)*2/3

	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	magic := 1 - gcjEE*sinLat*sinLat
	rootMagic := math.Sqrt(magic)
	dlat = dlat * 180 / ((gcjA * (1 - gcjEE)) / (magic * rootMagic) * math.Pi)
	dlon = dlon * 180 / (gcjA / rootMagic * cosLat * math.Pi)
	return dlon, dlat
}

// quadruple gives sine and cosine of four times an angle.
func quadruple(s, c float64) (s4, c4 float64) {
	s2, c2 := 2*s*c, c*c-s*s
	return 2 * s2 * c2, c2*c2 - s2*s2
}

// inChina is the box outside which the formula does not apply.
func inChina(lon, lat float64) bool {
	return lon > 72.004 && lon < 137.8347 && lat > 0.8293 && lat < 55.8271
}

func wgsToGCJ(lon, lat float64) (float64, float64) {
	if !inChina(lon, lat) {
		return lon, lat
	}
	dlon, dlat := gcjOffset(lon, lat)
	return lon + dlon, lat + dlat
}

// gcjToWGS inverts the formula by iteration. The shift changes by less than 1 % of a step, so that four steps are far
// below a millimetre.
func gcjToWGS(lon, lat float64) (float64, float64) {
	if !inChina(lon, lat) {
		return lon, lat
	}
	wlon, wlat := lon, lat
	for range 8 {
		dlon, dlat := gcjOffset(wlon, wlat)
		nlon, nlat := lon-dlon, lat-dlat
		step := math.Abs(nlon-wlon) + math.Abs(nlat-wlat)
		wlon, wlat = nlon, nlat
		if step < 5e-7 { // the next step would be below 2.5e-9 degrees, 0.3 mm
			break
		}
	}
	return wlon, wlat
}

const bdPi = math.Pi * 3000 / 180

func gcjToBD(lon, lat float64) (float64, float64) {
	r := math.Sqrt(lon*lon + lat*lat)
	if r == 0 {
		return 0.0065, 0.006
	}
	z := r + 0.00002*math.Sin(lat*bdPi)
	// The formula turns the point by a tiny angle: sine and cosine of the sum of two angles need no arc tangent, and those
	// of 3e-6 are exact to the last bit after two terms.
	turn := 0.000003 * math.Cos(lon*bdPi)
	s, c := turn-turn*turn*turn/6, 1-turn*turn/2
	return z*(lon*c-lat*s)/r + 0.0065, z*(lat*c+lon*s)/r + 0.006
}

// bdToGCJ inverts gcjToBD by iteration; the published inverse is only good to half a metre.
func bdToGCJ(lon, lat float64) (float64, float64) {
	glon, glat := lon-0.0065, lat-0.006
	for range 8 {
		blon, blat := gcjToBD(glon, glat)
		elon, elat := blon-lon, blat-lat
		glon, glat = glon-elon, glat-elat
		if math.Abs(elon)+math.Abs(elat) < 1e-7 { // a step leaves a thousandth of the error
			break
		}
	}
	return glon, glat
}

// mcBand and mcCoef are the published polynomials of the BD-09 Mercator projection, by distance from the equator.
var mcBand = [6]float64{12890594.86, 8362377.87, 5591021, 3481989.83, 1678043.12, 0}

var mcCoef = [6][10]float64{
	{1.410526172116255e-8, 0.00000898305509648872, -1.9939833816331, 200.9824383106796, -187.2403703815547, 91.6087516669843, -23.38765649603339, 2.57121317296198, -0.03801003308653, 17337981.2},
	{-7.435856389565537e-9, 0.000008983055097726239, -0.78625201886289, 96.32687599759846, -1.85204757529826, -59.36935905485877, 47.40033549296737, -16.50741931063887, 2.28786674699375, 10260144.86},
	{-3.030883460898826e-8, 0.00000898305509983578, 0.30071316287616, 59.74293618442277, 7.357984074871, -25.38371002664745, 13.45380521110908, -3.29883767235584, 0.32710905363475, 6856817.37},
	{-1.981981304930552e-8, 0.000008983055099779535, 0.03278182852591, 40.31678527705744, 0.65659298677277, -4.44255534477492, 0.85341911805263, 0.12923347998204, -0.04625736007561, 4482777.06},
	{3.09191371068437e-9, 0.000008983055096812155, 0.00006995724062, 23.10934304144901, -0.00023663490511, -0.6321817810242, -0.00663494467273, 0.03430082397953, -0.00466043876332, 2555164.4},
	{2.890871144776878e-9, 0.000008983055095805407, -3.068298e-8, 7.47137025468032, -0.00000353937994, -0.02145144861037, -0.00001234426596, 0.00010322952773, -0.00000323890364, 826088.5},
}

// mcToBD converts BD-09 Mercator metres to BD-09 degrees.
func mcToBD(x, y float64) (lon, lat float64) {
	i := 0
	for i < 5 && math.Abs(y) < mcBand[i] {
		i++
	}
	c := &mcCoef[i]
	lon = math.Copysign(c[0]+c[1]*math.Abs(x), x)
	r := math.Abs(y) / c[9]
	lat = c[2] + r*(c[3]+r*(c[4]+r*(c[5]+r*(c[6]+r*(c[7]+r*c[8])))))
	return lon, math.Copysign(lat, y)
}

// looksLikeMercator reports whether x, y can be BD-09 Mercator metres of a place in China.
func looksLikeMercator(x, y float64) bool {
	return x > 8.0e6 && x < 15.4e6 && y > 0.3e6 && y < 7.3e6
}

// metres is the distance between two near points.
func metres(lon1, lat1, lon2, lat2 float64) float64 {
	const r = 6371008.8
	dy := (lat2 - lat1) * math.Pi / 180 * r
	dx := (lon2 - lon1) * math.Pi / 180 * r * math.Cos((lat1+lat2)/2*math.Pi/180)
	return math.Hypot(dx, dy)
}

// checkAnchors verifies a declared system against known points.
func (s systems) checkAnchors(where string, anchors []catalog.Anchor) error {
	for i, a := range anchors {
		sys := s.named(a.CRS)
		if sys.kind == crsUnknown || sys.kind == crsLocalMissing {
			return fmt.Errorf("checking anchor %d of %s: coordinate system %q is not known; a plane grid needs its parameters in coordinate_systems", i+1, where, a.CRS)
		}
		tolerance := a.ToleranceM
		if tolerance == 0 {
			tolerance = 5
		}
		lon, lat := sys.toGeographic(a.X, a.Y)
		if d := metres(lon, lat, a.Lon, a.Lat); !(d <= tolerance) {
			return fmt.Errorf("checking anchor %d of %s: %s carries it %.1f m away from its known place, the tolerance is %.1f m; is the declared system right?", i+1, where, a.CRS, d, tolerance)
		}
	}
	return nil
}
