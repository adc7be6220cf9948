package audit

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Filter chooses records; an empty member chooses all.
type Filter struct {
	Since, Until time.Time
	User         string
	QueryID      string
	Kinds        []Kind
}

func (f Filter) matches(r *Record) bool {
	switch {
	case !f.Since.IsZero() && r.Time.Before(f.Since), !f.Until.IsZero() && !r.Time.Before(f.Until):
		return false
	case f.User != "" && r.User != f.User, f.QueryID != "" && r.QueryID != f.QueryID:
		return false
	}
	for _, k := range f.Kinds {
		if r.Kind == k {
			return true
		}
	}
	return len(f.Kinds) == 0
}

// Read yields the chosen records, oldest first. It does not verify them: see Verify. An error ends the sequence. Whoever
// shows them to an auditor records that with a note of KindRead.
func Read(ctx context.Context, dir string, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		names, err := files(dir)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, name := range names {
			if goOn, err := readFile(ctx, filepath.Join(dir, name), f, yield); err != nil {
				yield(Record{}, err)
				return
			} else if !goOn {
				return
			}
		}
	}
}

func readFile(ctx context.Context, path string, f Filter, yield func(Record, error) bool) (goOn bool, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	goOn = true
	err = scan(file, func(l line) error {
		if !goOn || !l.whole {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := decode(l.text, nil, false)
		if err == nil && f.matches(&r) {
			goOn = yield(r, nil)
		}
		return nil
	})
	return goOn, err
}
