package score

import (
	"bytes"
	"math"
	"unicode/utf8"

	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// test compiles one condition.
func (p *Program) test(c *spec.Comparison, t *spec.Test) test {
	name := t.On
	if name == "" {
		name = c.Columns[0]
	}
	switch t.Condition() {
	case "else":
		return func(*Scorer, int32, int32) bool { return true }
	case "exact":
		return p.exact(name)
	case "swapped":
		a, b := p.t.Text(c.Columns[0]), p.t.Text(c.Columns[1])
		return func(_ *Scorer, i, j int32) bool { return sameText(a, i, b, j) && sameText(b, i, a, j) }
	case "open":
		holds := t.Open.Holds(p.t)
		return func(_ *Scorer, i, j int32) bool { return holds(i, j) }
	case "all", "any":
		return p.several(c, t)
	}
	switch p.t.Kind(name) {
	case table.KindText:
		return p.textTest(name, t)
	case table.KindSet:
		return p.setTest(name, t)
	case table.KindDate:
		return dateTest(p.t.Date(name), t)
	case table.KindNumber:
		return numberTest(p.t.Number(name), t)
	case table.KindTime:
		col, lag := p.t.Time(name), t.Lag.D().Microseconds()
		return func(_ *Scorer, i, j int32) bool {
			a, b := col.At(i), col.At(j)
			return a != table.NoTime && b != table.NoTime && a-b <= lag && b-a <= lag
		}
	case table.KindPoint:
		col, most := p.t.Point(name), *t.Metres
		return func(_ *Scorer, i, j int32) bool { return col.Metres(i, j) <= most } // NaN is not
	}
	return func(*Scorer, int32, int32) bool { return false }
}

func (p *Program) several(c *spec.Comparison, t *spec.Test) test {
	all := len(t.All) > 0
	var tests []test
	for _, sub := range append(append([]*spec.Test(nil), t.All...), t.Any...) {
		tests = append(tests, p.test(c, sub))
	}
	return func(s *Scorer, i, j int32) bool {
		for _, holds := range tests {
			if holds(s, i, j) != all {
				return !all
			}
		}
		return all
	}
}

// sameText compares values of two columns, which have dictionaries of their own.
func sameText(a *table.Text, i int32, b *table.Text, j int32) bool {
	x, y := a.Code(i), b.Code(j)
	return x != 0 && y != 0 && bytes.Equal(a.Dict().Bytes(x), b.Dict().Bytes(y))
}

func (p *Program) exact(name string) test {
	switch p.t.Kind(name) {
	case table.KindText:
		codes := p.t.Text(name).Codes()
		return func(_ *Scorer, i, j int32) bool { return codes[i] == codes[j] && codes[i] != 0 }
	case table.KindDate:
		c := p.t.Date(name)
		return func(_ *Scorer, i, j int32) bool { return c.At(i) == c.At(j) && c.At(i) != 0 }
	case table.KindNumber:
		c := p.t.Number(name)
		return func(_ *Scorer, i, j int32) bool { return c.At(i) == c.At(j) } // NaN is not
	case table.KindTime:
		c := p.t.Time(name)
		return func(_ *Scorer, i, j int32) bool { return c.At(i) == c.At(j) && !c.Null(i) }
	case table.KindSet:
		c := p.t.Set(name)
		return func(_ *Scorer, i, j int32) bool {
			a, b := c.At(i), c.At(j)
			if len(a) != len(b) || len(a) == 0 {
				return false
			}
			for k := range a {
				if a[k] != b[k] {
					return false
				}
			}
			return true
		}
	case table.KindPoint:
		c := p.t.Point(name)
		return func(_ *Scorer, i, j int32) bool {
			xa, ya := c.At(i)
			xb, yb := c.At(j)
			return xa == xb && ya == yb
		}
	}
	return func(*Scorer, int32, int32) bool { return false }
}

func (p *Program) textTest(name string, t *spec.Test) test {
	c := p.t.Text(name)
	// may rules out most pairs by their signatures, holds decides the rest.
	var may func(a, b signature) bool
	var holds func(s *Scorer, a, b []byte) bool
	switch t.Condition() {
	case "jaro_winkler":
		may = func(a, b signature) bool { return a.jaro(b, true) >= t.JaroWinkler }
		holds = func(s *Scorer, a, b []byte) bool { return s.jaroWinkler(a, b) >= t.JaroWinkler }
	case "jaro":
		may = func(a, b signature) bool { return a.jaro(b, false) >= t.Jaro }
		holds = func(s *Scorer, a, b []byte) bool { sim, _ := s.jaro(a, b); return sim >= t.Jaro }
	case "levenshtein":
		may = func(a, b signature) bool { return a.edits(b) <= t.Levenshtein }
		holds = func(s *Scorer, a, b []byte) bool { return s.edits(a, b, t.Levenshtein, false) <= t.Levenshtein }
	case "damerau_levenshtein":
		may = func(a, b signature) bool { return a.edits(b) <= t.Damerau }
		holds = func(s *Scorer, a, b []byte) bool { return s.edits(a, b, t.Damerau, true) <= t.Damerau }
	case "contains":
		may = func(a, b signature) bool {
			return min(a.n, b.n) >= int32(t.Contains) && (a.chars&^b.chars == 0 || b.chars&^a.chars == 0)
		}
		holds = func(_ *Scorer, a, b []byte) bool {
			if len(a) > len(b) {
				a, b = b, a
			}
			return utf8.RuneCount(a) >= t.Contains && bytes.Contains(b, a)
		}
	case "prefix":
		codes, d := c.Codes(), c.Dict()
		return func(_ *Scorer, i, j int32) bool {
			x, y := codes[i], codes[j]
			return x != 0 && y != 0 && (x == y || samePrefix(d.Bytes(x), d.Bytes(y), t.Prefix))
		}
	default:
		return func(*Scorer, int32, int32) bool { return false }
	}
	codes, d, sigs := c.Codes(), c.Dict(), p.signatures(name)
	return func(s *Scorer, i, j int32) bool {
		x, y := codes[i], codes[j]
		if x == 0 || y == 0 || x == y {
			return x == y && x != 0
		}
		return may(sigs[x], sigs[y]) && holds(s, d.Bytes(x), d.Bytes(y))
	}
}

// signatures of a column, made when first asked for.
func (p *Program) signatures(name string) []signature {
	if p.sigs[name] == nil {
		p.sigs[name] = signatures(p.t.Text(name))
	}
	return p.sigs[name]
}

func dateTest(c *table.Date, t *spec.Test) test {
	var holds func(a, b int32) bool
	switch t.Condition() {
	case "days":
		most := *t.Days
		holds = func(a, b int32) bool {
			x, ok1 := realDate(a)
			y, ok2 := realDate(b)
			return ok1 && ok2 && x-y <= most && y-x <= most
		}
	case "day_month_swapped":
		holds = func(a, b int32) bool { return swapDayMonth(a) == b }
	case "date_digits":
		holds = func(a, b int32) bool { return dateDigits(a, b) <= t.DateDigits }
	default:
		return func(*Scorer, int32, int32) bool { return false }
	}
	return func(_ *Scorer, i, j int32) bool {
		a, b := c.At(i), c.At(j)
		return a != 0 && b != 0 && holds(a, b)
	}
}

func numberTest(c *table.Number, t *spec.Test) test {
	if t.Diff != nil {
		most := *t.Diff
		return func(_ *Scorer, i, j int32) bool { return math.Abs(c.At(i)-c.At(j)) <= most }
	}
	share := t.Percent / 100
	return func(_ *Scorer, i, j int32) bool {
		a, b := c.At(i), c.At(j)
		return math.Abs(a-b) <= share*max(math.Abs(a), math.Abs(b))
	}
}

func (p *Program) setTest(name string, t *spec.Test) test {
	c := p.t.Set(name)
	df, _ := p.tokens(name, c)
	switch t.Condition() {
	case "jaccard":
		return func(_ *Scorer, i, j int32) bool {
			a, b := c.At(i), c.At(j)
			// The smaller set bounds the similarity: most pairs need no counting.
			if small, large := min(len(a), len(b)), max(len(a), len(b)); small == 0 || float64(small) < t.Jaccard*float64(large) {
				return false
			}
			n := 0
			common(a, b, func(uint32) bool { n++; return true })
			return float64(n) >= t.Jaccard*float64(len(a)+len(b)-n)
		}
	case "cosine":
		return p.cosine(c, df, t.Cosine)
	case "shared":
		return func(_ *Scorer, i, j int32) bool {
			n := 0
			common(c.At(i), c.At(j), func(uint32) bool { n++; return n < t.Shared })
			return n >= t.Shared
		}
	case "shared_token":
		most := t.SharedToken.DF
		return func(_ *Scorer, i, j int32) bool {
			found := false
			common(c.At(i), c.At(j), func(tok uint32) bool {
				found = df(tok) <= most
				return !found
			})
			return found
		}
	}
	return func(*Scorer, int32, int32) bool { return false }
}

// cosine weighs every token by log(rows/df) (inverse document frequency; Sparck Jones 1972). The lengths of all rows are
// worked out once.
func (p *Program) cosine(c *table.Set, df func(uint32) int, least float64) test {
	rows := float64(p.t.Rows())
	idf := func(tok uint32) float64 { return math.Log(1 + rows/float64(max(df(tok), 1))) }
	norm := make([]float32, p.t.Rows())
	for row := range norm {
		sum := 0.0
		for _, tok := range c.At(int32(row)) {
			w := idf(tok)
			sum += w * w
		}
		norm[row] = float32(math.Sqrt(sum))
	}
	return func(_ *Scorer, i, j int32) bool {
		dot := 0.0
		common(c.At(i), c.At(j), func(tok uint32) bool {
			w := idf(tok)
			dot += w * w
			return true
		})
		return dot > 0 && dot >= least*float64(norm[i])*float64(norm[j])
	}
}
