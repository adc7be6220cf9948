package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"onegrid/query"
)

// idp is an OpenID Connect provider over TLS with real keys: its discovery document, its keys, and tokens signed with them.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	keys    map[string]crypto.Signer // by key id
	keysURL string                   // "" = its own
	fetched int
	broken  bool
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{keys: map[string]crypto.Signer{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /realms/city/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.broken {
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
			return
		}
		keys := p.keysURL
		if keys == "" {
			keys = p.issuer() + "/certs"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.issuer(), "jwks_uri": keys, "authorization_endpoint": p.issuer() + "/auth",
			"token_endpoint": p.issuer() + "/token", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256"}})
	})
	mux.HandleFunc("GET /realms/city/certs", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetched++
		var set jose.JSONWebKeySet
		for id, k := range p.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Server.Close)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.keys["rsa-1"] = rsaKey
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.keys["ec-1"] = ecKey
	return p
}

func (p *idp) issuer() string { return p.URL + "/realms/city" }

func (p *idp) ca(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (p *idp) config(t *testing.T) *OIDCConfig {
	return &OIDCConfig{
		Issuer: p.issuer(), Audience: "onegrid", CAFile: p.ca(t), RoleClaim: "realm_access.roles", OrgClaim: "org",
		Roles: []ClaimRole{{"hub-sensitive", query.SensitiveAnalyst}, {"hub-analyst", query.Analyst}, {"hub-audit", query.Auditor}},
		Orgs:  []ClaimOrg{{"110", "county-police"}, {"cmd", "command-centre"}},
	}
}

func (p *idp) claims(now time.Time) map[string]any {
	return map[string]any{
		"iss": p.issuer(), "aud": []string{"onegrid", "account"}, "sub": "8c1f", "preferred_username": "li", "org": "110",
		"realm_access": map[string]any{"roles": []string{"offline", "hub-analyst"}}, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, claims any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOIDC(t *testing.T) {
	p := newIDP(t)
	c := quick(t)
	c.OIDC = p.config(t)
	c.Lockout.AddressFree = 1000
	r := start(t, c)
	ctx := t.Context()
	now := time.Now()
	with := func(change map[string]any) map[string]any {
		m := p.claims(now)
		for k, v := range change {
			if v == nil {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return m
	}
	rsa1, ec1 := p.keys["rsa-1"], p.keys["ec-1"]
	li := query.Principal{User: "oidc:li", Role: query.Analyst, Org: "county-police", Scope: query.Scope{Tier: query.Masked, Area: "990101"}}
	for _, c := range []struct {
		name  string
		token string
		want  query.Principal
	}{
		{"RS256", sign(t, jose.RS256, rsa1, "rsa-1", with(nil)), li},
		{"ES256", sign(t, jose.ES256, ec1, "ec-1", with(nil)), li},
		{"the role that is listed first", sign(t, jose.ES256, ec1, "ec-1", with(map[string]any{"realm_access": map[string]any{"roles": []string{"hub-analyst", "hub-sensitive"}}, "org": "cmd"})),
			query.Principal{User: "oidc:li", Role: query.SensitiveAnalyst, Org: "command-centre", Scope: query.Scope{Tier: query.Sensitive, Area: "city"}}},
		{"no user name: the subject", sign(t, jose.ES256, ec1, "ec-1", with(map[string]any{"preferred_username": nil})), query.Principal{User: "oidc:8c1f", Role: li.Role, Org: li.Org, Scope: li.Scope}},
	} {
		who, err := r.Bearer(ctx, c.token, here())
		if err != nil || who != c.want {
			t.Errorf("%s: %+v, %v", c.name, who, err)
		}
		if err := r.Valid(ctx, who); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	good := sign(t, jose.RS256, rsa1, "rsa-1", with(nil))
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(rsa1.Public())
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	part := strings.Split(good, ".")
	for _, c := range []struct{ name, token string }{
		{"another issuer", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"iss": "https://elsewhere.example"}))},
		{"another audience", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"aud": "account"}))},
		{"no audience", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"aud": nil}))},
		{"expired", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"exp": now.Add(-time.Minute).Unix()}))},
		{"without expiry", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"exp": nil}))},
		{"not yet", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"nbf": now.Add(time.Hour).Unix()}))},
		{"another key under the same id", sign(t, jose.RS256, other, "rsa-1", with(nil))},
		{"alg none", b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + part[1] + "."},
		{"the public key as a shared secret", sign(t, jose.HS256, public, "rsa-1", with(nil))},
		{"a changed payload", part[0] + "." + b64([]byte(`{"sub":"8c1f"}`)) + "." + part[2]},
		{"no role", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"realm_access": map[string]any{"roles": []string{"x"}}}))},
		{"roles of another form", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"realm_access": "hub-analyst"}))},
		{"an organisation that is not mapped", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"org": "999"}))},
		{"two organisations", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"org": []string{"110", "cmd"}}))},
		{"a name with a line break", sign(t, jose.RS256, rsa1, "rsa-1", with(map[string]any{"preferred_username": "li\nadmin"}))},
		{"not a token", "a.b.c"},
		{"long", strings.Repeat("a", 20<<10) + ".b.c"},
	} {
		if who, err := r.Bearer(ctx, c.token, here()); codeOf(err) != query.Unauthenticated || who != (query.Principal{}) {
			t.Errorf("%s: %+v, %v", c.name, who, err)
		}
	}
	logins := 0
	for _, l := range r.notes.lines() {
		if strings.HasPrefix(l, "login oidc:") {
			logins++
		}
	}
	if logins != 4 {
		t.Errorf("%d logins were recorded, want one for each token", logins)
	}
	if _, err := r.Bearer(ctx, good, here()); err != nil {
		t.Error(err)
	}
}

func TestOIDCKeysChange(t *testing.T) {
	p := newIDP(t)
	c := quick(t)
	c.OIDC = p.config(t)
	c.Lockout.AddressFree = 1000
	r := start(t, c)
	if _, err := r.Bearer(t.Context(), sign(t, jose.RS256, p.keys["rsa-1"], "rsa-1", p.claims(time.Now())), here()); err != nil {
		t.Fatal(err)
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.keys["ec-2"] = fresh
	p.mu.Unlock()
	if _, err := r.Bearer(t.Context(), sign(t, jose.ES256, fresh, "ec-2", p.claims(time.Now())), here()); err != nil {
		t.Fatalf("a token of a new key: %v", err)
	}
	// Strangers with made-up key ids must not make this program a hammer on the provider.
	for range 50 {
		if _, err := r.Bearer(t.Context(), sign(t, jose.ES256, fresh, "ec-unknown", p.claims(time.Now())), here()); err == nil {
			t.Fatal("an unknown key was believed")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetched > 15 {
		t.Errorf("the keys were fetched %d times", p.fetched)
	}
}

func TestOIDCProviderIsDown(t *testing.T) {
	p := newIDP(t)
	c := quick(t)
	c.OIDC = p.config(t)
	r := start(t, c)
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	tok := sign(t, jose.RS256, p.keys["rsa-1"], "rsa-1", p.claims(time.Now()))
	for range 5 { // it is no failure of the client's and locks nobody out
		if _, err := r.Bearer(t.Context(), tok, here()); codeOf(err) != query.Unavailable {
			t.Fatalf("provider down: %v", err)
		}
	}
	p.mu.Lock()
	p.broken = false
	p.mu.Unlock()
	if _, err := r.Bearer(t.Context(), tok, here()); err != nil {
		t.Fatalf("provider back: %v", err)
	}
}

// A document of the provider cannot make this program call a host that the configuration does not name.
func TestOIDCCallsOnlyWhatIsConfigured(t *testing.T) {
	called := false
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { called = true }))
	defer elsewhere.Close()
	p := newIDP(t)
	p.keysURL = elsewhere.URL + "/certs"
	c := quick(t)
	c.OIDC = p.config(t)
	r := start(t, c)
	tok := sign(t, jose.RS256, p.keys["rsa-1"], "rsa-1", p.claims(time.Now()))
	if _, err := r.Bearer(t.Context(), tok, here()); codeOf(err) != query.Unavailable || called {
		t.Fatalf("%v, called %v", err, called)
	}
	// Named in the configuration, it is called (and then not believed: its certificate is another one's).
	u, err := url.Parse(elsewhere.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.OIDC.KeysHost = u.Host
	r.Directory = r.open(t, c)
	if _, err := r.Bearer(t.Context(), tok, here()); codeOf(err) == "" || !called && codeOf(err) != query.Unauthenticated {
		t.Fatalf("%v, called %v", err, called)
	}
}

func TestOIDCConfig(t *testing.T) {
	good := OIDCConfig{Issuer: "https://sso.example/realms/city", Audience: "onegrid", RoleClaim: "roles", OrgClaim: "org", Roles: []ClaimRole{{"a", query.Analyst}}}
	for _, c := range []struct {
		change func(*OIDCConfig)
		want   string
	}{
		{func(*OIDCConfig) {}, ""},
		{func(o *OIDCConfig) { o.Issuer = "http://127.0.0.1:8080" }, ""},
		{func(o *OIDCConfig) { o.Issuer = "http://sso.example" }, "https"},
		{func(o *OIDCConfig) { o.Issuer = "https://user:secret@sso.example" }, "issuer"},
		{func(o *OIDCConfig) { o.Audience = "" }, "audience"},
		{func(o *OIDCConfig) { o.Roles = nil }, "roles"},
		{func(o *OIDCConfig) { o.Roles[0].Role = "root" }, "no role"},
		{func(o *OIDCConfig) { o.OrgClaim = "" }, "org_claim"},
		{func(o *OIDCConfig) { o.Algorithms = []string{"HS256"} }, "algorithms"},
		{func(o *OIDCConfig) { o.Algorithms = []string{"none"} }, "algorithms"},
	} {
		o := good
		o.Roles = []ClaimRole{{"a", query.Analyst}}
		c.change(&o)
		err := errors.Join(o.validate()...)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v", err)
		case c.want != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
