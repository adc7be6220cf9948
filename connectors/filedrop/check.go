package filedrop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"onegrid/connectors"
)

// Check opens the folder and lists it; where files are to be put away, it also writes and removes a file of its own.
func (s *source) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := s.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if _, err := fs.ReadDir(root.FS(), "."); err != nil {
		return s.fail("listing the folder "+s.cfg.Dir, connectors.ErrUnavailable, err, "the account of onegrid must be able to list the folder", "onegrid 的运行账户须能列出该文件夹")
	}
	if s.cfg.After == "keep" {
		return nil
	}
	const probe = ".onegrid-check"
	f, err := root.OpenFile(probe, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // left by a check that was cut off: writing works
	}
	if err == nil {
		err = errors.Join(f.Close(), root.Remove(probe))
	}
	if err != nil {
		return s.fail("writing to the folder "+s.cfg.Dir, connectors.ErrUnavailable, err,
			"after: "+s.cfg.After+" needs write access; or set after: keep", "after: "+s.cfg.After+" 需要写权限；否则请设置 after: keep")
	}
	return nil
}

// discoverNewest is how many of a pattern's files are tried for their columns.
const discoverNewest = 3

// Discover lists one stream for each pattern, with the columns of its newest readable file.
func (s *source) Discover(ctx context.Context) ([]connectors.Stream, error) {
	root, err := s.root()
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	ready, waiting, err := s.scan(root, time.Now())
	if err != nil {
		return nil, err
	}
	files := append(ready, waiting...)
	out := make([]connectors.Stream, 0, len(s.cfg.Patterns))
	for _, p := range s.cfg.Patterns {
		st := connectors.Stream{Name: p}
		count, tried := 0, 0
		for i := len(files) - 1; i >= 0; i-- {
			if files[i].pattern != p {
				continue
			}
			count++
			if st.Columns != nil || tried >= discoverNewest {
				continue
			}
			tried++
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			cols, note, err := s.look(ctx, root, files[i])
			if err != nil {
				st.Note += fmt.Sprintf("%s cannot be read: %v; ", files[i].name, err)
				continue
			}
			st.Columns = cols
			st.Note += note
		}
		if count == 0 {
			st.Note = "no file matches"
		} else {
			st.Note = fmt.Sprintf("%d files; %s", count, st.Note)
		}
		out = append(out, st)
	}
	return out, nil
}

// look reads the first records of a file for its columns, format and encoding.
func (s *source) look(ctx context.Context, root *os.Root, d dropped) (cols []string, note string, err error) {
	f, err := open(root, d)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }()
	ms, err := s.members(f, d.name, d.info.Size())
	if err != nil {
		return nil, "", err
	}
	m := ms[0]
	r := &run{source: s, ctx: ctx, t: newTable(100, s.cfg.Limits.Columns)}
	o, err := s.openMember(ctx, m, r.t, position{})
	if err != nil {
		return nil, "", err
	}
	_ = r.protected(o) // a file that breaks off later still shows its columns
	for i := range r.t.cols {
		cols = append(cols, r.t.cols[i].name)
	}
	note = fmt.Sprintf("newest %s: %s", m.name, m.format)
	if enc := o.at().Enc; enc != "" {
		if enc == encAuto {
			enc = "ascii"
		}
		note += ", " + enc
	}
	return cols, note, nil
}
