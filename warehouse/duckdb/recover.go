package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"onegrid/warehouse"
)

// Recovery says what Recover found and did.
type Recovery struct {
	Clean    bool     `json:"clean"`              // nothing had to be done
	Steps    []string `json:"steps"`              // in order, for people
	SavedAs  string   `json:"saved_as,omitempty"` // folder with the files as they were found
	CutAt    int64    `json:"cut_at,omitempty"`   // byte at which the log was cut
	Lost     []Lost   `json:"lost,omitempty"`     // acknowledged commits that the store no longer holds
	Events   int64    `json:"events"`
	Versions int64    `json:"versions"`
	Problems []string `json:"problems,omitempty"` // broken invariants
}

var walPosition = regexp.MustCompile(`(?i)(?:position|byte)\s+(\d+)`)

// Recover opens a damaged store: it copies database and log aside, cuts a damaged log at the place that the engine names
// until the store opens, checks the invariants and compares the witness. What is beyond the cut is not lost for good:
// the resume points went with it, so that a rebuild or the next runs fetch it again.
func Recover(ctx context.Context, dir string) (Recovery, error) {
	var r Recovery
	say := func(format string, a ...any) { r.Steps = append(r.Steps, fmt.Sprintf(format, a...)) }
	lock := &Store{opts: Options{Dir: dir}}
	if err := lock.takeLock(); err != nil {
		return r, err
	}
	defer lock.lock.Close()
	path := DatabasePath(dir)
	if _, err := os.Stat(path); err != nil {
		if _, werr := os.Stat(path + ".wal"); werr == nil {
			return r, fmt.Errorf("%w: the database file is gone and only its log is left: restore a backup or rebuild from the landing", warehouse.ErrDamaged)
		}
		return r, fmt.Errorf("opening the store: %w", err)
	}
	if n, p, err := inspect(ctx, path); err == nil {
		say("the store opens as it is: %d events", n.events)
		r.Clean, r.Events, r.Versions, r.Problems = true, n.events, n.versions, p
	} else {
		say("the store does not open: %s", short(err))
		saved, cerr := saveAside(dir)
		if cerr != nil {
			return r, fmt.Errorf("copying the files aside: %w", cerr)
		}
		r.SavedAs = saved
		say("database and log copied to %s", filepath.Base(saved))
		if err := cutUntilOpen(ctx, path, &r, err, say); err != nil {
			return r, err
		}
	}
	lost, err := behindWitness(ctx, dir)
	if err != nil {
		return r, err
	}
	r.Lost = lost
	for _, l := range lost {
		say("source %s: the witness knows %d commits, the store holds %d: rebuild from the landing, or let the next run read again", l.Source, l.Witness, l.Stored)
	}
	if len(lost) > 0 {
		r.Clean = false
	}
	return r, nil
}

// cutUntilOpen cuts the log where the engine says it is damaged. Every cut is strictly shorter, so it ends.
func cutUntilOpen(ctx context.Context, path string, r *Recovery, err error, say func(string, ...any)) error {
	wal := path + ".wal"
	for {
		fi, serr := os.Stat(wal)
		if serr != nil || fi.Size() == 0 {
			return fmt.Errorf("%w: the damage is not in the log: restore a backup or rebuild from the landing: %w", warehouse.ErrDamaged, err)
		}
		m := walPosition.FindStringSubmatch(err.Error())
		if !strings.Contains(err.Error(), "WAL") {
			return fmt.Errorf("%w: the damage is not in the log: restore a backup or rebuild from the landing: %w", warehouse.ErrDamaged, err)
		}
		at := int64(0)
		if m != nil {
			at, _ = strconv.ParseInt(m[1], 10, 64)
		}
		if at >= fi.Size() {
			at = fi.Size() - 1
		}
		if terr := os.Truncate(wal, at); terr != nil {
			return fmt.Errorf("cutting the log: %w", terr)
		}
		if at == 0 {
			os.Remove(wal)
		}
		r.CutAt = at
		say("log cut at byte %d of %d", at, fi.Size())
		n, p, oerr := inspect(ctx, path)
		if oerr == nil {
			say("the store opens: %d events, %d versions", n.events, n.versions)
			r.Events, r.Versions, r.Problems = n.events, n.versions, p
			return nil
		}
		err = oerr
	}
}

type counts struct{ events, versions int64 }

// inspect opens the database, counts and checks the invariants that a consistent store keeps.
func inspect(ctx context.Context, path string) (counts, []string, error) {
	var n counts
	db, err := openPlain(path)
	if err != nil {
		return n, nil, err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT count(*) FILTER (known_to IS NULL), count(*) FROM event_version").Scan(&n.events, &n.versions); err != nil {
		return n, nil, err
	}
	problems, err := Invariants(ctx, db)
	if err != nil {
		return n, problems, err
	}
	// A damaged block shows only when it is read, so every column is.
	_, err = fingerprint(ctx, func(q string) (string, error) {
		var v string
		return v, db.QueryRowContext(ctx, q).Scan(&v)
	}, "")
	return n, problems, err
}

// Invariants checks a store: one current state an id, dense checkpoints, every reject and version of a known unit, and
// run counts that add up; and what linkage promises. It returns a sentence for each that is broken.
func Invariants(ctx context.Context, db *sql.DB) ([]string, error) {
	checks := []check{
		{"events with more than one current state", "SELECT count(*) FROM (SELECT event_id FROM event_version WHERE known_to IS NULL GROUP BY 1 HAVING count(*) > 1)"},
		{"events without a current state", "SELECT count(*) FROM (SELECT event_id FROM event_version GROUP BY 1 HAVING count(*) FILTER (known_to IS NULL) = 0)"},
		{"versions stored twice", "SELECT count(*) FROM (SELECT event_id, version FROM event_version GROUP BY 1, 2 HAVING count(*) > 1)"},
		{"events with two partition days", "SELECT count(*) FROM (SELECT event_id FROM event_version GROUP BY 1 HAVING count(DISTINCT event_day) > 1)"},
		{"gaps in resume points", "SELECT count(*) FROM (SELECT source_id FROM checkpoint GROUP BY 1 HAVING count(*) <> max(seq) OR min(seq) <> 1)"},
		{"versions of units that were never committed", "SELECT count(*) FROM event_version v ANTI JOIN checkpoint c ON v.unit_seq = c.seq AND v.source_id = c.source_id"},
		{"rejects of units that were never committed", "SELECT count(*) FROM reject v ANTI JOIN checkpoint c ON v.unit_seq = c.seq AND v.source_id = c.source_id"},
		{"units whose records do not add up", "SELECT count(*) FROM checkpoint WHERE n_read <> n_new + n_updated + n_unchanged + n_stale + n_rejected"},
		{"sources whose events differ from what their units stored", `SELECT count(*) FROM (SELECT source_id, sum(n_new) AS a, sum(n_new + n_updated + n_stale) AS b FROM checkpoint GROUP BY 1)
 FULL JOIN (SELECT source_id, count(*) FILTER (known_to IS NULL) AS c, count(*) AS d FROM event_version GROUP BY 1) USING (source_id) WHERE coalesce(a, 0) <> coalesce(c, 0) OR coalesce(b, 0) <> coalesce(d, 0)`},
		{"indexes", "SELECT count(*) FROM duckdb_indexes()"},
	}
	var out []string
	for _, c := range append(checks, linkChecks()...) {
		var n int64
		if err := db.QueryRowContext(ctx, c.query).Scan(&n); err != nil {
			return out, fmt.Errorf("checking %s: %w", c.what, err)
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%s: %d", c.what, n))
		}
	}
	return out, nil
}

func behindWitness(ctx context.Context, dir string) ([]Lost, error) {
	db, err := openPlain(DatabasePath(dir))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	w, err := openWitness(filepath.Join(dir, witnessName), true)
	if err != nil {
		return nil, err
	}
	defer w.close()
	s := &Store{opts: Options{ReadOnly: true}, db: db, witness: w}
	var lost *LostError
	if err := s.compareWitness(ctx); errors.As(err, &lost) {
		return lost.Sources, nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

// saveAside copies database and log into a folder of their own below the data directory. The store is closed: its lock
// is not at stake.
func saveAside(dir string) (string, error) {
	to := filepath.Join(dir, "damaged-"+time.Now().UTC().Format("20060102T150405.000"))
	if err := os.MkdirAll(to, 0o750); err != nil {
		return "", err
	}
	for _, name := range []string{fileName, fileName + ".wal"} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(to, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return to, syncDir(to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}

func openPlain(path string) (*sql.DB, error) {
	c, err := duckdb.NewConnector(path+"?storage_compatibility_version=v1.5.0", nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return db, nil
}

func openReadOnly(path string) (*sql.DB, error) {
	c, err := duckdb.NewConnector(path+"?access_mode=READ_ONLY", nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return db, nil
}
