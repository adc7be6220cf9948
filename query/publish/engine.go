package publish

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
)

// rowGroup is the number of rows that DuckDB compresses together in a snapshot: its default, which scans best.
const rowGroup = 122_880

// engine is a DuckDB instance of the publisher. It lives for one publication, so that nothing is carried to the next,
// and has the files that it writes or reads attached.
type engine struct {
	connector *duckdb.Connector
	db        *sql.DB
	conn      *sql.Conn
	batches   int
}

func openEngine(ctx context.Context, memory string, threads int, temp string) (*engine, error) {
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("starting the publisher's engine: %w", err)
	}
	e := &engine{connector: c, db: sql.OpenDB(c)}
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the publisher's engine: %w", err), e.close())
	}
	for _, q := range []string{
		"SET autoinstall_known_extensions=false", "SET autoload_known_extensions=false", // invariant 10: nothing is fetched
		"SET memory_limit=" + quoteText(memory), fmt.Sprintf("SET threads=%d", threads), "SET temp_directory=" + quoteText(temp),
		"SET max_temp_directory_size='20GB'", "SET wal_autocheckpoint='16GB'", // checkpoints are our own
		"SET TimeZone='Asia/Shanghai'", "SET preserve_insertion_order=true",
	} {
		if err := e.exec(ctx, q); err != nil {
			return nil, errors.Join(fmt.Errorf("setting up the publisher's engine: %w", err), e.close())
		}
	}
	return e, nil
}

func (e *engine) close() error {
	var err error
	if e.conn != nil {
		err = e.conn.Close()
	}
	return errors.Join(err, e.db.Close(), e.connector.Close())
}

// exec runs statements of the program itself.
func (e *engine) exec(ctx context.Context, q string, args ...any) error {
	_, err := e.conn.ExecContext(ctx, q, args...)
	return diskError(err)
}

func (e *engine) affected(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := e.conn.ExecContext(ctx, q, args...)
	if err != nil {
		return 0, diskError(err)
	}
	return res.RowsAffected()
}

func (e *engine) int(ctx context.Context, q string) (int64, error) {
	var n int64
	err := e.conn.QueryRowContext(ctx, q).Scan(&n)
	return n, diskError(err)
}

// attach opens a snapshot file for writing, creating it when absent.
func (e *engine) attach(ctx context.Context, path, name string) error {
	return e.exec(ctx, fmt.Sprintf("ATTACH %s AS %s (STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE %d)", quoteText(path), name, rowGroup))
}

func (e *engine) attachRead(ctx context.Context, path, name string) error {
	return e.exec(ctx, fmt.Sprintf("ATTACH %s AS %s (READ_ONLY)", quoteText(path), name))
}

// settle writes the log of an attached file into it and closes it.
func (e *engine) settle(ctx context.Context, name string) error {
	if err := e.exec(ctx, "CHECKPOINT "+name); err != nil {
		return err
	}
	return e.exec(ctx, "DETACH "+name)
}

// insert runs a statement that selects from {batch}, a view with one Arrow batch in it. The driver keeps a pointer in the
// view, so it lives in the memory of this instance only and goes at once.
func (e *engine) insert(ctx context.Context, rec arrow.RecordBatch, statement string) error {
	e.batches++
	view := fmt.Sprintf("batch_%d", e.batches)
	reader, err := array.NewRecordReader(rec.Schema(), []arrow.RecordBatch{rec})
	if err != nil {
		return err
	}
	defer reader.Release()
	var stop func()
	if err := e.conn.Raw(func(c any) error {
		ar, err := duckdb.NewArrowFromConn(c.(*duckdb.Conn))
		if err != nil {
			return err
		}
		stop, err = ar.RegisterView(reader, view)
		return err
	}); err != nil {
		return fmt.Errorf("handing over a batch: %w", err)
	}
	defer stop()
	return errors.Join(e.exec(ctx, strings.ReplaceAll(statement, "{batch}", "memory."+view)), e.exec(ctx, "DROP VIEW memory."+view))
}

func diskError(err error) error {
	if err == nil {
		return nil
	}
	msg := err.Error()
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) ||
		strings.Contains(msg, "No space left") || strings.Contains(msg, "File too large") || strings.Contains(msg, "Disk quota exceeded") {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}
