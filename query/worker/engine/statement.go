package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"onegrid/query"
)

// Statement is a text that the gate let pass.
type Statement struct {
	Text    string
	Params  []query.Param
	MaxRows int64
	Explain bool
	// Raw runs the text as it is, whatever it is: for the tests of what the lock-down holds by itself.
	Raw bool
}

// prepared is a statement on its connection.
type prepared struct {
	stmt  mapping.PreparedStatement
	types []mapping.Type // of the parameters
}

func (p *prepared) close() { mapping.DestroyPrepare(&p.stmt) }

// prepare prepares a text that must be exactly one statement; nothing is executed. count is never taken on trust: the
// driver's own PrepareContext would execute all but the last.
func (c *connection) prepare(text string) (*prepared, error) {
	if strings.IndexByte(text, 0) >= 0 { // the C interface would see a shorter text
		return nil, ErrStatement
	}
	var ex mapping.ExtractedStatements
	count := mapping.ExtractStatements(c.c, text, &ex)
	defer mapping.DestroyExtracted(&ex)
	if count == 0 {
		if msg := mapping.ExtractStatementsError(ex); msg != "" {
			return nil, &Failure{Text: msg}
		}
		return nil, ErrStatement
	}
	if count != 1 {
		return nil, ErrStatement
	}
	p := &prepared{}
	if mapping.PrepareExtractedStatement(c.c, ex, 0, &p.stmt) == mapping.StateError {
		err := &Failure{Text: mapping.PrepareError(p.stmt)}
		p.close()
		return nil, err
	}
	for i := range mapping.NParams(p.stmt) {
		p.types = append(p.types, mapping.ParamType(p.stmt, i+1))
	}
	return p, nil
}

// alone parses the text by itself. What is one statement alone cannot close the parenthesis that we put around it.
func (c *connection) alone(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return ErrStatement
	}
	var ex mapping.ExtractedStatements
	count := mapping.ExtractStatements(c.c, text, &ex)
	defer mapping.DestroyExtracted(&ex)
	if msg := mapping.ExtractStatementsError(ex); count == 0 && msg != "" {
		return &Failure{Text: msg}
	}
	if count != 1 {
		return ErrStatement
	}
	return nil
}

// wrapped is the text as it is executed: one row more than the limit tells that there are more. The line break ends a
// comment at the end of the text. The inner order is kept: preserve_insertion_order is set and locked.
func wrapped(s Statement) string {
	return fmt.Sprintf("SELECT * FROM (%s\n) LIMIT %d", s.Text, s.MaxRows+1)
}

// prepareFor prepares what s asks for, and returns the names of its columns where wrapping changed them.
func (c *connection) prepareFor(s Statement) (*prepared, []string, error) {
	if s.Raw {
		p, err := c.prepare(s.Text)
		return p, nil, err
	}
	if err := c.alone(s.Text); err != nil {
		return nil, nil, err
	}
	p, err := c.prepare(wrapped(s))
	if err != nil {
		return nil, nil, err
	}
	if t := mapping.PreparedStatementType(p.stmt); t != mapping.StatementTypeSelect {
		p.close()
		return nil, nil, ErrStatement
	}
	if s.Explain {
		p.close()
		// The prefix is ours and the text is known to be a SELECT: it cannot become EXPLAIN ANALYZE of something else.
		p, err = c.prepare("EXPLAIN " + s.Text)
		return p, nil, err
	}
	names, err := c.innerNames(s.Text, p)
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return p, names, nil
}

// innerNames are the column names of the text itself, if they can differ: a subquery renames the second x to x_1.
func (c *connection) innerNames(text string, p *prepared) ([]string, error) {
	names, seen := columnNames(p), map[string]bool{}
	for _, n := range names {
		seen[strings.ToLower(n)] = true
	}
	doubtful := false
	for _, n := range names {
		if i := strings.LastIndexByte(n, '_'); i > 0 && seen[strings.ToLower(n[:i])] && digits(n[i+1:]) {
			doubtful = true
		}
	}
	if !doubtful {
		return nil, nil
	}
	inner, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	defer inner.close()
	if own := columnNames(inner); len(own) == len(names) {
		return own, nil
	}
	return nil, nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func columnNames(p *prepared) []string {
	names := make([]string, mapping.PreparedStatementColumnCount(p.stmt))
	for i := range names {
		names[i] = mapping.PreparedStatementColumnName(p.stmt, mapping.IdxT(i))
	}
	return names
}

// Describe tells columns and parameters without running anything. Parameters whose type nothing in the text decides have
// the type "".
func (e *Engine) Describe(s Statement) (query.Shape, error) {
	c, err := e.connect()
	if err != nil {
		return query.Shape{}, err
	}
	defer c.close()
	s.MaxRows = 0
	p, names, err := c.prepareFor(s)
	if err != nil {
		return query.Shape{}, err
	}
	defer p.close()
	var out query.Shape
	open := false
	for i := range p.types {
		lt := mapping.ParamLogicalType(p.stmt, mapping.IdxT(i+1))
		name := typeName(lt)
		mapping.DestroyLogicalType(&lt)
		if name == unknown {
			name, open = "", true
		}
		out.Params = append(out.Params, name)
	}
	if open {
		// The engine binds such a text only once the values are there.
		out.Columns, err = c.describeOpen(s, p)
		return out, err
	}
	out.Columns = preparedColumns(p)
	for i, n := range names {
		out.Columns[i].Name = n
	}
	return out, nil
}

func preparedColumns(p *prepared) []query.Column {
	out := make([]query.Column, mapping.PreparedStatementColumnCount(p.stmt))
	for i := range out {
		lt := mapping.PreparedStatementColumnLogicalType(p.stmt, mapping.IdxT(i))
		out[i] = query.Column{Name: mapping.PreparedStatementColumnName(p.stmt, mapping.IdxT(i)), Type: typeName(lt)}
		mapping.DestroyLogicalType(&lt)
	}
	return out
}

// describeOpen asks the engine to describe the text with a text NULL for every parameter that it knows no type of.
// DESCRIBE binds and plans; it does not run.
func (c *connection) describeOpen(s Statement, p *prepared) ([]query.Column, error) {
	d, err := c.prepare("DESCRIBE " + s.Text)
	if err != nil {
		return nil, err
	}
	defer d.close()
	for i, t := range p.types {
		if err := d.bindNull(i, t); err != nil {
			return nil, err
		}
	}
	var out []query.Column
	err = c.rows(d, func(row []string) { out = append(out, query.Column{Name: row[0], Type: row[1]}) })
	return out, err
}

// rows runs a small statement of ours whose columns are text.
func (c *connection) rows(p *prepared, each func([]string)) error {
	var res mapping.Result
	var pending mapping.PendingResult
	state := mapping.PendingPrepared(p.stmt, &pending)
	defer mapping.DestroyPending(&pending)
	if state == mapping.StateError {
		return &Failure{Text: mapping.PendingError(pending)}
	}
	defer mapping.DestroyResult(&res)
	if mapping.ExecutePending(pending, &res) == mapping.StateError {
		return &Failure{Text: mapping.ResultError(&res)}
	}
	for {
		chunk := mapping.FetchChunk(res)
		if chunk.Ptr == nil {
			return nil
		}
		n, cols := mapping.DataChunkGetSize(chunk), mapping.DataChunkGetColumnCount(chunk)
		for r := range n {
			row := make([]string, cols)
			for col := range cols {
				row[col] = text(mapping.DataChunkGetVector(chunk, col), r)
			}
			each(row)
		}
		mapping.DestroyDataChunk(&chunk)
	}
}

// IsFailure returns the engine's own message, for the package that turns it into words for a client.
func IsFailure(err error) (string, bool) {
	var f *Failure
	if errors.As(err, &f) {
		return f.Text, true
	}
	return "", false
}
