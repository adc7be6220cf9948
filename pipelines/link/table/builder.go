package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrTooLarge means that a column would need more than 32-bit offsets.
var ErrTooLarge = errors.New("column too large")

// ErrDuplicateID means that two records have the same number.
var ErrDuplicateID = errors.New("record number stands twice")

// Def defines a column.
type Def struct {
	Name       string
	Kind       Kind
	Geographic bool // of a point: degrees instead of metres
	Words      bool // of a set: tokens are texts and kept in a dictionary; else they are hashes
}

// Builder makes a table row by row. A column that is not set before EndRow is null in that row.
type Builder struct {
	defs []Def
	cols []cell
	id   text
	rows int
	err  error

	frequent []frequent
	nulled   []Nulled
}

// cell is a column under construction.
type cell interface {
	pad() // appends null where the row has no value yet
	finish() any
}

// NewBuilder makes a builder. Columns are addressed by their place in defs.
func NewBuilder(defs ...Def) *Builder {
	b := &Builder{defs: slices.Clone(defs), id: text{d: newDictBuilder()}}
	for _, d := range b.defs {
		var c cell
		switch d.Kind {
		case KindText:
			c = &text{d: newDictBuilder(), rows: &b.rows}
		case KindNumber:
			c = &number{rows: &b.rows}
		case KindDate:
			c = &date{rows: &b.rows}
		case KindTime:
			c = &instant{rows: &b.rows}
		case KindSet:
			s := &set{rows: &b.rows, offs: []uint32{0}}
			if d.Words {
				s.d = newDictBuilder()
			}
			c = s
		case KindPoint:
			c = &point{rows: &b.rows, geographic: d.Geographic}
		default:
			panic(fmt.Sprintf("table: column %q has no kind", d.Name)) // a programming error: defs are made by code
		}
		b.cols = append(b.cols, c)
	}
	b.id.rows = &b.rows
	return b
}

// Rows is the number of rows ended so far.
func (b *Builder) Rows() int { return b.rows }

// Text sets a text. An empty text is null.
func (b *Builder) Text(col int, s string) { b.cols[col].(*text).set([]byte(s)) }

// TextBytes is Text without a copy; s may be reused.
func (b *Builder) TextBytes(col int, s []byte) { b.cols[col].(*text).set(s) }

// Number sets a number; NaN is null.
func (b *Builder) Number(col int, v float64) { b.cols[col].(*number).set(v) }

// Date sets a civil date y*10000 + m*100 + d; 0 is null.
func (b *Builder) Date(col int, v int32) { b.cols[col].(*date).set(v) }

// Time sets an instant in microseconds since 1970 UTC; NoTime is null.
func (b *Builder) Time(col int, us int64) { b.cols[col].(*instant).set(us) }

// Hashes sets a set of hashes, in any order, repeats allowed; none is null.
func (b *Builder) Hashes(col int, tokens []uint32) { b.cols[col].(*set).hashes(tokens) }

// Words sets a set of texts, repeats allowed; none is null.
func (b *Builder) Words(col int, tokens []string) { b.cols[col].(*set).words(tokens) }

// Point sets a position: longitude and latitude in degrees, or metres. NaN or an infinity in either is null.
func (b *Builder) Point(col int, x, y float64) { b.cols[col].(*point).set(x, y) }

// EndRow ends the row of the record with this number.
func (b *Builder) EndRow(id string) {
	b.id.set([]byte(id))
	b.id.pad()
	for _, c := range b.cols {
		c.pad()
	}
	b.rows++
	if b.rows > math.MaxInt32 {
		b.err = ErrTooLarge
	}
}

// Build ends the table. Record numbers must be present and distinct.
func (b *Builder) Build() (*Table, error) {
	t := &Table{rows: b.rows, byKey: make(map[string]any, len(b.cols)), index: b.id.d}
	if b.err != nil {
		return nil, fmt.Errorf("building table: %w", b.err)
	}
	t.id = b.id.finish().(*Text)
	for row := range int32(b.rows) {
		switch code := t.id.Code(row); {
		case code == 0:
			return nil, fmt.Errorf("building table: record %d: %w", row+1, ErrNoID)
		case code != uint32(row)+1: // an earlier row has it
			return nil, fmt.Errorf("building table: record %d: %w", row+1, ErrDuplicateID)
		}
	}
	for i, c := range b.cols {
		name := b.defs[i].Name
		if full, ok := c.(interface{ tooLarge() bool }); ok && full.tooLarge() {
			return nil, fmt.Errorf("building table: column %s: %w", name, ErrTooLarge)
		}
		t.names = append(t.names, name)
		col := c.finish()
		for _, f := range b.frequent {
			if f.col == i {
				if n := f.apply(name, col); n.Values > 0 {
					b.nulled = append(b.nulled, n)
				}
			}
		}
		t.byKey[name] = col
	}
	b.cols = nil
	return t, nil
}

// ErrNoID means that a record has no number.
var ErrNoID = errors.New("record without a number")

type text struct {
	rows  *int
	codes []uint32
	d     *dictBuilder
}

func (c *text) set(s []byte) {
	if len(s) == 0 || len(c.codes) > *c.rows {
		return
	}
	code := c.d.code(s)
	if code != 0 {
		c.d.count[code-1]++
	}
	c.codes = append(c.codes, code)
}

func (c *text) pad() {
	if len(c.codes) == *c.rows {
		c.codes = append(c.codes, 0)
	}
}

func (c *text) tooLarge() bool { return c.d.full }
func (c *text) finish() any {
	d := c.d.Dict
	d.data = slices.Clip(d.data)
	return &Text{codes: slices.Clip(c.codes), dict: &d}
}

type number struct {
	rows *int
	v    []float64
}

func (c *number) set(v float64) {
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	if len(c.v) == *c.rows {
		c.v = append(c.v, v)
	}
}
func (c *number) pad()        { c.set(math.NaN()) }
func (c *number) finish() any { return &Number{slices.Clip(c.v)} }

type date struct {
	rows *int
	v    []int32
}

func (c *date) set(v int32) {
	if len(c.v) == *c.rows {
		c.v = append(c.v, v)
	}
}
func (c *date) pad()        { c.set(0) }
func (c *date) finish() any { return &Date{slices.Clip(c.v)} }

type instant struct {
	rows *int
	v    []int64
}

func (c *instant) set(v int64) {
	if len(c.v) == *c.rows {
		c.v = append(c.v, v)
	}
}
func (c *instant) pad()        { c.set(NoTime) }
func (c *instant) finish() any { return &Time{slices.Clip(c.v)} }

type set struct {
	rows  *int
	offs  []uint32
	items []uint32
	d     *dictBuilder
	full  bool
}

func (c *set) hashes(tokens []uint32) {
	if len(c.offs) > *c.rows+1 || c.d != nil {
		return
	}
	start := len(c.items)
	c.items = append(c.items, tokens...)
	c.end(start)
}

func (c *set) words(tokens []string) {
	if len(c.offs) > *c.rows+1 || c.d == nil {
		return
	}
	start := len(c.items)
	for _, t := range tokens {
		if t != "" {
			if code := c.d.code([]byte(t)); code != 0 {
				c.items = append(c.items, code)
			}
		}
	}
	c.end(start)
	for _, code := range c.items[start:] {
		c.d.count[code-1]++
	}
}

// end sorts the tokens of the row and drops repeats.
func (c *set) end(start int) {
	row := c.items[start:]
	slices.Sort(row)
	c.items = c.items[:start+len(slices.Compact(row))]
	if len(c.items) > math.MaxUint32 {
		c.full = true
	}
	c.offs = append(c.offs, uint32(len(c.items)))
}

func (c *set) pad() {
	if len(c.offs) == *c.rows+1 {
		c.offs = append(c.offs, uint32(len(c.items)))
	}
}

func (c *set) tooLarge() bool { return c.full || c.d != nil && c.d.full }

func (c *set) finish() any {
	s := &Set{offs: slices.Clip(c.offs), items: slices.Clip(c.items)}
	if c.d != nil {
		d := c.d.Dict
		d.data = slices.Clip(d.data)
		s.dict = &d
	}
	return s
}

type point struct {
	rows       *int
	xy         []float64
	geographic bool
}

func (c *point) set(x, y float64) {
	if len(c.xy) > 2**c.rows {
		return
	}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		x, y = math.NaN(), math.NaN()
	}
	c.xy = append(c.xy, x, y)
}
func (c *point) pad()        { c.set(math.NaN(), math.NaN()) }
func (c *point) finish() any { return &Point{xy: slices.Clip(c.xy), geographic: c.geographic} }
