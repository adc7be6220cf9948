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

// check opens a snapshot's file and compares it with its hash.
func check(ctx context.Context, s Snapshot) (*generation, error) {
	f, err := os.Open(s.Path) // a published file, never the live store (invariant 5)
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot: %w", err)
	}
	g, err := hash(ctx, s, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return g, nil
}

func hash(ctx context.Context, s Snapshot, f *os.File) (*generation, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("checking a snapshot: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrAltered)
	}
	h, buf := sha256.New(), make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("checking a snapshot: %w", err)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("checking a snapshot: %w", err)
		}
	}
	g := &generation{snap: s, file: f, size: info.Size(), mtime: info.ModTime()}
	if got := hex.EncodeToString(h.Sum(nil)); got != s.Generation.SHA256 {
		return nil, fmt.Errorf("%w: generation %d of %s", ErrAltered, s.Generation.Number, s.Generation.Scope)
	}
	return g, g.unchanged()
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
