package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"onegrid/query"
	"onegrid/warehouse"
)

// manifestName is the file that names the current generation of a scope. It is replaced by rename, so that a reader sees
// the old one or the new one, whole.
const manifestName = "current.json"

// manifestFormat is the version of the manifest; a reader refuses another.
const manifestFormat = 1

// maxManifest bounds what is read of a manifest.
const maxManifest = 4 << 20

// Manifest describes one generation of one scope.
type Manifest struct {
	Format     int         `json:"format"`
	Scope      query.Scope `json:"scope"`
	Generation int64       `json:"generation"`
	File       string      `json:"file"`   // name in the folder of the scope; unique per generation
	Leaves     string      `json:"leaves"` // name of the file of leaf hashes
	SHA256     string      `json:"sha256"` // root of the hash tree, hex; see Tree
	Size       int64       `json:"size"`   // bytes
	Published  time.Time   `json:"published"`
	// Position is what of the store's history the generation shows.
	Position warehouse.Position `json:"position"`
	// Sources are the watermarks of the tier: Newest and Events count what the file shows.
	Sources []query.Freshness `json:"sources"`
	Engine  string            `json:"engine"` // version of DuckDB that wrote the file
	Rules   string            `json:"rules"`  // digest of the columns, masks and limits that it was written by
	Catalog string            `json:"catalog"`
	Rows    int64             `json:"rows"`   // of table event
	Tables  []string          `json:"tables"` // published tables
	// System and Macros are the relations and functions for clients of the PostgreSQL wire (query/pgcatalog).
	System []string `json:"system"`
	Macros []string `json:"macros"`
	// Appended counts the rows that were written since the file was built in the order of time.
	Appended int64 `json:"appended"`
	// ResidueSince is set while the file may still hold, outside of any table, bytes of rows that were withdrawn from the
	// scope. A file without them replaces it soon; see Options.ScrubAfter.
	ResidueSince *time.Time `json:"residue_since,omitempty"`
}

// Answering is the generation as an answer carries it.
func (m *Manifest) Answering() query.Generation {
	return query.Generation{Scope: m.Scope, Number: m.Generation, SHA256: m.SHA256, Published: m.Published, Sources: m.Sources}
}

// ReadManifest reads the manifest of a scope below the snapshot folder, ErrNone where nothing is published.
func ReadManifest(dir string, scope query.Scope) (*Manifest, error) {
	return readManifest(filepath.Join(dir, scope.String()))
}

func readManifest(folder string) (*Manifest, error) {
	f, err := os.Open(filepath.Join(folder, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNone, filepath.Base(folder))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: reading the manifest: %w", ErrAltered, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%w: manifest has format %d, this program reads %d", ErrAltered, m.Format, manifestFormat)
	}
	if filepath.Base(m.File) != m.File || filepath.Base(m.Leaves) != m.Leaves || m.File == "." || m.Leaves == "." {
		return nil, fmt.Errorf("%w: manifest names a file outside of its folder", ErrAltered)
	}
	return &m, nil
}

// writeAtomic puts a file in place whole, durably, or not at all.
func writeAtomic(folder, name string, data []byte, mode fs.FileMode) error {
	tmp := filepath.Join(folder, "."+name+".part")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // the umask does not decide
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, filepath.Join(folder, name)); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(folder)
}

func syncDir(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
