package score

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"onegrid/pipelines/link/spec"
)

// All stands for all rules in Candidates.
const All = -1

// Candidates hands out the pairs of one blocking rule, by its place in the spec, whatever other rules find; with All the
// distinct pairs of all rules.
type Candidates func(ctx context.Context, rule int, emit func(a, b int32)) error

// counts are how often each pattern occurs. Millions of pairs have a few thousand patterns, which is what makes
// expectation maximisation cheap.
type counts map[Pattern]float64

func (c counts) total() float64 {
	n := 0.0
	for _, v := range c {
		n += v
	}
	return n
}

// sorted patterns keep sums the same from run to run.
func (c counts) patterns() []Pattern { return slices.Sorted(maps.Keys(c)) }

// Rounds of learning: u and m depend on each other, because random pairs hold a few matches.
const rounds = 4

// Strength of the prior in matching pairs: it decides where data is thin and vanishes where there are hundreds.
const priorStrength = 3

// fewestMatches that a rule must be expected to hold to teach anything.
const fewestMatches = 8

// Train learns a model of the program from its table, without labels: u from random pairs, m by expectation maximisation
// on every rule's pairs, lambda from all candidates. The same table and spec give the same model.
func Train(ctx context.Context, p *Program, each Candidates) (*Model, error) {
	if p.t.Rows() < 2 {
		return nil, fmt.Errorf("training: %w", ErrNoPairs)
	}
	tr := &trainer{p: p, m: Prior(p), s: p.NewScorer()}
	tr.prior = Prior(p)
	tr.random()
	if err := tr.collect(ctx, each); err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	if tr.all.total() == 0 {
		return nil, fmt.Errorf("training: %w", ErrNoPairs)
	}
	tr.learnU(nil)
	for range rounds {
		tr.learnM()
		tr.learnLambda()
		tr.learnU(tr.m)
	}
	tr.learnM()
	tr.learnLambda()
	tr.m.Trained.Rows = p.t.Rows()
	tr.m.round()
	return tr.m, nil
}

type trainer struct {
	p        *Program
	prior, m *Model
	s        *Scorer
	sample   counts // random pairs
	sampled  float64
	all      counts // distinct candidates
	rules    []counts
	free     [][]bool // per rule: comparisons that it teaches
}

// pairs is the number of all pairs.
func (tr *trainer) pairs() float64 {
	n := float64(tr.p.t.Rows())
	return n * (n - 1) / 2
}

// random counts patterns of random pairs: all pairs of a small table, else as many as the spec says, drawn with a fixed
// seed.
func (tr *trainer) random() {
	tr.sample = counts{}
	n := int32(tr.p.t.Rows())
	want := tr.p.spec.Train.Pairs
	if tr.pairs() <= float64(want) {
		for i := range n {
			for j := i + 1; j < n; j++ {
				tr.sample[tr.s.Compare(i, j)]++
			}
		}
	} else {
		rng := rand.New(rand.NewPCG(tr.p.spec.Train.Seed, 0x6c696e6b))
		for range want {
			i, j := rng.Int32N(n), rng.Int32N(n-1)
			if j >= i {
				j++
			}
			tr.sample[tr.s.Compare(i, j)]++
		}
	}
	tr.sampled = tr.sample.total()
}

// collect counts the patterns of the candidates.
func (tr *trainer) collect(ctx context.Context, each Candidates) error {
	gather := func(rule int) (counts, error) {
		c := counts{}
		err := each(ctx, rule, func(a, b int32) { c[tr.s.Compare(a, b)]++ })
		return c, err
	}
	var err error
	if tr.all, err = gather(All); err != nil {
		return err
	}
	tr.m.Trained = &Trained{RandomPairs: int64(tr.sampled), Candidates: int64(tr.all.total())}
	for i, r := range tr.p.spec.Blocking {
		if r.NoTrain {
			continue
		}
		excluded := tr.p.spec.Excluded(r)
		free := make([]bool, len(excluded))
		info := TrainedRule{Rule: r.Name}
		for k, x := range excluded {
			if free[k] = !x; free[k] {
				info.Taught = append(info.Taught, tr.p.comps[k].c.Name)
			}
		}
		// One comparison alone fits any share of matches: there is nothing that it agrees or disagrees with.
		if len(info.Taught) < 2 {
			continue
		}
		c, err := gather(i)
		if err != nil {
			return err
		}
		info.Pairs = int64(c.total())
		tr.rules = append(tr.rules, tr.masked(c, free))
		tr.free = append(tr.free, free)
		info.Patterns = len(tr.rules[len(tr.rules)-1])
		tr.m.Trained.Rules = append(tr.m.Trained.Rules, info)
	}
	return nil
}

// masked leaves out the comparisons that a rule decides.
func (tr *trainer) masked(c counts, free []bool) counts {
	keep := uint64(0)
	for k, f := range free {
		if f {
			keep |= tr.p.comps[k].mask << tr.p.comps[k].shift
		}
	}
	out := counts{}
	for g, n := range c {
		out[g&Pattern(keep)] += n
	}
	return out
}

// learnU takes u from the random pairs. With a model, every pair counts only as far as it is no match: in a table of
// 5,000 records with 6,500 matching pairs, agreement on a rare number is more often a match than chance.
func (tr *trainer) learnU(m *Model) {
	var w [][]float64
	if m != nil {
		w = m.weights()
	}
	sums := tr.zero()
	for _, g := range tr.sample.patterns() {
		n := tr.sample[g]
		if m != nil {
			n *= 1 - Probability(tr.sum(w, g)+m.priorBits())
		}
		tr.spread(sums, g, n)
	}
	for k, c := range sums {
		total := 0.0
		for _, v := range c {
			total += v
		}
		for j := range c {
			// Half a pair is added to every level: never seen among n pairs is no proof of less than one in 2n.
			tr.m.Comparisons[k].Levels[j].U = (c[j] + 0.5) / (total + 0.5*float64(len(c)))
		}
	}
}

func (tr *trainer) zero() [][]float64 {
	out := make([][]float64, len(tr.p.comps))
	for k := range out {
		out[k] = make([]float64, len(tr.p.comps[k].levels))
	}
	return out
}

// spread adds n to the level of every comparison that is not null.
func (tr *trainer) spread(sums [][]float64, g Pattern, n float64) {
	for k := range sums {
		if l := tr.p.Level(g, k); l > 0 {
			sums[k][l-1] += n
		}
	}
}

// sum is the weight of a pattern without the prior.
func (tr *trainer) sum(w [][]float64, g Pattern) float64 {
	b := 0.0
	for k := range w {
		b += w[k][tr.p.Level(g, k)]
	}
	return b
}

// learnM runs expectation maximisation on every rule and puts the expected counts together: a rule counts by the matches
// that it is expected to hold.
func (tr *trainer) learnM() {
	taught := tr.zero()
	for r, c := range tr.rules {
		info := &tr.m.Trained.Rules[r]
		sums, matches, iterations := tr.maximise(c)
		info.Matches, info.Iterations, info.Used = matches, iterations, matches >= fewestMatches
		if !info.Used {
			continue
		}
		for k := range sums {
			if tr.free[r][k] {
				for j, v := range sums[k] {
					taught[k][j] += v
				}
			}
		}
	}
	for k := range taught {
		c := &tr.m.Comparisons[k]
		total := 0.0
		for _, v := range taught[k] {
			total += v
		}
		c.Matches = total
		c.Origin = "prior"
		if total >= fewestMatches {
			c.Origin = "trained"
		}
		for j, v := range taught[k] {
			prior := tr.prior.Comparisons[k].Levels[j].M
			if c.Origin == "trained" {
				prior = (v + priorStrength*prior) / (total + priorStrength)
			}
			c.Levels[j].M = max(prior, leastShare)
		}
		monotone(tr.p.comps[k].c, c.Levels)
	}
}

// maximise is expectation maximisation with u fixed: it returns the expected matches per level, in all, and the number of
// iterations. It starts from the prior m, so that the class it finds is the one of matches.
func (tr *trainer) maximise(c counts) (sums [][]float64, matches float64, iterations int) {
	pats := c.patterns()
	total := c.total()
	m := &Model{Lambda: 0.1}
	for k, cm := range tr.prior.Comparisons {
		levels := slices.Clone(cm.Levels)
		for j := range levels {
			levels[j].U = tr.m.Comparisons[k].Levels[j].U
		}
		m.Comparisons = append(m.Comparisons, ComparisonModel{Levels: levels})
	}
	for iterations < tr.p.spec.Train.Iterations {
		iterations++
		w, prior := m.weights(), m.priorBits()
		sums, matches = tr.zero(), 0
		for _, g := range pats {
			n := c[g] * Probability(tr.sum(w, g)+prior)
			matches += n
			tr.spread(sums, g, n)
		}
		change := 0.0
		for k := range sums {
			all := 0.0
			for _, v := range sums[k] {
				all += v
			}
			for j, v := range sums[k] {
				next := max(leastShare, (v+priorStrength*tr.prior.Comparisons[k].Levels[j].M)/(all+priorStrength))
				change = max(change, math.Abs(next-m.Comparisons[k].Levels[j].M))
				m.Comparisons[k].Levels[j].M = next
			}
		}
		next := min(max(matches/total, 1e-9), 1-1e-9)
		change = max(change, math.Abs(next-m.Lambda))
		m.Lambda = next
		if change < 1e-5 {
			break
		}
	}
	return sums, matches, iterations
}

// learnLambda finds the share of matches among all pairs at which the expected matches among the candidates are just
// that many. m and u stay as they are: only learnt together with m over all candidates does the prior run away.
func (tr *trainer) learnLambda() {
	t := tr.m.Trained
	w := tr.m.weights()
	pats := tr.all.patterns()
	bits := make([]float64, len(pats))
	for i, g := range pats {
		bits[i] = tr.sum(w, g)
	}
	seen := tr.zero()
	for _, g := range pats {
		tr.spread(seen, g, tr.all[g])
	}
	lambda := tr.prior.Lambda
	for range 200 {
		prior := Bits(lambda)
		t.Matches = 0
		sums := tr.zero()
		for i, g := range pats {
			n := tr.all[g] * Probability(bits[i]+prior)
			t.Matches += n
			tr.spread(sums, g, n)
		}
		t.Matches *= tr.excess(seen, sums)
		next := min(max(t.Matches, 0.5)/tr.pairs(), 0.5)
		done := math.Abs(next-lambda) < 1e-6*lambda
		lambda = next
		if done {
			break
		}
	}
	if f := tr.p.spec.Train.Prior; f != nil {
		lambda = *f
	}
	tr.m.Lambda = lambda
}

// most is the share of m from which a level is shown by most matches.
const most = 0.5

// excess is 1, or less where there are more expected matches than their commonest levels allow: if four in five matches
// lie within 15 m, a hundred pairs within 15 m stand for 125 matches and not for 300, however many pairs lie at 100 m.
// Neighbouring records of one type are not independent, so that without this bound they would count as matches.
func (tr *trainer) excess(seen, sums [][]float64) float64 {
	f := 1.0
	for k := range sums {
		all := 0.0
		for _, v := range sums[k] {
			all += v
		}
		for j, l := range tr.m.Comparisons[k].Levels {
			if l.M >= most && all > 0 {
				f = min(f, seen[k][j]/(l.M*all))
			}
		}
	}
	return f
}

// graded reports whether a level is a step on a scale of nearness, as opposed to another kind of evidence.
func graded(l *spec.Level) bool {
	switch l.Condition() {
	case "swapped", "all", "any", "day_month_swapped", "contains", "prefix":
		return false
	}
	return l.On == ""
}

// monotone keeps a nearer level from weighing less than a farther one, where thin data says so: neighbours that are in the
// wrong order get one weight, that of both together (pool adjacent violators; Ayer et al. 1955). Evidence of another kind
// is held only against else: no agreement weighs less than none.
func monotone(c *spec.Comparison, levels []LevelModel) {
	type block struct {
		m, u float64
		at   []int
	}
	ratio := func(b block) float64 { return b.m / b.u }
	pool := func(a, b block) block { return block{a.m + b.m, a.u + b.u, append(slices.Clone(a.at), b.at...)} }
	var blocks, others []block
	for j, l := range c.Levels {
		one := block{levels[j].M, levels[j].U, []int{j}}
		if !graded(l) {
			others = append(others, one)
			continue
		}
		blocks = append(blocks, one)
	}
	for i := 0; i+1 < len(blocks); {
		if ratio(blocks[i+1]) <= ratio(blocks[i]) {
			i++
			continue
		}
		blocks[i] = pool(blocks[i], blocks[i+1])
		blocks = slices.Delete(blocks, i+1, i+2)
		i = max(i-1, 0)
	}
	last := &blocks[len(blocks)-1] // with else
	for _, o := range others {
		if ratio(o) < ratio(*last) {
			*last = pool(*last, o)
		}
	}
	for _, b := range blocks {
		for _, j := range b.at {
			levels[j].M = levels[j].U * b.m / b.u
		}
	}
}
