package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"onegrid/query"
	"onegrid/query/audit"
)

// Recorder keeps the record of logins and changes; *audit.Log is one. Nobody gets in when it fails.
type Recorder interface {
	Note(ctx context.Context, n audit.Note) error
}

// From says where an attempt comes from. Address is host:port or host; it counts for the lock-out. Client is what the
// client says of itself and decides nothing.
type From struct {
	Surface query.Surface
	Address string
	Client  string
}

const (
	verifiedFor   = 5 * time.Minute // a right password is not hashed again within it
	maxVerified   = 1000
	reasonWrong   = "wrong"
	reasonLocked  = "locked"
	reasonExpired = "expired"
	reasonOff     = "disabled"
	reasonChange  = "must_change"
	reasonClaims  = "claims"
)

// Directory knows the users. It is safe for concurrent use.
type Directory struct {
	cfg      Config
	orgs     Orgs
	store    *store
	throttle *throttle
	hash     *hasher
	oidc     *provider // nil without one
	rec      Recorder
	log      *slog.Logger
	now      func() time.Time
	sessions *sessions

	cacheKey []byte
	mu       sync.Mutex
	verified map[[32]byte]verifiedLogin
	busy     map[string]*sync.Mutex // per name: one password hash at a time
}

type verifiedLogin struct {
	hash  string // of the account then: any change of it ends this
	until time.Time
}

// Open reads the users, making an empty file when there is none; see FirstAdmin. It opens no connection: an OIDC provider
// is asked when the first token of it arrives.
func Open(cfg Config, rec Recorder, log *slog.Logger) (*Directory, error) {
	return open(cfg, rec, log, time.Now)
}

func open(cfg Config, rec Recorder, log *slog.Logger, now func() time.Time) (*Directory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	orgs := WholeCity()
	if cfg.Orgs != "" {
		var err error
		if orgs, err = LoadOrgs(cfg.Orgs); err != nil {
			return nil, err
		}
	}
	s, err := openStore(cfg.Dir)
	if err != nil {
		return nil, err
	}
	a, err := s.get()
	if err != nil {
		return nil, err
	}
	d := &Directory{
		cfg: cfg, orgs: orgs, store: s, hash: newHasher(cfg.Password), rec: rec, log: log, now: now,
		sessions: newSessions(cfg.Session, now), cacheKey: random(32),
		verified: map[[32]byte]verifiedLogin{}, busy: map[string]*sync.Mutex{},
	}
	if cfg.OIDC != nil {
		if d.oidc, err = newProvider(*cfg.OIDC); err != nil {
			return nil, err
		}
	}
	if d.throttle, err = openThrottle(cfg.Dir, a.Key, cfg.Lockout, now); err != nil {
		return nil, err
	}
	return d, nil
}

// Close ends idle connections to the provider and releases the files.
func (d *Directory) Close() error {
	if d.oidc != nil {
		d.oidc.close()
	}
	return d.throttle.close()
}

// Password logs a local user in. Every error is an *query.Error; errors.Is(err, ErrMustChange) when name and password are
// right but the password is a one-time secret.
func (d *Directory) Password(ctx context.Context, name, password string, from From) (query.Principal, error) {
	u, fresh, err := d.checkPassword(ctx, name, password, from)
	if err != nil {
		return query.Principal{}, err
	}
	who := d.principal(u)
	if !fresh {
		return who, nil
	}
	if u.MustChange {
		return query.Principal{}, d.settle(ctx, name, from, errMustChange())
	}
	if err := d.succeed(ctx, name, from, who); err != nil {
		return query.Principal{}, err
	}
	d.remember(name, password, u)
	d.refresh(u, password)
	return who, nil
}

// checkPassword finds the account that name and password prove. fresh is false if it was verified shortly before;
// otherwise the caller ends the attempt with succeed or settle.
func (d *Directory) checkPassword(ctx context.Context, name, password string, from From) (u *account, fresh bool, err error) {
	if u := d.remembered(name, password); u != nil {
		return u, false, nil
	}
	// One at a time for a name: parallel requests of one client wait for the first and then find it remembered.
	defer d.serialise(name)()
	if u := d.remembered(name, password); u != nil {
		return u, false, nil
	}
	if err := d.admit(ctx, name, from); err != nil {
		return nil, false, err
	}
	a, err := d.store.get()
	if err != nil {
		return nil, false, d.settle(ctx, name, from, errUnavailable(err))
	}
	u = a.find(name)
	stored := ""
	if u != nil {
		stored = u.Hash
	}
	prepared, perr := prepare(password)
	if perr != nil || len(prepared) > 4*maxLength {
		prepared = "" // no stored password is empty; the work is done all the same
	}
	ok, err := d.hash.verify(ctx, stored, prepared)
	switch {
	case err != nil:
		return nil, false, d.settle(ctx, name, from, errUnavailable(err))
	case !ok || u == nil:
		return nil, false, d.fail(ctx, name, from, reasonWrong)
	case u.Disabled:
		return nil, false, d.fail(ctx, name, from, reasonOff)
	}
	return u, true, nil
}

// ChangePassword sets a user's own password; the old one may be a one-time secret. Sessions and remembered logins end.
func (d *Directory) ChangePassword(ctx context.Context, name, old, replacement string, from From) error {
	u, fresh, err := d.checkPassword(ctx, name, old, from)
	if err != nil {
		return err
	}
	if fresh {
		if err := d.release(name, from, true); err != nil {
			return err
		}
	}
	if old == replacement {
		return ruleError(fmt.Errorf("%w: the new password is the old one", ErrInvalid))
	}
	if err := checkPassword(name, replacement, d.cfg.Password.MinLength); err != nil {
		return ruleError(err)
	}
	if err := d.setPassword(ctx, name, replacement, false, u.Hash); err != nil {
		return errUnavailable(err)
	}
	d.sessions.end(func(s *session) bool { return s.who.User == name })
	n := d.note(audit.KindUser, name, from)
	n.Action, n.By = "password_changed", name
	if err := d.rec.Note(ctx, n); err != nil {
		return errUnavailable(err)
	}
	return nil
}

// ruleError shows a broken rule to the user.
func ruleError(err error) *query.Error {
	return &query.Error{
		Code: query.Invalid, Rule: "password", Message: err.Error(), ZH: "新密码不符合要求:至少 10 个字符,不得与用户名或旧密码相同",
		Hint: "choose a longer password of words only you would put together", HintZH: "请设置更长、不易猜测的密码", Cause: err,
	}
}

// Bearer logs in with a service token or, when a provider is configured, with an ID or access token of it.
func (d *Directory) Bearer(ctx context.Context, bearer string, from From) (query.Principal, error) {
	// Guessing 256 bits is hopeless; only the address is counted.
	if err := d.admit(ctx, "", from); err != nil {
		return query.Principal{}, err
	}
	if id := tokenID(bearer); id != "" || d.oidc == nil {
		who, reason, err := d.serviceToken(id, bearer)
		switch {
		case err != nil:
			return query.Principal{}, d.settle(ctx, "", from, errUnavailable(err))
		case reason != "":
			return query.Principal{}, d.fail(ctx, "", from, reason)
		}
		// Its use is in the record of every query; a login record for each request would only repeat it.
		return who, d.release("", from, true)
	}
	who, first, err := d.oidc.verify(ctx, bearer, d.orgs, d.now())
	switch {
	case errors.Is(err, errClaims):
		d.log.Debug("a token of the provider was refused", "error", err)
		return query.Principal{}, d.fail(ctx, "", from, reasonClaims)
	case errors.Is(err, errProvider):
		d.log.Warn("the OIDC provider does not answer", "error", err)
		return query.Principal{}, d.settle(ctx, "", from, errUnavailable(err))
	case err != nil:
		d.log.Debug("a token of the provider was refused", "error", err)
		return query.Principal{}, d.fail(ctx, "", from, reasonWrong)
	case first:
		return who, d.succeed(ctx, "", from, who)
	}
	return who, d.release("", from, true)
}

// serviceToken finds the owner of a token; a reason other than "" refuses it.
func (d *Directory) serviceToken(id, text string) (query.Principal, string, error) {
	a, err := d.store.get()
	if err != nil {
		return query.Principal{}, "", err
	}
	u, t := a.byToken(id)
	if t == nil {
		t = &token{Hash: make([]byte, sha256.Size)}
	}
	if !t.matches(text) || u == nil {
		return query.Principal{}, reasonWrong, nil
	}
	return d.tokenPrincipal(u, t)
}

func (d *Directory) tokenPrincipal(u *account, t *token) (query.Principal, string, error) {
	switch {
	case u.Disabled || t.Revoked:
		return query.Principal{}, reasonOff, nil
	case !d.now().Before(t.Expires):
		return query.Principal{}, reasonExpired, nil
	case u.MustChange:
		return query.Principal{}, reasonChange, nil
	}
	who := d.principal(u)
	scope, ok := narrow(who.Scope, t.Scope)
	if !ok { // the owner has lost what the token was made for
		return query.Principal{}, reasonOff, nil
	}
	if who.Role == query.SensitiveAnalyst && scope.Tier == query.Masked {
		who.Role = query.Analyst
	}
	who.Scope, who.Token = scope, t.ID
	return who, "", nil
}

// verifierOf finds the SCRAM keys of a startup name and what to do once they are proved; a name without an account gets a
// decoy, and a nil accept.
func (d *Directory) verifierOf(ctx context.Context, name string, from From) (verifier, func() (query.Principal, error), error) {
	a, err := d.store.get()
	if err != nil {
		return verifier{}, nil, d.settle(ctx, name, from, errUnavailable(err))
	}
	owner, tokenName, isToken := strings.Cut(name, "/")
	u := a.find(owner)
	if isToken {
		if u != nil {
			for i := range u.Tokens {
				t := u.Tokens[i]
				if t.Name == tokenName && !t.Revoked {
					return t.SCRAM, func() (query.Principal, error) { return d.acceptToken(t.ID) }, nil
				}
			}
		}
		return decoy(a.Key, name, tokenIterations), nil, nil
	}
	if u == nil {
		return decoy(a.Key, name, d.cfg.Password.Iterations), nil, nil
	}
	return u.SCRAM, func() (query.Principal, error) { return d.acceptUser(owner) }, nil
}

func (d *Directory) acceptUser(name string) (query.Principal, error) {
	a, err := d.store.get()
	if err != nil {
		return query.Principal{}, errUnavailable(err)
	}
	u := a.find(name)
	switch {
	case u == nil || u.Disabled:
		return query.Principal{}, errDenied()
	case u.MustChange:
		return query.Principal{}, errMustChange()
	}
	return d.principal(u), nil
}

func (d *Directory) acceptToken(id string) (query.Principal, error) {
	a, err := d.store.get()
	if err != nil {
		return query.Principal{}, errUnavailable(err)
	}
	u, t := a.byToken(id)
	if t == nil {
		return query.Principal{}, errDenied()
	}
	who, reason, err := d.tokenPrincipal(u, t)
	switch {
	case err != nil:
		return query.Principal{}, errUnavailable(err)
	case reason != "":
		return query.Principal{}, errDenied()
	}
	return who, nil
}

// Valid reports whether a principal still is what it was when it logged in: an *query.Error if the user was disabled or
// changed role or area, or the token was revoked or has expired. Doors with long sessions ask before every query.
func (d *Directory) Valid(_ context.Context, who query.Principal) error {
	if strings.HasPrefix(who.User, oidcPrefix) {
		if d.oidc == nil {
			return errDenied()
		}
		return nil // its token was verified with this request; it has no account here
	}
	a, err := d.store.get()
	if err != nil {
		return errUnavailable(err)
	}
	u := a.find(who.User)
	if u == nil || u.Disabled || u.MustChange {
		return errDenied()
	}
	now := d.principal(u)
	if who.Token != "" {
		_, t := a.byToken(who.Token)
		if t == nil {
			return errDenied()
		}
		var reason string
		if now, reason, err = d.tokenPrincipal(u, t); err != nil || reason != "" {
			return errDenied()
		}
	}
	if now != who {
		return errDenied()
	}
	return nil
}

func (d *Directory) principal(u *account) query.Principal {
	return query.Principal{User: u.Name, Role: u.Role, Org: u.Org, Scope: d.orgs.scopeOf(u.Role, u.Org)}
}

// admit asks the throttle and records a refusal.
func (d *Directory) admit(ctx context.Context, name string, from From) error {
	wait, report := d.throttle.admit(name, from.Address)
	if wait == 0 {
		return nil
	}
	if report > 0 {
		n := d.note(audit.KindLoginDenied, name, from)
		n.Reason, n.Count = reasonLocked, report
		if err := d.rec.Note(ctx, n); err != nil {
			return errUnavailable(err)
		}
	}
	return errLocked(wait)
}

// fail counts and records a wrong proof and returns the answer to it.
func (d *Directory) fail(ctx context.Context, name string, from From, reason string) *query.Error {
	if err := d.throttle.release(name, from.Address, false); err != nil {
		return errUnavailable(err)
	}
	n := d.note(audit.KindLoginDenied, name, from)
	n.Reason = reason
	if err := d.rec.Note(ctx, n); err != nil {
		return errUnavailable(err)
	}
	return errDenied()
}

// settle ends an attempt that neither failed nor succeeded, or was right and is refused all the same.
func (d *Directory) settle(ctx context.Context, name string, from From, cause error) *query.Error {
	var qe *query.Error
	if !errors.As(cause, &qe) {
		qe = errUnavailable(cause)
	}
	if qe.Code == query.Unauthenticated {
		return d.fail(ctx, name, from, reasonOff)
	}
	if err := d.release(name, from, true); err != nil {
		return errUnavailable(err)
	}
	n := d.note(audit.KindLoginDenied, name, from)
	n.Reason = string(qe.Code)
	if errors.Is(qe, ErrMustChange) {
		n.Reason = reasonChange
	}
	if err := d.rec.Note(ctx, n); err != nil {
		return errUnavailable(err)
	}
	return qe
}

// succeed counts and records a login.
func (d *Directory) succeed(ctx context.Context, name string, from From, who query.Principal) error {
	if err := d.release(name, from, true); err != nil {
		return err
	}
	n := d.note(audit.KindLogin, who.User, from)
	n.Role, n.Org, n.Scope, n.Token = string(who.Role), who.Org, scopeText(who.Scope), who.Token
	if err := d.rec.Note(ctx, n); err != nil {
		return errUnavailable(err)
	}
	return nil
}

func (d *Directory) release(name string, from From, ok bool) error {
	if err := d.throttle.release(name, from.Address, ok); err != nil {
		return errUnavailable(err)
	}
	return nil
}

// note fills in where an attempt came from. A name that cannot be a user's is not recorded: people type passwords there.
func (d *Directory) note(k audit.Kind, name string, from From) audit.Note {
	owner, _, _ := strings.Cut(name, "/")
	a, err := d.store.get()
	if err == nil && a.find(owner) == nil && !strings.HasPrefix(name, oidcPrefix) && name != "" {
		name = "(unknown)"
	}
	return audit.Note{Kind: k, User: name, Surface: string(from.Surface), Client: from.Client, Address: from.Address}
}

func scopeText(s query.Scope) string {
	if s == (query.Scope{}) {
		return ""
	}
	return s.String()
}
