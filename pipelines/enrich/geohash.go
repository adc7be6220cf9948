package enrich

const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// geohash6 is the 30-bit cell of a point, about 1.0 by 0.6 km at 32 degrees north, or "" outside the globe.
func geohash6(lon, lat float64) string {
	if !(lon >= -180 && lon <= 180 && lat >= -90 && lat <= 90) {
		return ""
	}
	const cells = 1 << 15
	x := spread(uint32(min(int((lon+180)/360*cells), cells-1)))
	y := spread(uint32(min(int((lat+90)/180*cells), cells-1)))
	bits := x<<1 | y
	var out [6]byte
	for i := 5; i >= 0; i-- {
		out[i] = geohashDigits[bits&31]
		bits >>= 5
	}
	return string(out[:])
}

// spread puts a zero before each of the lower 15 bits.
func spread(v uint32) uint32 {
	v = (v | v<<8) & 0x00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f
	v = (v | v<<2) & 0x33333333
	v = (v | v<<1) & 0x55555555
	return v
}
