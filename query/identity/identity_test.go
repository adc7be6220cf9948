package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"

	"onegrid/query"
	"onegrid/query/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// notes is a recorder that keeps what it is told, and fails when it is told to.
type notes struct {
	mu   sync.Mutex
	all  []audit.Note
	fail error
}

func (n *notes) Note(_ context.Context, note audit.Note) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	n.all = append(n.all, note)
	return nil
}

func (n *notes) breakDown(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = err
}

// lines are the notes as "kind user reason-or-action".
func (n *notes) lines() (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range n.all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", x.Kind, x.User, x.Reason, x.Action)))
	}
	return out
}

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// quick is a configuration whose hashes cost little; what they cost does not change what they prove.
func quick(t *testing.T) Config {
	c := Defaults()
	c.Dir = filepath.Join(t.TempDir(), "identity")
	c.Password.MemoryKiB, c.Password.Passes, c.Password.Iterations = 64, 1, 4096
	c.Orgs = filepath.Join(t.TempDir(), "orgs.yaml")
	if err := os.WriteFile(c.Orgs, []byte("orgs:\n  command-centre: city\n  county-police: \"990101\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

type rig struct {
	*Directory
	notes *notes
	clock *clock
}

func start(t *testing.T, c Config) rig {
	t.Helper()
	r := rig{notes: &notes{}, clock: newClock()}
	r.Directory = r.open(t, c)
	return r
}

func (r rig) open(t *testing.T, c Config) *Directory {
	t.Helper()
	d, err := open(c, r.notes, slog.New(slog.DiscardHandler), r.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

const password = "seven quiet lamps"

func (r rig) add(t *testing.T, name string, role query.Role, org string) {
	t.Helper()
	if _, err := r.Add(t.Context(), "test", NewUser{Name: name, Role: role, Org: org, Password: password}); err != nil {
		t.Fatal(err)
	}
}

func here() From { return From{Surface: query.HTTP, Address: "192.0.2.7:4000"} }

func codeOf(err error) query.Code {
	var e *query.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestRolesAndScopes(t *testing.T) {
	r := start(t, quick(t))
	for _, c := range []struct {
		role query.Role
		org  string
		want string
	}{
		{query.Viewer, "command-centre", "city_masked"},
		{query.Analyst, "command-centre", "city_masked"},
		{query.Analyst, "county-police", "990101_masked"},
		{query.SensitiveAnalyst, "county-police", "990101_sensitive"},
		{query.Steward, "command-centre", "city_masked"},
		{query.Admin, "command-centre", "city_masked"}, // cannot read the sensitive tier
		{query.Auditor, "command-centre", ""},          // cannot query
		{query.Admin, "", ""},
	} {
		name := fmt.Sprintf("u-%s-%d", c.role, len(c.org))
		r.add(t, name, c.role, c.org)
		who, err := r.Password(t.Context(), name, password, here())
		if err != nil {
			t.Fatal(err)
		}
		if got := scopeText(who.Scope); got != c.want || who.Role != c.role || who.User != name {
			t.Errorf("%s in %q: %+v, want scope %q", c.role, c.org, who, c.want)
		}
		if err := r.Valid(t.Context(), who); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Add(t.Context(), "test", NewUser{Name: "nowhere", Role: query.Analyst, Org: "unknown", Password: password}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a user without an area: %v", err)
	}
}

func TestFirstAdminChangesTheSecretBeforeAnythingElse(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	secret, file, made, err := r.FirstAdmin(t.Context())
	if err != nil || !made || len(secret) < 20 {
		t.Fatalf("secret of %d characters, made %v, error %v", len(secret), made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	if _, _, made, err := r.FirstAdmin(t.Context()); made || err != nil {
		t.Fatalf("a second administrator: %v, %v", made, err)
	}
	ctx := t.Context()
	if _, err := r.Password(ctx, "admin", secret, here()); !errors.Is(err, ErrMustChange) || codeOf(err) != query.Forbidden {
		t.Fatalf("login with the one-time secret: %v", err)
	}
	if _, err := scramLogin(ctx, r.Directory, "admin", secret, here()); !errors.Is(err, ErrMustChange) {
		t.Fatalf("SCRAM with the one-time secret: %v", err)
	}
	for _, bad := range []string{"short", "adminadmin", "aaaaaaaaaaaaaa", secret, "admin-2026", strings.Repeat("x1y2z", 60), "tab\x00character"} {
		if err := r.ChangePassword(ctx, "admin", secret, bad, here()); codeOf(err) != query.Invalid {
			t.Errorf("password of %d characters: %v", len(bad), err)
		}
	}
	if err := r.ChangePassword(ctx, "admin", "not the secret", password, here()); codeOf(err) != query.Unauthenticated {
		t.Fatalf("change with a wrong secret: %v", err)
	}
	if err := r.ChangePassword(ctx, "admin", secret, password, here()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the secret is still there: %v", err)
	}
	if _, err := r.Password(ctx, "admin", password, here()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Password(ctx, "admin", secret, here()); codeOf(err) != query.Unauthenticated {
		t.Fatalf("login with the old secret: %v", err)
	}
	if err := r.Disable(ctx, "test", "admin", true); !errors.Is(err, ErrInvalid) {
		t.Errorf("the last administrator was disabled: %v", err)
	}
}

// An unknown user costs the same hashes as a known one, and the answers are the same.
func TestUnknownUserCostsTheSame(t *testing.T) {
	r := start(t, quick(t))
	r.add(t, "li", query.Analyst, "command-centre")
	r.add(t, "off", query.Analyst, "command-centre")
	if err := r.Disable(t.Context(), "test", "off", true); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i, c := range []struct{ name, password string }{{"li", "wrong password"}, {"nobody", "wrong password"}, {"off", password}, {"li", "\x00 not preparable"}, {"", ""}} {
		from := From{Address: fmt.Sprintf("192.0.2.%d", i)}
		before := r.hash.work.Load()
		_, err := r.Password(t.Context(), c.name, c.password, from)
		if n := r.hash.work.Load() - before; n != 1 {
			t.Errorf("%q: %d hashes, want 1", c.name, n)
		}
		texts = append(texts, fmt.Sprint(err))
	}
	for _, x := range texts[1:] {
		if x != texts[0] {
			t.Errorf("answers differ: %q and %q", texts[0], x)
		}
	}
	got := r.notes.lines()[3:]
	want := []string{"login_denied li wrong", "login_denied (unknown) wrong", "login_denied off disabled", "login_denied li wrong", "login_denied  wrong"}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], "  ", " ")
	}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "  ", " ")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestLockOutGrowsAndOutlivesARestart(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	r.add(t, "li", query.Analyst, "command-centre")
	ctx := t.Context()
	for n := range 3 {
		from := From{Address: fmt.Sprintf("192.0.2.%d", n)} // a name is locked wherever it is tried from
		if _, err := r.Password(ctx, "li", "wrong password", from); codeOf(err) != query.Unauthenticated {
			t.Fatalf("failure %d: %v", n, err)
		}
	}
	wait := c.Lockout.First
	for n := 3; n < 8; n++ {
		work := r.hash.work.Load()
		if _, err := r.Password(ctx, "li", password, here()); codeOf(err) != query.RateLimited {
			t.Fatalf("locked after %d failures: %v", n, err)
		}
		if r.hash.work.Load() != work {
			t.Fatal("a locked login computes a hash")
		}
		r.clock.add(wait - time.Millisecond)
		if _, err := r.Password(ctx, "li", password, here()); codeOf(err) != query.RateLimited {
			t.Fatalf("after %d failures the lock ended before %v: %v", n, wait, err)
		}
		// A restart, or a kill, clears nothing.
		r.Directory = r.open(t, c)
		r.clock.add(time.Millisecond)
		if _, err := r.Password(ctx, "li", "wrong password", From{Address: fmt.Sprintf("198.51.100.%d", n)}); codeOf(err) != query.Unauthenticated {
			t.Fatalf("after %d failures and %v: %v", n, wait, err)
		}
		wait *= 2
	}
	r.clock.add(c.Lockout.Max)
	if _, err := r.Password(ctx, "li", password, here()); err != nil {
		t.Fatalf("the right password after the longest wait: %v", err)
	}
	r.Directory = r.open(t, c)
	if _, err := r.Password(ctx, "li", "wrong password", here()); codeOf(err) != query.Unauthenticated {
		t.Fatalf("a success did not clear the failures: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(c.Dir, attemptsFile))
	if err != nil || strings.Contains(string(raw), "li\"") || strings.Contains(string(raw), "192.0.2") {
		t.Errorf("names or addresses lie open in %s: %v", attemptsFile, err)
	}
}

func TestAddressIsLockedWhateverTheName(t *testing.T) {
	c := quick(t)
	c.Lockout.AddressFree = 5
	r := start(t, c)
	r.add(t, "li", query.Analyst, "command-centre")
	ctx := t.Context()
	for n := range 5 {
		if _, err := r.Password(ctx, fmt.Sprintf("name%d", n), "wrong password", From{Address: fmt.Sprintf("[2001:db8:0:1::%d]:99", n)}); codeOf(err) != query.Unauthenticated {
			t.Fatal(err)
		}
	}
	if _, err := r.Password(ctx, "li", password, From{Address: "[2001:db8:0:1::ffff]:99"}); codeOf(err) != query.RateLimited {
		t.Fatalf("the same 64 bits: %v", err)
	}
	if _, err := r.Bearer(ctx, "ogt_nothing", From{Address: "2001:db8:0:1::1"}); codeOf(err) != query.RateLimited {
		t.Fatalf("a token from there: %v", err)
	}
	if _, err := r.Password(ctx, "li", password, From{Address: "[2001:db8:0:2::1]:99"}); err != nil {
		t.Fatalf("another network: %v", err)
	}
	n := 0
	for _, l := range r.notes.lines() {
		if strings.Contains(l, reasonLocked) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d refusals were recorded, want the 1st and the 2nd", n)
	}
}

// Guesses that run at the same time are counted before the next ones pass.
func TestParallelGuessesAreBounded(t *testing.T) {
	r := start(t, quick(t))
	r.add(t, "li", query.Analyst, "command-centre")
	var open []*Exchange
	for n := range 200 {
		x, err := r.SCRAM(t.Context(), "li", From{Address: fmt.Sprintf("192.0.2.%d", n)}, scram.ChannelBinding{})
		if err != nil {
			break
		}
		open = append(open, x)
	}
	if len(open) != maxPending {
		t.Errorf("%d guesses at the same time, want %d", len(open), maxPending)
	}
	for _, x := range open {
		if _, err := x.Finish(t.Context()); codeOf(err) != query.Unauthenticated {
			t.Errorf("an unfinished exchange: %v", err)
		}
	}
	if _, err := r.SCRAM(t.Context(), "li", here(), scram.ChannelBinding{}); codeOf(err) != query.RateLimited {
		t.Errorf("after %d failures: %v", len(open), err)
	}
}

func TestRightPasswordIsHashedOnceForParallelClients(t *testing.T) {
	r := start(t, quick(t))
	r.add(t, "li", query.Analyst, "command-centre")
	before := r.hash.work.Load()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.Password(context.Background(), "li", password, here()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.hash.work.Load() - before; n != 1 {
		t.Errorf("%d hashes for 20 clients", n)
	}
	// A change ends what is remembered at once.
	if err := r.Disable(t.Context(), "test", "li", true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Password(t.Context(), "li", password, here()); codeOf(err) != query.Unauthenticated {
		t.Fatalf("disabled: %v", err)
	}
}

func TestNobodyGetsInUnrecorded(t *testing.T) {
	r := start(t, quick(t))
	r.add(t, "li", query.Analyst, "command-centre")
	r.notes.breakDown(errors.New("disk full"))
	ctx := t.Context()
	if _, err := r.Password(ctx, "li", password, here()); codeOf(err) != query.Unavailable {
		t.Errorf("password: %v", err)
	}
	if _, err := scramLogin(ctx, r.Directory, "li", password, here()); codeOf(err) != query.Unavailable {
		t.Errorf("SCRAM: %v", err)
	}
	if _, err := r.Add(ctx, "test", NewUser{Name: "wang", Role: query.Admin, Password: password}); err == nil {
		t.Error("a user was added unrecorded")
	}
	if list, err := r.List(ctx); err != nil || len(list) != 1 {
		t.Errorf("users %v, error %v", list, err)
	}
}

func TestHashIsRaised(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	r.add(t, "li", query.Analyst, "command-centre")
	c.Password.Passes, c.Password.Iterations = 2, 5000
	r.Directory = r.open(t, c)
	if _, err := r.Password(t.Context(), "li", password, here()); err != nil {
		t.Fatal(err)
	}
	a, err := r.store.get()
	if err != nil {
		t.Fatal(err)
	}
	u := a.find("li")
	if !strings.HasPrefix(u.Hash, "$argon2id$v=19$m=64,t=2,p=1$") || u.SCRAM.Iterations != 5000 {
		t.Errorf("hash %.30s, %d iterations", u.Hash, u.SCRAM.Iterations)
	}
	if _, err := scramLogin(t.Context(), r.Directory, "li", password, here()); err != nil {
		t.Error(err)
	}
}

// The users of another process are seen at once: `onegrid user` works beside the daemon.
func TestTwoProcesses(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	other := r.open(t, c)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			d := r.Directory
			if n%2 == 1 {
				d = other
			}
			if _, err := d.Add(context.Background(), "test", NewUser{Name: fmt.Sprintf("user%d", n), Role: query.Analyst, Org: "command-centre", Password: password}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, d := range []*Directory{r.Directory, other} {
		if list, err := d.List(t.Context()); err != nil || len(list) != 8 {
			t.Errorf("%d users, error %v", len(list), err)
		}
	}
	info, err := os.Stat(filepath.Join(c.Dir, usersFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(filepath.Join(c.Dir, usersFile))
	if err != nil || strings.Contains(string(raw), password) {
		t.Errorf("a password lies in the file, or %v", err)
	}
	if err := os.Chmod(filepath.Join(c.Dir, usersFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(c, r.notes, slog.New(slog.DiscardHandler), r.clock.now); !errors.Is(err, ErrConfig) {
		t.Errorf("a file that others can read: %v", err)
	}
}
