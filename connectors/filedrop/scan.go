package filedrop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"onegrid/connectors"
)

var (
	errChanged    = errors.New("the file changed while it was read")
	errNotRegular = errors.New("not a regular file")
)

// dropped is one file of the folder.
type dropped struct {
	name    string // relative to the folder, with slashes
	pattern string
	info    fs.FileInfo
}

// print is a fingerprint of a file's name-independent state: as long as it is the same, the content is not hashed again.
func fingerprint(fi fs.FileInfo) string {
	ctime, inode := changeTime(fi)
	b := binary.LittleEndian.AppendUint64(nil, uint64(fi.Size()))
	b = binary.LittleEndian.AppendUint64(b, uint64(fi.ModTime().UnixNano()))
	b = binary.LittleEndian.AppendUint64(b, uint64(ctime))
	b = binary.LittleEndian.AppendUint64(b, inode)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// localName reports whether a slash-separated name stays inside its folder on every system.
func localName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "\x00\\") && filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name
}

// root opens the folder. Everything else is opened through it.
func (s *source) root() (*os.Root, error) {
	r, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, s.fail("opening the folder "+s.cfg.Dir, connectors.ErrUnavailable, err,
			"create the folder, or correct dir; the account of onegrid must be able to read it", "请创建该文件夹或更正 dir；onegrid 的运行账户须有读取权限")
	}
	return r, nil
}

// scan lists the files that match, in reading order: the settled ones, and the names of those still being written.
func (s *source) scan(root *os.Root, now time.Time) (ready []dropped, waiting []dropped, err error) {
	seen := map[string]bool{}
	for _, p := range s.cfg.Patterns {
		names, err := glob(root, p)
		if err != nil {
			return nil, nil, s.fail("listing "+p, connectors.ErrUnavailable, err, "", "")
		}
		for _, n := range names {
			if seen[n] || s.ignored(n) {
				continue
			}
			seen[n] = true
			if len(seen) > s.cfg.Limits.Files {
				return nil, nil, s.fail("listing "+s.cfg.Dir, connectors.ErrLimit, fmt.Errorf("more than %d files match", s.cfg.Limits.Files),
					"set after: move, so that files that were read leave the folder, or raise limits.files", "请设置 after: move 让已读文件离开文件夹，或提高 limits.files")
			}
			fi, err := lstat(root, n)
			if err != nil {
				continue // gone, or nothing that is read: folders, links, pipes, devices
			}
			d := dropped{name: n, pattern: p, info: fi}
			if s.settled(root, d, now) {
				ready = append(ready, d)
			} else {
				waiting = append(waiting, d)
			}
		}
	}
	slices.SortFunc(ready, func(a, b dropped) int {
		if s.cfg.Order == "mtime" {
			if c := a.info.ModTime().Compare(b.info.ModTime()); c != 0 {
				return c
			}
		}
		return strings.Compare(a.name, b.name)
	})
	return ready, waiting, nil
}

// glob lists what matches a pattern. It enters folders only: fs.Glob opens whatever stands before a slash, which blocks
// for ever on a pipe and follows links.
func glob(root *os.Root, pattern string) ([]string, error) {
	found := []string{"."}
	parts := strings.Split(pattern, "/")
	for _, part := range parts {
		var next []string
		for _, dir := range found {
			fi, err := root.Lstat(dir)
			if err != nil || !fi.IsDir() {
				continue
			}
			entries, err := fs.ReadDir(root.FS(), dir)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if ok, err := path.Match(part, e.Name()); err == nil && ok {
					next = append(next, path.Join(dir, e.Name()))
				}
			}
		}
		found = next
	}
	return found, nil
}

// lstat is the state of a regular file that no symbolic link leads to.
func lstat(root *os.Root, name string) (fs.FileInfo, error) {
	if !localName(name) {
		return nil, fmt.Errorf("%w: the name leads out of the folder", errNotRegular)
	}
	for i, c := range name {
		if c == '/' {
			if fi, err := root.Lstat(name[:i]); err != nil {
				return nil, err
			} else if !fi.IsDir() {
				return nil, errNotRegular
			}
		}
	}
	fi, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return fi, nil
}

func (s *source) ignored(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || strings.HasPrefix(part, "~$") {
			return true
		}
	}
	return strings.HasPrefix(name, s.cfg.DoneDir+"/") || strings.HasPrefix(name, s.cfg.FailDir+"/") ||
		(s.cfg.Marker != "" && strings.HasSuffix(name, s.cfg.Marker))
}

// settled reports whether nobody writes the file any more: its marker is there, or it has not changed for a while. A
// modification time in the future says nothing; such a file has to be seen unchanged twice.
func (s *source) settled(root *os.Root, d dropped, now time.Time) bool {
	if s.cfg.Marker != "" {
		_, err := lstat(root, d.name+s.cfg.Marker)
		return err == nil
	}
	if s.cfg.Settle == 0 {
		return true
	}
	age := now.Sub(d.info.ModTime())
	if age >= s.cfg.Settle {
		return true
	}
	if age < 0 {
		return s.seen.since(d, now) >= s.cfg.Settle
	}
	return false
}

// open opens a file that scan found, making sure that it is still that file.
func open(root *os.Root, d dropped) (*os.File, error) {
	// O_NONBLOCK: a pipe that took the file's place must not block here.
	f, err := root.OpenFile(d.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && (!fi.Mode().IsRegular() || !os.SameFile(fi, d.info) || changed(fi, d.info)) {
		err = errChanged
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func changed(a, b fs.FileInfo) bool {
	return a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime())
}

// hash is the SHA-256 of the file's content, cut to 128 bits.
func hash(ctx context.Context, f *os.File) (string, error) {
	h := sha256.New()
	buf := make([]byte, blockSize)
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]), nil
		}
		if err != nil {
			return "", err
		}
	}
}
