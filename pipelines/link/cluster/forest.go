package cluster

// Forest is a union-find over rows (Tarjan and van Leeuwen, J. ACM 31, 1984: by size, with path halving). By itself it makes
// connected components: the baseline that guarded agglomeration is compared with, and the way to the touched rows.
type Forest struct {
	parent []int32 // of a root: -size
}

// NewForest returns n rows, each by itself.
func NewForest(n int) *Forest {
	f := &Forest{parent: make([]int32, n)}
	f.reset()
	return f
}

func (f *Forest) reset() {
	for i := range f.parent {
		f.parent[i] = -1
	}
}

// Find returns the root of a row's tree.
func (f *Forest) Find(a int32) int32 {
	for f.parent[a] >= 0 {
		if up := f.parent[f.parent[a]]; up >= 0 {
			f.parent[a] = up
		}
		a = f.parent[a]
	}
	return a
}

// Join puts two rows into one tree and reports whether they were apart.
func (f *Forest) Join(a, b int32) bool {
	a, b = f.Find(a), f.Find(b)
	if a == b {
		return false
	}
	if f.parent[a] > f.parent[b] {
		a, b = b, a
	}
	f.parent[a] += f.parent[b]
	f.parent[b] = a
	return true
}

// Size returns the number of rows in a row's tree.
func (f *Forest) Size(a int32) int { return int(-f.parent[f.Find(a)]) }

// Labels numbers the trees from 0 by their first row.
func (f *Forest) Labels() (label []int32, trees int) {
	label = make([]int32, len(f.parent))
	of := make([]int32, len(f.parent))
	for i := range f.parent {
		root := f.Find(int32(i))
		if of[root] == 0 {
			trees++
			of[root] = int32(trees)
		}
		label[i] = of[root] - 1
	}
	return label, trees
}

// Raw returns the connected components of the edges of at least the given weight, certain ones included: what no guard
// would make of them.
func Raw(rows int, edges []Edge, link float64) (label []int32, clusters int) {
	f := NewForest(rows)
	for _, e := range edges {
		if e.Kind != Probable || e.Weight >= link {
			f.Join(e.A, e.B)
		}
	}
	return f.Labels()
}

// SameKey returns the clusters of an exact rule: rows with equal keys are one, and a row with key 0 stands alone.
func SameKey(keys []uint64) (label []int32, clusters int) {
	f := NewForest(len(keys))
	first := make(map[uint64]int32, len(keys))
	for i, k := range keys {
		if k == 0 {
			continue
		}
		if j, ok := first[k]; ok {
			f.Join(j, int32(i))
			continue
		}
		first[k] = int32(i)
	}
	return f.Labels()
}

// Touched returns the rows whose clusters can change when the seeds are new or changed: everything that edges of at least
// the given weight, certain ones and must-links connect with them. Computing these rows alone, with all edges and decisions
// between them, gives what computing all rows gives.
func Touched(rows int, edges []Edge, decisions []Decision, weight float64, seed func(row int32) bool) []int32 {
	f := NewForest(rows)
	for _, e := range edges {
		if e.Kind != Probable || e.Weight >= weight {
			f.Join(e.A, e.B)
		}
	}
	for _, d := range decisions {
		if d.Must {
			f.Join(d.A, d.B)
		}
	}
	hit := make([]bool, rows)
	for i := range int32(rows) {
		if seed(i) {
			hit[f.Find(i)] = true
		}
	}
	var out []int32
	for i := range int32(rows) {
		if hit[f.Find(i)] {
			out = append(out, i)
		}
	}
	return out
}
