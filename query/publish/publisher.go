package publish

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"onegrid/query"
	"onegrid/query/pgcatalog"
	"onegrid/warehouse"
)

// Publisher keeps the snapshots of all scopes up to date. One process publishes into a folder at a time.
type Publisher struct {
	opts   Options
	log    *slog.Logger
	alloc  memory.Allocator
	notify chan struct{}
	lock   *os.File
	key    string // hex, of the pseudonyms
	rules  string

	work      sync.Mutex // one publication at a time
	shelves   []*shelf   // the first is the base: every row of the sensitive tier
	number    int64      // of the last generation
	aside     bool       // files are built beside the publications
	asideOf   *shelf     // the one that is being built
	levels    months
	levelsDay int32

	state  sync.Mutex
	status Status
}

const (
	lockName    = ".publish.lock"
	keyName     = ".pseudonym.key"
	tempName    = ".tmp"
	asideSuffix = "-aside"
	baseName    = ".base"
)

// Open takes the snapshot folder and repairs what an earlier process left behind. It returns ErrBusy while another
// process has the folder.
func Open(ctx context.Context, opts Options) (*Publisher, error) {
	opts = opts.withDefaults()
	if opts.Feed == nil || opts.Catalog == nil {
		return nil, errors.New("publisher needs a feed and a catalog")
	}
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating the snapshot folder: %w", err)
	}
	p := &Publisher{opts: opts, log: opts.Logger, alloc: memory.DefaultAllocator, notify: make(chan struct{}, 1)}
	var err error
	if p.lock, err = lockFolder(opts.Dir); err != nil {
		return nil, err
	}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the snapshot folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return f, nil
}

func (p *Publisher) open(ctx context.Context) error {
	var err error
	if p.key, err = readKey(p.opts.Dir); err != nil {
		return err
	}
	if err := p.clearTemp(); err != nil {
		return fmt.Errorf("clearing the temporary folder: %w", err)
	}
	p.rules = p.rulesDigest()
	base := &shelf{scope: query.Scope{Tier: query.Sensitive, Area: cityArea}, folder: filepath.Join(p.opts.Dir, baseName), hidden: true}
	p.shelves = []*shelf{base}
	for _, s := range p.opts.Scopes {
		if s == base.scope {
			base.hidden, base.folder = false, filepath.Join(p.opts.Dir, s.String())
			continue
		}
		if s.Tier != query.Masked && s.Tier != query.Sensitive || s.Area != cityArea && len(s.Area) != 6 {
			return fmt.Errorf("scope %s: a scope is masked or sensitive, of the city or of a county of six digits", s)
		}
		p.shelves = append(p.shelves, &shelf{scope: s, folder: filepath.Join(p.opts.Dir, s.String())})
	}
	for _, s := range p.shelves {
		if err := openShelf(s); err != nil {
			return err
		}
		if err := p.admit(s); err != nil {
			return err
		}
		if s.current != nil {
			p.number = max(p.number, s.current.m.Generation)
			s.stale = s.stale || s.current.m.Rules != p.rules
		}
	}
	err = p.recall(ctx)
	p.noteScopes()
	return err
}

// admit gives the folder of a scope to the group that may read it. The base of no scope stays with the publisher.
func (p *Publisher) admit(s *shelf) error {
	if p.opts.Group <= 0 || s.hidden {
		return nil
	}
	for _, dir := range []string{p.opts.Dir, s.folder} {
		if err := os.Chown(dir, -1, p.opts.Group); err != nil {
			return fmt.Errorf("letting the group enter a folder of snapshots: %w", err)
		}
		if err := os.Chmod(dir, 0o750); err != nil {
			return fmt.Errorf("letting the group enter a folder of snapshots: %w", err)
		}
	}
	return nil
}

// recall finds the levels that the published files have: those of the base at its day of publication.
func (p *Publisher) recall(ctx context.Context) (err error) {
	base := p.shelves[0]
	if base.current == nil || base.stale {
		base.stale = base.current != nil
		return nil
	}
	e, err := openEngine(ctx, p.opts.MemoryLimit, p.opts.Threads, p.temp())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.attachRead(ctx, base.current.path, "b"); err != nil {
		p.log.Warn("the last generation cannot be read; a new one is built", "scope", base.scope.String(), "error", err)
		base.stale = true
		return nil
	}
	p.levelsDay = today(base.current.m.Published)
	if p.levels, err = readLevels(ctx, e, "b", "", p.opts, p.levelsDay); err != nil {
		return err
	}
	for _, s := range p.shelves {
		if s.current == nil {
			continue
		}
		s.current.levels = p.levels
		// Files of another moment than the base have levels that nobody knows any more.
		if s.current.m.Position != base.current.m.Position || today(s.current.m.Published) != p.levelsDay {
			s.stale = true
		}
	}
	p.status.Generation, p.status.Published = p.number, base.current.m.Published
	return nil
}

func (p *Publisher) temp() string { return filepath.Join(p.opts.Dir, tempName) }

func (p *Publisher) clearTemp() error {
	return errors.Join(os.RemoveAll(p.temp()), os.RemoveAll(p.temp()+asideSuffix))
}

// readKey reads the key of the pseudonyms, making it at the first start. It never leaves the folder.
func readKey(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return "", err
		}
		key := hex.EncodeToString(b)
		if err := writeAtomic(dir, keyName, []byte(key), 0o600); err != nil {
			return "", fmt.Errorf("writing the key of the pseudonyms: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the key of the pseudonyms: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 65))
	if err != nil {
		return "", fmt.Errorf("reading the key of the pseudonyms: %w", err)
	}
	if _, err := hex.DecodeString(string(b)); err != nil || len(b) != 64 {
		return "", fmt.Errorf("the key of the pseudonyms is damaged: remove %s, and every snapshot is built anew", keyName)
	}
	return string(b), nil
}

// rulesDigest changes whenever what a file holds would be another for the same store.
func (p *Publisher) rulesDigest() string {
	h := sha256.New()
	fmt.Fprintln(h, manifestFormat, eventDDL("event", true), eventDDL("event", false), maskSelect(p.key), p.opts.Sensitive, p.opts.K, rowGroup, sourcesDDL, wideOrgs(p.opts.Catalog))
	for _, t := range reference(p.opts.Catalog, false, "") {
		fmt.Fprintln(h, t.Name, t.Columns)
	}
	for _, q := range pgcatalog.Statements(databaseName, nil) {
		fmt.Fprintln(h, q)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// Publish publishes what changed, once. Nothing changed is no error and no new generation: Report.Generation is then the
// published one and Report.Scopes is 0.
func (p *Publisher) Publish(ctx context.Context) (Report, error) {
	p.work.Lock()
	defer p.work.Unlock()
	rep, err := p.publish(ctx)
	p.noteScopes()
	p.state.Lock()
	defer p.state.Unlock()
	now := p.opts.Now()
	if rep.Scopes > 0 {
		p.status.Generation, p.status.Published, p.status.Checked = rep.Generation, now, now
	}
	if err != nil {
		p.status.LastError, p.status.Failures = err.Error(), p.status.Failures+1
		return rep, err
	}
	p.status.LastError, p.status.Failures, p.status.Checked = "", 0, now
	return rep, nil
}

// noteScopes keeps for Status how the scopes fare. The caller has the lock of the work.
func (p *Publisher) noteScopes() {
	list := make([]ScopeStatus, 0, len(p.shelves))
	for _, s := range p.shelves {
		if s.hidden {
			continue
		}
		st := ScopeStatus{Scope: s.scope, Failures: s.failures, Building: s == p.asideOf}
		if s.current != nil {
			st.Generation, st.Published = s.current.m.Generation, s.current.m.Published
		}
		if s.failure != nil {
			st.LastError = s.failure.Error()
		}
		list = append(list, st)
	}
	p.state.Lock()
	defer p.state.Unlock()
	p.status.Scopes = list
}

// Status tells how the publisher fares.
func (p *Publisher) Status() Status {
	p.state.Lock()
	defer p.state.Unlock()
	return p.status
}

// freshEvery is how often a generation is published for the times of reading alone.
const freshEvery = time.Minute

// due reports whether there is anything to publish.
func (p *Publisher) due(ctx context.Context, now time.Time) (bool, error) {
	base := p.shelves[0]
	aside := p.aside && p.baseUsable()
	for _, s := range p.shelves {
		if s.clean != nil || !aside && s.needs(now, p.opts.ScrubAfter) {
			return true, nil
		}
		if s.current != nil && !s.stale && s.current.m.Catalog != p.opts.Catalog.Digest() {
			return true, nil
		}
	}
	if today(now) != p.levelsDay || now.Sub(base.current.m.Published) >= freshEvery {
		return true, nil
	}
	changed, err := p.opts.Feed.Poll(ctx, warehouse.ChangeQuery{From: base.current.m.Position, Columns: baseColumns()})
	if err != nil {
		return false, fmt.Errorf("asking the store for changes: %w", err)
	}
	return changed, nil
}

// worn reports whether the current file is to be built anew: the bytes of withdrawn rows have stayed in it for long
// enough, or so many rows lie out of the order of time that scans read too much.
func (s *shelf) worn(now time.Time, after time.Duration) bool {
	if s.current == nil {
		return false
	}
	m := s.current.m
	return m.ResidueSince != nil && now.Sub(*m.ResidueSince) >= after || m.Appended > m.Rows/4+100_000
}

func (p *Publisher) publish(ctx context.Context) (Report, error) {
	started := time.Now()
	now := p.opts.Now()
	if ok, err := p.due(ctx, now); err != nil || !ok {
		return Report{Generation: p.number}, err
	}
	if err := p.checkSpace(); err != nil {
		return Report{Generation: p.number}, err
	}
	r, err := p.round(ctx, now, false)
	if errors.Is(err, warehouse.ErrPosition) {
		p.log.Warn("the store is not the one that was published; every snapshot is built anew")
		r, err = p.round(ctx, now, true)
	}
	if err != nil {
		for _, s := range p.shelves {
			err = errors.Join(err, s.sweep())
		}
		return Report{Generation: p.number}, diskError(err)
	}
	rep := Report{Generation: r.number, Changed: r.set.Events, Scopes: r.published, Position: r.set.To, Elapsed: time.Since(started), Reading: r.reading, Hashed: r.hashed}
	if r.works[0].fresh {
		rep.Changed = -1
	}
	for _, b := range r.built {
		rep.Bytes += b.m.Size
	}
	if len(r.failed) > 0 {
		return rep, fmt.Errorf("%w: %w", ErrScope, errors.Join(r.failed...))
	}
	return rep, nil
}

// Prepare copies files ahead, so that the next publication costs what changed also right after a start. Run does it by
// itself. It returns how many files it made.
func (p *Publisher) Prepare(ctx context.Context) (int, error) {
	p.work.Lock()
	defer p.work.Unlock()
	made := 0
	for _, s := range p.shelves {
		if err := p.checkSpace(); err != nil {
			return made, err
		}
		ok, err := s.prepare(ctx, p.number)
		if err != nil {
			return made, fmt.Errorf("preparing a spare: %w", err)
		}
		if ok {
			made++
		}
	}
	return made, nil
}

func (p *Publisher) checkSpace() error {
	if p.opts.MinFree < 0 {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(p.opts.Dir, &st); err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < p.opts.MinFree {
		return fmt.Errorf("%w: %s MiB free, %s MiB wanted", ErrDiskFull, strconv.FormatInt(free>>20, 10), strconv.FormatInt(p.opts.MinFree>>20, 10))
	}
	return nil
}

// Notify says that something was committed; it never blocks.
func (p *Publisher) Notify() {
	select {
	case p.notify <- struct{}{}:
	default:
	}
}

// Close gives the folder back; what is published stays.
func (p *Publisher) Close() error {
	p.work.Lock()
	defer p.work.Unlock()
	if p.lock == nil {
		return nil
	}
	err := p.clearTemp()
	if p.opts.Record != nil {
		err = errors.Join(err, p.opts.Record.Close())
	}
	err = errors.Join(err, p.lock.Close())
	p.lock = nil
	return err
}

func marshal(m *Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}
