package landing

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"onegrid/event"
)

// Unit is one sealed unit in the folder.
type Unit struct {
	Manifest
	Ref Ref
}

// List returns the units of a source in the order in which they were written; "" stands for all sources.
func (l *Landing) List(source string) ([]Unit, error) {
	var out []Unit
	err := l.walk(func(name string, names map[string]bool) error {
		if !strings.HasSuffix(name, dataSuffix) || !names[name+manifestSuffix] {
			return nil
		}
		m, err := l.readManifest(name + manifestSuffix)
		if err != nil {
			return err
		}
		if source == "" || m.Source == source {
			out = append(out, Unit{m, Ref{Path: name, SHA256: m.SHA256, Rows: m.Rows, Bytes: m.Bytes}})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the landing folder: %w", err)
	}
	slices.SortFunc(out, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Ref.Path, b.Ref.Path))
	})
	return out, nil
}

// Orphans returns files that no finished unit owns: what a crash left while writing. committed says which sealed units
// the store refers to; nil keeps every sealed unit. Temporary files younger than an hour may still be written and are
// left out.
func (l *Landing) Orphans(now time.Time, committed func(Ref) bool) ([]string, error) {
	var out []string
	err := l.walk(func(name string, names map[string]bool) error {
		base := path.Base(name)
		switch {
		case strings.HasPrefix(base, tempPrefix):
			st, err := l.root.Stat(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if now.Sub(st.ModTime()) >= time.Hour {
				out = append(out, name)
			}
		case strings.HasSuffix(name, dataSuffix+manifestSuffix):
			if !names[strings.TrimSuffix(name, manifestSuffix)] {
				out = append(out, name)
			}
		case strings.HasSuffix(name, dataSuffix):
			if !names[name+manifestSuffix] {
				out = append(out, name)
				return nil
			}
			if committed == nil {
				return nil
			}
			m, err := l.readManifest(name + manifestSuffix)
			if err != nil {
				return err
			}
			if !committed(Ref{Path: name, SHA256: m.SHA256, Rows: m.Rows, Bytes: m.Bytes}) {
				out = append(out, name, name+manifestSuffix)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for stray landing files: %w", err)
	}
	slices.Sort(out)
	return out, nil
}

// Remove deletes files that Orphans named.
func (l *Landing) Remove(names ...string) error {
	var errs []error
	for _, n := range names {
		if err := l.root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, explain("removing "+n, "", err))
		}
	}
	return errors.Join(errs...)
}

// Expire deletes the units that were written more than keepDays(source) days before now (Asia/Shanghai days) and returns
// how many files went. keepDays below 1 counts as 1: the units of today stay.
func (l *Landing) Expire(now time.Time, keepDays func(source string) int) (int, error) {
	today := event.Day(now.UnixMicro())
	var old []string
	err := l.walk(func(name string, _ map[string]bool) error {
		source, rest, _ := strings.Cut(name, "/")
		dayName, _, _ := strings.Cut(rest, "/")
		t, err := time.ParseInLocation("20060102", dayName, event.Shanghai)
		if err != nil {
			return nil // not ours
		}
		if today-event.Day(t.UnixMicro()) >= int32(max(keepDays(source), 1)) {
			old = append(old, name)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("expiring landing files: %w", err)
	}
	if err := l.Remove(old...); err != nil {
		return 0, err
	}
	dirs := map[string]bool{}
	for _, n := range old {
		dirs[path.Dir(n)] = true
	}
	for d := range dirs {
		_ = l.root.Remove(d) // fails while something else is in it, and then it must stay
	}
	return len(old), nil
}

// walk calls visit for every file with the names of all files.
func (l *Landing) walk(visit func(name string, names map[string]bool) error) error {
	names := map[string]bool{}
	var order []string
	err := fs.WalkDir(l.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed or renamed meanwhile
		}
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			names[name] = true
			order = append(order, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range order {
		if err := visit(n, names); err != nil {
			return err
		}
	}
	return nil
}

// GenerateIdentity makes a new key pair, writes the identity (the secret half, for replay) to path with mode 0400, and
// returns the recipient for the configuration. It never replaces a file. The file belongs off this machine.
func GenerateIdentity(path string) (recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("making a landing identity: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return "", fmt.Errorf("writing the landing identity: %w", err)
	}
	_, err = fmt.Fprintf(f, "# onegrid landing identity; keep it off this machine\n# public key: %s\n%s\n", id.Recipient(), id)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("writing the landing identity: %w", err)
	}
	return id.Recipient().String(), nil
}

// ReadIdentity reads an identity file for replay. It must be readable by its owner only.
func ReadIdentity(path string) (age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the landing identity: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the landing identity: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o177 != 0 {
		return nil, fmt.Errorf("reading the landing identity %s: it must be readable by its owner only (chmod 0400) · 只能由属主读取", path)
	}
	ids, err := age.ParseIdentities(f)
	if err != nil || len(ids) == 0 {
		return nil, fmt.Errorf("reading the landing identity %s: no identity in it", path) // the error could quote the key
	}
	return ids[0], nil
}
