package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

// generation is a snapshot whose file was checked. Workers get the open file, not its path: what was hashed is what they
// read, and they need no right on the folder.
type generation struct {
	snap  Snapshot
	file  *os.File
	size  int64
	mtime time.Time

	users    int // processes that have it, guarded by the lane
	released bool
}

// check opens a snapshot's file and verifies it.
func check(ctx context.Context, s Snapshot) (*generation, error) {
	f, err := os.Open(s.Path) // a published file, never the live store (invariant 5)
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot: %w", err)
	}
	g, err := verify(ctx, s, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return g, nil
}

func verify(ctx context.Context, s Snapshot, f *os.File) (*generation, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("checking a snapshot: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrAltered)
	}
	g := &generation{snap: s, file: f, size: info.Size(), mtime: info.ModTime()}
	if s.Verify == nil {
		err = whole(ctx, s, f)
	} else if err = s.Verify(ctx); err == nil {
		err = same(info, s.Path) // what was verified by its name is what is open here
	}
	if err != nil {
		return nil, fmt.Errorf("checking generation %d of %s: %w", s.Generation.Number, s.Generation.Scope, err)
	}
	return g, g.unchanged()
}

func same(open os.FileInfo, path string) error {
	named, err := os.Stat(path)
	if err == nil && !os.SameFile(open, named) {
		err = fmt.Errorf("%w: another file has its name", ErrAltered)
	}
	return err
}

// whole compares the hash of the whole file.
func whole(ctx context.Context, s Snapshot, f *os.File) error {
	h, buf := sha256.New(), make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if hex.EncodeToString(h.Sum(nil)) != s.Generation.SHA256 {
		return ErrAltered
	}
	return nil
}

// unchanged compares the file with what was hashed by size and time, before another worker gets it.
func (g *generation) unchanged() error {
	info, err := g.file.Stat()
	if err != nil {
		return fmt.Errorf("checking a snapshot: %w", err)
	}
	if info.Size() != g.size || !info.ModTime().Equal(g.mtime) {
		return fmt.Errorf("%w: generation %d of %s changed since it was checked", ErrAltered, g.snap.Generation.Number, g.snap.Generation.Scope)
	}
	return nil
}
