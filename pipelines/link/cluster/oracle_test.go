package cluster_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/cluster"
)

// world is a random input together with what makes it independent of row numbers.
type world struct {
	in     cluster.Input
	weight [][]float64
}

func policies() []cluster.Policy {
	return []cluster.Policy{
		{Class: "point", Link: 6, Review: 2, Support: 0.35, SupportBits: 6, Diameter: 120, Span: 400},
		{Class: "address", Link: 5, Review: 1, Support: 0.5, SupportBits: 3, Diameter: 200, Alarm: 3},
		{Class: "object", Mode: cluster.Review, Link: 6, Review: 2, Support: 0.35, SupportBits: 6},
		{Class: "person", Mode: cluster.Never, Link: 6, Review: 2},
		{Class: "missing", Mode: cluster.Never, FollowGiven: true, Link: 6, Review: 2},
	}
}

func newWorld(rng *rand.Rand, n int) *world {
	w := &world{}
	in := &w.in
	in.Rows = n
	in.Policies = policies()
	loose := make([]bool, n)
	for i := range n {
		in.ID = append(in.ID, rng.Uint64())
		class := uint8(rng.IntN(2))
		if rng.IntN(5) == 0 {
			class = uint8(rng.IntN(5))
		}
		in.Class = append(in.Class, class)
		in.X, in.Y = append(in.X, math.Floor(rng.Float64()*150)), append(in.Y, math.Floor(rng.Float64()*150))
		in.Time = append(in.Time, int64(rng.IntN(500)))
		if rng.IntN(8) == 0 {
			in.X[i] = math.NaN()
		}
		if rng.IntN(8) == 0 {
			in.Time[i] = cluster.NoTime
		}
		loose[i] = rng.IntN(10) == 0
	}
	in.Loose = func(i int32) bool { return loose[i] }
	w.weight = make([][]float64, n)
	for i := range n {
		w.weight[i] = make([]float64, n)
		for j := range i {
			w.weight[i][j] = float64(rng.IntN(20)) - 6 // ties are common
			w.weight[j][i] = w.weight[i][j]
		}
	}
	in.Weight = func(a, b int32) float64 { return w.weight[a][b] }
	for i := range n {
		for j := range i {
			switch rng.IntN(12) {
			case 0, 1, 2, 3, 4:
				in.Edges = append(in.Edges, cluster.Edge{A: int32(i), B: int32(j), Weight: w.weight[i][j]})
			case 5:
				if rng.IntN(3) == 0 {
					in.Edges = append(in.Edges, cluster.Edge{A: int32(i), B: int32(j), Weight: w.weight[i][j], Kind: cluster.Kind(1 + rng.IntN(2))})
				}
			case 6:
				if rng.IntN(4) == 0 {
					in.Decisions = append(in.Decisions, cluster.Decision{A: int32(i), B: int32(j), Must: rng.IntN(2) == 0, At: int64(rng.IntN(5))})
				}
			case 7:
				if rng.IntN(12) == 0 {
					in.Decisions = append(in.Decisions, cluster.Decision{A: int32(i), B: int32(j), Must: true, At: 1},
						cluster.Decision{A: int32(j), B: int32(i), Must: false, At: int64(rng.IntN(3))})
				}
			}
		}
	}
	return w
}

// shuffled is the same world with its rows, edges and decisions in another order; row i of it is row of[i] of w.
func (w *world) shuffled(rng *rand.Rand) (cluster.Input, []int) {
	of := rng.Perm(w.in.Rows)
	to := make([]int32, w.in.Rows)
	out := cluster.Input{Rows: w.in.Rows, Policies: w.in.Policies}
	for i, o := range of {
		to[o] = int32(i)
		out.ID = append(out.ID, w.in.ID[o])
		out.Class = append(out.Class, w.in.Class[o])
		out.X, out.Y = append(out.X, w.in.X[o]), append(out.Y, w.in.Y[o])
		out.Time = append(out.Time, w.in.Time[o])
	}
	out.Loose = func(i int32) bool { return w.in.Loose(int32(of[i])) }
	out.Weight = func(a, b int32) float64 { return w.in.Weight(int32(of[a]), int32(of[b])) }
	for _, e := range w.in.Edges {
		e.A, e.B = to[e.A], to[e.B]
		if rng.IntN(2) == 0 {
			e.A, e.B = e.B, e.A
		}
		out.Edges = append(out.Edges, e)
	}
	rng.Shuffle(len(out.Edges), func(i, j int) { out.Edges[i], out.Edges[j] = out.Edges[j], out.Edges[i] })
	for _, d := range w.in.Decisions {
		d.A, d.B = to[d.A], to[d.B]
		out.Decisions = append(out.Decisions, d)
	}
	rng.Shuffle(len(out.Decisions), func(i, j int) { out.Decisions[i], out.Decisions[j] = out.Decisions[j], out.Decisions[i] })
	return out, of
}

// naive is the specification written down without any data structure: every guard looks at every pair of rows again.
func naive(in cluster.Input) []int {
	label := make([]int, in.Rows)
	for i := range label {
		label[i] = i
	}
	members := func(l int) (out []int32) {
		for i, v := range label {
			if v == l {
				out = append(out, int32(i))
			}
		}
		return out
	}
	newest := map[[2]int32]cluster.Decision{}
	for _, d := range in.Decisions {
		k := [2]int32{min(d.A, d.B), max(d.A, d.B)}
		if o, ok := newest[k]; !ok || d.At > o.At || d.At == o.At && !d.Must {
			newest[k] = d
		}
	}
	var musts []cluster.Decision
	for _, d := range newest {
		if d.Must {
			musts = append(musts, d)
		}
	}
	ids := func(a, b int32) [2]uint64 {
		return [2]uint64{min(in.ID[a], in.ID[b]), max(in.ID[a], in.ID[b])}
	}
	byIDs := func(x, y [2]uint64) int {
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	}
	slices.SortFunc(musts, func(a, b cluster.Decision) int {
		return cmp.Or(cmp.Compare(b.At, a.At), byIDs(ids(a.A, a.B), ids(b.A, b.B)))
	})
	barred := func(a, b []int32) bool {
		for _, d := range newest {
			if !d.Must && (slices.Contains(a, d.A) && slices.Contains(b, d.B) || slices.Contains(a, d.B) && slices.Contains(b, d.A)) {
				return true
			}
		}
		return false
	}
	join := func(a, b int) {
		for i := range label {
			if label[i] == b {
				label[i] = a
			}
		}
	}
	for _, d := range musts {
		a, b := label[d.A], label[d.B]
		if a != b && !barred(members(a), members(b)) {
			join(a, b)
		}
	}
	edges := slices.Clone(in.Edges)
	slices.SortFunc(edges, func(e, f cluster.Edge) int {
		return cmp.Or(cmp.Compare(f.Kind, e.Kind), cmp.Compare(f.Weight, e.Weight), byIDs(ids(e.A, e.B), ids(f.A, f.B)))
	})
	width := func(rows []int32) (d float64) {
		for _, a := range rows {
			for _, b := range rows {
				if !in.Loose(a) && !in.Loose(b) {
					if w := math.Hypot(in.X[a]-in.X[b], in.Y[a]-in.Y[b]); w > d {
						d = w
					}
				}
			}
		}
		return d
	}
	span := func(rows []int32) (d int64) {
		for _, a := range rows {
			for _, b := range rows {
				if !in.Loose(a) && !in.Loose(b) && in.Time[a] != cluster.NoTime && in.Time[b] != cluster.NoTime {
					d = max(d, in.Time[a]-in.Time[b])
				}
			}
		}
		return d
	}
	for _, e := range edges {
		a, b := label[e.A], label[e.B]
		if a == b {
			continue
		}
		ra, rb := members(a), members(b)
		both := slices.Concat(ra, rb)
		p, q := in.Policies[in.Class[e.A]], in.Policies[in.Class[e.B]]
		if e.Kind == cluster.Probable && (e.Weight < max(p.Link, q.Link) || p.Mode != cluster.Auto || q.Mode != cluster.Auto) {
			continue
		}
		var share, bits, limit float64
		var long int64
		never, follow := false, true
		for _, r := range both {
			p := in.Policies[in.Class[r]]
			never = never || p.Mode == cluster.Never
			follow = follow && (p.Mode != cluster.Never || p.FollowGiven)
			share, bits = max(share, p.Support), max(bits, p.SupportBits)
			if p.Diameter > 0 && (limit == 0 || p.Diameter < limit) {
				limit = p.Diameter
			}
			if p.Span > 0 && (long == 0 || p.Span < long) {
				long = p.Span
			}
		}
		if barred(ra, rb) || never && (e.Kind != cluster.Given || !follow) {
			continue
		}
		if e.Kind != cluster.Given {
			if w := width(both); limit > 0 && w > max(limit, width(ra), width(rb)) {
				continue
			}
			if s := span(both); long > 0 && s > max(long, span(ra), span(rb)) {
				continue
			}
		}
		if e.Kind == cluster.Probable {
			// Loose rows have no say, unless a side has no others.
			say := func(rows []int32) []int32 {
				voters := slices.DeleteFunc(slices.Clone(rows), in.Loose)
				if len(voters) == 0 {
					return rows
				}
				return voters
			}
			yes, va, vb := 0, say(ra), say(rb)
			for _, x := range va {
				for _, y := range vb {
					if in.Weight(x, y) >= bits {
						yes++
					}
				}
			}
			if float64(yes) < share*float64(len(va)*len(vb)) {
				continue
			}
		}
		join(a, b)
	}
	return label
}

// canonical numbers labels by first occurrence.
func canonical[L comparable](label []L) []int {
	num := map[L]int{}
	out := make([]int, len(label))
	for i, l := range label {
		if _, ok := num[l]; !ok {
			num[l] = len(num)
		}
		out[i] = num[l]
	}
	return out
}

func agglomerate(t testing.TB, in cluster.Input) cluster.Result {
	t.Helper()
	res, err := cluster.Agglomerate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestClustersAreThoseOfTheOracle(t *testing.T) {
	joined := 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(rng, 2+rng.IntN(15)) // at most 64 cross pairs: every support is exact
		res := agglomerate(t, w.in)
		if d := gocmp.Diff(canonical(naive(w.in)), canonical(res.Cluster)); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		joined += w.in.Rows - res.Clusters
	}
	if joined < 1000 {
		t.Fatalf("only %d merges: the worlds test nothing", joined)
	}
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		w := newWorld(rng, 2+rng.IntN(80)) // samples too
		want := agglomerate(t, w.in)
		mixed, of := w.shuffled(rng)
		got := agglomerate(t, mixed)
		back := make([]int32, w.in.Rows)
		for i, o := range of {
			back[o] = got.Cluster[i]
		}
		if d := gocmp.Diff(canonical(want.Cluster), canonical(back)); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		if d := gocmp.Diff(want.Stats.Edges, got.Stats.Edges); d != "" {
			t.Fatalf("seed %d: verdicts (-want +got):\n%s", seed, d)
		}
	}
}

// A storm: the clusters are so large that support is taken from samples, and enough merges are refused for a sample that
// depended on row numbers to show.
func TestOrderOfArrivalInAStorm(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := &world{in: place(500, 700)}
		w.in.Class = make([]uint8, 500)
		w.in.Loose = func(int32) bool { return false }
		for i := range int32(500) {
			for j := range i {
				if bits := w.in.Weight(i, j); bits > 4 && rng.IntN(4) == 0 {
					w.in.Edges = append(w.in.Edges, cluster.Edge{A: i, B: j, Weight: math.Floor(bits)})
				}
			}
		}
		want := agglomerate(t, w.in)
		if want.Stats.Largest < 30 || want.Stats.Edges["refused_support"] == 0 {
			t.Fatalf("no storm: %+v", want.Stats)
		}
		mixed, of := w.shuffled(rng)
		got := agglomerate(t, mixed)
		back := make([]int32, w.in.Rows)
		for i, o := range of {
			back[o] = got.Cluster[i]
		}
		if d := gocmp.Diff(canonical(want.Cluster), canonical(back)); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

// Computing the touched components alone gives what computing everything gives.
func TestTouchedRowsAloneGiveTheSame(t *testing.T) {
	fewer := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(rng, 60)
		// Thin it out, so that there are several components.
		w.in.Edges = slices.DeleteFunc(w.in.Edges, func(e cluster.Edge) bool { return (e.A/6 != e.B/6) })
		w.in.Decisions = slices.DeleteFunc(w.in.Decisions, func(d cluster.Decision) bool { return d.Must && d.A/12 != d.B/12 })
		all := agglomerate(t, w.in)
		rows := cluster.Touched(w.in.Rows, w.in.Edges, w.in.Decisions, 1, func(i int32) bool { return i%23 == 0 })
		to := map[int32]int32{}
		part := cluster.Input{Rows: len(rows), Policies: w.in.Policies}
		var want []int32
		for i, r := range rows {
			to[r] = int32(i)
			part.ID = append(part.ID, w.in.ID[r])
			part.Class = append(part.Class, w.in.Class[r])
			part.X, part.Y = append(part.X, w.in.X[r]), append(part.Y, w.in.Y[r])
			part.Time = append(part.Time, w.in.Time[r])
			want = append(want, all.Cluster[r])
		}
		part.Loose = func(i int32) bool { return w.in.Loose(rows[i]) }
		part.Weight = func(a, b int32) float64 { return w.in.Weight(rows[a], rows[b]) }
		for _, e := range w.in.Edges {
			a, ok := to[e.A]
			b, ok2 := to[e.B]
			if ok && ok2 {
				part.Edges = append(part.Edges, cluster.Edge{A: a, B: b, Weight: e.Weight, Kind: e.Kind})
			}
		}
		for _, d := range w.in.Decisions {
			a, ok := to[d.A]
			b, ok2 := to[d.B]
			if ok && ok2 {
				part.Decisions = append(part.Decisions, cluster.Decision{A: a, B: b, Must: d.Must, At: d.At})
			}
		}
		got := agglomerate(t, part)
		if d := gocmp.Diff(canonical(want), canonical(got.Cluster)); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
		fewer += w.in.Rows - len(rows)
	}
	if fewer == 0 {
		t.Fatal("every row was touched: the worlds test nothing")
	}
}
