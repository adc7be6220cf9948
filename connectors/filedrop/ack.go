package filedrop

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"onegrid/connectors"
)

// Ack moves away or deletes the files that a stored checkpoint has done with. It may be repeated, and it leaves alone
// what is not the very file that was read.
func (s *source) Ack(ctx context.Context, stored connectors.Checkpoint) error {
	if s.cfg.After == "keep" || stored.IsZero() {
		return nil
	}
	st, err := decodeState(stored)
	if err != nil {
		return s.fail("acknowledging", connectors.ErrCheckpoint, err, "", "")
	}
	root, err := s.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	var errs []error
	for _, e := range st.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		fi, err := lstat(root, e.Name)
		if err != nil || fi.Size() != e.Size || fingerprint(fi) != e.Print {
			continue // gone already, or replaced: the next reading looks at what is there now
		}
		if err := s.putAway(root, e); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, s.fail("putting away "+e.Name, connectors.ErrUnavailable, err,
				"the account of onegrid must be able to write to the folder; or set after: keep", "onegrid 的运行账户须能写入该文件夹；否则请设置 after: keep"))
		}
	}
	return errors.Join(errs...)
}

func (s *source) putAway(root *os.Root, e entry) error {
	marker := func(to string) error {
		if s.cfg.Marker == "" {
			return nil
		}
		if to == "" {
			return root.Remove(e.Name + s.cfg.Marker)
		}
		return root.Rename(e.Name+s.cfg.Marker, to+s.cfg.Marker)
	}
	if s.cfg.After == "delete" {
		if e.Failed != "" {
			return nil // somebody has to look at it
		}
		if err := root.Remove(e.Name); err != nil {
			return err
		}
		return marker("")
	}
	dir := s.cfg.DoneDir
	if e.Failed != "" {
		dir = s.cfg.FailDir
	}
	to := path.Join(dir, e.Name)
	if err := root.MkdirAll(path.Dir(to), 0o750); err != nil {
		return err
	}
	if _, err := root.Lstat(to); err == nil {
		// A file of that name is there from before: the hash makes the names different.
		ext := path.Ext(to)
		to = strings.TrimSuffix(to, ext) + "." + e.Hash[:8] + ext
	}
	if err := root.Rename(e.Name, to); err != nil {
		return err
	}
	return marker(to)
}
