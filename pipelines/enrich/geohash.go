package enrich

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// noCell stands for no geohash cell.
const noCell = ^uint32(0)

// cell6 is the 30-bit cell of a point, about 1.0 by 0.6 km at 32 degrees north; noCell outside the globe.
func cell6(lon, lat float64) uint32 {
	if !(lon >= -180 && lon <= 180 && lat >= -90 && lat <= 90) {
		return noCell
	}
	const cells = 1 << 15
	x := spread(uint32(min(int((lon+180)/360*cells), cells-1)))
	y := spread(uint32(min(int((lat+90)/180*cells), cells-1)))
	return x<<1 | y
}

// geohash6 writes a cell in the six digits of the geohash alphabet.
func geohash6(cell uint32) (out [6]byte) {
	for i := 5; i >= 0; i-- {
		out[i] = geohashDigits[cell&31]
		cell >>= 5
	}
	return out
}

// cellArray makes the column geohash6, nil where every row is null.
func cellArray(cells []uint32) arrow.Array {
	n := 0
	for _, c := range cells {
		if c != noCell {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Reserve(len(cells))
	b.ReserveData(6 * n)
	for _, c := range cells {
		if c == noCell {
			b.AppendNull()
			continue
		}
		digits := geohash6(c)
		b.BinaryBuilder.Append(digits[:])
	}
	return b.NewArray()
}

// spread puts a zero before each of the lower 15 bits.
func spread(v uint32) uint32 {
	v = (v | v<<8) & 0x00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f
	v = (v | v<<2) & 0x33333333
	v = (v | v<<1) & 0x55555555
	return v
}
