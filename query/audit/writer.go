package audit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	filePrefix = "audit-"
	fileSuffix = ".jsonl"
)

// writer appends records to the newest file. It belongs to the goroutine of a Log.
type writer struct {
	cfg     Config
	now     func() time.Time
	f       *os.File
	size    int64
	day     string
	head    Head
	running map[string]string // query → user
	dirty   bool              // there are records that may not be on the disk
	trim    bool              // a failed write may have left a part of a line behind size
	dead    error             // the disk failed to keep what was written; only a restart can tell what is there
}

func fileName(seq int64, t time.Time) string {
	return fmt.Sprintf("%s%012d-%s%s", filePrefix, seq, t.Format("20060102"), fileSuffix)
}

// files are the files of a log, oldest first.
func files(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the audit folder: %w", err)
	}
	var out []string
	for _, e := range all {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), filePrefix) && strings.HasSuffix(e.Name(), fileSuffix) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

func openAppend(dir, name string, flags int) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW|flags, 0o600)
}

// next begins a file. Its first record carries the chain over and lists the queries that are running.
func (w *writer) next(action string) error {
	if w.f != nil {
		if err := w.sync(); err != nil {
			return err
		}
	}
	now := w.now().UTC()
	name := fileName(w.head.Seq+1, now)
	f, err := openAppend(w.cfg.Dir, name, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("beginning an audit file: %w", err)
	}
	old := *w
	w.f, w.size, w.day = f, 0, now.Format("20060102")
	if err = w.write([]*Record{w.opening(action)}); err == nil {
		err = w.sync()
	}
	if err == nil {
		err = syncDir(w.cfg.Dir)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(filepath.Join(w.cfg.Dir, name))
		*w = old
		return fmt.Errorf("beginning an audit file: %w", err)
	}
	if old.f != nil {
		_ = old.f.Close() // synced above
	}
	return nil
}

func (w *writer) opening(action string) *Record {
	return &Record{Kind: KindOpen, Action: action, Alg: algorithm(w.cfg.Key), Running: slices.Sorted(maps.Keys(w.running))}
}

// append writes records, in a new file if it is time for one. On an error none of them is in the log.
func (w *writer) append(records []*Record) error {
	if w.dead != nil {
		return w.dead
	}
	if w.f == nil || w.size >= w.cfg.MaxBytes || w.day != w.now().UTC().Format("20060102") {
		if err := w.next("rotated"); err != nil {
			return err
		}
	}
	return w.write(records)
}

func (w *writer) write(records []*Record) error {
	if w.trim {
		if err := w.f.Truncate(w.size); err != nil {
			return fmt.Errorf("cutting off half a record: %w", err)
		}
		w.trim = false
	}
	head := w.head
	var text []byte
	for _, r := range records {
		r.Seq, r.Prev, r.Time = head.Seq+1, head.Hash, w.now().UTC().Truncate(time.Microsecond)
		l, err := encode(r, w.cfg.Key)
		if err != nil {
			return err
		}
		text = append(text, l...)
		head = Head{Seq: r.Seq, Hash: r.Hash, Time: r.Time}
	}
	if _, err := w.f.Write(text); err != nil {
		w.trim = true
		if terr := w.f.Truncate(w.size); terr == nil {
			w.trim = false
		}
		return fmt.Errorf("appending to the audit log: %w", err)
	}
	w.size += int64(len(text))
	w.head, w.dirty = head, true
	for _, r := range records {
		pair(w.running, r)
	}
	return nil
}

// pair keeps account of the queries between their two records.
func pair(running map[string]string, r *Record) {
	switch r.Kind {
	case KindStart:
		running[r.QueryID] = r.User
	case KindEnd, KindUnpaired:
		delete(running, r.QueryID)
	}
}

// sync makes what was written durable. After a failure the kernel may have dropped the pages and would say nothing the
// next time, so it is final (see the PostgreSQL wiki on fsync errors).
func (w *writer) sync() error {
	if w.dead != nil || !w.dirty {
		return w.dead
	}
	if err := w.f.Sync(); err != nil {
		w.dead = fmt.Errorf("syncing the audit log: %w", err)
		return w.dead
	}
	w.dirty = false
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the audit folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some file systems cannot
		return fmt.Errorf("syncing the audit folder: %w", err)
	}
	return nil
}

func (w *writer) close() error {
	if w.f == nil {
		return nil
	}
	err := errors.Join(w.sync(), w.f.Close())
	w.f = nil
	return err
}

// recovered is what a writer found when it opened a log.
type recovered struct {
	torn     int64  // bytes of half a record that were cut off
	tornHash string // their SHA-256
	damaged  string // what breaks the chain in the newest file
}

// recover finds the head of the newest file. Half a record at its very end, which only a crash leaves, is put aside;
// anything else that does not fit stays where it is, for Verify to find.
func (w *writer) recover() (rec recovered, err error) {
	names, err := files(w.cfg.Dir)
	if err != nil {
		return rec, err
	}
	w.head = Head{Hash: genesis()}
	for len(names) > 0 {
		last := names[len(names)-1]
		found, err := w.newest(last, &rec)
		if err != nil || found {
			return rec, err
		}
		// The process died while it began this file; the head is in the one before.
		if err := os.Rename(filepath.Join(w.cfg.Dir, last), filepath.Join(w.cfg.Dir, last+".torn")); err != nil {
			return rec, fmt.Errorf("recovering the audit log: %w", err)
		}
		names = names[:len(names)-1]
	}
	return rec, nil
}

// newest takes over one file; found is false if it holds no record.
func (w *writer) newest(name string, rec *recovered) (found bool, err error) {
	path := filepath.Join(w.cfg.Dir, name)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, fmt.Errorf("recovering the audit log: %w", err)
	}
	defer f.Close()
	var end int64
	prev, alg := "", ""
	err = scan(f, func(l line) error {
		if !l.whole {
			return nil
		}
		end = l.start + int64(len(l.text)) + 1
		r, err := decode(l.text, nil, false)
		if err == nil && r.Kind == KindOpen {
			if alg = r.Alg; alg == algHMAC && len(w.cfg.Key) == 0 {
				return fmt.Errorf("%w: this log was begun with a key, and none is configured", ErrKey)
			}
		}
		key := w.cfg.Key
		if alg != algHMAC {
			key = nil
		}
		if err == nil {
			_, err = decode(l.text, key, true)
		}
		switch {
		case errors.Is(err, errForm):
			rec.damaged = fmt.Sprintf("%s:%d: %v", name, l.number, err)
			return nil
		case err != nil || (prev != "" && r.Prev != prev):
			rec.damaged = fmt.Sprintf("%s:%d: the chain is broken", name, l.number)
		}
		found, prev = true, r.Hash
		if r.Kind == KindOpen {
			for _, id := range r.Running {
				w.running[id] = ""
			}
		}
		pair(w.running, &r)
		w.head = Head{Seq: max(r.Seq, w.head.Seq), Hash: r.Hash, Time: r.Time}
		return nil
	})
	if err != nil || !found {
		return false, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("recovering the audit log: %w", err)
	}
	if size > end {
		if err := w.putAside(f, name, end, size, rec); err != nil {
			return false, err
		}
	}
	if w.f, err = openAppend(w.cfg.Dir, name, 0); err != nil {
		return false, fmt.Errorf("recovering the audit log: %w", err)
	}
	w.size = end
	w.day = strings.TrimSuffix(name[strings.LastIndexByte(name, '-')+1:], fileSuffix)
	return true, nil
}

// putAside copies the bytes behind the last whole line to a file of their own and cuts them off.
func (w *writer) putAside(f *os.File, name string, end, size int64, rec *recovered) error {
	aside := fmt.Sprintf("%s.torn-%d", name, end)
	out, err := os.OpenFile(filepath.Join(w.cfg.Dir, aside), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("recovering the audit log: %w", err)
	}
	h := hasher(nil)
	_, err = io.Copy(io.MultiWriter(out, h), io.NewSectionReader(f, end, size-end))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("recovering the audit log: %w", err)
	}
	if err := os.Truncate(filepath.Join(w.cfg.Dir, name), end); err != nil {
		return fmt.Errorf("recovering the audit log: %w", err)
	}
	rec.torn, rec.tornHash = size-end, fmt.Sprintf("%x", h.Sum(nil))
	return nil
}
