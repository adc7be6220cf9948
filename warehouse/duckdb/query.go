package duckdb

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/duckdb/duckdb-go/v2"
)

// ErrNotSelect means that a text is not exactly one SELECT statement.
var ErrNotSelect = errors.New("not one SELECT statement")

// wrap turns a user's text into one statement that can only be a SELECT. It is prepared through the driver, which
// refuses several statements; database/sql would run all but the last while preparing.
func wrap(query string, limit int) string {
	q := "SELECT * FROM (\n" + strings.TrimRight(strings.TrimSpace(query), ";") + "\n)"
	if limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", limit)
	}
	return q
}

// readConn is a connection in a read-only transaction that cannot reach files or the network.
func (s *Store) readConn(ctx context.Context) (*sql.Conn, func(), error) {
	db := s.DB()
	if db == nil {
		return nil, nil, errors.New("store is closed")
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, func() {
		conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		conn.Close()
	}, nil
}

// Select answers one SELECT of the operator from the live store. each is called once with a nil row for the columns,
// then for every row; dates come as text, times as time.Time. The store must be open read-only, which turns file and
// network functions off.
func (s *Store) Select(ctx context.Context, query string, limit int, each func(columns []string, row []any) error) error {
	conn, done, err := s.readConn(ctx)
	if err != nil {
		return err
	}
	defer done()
	return conn.Raw(func(c any) error {
		stmt, err := prepareSelect(c, wrap(query, limit))
		if err != nil {
			return err
		}
		defer stmt.Close()
		rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, nil)
		if err != nil {
			return err
		}
		defer rows.Close()
		cols := rows.Columns()
		if err := each(cols, nil); err != nil {
			return err
		}
		isDate := make([]bool, len(cols))
		if types, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
			for i := range isDate {
				isDate[i] = types.ColumnTypeDatabaseTypeName(i) == "DATE"
			}
		}
		vals := make([]driver.Value, len(cols))
		for {
			if err := rows.Next(vals); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			row := make([]any, len(vals))
			for i, v := range vals {
				if t, ok := v.(time.Time); ok && isDate[i] {
					row[i] = t.Format(time.DateOnly) // a day has no zone
					continue
				}
				row[i] = v
			}
			if err := each(cols, row); err != nil {
				return err
			}
		}
	})
}

func prepareSelect(c any, query string) (driver.Stmt, error) {
	stmt, err := c.(driver.Conn).Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSelect, err)
	}
	if ds, ok := stmt.(*duckdb.Stmt); ok {
		if typ, err := ds.StatementType(); err != nil || typ != duckdb.STATEMENT_TYPE_SELECT {
			stmt.Close()
			return nil, ErrNotSelect
		}
	}
	return stmt, nil
}

// Export writes the answer to a SELECT into a file: csv, parquet or arrow (IPC file), by format or by the file's ending.
// The file appears under its name when it is complete.
func (s *Store) Export(ctx context.Context, query, path, format string) (rows int64, err error) {
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	}
	if format == "feather" {
		format = "arrow"
	}
	if format != "csv" && format != "parquet" && format != "arrow" {
		return 0, fmt.Errorf("unknown export format %q: csv, parquet or arrow", format)
	}
	conn, done, err := s.readConn(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	f, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return 0, fmt.Errorf("creating the export: %w", err)
	}
	defer os.Remove(f.Name())
	err = conn.Raw(func(c any) error {
		stmt, err := prepareSelect(c, wrap(query, 0))
		if err != nil {
			return err
		}
		stmt.Close()
		ar, err := duckdb.NewArrowFromConn(c.(driver.Conn))
		if err != nil {
			return err
		}
		rdr, err := ar.QueryContext(ctx, wrap(query, 0))
		if err != nil {
			return err
		}
		defer rdr.Release()
		rows, err = writeAll(rdr, f, format)
		return err
	})
	if err != nil {
		f.Close()
		return 0, fmt.Errorf("exporting: %w", err)
	}
	if err := errors.Join(f.Chmod(0o640), f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("exporting: %w", err)
	}
	return rows, os.Rename(f.Name(), path)
}

// unclosed keeps a writer from closing the file, which is synced and renamed afterwards.
type unclosed struct{ *os.File }

func (unclosed) Close() error { return nil }

func writeAll(rdr array.RecordReader, f *os.File, format string) (int64, error) {
	var write func(arrow.RecordBatch) error
	var finish func() error
	switch format {
	case "arrow":
		w, err := ipc.NewFileWriter(f, ipc.WithSchema(rdr.Schema()), ipc.WithZstd())
		if err != nil {
			return 0, err
		}
		write, finish = w.Write, w.Close
	case "parquet":
		w, err := pqarrow.NewFileWriter(rdr.Schema(), unclosed{f}, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			return 0, err
		}
		write, finish = w.WriteBuffered, w.Close
	default:
		buf := bufio.NewWriterSize(f, 1<<18)
		cw := csv.NewWriter(buf)
		head := make([]string, rdr.Schema().NumFields())
		for i, fd := range rdr.Schema().Fields() {
			head[i] = fd.Name
		}
		if err := cw.Write(head); err != nil {
			return 0, err
		}
		write = func(rec arrow.RecordBatch) error { return writeCSV(cw, rec, len(head)) }
		finish = func() error {
			cw.Flush()
			return errors.Join(cw.Error(), buf.Flush())
		}
	}
	var n int64
	for rdr.Next() {
		rec := rdr.RecordBatch()
		if err := write(rec); err != nil {
			return n, err
		}
		n += rec.NumRows()
	}
	return n, errors.Join(rdr.Err(), finish())
}

func writeCSV(cw *csv.Writer, rec arrow.RecordBatch, width int) error {
	row := make([]string, width)
	for i := range int(rec.NumRows()) {
		for c := range row {
			col := rec.Column(c)
			if col.IsNull(i) {
				row[c] = ""
				continue
			}
			row[c] = col.ValueStr(i)
			// A spreadsheet runs a cell that begins like a formula. Numbers keep their sign.
			if s, ok := col.(*array.String); ok {
				if v := s.Value(i); v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
					row[c] = "'" + v
				}
			}
		}
		if err := cw.Write(row); err != nil {
			return err
		}
	}
	return nil
}
