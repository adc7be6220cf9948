package block

import "slices"

// Builder collects the keys of rows, one row after the other.
type Builder struct{ keys Keys }

// NewBuilder returns a builder with room for rows rows of about perRow keys.
func NewBuilder(rows, perRow int) *Builder {
	b := &Builder{Keys{Offsets: make([]uint32, 1, rows+1), Hashes: make([]uint64, 0, rows*perRow)}}
	return b
}

// Add gives the current row a key.
func (b *Builder) Add(hash uint64) { b.keys.Hashes = append(b.keys.Hashes, hash) }

// End ends the current row.
func (b *Builder) End() { b.keys.Offsets = append(b.keys.Offsets, uint32(len(b.keys.Hashes))) }

// Keys returns what was collected. The builder must not be used afterwards.
func (b *Builder) Keys() (Keys, error) { return b.keys, nil }

// Placeholders are the keys of a table that are too frequent to mean anything: default coordinates, the hotline's own
// address, "unknown". They are known by frequency, not by a list of values, and reported by count, never by value
// (invariant 4).
type Placeholders struct {
	Keys int   `json:"keys"` // how many there are
	Rows int64 `json:"rows"` // (row, key) that hold one
	set  []uint64
}

// Frequent finds the keys that more than above rows have. A key twice in a row counts once if the two are neighbours.
func Frequent(k Keys, above int) Placeholders {
	hashes := make([]uint64, 0, len(k.Hashes))
	for i := range rowsOf(k) {
		for j := k.Offsets[i]; j < k.Offsets[i+1]; j++ {
			if j == k.Offsets[i] || k.Hashes[j] != k.Hashes[j-1] {
				hashes = append(hashes, k.Hashes[j])
			}
		}
	}
	slices.Sort(hashes)
	var p Placeholders
	for i := 0; i < len(hashes); {
		j := i + 1
		for j < len(hashes) && hashes[j] == hashes[i] {
			j++
		}
		if j-i > above {
			p.Keys++
			p.Rows += int64(j - i)
			p.set = append(p.set, hashes[i])
		}
		i = j
	}
	return p
}

// Has reports whether a key is one of them.
func (p *Placeholders) Has(hash uint64) bool {
	_, ok := slices.BinarySearch(p.set, hash)
	return ok
}

func rowsOf(k Keys) int { return max(0, len(k.Offsets)-1) }
