package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/audit"
)

// session is a browser's login. Sessions live in memory: a restart asks for the password again.
type session struct {
	who     query.Principal
	csrf    string
	started time.Time
	used    time.Time
}

type sessions struct {
	cfg SessionConfig
	now func() time.Time
	mu  sync.Mutex
	all map[[32]byte]*session // by SHA-256 of the cookie: a dump of the memory holds no cookie
}

func newSessions(cfg SessionConfig, now func() time.Time) *sessions {
	return &sessions{cfg: cfg, now: now, all: map[[32]byte]*session{}}
}

func (s *sessions) dead(x *session) bool {
	now := s.now()
	return now.Sub(x.used) > s.cfg.Idle || now.Sub(x.started) > s.cfg.Max
}

func (s *sessions) end(match func(*session) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, x := range s.all {
		if match(x) {
			delete(s.all, k)
		}
	}
}

// NewSession begins a session of a principal who just logged in: the cookie's value, and the CSRF token that requests
// with this cookie must carry when they change something.
func (d *Directory) NewSession(who query.Principal) (cookie, csrf string) {
	s := d.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest [32]byte
	count, first := 0, time.Time{}
	for k, x := range s.all {
		switch {
		case s.dead(x):
			delete(s.all, k)
		case x.who.User == who.User:
			if count++; first.IsZero() || x.used.Before(first) {
				oldest, first = k, x.used
			}
		}
	}
	if count >= s.cfg.PerUser {
		delete(s.all, oldest)
	}
	cookie, csrf = hex.EncodeToString(random(32)), hex.EncodeToString(random(16))
	now := s.now()
	s.all[sha256.Sum256([]byte(cookie))] = &session{who: who, csrf: csrf, started: now, used: now}
	return cookie, csrf
}

// Session returns the principal of a cookie and its CSRF token, if the session lives and its user is still what he was.
func (d *Directory) Session(ctx context.Context, cookie string) (who query.Principal, csrf string, err error) {
	s := d.sessions
	id := sha256.Sum256([]byte(cookie))
	s.mu.Lock()
	x := s.all[id]
	if x != nil && s.dead(x) {
		delete(s.all, id)
		x = nil
	}
	if x == nil {
		s.mu.Unlock()
		return query.Principal{}, "", errDenied()
	}
	x.used = s.now()
	who, csrf = x.who, x.csrf
	s.mu.Unlock()
	if err := d.Valid(ctx, who); err != nil {
		s.end(func(o *session) bool { return o == x })
		return query.Principal{}, "", err
	}
	return who, csrf, nil
}

// EndSession logs a browser out; a cookie that is none is no error.
func (d *Directory) EndSession(ctx context.Context, cookie string, from From) error {
	id := sha256.Sum256([]byte(cookie))
	s := d.sessions
	s.mu.Lock()
	x := s.all[id]
	delete(s.all, id)
	s.mu.Unlock()
	if x == nil {
		return nil
	}
	if err := d.rec.Note(ctx, d.note(audit.KindLogout, x.who.User, from)); err != nil {
		return errUnavailable(err)
	}
	return nil
}

// forgetSecret removes the file of the first administrator's one-time secret.
func (d *Directory) forgetSecret() error {
	if err := os.Remove(filepath.Join(d.cfg.Dir, adminFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the first secret: %w", err)
	}
	return nil
}
