package filedrop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"onegrid/connectors"
)

// source is one dropped folder. It keeps no progress: what it has seen so far only tells it which files still change.
type source struct {
	cfg      Config
	env      connectors.Env
	dir      string
	settings string // digest of the settings that the meaning of a file depends on
	gb       func() *gbTable
	seen     *sightings
}

// Kind is this connector for a registry.
func Kind() connectors.Kind {
	return connectors.Define("filedrop",
		"A folder of dropped files: CSV, fixed width, JSON, JSON lines, XLSX, XML, Parquet; alone or in gz or zip.",
		"文件投递目录：CSV、定宽、JSON、JSON Lines、XLSX、XML、Parquet，可单独或置于 gz、zip 中。",
		Defaults(), newSource)
}

func newSource(env connectors.Env, c Config) (connectors.Source, error) {
	dir := c.Dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(env.Dir, dir)
	}
	d := c
	d.Dir, d.Patterns, d.Settle, d.Marker, d.Order, d.After, d.DoneDir, d.FailDir = "", nil, 0, "", "", "", "", ""
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("digesting the settings: %w", err)
	}
	sum := sha256.Sum256(b)
	return &source{cfg: c, env: env, dir: dir, settings: base64.RawURLEncoding.EncodeToString(sum[:6]),
		gb: sync.OnceValue(newGBTable), seen: &sightings{at: map[string]sighting{}}}, nil
}

// fail is an error for people. cause may name files, never what is in them.
func (s *source) fail(op string, sentinel, cause error, hint, zh string) error {
	err := cause
	if !errors.Is(cause, sentinel) {
		err = fmt.Errorf("%w: %w", sentinel, cause)
	}
	return &connectors.Error{Op: op, Source: s.env.SourceID, Err: err, Hint: hint, HintZH: zh}
}

// Read yields the records of every file that has not been read. A file that cannot be read is set aside and named in an
// error after all others have been read.
func (s *source) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		r := &run{source: s, ctx: ctx, yield: yield}
		err := r.all(from)
		if r.stopped {
			return
		}
		if err == nil {
			err = errors.Join(r.failed...)
		}
		if err != nil {
			yield(connectors.Batch{}, err)
		}
	}
}

// run is one reading of the folder.
type run struct {
	*source
	ctx     context.Context
	yield   func(connectors.Batch, error) bool
	root    *os.Root
	st      *state
	t       *table
	stopped bool    // the consumer has left
	moved   bool    // st differs from the last checkpoint given
	failed  []error // of single files
	notes   []connectors.Note
	hashes  map[string]string // of files hashed in this run, by name
}

var errStopped = errors.New("stopped")

func (r *run) all(from connectors.Checkpoint) (err error) {
	if r.st, err = decodeState(from); err != nil {
		return r.fail("reading the checkpoint", connectors.ErrCheckpoint, err, "set or clear the state of this source", "请重新设置或清除该数据源的状态")
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.root, err = r.source.root(); err != nil {
		return err
	}
	defer func() { _ = r.root.Close() }()
	r.t = newTable(r.env.Rows(), r.cfg.Limits.Columns)
	r.hashes = map[string]string{}
	ready, err := r.wait()
	if err != nil {
		return err
	}
	r.st.keepHeaders(r.cfg.Patterns)
	r.moved = r.st.prune(func(name string) bool {
		_, err := lstat(r.root, name)
		return !errors.Is(err, fs.ErrNotExist)
	})
	dealt := r.st.dealt(ready, r.settings)
	var todo []dropped
	for _, d := range ready {
		if !dealt[d.name] {
			todo = append(todo, d)
		}
	}
	todo, err = r.currentFirst(todo)
	if err != nil {
		return err
	}
	for _, d := range todo {
		if err := r.file(d); errors.Is(err, errStopped) {
			r.stopped = true
			return nil
		} else if err != nil {
			return err
		}
	}
	if r.moved || len(r.notes) > 0 {
		if err := r.give(connectors.Batch{Stream: r.cfg.Patterns[0]}); err != nil {
			r.stopped = true
		}
	}
	return nil
}

// wait lists the files, giving those that were just written one chance to settle.
func (r *run) wait() ([]dropped, error) {
	ready, waiting, err := r.scan(r.root, time.Now())
	if err != nil || len(waiting) == 0 || r.cfg.Marker != "" {
		return ready, err
	}
	timer := time.NewTimer(r.cfg.Settle)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	case <-timer.C:
	}
	ready, waiting, err = r.scan(r.root, time.Now())
	if len(waiting) > 0 {
		r.notes = append(r.notes, connectors.Note{Rule: "still_written", Message: fmt.Sprintf("%d files are still being written and wait for the next reading", len(waiting))})
	}
	return ready, err
}

// currentFirst puts the file that was being read in front, also when it has another name now. When it has gone, or has
// other content, its position means nothing any more.
func (r *run) currentFirst(todo []dropped) ([]dropped, error) {
	c := r.st.Current
	if c == nil {
		return todo, nil
	}
	if c.Settings == r.settings {
		for _, byName := range []bool{true, false} {
			for i, d := range todo {
				if (d.name == c.Name) != byName || d.info.Size() != c.Size {
					continue
				}
				h, err := r.hashOf(d)
				if r.ctx.Err() != nil {
					return nil, r.ctx.Err()
				}
				if err == nil && h == c.Hash {
					return append(append([]dropped{d}, todo[:i]...), todo[i+1:]...), nil
				}
			}
		}
	}
	r.st.Current, r.moved = nil, true
	return todo, nil
}

func (r *run) hashOf(d dropped) (string, error) {
	if h, ok := r.hashes[d.name]; ok {
		return h, nil
	}
	f, err := open(r.root, d)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h, err := hash(r.ctx, f)
	if err == nil {
		r.hashes[d.name] = h
	}
	return h, err
}

// file reads one file, or finds that its content has been read. It returns errStopped or an error that ends the run;
// what is wrong with the file alone is recorded.
func (r *run) file(d dropped) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	f, err := open(r.root, d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // moved away meanwhile
	case errors.Is(err, errChanged):
		r.later(d)
		return nil
	case err != nil:
		r.failed = append(r.failed, r.fail("opening "+d.name, connectors.ErrUnavailable, err, "the account of onegrid must be able to read the file", "onegrid 的运行账户须有读取该文件的权限"))
		return nil
	}
	defer func() { _ = f.Close() }()
	racy := time.Since(d.info.ModTime()) < 2*time.Second
	h, known := r.hashes[d.name]
	if !known {
		if h, err = hash(r.ctx, f); err != nil {
			return r.broken(d, f, "", err)
		}
	}
	if e, ok := r.st.known(h, r.settings); ok {
		if e.Name != "" && e.Name != d.name {
			r.notes = append(r.notes, connectors.Note{Rule: "duplicate_file", Message: fmt.Sprintf("%s has the content of %s and is not read again", d.name, e.Name)})
		}
		r.done(d, h, e.Failed)
		return nil
	}
	if d.info.Size() > r.cfg.Limits.FileSize {
		return r.broken(d, f, h, fmt.Errorf("%w: the file is larger than limits.file_size", connectors.ErrLimit))
	}
	at := position{}
	if c := r.st.Current; c != nil && c.Hash == h {
		at = c.At
	}
	return r.content(d, f, h, at, racy)
}

// content reads the members of an opened file from a position on.
func (r *run) content(d dropped, f *os.File, h string, at position, racy bool) error {
	members, err := r.members(f, d.name, d.info.Size())
	if err != nil {
		return r.broken(d, f, h, err)
	}
	r.st.Current = &current{Hash: h, Name: d.name, Size: d.info.Size(), Settings: r.settings, At: at}
	for i := at.Member; i < len(members); i++ {
		from := position{Member: i}
		if i == at.Member {
			from = at
		}
		if err := r.member(d, f, members[i], i, from); err != nil {
			return r.broken(d, f, h, err)
		}
		r.st.Current.At = position{Member: i + 1}
		if i+1 < len(members) {
			if err := r.flush(d, f, members[i]); err != nil {
				return r.broken(d, f, h, err)
			}
		}
	}
	if racy {
		// The clock of modification times may not have ticked since the hash: only the content itself can tell.
		again, err := hash(r.ctx, f)
		if err != nil || again != h {
			return r.broken(d, f, h, errors.Join(err, errChanged))
		}
	}
	r.done(d, h, "")
	return r.give(connectors.Batch{Stream: d.pattern, Origin: members[len(members)-1].name, AsOf: d.info.ModTime()})
}

// member reads one stream. All but its last batch are given; the last one stays in the table for the caller to give with
// the checkpoint behind it.
func (r *run) member(d dropped, f *os.File, m member, index int, from position) error {
	o, err := r.openMember(r.ctx, m, r.t, from)
	if errors.Is(err, errEmpty) {
		r.t.note("empty_file", "%s is empty", m.name)
		return nil
	}
	if err != nil {
		return inMember(m, err)
	}
	if o.names != nil {
		key := d.pattern
		if index > 0 {
			key = fmt.Sprintf("%s!%d", d.pattern, index)
		}
		if change := r.st.header(key, o.names); change != "" {
			r.t.note("header_drift", "%s: %s", m.name, change)
		}
	}
	for {
		err := r.protected(o)
		p := o.at()
		p.Member = index
		r.st.Current.At = p
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return inMember(m, err)
		}
		if err := r.flush(d, f, m); err != nil {
			return err
		}
	}
}

func inMember(m member, err error) error { return fmt.Errorf("%s: %w", m.name, err) }

// protected reads the next records; a decoder that panics over a damaged file is an error of that file.
func (r *run) protected(o opened) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.t.undo()
			err = fmt.Errorf("%w: its decoder failed", connectors.ErrDecode) // the panic's text may quote the file
		}
	}()
	return o.read(r.t)
}

// flush gives what the table holds, after making sure that the file is still the one that was hashed.
func (r *run) flush(d dropped, f *os.File, m member) error {
	if r.t.rows == 0 && len(r.t.rejects) == 0 {
		return nil
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if changed(fi, d.info) {
		return errChanged
	}
	return r.give(connectors.Batch{Stream: d.pattern, Origin: m.name, AsOf: d.info.ModTime()})
}

// give yields a batch with what the table holds and the checkpoint behind it.
func (r *run) give(b connectors.Batch) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	c, err := r.st.checkpoint()
	if err != nil {
		return err
	}
	rec, rejects, notes := r.t.take()
	if rec != nil {
		b.Records = rec
	}
	b.Rejects, b.Resume = rejects, c
	b.Notes = append(r.notes, notes...)
	r.notes, r.moved = nil, false
	if !r.yield(b, nil) {
		r.stopped = true // whatever error the way back makes of it, nothing may be yielded any more
		return errStopped
	}
	return nil
}

// done records that a file has been dealt with; the next batch carries it.
func (r *run) done(d dropped, h, failed string) {
	r.st.put(entry{Hash: h, Name: d.name, Size: d.info.Size(), Print: fingerprint(d.info), Failed: failed})
	if c := r.st.Current; c != nil && c.Hash == h {
		r.st.Current = nil
	}
	r.moved = true
}

// later leaves a file that changes while it is read for the next reading; no checkpoint moves past it.
func (r *run) later(d dropped) {
	r.t.reset()
	r.st.Current, r.moved = nil, true
	r.notes = append(r.notes, connectors.Note{Rule: "file_changed", Message: d.name + " changed while it was read; it is read again from the start once it has settled"})
}

// broken decides what an error of one file means: it changed meanwhile and is read again later; the disk failed; or its
// content cannot be read, and it is set aside under its hash so that it blocks nothing.
func (r *run) broken(d dropped, f *os.File, h string, cause error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if errors.Is(cause, errStopped) {
		return cause
	}
	fi, err := f.Stat()
	if errors.Is(cause, errChanged) || (err == nil && changed(fi, d.info)) {
		r.later(d)
		return nil
	}
	var path *fs.PathError
	if errors.As(cause, &path) || h == "" {
		r.t.reset()
		r.st.Current, r.moved = nil, true
		r.failed = append(r.failed, r.fail("reading "+d.name, connectors.ErrUnavailable, cause, "the disk or share that holds the folder may be failing", "文件夹所在的磁盘或共享可能出现故障"))
		return nil
	}
	sentinel := connectors.ErrDecode
	if errors.Is(cause, connectors.ErrLimit) {
		sentinel = connectors.ErrLimit
	}
	r.failed = append(r.failed, r.fail("reading "+d.name, sentinel, cause,
		"have the file sent again; it is tried anew when its content or these settings change", "请要求重新投递；文件内容或本配置改变后会再次尝试"))
	r.t.reject("file "+d.name, "bad_file", fmt.Sprintf("%s cannot be read: %v", d.name, cause), fmt.Sprintf("无法读取文件 %s：%v", d.name, cause), nil)
	r.t.note("bad_file", "%s cannot be read and is set aside: %v", d.name, cause)
	r.done(d, h, r.settings)
	r.st.Current = nil
	return r.give(connectors.Batch{Stream: d.pattern, Origin: d.name, AsOf: d.info.ModTime()})
}
