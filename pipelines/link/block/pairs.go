package block

import (
	"context"
	"fmt"
)

// handful is the number of pairs handed out at once, and stride the number of rows between two looks at the context.
const (
	handful = 8192
	stride  = 4096
)

// walk visits rows from the oldest to the newest. A block's cursor stands behind the members that were visited, so what
// follows it is exactly the later rows, for the blocks of the row itself and for cells next to it alike.
type walk struct {
	in    *Input
	rows  ranking
	fresh []bool
	rules []*index
	reach []uint32 // per rule: the last rank within the limit in time of the row that is visited
	stats Stats

	seen  []uint32 // rank → rank + 1 of the row whose partner it was last
	out   []Pair
	emit  func([]Pair) error
	x, y  []float64 // by rank
	width int       // of the window in crowded blocks
}

// Pairs hands out all candidates of the input in slices that are valid during the call of emit only. An error of emit, of
// a rule's Keys or of ctx ends it.
func Pairs(ctx context.Context, in Input, emit func([]Pair) error) (Stats, error) {
	if err := in.check(); err != nil {
		return Stats{}, err
	}
	w := &walk{in: &in, rows: newRanking(&in), emit: emit, out: make([]Pair, 0, handful), width: in.Window,
		stats: Stats{Rows: in.Rows, Rules: make([]RuleStats, len(in.Rules))}}
	if w.width == 0 {
		w.width = DefaultWindow
	}
	if err := w.prepare(ctx); err != nil {
		return Stats{}, err
	}
	w.reach = make([]uint32, len(w.rules))
	w.seen = make([]uint32, in.Rows)
	for a := range in.Rows {
		w.advance(uint32(a))
		if a%stride == 0 && ctx.Err() != nil {
			return Stats{}, fmt.Errorf("finding candidates: %w", ctx.Err())
		}
		for r := range w.rules {
			if err := w.visit(uint32(a), r); err != nil {
				return Stats{}, err
			}
		}
	}
	if err := w.flush(); err != nil {
		return Stats{}, err
	}
	for _, r := range w.stats.Rules {
		w.stats.Candidates += r.Candidates
	}
	return w.stats, nil
}

func (in *Input) check() error {
	for _, l := range []struct {
		name string
		n    int
	}{{"Order", len(in.Order)}, {"ID", len(in.ID)}, {"X", len(in.X)}, {"Y", len(in.Y)}} {
		if l.n != 0 && l.n != in.Rows {
			return fmt.Errorf("%w: %s has %d values for %d rows", ErrInput, l.name, l.n, in.Rows)
		}
	}
	if len(in.Rules) > 255 || in.Rows < 0 || in.Rows > 1<<31-2 {
		return fmt.Errorf("%w: %d rules, %d rows", ErrInput, len(in.Rules), in.Rows)
	}
	for i := range in.Rules {
		r := &in.Rules[i]
		switch {
		case r.Keys == nil && !(r.Radius > 0):
			return fmt.Errorf("%w: rule %s has neither keys nor a radius", ErrInput, r.Name)
		case r.Radius > 0 && (in.X == nil || in.Y == nil) && in.Rows > 0:
			return fmt.Errorf("%w: rule %s has a radius, but rows have no places", ErrInput, r.Name)
		case r.Within < 0 || r.Cap < 0 || r.MaxFrequency < 0:
			return fmt.Errorf("%w: rule %s has a negative limit", ErrInput, r.Name)
		}
	}
	return nil
}

func (w *walk) prepare(ctx context.Context) error {
	g := &grouper{in: w.in, rows: w.rows}
	if w.in.New != nil {
		g.fresh = make([]bool, w.in.Rows)
		for k, row := range w.rows.row {
			g.fresh[k] = w.in.New(int32(row))
		}
		w.fresh = g.fresh
	}
	for i := range w.in.Rules {
		if ctx.Err() != nil {
			return fmt.Errorf("preparing rule %s: %w", w.in.Rules[i].Name, ctx.Err())
		}
		r, st := &w.in.Rules[i], &w.stats.Rules[i]
		st.Rule = r.Name
		x, err := g.index(r, st)
		if err != nil {
			return err
		}
		w.rules = append(w.rules, x)
		if r.Radius > 0 && w.x == nil {
			w.x, w.y = make([]float64, w.in.Rows), make([]float64, w.in.Rows)
			for k, row := range w.rows.row {
				w.x[k], w.y[k] = w.in.X[row], w.in.Y[row]
			}
		}
	}
	return nil
}

// visit collects the later partners of a under one rule.
func (w *walk) visit(a uint32, rule int) error {
	x := w.rules[rule]
	own := x.rowAt[x.rowOff[a]:x.rowOff[a+1]]
	if x.off == nil {
		for _, at := range own {
			place := at &^ marked
			if x.members[place]&marked != 0 {
				continue // the last of its block
			}
			if err := w.scan(a, rule, place+1, at&marked != 0); err != nil {
				return err
			}
		}
	} else {
		for _, b := range own {
			x.todo[b]++
		}
		for _, b := range own {
			for _, near := range x.near[x.nearOff[b]:x.nearOff[b+1]] {
				from, to := x.todo[near], x.off[near+1]
				if from == to {
					continue
				}
				if err := w.scan(a, rule, from, w.crowded(x, rule, near)); err != nil {
					return err
				}
			}
		}
	}
	for ; x.next < len(x.extra) && x.extra[x.next].lo == a; x.next++ {
		if _, err := w.try(a, x.extra[x.next].hi, rule); err != nil {
			return err
		}
	}
	return nil
}

// advance moves the reach of every rule to the row a. Ranks are in order of time, so it only ever moves on.
func (w *walk) advance(a uint32) {
	last := uint32(w.in.Rows - 1)
	for r := range w.reach {
		limit := w.in.Rules[r].Within
		if limit == 0 || w.rows.at == nil || w.rows.at[a] == NoOrder {
			w.reach[r] = last
			continue
		}
		if a == 0 || w.rows.at[a-1] == NoOrder {
			w.reach[r] = a
		}
		for w.reach[r] < last && w.rows.within(a, w.reach[r]+1, limit) {
			w.reach[r]++
		}
	}
}

// crowded is grouper.crowded for a row next to a cell.
func (w *walk) crowded(x *index, rule int, b uint32) bool {
	r := &w.in.Rules[rule]
	from, to, limit := x.todo[b], x.off[b+1], uint32(r.limit())
	if r.Within == 0 || w.rows.at == nil {
		return to-x.off[b] > limit
	}
	return to-from >= limit && x.members[from+limit-1]&^marked <= w.reach[rule]
}

// scan tries the members of a block that come after a: all within the limit in time, or the next few if they are crowded.
func (w *walk) scan(a uint32, rule int, from uint32, crowded bool) error {
	x, reach := w.rules[rule], w.reach[rule]
	if x.members[from]&^marked > reach {
		return nil
	}
	if crowded {
		return w.window(a, rule, from)
	}
	onlyNew := w.fresh != nil && !w.fresh[a]
	for i := from; ; i++ {
		if onlyNew {
			if i = x.newAt[i]; i == none {
				return nil
			}
		}
		m := x.members[i]
		if m&^marked > reach {
			return nil
		}
		if _, err := w.try(a, m&^marked, rule); err != nil {
			return err
		}
		if m&marked != 0 {
			return nil
		}
	}
}

// window tries the next members of a crowded block until enough of them are candidates. All of them are within the limit
// in time: that is what crowded means. Pairs of two old rows that are not
// wanted take their place in the window all the same, so that the pairs with a new row are those of a full run.
func (w *walk) window(a uint32, rule int, from uint32) error {
	x := w.rules[rule]
	onlyNew := w.fresh != nil && !w.fresh[a]
	want, end := w.width, from+uint32(w.in.Rules[rule].limit())
	for i := from; i < end && want > 0; i++ {
		if onlyNew && x.newAt[i] >= end { // none is greater than every place
			return nil
		}
		m := x.members[i]
		c, ok := m&^marked, false
		if onlyNew && !w.fresh[c] {
			_, ok = w.candidate(a, c, rule)
		} else {
			var err error
			if ok, err = w.try(a, c, rule); err != nil {
				return err
			}
		}
		if ok {
			want--
		}
		if m&marked != 0 {
			return nil
		}
	}
	return nil
}

// try hands out a pair unless an earlier rule or block did, or the rule does not accept it. It reports whether the pair is a
// candidate, by whichever rule.
func (w *walk) try(a, c uint32, rule int) (bool, error) {
	if w.seen[c] == a+1 {
		return true, nil
	}
	p, ok := w.candidate(a, c, rule)
	if !ok {
		return false, nil
	}
	w.seen[c] = a + 1
	w.stats.Rules[rule].Candidates++
	w.out = append(w.out, p)
	if len(w.out) == handful {
		return true, w.flush()
	}
	return true, nil
}

// candidate checks the conditions of a rule that its blocks do not guarantee.
func (w *walk) candidate(a, c uint32, rule int) (Pair, bool) {
	r := &w.in.Rules[rule]
	if r.Radius > 0 {
		dx, dy := w.x[a]-w.x[c], w.y[a]-w.y[c]
		if !(dx*dx+dy*dy <= r.Radius*r.Radius) { // NaN: a representative without a position
			return Pair{}, false
		}
	}
	p := Pair{A: int32(w.rows.row[a]), B: int32(w.rows.row[c]), Rule: uint8(rule)}
	return p, r.Accept == nil || r.Accept(p.A, p.B)
}

func (w *walk) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	err := w.emit(w.out)
	w.out = w.out[:0]
	return err
}
