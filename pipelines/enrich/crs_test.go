package enrich

import (
	"math"
	"testing"

	"onegrid/catalog"
)

// vectors are published points of five cities in three systems, given to six decimals (0.1 m).
var vectors = []struct {
	city       string
	lon, lat   float64
	glon, glat float64
	blon, blat float64
}{
	{"Yangzhou", 119.412939, 32.394209, 119.418419, 32.392329, 119.424856, 32.398531},
	{"Nanjing", 118.796624, 32.059344, 118.801808, 32.057269, 118.808227, 32.063628},
	{"Wuxi", 120.311910, 31.491169, 120.316519, 31.489280, 120.323090, 31.495048},
	{"Nanchang", 115.858198, 28.682892, 115.863098, 28.679562, 115.869683, 28.685219},
	{"Xiamen", 118.089425, 24.479834, 118.094402, 24.477187, 118.100846, 24.483445},
}

func TestVectors(t *testing.T) {
	const sixDecimals = 0.15 // metres
	none := systems{}
	for _, v := range vectors {
		for _, c := range []struct {
			crs  string
			x, y float64
		}{{"cgcs2000", v.lon, v.lat}, {"wgs84", v.lon, v.lat}, {"gcj02", v.glon, v.glat}, {"bd09ll", v.blon, v.blat}} {
			lon, lat := none.named(c.crs).toGeographic(c.x, c.y)
			if d := metres(lon, lat, v.lon, v.lat); d > sixDecimals {
				t.Errorf("%s %s: %.3f m off", v.city, c.crs, d)
			}
		}
		x, y := bdToMC(v.blon, v.blat)
		if !looksLikeMercator(x, y) {
			t.Errorf("%s: %.0f, %.0f is not recognised as metres", v.city, x, y)
		}
		// The two published polynomials are inverse to each other to some decimetres only.
		lon, lat := none.named("bd09mc").toGeographic(x, y)
		if d := metres(lon, lat, v.lon, v.lat); d > 0.6 {
			t.Errorf("%s bd09mc: %.3f m off", v.city, d)
		}
	}
}

// bdToMC is the published forward projection, for latitudes of 15 to 45 degrees.
func bdToMC(lon, lat float64) (x, y float64) {
	c := [10]float64{-0.0003441963504368392, 111320.7020576856, 278.2353980772752, 2485758.690035394, 6070.750963243378, 54821.18345352118, 9540.606633304236, -2710.55326746645, 1405.483844121726, 22.5}
	if lat >= 30 {
		c = [10]float64{0.00220636496208, 111320.7020209128, 51751.86112841131, 3796837.749470245, 992013.7397791013, -1221952.21711287, 1340652.697009075, -620943.6990984312, 144416.9293806241, 37.5}
	}
	x = c[0] + c[1]*math.Abs(lon)
	r := math.Abs(lat) / c[9]
	return x, c[2] + r*(c[3]+r*(c[4]+r*(c[5]+r*(c[6]+r*(c[7]+r*c[8])))))
}

// plainOffset is the formula as it is published, sine by sine.
func plainOffset(lon, lat float64) (float64, float64) {
	x, y, pi := lon-105, lat-35, math.Pi
	sin := math.Sin
	dlat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + (20*sin(6*x*pi)+20*sin(2*x*pi))*2/3 +
		(20*sin(y*pi)+40*sin(y/3*pi))*2/3 + (160*sin(y/12*pi)+320*sin(y*pi/30))*2/3
	dlon := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + (20*sin(6*x*pi)+20*sin(2*x*pi))*2/3 +
		(20*sin(x*pi)+40*sin(x/3*pi))*2/3 + (150*sin(x/12*pi)+300*sin(x/30*pi))*2/3
	rad := lat / 180 * pi
	magic := 1 - gcjEE*sin(rad)*sin(rad)
	return dlon * 180 / (gcjA / math.Sqrt(magic) * math.Cos(rad) * pi), dlat * 180 / ((gcjA * (1 - gcjEE)) / (magic * math.Sqrt(magic)) * pi)
}

func TestInverseIsExact(t *testing.T) {
	for lon := 73.5; lon < 135; lon += 0.731 {
		for lat := 3.5; lat < 54; lat += 0.517 {
			dx, dy := gcjOffset(lon, lat)
			px, py := plainOffset(lon, lat)
			if d := metres(lon+dx, lat+dy, lon+px, lat+py); d > 1e-6 {
				t.Fatalf("at %v, %v the shift differs from the published formula by %g m", lon, lat, d)
			}
			glon, glat := wgsToGCJ(lon, lat)
			if wlon, wlat := gcjToWGS(glon, glat); metres(wlon, wlat, lon, lat) > 0.001 {
				t.Fatalf("GCJ-02 at %v, %v: %g m", lon, lat, metres(wlon, wlat, lon, lat))
			}
			blon, blat := gcjToBD(glon, glat)
			if rlon, rlat := bdToGCJ(blon, blat); metres(rlon, rlat, glon, glat) > 0.001 {
				t.Fatalf("BD-09 at %v, %v: %g m", lon, lat, metres(rlon, rlat, glon, glat))
			}
		}
	}
	if lon, lat := gcjToWGS(-87.6, 41.8); lon != -87.6 || lat != 41.8 {
		t.Error("a point outside China was shifted")
	}
}

func TestPlaneGrid(t *testing.T) {
	// The meridian arc from the equator to 45 degrees on GRS80 is 4,984,944.378 m; on the central meridian northing is arc.
	p := newPlane(catalog.PlaneGrid{CentralMeridian: 120, FalseEasting: 500000})
	lon, lat := p.toGeographic(500000, 4984944.378)
	if metres(lon, lat, 120, 45) > 0.002 {
		t.Errorf("arc of 45 degrees: %v, %v", lon, lat)
	}
	// A turned grid gives the same point for the turned coordinates.
	turned := newPlane(catalog.PlaneGrid{CentralMeridian: 120, RotationDeg: 30})
	s, c := math.Sincos(30 * math.Pi / 180)
	e, n := 41234.5, 3590123.25
	lon1, lat1 := newPlane(catalog.PlaneGrid{CentralMeridian: 120}).toGeographic(e, n)
	lon2, lat2 := turned.toGeographic(e*c+n*s, -e*s+n*c)
	if metres(lon1, lat1, lon2, lat2) > 0.001 {
		t.Errorf("turned grid: %v, %v and %v, %v", lon1, lat1, lon2, lat2)
	}
	// Off the meridian: distances on the grid are those on the ground to a part in ten thousand within half a degree.
	lonA, latA := p.toGeographic(520000, 3590000)
	lonB, latB := p.toGeographic(521000, 3590000)
	if d := metres(lonA, latA, lonB, latB); math.Abs(d-1000) > 3 {
		t.Errorf("1 km on the grid is %v m", d)
	}
}

func TestGeohash(t *testing.T) {
	// Published examples of the geohash description.
	for _, c := range []struct {
		lon, lat float64
		want     string
	}{{-5.6, 42.6, "ezs42e"}, {10.40744, 57.64911, "u4pruy"}, {-180, -90, "000000"}, {180, 90, "zzzzzz"}, {200, 0, ""}} {
		got := ""
		if cell := cell6(c.lon, c.lat); cell != noCell {
			digits := geohash6(cell)
			got = string(digits[:])
		}
		if got != c.want {
			t.Errorf("geohash6(%v, %v) = %q, want %q", c.lon, c.lat, got, c.want)
		}
	}
}

func TestAnchors(t *testing.T) {
	s := newSystems(nil)
	v := vectors[0]
	good := catalog.Anchor{CRS: "gcj02", X: v.glon, Y: v.glat, Lon: v.lon, Lat: v.lat}
	if err := s.checkAnchors("here", []catalog.Anchor{good}); err != nil {
		t.Error(err)
	}
	for _, crs := range []string{"wgs84", "bd09ll", "local:x", "klingon"} {
		bad := good
		bad.CRS = crs
		if err := s.checkAnchors("here", []catalog.Anchor{bad}); err == nil {
			t.Errorf("%s carries a GCJ-02 point to its place", crs)
		}
	}
}
