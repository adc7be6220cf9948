package cluster_test

import (
	"testing"

	"onegrid/pipelines/link/cluster"
)

// FuzzAgglomerate reads edges and decisions from bytes and checks what must hold of any result.
func FuzzAgglomerate(f *testing.F) {
	f.Add([]byte{0, 1, 20, 0, 1, 2, 20, 1, 2, 3, 20, 2})
	f.Add([]byte{0, 1, 0, 3, 1, 2, 0, 3, 0, 2, 0, 4})
	f.Add([]byte{5, 6, 30, 0, 6, 7, 30, 0, 5, 7, 1, 4, 4, 5, 9, 2, 4, 7, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		const n = 40
		in := cluster.Input{Rows: n, Policies: policies(), Class: make([]uint8, n), Weight: func(a, b int32) float64 { return float64((a * b) % 23) }}
		for i := range n {
			in.X, in.Y = append(in.X, float64(i*37%100)), append(in.Y, float64(i*53%100))
			in.Time = append(in.Time, int64(i*71%500))
			if i%7 == 0 {
				in.Class[i] = uint8(i / 7 % 5)
			}
		}
		for ; len(b) >= 4; b = b[4:] {
			x, y := int32(b[0]%n), int32(b[1]%n)
			switch k := b[3] % 5; {
			case x == y:
			case k < 3:
				in.Edges = append(in.Edges, cluster.Edge{A: x, B: y, Weight: float64(b[2]), Kind: cluster.Kind(k)})
			default:
				in.Decisions = append(in.Decisions, cluster.Decision{A: x, B: y, Must: k == 3, At: int64(b[2])})
			}
		}
		res := agglomerate(t, in)
		human := map[int32]bool{}
		for i, d := range in.Decisions {
			same := res.Cluster[d.A] == res.Cluster[d.B]
			if v := res.Decided[i]; v == cluster.Apart && same || (v == cluster.Joined || v == cluster.Inside) && !same {
				t.Fatalf("decision %d is %v, but together: %v", i, v, same)
			}
			if d.Must {
				human[d.A], human[d.B] = true, true
			}
		}
		given := map[int32]bool{}
		for i, e := range in.Edges {
			same := res.Cluster[e.A] == res.Cluster[e.B]
			if v := res.Edges[i]; (v == cluster.Joined || v == cluster.Inside) != same && v != cluster.Below {
				t.Fatalf("edge %d is %v, but together: %v", i, v, same)
			}
			if e.Kind == cluster.Given {
				given[e.A], given[e.B] = true, true
			}
		}
		size := map[int32]int{}
		for _, c := range res.Cluster {
			size[c]++
		}
		for row, c := range res.Cluster {
			p := in.Policies[in.Class[row]]
			if p.Mode == cluster.Never && size[c] > 1 && !human[int32(row)] && !(p.FollowGiven && given[int32(row)]) {
				t.Fatalf("row %d of a class that is never joined is in a cluster of %d", row, size[c])
			}
		}
		raw, _ := cluster.Raw(n, in.Edges, 5)
		of := map[int32]int32{}
		if len(in.Decisions) == 0 {
			for row, c := range res.Cluster {
				if r, ok := of[c]; ok && r != raw[row] {
					t.Fatal("a cluster crosses raw components")
				}
				of[c] = raw[row]
			}
		}
	})
}
