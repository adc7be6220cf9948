package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"onegrid/warehouse"
)

// Options of a store.
type Options struct {
	Dir         string // data directory; created when absent
	MemoryLimit string // DuckDB's own memory, "160MB" unless set; outside GOMEMLIMIT
	Threads     int    // DuckDB threads, 1 unless set: loading with one thread costs half the CPU of two
	MinFree     int64  // bytes that must stay free on the disk before a commit; 256 MiB unless set, negative for none
	ReadOnly    bool   // refuses to open a store that another process holds; takes the same lock, writes nothing
	Logger      *slog.Logger
}

// Store is the embedded store. One process has it open at a time (invariant 5).
type Store struct {
	opts Options
	log  *slog.Logger
	lock *os.File

	lane chan struct{} // the writer lane: one transaction at a time

	mu        sync.RWMutex // guards the handles against reopening
	connector *duckdb.Connector
	db        *sql.DB
	writer    driver.Conn
	down      error

	seenMu  sync.RWMutex // guards seen: commits add, runs ask
	seen    *newness
	witness *witness
	feeds   feeds
	probes  probeNumber
	askers  chan *asker // kept reading connections
	readers chan *reader
	lastUse time.Time
	memory  string // the engine's memory limit as it is set

	id         string       // store_id
	seenChange atomic.Int64 // last transaction that changed a state, for Poll
	seenLink   atomic.Int64 // last linkage run that changed an incident
}

const (
	fileName    = "onegrid.duckdb"
	catalogName = "onegrid" // DuckDB names a database after its file
	lockName    = "onegrid.lock"
	cleanName   = "clean-shutdown"
	witnessName = "witness.log"
)

// DatabasePath is the path of the database file below a data directory.
func DatabasePath(dir string) string { return filepath.Join(dir, fileName) }

// Open opens or creates the store below opts.Dir. It returns ErrLocked when another process has it, ErrDamaged when the
// database or its log cannot be read, and ErrWitnessAhead, together with a usable store, when acknowledged commits are
// missing from it.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if opts.MemoryLimit == "" {
		opts.MemoryLimit = "160MB"
	}
	if opts.Threads <= 0 {
		opts.Threads = 1
	}
	if opts.MinFree == 0 {
		opts.MinFree = 256 << 20
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating data directory: %w", err)
	}
	fewArenas()
	s := &Store{opts: opts, log: opts.Logger, lane: make(chan struct{}, 1), askers: make(chan *asker, 4), readers: make(chan *reader, 2)}
	if err := s.takeLock(); err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		s.lock.Close()
		return nil, err
	}
	w, err := openWitness(filepath.Join(opts.Dir, witnessName), opts.ReadOnly)
	if err != nil {
		s.closeHandles()
		s.lock.Close()
		return nil, err
	}
	s.witness = w
	if !opts.ReadOnly {
		os.Remove(filepath.Join(opts.Dir, cleanName))
	}
	if err := s.compareWitness(ctx); err != nil {
		return s, err
	}
	return s, nil
}

// takeLock takes our own lock before DuckDB takes its own: DuckDB's is a POSIX lock that this process drops whenever it
// closes any other descriptor of the file.
func (s *Store) takeLock() error {
	f, err := os.OpenFile(filepath.Join(s.opts.Dir, lockName), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("opening the lock file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("%w: %s", warehouse.ErrLocked, s.opts.Dir)
	}
	s.lock = f
	return nil
}

// open opens the database, creating it when absent, and warms what is derived from it.
func (s *Store) open(ctx context.Context) error {
	path := DatabasePath(s.opts.Dir)
	_, statErr := os.Stat(path)
	fresh := errors.Is(statErr, os.ErrNotExist)
	if fresh && s.opts.ReadOnly {
		return fmt.Errorf("opening the store: %w", statErr)
	}
	if fresh {
		// A log without its database is what a deleted or never renamed file leaves: DuckDB would replay it into a new file.
		if _, err := os.Stat(path + ".wal"); err == nil {
			return fmt.Errorf("%w: %s.wal exists without its database", warehouse.ErrDamaged, fileName)
		}
	}
	connector, err := duckdb.NewConnector(s.dsn(path))
	if err != nil {
		return s.openError(err)
	}
	s.connector = connector
	conn, err := connector.Connect(ctx)
	if err != nil {
		connector.Close()
		return s.openError(err)
	}
	s.writer = conn
	tmp := filepath.Join(s.opts.Dir, "tmp")
	s.memory = s.opts.MemoryLimit
	settings := []string{
		"SET autoinstall_known_extensions=false", "SET autoload_known_extensions=false", // invariant 10: nothing is fetched
		"SET memory_limit=" + quoteText(s.opts.MemoryLimit),
		fmt.Sprintf("SET threads=%d", s.opts.Threads),
		"SET temp_directory=" + quoteText(tmp),
		"SET max_temp_directory_size='20GB'",
		"SET wal_autocheckpoint='4GB'", // checkpoints are our own: see Store.checkpoint
		"SET GLOBAL TimeZone='Asia/Shanghai'",
		"SET preserve_insertion_order=true",
	}
	if s.opts.ReadOnly {
		// The operator's own queries run here: no file but the store, no network, no change of settings.
		settings = append(settings, "SET enable_external_access=false", "SET lock_configuration=true")
	}
	for _, q := range settings {
		if err := s.exec(ctx, q); err != nil {
			s.closeHandles()
			return fmt.Errorf("setting up the store: %w", err)
		}
	}
	if !s.opts.ReadOnly {
		if err := s.openFeeds(ctx); err != nil {
			s.closeHandles()
			return fmt.Errorf("setting up the store: %w", err)
		}
	}
	if fresh {
		if err := s.create(ctx); err != nil {
			s.closeHandles()
			os.Remove(path)
			os.Remove(path + ".wal")
			return err
		}
	}
	s.db = sql.OpenDB(sharedConnector{connector})
	var layout int
	if err := s.db.QueryRowContext(ctx, "SELECT layout, store_id::VARCHAR FROM store_meta").Scan(&layout, &s.id); err != nil {
		s.closeHandles()
		return fmt.Errorf("%w: reading the layout version: %w", warehouse.ErrDamaged, err)
	}
	if layout != layoutVersion {
		s.closeHandles()
		return fmt.Errorf("store layout is %d, this program writes %d: run the matching version of onegrid", layout, layoutVersion)
	}
	s.down = nil
	if err := s.loadChanges(ctx); err != nil {
		s.closeHandles()
		return fmt.Errorf("reading the last change: %w", err)
	}
	if s.seen, err = s.loadNewness(ctx); err != nil {
		s.closeHandles()
		return fmt.Errorf("reading the stored ids: %w", err)
	}
	return nil
}

func (s *Store) create(ctx context.Context) error {
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for _, q := range ddl() {
		if err := s.exec(ctx, q); err != nil {
			return fmt.Errorf("creating the store: %w", err)
		}
	}
	if err := s.exec(ctx, fmt.Sprintf("INSERT INTO store_meta VALUES (%d, '%s', now())", layoutVersion, uuid.New())); err != nil {
		return err
	}
	if err := s.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("creating the store: %w", err)
	}
	return s.exec(ctx, "CHECKPOINT")
}

// rowGroup is the number of rows that DuckDB compresses and places together. A third of its default takes a third of the
// memory while a unit is loaded: 97 columns of 122,880 rows of text are 150 MB before they are compressed.
const rowGroup = 40_960

// dsn says how the engine opens the file. The store is attached to an instance in memory, since the size of row groups is
// an option of ATTACH only; every connection begins in it. Options in a DSN would be applied in random order, so
// everything else is set by SQL. The operator's read-only store is opened directly: it is locked down afterwards, and
// USE counts as a change of settings.
func (s *Store) dsn(path string) (string, func(driver.ExecerContext) error) {
	if s.opts.ReadOnly {
		return path + "?access_mode=READ_ONLY", nil
	}
	attach := fmt.Sprintf("ATTACH IF NOT EXISTS %s AS %s (STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE %d)", quoteText(path), catalogName, rowGroup)
	return "", func(conn driver.ExecerContext) error {
		for _, q := range []string{attach, "USE " + catalogName, "SET TimeZone='Asia/Shanghai'"} {
			if _, err := conn.ExecContext(context.Background(), q, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// sharedConnector keeps sql.DB from closing the connector that the writer shares.
type sharedConnector struct{ driver.Connector }

func (s *Store) openError(err error) error {
	msg := err.Error()
	switch {
	case strings.Contains(msg, "Could not set lock"), strings.Contains(msg, "Conflicting lock"):
		return fmt.Errorf("%w: %s", warehouse.ErrLocked, fileName)
	case strings.Contains(msg, "Permission denied"), strings.Contains(msg, "Read-only file system"):
		return fmt.Errorf("opening the store: %w", err)
	case isDiskFull(err):
		return fmt.Errorf("%w: %w", warehouse.ErrDiskFull, err)
	default:
		return fmt.Errorf("%w: %w", warehouse.ErrDamaged, err)
	}
}

// closeHandles closes everything that DuckDB holds; after a FATAL error nothing less brings the engine back.
func (s *Store) closeHandles() {
	s.closeAskers()
	s.closeReaders()
	if s.db != nil {
		s.db.Close()
		s.db = nil
	}
	if s.writer != nil {
		s.writer.Close()
		s.writer = nil
	}
	s.feeds.close()
	if s.connector != nil {
		s.connector.Close()
		s.connector = nil
	}
}

// Close checkpoints, closes and leaves the clean marker. The lock is released last.
func (s *Store) Close() error {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	var err error
	if s.writer != nil && s.down == nil && !s.opts.ReadOnly {
		if cerr := s.checkpoint(context.Background()); cerr != nil {
			// Nothing is lost: the log stays and is replayed at the next start.
			s.log.Warn("the log could not be written into the database at the end", "error", short(cerr))
		}
	}
	s.closeHandles()
	if s.witness != nil {
		err = errors.Join(err, s.witness.close())
	}
	if err == nil && !s.opts.ReadOnly {
		err = os.WriteFile(filepath.Join(s.opts.Dir, cleanName), []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o640)
	}
	err = errors.Join(err, s.lock.Close())
	s.lock = nil
	return err
}

// reopen brings the engine back after it gave up its handle. The caller holds the lane.
func (s *Store) reopen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeHandles()
	if err := s.open(ctx); err != nil {
		s.down = err
		return fmt.Errorf("%w: %w", warehouse.ErrDown, err)
	}
	s.log.Info("store reopened", "dir", s.opts.Dir)
	return nil
}

// exec runs one statement on the writer connection.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.execN(ctx, query, args...)
	return err
}

func (s *Store) execN(ctx context.Context, query string, args ...any) (int64, error) {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	res, err := s.writer.(driver.ExecerContext).ExecContext(ctx, query, named)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func isDiskFull(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return true
	}
	msg := err.Error()
	return strings.Contains(msg, "No space left") || strings.Contains(msg, "File too large") || strings.Contains(msg, "Disk quota exceeded")
}

// isFatal reports whether the engine is lost until every handle is closed.
func isFatal(err error) bool {
	if err == nil {
		return false
	}
	var de *duckdb.Error
	if errors.As(err, &de) && (de.Type == duckdb.ErrorTypeFatal || de.Type == duckdb.ErrorTypeInternal) {
		return true
	}
	msg := err.Error()
	return strings.Contains(msg, "database has been invalidated") || strings.Contains(msg, "must be restarted")
}

// free is the space left on the data directory's disk.
func (s *Store) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.opts.Dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (s *Store) checkSpace() error {
	if s.opts.MinFree < 0 {
		return nil
	}
	n, err := s.free()
	if err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	if n < s.opts.MinFree {
		return fmt.Errorf("%w: %d MiB free, %d MiB wanted", warehouse.ErrDiskFull, n>>20, s.opts.MinFree>>20)
	}
	return nil
}
