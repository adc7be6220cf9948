package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"onegrid/query"
	"onegrid/warehouse"
)

// shelf is the folder of a scope with its files: the current generation, and earlier ones that become the next (spares)
// as soon as nobody reads them.
type shelf struct {
	scope   query.Scope
	folder  string
	hidden  bool // the base where the sensitive city is not a scope: no manifest for readers
	current *generation
	spares  []*generation
	stale   bool // the current one was made by other rules or is damaged: build anew

	clean     *generation // a file that was built aside and waits for the changes since
	building  string      // path of the file that is being built aside
	failure   error       // of the last try; nil after a success
	failures  int
	notBefore time.Time // no file is built aside before it
}

// fail notes that the scope could not be published or built.
func (s *shelf) fail(err error, now time.Time) {
	s.failure, s.failures = err, s.failures+1
	s.notBefore = now.Add(min(5*time.Second<<min(s.failures, 10), 10*time.Minute))
}

// needs reports whether a file must be built from the base.
func (s *shelf) needs(now time.Time, scrubAfter time.Duration) bool {
	return s.clean == nil && (s.current == nil || s.stale || s.worn(now, scrubAfter))
}

func (s *shelf) masked() bool { return s.scope.Tier == query.Masked }

// county is the county of a district scope, "" for the city.
func (s *shelf) county() string {
	if s.scope.Area == cityArea {
		return ""
	}
	return s.scope.Area
}

const cityArea = "city"

// generation is one file of a shelf.
type generation struct {
	m      *Manifest
	path   string
	tree   *tree
	levels months // of the small-cell rule, as the file has them
}

const (
	workPrefix  = "work-"
	sparePrefix = "spare-"
	cleanPrefix = "clean-"
)

// openShelf reads what is on the shelf and removes what an interrupted publication left. Spares are not kept: what they
// hold is not known for certain, and a copy of the current generation is.
func openShelf(s *shelf) error {
	if err := os.MkdirAll(s.folder, 0o750); err != nil {
		return fmt.Errorf("creating the folder of %s: %w", s.scope, err)
	}
	m, err := readManifest(s.folder)
	switch {
	case errors.Is(err, ErrNone):
	case errors.Is(err, ErrAltered):
		s.stale = true
	case err != nil:
		return err
	default:
		g := &generation{m: m, path: filepath.Join(s.folder, m.File)}
		if g.tree, err = loadTree(s.folder, m); err != nil {
			s.stale = true // readers refuse it; it is replaced
		} else if st, err := os.Stat(g.path); err != nil || st.Size() != m.Size {
			s.stale = true
		}
		s.current = g
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if s.current != nil && (e.Name() == s.current.m.File || e.Name() == s.current.m.Leaves) || e.Name() == manifestName {
			continue
		}
		if err := s.discard(filepath.Join(s.folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// discard removes a file of the shelf unless somebody reads it.
func (s *shelf) discard(path string) error {
	if strings.HasPrefix(filepath.Base(path), "gen-") && strings.HasSuffix(path, ".duckdb") {
		f, ok, err := seize(path)
		if err != nil {
			return fmt.Errorf("removing an old generation of %s: %w", s.scope, err)
		}
		if !ok {
			return nil
		}
		defer f.Close()
	}
	if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing an old generation of %s: %w", s.scope, err)
	}
	return nil
}

// work is a file that becomes the next generation.
type work struct {
	path     string
	file     *os.File // its exclusive lease
	tree     *tree    // as it was before, nil for a new file
	from     warehouse.Position
	levels   months
	catalog  string
	appended int64
	dirty    bool // holds residue already
	fresh    bool // has no tables yet
	scrub    bool // a new base that is filled from the current one
	rebuilt  bool // was built aside: clean, and as of an earlier generation of the base
}

func (w *work) close() {
	if w != nil && w.file != nil {
		w.file.Close()
		w.file = nil
	}
}

// takeSpare takes an earlier generation that nobody reads; nil where there is none.
func (s *shelf) takeSpare(number int64) (*work, error) {
	for i, g := range s.spares {
		f, ok, err := seize(g.path)
		if err != nil {
			return nil, fmt.Errorf("taking a spare of %s: %w", s.scope, err)
		}
		if !ok {
			continue
		}
		w := &work{path: s.workPath(number), file: f, tree: g.tree, from: g.m.Position, levels: g.levels, catalog: g.m.Catalog, appended: g.m.Appended, dirty: g.m.ResidueSince != nil}
		err = os.Rename(g.path, w.path)
		if err == nil {
			err = os.Chmod(w.path, 0o600)
		}
		if err != nil {
			w.close()
			return nil, fmt.Errorf("taking a spare of %s: %w", s.scope, err)
		}
		s.spares = append(s.spares[:i:i], s.spares[i+1:]...)
		if s.current == nil || g.m.Leaves != s.current.m.Leaves {
			_ = os.Remove(filepath.Join(s.folder, g.m.Leaves)) // a reader that still wants it verifies the whole file
		}
		return w, nil
	}
	return nil, nil
}

// takeClean takes the file that was built aside.
func (s *shelf) takeClean(number int64) (*work, error) {
	g := s.clean
	s.clean = nil // whatever comes of it: it is not taken twice
	f, ok, err := seize(g.path)
	if err != nil || !ok {
		return nil, fmt.Errorf("taking the clean file of %s: %w", s.scope, errors.Join(err, ErrNone))
	}
	w := &work{path: s.workPath(number), file: f, tree: g.tree, from: g.m.Position, levels: g.levels, catalog: g.m.Catalog, rebuilt: true}
	if err := os.Rename(g.path, w.path); err != nil {
		w.close()
		return nil, fmt.Errorf("taking the clean file of %s: %w", s.scope, err)
	}
	return w, nil
}

func (s *shelf) workPath(number int64) string {
	return filepath.Join(s.folder, fmt.Sprintf("%s%d.duckdb", workPrefix, number))
}

// copyPiece is what is copied between two looks at the context.
const copyPiece = 16 << 20

// copyTo copies the current generation. pace is how long a piece takes at least.
func (s *shelf) copyTo(ctx context.Context, path string, pace time.Duration) error {
	src, err := os.Open(s.current.path)
	if err != nil {
		return fmt.Errorf("copying %s: %w", s.scope, err)
	}
	defer src.Close()
	dst, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("copying %s: %w", s.scope, err)
	}
	tick := time.NewTimer(pace)
	defer tick.Stop()
	for err == nil {
		if _, err = io.CopyN(dst, src, copyPiece); err != nil || pace == 0 { // the kernel copies
			continue
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-tick.C:
			tick.Reset(pace)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return fmt.Errorf("copying %s: %w", s.scope, errors.Join(diskError(err), os.Remove(path)))
	}
	return nil
}

// copyCurrent makes a second file from the current generation, because no spare is free.
func (s *shelf) copyCurrent(ctx context.Context, number int64) (*work, error) {
	g, path := s.current, s.workPath(number)
	if err := s.copyTo(ctx, path, 0); err != nil {
		return nil, err
	}
	f, _, err := seize(path)
	if err != nil {
		return nil, fmt.Errorf("copying %s: %w", s.scope, err)
	}
	return &work{path: path, file: f, tree: g.tree, from: g.m.Position, levels: g.levels, catalog: g.m.Catalog, appended: g.m.Appended, dirty: g.m.ResidueSince != nil}, nil
}

// prepare makes a spare ahead of time where none is free, so that the next publication need not wait for a copy.
func (s *shelf) prepare(ctx context.Context, number int64) (bool, error) {
	if s.current == nil || s.stale {
		return false, nil
	}
	for _, g := range s.spares {
		f, free, err := seize(g.path)
		if err != nil {
			return false, err
		}
		if free {
			return false, f.Close()
		}
	}
	path := filepath.Join(s.folder, fmt.Sprintf("%s%d.duckdb", sparePrefix, number))
	if err := s.copyTo(ctx, path, 80*time.Millisecond); err != nil { // 200 MB/s at most
		return false, err
	}
	g := *s.current
	g.path = path
	s.spares = append(s.spares, &g)
	return true, nil
}

// retire makes the current generation a spare and drops spares that nobody reads and nobody needs.
func (s *shelf) retire(rebuilt bool) error {
	limit := 1
	if s.current != nil {
		s.spares = append(s.spares, s.current)
		if s.stale || rebuilt {
			limit = 0 // what was withdrawn is in it, and in all before it
		}
	}
	var errs []error
	for len(s.spares) > limit {
		g := s.spares[0]
		s.spares = s.spares[1:]
		errs = append(errs, s.remove(g))
	}
	return errors.Join(errs...)
}

func (s *shelf) remove(g *generation) error {
	if _, err := os.Stat(g.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := s.discard(g.path); err != nil {
		return err
	}
	if _, err := os.Stat(g.path); err == nil {
		return nil // in use: the next start, or sweep, removes it
	}
	if s.current != nil && g != s.current && g.m.Leaves == s.current.m.Leaves {
		return nil
	}
	if err := os.Remove(filepath.Join(s.folder, g.m.Leaves)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes files that were in use when they were superseded.
func (s *shelf) sweep() error {
	keep := map[string]bool{manifestName: true}
	for _, g := range append([]*generation{s.current}, s.spares...) {
		if g != nil {
			keep[filepath.Base(g.path)], keep[g.m.Leaves] = true, true
		}
	}
	if s.clean != nil {
		keep[filepath.Base(s.clean.path)] = true
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if s.building != "" && strings.HasPrefix(e.Name(), filepath.Base(s.building)) {
			continue
		}
		if !keep[e.Name()] {
			if err := s.discard(filepath.Join(s.folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
