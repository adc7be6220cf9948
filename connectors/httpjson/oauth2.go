package httpjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"onegrid/connectors"
)

// clientCredentials is OAuth2's client-credentials grant (RFC 6749 §4.4) with its token kept until shortly before it ends.
type clientCredentials struct {
	c      Config
	secret string
	client *http.Client

	mu    sync.Mutex
	token string
	until time.Time
}

func (o *clientCredentials) authorize(ctx context.Context, req *http.Request, _ []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.token == "" || !time.Now().Before(o.until) {
		if err := o.fetch(ctx); err != nil {
			return fmt.Errorf("getting a token: %w", err)
		}
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	return nil
}

// refused forgets the token: it may have been revoked before its time.
func (o *clientCredentials) refused(resp *http.Response) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = ""
	return resp.StatusCode == http.StatusUnauthorized
}

func (o *clientCredentials) fetch(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.c.Auth.Scope != "" {
		form.Set("scope", o.c.Auth.Scope)
	}
	for k, v := range o.c.Auth.Params {
		form.Set(k, v)
	}
	if o.c.Auth.ClientIn == "body" {
		form.Set("client_id", o.c.Auth.ClientID)
		form.Set("client_secret", o.secret)
	}
	ctx, cancel := context.WithTimeout(ctx, o.c.Timeouts.Header)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.c.Auth.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("auth.token_url is no address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if o.c.Auth.ClientIn != "body" {
		req.SetBasicAuth(url.QueryEscape(o.c.Auth.ClientID), url.QueryEscape(o.secret))
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return o.accept(resp.StatusCode, body)
}

func (o *clientCredentials) accept(status int, body []byte) error {
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("status %d: %w", status, connectors.ErrUnavailable)
	case status != http.StatusOK:
		return fmt.Errorf("status %d: %w", status, connectors.ErrAuth)
	}
	var t struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if json.Unmarshal(body, &t) != nil || t.AccessToken == "" {
		return fmt.Errorf("no access_token in the answer: %w", connectors.ErrDecode)
	}
	life := 5 * time.Minute // RFC 6749 leaves expires_in optional
	if n, err := t.ExpiresIn.Float64(); err == nil && n > 0 {
		life = seconds(n)
	}
	o.token, o.until = t.AccessToken, time.Now().Add(life-min(30*time.Second, life/10))
	return nil
}
