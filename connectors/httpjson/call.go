package httpjson

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"onegrid/connectors"
)

// errRefused means that the upstream answered, and that the answer is a refusal which repeating would not change.
var errRefused = errors.New("the upstream refused the request")

// request is one call to make.
type request struct {
	method  string
	url     *url.URL
	body    []byte
	plan    *plan
	lines   string // the format setting
	records string // the records setting, for messages
	rules   []Rule
}

// answer is a page that was read, judged and scanned.
type answer struct {
	text   text
	env    *envelope
	header http.Header
	url    *url.URL // what was asked, without credentials
	empty  bool     // a rule says that there is nothing
	buf    []byte   // to be used again
}

// session is what the requests of one reading share.
type session struct {
	c       Config
	env     connectors.Env
	client  *http.Client
	auth    authorizer
	secrets []string
	lim     *limiter
}

// newSession resolves secrets and files; it connects to nothing yet.
func newSession(c Config, env connectors.Env) (*session, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, errors.New("base_url is no address")
	}
	s := &session{c: c, env: env}
	fresh := func() any { return newLimiter() }
	if env.Shared != nil {
		s.lim, _ = env.Shared("httpjson.host:"+strings.ToLower(hostPort(u)), fresh).(*limiter)
	}
	if s.lim == nil {
		s.lim = newLimiter()
	}
	s.lim.lower(c.Rate)
	if s.client, err = newHTTPClient(c, env, s.lim); err != nil {
		return nil, err
	}
	s.auth, s.secrets, err = newAuthorizer(c, env, s.client)
	return s, err
}

func (s *session) close() { s.client.CloseIdleConnections() }

// call is the state of one request through its repeats.
type call struct {
	*session
	r         request
	a         *answer
	wait      time.Duration // asked for by the last answer
	atOnce    bool          // repeat without waiting: new credentials
	refreshed bool
	moved     bool // the answer came after a redirect
}

// outcome is an answer that is no page.
type outcome struct {
	err          error
	retry        bool
	after        time.Duration
	message, zh  string
	hint, hintZH string
	status       int
}

func (o *outcome) Error() string {
	s := o.err.Error()
	if o.message != "" {
		s = o.message + ": " + s
	}
	if o.status > 0 {
		s = fmt.Sprintf("status %d: %s", o.status, s)
	}
	return s
}

func (o *outcome) Unwrap() error { return o.err }

// do makes a call with its repeats, into the space of an answer that is not needed any more. Errors are
// *connectors.Error without secrets.
func (s *session) do(ctx context.Context, r request, old *answer) (*answer, error) {
	c := &call{session: s, r: r, a: &answer{buf: old.buf, env: &envelope{}}}
	if old.env != nil {
		c.a.env.items = old.env.items
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, r.method, r.url.String(), bodyOrNil(r.body))
	if err != nil {
		return nil, c.failure(errors.New("the request's address cannot be built"))
	}
	for k, v := range s.c.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Accept", "application/json, application/x-ndjson;q=0.9, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", "onegrid")
	if len(r.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := s.auth.authorize(ctx, req.Request, r.body); err != nil {
		return nil, c.failure(err)
	}
	req.SetResponseHandler(c.handle)
	client := &retryablehttp.Client{
		HTTPClient: s.client, Logger: nil, // its own logging shows query strings
		RetryMax: s.c.Retry.Max, RetryWaitMin: s.c.Retry.WaitMin, RetryWaitMax: s.c.Retry.WaitMax,
		CheckRetry: c.checkRetry, Backoff: c.backoff,
		PrepareRetry: func(req *http.Request) error { return s.auth.authorize(req.Context(), req, r.body) },
		ErrorHandler: func(resp *http.Response, err error, _ int) (*http.Response, error) {
			if resp != nil && resp.Body != nil {
				resp.Body.Close()
			}
			return nil, err
		},
	}
	if _, err := client.Do(req); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, c.failure(err)
	}
	return c.a, nil
}

func bodyOrNil(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// handle reads and judges one answer.
func (c *call) handle(resp *http.Response) error {
	defer resp.Body.Close()
	c.wait, c.atOnce = 0, false
	c.moved = resp.Request != nil && resp.Request.Response != nil
	buf, err := readBody(resp, c.a.buf, c.c)
	c.a.buf = buf
	if err != nil {
		return err
	}
	if d := exhausted(resp.Header); d > 0 {
		c.lim.pause(min(d, c.c.Retry.WaitMax))
	}
	ct := resp.Header.Get("Content-Type")
	parseErr := c.parse(resp, buf, ct)
	scanned := c.a.env
	if parseErr != nil {
		scanned = nil
	}
	v := judge(c.r.rules, resp.StatusCode, ct, c.a.text.body, scanned)
	switch v.then {
	case "ok":
		return c.accept(parseErr, ct, buf)
	case "empty":
		c.a.empty = true
		c.a.env.items = c.a.env.items[:0]
		return nil
	default:
		return c.refuse(v, resp)
	}
}

func (c *call) parse(resp *http.Response, buf []byte, ct string) error {
	c.a.header, c.a.url = resp.Header, c.r.url
	items := c.a.env.items
	c.a.env = &envelope{items: items[:0]}
	t, err := decodeCharset(buf, c.c.Charset, ct)
	if err != nil {
		return err
	}
	c.a.text = t
	lines := c.r.lines == "lines" || c.r.lines == "" && (strings.Contains(ct, "ndjson") || strings.Contains(ct, "jsonl") || strings.Contains(ct, "json-seq"))
	if lines {
		if resp.ContentLength < 0 && resp.ProtoMajor == 1 && len(resp.TransferEncoding) == 0 {
			return errors.New("lines without a length or chunks: a cut could not be told from the end")
		}
		c.a.env = readLines(t.body, items)
		return nil
	}
	env, err := c.r.plan.read(t.body, items)
	c.a.env = env
	return err
}

// accept makes sure that the records are where the settings say.
func (c *call) accept(parseErr error, ct string, buf []byte) error {
	o := &outcome{err: connectors.ErrDecode}
	trimmed := bytes.ToLower(bytes.TrimSpace(buf[:min(len(buf), 512)]))
	switch {
	case parseErr != nil && (strings.Contains(strings.ToLower(ct), "html") || bytes.HasPrefix(trimmed, []byte("<!doctype")) || bytes.HasPrefix(trimmed, []byte("<html"))):
		o.message, o.hint, o.hintZH = "an HTML page came instead of JSON", "a gateway or login page; check base_url and auth, or add a rule for content_type text/html", "返回的是网页（网关或登录页），请检查 base_url 和 auth，或为 content_type text/html 添加规则"
	case parseErr != nil:
		o.message, o.hint, o.hintZH = parseErr.Error(), "the answer must be JSON; check format and charset", "答复须为 JSON，请检查 format 与 charset"
	case !c.a.env.found:
		o.message, o.hint, o.hintZH = fmt.Sprintf("nothing stands at %q in the answer", c.r.records), "check records, or add a rule with exists: false and then: empty", "请检查 records，或添加 exists: false、then: empty 的规则"
	case c.a.env.other == "value":
		o.message, o.hint, o.hintZH = fmt.Sprintf("what stands at %q is neither an array nor an object", c.r.records), "check records", "请检查 records"
	case c.a.env.other == "object" && c.r.records == "":
		o.message, o.hint, o.hintZH = "the answer is an object, not an array", "set records to the path of the array, or to '.' if the object is the record", "请将 records 设为数组所在路径；若整个对象就是一条记录则设为 '.'"
	default:
		return nil
	}
	return o
}

func (c *call) refuse(v verdict, resp *http.Response) error {
	o := &outcome{message: v.message, zh: v.messageZH, status: resp.StatusCode}
	ask := max(retryAfter(resp.Header), exhausted(resp.Header))
	switch v.then {
	case "auth":
		o.err = connectors.ErrAuth
		o.hint, o.hintZH = "check auth and the secret it names", "请检查 auth 及其引用的密钥"
		if c.moved {
			o.hint, o.hintZH = "the upstream redirected the request, and credentials do not follow: set the final address", "上游发生重定向，凭据不会随之发送，请直接设置最终地址"
		}
		if c.auth.refused(resp) && !c.refreshed {
			c.refreshed, c.atOnce, o.retry = true, true, true
		}
	case "throttle":
		o.err, o.retry, c.wait = connectors.ErrThrottled, true, ask
		o.after = min(max(ask, c.c.Retry.WaitMax), c.c.Retry.RetryAfterCap)
		if ask > c.c.Retry.WaitMax {
			o.retry = false // waiting less than asked would only be refused again
		}
		c.lim.pause(min(ask, c.c.Retry.WaitMax))
		o.hint, o.hintZH = "lower rate.per_second or run less often", "请降低 rate.per_second 或减少运行频率"
	case "retry":
		o.err, o.retry, c.wait = connectors.ErrUnavailable, ask <= c.c.Retry.WaitMax, ask
		o.after = min(ask, c.c.Retry.RetryAfterCap)
	default:
		o.err = errRefused
		o.hint, o.hintZH = "check path and query", "请检查 path 与 query"
	}
	return o
}

// checkRetry decides on a repeat. Without an error the body is still to be read, by handle.
func (c *call) checkRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err == nil {
		return false, nil
	}
	var o *outcome
	if errors.As(err, &o) {
		return o.retry, nil
	}
	return !permanent(err), nil
}

// permanent are the transport's errors that a repeat would meet again.
func permanent(err error) bool {
	for _, target := range []error{errForbidden, connectors.ErrLimit, connectors.ErrDecode, connectors.ErrAuth} {
		if errors.Is(err, target) {
			return true
		}
	}
	return certificateError(err)
}

func certificateError(err error) bool {
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &host) || errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &alert)
}

// backoff waits what the upstream asked, else a random time below a growing bound (full jitter).
func (c *call) backoff(base, most time.Duration, attempt int, _ *http.Response) time.Duration {
	switch {
	case c.atOnce:
		return 0
	case c.wait > 0:
		return min(c.wait, most)
	}
	bound := min(most, base<<min(attempt, 20))
	if bound <= 0 {
		bound = most
	}
	return rand.N(bound) + 1
}

// failure is the error that leaves this package.
func (c *call) failure(err error) error {
	e := &connectors.Error{Op: c.r.method + " " + c.r.url.EscapedPath(), Source: c.env.SourceID}
	var o *outcome
	switch {
	case errors.As(err, &o):
		e.Hint, e.HintZH, e.RetryAfter = o.hint, o.hintZH, o.after
		if o.zh != "" {
			e.HintZH = o.zh
		}
	case errors.Is(err, errForbidden):
		e.Hint, e.HintZH = "only hosts of base_url and network.allow_hosts are connected to", "只允许连接 base_url 与 network.allow_hosts 中的主机"
	case errors.Is(err, connectors.ErrLimit):
		e.Hint, e.HintZH = "ask for smaller pages, or raise limits", "请减小每页条数或提高 limits"
	case errors.Is(err, context.Canceled), errors.Is(err, connectors.ErrDecode), errors.Is(err, connectors.ErrAuth):
	case certificateError(err):
		err = fmt.Errorf("%w: %w", connectors.ErrUnavailable, err)
		e.Hint, e.HintZH = "set tls.ca_file to the authority that signed the upstream's certificate, or tls.cert_file and tls.key if it asks for one", "请将 tls.ca_file 设为签发上游证书的 CA；若上游要求客户端证书，请设置 tls.cert_file 与 tls.key"
	default:
		err = fmt.Errorf("%w: %w", connectors.ErrUnavailable, stripURL(err))
		e.Hint, e.HintZH = "check that the service is up and reachable from here", "请确认服务已启动且可从本机访问"
	}
	e.Err = scrub(err, c.secrets)
	return e
}
