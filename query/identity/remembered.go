package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"sync"
)

// serialise waits until no other attempt with this name is hashing.
func (d *Directory) serialise(name string) (unlock func()) {
	d.mu.Lock()
	m := d.busy[name]
	if m == nil {
		if len(d.busy) > maxCounters {
			d.busy = map[string]*sync.Mutex{} // those that are held now stay held by their users
		}
		m = &sync.Mutex{}
		d.busy[name] = m
	}
	d.mu.Unlock()
	m.Lock()
	return m.Unlock
}

func (d *Directory) cacheID(name, password string) [32]byte {
	m := hmac.New(sha256.New, d.cacheKey)
	m.Write([]byte(name + "\x00" + password))
	return [32]byte(m.Sum(nil))
}

// remembered returns the account of a login that was right shortly before and has not changed since.
func (d *Directory) remembered(name, password string) *account {
	id := d.cacheID(name, password)
	d.mu.Lock()
	v, ok := d.verified[id]
	d.mu.Unlock()
	if !ok || !d.now().Before(v.until) {
		return nil
	}
	a, err := d.store.get()
	if err != nil {
		return nil
	}
	if u := a.find(name); u != nil && u.Hash == v.hash && !u.Disabled && !u.MustChange {
		return u
	}
	return nil
}

func (d *Directory) remember(name, password string, u *account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.verified) >= maxVerified {
		clear(d.verified)
	}
	d.verified[d.cacheID(name, password)] = verifiedLogin{hash: u.Hash, until: d.now().Add(verifiedFor)}
}

// refresh makes the hashes anew if they cost less than the configuration says now.
func (d *Directory) refresh(u *account, password string) {
	if !d.hash.stale(u.Hash) && u.SCRAM.Iterations >= d.cfg.Password.Iterations {
		return
	}
	if err := d.setPassword(context.Background(), u.Name, password, false, u.Hash); err != nil {
		d.log.Warn("a password hash could not be raised to the configured cost", "error", err)
	}
}
