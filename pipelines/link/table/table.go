package table

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// Kind is what a column holds.
type Kind uint8

const (
	KindText   Kind = iota + 1 // dictionary-coded text
	KindNumber                 // 64-bit float
	KindDate                   // civil date by its digits, which may be no real date
	KindTime                   // instant
	KindSet                    // set of tokens
	KindPoint                  // position: degrees or metres
)

func (k Kind) String() string {
	switch k {
	case KindText:
		return "text"
	case KindNumber:
		return "number"
	case KindDate:
		return "date"
	case KindTime:
		return "time"
	case KindSet:
		return "set"
	case KindPoint:
		return "point"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Table is the records, numbered from 0 in the order in which they were added.
type Table struct {
	rows  int
	id    *Text
	names []string
	byKey map[string]any // *Text, *Number, *Date, *Time, *Set or *Point
	index *dictBuilder   // record numbers are distinct, so that a code is a row plus one
}

// Rows is the number of records.
func (t *Table) Rows() int { return t.rows }

// ID is the record number of a row, as the source writes it.
func (t *Table) ID(row int32) string { s, _ := t.id.Value(row); return s }

// IDs is the column of record numbers.
func (t *Table) IDs() *Text { return t.id }

// Find gives the row of a record number.
func (t *Table) Find(id string) (row int32, ok bool) {
	code := t.index.find([]byte(id))
	return int32(code) - 1, code != 0
}

// Names are the columns in the order of their definition.
func (t *Table) Names() []string { return slices.Clone(t.names) }

// Kind is the kind of a column, 0 where there is none of that name.
func (t *Table) Kind(name string) Kind {
	switch t.byKey[name].(type) {
	case *Text:
		return KindText
	case *Number:
		return KindNumber
	case *Date:
		return KindDate
	case *Time:
		return KindTime
	case *Set:
		return KindSet
	case *Point:
		return KindPoint
	}
	return 0
}

// Text gives a text column, nil where the name is unknown or of another kind. So do the others.
func (t *Table) Text(name string) *Text { c, _ := t.byKey[name].(*Text); return c }

// Number gives a column of numbers.
func (t *Table) Number(name string) *Number { c, _ := t.byKey[name].(*Number); return c }

// Date gives a column of civil dates.
func (t *Table) Date(name string) *Date { c, _ := t.byKey[name].(*Date); return c }

// Time gives a column of instants.
func (t *Table) Time(name string) *Time { c, _ := t.byKey[name].(*Time); return c }

// Set gives a column of token sets.
func (t *Table) Set(name string) *Set { c, _ := t.byKey[name].(*Set); return c }

// Point gives a column of positions.
func (t *Table) Point(name string) *Point { c, _ := t.byKey[name].(*Point); return c }

// Bytes is the memory that the columns hold, without the index of record numbers.
func (t *Table) Bytes() int {
	n := t.id.bytes()
	for _, c := range t.byKey {
		n += c.(interface{ bytes() int }).bytes()
	}
	return n
}

// Null reports whether a row has no value in a column; true for a column that does not exist.
func (t *Table) Null(name string, row int32) bool {
	switch c := t.byKey[name].(type) {
	case *Text:
		return c.Code(row) == 0
	case *Number:
		return c.Null(row)
	case *Date:
		return c.At(row) == 0
	case *Time:
		return c.Null(row)
	case *Set:
		return c.Null(row)
	case *Point:
		return c.Null(row)
	}
	return true
}

// Text is a column of texts, coded by a dictionary.
type Text struct {
	codes []uint32
	dict  *Dict
}

// Code is the code of a row's value, 0 for null. Two rows hold the same text where their codes are equal and not 0.
func (c *Text) Code(row int32) uint32 { return c.codes[row] }

// Codes are the codes of all rows, for reading only.
func (c *Text) Codes() []uint32 { return c.codes }

// Value is the text of a row; false for null.
func (c *Text) Value(row int32) (string, bool) {
	code := c.codes[row]
	return c.dict.At(code), code != 0
}

// Dict is the column's dictionary.
func (c *Text) Dict() *Dict { return c.dict }

func (c *Text) bytes() int { return 4*len(c.codes) + c.dict.bytes() }

// Number is a column of numbers.
type Number struct{ v []float64 }

// At is the value of a row, NaN for null.
func (c *Number) At(row int32) float64 { return c.v[row] }

// Null reports whether the row has no value.
func (c *Number) Null(row int32) bool { v := c.v[row]; return v != v }

func (c *Number) bytes() int { return 8 * len(c.v) }

// Date is a column of civil dates, written y*10000 + m*100 + d. A slip of the pen can make it no real date (a month 31):
// the digits are kept, because they still say something.
type Date struct{ v []int32 }

// At is the date of a row, 0 for null.
func (c *Date) At(row int32) int32 { return c.v[row] }

func (c *Date) bytes() int { return 4 * len(c.v) }

// NoTime is how a Time column writes null.
const NoTime = math.MinInt64

// Time is a column of instants in microseconds since 1970 UTC.
type Time struct{ v []int64 }

// At is the instant of a row in microseconds since 1970 UTC, NoTime for null.
func (c *Time) At(row int32) int64 { return c.v[row] }

// Null reports whether the row has no value.
func (c *Time) Null(row int32) bool { return c.v[row] == NoTime }

func (c *Time) bytes() int { return 8 * len(c.v) }

// Set is a column of token sets: rows of ascending tokens, one after the other in one array. A null row has no tokens
// and no set; an empty set is null too, because nothing can be said about it.
type Set struct {
	offs  []uint32 // rows+1
	items []uint32
	dict  *Dict // what the tokens stand for; nil where they are hashes
	once  sync.Once
	df    map[uint32]uint32 // of hashes, made when first asked for
}

// At are the tokens of a row in ascending order, for reading only; none for null. They are codes of Dict where the
// column has one, else hashes.
func (c *Set) At(row int32) []uint32 { return c.items[c.offs[row]:c.offs[row+1]] }

// Null reports whether the row has no tokens.
func (c *Set) Null(row int32) bool { return c.offs[row] == c.offs[row+1] }

// Dict gives the tokens as text, nil where they are hashes.
func (c *Set) Dict() *Dict { return c.dict }

// DF is the number of rows that hold the token.
func (c *Set) DF(token uint32) uint32 {
	if c.dict != nil {
		return c.dict.Count(token)
	}
	c.counted()
	return c.df[token]
}

// counted makes the frequencies of hashes.
func (c *Set) counted() {
	c.once.Do(func() {
		c.df = map[uint32]uint32{}
		for _, t := range c.items {
			c.df[t]++
		}
	})
}

func (c *Set) bytes() int {
	n := 4 * (len(c.offs) + len(c.items))
	if c.dict != nil {
		n += c.dict.bytes()
	}
	return n
}

// Point is a column of positions, either degrees of longitude and latitude or metres in a plane.
type Point struct {
	xy         []float64 // x, y of row 0, of row 1, ...; NaN for null
	geographic bool
}

// At is x and y (longitude and latitude where Geographic), NaN for null.
func (c *Point) At(row int32) (x, y float64) { return c.xy[2*row], c.xy[2*row+1] }

// Null reports whether the row has no position.
func (c *Point) Null(row int32) bool { v := c.xy[2*row]; return v != v }

// Geographic reports whether positions are in degrees; else they are in metres.
func (c *Point) Geographic() bool { return c.geographic }

// earthRadius is the mean radius of the earth in metres (IUGG).
const earthRadius = 6371008.8

// Metres is the distance of two rows, NaN where one has no position. Positions in degrees are taken as lying in the
// plane that touches the earth between them: below 10 km the error is under 0.1 % up to 70 degrees of latitude.
func (c *Point) Metres(a, b int32) float64 {
	dx, dy := c.xy[2*a]-c.xy[2*b], c.xy[2*a+1]-c.xy[2*b+1]
	if c.geographic {
		if dx > 180 {
			dx -= 360
		} else if dx < -180 {
			dx += 360
		}
		const k = earthRadius * math.Pi / 180
		dx *= k * math.Cos((c.xy[2*a+1]+c.xy[2*b+1])*(math.Pi/360))
		dy *= k
	}
	return math.Sqrt(dx*dx + dy*dy)
}

// Plane gives all positions in metres in one plane, NaN for null, as a grid of cells needs them. Degrees are laid out
// around the middle latitude of the column: good for finding neighbours within a city, not for measuring.
func (c *Point) Plane() (x, y []float64) {
	n := len(c.xy) / 2
	x, y = make([]float64, n), make([]float64, n)
	sum, k := 0.0, 0
	for i := range n {
		x[i], y[i] = c.xy[2*i], c.xy[2*i+1]
		if y[i] == y[i] {
			sum += y[i]
			k++
		}
	}
	if c.geographic && k > 0 {
		const degree = earthRadius * math.Pi / 180
		shrink := degree * math.Cos(sum/float64(k)*math.Pi/180)
		for i := range n {
			x[i] *= shrink
			y[i] *= degree
		}
	}
	return x, y
}

func (c *Point) bytes() int { return 8 * len(c.xy) }
