package http

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"onegrid/query"
	"onegrid/query/identity"
)

// Directory proves who asks; *identity.Directory is one.
type Directory interface {
	Credentials
	Sessions
}

// Credentials are what a request can prove by itself.
type Credentials interface {
	Password(ctx context.Context, name, password string, from identity.From) (query.Principal, error)
	Bearer(ctx context.Context, bearer string, from identity.From) (query.Principal, error)
}

// Sessions are logins of browsers, and the change of a password that comes before the first of them.
type Sessions interface {
	NewSession(who query.Principal) (cookie, csrf string)
	Session(ctx context.Context, cookie string) (who query.Principal, csrf string, err error)
	EndSession(ctx context.Context, cookie string, from identity.From) error
	ChangePassword(ctx context.Context, name, old, replacement string, from identity.From) error
}

// authed wraps a handler that needs to know who asks.
func (s *Server) authed(next func(http.ResponseWriter, *http.Request, query.Principal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.prove(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next(w, r, who)
	}
}

func (s *Server) prove(r *http.Request) (query.Principal, error) {
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(kind) {
	case "basic":
		name, password, ok := r.BasicAuth()
		if !ok {
			return query.Principal{}, errNobody()
		}
		return s.deps.Directory.Password(r.Context(), name, password, s.from(r))
	case "bearer":
		return s.deps.Directory.Bearer(r.Context(), strings.TrimSpace(value), s.from(r))
	case "":
	default:
		return query.Principal{}, errNobody()
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return query.Principal{}, errNobody()
	}
	who, csrf, err := s.deps.Directory.Session(r.Context(), c.Value)
	if err != nil {
		return query.Principal{}, err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		// A browser sends the cookie by itself; only a page of this very origin knows the token.
		if err := s.sameOrigin(r); err != nil {
			return query.Principal{}, err
		}
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-CSRF-Token")), []byte(csrf)) != 1 {
			return query.Principal{}, errForged()
		}
	}
	return who, nil
}

// sameOrigin refuses what a page of another origin made a browser send.
func (s *Server) sameOrigin(r *http.Request) error {
	if err := s.origin.Check(r); err != nil {
		return errForged()
	}
	return nil
}

func errNobody() *query.Error {
	return &query.Error{Code: query.Unauthenticated, Message: "this needs a login", ZH: "请先登录",
		Hint: "send Authorization: Basic or Bearer, or log in with POST /v1/login", HintZH: "请携带 Authorization 头,或先调用 POST /v1/login"}
}

func errForged() *query.Error {
	return &query.Error{Code: query.Forbidden, Rule: "csrf", Message: "the request did not come from a page of this server", ZH: "请求来源校验失败",
		Hint: "send the X-CSRF-Token of the session from the same origin", HintZH: "请携带会话的 X-CSRF-Token 并从同源页面发起"}
}

// cookieName: the prefix makes browsers insist on TLS, the root path and this very host.
func (s *Server) cookieName() string {
	if s.cfg.TLS != nil {
		return "__Host-onegrid"
	}
	return "onegrid"
}

func (s *Server) setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.cfg.TLS != nil, SameSite: http.SameSiteStrictMode})
}

// address is the client's, behind a proxy that is believed the last one that it does not vouch for itself.
func (s *Server) address(r *http.Request) string {
	peer := r.RemoteAddr
	host, port, err := net.SplitHostPort(peer)
	if err != nil || !slices.Contains(s.cfg.Proxies, host) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return peer
		}
		if !slices.Contains(s.cfg.Proxies, a.String()) {
			return net.JoinHostPort(a.String(), port)
		}
	}
	return peer
}

func (s *Server) from(r *http.Request) identity.From {
	return identity.From{Surface: query.HTTP, Address: s.address(r), Client: agent(r)}
}

func agent(r *http.Request) string {
	ua := r.UserAgent()
	return ua[:min(len(ua), 120)]
}

func (s *Server) client(r *http.Request) string { return agent(r) + " " + s.address(r) }

// me is what a client may know of the login.
type me struct {
	User  string       `json:"user"`
	Role  query.Role   `json:"role"`
	Org   string       `json:"org,omitempty"`
	Scope *query.Scope `json:"scope,omitempty"`
	Token string       `json:"token,omitempty"`
	CSRF  string       `json:"csrf,omitempty"`
}

func meOf(who query.Principal, csrf string) me {
	m := me{User: who.User, Role: who.Role, Org: who.Org, Token: who.Token, CSRF: csrf}
	if who.Scope != (query.Scope{}) {
		m.Scope = &who.Scope
	}
	return m
}

type credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// login answers POST /v1/login.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var c credentials
	if !s.form(w, r, &c) {
		return
	}
	who, err := s.deps.Directory.Password(r.Context(), c.User, c.Password, s.from(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	cookie, csrf := s.deps.Directory.NewSession(who)
	s.setCookie(w, cookie, 0)
	writeJSON(w, http.StatusOK, meOf(who, csrf))
}

// form reads the body of a request that needs no login; it must come from this origin all the same, and be JSON, which
// no form of another site can send.
func (s *Server) form(w http.ResponseWriter, r *http.Request, v any) bool {
	err := s.sameOrigin(r)
	if mt, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); err == nil && !strings.EqualFold(strings.TrimSpace(mt), "application/json") {
		err = invalid("content_type", "the body must be application/json", "请求体须为 application/json")
	}
	var body []byte
	if err == nil {
		body, err = readBody(w, r, 16<<10)
	}
	if err == nil {
		err = strictJSON(body, v)
	}
	if err != nil {
		s.fail(w, r, err)
		return false
	}
	return true
}

// logout answers POST /v1/logout; without a session there is nothing to end.
func (s *Server) logout(w http.ResponseWriter, r *http.Request, _ query.Principal) {
	if c, err := r.Cookie(s.cookieName()); err == nil {
		if err := s.deps.Directory.EndSession(r.Context(), c.Value, s.from(r)); err != nil {
			s.fail(w, r, err)
			return
		}
		s.setCookie(w, "", -1)
	}
	w.WriteHeader(http.StatusNoContent)
}

// password answers POST /v1/password: the old password is the login.
func (s *Server) password(w http.ResponseWriter, r *http.Request) {
	var c struct {
		User string `json:"user"`
		Old  string `json:"old"`
		New  string `json:"new"`
	}
	if !s.form(w, r, &c) {
		return
	}
	if err := s.deps.Directory.ChangePassword(r.Context(), c.User, c.Old, c.New, s.from(r)); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// whoami answers GET /v1/me.
func (s *Server) whoami(w http.ResponseWriter, r *http.Request, who query.Principal) {
	csrf := ""
	if r.Header.Get("Authorization") == "" {
		if c, err := r.Cookie(s.cookieName()); err == nil {
			if _, token, err := s.deps.Directory.Session(r.Context(), c.Value); err == nil {
				csrf = token
			}
		}
	}
	writeJSON(w, http.StatusOK, meOf(who, csrf))
}

// current answers GET /v1/generation.
func (s *Server) current(w http.ResponseWriter, r *http.Request, who query.Principal) {
	if _, ok := identity.TierOf(who.Role); !ok || who.Scope == (query.Scope{}) {
		s.fail(w, r, &query.Error{Code: query.Forbidden, Rule: "role", Message: "this user cannot query", ZH: "该用户无查询权限"})
		return
	}
	g, ok := s.deps.Current(who.Scope)
	if !ok {
		s.fail(w, r, &query.Error{Code: query.Unavailable, Message: "no generation is published yet", ZH: "尚无可查询的数据版本",
			Hint: "wait for the first publication", HintZH: "请等待首次发布"})
		return
	}
	s.generation(w.Header(), g)
	writeJSON(w, http.StatusOK, struct {
		query.Generation
		AgeSeconds int64 `json:"age_seconds"`
	}{g, int64(time.Since(g.Published) / time.Second)})
}

// tables answers GET /v1/tables.
func (s *Server) tables(w http.ResponseWriter, r *http.Request, who query.Principal) {
	list, g, err := s.deps.Catalog.Tables(r.Context(), who, query.Request{Surface: query.HTTP, Client: s.client(r)})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.generation(w.Header(), g)
	writeJSON(w, http.StatusOK, map[string]any{"generation": g, "tables": list})
}

// questions answers GET /v1/queries.
func (s *Server) questions(w http.ResponseWriter, _ *http.Request, _ query.Principal) {
	writeJSON(w, http.StatusOK, map[string]any{"queries": s.deps.Questions})
}
