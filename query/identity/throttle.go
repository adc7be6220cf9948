package identity

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	attemptsFile = "attempts.log"
	maxCounters  = 100_000
	compactAfter = 20_000 // lines of attempts.log
	// maxPending are logins of one name under way at once while none has failed: a connection pool opens many.
	maxPending = 32
)

// counter counts the failures of one user name or address.
type counter struct {
	Failures int       `json:"n"`
	Last     time.Time `json:"t"`
	pending  int
	denied   int64 // refused while locked, since the last failure
}

// throttle slows logins down. Names and addresses are kept as keyed hashes: people type passwords where names belong.
// Every change of a counter is one line appended to a file, so that neither a restart nor kill -9 clears it.
type throttle struct {
	cfg LockoutConfig
	key []byte
	now func() time.Time

	mu    sync.Mutex
	table map[string]*counter
	dir   string
	file  *os.File
	lines int
}

type attemptLine struct {
	Key string `json:"k"`
	counter
}

func openThrottle(dir string, key []byte, cfg LockoutConfig, now func() time.Time) (*throttle, error) {
	t := &throttle{cfg: cfg, key: key, now: now, table: map[string]*counter{}, dir: dir}
	f, err := os.OpenFile(filepath.Join(dir, attemptsFile), os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("reading failed logins: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l attemptLine
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // a line that a crash cut off
		}
		c := l.counter
		t.table[l.Key] = &c
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading failed logins: %w", err)
	}
	return t, t.compact()
}

// compact writes the file anew with what still counts.
func (t *throttle) compact() error {
	if t.file != nil {
		_ = t.file.Close() // replaced below
		t.file = nil
	}
	var text []byte
	t.lines = 0
	for k, c := range t.table {
		if t.forgotten(c) {
			if c.pending == 0 {
				delete(t.table, k)
			}
			continue
		}
		line, err := json.Marshal(attemptLine{k, *c})
		if err != nil {
			return fmt.Errorf("writing failed logins: %w", err)
		}
		text = append(append(text, line...), '\n')
		t.lines++
	}
	if err := writeFile(t.dir, attemptsFile, text); err != nil {
		return fmt.Errorf("writing failed logins: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(t.dir, attemptsFile), os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("writing failed logins: %w", err)
	}
	t.file = f
	return nil
}

func (t *throttle) forgotten(c *counter) bool {
	return c.Failures == 0 || t.now().Sub(c.Last) > t.cfg.Forget
}

// keys of an attempt: of the name, if there is one, and of the address.
func (t *throttle) keys(user, address string) (keys []string, free []int) {
	hash := func(kind, s string) string {
		m := hmac.New(sha256.New, t.key)
		m.Write([]byte(kind + "\x00" + s))
		return hex.EncodeToString(m.Sum(nil)[:16])
	}
	if user != "" {
		keys, free = append(keys, hash("user", user)), append(free, t.cfg.UserFree)
	}
	if a := network(address); a != "" {
		keys, free = append(keys, hash("address", a)), append(free, t.cfg.AddressFree)
	}
	return keys, free
}

// network is the part of an address that one attacker holds: an IPv4 address, or 64 bits of an IPv6 one.
func network(address string) string {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		address = ap.Addr().String()
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// wait is how long after its last failure a counter stays locked.
func (t *throttle) wait(c *counter, free int) time.Duration {
	over := c.Failures - free
	if over < 0 {
		return 0
	}
	w := t.cfg.First
	for range min(over, 40) {
		if w *= 2; w >= t.cfg.Max {
			return t.cfg.Max
		}
	}
	return w
}

// admit asks whether an attempt may go on now; every admitted one is ended by release. When it may not, wait says how
// long, and report is the number of refusals to record, 0 for none: the 1st, 2nd, 4th, 8th, ... are recorded, so that a flood
// does not fill the log.
func (t *throttle) admit(user, address string) (wait time.Duration, report int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, free := t.keys(user, address)
	now := t.now()
	for i, k := range keys {
		c := t.table[k]
		if c == nil {
			continue
		}
		if t.forgotten(c) {
			c.Failures, c.denied = 0, 0
		}
		left := c.Last.Add(t.wait(c, free[i])).Sub(now)
		if c.Failures < free[i] {
			left = 0
		}
		// Attempts that run at the same time must not all pass before the first failure is counted.
		allowed := maxPending
		if c.Failures > 0 {
			allowed = max(1, free[i]-c.Failures)
		}
		if left <= 0 && c.pending >= allowed {
			left = time.Second
		}
		if left > 0 {
			c.denied++
			if c.denied&(c.denied-1) == 0 {
				report = c.denied
			}
			wait = max(wait, left)
		}
	}
	if wait > 0 {
		return wait, report
	}
	for _, k := range keys {
		c := t.table[k]
		if c == nil {
			t.evict()
			c = &counter{}
			t.table[k] = c
		}
		c.pending++
	}
	return 0, 0
}

// evict makes room: what is forgotten goes first, else the one whose last failure is the oldest.
func (t *throttle) evict() {
	if len(t.table) < maxCounters {
		return
	}
	var oldest string
	for k, c := range t.table {
		switch {
		case c.pending > 0:
		case t.forgotten(c):
			delete(t.table, k)
		case oldest == "" || c.Last.Before(t.table[oldest].Last):
			oldest = k
		}
	}
	if len(t.table) >= maxCounters && oldest != "" {
		delete(t.table, oldest)
	}
}

// release ends an admitted attempt. A success clears the name's failures but not the address's: whoever has one account
// could otherwise guess at others for ever.
func (t *throttle) release(user, address string, ok bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, _ := t.keys(user, address)
	var errs []error
	for i, k := range keys {
		c := t.table[k]
		if c == nil {
			c = &counter{}
			t.table[k] = c
		}
		c.pending = max(0, c.pending-1)
		before := c.Failures
		switch {
		case !ok:
			if t.forgotten(c) {
				c.Failures = 0
			}
			c.Failures++
			c.Last, c.denied = t.now(), 0
		case i == 0 && user != "":
			c.Failures, c.denied = 0, 0
		}
		if c.Failures == 0 && c.pending == 0 {
			delete(t.table, k)
		}
		if c.Failures != before || !ok {
			errs = append(errs, t.append(k, c))
		}
	}
	return errors.Join(errs...)
}

// clear forgets a name's failures, for an administrator.
func (t *throttle) clear(user string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, _ := t.keys(user, "")
	for _, k := range keys {
		if c := t.table[k]; c != nil && c.pending == 0 {
			delete(t.table, k)
		} else if c != nil {
			c.Failures = 0
		}
		if err := t.append(k, &counter{}); err != nil {
			return err
		}
	}
	return nil
}

func (t *throttle) append(k string, c *counter) error {
	if t.file == nil {
		return fmt.Errorf("writing failed logins: %w", fs.ErrClosed)
	}
	if t.lines >= compactAfter {
		return t.compact()
	}
	line, err := json.Marshal(attemptLine{k, *c})
	if err != nil {
		return fmt.Errorf("writing failed logins: %w", err)
	}
	if _, err := t.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing failed logins: %w", err)
	}
	t.lines++
	return nil
}

func (t *throttle) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}
