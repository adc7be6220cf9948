package block_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/block"
)

// record is a row of a test table. Records keep their id when rows are shuffled.
type record struct {
	id    uint64
	at    int64
	x, y  float64
	keys  [][]uint64 // per rule
	fresh bool
	known uint64 // id of the representative of its cluster, 0 = none
}

// shape is a rule without the table.
type shape struct {
	keyed     bool
	radius    float64
	within    int64
	cap       int
	frequency int
	accept    func(older, newer *record) bool
}

type found struct{ a, b uint64 } // ids, the older one first

func input(rs []record, shapes []shape) block.Input {
	in := block.Input{Rows: len(rs), Window: 3, Representatives: 2}
	row := map[uint64]int32{}
	for i, r := range rs {
		in.Order = append(in.Order, r.at)
		in.ID = append(in.ID, r.id)
		in.X, in.Y = append(in.X, r.x), append(in.Y, r.y)
		row[r.id] = int32(i)
	}
	in.Known = func(i int32) []int32 {
		if k := rs[i].known; k != 0 {
			return []int32{row[k]}
		}
		return nil
	}
	for k, s := range shapes {
		r := block.Rule{Name: "r", Radius: s.radius, Within: s.within, Cap: s.cap, MaxFrequency: s.frequency}
		if s.keyed {
			r.Keys = func() (block.Keys, error) {
				b := block.NewBuilder(len(rs), 2)
				for _, rec := range rs {
					for _, h := range rec.keys[k] {
						b.Add(h)
					}
					b.End()
				}
				return b.Keys()
			}
		}
		if s.accept != nil {
			r.Accept = func(a, b int32) bool { return s.accept(&rs[a], &rs[b]) }
		}
		in.Rules = append(in.Rules, r)
	}
	return in
}

func run(t *testing.T, rs []record, in block.Input) (map[found]uint8, block.Stats) {
	t.Helper()
	got := map[found]uint8{}
	st, err := block.Pairs(t.Context(), in, func(ps []block.Pair) error {
		for _, p := range ps {
			f := found{rs[p.A].id, rs[p.B].id}
			if _, twice := got[f]; twice {
				t.Fatalf("pair %v twice", f)
			}
			if _, twice := got[found{f.b, f.a}]; twice {
				t.Fatalf("pair %v in both directions", f)
			}
			got[f] = p.Rule
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for _, r := range st.Rules {
		n += r.Candidates
	}
	if int(st.Candidates) != len(got) || n != st.Candidates {
		t.Fatalf("%d candidates counted, %d by rules, %d handed out", st.Candidates, n, len(got))
	}
	return got, st
}

// oracle looks at every pair and every rule, with no blocks at all. Caps are beyond it.
func oracle(rs []record, shapes []shape, onlyNew bool) map[found]uint8 {
	df := make([]map[uint64]int, len(shapes))
	for k := range shapes {
		df[k] = map[uint64]int{}
		for _, r := range rs {
			if shapes[k].keyed {
				for _, h := range slices.Compact(slices.Sorted(slices.Values(r.keys[k]))) {
					df[k][h]++
				}
			}
		}
	}
	want := map[found]uint8{}
	for i := range rs {
		for j := range rs {
			a, b := &rs[i], &rs[j]
			if a.at > b.at || a.at == b.at && a.id >= b.id || onlyNew && !a.fresh && !b.fresh {
				continue
			}
			for k, s := range shapes {
				ok := true
				if s.keyed {
					ok = slices.ContainsFunc(a.keys[k], func(h uint64) bool {
						return slices.Contains(b.keys[k], h) && (s.frequency == 0 || df[k][h] <= s.frequency)
					})
				}
				if s.radius > 0 {
					ok = ok && math.Hypot(a.x-b.x, a.y-b.y) <= s.radius
				}
				if s.within > 0 && a.at != block.NoOrder {
					ok = ok && b.at-a.at <= s.within
				}
				if ok && (s.accept == nil || s.accept(a, b)) {
					want[found{a.id, b.id}] = uint8(k)
					break
				}
			}
		}
	}
	return want
}

func table(rng *rand.Rand, n, rules int) []record {
	rs := make([]record, n)
	for i := range rs {
		r := record{id: rng.Uint64(), at: int64(rng.IntN(1000)), x: rng.Float64()*200 - 100, y: rng.Float64()*200 - 100, fresh: rng.IntN(4) == 0}
		if rng.IntN(10) == 0 {
			r.at = block.NoOrder
		}
		if rng.IntN(8) == 0 {
			r.x = math.NaN()
		}
		if i > 0 && rng.IntN(5) == 0 {
			r.known = rs[rng.IntN(i)].id
		}
		for range rules {
			var ks []uint64
			for range rng.IntN(4) {
				ks = append(ks, uint64(rng.IntN(12)))
			}
			r.keys = append(r.keys, ks)
		}
		rs[i] = r
	}
	return rs
}

func shapes(rng *rand.Rand) []shape {
	even := func(a, b *record) bool { return (a.id^b.id)&1 == 0 }
	all := []shape{
		{keyed: true},
		{keyed: true, within: 100},
		{radius: 12},
		{radius: 25, within: 150},
		{keyed: true, radius: 40},
		{keyed: true, frequency: 9},
		{keyed: true, within: 300, accept: even},
		{radius: 60, accept: even},
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+rng.IntN(4)]
}

func TestPairsAreThoseOfTheOracle(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		ss := shapes(rng)
		rs := table(rng, 2+rng.IntN(80), len(ss))
		in := input(rs, ss)
		got, _ := run(t, rs, in)
		if d := cmp.Diff(oracle(rs, ss, false), got, cmp.AllowUnexported(found{})); d != "" {
			t.Fatalf("seed %d, rules %+v (-want +got):\n%s", seed, ss, d)
		}
		in.New = func(i int32) bool { return rs[i].fresh }
		got, _ = run(t, rs, in)
		if d := cmp.Diff(oracle(rs, ss, true), got, cmp.AllowUnexported(found{})); d != "" {
			t.Fatalf("seed %d, only new, rules %+v (-want +got):\n%s", seed, ss, d)
		}
	}
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 2))
		ss := shapes(rng)
		for i := range ss {
			ss[i].cap = 1 + rng.IntN(8) // crowded blocks too
		}
		rs := table(rng, 2+rng.IntN(120), len(ss))
		in := input(rs, ss)
		onlyNew := rng.IntN(2) == 0
		if onlyNew {
			in.New = func(i int32) bool { return rs[i].fresh }
		}
		want, wantStats := run(t, rs, in)
		for k, r := range want {
			if !onlyNew && !possible(rs, ss[r], k) {
				t.Fatalf("seed %d: pair %v cannot come from rule %+v", seed, k, ss[r])
			}
		}
		mixed := slices.Clone(rs)
		rng.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		in = input(mixed, ss)
		if onlyNew {
			in.New = func(i int32) bool { return mixed[i].fresh }
		}
		got, gotStats := run(t, mixed, in)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(found{})); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		if d := cmp.Diff(wantStats, gotStats); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

// possible checks what must hold of a pair in crowded blocks too: its limits in place and time and the rule's consent.
func possible(rs []record, s shape, f found) bool {
	var a, b *record
	for i := range rs {
		switch rs[i].id {
		case f.a:
			a = &rs[i]
		case f.b:
			b = &rs[i]
		}
	}
	return (s.radius == 0 || math.Hypot(a.x-b.x, a.y-b.y) <= s.radius) &&
		(s.within == 0 || a.at == block.NoOrder || b.at-a.at <= s.within) &&
		(s.accept == nil || s.accept(a, b))
}

// A storm: one block with 5,000 rows within the limit in time.
func TestStormIsNotSquared(t *testing.T) {
	const n = 5000
	id := func(i int) uint64 { return uint64(i)*0x9e3779b97f4a7c15 + 1 }
	meets := func(pairs map[found]uint8, other uint64) bool {
		_, before := pairs[found{id(1237), other}]
		_, after := pairs[found{other, id(1237)}]
		return before || after
	}
	rs := make([]record, n)
	for i := range rs {
		rs[i] = record{id: id(i), at: int64(i) * 720, x: float64(i % 50), y: float64(i % 31), keys: [][]uint64{{7}, nil}, known: id(1237)}
	}
	in := input(rs, []shape{{keyed: true, within: 3_600_000, cap: 200}, {radius: 100, within: 3_600_000, cap: 200}})
	in.Window, in.Representatives = 0, 0
	got, st := run(t, rs, in)
	perRow := 2 * (block.DefaultWindow + block.DefaultRepresentatives + 1)
	if len(got) > n*perRow || len(got) < n*block.DefaultWindow*9/10 {
		t.Fatalf("%d pairs for %d rows", len(got), n)
	}
	r := st.Rules[0]
	if r.CappedBlocks != 1 || r.CappedRows != n-200 || r.LargestBlock != n {
		t.Fatalf("%+v", r)
	}
	for i, rec := range rs {
		if i != 1237 && !meets(got, rec.id) {
			t.Fatal("a row was not compared with the representative of the known cluster")
		}
	}
	// Without known clusters, rows spread over the stretch stand for it: the first is one of them.
	known := in.Known
	in.Known = nil
	spread, _ := run(t, rs, in)
	for _, rec := range rs[1:] {
		if _, ok := spread[found{rs[0].id, rec.id}]; !ok {
			t.Fatal("a row was not compared with the representatives of the stretch")
		}
	}
	in.Known = known
	// New rows against the storm: each meets the representative, and the storm is not walked again.
	in.New = func(i int32) bool { return i%100 == 99 }
	got, _ = run(t, rs, in)
	if len(got) > n/100*perRow*2 {
		t.Fatalf("%d pairs for %d new rows", len(got), n/100)
	}
	if len(got) < n/100*block.DefaultWindow {
		t.Fatalf("%d pairs for %d new rows", len(got), n/100)
	}
	for i := 99; i < n; i += 100 {
		if !meets(got, rs[i].id) {
			t.Fatal("a new row was not compared with the representative of the known cluster")
		}
	}
}

// A place that is busy all year is not a storm: its block is large, but no row has many partners within the time limit.
func TestLargeBlockWithFewPartnersIsNotCapped(t *testing.T) {
	rs := make([]record, 3000)
	for i := range rs {
		rs[i] = record{id: uint64(i) + 1, at: int64(i) * 10, keys: [][]uint64{{7}}}
	}
	got, st := run(t, rs, input(rs, []shape{{keyed: true, within: 50, cap: 10}}))
	if len(got) != 2995*5+4+3+2+1 || st.Rules[0].CappedBlocks != 0 {
		t.Fatalf("%d pairs, %+v", len(got), st.Rules[0])
	}
}

func TestPlaceholderIsIgnoredAndCounted(t *testing.T) {
	rs := make([]record, 30)
	for i := range rs {
		rs[i] = record{id: uint64(i) + 1, keys: [][]uint64{{1, uint64(100 + i/2)}}} // 1 is everywhere
	}
	got, st := run(t, rs, input(rs, []shape{{keyed: true, frequency: 20}}))
	if r := st.Rules[0]; len(got) != 15 || r.IgnoredKeys != 1 || r.IgnoredRows != 30 {
		t.Fatalf("%d pairs, %+v", len(got), r)
	}
	in := input(rs, []shape{{keyed: true}})
	keys, _ := in.Rules[0].Keys()
	p := block.Frequent(keys, 20)
	if p.Keys != 1 || p.Rows != 30 || !p.Has(1) || p.Has(100) {
		t.Fatalf("%+v", p)
	}
	if p := block.Frequent(keys, 30); p.Keys != 0 || p.Has(1) {
		t.Fatalf("%+v", p)
	}
}

func TestInputThatContradictsItself(t *testing.T) {
	two := func() (block.Keys, error) {
		return block.Keys{Offsets: []uint32{0, 1, 2}, Hashes: []uint64{1, 1}}, nil
	}
	for name, in := range map[string]block.Input{
		"no keys":         {Rows: 2, Rules: []block.Rule{{}}},
		"no places":       {Rows: 2, Rules: []block.Rule{{Radius: 1}}},
		"order":           {Rows: 2, Order: []int64{1}, Rules: []block.Rule{{Keys: two}}},
		"rows":            {Rows: 3, Rules: []block.Rule{{Keys: two}}},
		"negative limit":  {Rows: 2, Rules: []block.Rule{{Keys: two, Within: -1}}},
		"falling offsets": {Rows: 2, Rules: []block.Rule{{Keys: func() (block.Keys, error) { return block.Keys{Offsets: []uint32{0, 3, 2}, Hashes: []uint64{1, 1}}, nil }}}},
	} {
		if _, err := block.Pairs(t.Context(), in, func([]block.Pair) error { return nil }); !errors.Is(err, block.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsEndTheWalk(t *testing.T) {
	boom := errors.New("boom")
	rs := table(rand.New(rand.NewPCG(1, 1)), 50, 1)
	in := input(rs, []shape{{keyed: true}})
	calls := 0
	if _, err := block.Pairs(t.Context(), in, func([]block.Pair) error { calls++; return boom }); !errors.Is(err, boom) || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := block.Pairs(ctx, in, func([]block.Pair) error { t.Fatal("emitted"); return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	in.Rules[0].Keys = func() (block.Keys, error) { return block.Keys{}, boom }
	if _, err := block.Pairs(t.Context(), in, func([]block.Pair) error { return nil }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
}

func TestNoRows(t *testing.T) {
	in := input(nil, []shape{{keyed: true}, {radius: 3}})
	if got, _ := run(t, nil, in); len(got) != 0 {
		t.Fatal(got)
	}
}
