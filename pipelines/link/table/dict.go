package table

import (
	"hash/maphash"
	"math"
)

// Dict is the distinct values of a column. Codes run from 1 to Len in the order of arrival; 0 is null.
type Dict struct {
	offs  []uint32 // offs[c-1]:offs[c] is value c
	data  []byte
	count []uint32 // rows that hold value c at c-1
}

// Len is the number of distinct values.
func (d *Dict) Len() int { return len(d.count) }

// At is the value of a code, "" for 0.
func (d *Dict) At(code uint32) string {
	if code == 0 {
		return ""
	}
	return string(d.data[d.offs[code-1]:d.offs[code]])
}

// Bytes is the value of a code without a copy, for reading only.
func (d *Dict) Bytes(code uint32) []byte {
	if code == 0 {
		return nil
	}
	return d.data[d.offs[code-1]:d.offs[code]]
}

// Count is the number of rows that hold the value.
func (d *Dict) Count(code uint32) uint32 {
	if code == 0 {
		return 0
	}
	return d.count[code-1]
}

func (d *Dict) bytes() int { return 4*len(d.offs) + cap(d.data) + 4*len(d.count) }

// dictBuilder finds the codes: an open-addressing table of codes beside the values, at 4 to 8 bytes a value instead of
// the 40 or more of a Go map of strings.
type dictBuilder struct {
	Dict
	slots []uint32
	seed  maphash.Seed
	full  bool // more than 4 GiB of text: offsets would not fit
}

func newDictBuilder() *dictBuilder {
	return &dictBuilder{Dict: Dict{offs: []uint32{0}}, slots: make([]uint32, 16), seed: maphash.MakeSeed()}
}

// find gives the code of a value, 0 where it is unknown.
func (d *dictBuilder) find(s []byte) uint32 {
	mask := uint64(len(d.slots) - 1)
	for i := maphash.Bytes(d.seed, s) & mask; d.slots[i] != 0; i = (i + 1) & mask {
		if c := d.slots[i]; string(d.data[d.offs[c-1]:d.offs[c]]) == string(s) {
			return c
		}
	}
	return 0
}

// code gives the code of a value, adding it where it is new. It does not count.
func (d *dictBuilder) code(s []byte) uint32 {
	if 4*len(d.count) >= 3*len(d.slots) {
		d.grow()
	}
	mask := uint64(len(d.slots) - 1)
	i := maphash.Bytes(d.seed, s) & mask
	for {
		c := d.slots[i]
		if c == 0 {
			break
		}
		if string(d.data[d.offs[c-1]:d.offs[c]]) == string(s) {
			return c
		}
		i = (i + 1) & mask
	}
	if len(d.data)+len(s) > math.MaxUint32 {
		d.full = true
		return 0
	}
	d.data = append(d.data, s...)
	d.offs = append(d.offs, uint32(len(d.data)))
	d.count = append(d.count, 0)
	c := uint32(len(d.count))
	d.slots[i] = c
	return c
}

func (d *dictBuilder) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for c := uint32(1); c <= uint32(len(d.count)); c++ {
		i := maphash.Bytes(d.seed, d.data[d.offs[c-1]:d.offs[c]]) & mask
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = c
	}
}
