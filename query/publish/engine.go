package publish

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"time"

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
	log       *slog.Logger
}

// slow is how long a statement may take without being told at debug level. Statements hold no values of events.
const slow = 50 * time.Millisecond

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
	started := time.Now()
	_, err := e.conn.ExecContext(ctx, q, args...)
	if took := time.Since(started); e.log != nil && took > slow {
		e.log.Debug("slow statement of the publisher", "ms", took.Milliseconds(), "statement", q[:min(len(q), 120)])
	}
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

// attach opens a snapshot file for writing, creating it when absent. No log is written: an interrupted file is thrown away.
func (e *engine) attach(ctx context.Context, path, name string) error {
	return e.exec(ctx, fmt.Sprintf("ATTACH %s AS %s (STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE %d, RECOVERY_MODE no_wal_writes)", quoteText(path), name, rowGroup))
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

// tap is a view over whatever batch it was given last. The driver keeps a pointer in the view, so it lives in the memory
// of this instance only; it is made outside of a transaction, since a transaction writes one database. It implements
// array.RecordReader.
type tap struct {
	schema *arrow.Schema
	view   string
	next   arrow.RecordBatch // to be delivered
	cur    arrow.RecordBatch // delivered
	stop   func()
}

func (e *engine) tap(schema *arrow.Schema) (*tap, error) {
	e.batches++
	t := &tap{schema: schema, view: fmt.Sprintf("batch_%d", e.batches)}
	err := e.conn.Raw(func(c any) error {
		ar, err := duckdb.NewArrowFromConn(c.(*duckdb.Conn))
		if err != nil {
			return err
		}
		t.stop, err = ar.RegisterView(t, t.view)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("handing over batches: %w", err)
	}
	return t, nil
}

func (t *tap) close() {
	t.give(nil)
	t.stop()
}

// give sets the batch that the next scan of the view delivers, once.
func (t *tap) give(rec arrow.RecordBatch) {
	for _, r := range []arrow.RecordBatch{t.next, t.cur} {
		if r != nil {
			r.Release()
		}
	}
	t.next, t.cur = rec, nil
	if rec != nil {
		rec.Retain()
	}
}

// Retain and Release are array.RecordReader's: the tap lives as long as its view.
func (t *tap) Retain()                        {}
func (t *tap) Release()                       {}
func (t *tap) Schema() *arrow.Schema          { return t.schema }
func (t *tap) Err() error                     { return nil }
func (t *tap) RecordBatch() arrow.RecordBatch { return t.cur }
func (t *tap) Record() arrow.RecordBatch      { return t.cur }

// Next hands over the batch, once.
func (t *tap) Next() bool {
	if t.cur != nil {
		t.cur.Release()
	}
	t.cur, t.next = t.next, nil
	return t.cur != nil
}

var _ array.RecordReader = (*tap)(nil)

// insert runs a statement that selects from {batch}, the view of the tap, with one batch in it.
func (e *engine) insert(ctx context.Context, t *tap, rec arrow.RecordBatch, statement string) error {
	t.give(rec)
	defer t.give(nil)
	return e.exec(ctx, strings.ReplaceAll(statement, "{batch}", "memory."+t.view))
}

// insertOne is insert with a tap for this batch alone.
func (e *engine) insertOne(ctx context.Context, rec arrow.RecordBatch, statement string) error {
	t, err := e.tap(rec.Schema())
	if err != nil {
		return err
	}
	defer t.close()
	return e.insert(ctx, t, rec, statement)
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
