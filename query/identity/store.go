package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"onegrid/query"
)

const (
	usersFile = "users.json"
	lockFile  = "users.lock"
	fileLimit = 64 << 20
)

// account is one local user as stored.
type account struct {
	Name       string     `json:"name"`
	Role       query.Role `json:"role"`
	Org        string     `json:"org,omitempty"`
	Hash       string     `json:"hash"`
	SCRAM      verifier   `json:"scram"`
	MustChange bool       `json:"must_change,omitempty"`
	Disabled   bool       `json:"disabled,omitempty"`
	Created    time.Time  `json:"created"`
	Changed    time.Time  `json:"changed"` // of the password
	Tokens     []token    `json:"tokens,omitempty"`
}

// token is one service token as stored.
type token struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Hash    []byte       `json:"hash"` // SHA-256 of the whole token, which has 256 random bits
	SCRAM   verifier     `json:"scram"`
	Scope   *query.Scope `json:"scope,omitempty"` // narrower than the owner's; empty members keep the owner's
	Created time.Time    `json:"created"`
	Expires time.Time    `json:"expires"`
	By      string       `json:"by,omitempty"`
	Revoked bool         `json:"revoked,omitempty"`
}

// accounts is the whole file.
type accounts struct {
	Version int       `json:"version"`
	Key     []byte    `json:"key"` // of decoys and of the names in attempts.log; it proves nothing
	Users   []account `json:"users"`
}

func (a *accounts) find(name string) *account {
	i := slices.IndexFunc(a.Users, func(u account) bool { return u.Name == name })
	if i < 0 {
		return nil
	}
	return &a.Users[i]
}

// byToken finds a token by its id.
func (a *accounts) byToken(id string) (*account, *token) {
	for i := range a.Users {
		for j := range a.Users[i].Tokens {
			if a.Users[i].Tokens[j].ID == id {
				return &a.Users[i], &a.Users[i].Tokens[j]
			}
		}
	}
	return nil, nil
}

// store keeps the file in memory and reads it again when another process replaced it.
type store struct {
	dir  string
	mu   sync.Mutex
	info fs.FileInfo
	data *accounts // never changed once it is here
}

// openStore makes the folder and the file if there is none.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of users: %w", err)
	}
	s := &store{dir: dir}
	if _, err := s.get(); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	return s, s.update(func(*accounts) error { return nil })
}

func (s *store) path() string { return filepath.Join(s.dir, usersFile) }

// get returns the users as they are now; the caller must not change them.
func (s *store) get() (*accounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path())
	if err != nil {
		return nil, fmt.Errorf("reading users: %w", err)
	}
	if s.data != nil && os.SameFile(info, s.info) && info.Size() == s.info.Size() && info.ModTime().Equal(s.info.ModTime()) {
		return s.data, nil
	}
	data, info, err := s.read()
	if err != nil {
		return nil, err
	}
	s.data, s.info = data, info
	return data, nil
}

func (s *store) read() (*accounts, fs.FileInfo, error) {
	f, err := os.OpenFile(s.path(), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("reading users: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("reading users: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, nil, fmt.Errorf("%w: %s is open to others (%v): chmod 600 it", ErrConfig, s.path(), info.Mode().Perm())
	}
	dec := json.NewDecoder(io.LimitReader(f, fileLimit))
	dec.DisallowUnknownFields()
	var a accounts
	if err := dec.Decode(&a); err != nil {
		return nil, nil, fmt.Errorf("reading users: %s: %w", s.path(), err)
	}
	if a.Version != 1 || len(a.Key) < 32 {
		return nil, nil, fmt.Errorf("%w: %s: version %d is not known to this program", ErrConfig, s.path(), a.Version)
	}
	return &a, info, nil
}

// update changes the file under the lock that all processes take. change sees a private copy of the newest state; an
// error of it leaves everything as it was.
func (s *store) update(change func(*accounts) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lock, err := os.OpenFile(filepath.Join(s.dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("locking users: %w", err)
	}
	defer lock.Close() // releases the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("locking users: %w", err)
	}
	a, _, err := s.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a = &accounts{Version: 1, Key: random(32)}
	case err != nil:
		return err
	}
	if err := change(a); err != nil {
		return err
	}
	info, err := s.replace(a)
	if err != nil {
		return fmt.Errorf("writing users: %w", err)
	}
	s.data, s.info = a, info
	return nil
}

func (s *store) replace(a *accounts) (fs.FileInfo, error) {
	text, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return nil, err
	}
	if err := writeFile(s.dir, usersFile, text); err != nil {
		return nil, err
	}
	return os.Stat(s.path())
}

// writeFile replaces a file atomically and durably; its mode is 0600.
func writeFile(dir, name string, text []byte) (err error) {
	tmp, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	if _, err = tmp.Write(text); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil // renamed already; only its durability is unknown
	}
	defer d.Close()
	_ = d.Sync() // some file systems cannot sync a folder
	return tmp.Close()
}
