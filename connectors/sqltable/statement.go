package sqltable

import (
	"strconv"
	"strings"
)

// bounds is the part of a stream that one page statement reads: after or from lower, up to upper, at most limit rows.
type bounds struct {
	lower     []value // position: (time, key), (time) or (key); empty: from the beginning
	inclusive bool    // lower itself belongs to the page; lower is then the first cursor column only
	upper     *value  // on the first cursor column
	below     bool    // upper itself does not belong to the page
	limit     int
}

// stmt is a statement with its parameters in order.
type stmt struct {
	strings.Builder
	d    dialect
	args []value
}

func (s *stmt) param(c column, v value) string {
	s.args = append(s.args, v)
	return s.d.bind(c, len(s.args))
}

// page is one page by position, over all tables of the stream in one statement: one snapshot, so that a row that moves
// between tables is in one of them.
func (p *plan) page(b bounds) *stmt {
	return p.build(func(s *stmt, i int) string { return p.keyset(s, i, b) }, b.limit)
}

// group is every row at one position, for a tie that does not end within a page.
func (p *plan) group(pos []value) *stmt {
	return p.build(func(s *stmt, i int) string {
		var w []string
		for j, c := range p.cursor() {
			w = append(w, p.quoted[i][j]+" = "+s.param(c, pos[j]))
		}
		return strings.Join(w, " AND ")
	}, 0)
}

// strays are the rows that no page can reach: a cursor column is null, or the time lies after future.
func (p *plan) strays(future *value) *stmt {
	return p.build(func(s *stmt, i int) string {
		var w []string
		for j, c := range p.cursor() {
			if !c.never {
				w = append(w, p.quoted[i][j]+" IS NULL")
			}
		}
		if future != nil {
			w = append(w, p.quoted[i][0]+" > "+s.param(p.cursor()[0], *future))
		}
		return strings.Join(w, " OR ")
	}, 0)
}

// hasStrays reports whether strays can exist at all.
func (p *plan) hasStrays(future *value) bool {
	for _, c := range p.cursor() {
		if !c.never {
			return true
		}
	}
	return future != nil
}

// all is the whole stream.
func (p *plan) all() *stmt { return p.build(func(*stmt, int) string { return "" }, 0) }

// build writes SELECT columns FROM table WHERE ... for each table and joins them. With a limit the rows come in the
// order of the cursor.
func (p *plan) build(where func(*stmt, int) string, limit int) *stmt {
	s := &stmt{d: p.d}
	if !p.tagged() {
		q := p.branch(s, 0, where, limit, nil)
		s.WriteString(q)
		return s
	}
	var order []string
	if limit > 0 {
		for i := range p.cursor() {
			order = append(order, "o"+strconv.Itoa(i))
		}
	}
	var q strings.Builder
	for i := range p.sources {
		if i > 0 {
			q.WriteString(" UNION ALL ")
		}
		b := p.branch(s, i, where, limit, order)
		if limit > 0 {
			b = "SELECT * FROM (" + b + ")" + p.d.as + "b" + strconv.Itoa(i)
		}
		q.WriteString(b)
	}
	if limit > 0 {
		q.WriteString(" ORDER BY " + strings.Join(order, ", "))
		s.WriteString(p.d.limit(q.String(), limit))
		return s
	}
	s.WriteString(q.String())
	return s
}

func (p *plan) branch(s *stmt, i int, where func(*stmt, int) string, limit int, order []string) string {
	var q strings.Builder
	q.WriteString("SELECT ")
	for j, c := range p.cols {
		if j > 0 {
			q.WriteString(", ")
		}
		q.WriteString(c.exprs[i] + " AS c" + strconv.Itoa(j))
	}
	if p.tagged() {
		q.WriteString(", " + strconv.Itoa(i) + " AS tag")
	}
	// The columns that a union is ordered by are the bare ones: a projection may sort differently.
	for j, o := range order {
		q.WriteString(", " + p.quoted[i][j] + " AS " + o)
	}
	q.WriteString(" FROM " + p.sources[i] + p.d.as + "s")
	if w := where(s, i); w != "" {
		q.WriteString(" WHERE " + w)
	}
	if limit == 0 {
		return q.String()
	}
	q.WriteString(" ORDER BY " + strings.Join(p.quoted[i], ", "))
	return p.d.limit(q.String(), limit)
}

func (p *plan) keyset(s *stmt, i int, b bounds) string {
	cs, names := p.cursor(), p.quoted[i]
	var w []string
	switch {
	case len(b.lower) == 0:
		// A null time fails every later comparison; here it must be said.
		if !cs[0].never && b.upper == nil {
			w = append(w, names[0]+" IS NOT NULL")
		}
	case b.inclusive:
		w = append(w, names[0]+" >= "+s.param(cs[0], b.lower[0]))
	case len(cs) == 1:
		w = append(w, names[0]+" > "+s.param(cs[0], b.lower[0]))
	case p.d.tuples:
		w = append(w, "("+names[0]+", "+names[1]+") > ("+s.param(cs[0], b.lower[0])+", "+s.param(cs[1], b.lower[1])+")")
	default: // written so that an index on the first column is used
		w = append(w, names[0]+" >= "+s.param(cs[0], b.lower[0]))
		w = append(w, "("+names[0]+" > "+s.param(cs[0], b.lower[0])+" OR "+names[1]+" > "+s.param(cs[1], b.lower[1])+")")
	}
	if b.upper != nil {
		op := " <= "
		if b.below {
			op = " < "
		}
		w = append(w, names[0]+op+s.param(cs[0], *b.upper))
	}
	// Rows with a null key are strays: they have no place in the order.
	if len(cs) == 2 && !cs[1].never {
		w = append(w, names[1]+" IS NOT NULL")
	}
	return strings.Join(w, " AND ")
}

// newestStmt selects the largest value of the first cursor column in all tables, not above bound where there is one.
func (p *plan) newestStmt(bound *value) *stmt {
	s := &stmt{d: p.d}
	var q strings.Builder
	c := p.cursor()[0]
	for i := range p.sources {
		k := p.quoted[i][0]
		where := k + " IS NOT NULL"
		if bound != nil {
			where = k + " <= " + s.param(c, *bound)
		}
		b := p.d.limit("SELECT "+c.exprs[i]+" AS c0, "+k+" AS o0 FROM "+p.sources[i]+p.d.as+"s WHERE "+where+" ORDER BY "+k+" DESC", 1)
		if !p.tagged() {
			s.WriteString(b)
			return s
		}
		if i > 0 {
			q.WriteString(" UNION ALL ")
		}
		q.WriteString("SELECT * FROM (" + b + ")" + p.d.as + "b" + strconv.Itoa(i))
	}
	s.WriteString(p.d.limit(q.String()+" ORDER BY o0 DESC", 1))
	return s
}
