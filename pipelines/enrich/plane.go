package enrich

import (
	"math"

	"onegrid/catalog"
)

// plane is a transverse Mercator grid on the CGCS2000 ellipsoid with a turn, after Krüger's series to the fourth order
// in n: below a millimetre within several degrees of the central meridian.
type plane struct {
	lon0, scale, east, north, sin, cos float64
	radius                             float64 // of the rectifying sphere
	beta, delta                        [4]float64
}

func newPlane(g catalog.PlaneGrid) *plane {
	const a, invF = 6378137.0, 298.257222101
	n := 1 / (2*invF - 1)
	n2, n3, n4 := n*n, n*n*n, n*n*n*n
	p := &plane{lon0: g.CentralMeridian * math.Pi / 180, scale: g.Scale, east: g.FalseEasting, north: g.FalseNorthing,
		radius: a / (1 + n) * (1 + n2/4 + n4/64),
		beta: [4]float64{
			n/2 - n2*2/3 + n3*37/96 - n4/360,
			n2/48 + n3/15 - n4*437/1440,
			n3*17/480 - n4*37/840,
			n4 * 4397 / 161280,
		},
		delta: [4]float64{
			n*2 - n2*2/3 - n3*2 + n4*116/45,
			n2*7/3 - n3*8/5 - n4*227/45,
			n3*56/15 - n4*136/35,
			n4 * 4279 / 630,
		}}
	if p.scale == 0 {
		p.scale = 1
	}
	p.sin, p.cos = math.Sincos(g.RotationDeg * math.Pi / 180)
	return p
}

func (p *plane) toGeographic(x, y float64) (lon, lat float64) {
	e, n := x-p.east, y-p.north
	e, n = e*p.cos-n*p.sin, e*p.sin+n*p.cos
	xi, eta := n/(p.scale*p.radius), e/(p.scale*p.radius)
	xi1, eta1 := xi, eta
	for j, b := range p.beta {
		k := 2 * float64(j+1)
		s, c := math.Sincos(k * xi)
		xi1 -= b * s * math.Cosh(k*eta)
		eta1 -= b * c * math.Sinh(k*eta)
	}
	chi := math.Asin(math.Sin(xi1) / math.Cosh(eta1))
	phi := chi
	for j, d := range p.delta {
		phi += d * math.Sin(2*float64(j+1)*chi)
	}
	lambda := p.lon0 + math.Atan2(math.Sinh(eta1), math.Cos(xi1))
	return lambda * 180 / math.Pi, phi * 180 / math.Pi
}
