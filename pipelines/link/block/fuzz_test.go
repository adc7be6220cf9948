package block_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPairs reads a table and its rules from bytes and compares the candidates with those of the oracle.
func FuzzPairs(f *testing.F) {
	f.Add([]byte{0, 9, 0, 0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{3, 20, 40, 1, 0, 0, 0, 7, 7, 1, 255, 0, 0, 7, 7, 0, 10, 9, 9, 7, 7, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		ss := []shape{
			{keyed: b[0]&1 == 0, radius: float64(b[1] % 32), within: int64(b[2] % 64), frequency: int(b[3] % 8)},
			{keyed: true, within: int64(b[1] % 64)},
		}
		if !ss[0].keyed && ss[0].radius == 0 {
			ss[0].radius = 1
		}
		if ss[0].radius > 0 {
			ss[0].frequency = 0 // of a key within a cell: the oracle counts keys
		}
		onlyNew := b[0]&2 != 0
		var rs []record
		for b = b[4:]; len(b) >= 6 && len(rs) < 60; b = b[6:] {
			rs = append(rs, record{id: uint64(len(rs)*7%61) + 1, at: int64(b[0]), x: float64(b[1]) - 128, y: float64(b[2]) - 128,
				keys: [][]uint64{{uint64(b[3] % 8), uint64(b[4] % 8)}, {uint64(b[4] % 16)}}, fresh: b[5]&1 == 1})
		}
		in := input(rs, ss)
		if onlyNew {
			in.New = func(i int32) bool { return rs[i].fresh }
		}
		got, _ := run(t, rs, in)
		if d := cmp.Diff(oracle(rs, ss, onlyNew), got, cmp.AllowUnexported(found{})); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}
