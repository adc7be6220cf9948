package httpjson

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onegrid/connectors"
)

func TestStaticAuth(t *testing.T) {
	for name, tc := range map[string]struct {
		settings string
		good     func(*http.Request) bool
	}{
		"none":   {"", func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }},
		"header": {"auth: {type: header, name: X-Key, prefix: 'Token ', value: 'env:KEY'}", func(r *http.Request) bool { return r.Header.Get("X-Key") == "Token swordfish-key" }},
		"query":  {"auth: {type: query, name: key, value: 'env:KEY'}", func(r *http.Request) bool { return r.URL.Query().Get("key") == "swordfish-key" }},
		"bearer": {"auth: {type: bearer, value: 'env:KEY'}", func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer swordfish-key" }},
		"basic": {"auth: {type: basic, user: hub, password: 'env:PASSWORD'}", func(r *http.Request) bool {
			user, pw, ok := r.BasicAuth()
			return ok && user == "hub" && pw == "open sesame&co"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, 3)
			u.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if !tc.good(r) {
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				return false
			}
			read(t, open(t, u, tc.settings), connectors.Checkpoint{}).want(t, ids(1, 3))
		})
	}
}

func TestRefusedCredentials(t *testing.T) {
	for _, status := range []int{401, 403} {
		u := newUpstream(t, 3)
		u.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, r.URL.RawQuery)
			return true
		}
		res := read(t, open(t, u, "auth: {type: query, name: key, value: 'env:KEY'}"), connectors.Checkpoint{})
		if !errors.Is(res.err, connectors.ErrAuth) || len(u.asked()) != 1 {
			t.Errorf("status %d: %d requests, error %v", status, len(u.asked()), res.err)
		}
		if strings.Contains(res.err.Error(), "swordfish") {
			t.Errorf("the error tells the key: %v", res.err)
		}
	}
}

// TestErrorsTellNoSecret meets a connection error whose url.Error quotes the whole query.
func TestErrorsTellNoSecret(t *testing.T) {
	u := newUpstream(t, 3)
	u.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool { panic(http.ErrAbortHandler) }
	res := read(t, open(t, u, "auth: {type: query, name: key, value: 'env:KEY'}"), connectors.Checkpoint{})
	if !errors.Is(res.err, connectors.ErrUnavailable) || strings.Contains(res.err.Error(), "swordfish") || strings.Contains(res.err.Error(), "?") {
		t.Errorf("error: %v", res.err)
	}
	if n := len(u.asked()); n != 4 {
		t.Errorf("%d tries, want 4", n)
	}
}

func TestOAuth2(t *testing.T) {
	for _, in := range []string{"header", "body"} {
		t.Run(in, func(t *testing.T) {
			var tokens atomic.Int32
			issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, pw, _ := r.BasicAuth()
				if in == "body" {
					user, pw = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
				} else {
					pw = strings.NewReplacer("+", " ", "%26", "&").Replace(pw)
				}
				if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("audience") != "calls" || user != "hub" || pw != "open sesame&co" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600}`, tokens.Add(1))
			}))
			t.Cleanup(issuer.Close)
			u := newUpstream(t, 12)
			u.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
				valid := "Bearer t1"
				if n >= 2 { // revoked before its time
					valid = "Bearer t2"
				}
				if r.Header.Get("Authorization") != valid {
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				return false
			}
			settings := fmt.Sprintf("auth: {type: oauth2, token_url: '%s/token', client_id: hub, client_secret: 'env:PASSWORD', client_in: %s, params: {audience: calls}}\n", issuer.URL, in)
			read(t, open(t, u, settings+styles["link"]), connectors.Checkpoint{}).want(t, ids(1, 12))
			if tokens.Load() != 2 {
				t.Errorf("%d tokens, want 2", tokens.Load())
			}
			u.change(func() {
				u.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(401); return true }
			})
			before := len(u.asked())
			res := read(t, open(t, u, settings), connectors.Checkpoint{})
			if !errors.Is(res.err, connectors.ErrAuth) || len(u.asked())-before != 2 {
				t.Errorf("a 401 for good: %d tries, %v", len(u.asked())-before, res.err)
			}
		})
	}
}

// TestSigned checks the signature as a gateway does, with a clock ten minutes ahead of ours.
func TestSigned(t *testing.T) {
	for _, in := range []string{"header", "query"} {
		t.Run(in, func(t *testing.T) {
			u := newUpstream(t, 12)
			u.skew = 10 * time.Minute
			nonces := map[string]bool{}
			u.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				get := r.Header.Get
				if in == "query" {
					get = r.URL.Query().Get
				}
				at, _ := strconv.ParseInt(get("X-Time"), 10, 64)
				m := hmac.New(sha256.New, []byte("swordfish-key"))
				fmt.Fprintf(m, "%s\n%s\n%s\n%s\n%s", r.Method, r.URL.Path, get("X-App"), get("X-Time"), get("X-Nonce"))
				off := time.Since(time.Unix(at, 0).Add(-u.skew)).Abs()
				if get("X-Sign") != hex.EncodeToString(m.Sum(nil)) || off > time.Minute || nonces[get("X-Nonce")] {
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				nonces[get("X-Nonce")] = true
				return false
			}
			settings := "auth: {type: signed, app_id: hub, key: 'env:KEY', in: " + in + `, canonical: "{method}\n{path}\n{app_id}\n{timestamp}\n{nonce}", app_id_name: X-App, timestamp_name: X-Time, nonce_name: X-Nonce, signature_name: X-Sign}` + "\n"
			read(t, open(t, u, settings+styles["link"]), connectors.Checkpoint{}).want(t, ids(1, 12))
			if n := len(u.asked()); n != 4 {
				t.Errorf("%d requests, want 3 pages and one refusal", n)
			}
		})
	}
}

func TestSignatureForms(t *testing.T) {
	req := httptest.NewRequest(http.MethodPost, "/a%20b?x=1&y=2", nil)
	for encoding, want := range map[string]string{
		"hex": "ad1abeff489d72b3", "hex_upper": "AD1ABEFF489D72B3", "base64": "rRq+/0idcrMb",
	} {
		s := &signer{c: Auth{Encoding: encoding, Canonical: "{method} {path} {query} {timestamp} {body_sha256} {body}"}, key: []byte("k")}
		text := s.canonical(req, []byte(`{}`), map[string]string{"timestamp": "1"})
		if text != "POST /a%20b x=1&y=2 1 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a {}" {
			t.Fatalf("canonical text: %s", text)
		}
		if got := s.sign(text); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", encoding, got)
		}
	}
}
