package score

// Scorer compares pairs with a program and, once it has one, weighs them with a model. It is used by one goroutine.
type Scorer struct {
	p *Program
	m *Model
	scratch
	caches  []cache // per comparison
	weights [][]float64
}

// cache remembers the level of pairs of values in as many slots; a pair takes the slot of an older one.
type cache struct {
	keys   []uint64
	levels []uint8
}

// cacheSlots per comparison: 72 KiB, so that six comparisons stay in a core's second-level cache.
const cacheSlots = 1 << 13

// NewScorer makes a scorer that compares only.
func (p *Program) NewScorer() *Scorer {
	s := &Scorer{p: p, caches: make([]cache, len(p.comps))}
	for i := range p.comps {
		if p.comps[i].text != nil {
			s.caches[i] = cache{make([]uint64, cacheSlots), make([]uint8, cacheSlots)}
		}
	}
	return s
}

// Weigh makes a scorer with a model. The model must fit the program: see Model.Fits.
func (p *Program) Weigh(m *Model) (*Scorer, error) {
	if err := m.Fits(p); err != nil {
		return nil, err
	}
	s := p.NewScorer()
	s.m = m
	s.weights = m.weights()
	return s, nil
}

// Compare gives the level of every comparison for two rows. It is symmetric.
func (s *Scorer) Compare(i, j int32) Pattern {
	g := uint64(0)
	for k := range s.p.comps {
		g |= uint64(s.level(k, i, j)) << s.p.comps[k].shift
	}
	return Pattern(g)
}

func (s *Scorer) level(k int, i, j int32) int {
	c := &s.p.comps[k]
	if c.null(i, j) {
		return 0
	}
	if c.text == nil {
		return s.first(c, i, j)
	}
	x, y := c.text.Code(i), c.text.Code(j)
	if x == y {
		return s.first(c, i, j)
	}
	if x > y {
		x, y = y, x
	}
	key := uint64(x)<<32 | uint64(y)
	slot := (key * 0x9e3779b97f4a7c15) >> 51 // the top 13 bits
	m := &s.caches[k]
	if m.keys[slot] != key {
		m.levels[slot] = uint8(s.first(c, i, j))
		m.keys[slot] = key
	}
	return int(m.levels[slot])
}

// first is the first level that holds.
func (s *Scorer) first(c *comparison, i, j int32) int {
	for k := range c.levels {
		if c.levels[k].test(s, i, j) {
			return k + 1
		}
	}
	return len(c.levels) // else holds; this is for a spec that was made by hand without one
}

// Score compares and weighs two rows.
func (s *Scorer) Score(i, j int32) Score {
	g := s.Compare(i, j)
	return Score{Bits: s.bits(g, i, j), Pattern: g}
}

// Weight is the bits of Score: log2 of the posterior odds that the rows are one thing.
func (s *Scorer) Weight(i, j int32) float64 { return s.bits(s.Compare(i, j), i, j) }

func (s *Scorer) bits(g Pattern, i, j int32) float64 {
	sum := s.m.priorBits()
	for k := range s.p.comps {
		c := &s.p.comps[k]
		l := int(uint64(g) >> c.shift & c.mask)
		sum += s.weights[k][l]
		if l > 0 {
			if tf := c.levels[l-1].tf; tf != nil {
				sum += tf.bits(i, j)
			}
		}
	}
	return sum
}
