package table

import "math"

// Nulled says what NullFrequent took out of a column. It names no values (invariant 4): a placeholder may be an address.
type Nulled struct {
	Column string
	Values int // distinct values
	Rows   int // rows that had one of them
}

// NullFrequent asks Build to null the values of a column that more than share of the rows with a value hold, and at least
// min rows: default positions, the address of a call centre, "unknown" in all its spellings. Such a value is where
// somebody had to enter something. Of a set only the tokens go.
func (b *Builder) NullFrequent(col int, share float64, min int) {
	b.frequent = append(b.frequent, frequent{col, share, min})
}

type frequent struct {
	col   int
	share float64
	min   int
}

// Nulled is what NullFrequent did, after Build.
func (b *Builder) Nulled() []Nulled { return b.nulled }

// above is the number of rows from which a value is a placeholder.
func (f frequent) above(rows int) int { return max(f.min, int(math.Floor(f.share*float64(rows)))+1) }

// nullFrequent works on a finished column that nobody reads yet.
func (f frequent) apply(name string, c any) Nulled {
	n := Nulled{Column: name}
	switch c := c.(type) {
	case *Text:
		n.Values, n.Rows = f.codes(c.codes, c.dict)
	case *Set:
		f.tokens(c, &n)
	case *Number:
		f.keys(len(c.v), func(i int) uint64 { return math.Float64bits(c.v[i]) }, func(i int) bool { return c.v[i] != c.v[i] },
			func(i int) { c.v[i] = math.NaN() }, &n)
	case *Date:
		f.keys(len(c.v), func(i int) uint64 { return uint64(c.v[i]) }, func(i int) bool { return c.v[i] == 0 }, func(i int) { c.v[i] = 0 }, &n)
	case *Time:
		f.keys(len(c.v), func(i int) uint64 { return uint64(c.v[i]) }, func(i int) bool { return c.v[i] == NoTime }, func(i int) { c.v[i] = NoTime }, &n)
	case *Point:
		f.keys(len(c.xy)/2, func(i int) uint64 {
			return math.Float64bits(c.xy[2*i])*0x9e3779b97f4a7c15 ^ math.Float64bits(c.xy[2*i+1])
		},
			func(i int) bool { return c.xy[2*i] != c.xy[2*i] }, func(i int) { c.xy[2*i], c.xy[2*i+1] = math.NaN(), math.NaN() }, &n)
	}
	return n
}

// codes nulls frequent codes of a dictionary column.
func (f frequent) codes(codes []uint32, d *Dict) (values, rows int) {
	known := 0
	for _, n := range d.count {
		known += int(n)
	}
	limit := f.above(known)
	for i, n := range d.count {
		if int(n) >= limit {
			values, rows = values+1, rows+int(n)
			d.count[i] = 0
		}
	}
	if values > 0 {
		for i, c := range codes {
			if c != 0 && d.count[c-1] == 0 {
				codes[i] = 0
			}
		}
	}
	return values, rows
}

// tokens takes frequent tokens out of a set column.
func (f frequent) tokens(c *Set, n *Nulled) {
	known := 0
	for i := range len(c.offs) - 1 {
		if c.offs[i] != c.offs[i+1] {
			known++
		}
	}
	limit := uint32(f.above(known))
	gone := map[uint32]bool{}
	at, start := uint32(0), uint32(0)
	if len(c.items) > 0 {
		c.DF(c.items[0]) // counts hashes before tokens move
	}
	for i := range len(c.offs) - 1 {
		row := c.items[start:c.offs[i+1]]
		start = c.offs[i+1]
		c.offs[i] = at
		hit := false
		for _, t := range row {
			if c.DF(t) >= limit {
				gone[t], hit = true, true
				continue
			}
			c.items[at] = t
			at++
		}
		if hit {
			n.Rows++
		}
	}
	c.offs[len(c.offs)-1] = at
	c.items = c.items[:at]
	n.Values = len(gone)
	for t := range gone {
		if c.dict != nil {
			c.dict.count[t-1] = 0
		} else {
			delete(c.df, t)
		}
	}
}

// keys nulls frequent values of a column of numbers.
func (f frequent) keys(rows int, key func(int) uint64, null func(int) bool, clear func(int), n *Nulled) {
	count := map[uint64]int32{}
	known := 0
	for i := range rows {
		if !null(i) {
			count[key(i)]++
			known++
		}
	}
	limit := int32(f.above(known))
	gone := map[uint64]bool{}
	for k, c := range count {
		if c >= limit {
			gone[k] = true
		}
	}
	if n.Values = len(gone); n.Values == 0 {
		return
	}
	for i := range rows {
		if !null(i) && gone[key(i)] {
			clear(i)
			n.Rows++
		}
	}
}
