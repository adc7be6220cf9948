package city

import "math"

// The three coordinate systems that Chinese departments use. Formulas are the public ones; the hub's own inverse lives in
// pipelines/enrich, written apart, so that neither can hide the other's mistake.

const (
	gcjA  = 6378245.0
	gcjEE = 0.00669342162296594323
)

// gcj02 moves a WGS-84 point (degrees) to GCJ-02.
func gcj02(lon, lat float64) (float64, float64) {
	x, y := lon-105, lat-35
	s := (20*math.Sin(6*x*math.Pi) + 20*math.Sin(2*x*math.Pi)) * 2 / 3
	root := math.Sqrt(math.Abs(x))
	dLat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root + s +
		(20*math.Sin(y*math.Pi)+40*math.Sin(y/3*math.Pi))*2/3 + (160*math.Sin(y/12*math.Pi)+320*math.Sin(y*math.Pi/30))*2/3
	dLon := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root + s +
		(20*math.Sin(x*math.Pi)+40*math.Sin(x/3*math.Pi))*2/3 + (150*math.Sin(x/12*math.Pi)+300*math.Sin(x/30*math.Pi))*2/3
	rad := lat / 180 * math.Pi
	m := math.Sin(rad)
	m = 1 - gcjEE*m*m
	sq := math.Sqrt(m)
	return lon + dLon*180/(gcjA/sq*math.Cos(rad)*math.Pi), lat + dLat*180/((gcjA*(1-gcjEE))/(m*sq)*math.Pi)
}

// bd09 moves a GCJ-02 point to BD-09 longitude and latitude.
func bd09(lon, lat float64) (float64, float64) {
	const k = math.Pi * 3000 / 180
	z := math.Sqrt(lon*lon+lat*lat) + 0.00002*math.Sin(lat*k)
	t := math.Atan2(lat, lon) + 0.000003*math.Cos(lon*k)
	return z*math.Cos(t) + 0.0065, z*math.Sin(t) + 0.006
}

// bdBand holds the polynomial of one latitude band of the BD-09 Mercator projection.
type bdBand struct {
	from float64
	c    [10]float64
}

// bdBands are the bands of the northern hemisphere, poleward first.
func bdBands() [6]bdBand {
	return [6]bdBand{
		{75, [10]float64{-0.0015702102444, 111320.7020616939, 1704480524535203, -10338987376042340, 26112667856603880, -35149669176653700, 26595700718403920, -10725012454188240, 1800819912950474, 82.5}},
		{60, [10]float64{0.0008277824516172526, 111320.7020463578, 647795574.6671607, -4082003173.641316, 10774905663.51142, -15171875531.51559, 12053065338.62167, -5124939663.577472, 913311935.9512032, 67.5}},
		{45, [10]float64{0.00337398766765, 111320.7020202162, 4481351.045890365, -23393751.19931662, 79682215.47186455, -115964993.2797253, 97236711.15602145, -43661946.33752821, 8477230.501135234, 52.5}},
		{30, [10]float64{0.00220636496208, 111320.7020209128, 51751.86112841131, 3796837.749470245, 992013.7397791013, -1221952.21711287, 1340652.697009075, -620943.6990984312, 144416.9293806241, 37.5}},
		{15, [10]float64{-0.0003441963504368392, 111320.7020576856, 278.2353980772752, 2485758.690035394, 6070.750963243378, 54821.18345352118, 9540.606633304236, -2710.55326746645, 1405.483844121726, 22.5}},
		{0, [10]float64{-0.0003218135878613132, 111320.7020701615, 0.00369383431289, 823725.6402795718, 0.46104986909093, 2351.343141331292, 1.58060784298199, 8.77738589078284, 0.37238884252424, 7.45}},
	}
}

// bd09mc projects a BD-09 point to BD-09 Mercator metres.
func bd09mc(lon, lat float64) (x, y float64) {
	bands := bdBands()
	c := &bands[5].c
	for i := range bands {
		if lat >= bands[i].from {
			c = &bands[i].c
			break
		}
	}
	v := lat / c[9]
	return c[0] + c[1]*lon, c[2] + v*(c[3]+v*(c[4]+v*(c[5]+v*(c[6]+v*(c[7]+v*c[8])))))
}

// offset moves a point by metres east and north; good to centimetres within a city.
func offset(lon, lat, east, north float64) (float64, float64) {
	return lon + east/(111320*math.Cos(lat*math.Pi/180)), lat + north/110574
}

// inside reports whether a point lies in a ring (longitude, latitude pairs).
func inside(ring [][2]float64, lon, lat float64) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		a, b := ring[i], ring[j]
		if (a[1] > lat) != (b[1] > lat) && lon < (b[0]-a[0])*(lat-a[1])/(b[1]-a[1])+a[0] {
			in = !in
		}
	}
	return in
}
