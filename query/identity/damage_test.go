package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"onegrid/query"
)

func TestFilesThatCannotBeBelieved(t *testing.T) {
	for name, text := range map[string]string{
		"half": `{"version":1,"users":[`, "another version": `{"version":2,"key":"","users":[]}`, "an unknown member": `{"version":1,"root":true}`, "empty": "",
	} {
		c := quick(t)
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir, usersFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(c, &notes{}, slog.New(slog.DiscardHandler), time.Now); err == nil {
			t.Errorf("%s: opened", name)
		}
		if got, err := os.ReadFile(filepath.Join(c.Dir, usersFile)); err != nil || string(got) != text {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
	// A file that is damaged while the daemon runs lets nobody in, and says that it is not the client's fault.
	c := quick(t)
	r := start(t, c)
	r.add(t, "li", query.Analyst, "command-centre")
	if err := os.WriteFile(filepath.Join(c.Dir, usersFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Password(t.Context(), "li", password, here()); codeOf(err) != query.Unavailable {
		t.Errorf("%v", err)
	}
}

// A hash in the file that asks for all the memory there is is not computed.
func TestHashOutOfRange(t *testing.T) {
	h := newHasher(quick(t).Password)
	for _, stored := range []string{
		"$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=4294967295,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$", "", "plain",
	} {
		if _, _, _, err := parsePHC(stored); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", stored, err)
		}
		if ok, err := h.verify(t.Context(), stored, password); ok || err != nil {
			t.Errorf("%q: %v, %v", stored, ok, err)
		}
	}
}

func TestAttemptsFileSurvivesDamageAndStaysSmall(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	r.add(t, "li", query.Analyst, "command-centre")
	for range 3 {
		if _, err := r.Password(t.Context(), "li", "wrong password", here()); codeOf(err) != query.Unauthenticated {
			t.Fatal(err)
		}
	}
	file := filepath.Join(c.Dir, attemptsFile)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"k":"half`)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	r.Directory = r.open(t, c)
	if _, err := r.Password(t.Context(), "li", password, here()); codeOf(err) != query.RateLimited {
		t.Errorf("half a line made the lock disappear: %v", err)
	}
	r.throttle.mu.Lock()
	for n := range 2 * compactAfter {
		if err := r.throttle.append(fmt.Sprintf("%032x", n%10), &counter{Failures: 1, Last: r.clock.now()}); err != nil {
			t.Fatal(err)
		}
	}
	lines := r.throttle.lines
	r.throttle.mu.Unlock()
	if lines > compactAfter {
		t.Errorf("%d lines", lines)
	}
	if _, err := r.Password(t.Context(), "li", password, here()); codeOf(err) != query.RateLimited {
		t.Errorf("writing the file anew lost the lock: %v", err)
	}
}
