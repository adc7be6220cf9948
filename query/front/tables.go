package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/query"
)

// Table is one table of a published snapshot.
type Table struct {
	Name    string        `json:"name"`
	Title   string        `json:"title,omitempty"`
	ZH      string        `json:"title_zh,omitempty"`
	Doc     string        `json:"doc,omitempty"`
	Columns []TableColumn `json:"columns"`
}

// TableColumn is one column of a Table. Doc, Unit and Codes are empty where the catalog says nothing.
type TableColumn struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Unit  string `json:"unit,omitempty"`
	Codes string `json:"code_list,omitempty"`
	Doc   string `json:"doc,omitempty"`
	ZH    string `json:"doc_zh,omitempty"`
}

// tables remembers the tables of the newest generation of each scope.
type tables struct {
	mu   sync.Mutex
	seen map[query.Scope]described
}

type described struct {
	generation query.Generation
	tables     []Table
}

// The catalog as every role that can query may read it.
const (
	tableSQL  = `SELECT dataset, title, title_zh, doc FROM cat_dataset ORDER BY dataset`
	columnSQL = `SELECT dataset, "column", type, unit, code_list, doc, doc_zh FROM cat_column ORDER BY dataset, position`
)

// Tables lists the tables of the principal's scope, from the catalog inside the snapshot itself. The statements behind it
// take the same path as every other, audit included.
func (f *Front) Tables(ctx context.Context, who query.Principal, req query.Request) (list []Table, g query.Generation, err error) {
	ctx = context.WithValue(ctx, ownStatement{}, true)
	rows, g, err := f.texts(ctx, who, req, tableSQL)
	if err != nil {
		return nil, g, err
	}
	f.known.mu.Lock()
	old, ok := f.known.seen[who.Scope]
	f.known.mu.Unlock()
	if ok && old.generation.Number == g.Number && old.generation.SHA256 == g.SHA256 {
		return old.tables, g, nil
	}
	valid := regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	for _, r := range rows {
		if !valid.MatchString(r[0]) {
			continue // no name that we gave
		}
		t := Table{Name: r[0], Title: r[1], ZH: r[2], Doc: r[3]}
		one := req
		one.SQL = `SELECT * FROM "` + t.Name + `"`
		shape, err := f.Describe(ctx, who, one)
		var qe *query.Error
		switch {
		case err == nil:
		case errors.As(err, &qe) && (qe.Code == query.Denied || qe.Code == query.Invalid):
			continue // a table that this scope does not have
		default:
			return nil, g, err
		}
		for _, c := range shape.Columns {
			t.Columns = append(t.Columns, TableColumn{Name: c.Name, Type: c.Type})
		}
		list = append(list, t)
	}
	docs, _, err := f.texts(ctx, who, req, columnSQL)
	if err != nil {
		return nil, g, err
	}
	for _, d := range docs {
		for i := range list {
			for j := range list[i].Columns {
				if c := &list[i].Columns[j]; list[i].Name == d[0] && c.Name == d[1] {
					c.Unit, c.Codes, c.Doc, c.ZH = d[3], d[4], d[5], d[6]
				}
			}
		}
	}
	f.known.mu.Lock()
	f.known.seen[who.Scope] = described{g, list}
	f.known.mu.Unlock()
	return list, g, nil
}

// ownStatement marks a statement of this package in the context: no text of a client.
type ownStatement struct{}

// texts runs a statement of ours and returns all cells as text.
func (f *Front) texts(ctx context.Context, who query.Principal, req query.Request, sql string) (out [][]string, g query.Generation, err error) {
	req.ID, req.SQL, req.Params, req.MaxRows = "", sql, nil, 10_000
	a, err := f.Run(ctx, who, req)
	if err != nil {
		return nil, g, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	for {
		rec, err := a.Next()
		if errors.Is(err, io.EOF) {
			return out, a.Generation(), nil
		}
		if err != nil {
			return nil, g, err
		}
		cells, err := textCells(rec)
		rec.Release()
		if err != nil {
			return nil, g, err
		}
		out = append(out, cells...)
	}
}

func textCells(rec arrow.RecordBatch) ([][]string, error) {
	out := make([][]string, rec.NumRows())
	for i := range out {
		out[i] = make([]string, rec.NumCols())
	}
	for c, col := range rec.Columns() {
		s, ok := col.(array.StringLike)
		if !ok {
			return nil, fmt.Errorf("reading the catalog: column %d is %s, not text", c, col.DataType())
		}
		for i := range out {
			if !s.IsNull(i) {
				// A copy: the text lies in the memory of the batch.
				out[i][c] = string([]byte(s.Value(i)))
			}
		}
	}
	return out, nil
}
