package duckdb

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"onegrid/warehouse"
)

// entry is one acknowledged commit. Hash chains the entries: SHA-256 of the previous hash and this entry without it.
type entry struct {
	Source string    `json:"source"`
	Seq    int64     `json:"seq"`
	Run    string    `json:"run"`
	Unit   int       `json:"unit"`
	Landed string    `json:"landed,omitempty"`
	SHA256 string    `json:"sha256,omitempty"`
	At     time.Time `json:"at"`
	Hash   string    `json:"hash"`
}

func (e entry) chain(prev string) string {
	e.Hash = ""
	b, _ := json.Marshal(e)
	h := sha256.Sum256(append([]byte(prev), b...))
	return hex.EncodeToString(h[:])
}

// witness is an append-only file outside the database, synced after each commit. It shows a commit that the database
// lost: a deleted or cut log, an old copy of the file.
type witness struct {
	f    *os.File
	path string
	last string
	size int64 // end of the last whole line
	tops map[string]int64
}

// openWitness reads the whole file. A torn last line is what a crash leaves and is cut off; a broken chain before it
// is an error.
func openWitness(path string, readOnly bool) (*witness, error) {
	w := &witness{tops: map[string]int64{}, path: path}
	flags := os.O_RDWR | os.O_CREATE
	if readOnly {
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flags, 0o640)
	if readOnly && errors.Is(err, os.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the witness: %w", err)
	}
	w.f = f
	if err := scanWitness(f, func(e entry, end int64) {
		w.last, w.size = e.Hash, end
		// The last line counts, not the highest: where commits were lost and their records read again, the source goes on
		// from an older seq, and in other units it may need fewer of them.
		w.tops[e.Source] = e.Seq
	}); err != nil {
		f.Close()
		return nil, err
	}
	if !readOnly {
		if err := f.Truncate(w.size); err != nil {
			f.Close()
			return nil, fmt.Errorf("cutting the torn end of the witness: %w", err)
		}
	}
	return w, nil
}

func scanWitness(r io.Reader, each func(e entry, end int64)) error {
	br := bufio.NewReaderSize(r, 1<<16)
	prev, end, n := "", int64(0), 0
	for {
		line, err := br.ReadBytes('\n')
		if err == io.EOF {
			return nil // a line without its end was never acknowledged
		}
		if err != nil {
			return fmt.Errorf("reading the witness: %w", err)
		}
		n++
		end += int64(len(line))
		var e entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil || e.chain(prev) != e.Hash {
			return fmt.Errorf("%w: witness line %d does not fit the chain", warehouse.ErrDamaged, n)
		}
		prev = e.Hash
		each(e, end)
	}
}

func (w *witness) append(e entry) error {
	e.Hash = e.chain(w.last)
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if _, err := w.f.WriteAt(b, w.size); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	w.last, w.size = e.Hash, w.size+int64(len(b))
	w.tops[e.Source] = e.Seq
	return nil
}

func (w *witness) close() error {
	if w == nil || w.f == nil {
		return nil
	}
	return w.f.Close()
}

// Lost is what the witness has and the store has not.
type Lost struct {
	Source  string `json:"source"`
	Stored  int64  `json:"stored"`  // latest seq in the store
	Witness int64  `json:"witness"` // latest seq acknowledged
}

// LostError lists the sources whose acknowledged commits are missing.
type LostError struct{ Sources []Lost }

func (e *LostError) Error() string {
	return fmt.Sprintf("%v (%d sources)", warehouse.ErrWitnessAhead, len(e.Sources))
}
func (e *LostError) Unwrap() error { return warehouse.ErrWitnessAhead }

// compareWitness reports acknowledged commits that the store does not hold. A store that is ahead is the ordinary trace
// of a crash between COMMIT and the witness; its entries are added.
func (s *Store) compareWitness(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT source_id, max(seq) FROM checkpoint GROUP BY source_id")
	if err != nil {
		return fmt.Errorf("reading resume points: %w", err)
	}
	defer rows.Close()
	stored := map[string]int64{}
	for rows.Next() {
		var src string
		var seq int64
		if err := rows.Scan(&src, &seq); err != nil {
			return err
		}
		stored[src] = seq
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var lost []Lost
	for src, top := range s.witness.tops {
		if stored[src] < top {
			lost = append(lost, Lost{src, stored[src], top})
		}
	}
	if len(lost) > 0 {
		return &LostError{lost}
	}
	if s.opts.ReadOnly {
		return nil
	}
	return s.completeWitness(ctx)
}

// completeWitness adds the entries of commits that are durable but were not witnessed yet.
func (s *Store) completeWitness(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, `SELECT source_id, seq, run_id, unit_no, landed_path, landed_sha256, committed_at FROM checkpoint ORDER BY committed_at, source_id, seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.Source, &e.Seq, &e.Run, &e.Unit, &e.Landed, &e.SHA256, &e.At); err != nil {
			return err
		}
		if e.Seq <= s.witness.tops[e.Source] {
			continue
		}
		e.At = e.At.UTC()
		if err := s.witness.append(e); err != nil {
			return fmt.Errorf("completing the witness: %w", err)
		}
	}
	return rows.Err()
}

// Witnessed is one acknowledged commit as the witness tells it, in order.
type Witnessed struct {
	Source string
	Seq    int64
	RunID  string
	Unit   int
	Landed string
	SHA256 string
	At     time.Time
}

// ReadWitness reads the witness of a data directory without opening its store.
func ReadWitness(dir string) ([]Witnessed, error) {
	f, err := os.Open(filepath.Join(dir, witnessName))
	if err != nil {
		return nil, fmt.Errorf("opening the witness: %w", err)
	}
	defer f.Close()
	var out []Witnessed
	err = scanWitness(f, func(e entry, _ int64) {
		out = append(out, Witnessed{e.Source, e.Seq, e.Run, e.Unit, e.Landed, e.SHA256, e.At})
	})
	return out, err
}
