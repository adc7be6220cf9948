package score

import (
	"math"
	"math/rand/v2"
	"testing"

	"onegrid/pipelines/link/table"
)

// Values of Winkler (1990) and of the examples in common use.
func TestJaroWinkler(t *testing.T) {
	var s scratch
	for _, c := range []struct {
		a, b     string
		jaro, jw float64
	}{
		{"MARTHA", "MARHTA", 0.9444, 0.9611},
		{"DWAYNE", "DUANE", 0.8222, 0.8400},
		{"DIXON", "DICKSONX", 0.7667, 0.8133},
		{"JELLYFISH", "SMELLYFISH", 0.8963, 0.8963},
		{"abc", "xyz", 0, 0},
		{"a", "a", 1, 1},
		{"幸福小区三号楼", "幸福小区五号楼", 0.9048, 0.9429}, // six of seven characters, not of twenty-one bytes
	} {
		for _, swap := range []bool{false, true} {
			a, b := []byte(c.a), []byte(c.b)
			if swap {
				a, b = b, a
			}
			if j, _ := s.jaro(a, b); math.Abs(j-c.jaro) > 0.0001 {
				t.Errorf("jaro %s %s = %.4f, want %.4f", a, b, j, c.jaro)
			}
			if jw := s.jaroWinkler(a, b); math.Abs(jw-c.jw) > 0.0001 {
				t.Errorf("jaro_winkler %s %s = %.4f, want %.4f", a, b, jw, c.jw)
			}
		}
	}
}

func TestEdits(t *testing.T) {
	var s scratch
	for _, c := range []struct {
		a, b       string
		lev, swaps int
	}{
		{"kitten", "sitting", 3, 3}, {"ca", "ac", 2, 1}, {"ca", "abc", 3, 3}, {"", "abc", 3, 3}, {"same", "same", 0, 0},
		{"路灯不亮", "路灯亮不", 2, 1}, {"路灯不亮", "路灯坏了", 2, 2}, {"a路", "a路灯", 1, 1},
	} {
		if d := s.edits([]byte(c.a), []byte(c.b), 9, false); d != c.lev {
			t.Errorf("%s %s: %d, want %d", c.a, c.b, d, c.lev)
		}
		if d := s.edits([]byte(c.a), []byte(c.b), 9, true); d != c.swaps {
			t.Errorf("%s %s with swaps: %d, want %d", c.a, c.b, d, c.swaps)
		}
		if d := s.edits([]byte(c.a), []byte(c.b), 1, false); d != min(c.lev, 2) {
			t.Errorf("%s %s up to 1: %d", c.a, c.b, d)
		}
	}
}

// TestSignaturesBound compares the bounds with the distances of random texts over few characters, and over many.
func TestSignaturesBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	alphabets := [][]rune{[]rune("abcde"), []rune("路灯不亮井盖丢失水管爆裂"), []rune("abcdefghijklmnopqrstuvwxyz0123456789路灯")}
	word := func() string {
		al := alphabets[rng.IntN(3)]
		r := make([]rune, 1+rng.IntN(9))
		for i := range r {
			r[i] = al[rng.IntN(len(al))]
		}
		return string(r)
	}
	var s scratch
	for range 4_000 {
		a, b := word(), word()
		bld := table.NewBuilder(table.Def{Name: "t", Kind: table.KindText})
		bld.Text(0, a)
		bld.EndRow("1")
		bld.Text(0, b)
		bld.EndRow("2")
		tab, err := bld.Build()
		if err != nil {
			t.Fatal(err)
		}
		sigs := signatures(tab.Text("t"))
		x, y := sigs[tab.Text("t").Code(0)], sigs[tab.Text("t").Code(1)]
		j, _ := s.jaro([]byte(a), []byte(b))
		if up := x.jaro(y, false); up < j-1e-12 {
			t.Fatalf("%q %q: jaro %v above its bound %v", a, b, j, up)
		}
		if jw, up := s.jaroWinkler([]byte(a), []byte(b)), x.jaro(y, true); up < jw-1e-12 {
			t.Fatalf("%q %q: jaro_winkler %v above its bound %v", a, b, jw, up)
		}
		if d, low := s.edits([]byte(a), []byte(b), 20, true), x.edits(y); low > d {
			t.Fatalf("%q %q: distance %d below its bound %d", a, b, d, low)
		}
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		v    int32
		days int
		ok   bool
	}{{19700101, 0, true}, {20000229, 11016, true}, {19000229, 0, false}, {20241301, 0, false}, {20240431, 0, false}, {19691231, -1, true}} {
		if d, ok := realDate(c.v); d != c.days || ok != c.ok {
			t.Errorf("%d: %d %v", c.v, d, ok)
		}
	}
	if swapDayMonth(20240312) != 20241203 {
		t.Error(swapDayMonth(20240312))
	}
	for _, c := range []struct {
		a, b int32
		want int
	}{{19710624, 19710624, 0}, {19710624, 19710524, 1}, {19710624, 19170624, 1}, {19710624, 20310117, 6}} {
		if n := dateDigits(c.a, c.b); n != c.want {
			t.Errorf("%d %d: %d, want %d", c.a, c.b, n, c.want)
		}
	}
}
