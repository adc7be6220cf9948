package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// spoolName is the folder in which other processes leave notes for the one that writes the log.
const spoolName = "inbox"

// Courier records notes from a process that does not hold the log, such as `onegrid user add` beside the daemon: it
// writes them itself if no other process has the log open, and else leaves them for that one, which takes them into the
// chain within Config.Settle.
type Courier struct {
	cfg Config
	log *slog.Logger
}

// NewCourier returns a courier for the log of cfg.
func NewCourier(cfg Config, log *slog.Logger) *Courier { return &Courier{cfg: cfg, log: log} }

// Note returns once the note is durable, in the log or in the inbox.
func (c *Courier) Note(ctx context.Context, n Note) error {
	l, err := Open(c.cfg, c.log)
	if errors.Is(err, ErrLocked) {
		return spool(c.cfg.Dir, n, time.Now())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return errors.Join(l.Note(ctx, n), l.Close())
}

func spool(dir string, n Note, now time.Time) error {
	fail := func(err error) error { return fmt.Errorf("%w: leaving a note: %w", ErrWrite, err) }
	inbox := filepath.Join(dir, spoolName)
	if err := os.MkdirAll(inbox, 0o700); err != nil {
		return fail(err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fail(err)
	}
	r := n.record()
	r.Time = now.UTC()
	text, err := json.Marshal(r)
	if err != nil {
		return fail(err)
	}
	tmp := filepath.Join(inbox, "."+id.String())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, filepath.Join(inbox, id.String()+".json"))
	}
	if err == nil {
		err = syncDir(inbox)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// ingest takes the notes of other processes into the chain. A note is removed once it is on the disk; if the process dies
// in between, it is recorded twice, with the same name in Spooled.
func (l *Log) ingest() {
	inbox := filepath.Join(l.cfg.Dir, spoolName)
	all, err := os.ReadDir(inbox)
	if err != nil || len(all) == 0 {
		return // no process has left anything yet
	}
	var records []*Record
	var names []string
	for _, e := range all {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") || l.spooled[e.Name()] {
			continue
		}
		r, err := readNote(filepath.Join(inbox, e.Name()))
		if err != nil {
			l.log.Error("a note for the audit log cannot be read", "error", err)
			r = Record{Kind: KindUnreadable, Reason: "a note in the inbox cannot be read"}
		}
		r.Spooled = strings.TrimSuffix(e.Name(), ".json") + " " + r.Time.UTC().Format(time.RFC3339)
		records, names = append(records, &r), append(names, e.Name())
	}
	if len(records) == 0 {
		return
	}
	err = l.w.append(records)
	if err == nil {
		err = l.w.sync()
	}
	l.note(err)
	if err != nil {
		return
	}
	for _, n := range names {
		if err := os.Remove(filepath.Join(inbox, n)); err != nil {
			l.spooled[n] = true // recorded; not a second time
			l.log.Error("a recorded note cannot be removed", "error", err)
		}
	}
}

func readNote(path string) (Record, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, lineLimit))
	dec.DisallowUnknownFields()
	var r Record
	if err := dec.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("reading a note: %w", err)
	}
	switch r.Kind {
	case KindOpen, KindStart, KindEnd, KindUnpaired, KindRepaired, KindDamaged, KindClose:
		return Record{}, fmt.Errorf("reading a note: %s is not for others to write", r.Kind)
	}
	return r, nil
}
