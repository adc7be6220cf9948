//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/connectors"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
	"onegrid/warehouse/warehousetest"
)

// smallDisk mounts a file system of its own, so that it can be filled up.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not root: a small tmpfs cannot be mounted to fill it up")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// fill takes the space of a disk but for keep bytes; the returned function gives it back.
func fill(t *testing.T, dir string, keep int64) (free func()) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ballast")
	n := int64(st.Bavail)*st.Bsize - keep
	if n > 0 {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(f, zeros{}, n); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		f.Close()
	}
	return func() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// many makes a unit of n records with texts that do not compress well.
func many(base int64, n int) *warehouse.Unit {
	recs := make([]warehousetest.Rec, n)
	for i := range recs {
		recs[i] = warehousetest.R(fmt.Sprintf("u%d-%06d", base, i), "received", 0)
		recs[i].Text = fmt.Sprintf("%x", []byte(fmt.Sprint(base*7919+int64(i)*104729, i*i, "路灯不亮")))
	}
	return warehousetest.Unit("src", base, nil, warehousetest.Chunk("src", warehousetest.Base, recs...))
}

// holds checks that a store holds n units of size records and nothing else.
func holds(t *testing.T, s *duckdb.Store, units, size int64) {
	t.Helper()
	st, err := s.State(context.Background(), "src", "")
	if err != nil || st.Seq != units {
		t.Fatalf("state %+v, %v; want %d units", st, err, units)
	}
	if n := number(t, s.DB(), "SELECT count(*) FROM event"); n != units*size {
		t.Fatalf("%d events, want %d", n, units*size)
	}
	sound(t, s)
}

// commitUntilFull commits until the disk is full and returns how many units are stored.
func commitUntilFull(t *testing.T, s *duckdb.Store, from int64, size int) int64 {
	t.Helper()
	for n := from; n < from+500; n++ {
		_, err := s.Commit(context.Background(), many(n, size))
		if err == nil {
			continue
		}
		if !errors.Is(err, warehouse.ErrDiskFull) && !errors.Is(err, warehouse.ErrDown) {
			t.Fatalf("commit %d on a full disk: %v", n, err)
		}
		return n
	}
	t.Fatal("the disk never became full")
	return 0
}

// TestDiskFullLog fills the disk while units go to the log: a clear error, no false success, and the same store goes on
// once there is space.
func TestDiskFullLog(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, 48)
	s := openStore(t, duckdb.Options{Dir: filepath.Join(disk, "data")})
	defer s.Close()
	const size = 200
	for n := range int64(3) {
		if _, err := s.Commit(ctx, many(n, size)); err != nil {
			t.Fatal(err)
		}
	}
	free := fill(t, disk, 300<<10)
	n := commitUntilFull(t, s, 3, size)
	for range 3 { // it stays an error, and it stays the same
		if _, err := s.Commit(ctx, many(n, size)); !errors.Is(err, warehouse.ErrDiskFull) {
			t.Fatalf("on a full disk: %v", err)
		}
	}
	holds(t, s, n, size)
	free()
	if _, err := s.Commit(ctx, many(n, size)); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	holds(t, s, n+1, size)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, duckdb.Options{Dir: filepath.Join(disk, "data")})
	defer s.Close()
	holds(t, s, n+1, size)
}

// TestDiskFullCheckpoint fills the disk before the log is written into the database: the engine gives up its handle, and
// the store is brought back without a restart.
func TestDiskFullCheckpoint(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, 64)
	dir := filepath.Join(disk, "data")
	s := openStore(t, duckdb.Options{Dir: dir})
	defer func() { s.Close() }()
	const size = 2000
	for n := range int64(4) {
		if _, err := s.Commit(ctx, many(n, size)); err != nil {
			t.Fatal(err)
		}
	}
	free := fill(t, disk, 40<<10)
	if err := s.CheckpointIdle(ctx, 0, 0); err == nil {
		t.Fatal("a checkpoint on a full disk reported success")
	} else if !errors.Is(err, warehouse.ErrDiskFull) {
		t.Fatalf("a checkpoint on a full disk: %v", err)
	}
	_, err := s.Commit(ctx, many(4, size))
	if !errors.Is(err, warehouse.ErrDiskFull) {
		t.Fatalf("a commit on a full disk: %v", err)
	}
	free()
	if _, err := s.Commit(ctx, many(4, size)); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	if err := s.CheckpointIdle(ctx, 0, 0); err != nil {
		t.Fatalf("checkpoint after space was freed: %v", err)
	}
	holds(t, s, 5, size)
	// Closing on a full disk keeps the log for the next start.
	if _, err := s.Commit(ctx, many(5, size)); err != nil {
		t.Fatal(err)
	}
	free = fill(t, disk, 40<<10)
	if err := s.Close(); err != nil {
		t.Logf("closing on a full disk: %v", err)
	}
	free()
	s = openStore(t, duckdb.Options{Dir: dir})
	holds(t, s, 6, size)
}

// TestDiskFullGuard stops before the disk is full.
func TestDiskFullGuard(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, 48)
	s := openStore(t, duckdb.Options{Dir: filepath.Join(disk, "data"), MinFree: 16 << 20})
	defer s.Close()
	if _, err := s.Commit(ctx, many(0, 10)); err != nil {
		t.Fatal(err)
	}
	free := fill(t, disk, 8<<20)
	if _, err := s.Commit(ctx, many(1, 10)); !errors.Is(err, warehouse.ErrDiskFull) {
		t.Fatalf("below the guard: %v", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, warehouse.ErrDiskFull) {
		t.Errorf("readiness below the guard: %v", err)
	}
	free()
	if _, err := s.Commit(ctx, many(1, 10)); err != nil {
		t.Fatal(err)
	}
}

// TestDiskFullTemp fills the folder that large queries spill to: the query fails, the store goes on.
func TestDiskFullTemp(t *testing.T) {
	ctx := context.Background()
	disk := smallDisk(t, 16)
	dir := t.TempDir()
	s := openStore(t, duckdb.Options{Dir: dir})
	defer s.Close()
	for n := range int64(3) {
		if _, err := s.Commit(ctx, many(n, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "tmp")), os.Symlink(disk, filepath.Join(dir, "tmp"))); err != nil {
		t.Fatal(err)
	}
	free := fill(t, disk, 64<<10)
	err := s.Select(ctx, "SELECT max(a), max(b) FROM (SELECT hash(i) AS a, repeat(i::VARCHAR, 20) AS b FROM range(3000000) r(i) ORDER BY a)", 0, func([]string, []any) error { return nil })
	if err == nil {
		t.Fatal("a query that cannot spill reported success")
	}
	if _, err := s.Commit(ctx, many(3, 1000)); err != nil {
		t.Fatalf("a commit while the temp folder is full: %v", err)
	}
	free()
	if _, err := s.Commit(ctx, many(4, 1000)); err != nil {
		t.Fatal(err)
	}
	holds(t, s, 5, 1000)
}

// TestDiskFullLanding fills the disk of the landing: the run fails with a clear error, nothing is stored that was not
// sealed, and the next run goes on from there.
func TestDiskFullLanding(t *testing.T) {
	ctx := context.Background()
	config := newProbe(t)
	give := invent(3, 30, 40)
	ref := undisturbed(t, config, give)
	data := filepath.Join(t.TempDir(), "data")
	disk := smallDisk(t, 8)
	if err := errors.Join(os.MkdirAll(data, 0o750), os.Symlink(disk, filepath.Join(data, "landing"))); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h, err := openProbe(ctx, config, data, &upstream{give: give}, &log)
	if err != nil {
		t.Fatal(err)
	}
	free := fill(t, disk, 24<<10)
	_, err = h.Sync(ctx, probeID, "manual", time.Time{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a run that cannot land: %v", err)
	}
	var ce *connectors.Error
	if !errors.As(err, &ce) || ce.Hint == "" || ce.HintZH == "" {
		t.Errorf("no hint for the operator: %v", err)
	}
	if n := number(t, h.Store.DB(), "SELECT count(*) FROM run WHERE status = 'failed' AND error IS NOT NULL"); n != 1 {
		t.Errorf("%d failed runs are recorded", n)
	}
	free()
	if _, err := h.Sync(ctx, probeID, "manual", time.Time{}); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	same(t, "after a full landing", readContent(t, h.Store.DB()), ref.content)
	sound(t, h.Store)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyFolder opens a store in a folder that cannot be written.
func TestReadOnlyFolder(t *testing.T) {
	disk := smallDisk(t, 16)
	dir := filepath.Join(disk, "data")
	if err := openStore(t, duckdb.Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("remounting read-only: %v", err)
	}
	s, err := duckdb.Open(context.Background(), duckdb.Options{Dir: dir, MinFree: -1})
	if err == nil {
		s.Close()
		t.Fatal("a store in a read-only folder opened for writing")
	}
	if !errors.Is(err, syscall.EROFS) || errors.Is(err, warehouse.ErrDamaged) || errors.Is(err, warehouse.ErrLocked) {
		t.Fatalf("read-only folder: %v", err)
	}
}
