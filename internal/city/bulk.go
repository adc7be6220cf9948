package city

import (
	"fmt"
	"io"
)

// Encoding is the encoding of a written file.
type Encoding uint8

const (
	UTF8 Encoding = iota
	GB18030
)

func (c *City) lines(w io.Writer, enc Encoding) *lines {
	l := &lines{w: w}
	if enc == GB18030 {
		l.gb = c.gbTable()
	}
	return l
}

// asOf is a time at which the first n records of a department are all known; most are closed then.
func (c *City) asOf(dept, n int) int64 {
	b, _ := slotOf(dept, int64(max(0, n-1)))
	return c.wall(float64(b+1)*c.perBlock) + c.spread + 2*3600
}

// WriteHotlineCSV writes a header and the first n tickets, whatever the city's time, as CSV for benchmarks. The same n
// gives the same bytes.
func (c *City) WriteHotlineCSV(w io.Writer, n int, enc Encoding) error {
	out := c.hotlineHeader(w, enc)
	k := walker{c: c}
	var (
		rec  record
		r    row
		line []byte
	)
	asOf := c.asOf(hotline, n)
	for ord := range n {
		k.record(hotline, int64(ord), &rec)
		s := max(1, rec.at(asOf))
		c.hotline(&r, &rec, s, rec.steps[s-1].t)
		line = r.appendCSV(line[:0])
		out.add(line)
		if out.err != nil {
			break
		}
	}
	out.flush()
	if out.err != nil {
		return fmt.Errorf("writing tickets: %w", out.err)
	}
	return nil
}

// WriteHotlineUpdates writes a header and `changes` of the first n tickets, scattered evenly over them, each with a step
// more than WriteHotlineCSV gave it. Every round from 1 on picks other tickets and is later than the rounds before.
func (c *City) WriteHotlineUpdates(w io.Writer, n, changes, round int, enc Encoding) error {
	if changes < 1 || changes > n || round < 1 {
		return fmt.Errorf("city: cannot change %d of %d tickets in round %d", changes, n, round)
	}
	out := c.hotlineHeader(w, enc)
	k := walker{c: c}
	var (
		rec  record
		r    row
		line []byte
	)
	asOf := c.asOf(hotline, n)
	stride := n / changes
	for i := range changes {
		k.record(hotline, int64(i*stride+round%stride), &rec)
		rec.n = max(1, rec.at(asOf))
		code := int16(htUrged)
		if round%2 == 0 {
			code = htRework
		}
		rec.step(asOf+int64(round)*3600, code)
		c.hotline(&r, &rec, rec.n, rec.steps[rec.n-1].t)
		line = r.appendCSV(line[:0])
		out.add(line)
	}
	out.flush()
	if out.err != nil {
		return fmt.Errorf("writing updates: %w", out.err)
	}
	return nil
}

func (c *City) hotlineHeader(w io.Writer, enc Encoding) *lines {
	out := c.lines(w, enc)
	var head row
	for _, h := range HotlineColumns() {
		head.text(h)
	}
	out.add(head.appendCSV(nil))
	return out
}

// WriteUrbanCopy writes the first n cases in PostgreSQL's COPY text format, for a table made by UrbanDDL.
func (c *City) WriteUrbanCopy(w io.Writer, n int) error {
	out := c.lines(w, UTF8)
	rows := c.UrbanRows(n)
	var line []byte
	for rows.Next() {
		line = rows.row.appendCopy(line[:0])
		out.add(line)
		if out.err != nil {
			break
		}
	}
	out.flush()
	if out.err != nil {
		return fmt.Errorf("writing cases: %w", out.err)
	}
	return nil
}

// UrbanRows returns the first n cases as rows for a COPY; it is a pgx.CopyFromSource.
func (c *City) UrbanRows(n int) *Rows {
	return &Rows{k: walker{c: c}, n: n, asOf: c.asOf(urban, n), columns: urbanColumns()}
}

// Rows iterates over generated rows.
type Rows struct {
	k       walker
	at, n   int
	asOf    int64
	columns []urbanColumn
	rec     record
	row     row
}

// Next makes the next row and reports false after the last.
func (r *Rows) Next() bool {
	if r.at >= r.n {
		return false
	}
	r.k.record(urban, int64(r.at), &r.rec)
	s := max(1, r.rec.at(r.asOf))
	r.k.c.urban(&r.row, &r.rec, s, r.rec.steps[s-1].t)
	r.at++
	return true
}

// Values returns the row in the order of UrbanColumns: int64, float64, string, time.Time of the wall clock marked UTC, or
// nil. The slice is new.
func (r *Rows) Values() ([]any, error) {
	return r.row.values(make([]any, 0, len(r.columns)), r.columns, true), nil
}

// Err is always nil: making a row cannot fail.
func (r *Rows) Err() error { return nil }
