package enrich

import (
	"math"

	"onegrid/event"
)

// point is the judgement of one pair of source coordinates. Lon and lat are NaN unless usable.
type point struct {
	lon, lat float64
	quality  string
	flags    event.Flag
}

// usable reports whether the point may be used to find an area.
func (p point) usable() bool { return p.quality == "ok" || p.quality == "swapped" }

func unusable(quality string, flags event.Flag) point {
	return point{math.NaN(), math.NaN(), quality, flags}
}

// judge converts one pair of source coordinates, in the order: missing, zero, default point, system, place, precision.
func (p *place) judge(s system, x, y float64) point {
	switch {
	case x != x || y != y || math.IsInf(x, 0) || math.IsInf(y, 0):
		return unusable("missing", 0)
	case x == 0 && y == 0:
		return unusable("zero", event.CoordZero)
	case p.isDefault(x, y):
		return unusable("default_point", 0)
	}
	var flags event.Flag
	if s.kind != crsLocal && s.kind != crsLocalMissing && s.kind != crsBD09MC {
		if math.Abs(x) > 180 || math.Abs(y) > 180 {
			// Metres where degrees were declared: only one system in use has such numbers.
			flags = event.CRSSuspect
			if !looksLikeMercator(x, y) && !looksLikeMercator(y, x) {
				return unusable("out_of_area", flags|event.CoordOutOfArea)
			}
			s = system{kind: crsBD09MC}
		}
	} else if s.kind == crsBD09MC && math.Abs(x) <= 180 && math.Abs(y) <= 180 {
		// Degrees where metres were declared: which degrees is not known, and a guess is half a kilometre off.
		return unusable("out_of_area", event.CRSSuspect|event.CoordOutOfArea)
	}
	switch s.kind {
	case crsUnknown:
		return unusable("missing", event.CRSSuspect)
	case crsLocalMissing:
		return unusable("missing", 0)
	}
	if lon, lat := s.toGeographic(x, y); p.has(lon, lat) && math.Abs(lat) <= 90 {
		if s.degrees() && coarse(x) && coarse(y) {
			return point{lon, lat, "low_precision", flags | event.CoordLowPrecision}
		}
		return point{lon, lat, "ok", flags}
	}
	if s.kind != crsLocal {
		if lon, lat := s.toGeographic(y, x); p.has(lon, lat) && math.Abs(lat) <= 90 && (p.bounded || math.Abs(y) > 90) {
			if s.degrees() && coarse(x) && coarse(y) {
				return unusable("swapped", flags|event.CoordSwapped|event.CoordLowPrecision)
			}
			return point{lon, lat, "swapped", flags | event.CoordSwapped}
		}
	}
	return unusable("out_of_area", flags|event.CoordOutOfArea)
}

// coarse reports whether a value in degrees has at most two decimals: a cell of about 1.1 by 0.9 km.
func coarse(v float64) bool {
	v *= 100
	return math.Abs(v-math.Round(v)) < 1e-6
}
