package duckdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"onegrid/event"
	"onegrid/warehouse"
)

// Sizes of the files of a store in bytes.
type Sizes struct{ Database, Log int64 }

// Sizes asks the file system; it opens nothing.
func (s *Store) Sizes() Sizes {
	var z Sizes
	if fi, err := os.Stat(DatabasePath(s.opts.Dir)); err == nil {
		z.Database = fi.Size()
	}
	if fi, err := os.Stat(DatabasePath(s.opts.Dir) + ".wal"); err == nil {
		z.Log = fi.Size()
	}
	return z
}

// Footprint is what the files of a data directory tell without opening its store.
type Footprint struct {
	Exists bool
	Sizes  Sizes
	Clean  time.Time // of the last clean shutdown; zero while the store is open and after a crash
}

// Look asks the file system about a data directory; it opens no file of the store.
func Look(dir string) Footprint {
	f := Footprint{Sizes: (&Store{opts: Options{Dir: dir}}).Sizes()}
	_, err := os.Stat(DatabasePath(dir))
	f.Exists = err == nil
	if fi, err := os.Stat(filepath.Join(dir, cleanName)); err == nil {
		f.Clean = fi.ModTime()
	}
	return f
}

// CheckpointIdle writes the log into the database when the store has been idle for a while or the log is long. It is
// called by the daemon; a failure for lack of space leaves the log in place.
func (s *Store) CheckpointIdle(ctx context.Context, idle time.Duration, maxLog int64) error {
	select {
	case s.lane <- struct{}{}:
	default:
		return nil
	}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		return nil
	}
	n := s.Sizes().Log
	if n == 0 || (n < maxLog && time.Since(s.lastUse) < idle) {
		return nil
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	err := s.checkpoint(ctx)
	if err == nil {
		return nil
	}
	lost := isFatal(err) || s.broken(ctx)
	if isDiskFull(err) {
		err = fmt.Errorf("%w: %w", warehouse.ErrDiskFull, err)
	}
	if lost {
		// A checkpoint that meets a full disk kills the engine's handle; the log is intact.
		return errors.Join(err, s.reopen(ctx))
	}
	return err
}

// lookupMemory is the engine's memory while a small unit is compared with a large store: the stored ids stay cached, 160 MB
// for ten million. With less, every commit reads and verifies them anew.
const (
	lookupMemory = "1GB"
	largeStore   = 2_000_000
	bulkUnit     = 50_000 // new rows of a unit from which on it is loading, not following
)

// roomFor gives the engine the memory that a lookup wants, and takes it back for a bulk load. The caller holds the lane.
func (s *Store) roomFor(ctx context.Context, loaded int64) error {
	want := s.opts.MemoryLimit
	if s.seen.total > largeStore && loaded < bulkUnit {
		want = lookupMemory
	}
	return s.setMemory(ctx, want)
}

// setMemory sets the engine's memory limit. The caller holds the lane.
func (s *Store) setMemory(ctx context.Context, want string) error {
	if want == s.memory {
		return nil
	}
	if err := s.exec(ctx, "SET memory_limit="+quoteText(want)); err != nil {
		return err
	}
	s.memory = want
	return nil
}

// checkpointMemory is the engine's memory while it writes its log into the file: every column of a row group is held and
// compressed at once. A checkpoint that runs out of memory costs the handle, so it gets more than loading needs.
const checkpointMemory = "384MB"

// checkpoint writes the log into the database. The caller holds the lane.
func (s *Store) checkpoint(ctx context.Context) error { return s.withMemory(ctx, "CHECKPOINT") }

// withMemory runs a statement that writes row groups, COMMIT or CHECKPOINT, with the memory that it may need.
func (s *Store) withMemory(ctx context.Context, statement string) error {
	if s.memory == lookupMemory {
		return s.exec(ctx, statement)
	}
	if err := s.exec(ctx, "SET memory_limit="+quoteText(checkpointMemory)); err != nil {
		return err
	}
	err := s.exec(ctx, statement)
	if rerr := s.exec(ctx, "SET memory_limit="+quoteText(s.memory)); err == nil && rerr != nil {
		// The statement is done; a limit that stays high is no failure of it.
		s.log.Warn("setting the engine's memory limit back", "error", short(rerr))
	}
	return err
}

// Backup copies the store into a new file while it is in use, then opens the copy and compares counts and content, so
// that a backup that is reported is one that restores. It returns the SHA-256 of the file.
//
// The copy is made by the engine inside one transaction: the live file is never opened a second time (invariant 5).
func (s *Store) Backup(ctx context.Context, path string) (sum string, err error) {
	if _, err := os.Stat(path); err == nil {
		return "", fmt.Errorf("backup target %s exists: choose a new name", filepath.Base(path))
	}
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	tmp := path + ".part"
	os.Remove(tmp)
	fail := func(err error) (string, error) {
		os.Remove(tmp)
		os.Remove(tmp + ".wal")
		return "", fmt.Errorf("backing up: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "ATTACH "+quoteText(tmp)+" AS backup_to (STORAGE_VERSION 'v1.5.0')"); err != nil {
		return fail(err)
	}
	var live string
	if err := conn.QueryRowContext(ctx, "SELECT current_database()").Scan(&live); err != nil {
		return fail(err)
	}
	_, cerr := conn.ExecContext(ctx, "COPY FROM DATABASE "+quoteIdent(live)+" TO backup_to")
	var got string
	if cerr == nil {
		got, cerr = fingerprint(ctx, func(q string) (string, error) {
			var v string
			return v, conn.QueryRowContext(ctx, q).Scan(&v)
		}, "backup_to.")
	}
	if _, err := conn.ExecContext(ctx, "DETACH backup_to"); err != nil || cerr != nil {
		return fail(errors.Join(cerr, err))
	}
	if sum, err = verifyBackup(ctx, tmp, got); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fail(err)
	}
	return sum, syncDir(filepath.Dir(path))
}

// verifyBackup restores the copy: opens it as a store of its own and compares its content.
func verifyBackup(ctx context.Context, path, want string) (string, error) {
	db, err := openReadOnly(path)
	if err != nil {
		return "", err
	}
	got, err := fingerprint(ctx, func(q string) (string, error) {
		var v string
		return v, db.QueryRowContext(ctx, q).Scan(&v)
	}, "")
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", err
	}
	if got != want {
		return "", fmt.Errorf("%w: the copy does not read back as it was written", warehouse.ErrDamaged)
	}
	f, err := os.Open(path) // the copy, not the live file: its lock is nobody's
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := f.WriteTo(h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contentTables are the tables of which a copy must hold the same rows.
var contentTables = []string{"event_version", "event_transition", "event_party_token", "reject", "checkpoint",
	"event_link", "event_incident", "incident_alias", "link_decision", "link_run", "link_feature", "link_key", "link_ref"}

// fingerprint is an order-free digest of all content tables of a database: counts and the sum of row hashes.
func fingerprint(_ context.Context, one func(string) (string, error), prefix string) (string, error) {
	var parts []string
	for _, t := range contentTables {
		v, err := one("SELECT count(*)::VARCHAR || ':' || coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM " + prefix + t + " t")
		if err != nil {
			return "", err
		}
		parts = append(parts, t+"="+v)
	}
	return strings.Join(parts, " "), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// ExpireTokens deletes the party tokens whose last day lies before the day of now (PIPL art. 19).
func (s *Store) ExpireTokens(ctx context.Context, now time.Time) (int64, error) {
	s.lane <- struct{}{}
	defer func() { <-s.lane }()
	if s.writer == nil || s.down != nil {
		return 0, nil
	}
	return s.execN(ctx, "DELETE FROM event_party_token WHERE expires < CAST(epoch_ms(?) AS DATE)", now.In(event.Shanghai).UnixMilli()+8*3600*1000)
}
