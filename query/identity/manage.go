package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"onegrid/query"
	"onegrid/query/audit"
)

// User is a local user as the management calls show it.
type User struct {
	Name       string
	Role       query.Role
	Org        string
	Scope      query.Scope
	MustChange bool
	Disabled   bool
	Created    time.Time
	Changed    time.Time // of the password
	Tokens     []Token
}

// Token is a service token as the management calls show it; the secret is shown once, by IssueToken.
type Token struct {
	ID      string
	Name    string
	Scope   query.Scope // what it may see at the moment
	Created time.Time
	Expires time.Time
	By      string
	Revoked bool
}

// NewUser is a user to add. Without a password a one-time secret is made, which must be changed at the first login.
type NewUser struct {
	Name     string
	Role     query.Role
	Org      string
	Password string
}

// NewToken is a token to issue. Tier and Area narrow the owner's scope; empty keeps it.
type NewToken struct {
	Owner string
	Name  string
	For   time.Duration // until it expires; 90 days if 0, at most 366
	Tier  query.Tier
	Area  string
}

const (
	adminName  = "admin"
	adminFile  = "admin-secret"
	tokenLife  = 90 * 24 * time.Hour
	tokenLimit = 366 * 24 * time.Hour
	maxTokens  = 50 // live ones of a user
)

// FirstAdmin makes the user "admin" with a one-time secret if there is no user at all. The secret is returned once, to be
// printed, and written to a file of mode 0600, which is removed when the password has been changed. made is false, and
// nothing is changed, when there are users.
func (d *Directory) FirstAdmin(ctx context.Context) (secret, file string, made bool, err error) {
	a, err := d.store.get()
	if err != nil || len(a.Users) > 0 {
		return "", "", false, err
	}
	secret, err = d.Add(ctx, "first start", NewUser{Name: adminName, Role: query.Admin})
	if errors.Is(err, ErrExists) {
		return "", "", false, nil // another process was faster
	}
	if err != nil {
		return "", "", false, err
	}
	if err := writeFile(d.cfg.Dir, adminFile, []byte(secret+"\n")); err != nil {
		return "", "", false, fmt.Errorf("writing the first secret: %w", err)
	}
	return secret, filepath.Join(d.cfg.Dir, adminFile), true, nil
}

// Add makes a user; by says who does it, for the audit log. secret is the one-time password, "" if one was given.
func (d *Directory) Add(ctx context.Context, by string, n NewUser) (secret string, err error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9._-]{1,62}$`).MatchString(n.Name) {
		return "", fmt.Errorf("%w: a user name has 2 to 63 characters of a-z, 0-9, dot, hyphen and underscore, and begins with a letter", ErrInvalid)
	}
	if !slices.Contains(Roles(), n.Role) {
		return "", fmt.Errorf("%w: role %q; there are %v", ErrInvalid, n.Role, Roles())
	}
	if _, ok := d.orgs.Area(n.Org); !ok && n.Role != query.Admin && n.Role != query.Auditor {
		return "", fmt.Errorf("%w: organisation %q is not in the file of organisations and would see nothing", ErrInvalid, n.Org)
	}
	password := n.Password
	if password == "" {
		secret = oneTime()
		password = secret
	} else if err := checkPassword(n.Name, password, d.cfg.Password.MinLength); err != nil {
		return "", err
	}
	u := account{Name: n.Name, Role: n.Role, Org: n.Org, MustChange: secret != "", Created: d.now().UTC()}
	if err := d.derive(ctx, &u, password); err != nil {
		return "", err
	}
	if err := d.change(ctx, by, n.Name, "added", func(a *accounts) error {
		if a.find(n.Name) != nil {
			return fmt.Errorf("user %s %w", n.Name, ErrExists)
		}
		a.Users = append(a.Users, u)
		return nil
	}); err != nil {
		return "", err
	}
	return secret, nil
}

// List returns the users in the order of their names.
func (d *Directory) List(context.Context) ([]User, error) {
	a, err := d.store.get()
	if err != nil {
		return nil, err
	}
	out := make([]User, 0, len(a.Users))
	for i := range a.Users {
		u := &a.Users[i]
		v := User{
			Name: u.Name, Role: u.Role, Org: u.Org, Scope: d.orgs.scopeOf(u.Role, u.Org), MustChange: u.MustChange,
			Disabled: u.Disabled, Created: u.Created, Changed: u.Changed,
		}
		for _, t := range u.Tokens {
			s, _ := narrow(v.Scope, t.Scope)
			v.Tokens = append(v.Tokens, Token{ID: t.ID, Name: t.Name, Scope: s, Created: t.Created, Expires: t.Expires, By: t.By, Revoked: t.Revoked})
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// SetPassword replaces a user's password without knowing the old one, and ends a lock-out. With an empty password a
// one-time secret is made and returned. Only an administrator's command calls it.
func (d *Directory) SetPassword(ctx context.Context, by, name, password string) (secret string, err error) {
	if password == "" {
		secret = oneTime()
		password = secret
	} else if err := checkPassword(name, password, d.cfg.Password.MinLength); err != nil {
		return "", err
	}
	if err := d.known(name); err != nil {
		return "", err
	}
	if err := d.record(ctx, by, name, "password_set"); err != nil {
		return "", err
	}
	if err := d.setPassword(ctx, name, password, secret != "", ""); err != nil {
		return "", err
	}
	return secret, d.throttle.clear(name)
}

// SetRole changes role and organisation. Sessions and connections of the user end with their next request.
func (d *Directory) SetRole(ctx context.Context, by, name string, role query.Role, org string) error {
	if !slices.Contains(Roles(), role) {
		return fmt.Errorf("%w: role %q; there are %v", ErrInvalid, role, Roles())
	}
	if _, ok := d.orgs.Area(org); !ok && role != query.Admin && role != query.Auditor {
		return fmt.Errorf("%w: organisation %q is not in the file of organisations and would see nothing", ErrInvalid, org)
	}
	return d.change(ctx, by, name, "role_"+string(role), func(a *accounts) error {
		u := a.find(name)
		if u == nil {
			return fmt.Errorf("user %s: %w", name, ErrNotFound)
		}
		if u.Role == query.Admin && role != query.Admin && !otherAdmin(a, name) {
			return errLastAdmin()
		}
		u.Role, u.Org = role, org
		return nil
	})
}

// Disable ends or allows a user's logins, tokens included. The last administrator cannot be disabled.
func (d *Directory) Disable(ctx context.Context, by, name string, disabled bool) error {
	action := "enabled"
	if disabled {
		action = "disabled"
	}
	return d.change(ctx, by, name, action, func(a *accounts) error {
		u := a.find(name)
		if u == nil {
			return fmt.Errorf("user %s: %w", name, ErrNotFound)
		}
		if disabled && u.Role == query.Admin && !otherAdmin(a, name) {
			return errLastAdmin()
		}
		u.Disabled = disabled
		return nil
	})
}

func otherAdmin(a *accounts, name string) bool {
	return slices.ContainsFunc(a.Users, func(u account) bool { return u.Role == query.Admin && !u.Disabled && u.Name != name })
}

func errLastAdmin() error {
	return fmt.Errorf("%w: this is the last administrator; make another one first", ErrInvalid)
}

// IssueToken makes a service token and returns its secret, which is shown this once.
func (d *Directory) IssueToken(ctx context.Context, by string, n NewToken) (secret string, out Token, err error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`).MatchString(n.Name) {
		return "", Token{}, fmt.Errorf("%w: a token name has 1 to 63 characters of a-z, 0-9, dot, hyphen and underscore", ErrInvalid)
	}
	if n.For == 0 {
		n.For = tokenLife
	}
	if n.For < time.Minute || n.For > tokenLimit {
		return "", Token{}, fmt.Errorf("%w: a token lives between a minute and 366 days", ErrInvalid)
	}
	if n.Area != "" && !validArea(n.Area) {
		return "", Token{}, fmt.Errorf("%w: area %q is neither a county code of six digits nor %q", ErrInvalid, n.Area, City)
	}
	if n.Tier != "" && n.Tier != query.Masked && n.Tier != query.Sensitive {
		return "", Token{}, fmt.Errorf("%w: tier %q", ErrInvalid, n.Tier)
	}
	var id string
	secret, id = newToken()
	v, err := newVerifier(secret, tokenIterations)
	if err != nil {
		return "", Token{}, err
	}
	now := d.now().UTC()
	sum := sha256.Sum256([]byte(secret))
	t := token{ID: id, Name: n.Name, Hash: sum[:], SCRAM: v, Created: now, Expires: now.Add(n.For), By: by}
	if n.Tier != "" || n.Area != "" {
		t.Scope = &query.Scope{Tier: n.Tier, Area: n.Area}
	}
	err = d.change(ctx, by, n.Owner, "token_issued "+id, func(a *accounts) error {
		u := a.find(n.Owner)
		if u == nil {
			return fmt.Errorf("user %s: %w", n.Owner, ErrNotFound)
		}
		scope := d.orgs.scopeOf(u.Role, u.Org)
		if scope == (query.Scope{}) {
			return fmt.Errorf("%w: user %s cannot query, so neither can a token", ErrInvalid, n.Owner)
		}
		if scope, ok := narrow(scope, t.Scope); ok {
			out = Token{ID: id, Name: n.Name, Scope: scope, Created: t.Created, Expires: t.Expires, By: by}
		} else {
			return fmt.Errorf("%w: a token cannot see more than its owner (%s)", ErrInvalid, scope)
		}
		// What can no longer be used makes room, so that the file does not grow for ever; the audit log keeps it.
		u.Tokens = slices.DeleteFunc(u.Tokens, func(o token) bool { return !now.Before(o.Expires.Add(tokenLimit)) })
		live := 0
		for _, o := range u.Tokens {
			if o.Revoked || !now.Before(o.Expires) {
				continue
			}
			if live++; o.Name == n.Name {
				return fmt.Errorf("token %s of %s %w", n.Name, n.Owner, ErrExists)
			}
		}
		if live >= maxTokens {
			return fmt.Errorf("%w: %s has %d tokens; revoke some first", ErrInvalid, n.Owner, live)
		}
		u.Tokens = append(u.Tokens, t)
		return nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, out, nil
}

// Revoke ends a token, named by its name or id, at once.
func (d *Directory) Revoke(ctx context.Context, by, owner, nameOrID string) error {
	return d.change(ctx, by, owner, "token_revoked", func(a *accounts) error {
		u := a.find(owner)
		if u == nil {
			return fmt.Errorf("user %s: %w", owner, ErrNotFound)
		}
		found := false
		for i := range u.Tokens {
			if t := &u.Tokens[i]; t.ID == nameOrID || t.Name == nameOrID {
				found, t.Revoked = true, true
			}
		}
		if !found {
			return fmt.Errorf("token %s of %s: %w", nameOrID, owner, ErrNotFound)
		}
		return nil
	})
}

func (d *Directory) known(name string) error {
	a, err := d.store.get()
	if err != nil {
		return err
	}
	if a.find(name) == nil {
		return fmt.Errorf("user %s: %w", name, ErrNotFound)
	}
	return nil
}

// change checks and records a change, then makes it: what cannot be recorded does not happen. One that is refused leaves
// no record.
func (d *Directory) change(ctx context.Context, by, name, action string, f func(*accounts) error) error {
	return d.store.update(func(a *accounts) error {
		if err := f(a); err != nil {
			return err
		}
		return d.record(ctx, by, name, action)
	})
}

func (d *Directory) record(ctx context.Context, by, name, action string) error {
	if err := d.rec.Note(ctx, audit.Note{Kind: audit.KindUser, User: name, By: by, Action: action}); err != nil {
		return fmt.Errorf("recording the change: %w", err)
	}
	return nil
}

// derive fills in both hashes of a password.
func (d *Directory) derive(ctx context.Context, u *account, password string) error {
	p, err := prepare(password)
	if err != nil {
		return err
	}
	if u.Hash, err = d.hash.hash(ctx, p); err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	u.SCRAM, err = newVerifier(p, d.cfg.Password.Iterations)
	u.Changed = d.now().UTC()
	return err
}

// setPassword stores a password. With a previous hash it is stored only if nobody changed it meanwhile.
func (d *Directory) setPassword(ctx context.Context, name, password string, mustChange bool, previous string) error {
	var fresh account
	if err := d.derive(ctx, &fresh, password); err != nil {
		return err
	}
	err := d.store.update(func(a *accounts) error {
		u := a.find(name)
		if u == nil {
			return fmt.Errorf("user %s: %w", name, ErrNotFound)
		}
		if previous != "" && u.Hash != previous {
			return fmt.Errorf("%w: the password was changed at the same time", ErrInvalid)
		}
		u.Hash, u.SCRAM, u.Changed, u.MustChange = fresh.Hash, fresh.SCRAM, fresh.Changed, mustChange
		return nil
	})
	if err == nil && name == adminName && !mustChange {
		return d.forgetSecret()
	}
	return err
}
