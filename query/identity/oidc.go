package identity

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"

	"onegrid/query"
)

// oidcPrefix begins the names of a provider's users, so that none of them can be taken for a local one.
const oidcPrefix = "oidc:"

const (
	answerLimit = 1 << 20 // bytes of a provider's answer
	maxSeen     = 10_000
)

var (
	errClaims   = errors.New("claims do not fit")
	errProvider = errors.New("the OIDC provider cannot be asked")
)

// provider verifies the bearer tokens of one OpenID Connect provider. It is found and asked for its keys when the first
// token arrives, and again after a failure: the hub starts without it.
type provider struct {
	cfg    OIDCConfig
	client *http.Client
	rt     *http.Transport

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	seen     map[[32]byte]time.Time // tokens accepted before → their expiry; a login is recorded once
}

func (c OIDCConfig) validate() (errs []error) {
	bad := func(key, why string) { errs = append(errs, fmt.Errorf("%w: oidc.%s: %s", ErrConfig, key, why)) }
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		bad("issuer", "must be a URL such as https://sso.example/realms/city")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		bad("issuer", "must be https: whoever can change the keys on the way can be anybody")
	}
	if c.Audience == "" {
		bad("audience", "is missing: without it tokens made for other programs would open this one")
	}
	if c.RoleClaim == "" || len(c.Roles) == 0 {
		bad("role_claim, roles", "are missing: nobody would have a role")
	}
	if c.OrgClaim == "" {
		bad("org_claim", "is missing")
	}
	for _, r := range c.Roles {
		if !slices.Contains(Roles(), r.Role) || r.Claim == "" {
			bad("roles", fmt.Sprintf("%q: %q is no role", r.Claim, r.Role))
		}
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(asymmetric(), a) {
			bad("algorithms", fmt.Sprintf("%q is not one of %v", a, asymmetric()))
		}
	}
	return errs
}

func asymmetric() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip.IsLoopback()
}

func newProvider(c OIDCConfig) (*provider, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: oidc.issuer: %w", ErrConfig, err)
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}
	}
	if c.HTTP.Timeout <= 0 {
		c.HTTP.Timeout = 10 * time.Second
	}
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		if tc.RootCAs, err = certificates(c.CAFile); err != nil {
			return nil, err
		}
	}
	allowed := []string{hostPort(issuer)}
	if c.KeysHost != "" {
		keys := &url.URL{Scheme: issuer.Scheme, Host: c.KeysHost}
		allowed = append(allowed, hostPort(keys))
	}
	dialer := &net.Dialer{Timeout: c.HTTP.Timeout}
	rt := &http.Transport{
		Proxy: nil, // no proxy from the environment (invariant 10)
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// invariant 10: only the configured addresses, whatever the provider's documents say.
			if !slices.Contains(allowed, addr) {
				return nil, fmt.Errorf("%s is not configured (oidc.issuer, oidc.keys_host)", addr)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig: tc, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: c.HTTP.Timeout, ResponseHeaderTimeout: c.HTTP.Timeout, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true, ForceAttemptHTTP2: true,
	}
	return &provider{
		cfg: c, rt: rt, seen: map[[32]byte]time.Time{},
		client: &http.Client{
			Timeout: c.HTTP.Timeout,
			// Tokens with unknown key ids make the library ask for the keys again; strangers must not use that as a hammer.
			Transport: &slowTransport{next: rt, limit: rate.NewLimiter(rate.Every(2*time.Second), 10)},
			CheckRedirect: func(req *http.Request, via []*http.Request) error {
				if len(via) > 3 || req.URL.Scheme != issuer.Scheme {
					return errors.New("redirected too often or to another scheme")
				}
				return nil
			},
		},
	}, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func certificates(file string) (*x509.CertPool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w: oidc.ca_file: %w", ErrConfig, err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("%w: oidc.ca_file: %w", ErrConfig, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: oidc.ca_file: %s holds no certificate", ErrConfig, file)
	}
	return pool, nil
}

// slowTransport bounds how often the provider is called and how much it may answer.
type slowTransport struct {
	next  http.RoundTripper
	limit *rate.Limiter
}

func (t *slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.limit.Allow() {
		return nil, errors.New("the provider was asked too often")
	}
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, answerLimit), res.Body}
	return res, nil
}

// watchedKeys remembers why a signature could not be checked: the library keeps the text of the cause only.
type watchedKeys struct{ keys oidc.KeySet }

type watchKey struct{}

func (w watchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := w.keys.VerifySignature(ctx, jwt)
	if cause, ok := ctx.Value(watchKey{}).(*error); ok {
		*cause = err
	}
	return payload, err
}

func (p *provider) find(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verifier != nil {
		return p.verifier, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	var doc struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&doc); err != nil || doc.Keys == "" {
		return nil, fmt.Errorf("%w: its document names no keys", errProvider)
	}
	// The key set outlives this request.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.client), doc.Keys)
	p.verifier = oidc.NewVerifier(p.cfg.Issuer, watchedKeys{keys}, &oidc.Config{ClientID: p.cfg.Audience, SupportedSigningAlgs: p.cfg.Algorithms})
	return p.verifier, nil
}

// verify checks signature, issuer, audience and times of a token and maps its claims. first is true when this token was
// not accepted before. Errors wrap errProvider or errClaims, or mean that the token is wrong.
func (p *provider) verify(ctx context.Context, bearer string, orgs Orgs, now time.Time) (who query.Principal, first bool, err error) {
	if len(bearer) > 16<<10 || strings.Count(bearer, ".") != 2 {
		return who, false, errors.New("not a signed token")
	}
	v, err := p.find(ctx)
	if err != nil {
		return who, false, err
	}
	var cause error
	t, err := v.Verify(context.WithValue(ctx, watchKey{}, &cause), bearer)
	if err != nil {
		var op *url.Error
		if errors.As(cause, &op) || ctx.Err() != nil {
			return who, false, fmt.Errorf("%w: %w", errProvider, cause)
		}
		return who, false, err
	}
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return who, false, fmt.Errorf("%w: %w", errClaims, err)
	}
	who, err = p.principal(t.Subject, claims, orgs)
	if err != nil {
		return query.Principal{}, false, err
	}
	return who, p.note(bearer, t.Expiry, now), nil
}

func (p *provider) principal(subject string, claims map[string]json.RawMessage, orgs Orgs) (query.Principal, error) {
	name := subject
	key := p.cfg.UserClaim
	if key == "" {
		key = "preferred_username"
	}
	if v := claim(claims, key); len(v) == 1 {
		name = v[0]
	} else if p.cfg.UserClaim != "" {
		return query.Principal{}, fmt.Errorf("%w: no %s", errClaims, key)
	}
	if name == "" || len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return query.Principal{}, fmt.Errorf("%w: no usable name", errClaims)
	}
	has := claim(claims, p.cfg.RoleClaim)
	i := slices.IndexFunc(p.cfg.Roles, func(r ClaimRole) bool { return slices.Contains(has, r.Claim) })
	if i < 0 {
		return query.Principal{}, fmt.Errorf("%w: no role", errClaims)
	}
	who := query.Principal{User: oidcPrefix + name, Role: p.cfg.Roles[i].Role}
	org := claim(claims, p.cfg.OrgClaim)
	switch {
	case len(org) != 1:
		return query.Principal{}, fmt.Errorf("%w: %d organisations", errClaims, len(org))
	case len(p.cfg.Orgs) == 0:
		who.Org = org[0]
	default:
		i := slices.IndexFunc(p.cfg.Orgs, func(o ClaimOrg) bool { return o.Claim == org[0] })
		if i < 0 {
			return query.Principal{}, fmt.Errorf("%w: organisation is not mapped", errClaims)
		}
		who.Org = p.cfg.Orgs[i].Org
	}
	who.Scope = orgs.scopeOf(who.Role, who.Org)
	return who, nil
}

// claim finds a claim, at the top or along a path "a.b", as a list of texts; anything else is no claim.
func claim(claims map[string]json.RawMessage, path string) []string {
	raw, ok := claims[path]
	if !ok {
		head, rest, nested := strings.Cut(path, ".")
		var inner map[string]json.RawMessage
		if !nested || json.Unmarshal(claims[head], &inner) != nil {
			return nil
		}
		return claim(inner, rest)
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

func (p *provider) note(bearer string, expiry, now time.Time) (first bool) {
	id := sha256.Sum256([]byte(bearer))
	p.mu.Lock()
	defer p.mu.Unlock()
	if until, ok := p.seen[id]; ok && now.Before(until) {
		return false
	}
	if len(p.seen) >= maxSeen {
		for k, until := range p.seen {
			if !now.Before(until) {
				delete(p.seen, k)
			}
		}
		if len(p.seen) >= maxSeen {
			clear(p.seen) // they are recorded again, which is better than growing
		}
	}
	p.seen[id] = expiry
	return true
}

func (p *provider) close() { p.rt.CloseIdleConnections() }
