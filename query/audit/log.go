package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	lockName   = "audit.lock"
	maxBacklog = 10_000 // end records kept while the disk is full
	maxText    = 256    // characters of what a client says of itself
	maxSQL     = 64 << 10
)

// Log is an opened audit log. One process writes it; its methods are safe for concurrent use.
//
// Records of all callers that arrive while the disk is busy are written and synced together, so that twenty clients
// do not wait for twenty syncs.
type Log struct {
	cfg    Config
	log    *slog.Logger
	lock   *os.File
	w      *writer
	anchor *anchors

	mu     sync.Mutex
	queue  []*item
	closed bool
	wake   chan struct{}
	done   chan struct{}

	backlog []*Record // ends that could not be written yet
	spooled map[string]bool
	failure atomic.Pointer[error]
	syncs   atomic.Int64
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// item is a record on its way.
type item struct {
	rec     Record
	durable bool
	keep    bool // an end: it is written later if it cannot be written now
	state   atomic.Int32
	done    chan error
}

// Open takes the lock (ErrLocked), recovers what a crash left and begins with a record of that: queries without an end
// are ended as unpaired, half a record at the end is put aside and said so.
func Open(cfg Config, log *slog.Logger) (*Log, error) { return open(cfg, log, time.Now) }

func open(cfg Config, log *slog.Logger, now func() time.Time) (opened *Log, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the audit folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the audit log: %w", err)
	}
	l := &Log{
		cfg: cfg, log: log, lock: lock, wake: make(chan struct{}, 1), done: make(chan struct{}), spooled: map[string]bool{},
		w: &writer{cfg: cfg, now: now, running: map[string]string{}}, anchor: &anchors{cfg: cfg, now: now, log: log},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.w.close(), l.lock.Close())
		}
	}()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("locking the audit log: %w", err)
	}
	if err := l.begin(); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// begin recovers and writes the first records of this process.
func (l *Log) begin() error {
	rec, err := l.w.recover()
	if err != nil {
		return err
	}
	crashed := slices.Sorted(maps.Keys(l.w.running))
	users := maps.Clone(l.w.running)
	first := []*Record{l.w.opening("started")}
	first[0].Running = nil // they end right here
	if rec.damaged != "" {
		l.log.Error("the audit log is damaged; it goes on behind the damage", "where", rec.damaged)
		first = append(first, &Record{Kind: KindDamaged, Reason: rec.damaged})
		l.w.size = l.cfg.MaxBytes // a new file: the damage is found once, not at every start
	}
	if rec.torn > 0 {
		l.log.Warn("the audit log ended in the middle of a record, which a crash does; it was put aside", "bytes", rec.torn)
		first = append(first, &Record{Kind: KindRepaired, Bytes: rec.torn, Reason: "sha256 " + rec.tornHash})
	}
	for _, id := range crashed {
		first = append(first, &Record{Kind: KindUnpaired, QueryID: id, User: users[id], Reason: "the process ended before the query"})
	}
	if l.w.f == nil {
		if err := l.w.next("started"); err != nil {
			return err
		}
		first = first[1:]
	}
	if len(first) > 0 {
		if err := l.w.append(first); err != nil {
			return err
		}
	}
	return l.w.sync()
}

// Start records that a query is about to run and returns once that is on the disk. On an error, which wraps ErrWrite or
// is the context's, nothing was recorded and the query must not run.
func (l *Log) Start(ctx context.Context, q Query) error {
	q.Client, q.Address, q.SQL = short(q.Client, maxText), short(q.Address, maxText), short(q.SQL, maxSQL)
	return l.put(ctx, &item{rec: q.record(), durable: true})
}

// End records how a query ended. It returns once the record is written; it is on the disk within Config.Settle. If the
// disk is full the record is kept and written as soon as there is room, before anything else can start.
func (l *Log) End(o Outcome) error {
	o.Reason = short(o.Reason, maxText)
	return l.put(context.Background(), &item{rec: o.record(), keep: true})
}

// Note records anything else and returns once it is on the disk. On an error what it says must not happen.
func (l *Log) Note(ctx context.Context, n Note) error {
	n.Client, n.Address, n.SQL, n.Reason = short(n.Client, maxText), short(n.Address, maxText), short(n.SQL, maxSQL), short(n.Reason, maxText)
	return l.put(ctx, &item{rec: n.record(), durable: true})
}

// Err is why the newest record could not be written; nil while all is well.
func (l *Log) Err() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// short cuts a text at n bytes, at the border of a character, and takes control characters out.
func short(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func (l *Log) put(ctx context.Context, i *item) error {
	i.done = make(chan error, 1)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrWrite, ErrClosed)
	}
	l.queue = append(l.queue, i)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-i.done:
		return err
	case <-ctx.Done():
	}
	if i.state.CompareAndSwap(waiting, abandoned) {
		return ctx.Err() // it will not be written
	}
	return <-i.done // it is being written: the caller must know what came of it
}

// run writes until Close.
func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(l.cfg.Settle)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
			l.commit(l.take())
		case <-tick.C:
			l.settle()
		}
		l.mu.Lock()
		end := l.closed && len(l.queue) == 0
		l.mu.Unlock()
		if end {
			return
		}
	}
}

func (l *Log) take() []*item {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queue
	l.queue = nil
	return q
}

// settle does what waits for no caller.
func (l *Log) settle() {
	if len(l.backlog) > 0 {
		l.commit(nil)
	}
	l.note(l.w.sync())
	l.ingest()
	if l.w.dead == nil && !l.w.dirty {
		l.anchor.offer(l.w.head, false)
	}
}

func (l *Log) note(err error) {
	if err != nil {
		if l.failure.Swap(&err) == nil {
			l.log.Error("the audit log cannot be written; no query runs until it can", "error", err)
		}
		return
	}
	if l.failure.Swap(nil) != nil {
		l.log.Info("the audit log can be written again")
	}
}

// commit writes a batch and tells its callers.
func (l *Log) commit(batch []*item) {
	records := slices.Clone(l.backlog)
	durable := len(records) > 0
	var live []*item
	for _, i := range batch {
		if i.state.CompareAndSwap(waiting, taken) {
			live = append(live, i)
			records = append(records, &i.rec)
			durable = durable || i.durable
		}
	}
	if len(records) == 0 {
		return
	}
	err := l.w.append(records)
	if err == nil {
		l.backlog = nil
		if durable {
			l.syncs.Add(1)
			err = l.w.sync()
		}
	} else {
		for _, i := range live {
			if i.keep && len(l.backlog) < maxBacklog {
				l.backlog = append(l.backlog, &i.rec)
			}
		}
	}
	l.note(err)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrWrite, err)
	}
	for _, i := range live {
		i.done <- err
	}
}

// Close writes what is queued, the last record and the anchor, and releases the lock. Later calls fail with ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-l.done
	var errs []error
	l.ingest()
	if len(l.backlog) > 0 {
		l.commit(nil)
	}
	errs = append(errs, l.w.append([]*Record{{Kind: KindClose}}), l.w.sync())
	if l.w.dead == nil && !l.w.dirty {
		l.anchor.offer(l.w.head, true)
	}
	errs = append(errs, l.anchor.close(), l.w.close(), l.lock.Close())
	return errors.Join(errs...)
}
