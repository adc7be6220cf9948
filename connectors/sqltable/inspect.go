package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"onegrid/connectors"
)

// Check implements connectors.Checker: it logs in and prepares every stream, which needs the right to read its tables.
// It warns where it sees that the account could write.
func (s *source) Check(ctx context.Context) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	defer db.Close()
	r := &reader{s: s, db: db, yield: func(connectors.Batch) bool { return true }}
	for _, st := range s.cfg.Streams {
		pr, err := r.prepare(ctx, st)
		if err != nil {
			return s.fail("checking stream "+st.Name, err)
		}
		if s.d.canWrite == "" || st.Query != "" || s.env.Logger == nil {
			continue
		}
		for i, from := range pr.p.sources {
			var can bool
			err := r.statement(ctx, s.cfg.StatementTimeout, func(ctx context.Context, _ *sql.Conn, tx *sql.Tx, _ *time.Timer) error {
				return tx.QueryRowContext(ctx, s.d.canWrite, from).Scan(&can)
			})
			if err != nil {
				return s.fail("checking the rights on "+pr.p.names[i], err)
			}
			if can {
				s.env.Logger.WarnContext(ctx, "the account may write the table; SELECT is enough", "source", s.env.SourceID, "table", pr.p.names[i])
			}
		}
	}
	return nil
}

// Discover implements connectors.Discoverer: tables and views that the account can read, with their columns as
// "name type" in Note and a row estimate where the database keeps one.
func (s *source) Discover(ctx context.Context) ([]connectors.Stream, error) {
	db, err := s.database()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r := &reader{s: s, db: db}
	var out []connectors.Stream
	err = r.statement(ctx, s.cfg.StatementTimeout, func(ctx context.Context, _ *sql.Conn, tx *sql.Tx, _ *time.Timer) error {
		out = nil
		rows, err := tx.QueryContext(ctx, s.d.discover)
		if err != nil {
			return err
		}
		defer rows.Close()
		var types string
		var estimate int64
		end := func() {
			if n := len(out); n > 0 {
				out[n-1].Note = types
				if estimate >= 0 {
					out[n-1].Note = fmt.Sprintf("about %d rows; %s", estimate, types)
				}
			}
		}
		for rows.Next() {
			var table, col, typ string
			var rowsNow int64
			if err := rows.Scan(&table, &col, &typ, &rowsNow); err != nil {
				return err
			}
			if n := len(out); n == 0 || out[n-1].Name != table {
				end()
				out, types = append(out, connectors.Stream{Name: table}), ""
			}
			estimate = rowsNow
			if types != "" {
				types += ", "
			}
			types += col + " " + typ
			out[len(out)-1].Columns = append(out[len(out)-1].Columns, col)
		}
		end()
		return errors.Join(rows.Err(), rows.Close())
	})
	if err != nil {
		return nil, s.fail("listing tables", err)
	}
	return out, nil
}
