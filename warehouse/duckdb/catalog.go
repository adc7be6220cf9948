package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// Table is a small table that is replaced as a whole, such as a part of the catalog. Types are text, int, float, date,
// bool and timestamp; values are string, int64, float64, bool, time.Time or nil.
type Table struct {
	Name    string
	Columns []TableColumn
	Rows    [][]any
}

// TableColumn is a column of a Table.
type TableColumn struct{ Name, Type string }

var tableTypes = map[string]string{"text": "VARCHAR", "int": "BIGINT", "float": "DOUBLE", "date": "DATE", "bool": "BOOLEAN", "timestamp": "TIMESTAMPTZ"}

// ReplaceTables replaces the given tables in one transaction, unless digest says that they are stored already.
func (s *Store) ReplaceTables(ctx context.Context, digest string, tables []Table) error {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	var have string
	err := s.db.QueryRowContext(ctx, "SELECT digest FROM cat_digest").Scan(&have)
	if err == nil && have == digest {
		return nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !strings.Contains(err.Error(), "does not exist") {
		return fmt.Errorf("reading the catalog's digest: %w", err)
	}
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := s.replaceTables(ctx, digest, tables); err != nil {
		return errors.Join(err, s.exec(ctx, "ROLLBACK"))
	}
	return s.exec(ctx, "COMMIT")
}

func (s *Store) replaceTables(ctx context.Context, digest string, tables []Table) error {
	for _, t := range tables {
		cols := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			typ, ok := tableTypes[c.Type]
			if !ok {
				return fmt.Errorf("table %s: column %s has unknown type %q", t.Name, c.Name, c.Type)
			}
			cols[i] = quoteIdent(c.Name) + " " + typ
		}
		if err := s.exec(ctx, "CREATE OR REPLACE TABLE "+quoteIdent(t.Name)+" ("+strings.Join(cols, ", ")+")"); err != nil {
			return fmt.Errorf("replacing table %s: %w", t.Name, err)
		}
		app, err := duckdb.NewAppenderFromConn(s.writer, "", t.Name)
		if err != nil {
			return fmt.Errorf("replacing table %s: %w", t.Name, err)
		}
		for _, row := range t.Rows {
			if err := app.AppendRow(driverValues(row)...); err != nil {
				return fmt.Errorf("replacing table %s: %w", t.Name, errors.Join(err, app.Close()))
			}
		}
		if err := app.Close(); err != nil {
			return fmt.Errorf("replacing table %s: %w", t.Name, err)
		}
	}
	if err := s.exec(ctx, "CREATE OR REPLACE TABLE cat_digest (digest VARCHAR, loaded_at TIMESTAMPTZ)"); err != nil {
		return err
	}
	return s.exec(ctx, "INSERT INTO cat_digest VALUES (?, ?)", digest, time.Now().UTC())
}
