package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Discover implements connectors.Discoverer: the configured streams, then every other table and view that the account
// can read. Note holds a row estimate where the database keeps one, and the columns with their types.
func (s *source) Discover(ctx context.Context) ([]connectors.Stream, error) {
	db, err := s.database()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r := &reader{s: s, db: db, yield: func(connectors.Batch) bool { return true }}
	var tables []connectors.Stream
	err = r.statement(ctx, s.cfg.StatementTimeout, func(ctx context.Context, _ *sql.Conn, tx *sql.Tx, _ *time.Timer) error {
		var err error
		tables, err = listTables(ctx, s.d, tx)
		return err
	})
	if err != nil {
		return nil, s.fail("listing tables", err)
	}
	var out []connectors.Stream
	for _, st := range s.cfg.Streams {
		cs := connectors.Stream{Name: st.Name}
		pr, err := r.prepare(ctx, st)
		switch {
		case ctx.Err() != nil:
			return nil, s.fail("looking at stream "+st.Name, ctx.Err())
		case err != nil: // a wrong column is what a person looks here for
			cs.Note = "not readable: " + s.fail("looking at it", err).Error()
		default:
			cs.Note = "configured: " + pr.p.origin()
			for _, c := range pr.p.cols {
				cs.Columns = append(cs.Columns, c.name)
			}
			if st.Query == "" {
				cs.Columns = append(cs.Columns, tableColumn)
			}
		}
		out = append(out, cs)
	}
	for _, t := range tables {
		if !slices.ContainsFunc(out, func(c connectors.Stream) bool { return c.Name == t.Name }) {
			out = append(out, t)
		}
	}
	return out, nil
}

// listTables reads the catalog of the database.
func listTables(ctx context.Context, d dialect, tx *sql.Tx) ([]connectors.Stream, error) {
	rows, err := tx.QueryContext(ctx, d.discover)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []connectors.Stream
	var types []string
	for rows.Next() {
		var table, col, typ string
		var estimate int64
		if err := rows.Scan(&table, &col, &typ, &estimate); err != nil {
			return nil, err
		}
		n := len(out)
		if n == 0 || out[n-1].Name != table {
			out, types, n = append(out, connectors.Stream{Name: table}), nil, n+1
		}
		types = append(types, col+" "+typ)
		t := &out[n-1]
		t.Columns, t.Note = append(t.Columns, col), strings.Join(types, ", ")
		if estimate >= 0 {
			t.Note = fmt.Sprintf("about %d rows; %s", estimate, t.Note)
		}
	}
	return out, errors.Join(rows.Err(), rows.Close())
}
