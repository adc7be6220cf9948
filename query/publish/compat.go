package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"onegrid/event"
	"onegrid/query/pgcatalog"
)

// databaseName is what clients of the PostgreSQL wire see as the database.
const databaseName = "onegrid"

// compat makes the system relations and functions that browsing clients ask for. It is done once per file, when its
// tables stand; what they tell are the published tables and nothing else.
func (r *round) compat(ctx context.Context, db string) (err error) {
	tables, err := r.clientTables(ctx, db)
	if err != nil {
		return fmt.Errorf("reading the tables of a snapshot: %w", err)
	}
	if err := r.eng.exec(ctx, "USE "+db); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.eng.exec(context.WithoutCancel(ctx), "USE memory")) }()
	for _, q := range pgcatalog.Statements(databaseName, tables) {
		if err := r.eng.exec(ctx, q); err != nil {
			return fmt.Errorf("making the catalog of clients: %w", err)
		}
	}
	return nil
}

// clientTables describes the tables of an attached file.
func (r *round) clientTables(ctx context.Context, db string) ([]pgcatalog.Table, error) {
	rows, err := r.eng.conn.QueryContext(ctx, "SELECT table_name, column_name, data_type, (SELECT estimated_size FROM duckdb_tables() t WHERE t.database_name = c.database_name AND t.table_name = c.table_name) FROM duckdb_columns() c WHERE database_name = ? AND NOT internal ORDER BY table_name, column_index", db)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []pgcatalog.Table
	for rows.Next() {
		var table string
		var c pgcatalog.Column
		var n *int64
		if err := rows.Scan(&table, &c.Name, &c.Type, &n); err != nil {
			return nil, err
		}
		if slices.Contains(pgcatalog.Names(), table) {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Name != table {
			t := pgcatalog.Table{Name: table}
			if n != nil {
				t.Rows = *n
			}
			for _, d := range datasets() {
				if d[0] == table {
					t.Comment = strings.Join([]string{d[1], d[2]}, " · ")
				}
			}
			out = append(out, t)
		}
		if table == "event" {
			if col, ok := event.Lookup(c.Name); ok {
				c.Comment = col.Doc + " · " + col.DocZH
			}
		}
		t := &out[len(out)-1]
		t.Columns = append(t.Columns, c)
	}
	return out, rows.Err()
}
