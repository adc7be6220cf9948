package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/query"
)

// Lease holds a generation: as long as it is open, its file is neither changed nor removed. It is a shared flock on the
// file, so it ends with its process however that ends, and needs no word between the processes.
type Lease struct {
	Manifest *Manifest
	Path     string
	file     *os.File
}

// Acquire leases the current generation of a scope. The caller closes the lease once the last reader of the file is gone
// (it is drained).
func Acquire(dir string, scope query.Scope) (*Lease, error) {
	return acquire(filepath.Join(dir, scope.String()))
}

func acquire(folder string) (*Lease, error) {
	// A generation may be superseded and its file taken for the next one between reading the manifest and the lock.
	for i := range 500 {
		if i > 0 {
			time.Sleep(time.Millisecond)
		}
		m, err := readManifest(folder)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(folder, m.File)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("leasing a generation: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				continue
			}
			return nil, fmt.Errorf("leasing a generation: %w", err)
		}
		if same(f, path) {
			return &Lease{Manifest: m, Path: path, file: f}, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("leasing a generation: %w: it changes faster than it can be opened", ErrNone)
}

// Close ends the lease. It may be called twice.
func (l *Lease) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// same reports whether path still names the open file.
func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// seize takes a file for writing, false while somebody leases it. The lock is held until the returned file is closed.
func seize(path string) (*os.File, bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, err
	}
	return f, true, nil
}
