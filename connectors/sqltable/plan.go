package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// tableColumn is the synthetic column with the table that a row came from.
const tableColumn = "_table"

// plan is how one stream is read: where from, which columns, by which cursor. It is made anew at every reading, from
// what the database says it has.
type plan struct {
	d       dialect
	stream  Stream
	sources []string // FROM items, without alias
	names   []string // what _table and the checkpoint call them; one empty name for a query
	cols    []column // selected columns, in the order of the statement
	time    int      // index of the cursor columns in cols, -1 where there is none
	key     int
	quoted  [][]string // the cursor columns in each source, quoted: time, key
}

func (p *plan) tagged() bool { return len(p.sources) > 1 }

// cursor returns the columns of the position, in order.
func (p *plan) cursor() []column {
	var cs []column
	if p.time >= 0 {
		cs = append(cs, p.cols[p.time])
	}
	if p.key >= 0 {
		cs = append(cs, p.cols[p.key])
	}
	return cs
}

var errSettings = errors.New("the settings do not fit the database")

// newPlan asks the database for the columns of a stream. The connection must be inside its transaction.
func newPlan(ctx context.Context, d dialect, s Stream, tx *sql.Tx) (*plan, error) {
	if d.encoding != "" {
		var name string
		if err := tx.QueryRowContext(ctx, d.encoding).Scan(&name); err != nil {
			return nil, err
		}
		d.utf8 = d.utf8 && name != "SQL_ASCII"
	}
	p := &plan{d: d, stream: s, time: -1, key: -1}
	var found []map[string]*sql.ColumnType // per source, by name
	var order []string
	var never []map[string]bool
	for _, src := range sourcesOf(d, s) {
		types, err := columnTypes(ctx, d, src.from, tx)
		if err != nil {
			return nil, err
		}
		byName := make(map[string]*sql.ColumnType, len(types))
		for _, t := range types {
			if byName[t.Name()] == nil {
				byName[t.Name()] = t
				if !slices.Contains(order, t.Name()) {
					order = append(order, t.Name())
				}
			}
		}
		nn, err := notNull(ctx, d, src.parts, tx)
		if err != nil {
			return nil, err
		}
		found, never = append(found, byName), append(never, nn)
		p.sources, p.names = append(p.sources, src.from), append(p.names, src.name)
	}
	want, err := p.choose(order)
	if err != nil {
		return nil, err
	}
	for _, name := range want {
		p.cols = append(p.cols, p.column(name, found, never))
	}
	return p, p.findCursor(found, order)
}

type source1 struct {
	from, name string
	parts      []string
}

func sourcesOf(d dialect, s Stream) []source1 {
	if s.Query != "" {
		// The newline keeps a trailing comment from swallowing the bracket.
		return []source1{{from: "(" + s.Query + "\n)"}}
	}
	out := make([]source1, len(s.Tables))
	for i, t := range s.Tables {
		parts, _ := parseName(t, d.fold) // checked by Validate
		out[i] = source1{from: quoteAll(parts, d.quote), name: strings.ReplaceAll(t, `"`, ""), parts: parts}
	}
	return out
}

func columnTypes(ctx context.Context, d dialect, from string, tx *sql.Tx) ([]*sql.ColumnType, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+from+d.as+"s WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	return types, errors.Join(rows.Close(), rows.Err())
}

// notNull returns the columns that are declared never to be null; for a query nothing is known.
func notNull(ctx context.Context, d dialect, parts []string, tx *sql.Tx) (map[string]bool, error) {
	out := map[string]bool{}
	if len(parts) == 0 || len(parts) > 2 {
		return out, nil
	}
	schema := ""
	if len(parts) == 2 {
		schema = parts[0]
	}
	rows, err := tx.QueryContext(ctx, d.notNull, schema, parts[len(parts)-1])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		out[n] = true
	}
	return out, rows.Err()
}

// resolve finds a configured column among those of the database: exactly, else without regard to case.
func resolve(name string, order []string) (string, bool) {
	if slices.Contains(order, name) {
		return name, true
	}
	for _, o := range order {
		if strings.EqualFold(o, name) {
			return o, true
		}
	}
	return "", false
}

func (p *plan) choose(order []string) ([]string, error) {
	if len(p.stream.Columns) == 0 {
		return order, nil
	}
	var want []string
	list := slices.Clone(p.stream.Columns)
	if c := p.stream.Cursor; c != nil {
		list = append(list, c.Time, c.Key)
	}
	for _, n := range list {
		if n == "" {
			continue
		}
		r, ok := resolve(n, order)
		if !ok {
			return nil, fmt.Errorf("%w: stream %s has no column %q", errSettings, p.stream.Name, n)
		}
		if !slices.Contains(want, r) {
			want = append(want, r)
		}
	}
	return want, nil
}

// column decides how a column is selected. A column that a table lacks, or that has another type there, is read as text
// everywhere, because a UNION needs one type.
func (p *plan) column(name string, found []map[string]*sql.ColumnType, never []map[string]bool) column {
	c := column{name: name, never: true}
	uniform := true
	for i, f := range found {
		t := f[name]
		if t == nil || i > 0 && (found[0][name] == nil || t.DatabaseTypeName() != found[0][name].DatabaseTypeName()) {
			uniform = false
		}
		c.never = c.never && never[i][name]
	}
	if uniform {
		c.dbType = strings.ToUpper(found[0][name].DatabaseTypeName())
		c.class = p.d.class(c.dbType)
	}
	charset := p.stream.Charset == "gb18030"
	for _, f := range found {
		expr := "s." + p.d.quote(name)
		switch {
		case !uniform && f[name] == nil:
			expr = p.d.text("NULL")
		case !uniform:
			expr = p.d.text(expr)
		default:
			if e := p.d.project(expr, c.dbType, charset && !p.isCursor(name)); e != expr {
				if charset && c.class == plain && e != p.d.project(expr, c.dbType, false) {
					c.class = p.d.undecoded
				}
				expr = e
			}
		}
		c.exprs = append(c.exprs, expr)
	}
	if charset && c.class == binary || charset && c.class == plain && !p.d.utf8 {
		c.class = rawText
	}
	return c
}

func (p *plan) isCursor(name string) bool {
	c := p.stream.Cursor
	return c != nil && (strings.EqualFold(name, c.Time) || strings.EqualFold(name, c.Key))
}

func (p *plan) findCursor(found []map[string]*sql.ColumnType, order []string) error {
	c := p.stream.Cursor
	if c == nil {
		return nil
	}
	p.quoted = make([][]string, len(p.sources))
	for _, k := range []struct {
		name string
		at   *int
	}{{c.Time, &p.time}, {c.Key, &p.key}} {
		if k.name == "" {
			continue
		}
		name, ok := resolve(k.name, order)
		if !ok {
			return fmt.Errorf("%w: stream %s has no column %q", errSettings, p.stream.Name, k.name)
		}
		for i, f := range found {
			if f[name] == nil || f[name].DatabaseTypeName() != found[0][name].DatabaseTypeName() {
				return fmt.Errorf("%w: the tables of stream %s do not all have the cursor column %q with one type", errSettings, p.stream.Name, k.name)
			}
			p.quoted[i] = append(p.quoted[i], "s."+p.d.quote(name))
		}
		*k.at = slices.IndexFunc(p.cols, func(c column) bool { return c.name == name })
	}
	for i := range p.cols {
		if (i == p.time || i == p.key) && p.cols[i].class == rawText {
			p.cols[i].class = p.d.class(p.cols[i].dbType)
		}
	}
	return nil
}

// valid reports whether a cell that the server does not vouch for is text.
func valid(b []byte) bool { return utf8.Valid(b) }
