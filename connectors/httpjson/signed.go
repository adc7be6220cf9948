package httpjson

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// signer signs each request with HMAC-SHA256 over a text that holds the time. The time is the upstream's: gateways refuse
// signatures a few minutes off, and the clocks of department networks are.
type signer struct {
	c    Auth
	key  []byte
	now  func() time.Time
	zone *time.Location

	mu     sync.Mutex
	offset time.Duration // upstream's clock minus ours
}

func (s *signer) authorize(_ context.Context, req *http.Request, body []byte) error {
	s.mu.Lock()
	at := s.now().Add(s.offset).In(s.zone)
	s.mu.Unlock()
	v := map[string]string{"app_id": s.c.AppID, "timestamp": stamp(at, s.c.Timestamp), "nonce": rand.Text()}
	set := func(name, value string) {
		switch {
		case name == "":
		case s.c.In == "query":
			setQuery(req.URL, name, value)
		default:
			req.Header.Set(name, value)
		}
	}
	if s.c.In == "query" { // a repeat must not sign the signature of the try before
		q := req.URL.Query()
		q.Del(s.c.SignatureName)
		req.URL.RawQuery = q.Encode()
	}
	set(s.c.AppIDName, v["app_id"])
	set(s.c.TimestampName, v["timestamp"])
	set(s.c.NonceName, v["nonce"])
	set(s.c.SignatureName, s.sign(s.canonical(req, body, v)))
	return nil
}

// canonical is the text that is signed. The query is in the order of its names, escaped as it is sent.
func (s *signer) canonical(req *http.Request, body []byte, v map[string]string) string {
	sum := sha256.Sum256(body)
	return strings.NewReplacer(
		"{method}", req.Method, "{path}", req.URL.EscapedPath(), "{query}", req.URL.RawQuery,
		"{timestamp}", v["timestamp"], "{nonce}", v["nonce"], "{app_id}", v["app_id"],
		"{body}", string(body), "{body_sha256}", hex.EncodeToString(sum[:]),
	).Replace(s.c.Canonical)
}

func (s *signer) sign(text string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(text))
	sum := m.Sum(nil)
	switch s.c.Encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(sum)
	case "hex_upper":
		return strings.ToUpper(hex.EncodeToString(sum))
	default:
		return hex.EncodeToString(sum)
	}
}

// refused learns the upstream's clock from the refusal; a try with the right time is worth it if ours was off.
func (s *signer) refused(resp *http.Response) bool {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.offset
	s.offset = at.Sub(s.now())
	return (s.offset - before).Abs() > 5*time.Second
}

// stamp writes a time as configured.
func stamp(t time.Time, layout string) string {
	switch layout {
	case "", "unix":
		return strconv.FormatInt(t.Unix(), 10)
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	default:
		return t.Format(layout)
	}
}
