package httpjson

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"onegrid/connectors"
)

// authorizer puts credentials onto a request. It is called again for every repeat, so that times and tokens are fresh.
type authorizer interface {
	authorize(ctx context.Context, req *http.Request, body []byte) error
	// refused is told of an answer that refuses the credentials, and says whether another try with new ones is worth it.
	refused(resp *http.Response) bool
}

// newAuthorizer resolves the secrets of the settings. secrets is what must not show in any message.
func newAuthorizer(c Config, env connectors.Env, client *http.Client) (a authorizer, secrets []string, err error) {
	k := c.Auth
	get := func(ref string) string {
		if err != nil {
			return ""
		}
		var v string
		if v, err = secret(env, ref); err == nil {
			secrets = append(secrets, v)
		}
		return v
	}
	switch k.Type {
	case "header":
		a = static{header: k.Name, value: k.Prefix + get(k.Value)}
	case "query":
		a = static{query: k.Name, value: get(k.Value)}
	case "bearer":
		a = static{header: "Authorization", value: "Bearer " + get(k.Value)}
	case "basic":
		a = basic{user: k.User, password: get(k.Password)}
	case "oauth2":
		a = &clientCredentials{c: c, secret: get(k.ClientSecret), client: client}
	case "signed":
		a = &signer{c: k, key: []byte(get(k.Key)), now: time.Now, zone: zoneOf(c, env)}
	default:
		a = static{}
	}
	return a, secrets, err
}

// static is a key or token that never changes.
type static struct{ header, query, value string }

func (s static) authorize(_ context.Context, req *http.Request, _ []byte) error {
	switch {
	case s.header != "":
		req.Header.Set(s.header, s.value)
	case s.query != "":
		setQuery(req.URL, s.query, s.value)
	}
	return nil
}

func (static) refused(*http.Response) bool { return false }

type basic struct{ user, password string }

func (b basic) authorize(_ context.Context, req *http.Request, _ []byte) error {
	req.SetBasicAuth(b.user, b.password)
	return nil
}

func (basic) refused(*http.Response) bool { return false }

func setQuery(u *url.URL, name, value string) {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
}

// queryNames are the query parameters that hold credentials; they are cut from addresses that are kept.
func (k Auth) queryNames() []string {
	switch {
	case k.Type == "query":
		return []string{k.Name}
	case k.Type == "signed" && k.In == "query":
		return []string{k.AppIDName, k.TimestampName, k.NonceName, k.SignatureName}
	}
	return nil
}
