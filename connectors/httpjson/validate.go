package httpjson

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"onegrid/connectors"
)

// Validate finds everything that is wrong with the settings.
func (c Config) Validate() []connectors.Problem {
	v := &validation{}
	c.checkAddress(v)
	v.oneOf("method", c.Method, "GET", "POST")
	v.oneOf("format", c.Format, "", "json", "lines")
	v.oneOf("charset", c.Charset, "", "utf-8", "gb18030")
	if c.Body != "" && c.Method != "POST" {
		v.add("body", "a body needs method POST", "")
	}
	c.Auth.check(v)
	c.checkPaging(v)
	c.checkCursor(v)
	for i, r := range c.Rules {
		r.check(v, fmt.Sprintf("rules.%d", i))
	}
	c.checkChild(v)
	c.checkNumbers(v)
	return v.found
}

type validation struct{ found []connectors.Problem }

func (v *validation) add(path, message, hint string) {
	v.found = append(v.found, connectors.Problem{Path: path, Message: message, Hint: hint})
}

func (v *validation) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.add(path, fmt.Sprintf("%q is not known", value), "one of "+strings.Join(slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" }), ", "))
	}
}

func (v *validation) required(path, value string) {
	if value == "" {
		v.add(path, "is required", "")
	}
}

// secret refuses a secret that stands in the settings itself.
func (v *validation) secret(path, ref string) {
	switch {
	case ref == "":
		v.add(path, "is required", "")
	case !strings.HasPrefix(ref, "env:") && !strings.HasPrefix(ref, "file:") && !strings.HasPrefix(ref, "systemd:"):
		v.add(path, "a secret must be a reference, not the value", "env:NAME, file:PATH or systemd:NAME")
	}
}

func (c Config) checkAddress(v *validation) {
	if c.BaseURL == "" {
		v.add("base_url", "is required", "")
		return
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		v.add("base_url", "is not an http or https address", "")
	case u.User != nil:
		v.add("base_url", "must not hold a user or password", "use auth")
	case u.RawQuery != "" || u.Fragment != "":
		v.add("base_url", "must not hold a query or fragment", "use query")
	case u.Scheme == "http" && c.Auth.Type != "none" && !isLoopbackHost(u.Hostname()) && !c.TLS.AllowHTTP:
		v.add("base_url", "credentials would travel unencrypted", "use https, or set tls.allow_http: true")
	}
	if (c.TLS.CertFile == "") != (c.TLS.Key == "") {
		v.add("tls", "cert_file and key belong together", "")
	}
	if c.TLS.Key != "" {
		v.secret("tls.key", c.TLS.Key)
	}
	for i, h := range c.Network.AllowHosts {
		if !strings.Contains(h, ":") || strings.Contains(h, "/") {
			v.add(fmt.Sprintf("network.allow_hosts.%d", i), "is not host:port", "")
		}
	}
	for i, p := range c.Network.AllowCIDRs {
		if _, err := netip.ParsePrefix(p); err != nil {
			v.add(fmt.Sprintf("network.allow_cidrs.%d", i), "is not an address range", "such as 10.1.0.0/16")
		}
	}
}

func (a Auth) check(v *validation) {
	v.oneOf("auth.type", a.Type, "none", "header", "query", "basic", "bearer", "oauth2", "signed")
	switch a.Type {
	case "header", "query":
		v.required("auth.name", a.Name)
		v.secret("auth.value", a.Value)
	case "bearer":
		v.secret("auth.value", a.Value)
	case "basic":
		v.required("auth.user", a.User)
		v.secret("auth.password", a.Password)
	case "oauth2":
		if u, err := url.Parse(a.TokenURL); err != nil || u.Host == "" {
			v.add("auth.token_url", "is not an address", "")
		}
		v.required("auth.client_id", a.ClientID)
		v.secret("auth.client_secret", a.ClientSecret)
		v.oneOf("auth.client_in", a.ClientIn, "", "header", "body")
	case "signed":
		v.secret("auth.key", a.Key)
		v.required("auth.timestamp_name", a.TimestampName)
		v.required("auth.signature_name", a.SignatureName)
		v.oneOf("auth.encoding", a.Encoding, "", "hex", "hex_upper", "base64")
		v.oneOf("auth.in", a.In, "", "header", "query")
		if a.Canonical == "" || !strings.Contains(a.Canonical, "{timestamp}") {
			v.add("auth.canonical", "must hold {timestamp}", "such as {method}\\n{path}\\n{timestamp}\\n{body_sha256}")
		}
	}
}

func (c Config) checkPaging(v *validation) {
	p := c.Paging
	v.oneOf("paging.style", p.Style, "single", "page", "offset", "until_empty", "cursor", "link", "next_url", "keyset")
	v.oneOf("paging.next_origin", p.NextOrigin, "", "same", "ignore")
	placed := func(names ...string) bool {
		return p.Param != "" || slices.ContainsFunc(names, func(n string) bool { return c.mentions("{" + n + "}") })
	}
	switch p.Style {
	case "page", "until_empty":
		if !placed("page", "offset") {
			v.add("paging.param", "is required", "or put {page} into query, path or body")
		}
	case "offset":
		if !placed("offset") {
			v.add("paging.param", "is required", "or put {offset} into query, path or body")
		}
	case "cursor":
		if !placed("cursor") {
			v.add("paging.param", "is required", "or put {cursor} into query, path or body")
		}
		v.required("paging.cursor_path", p.CursorPath)
	case "next_url":
		v.required("paging.next_path", p.NextPath)
	case "keyset":
		if c.Cursor.Column == "" {
			v.add("cursor.column", "is required by paging.style keyset", "")
		}
	}
	if p.Size < 1 {
		v.add("paging.size", "must be 1 or more", "")
	}
	if p.MaxPages < 1 {
		v.add("paging.max_pages", "must be 1 or more", "")
	}
}

// mentions reports whether a placeholder stands anywhere in the request.
func (c Config) mentions(placeholder string) bool {
	for _, q := range c.Query {
		if strings.Contains(q, placeholder) {
			return true
		}
	}
	return strings.Contains(c.Path, placeholder) || strings.Contains(c.Body, placeholder)
}

func (c Config) checkCursor(v *validation) {
	k := c.Cursor
	if k.Column == "" {
		if k != (Cursor{}) && k != Defaults().Cursor {
			v.add("cursor.column", "is required", "")
		}
		return
	}
	v.oneOf("cursor.kind", k.Kind, "", "time", "id")
	if k.FromParam == "" && !c.mentions("{from}") {
		v.add("cursor.from_param", "is required", "or put {from} into query, path or body")
	}
	if _, err := time.LoadLocation(k.Zone); err != nil {
		v.add("cursor.zone", "is not a known zone", "such as Asia/Shanghai")
	}
	if k.Start != "" && k.Kind != "id" {
		if _, err := time.Parse(time.RFC3339, k.Start); err != nil {
			v.add("cursor.start", "is not an RFC 3339 time", "such as 2024-01-01T00:00:00+08:00")
		}
	}
	for path, d := range map[string]time.Duration{"cursor.lookback": k.Lookback, "cursor.lag": k.Lag, "cursor.step": k.Step} {
		if d < 0 {
			v.add(path, "must not be negative", "")
		}
	}
	if k.LookbackIDs < 0 {
		v.add("cursor.lookback_ids", "must not be negative", "")
	}
	if k.Step > 0 && k.ToParam == "" && !c.mentions("{to}") {
		v.add("cursor.step", "needs an upper bound in the request", "set cursor.to_param or put {to} into query, path or body")
	}
}

func (r Rule) check(v *validation, path string) {
	v.oneOf(path+".then", r.Then, "ok", "empty", "retry", "throttle", "fail", "auth")
	w := r.When
	if len(w.Status) == 0 && w.ContentType == "" && w.JSON == "" && w.BodyContains == "" {
		v.add(path+".when", "has no condition", "")
	}
	if w.JSON == "" && (len(w.Equals) > 0 || len(w.Not) > 0 || w.Exists != nil) {
		v.add(path+".when.json", "is required by equals, not and exists", "")
	}
	if w.JSON != "" && len(w.Equals) == 0 && len(w.Not) == 0 && w.Exists == nil {
		v.add(path+".when.json", "needs equals, not or exists", "")
	}
	for i, s := range w.Status {
		if _, _, err := statusRange(s); err != nil {
			v.add(fmt.Sprintf("%s.when.status.%d", path, i), err.Error(), "404, 5xx or 500-503")
		}
	}
}

func (c Config) checkChild(v *validation) {
	if c.Child == nil {
		return
	}
	v.required("child.name", c.Child.Name)
	v.oneOf("child.as", c.Child.As, "", "column", "stream")
	if !strings.Contains(c.Child.Path, "{") && len(c.Child.Query) == 0 {
		v.add("child.path", "names no {column} of the parent", "")
	}
	if len(c.Child.Copy) > 0 && c.Child.As != "stream" {
		v.add("child.copy", "is for as: stream", "")
	}
}

func (c Config) checkNumbers(v *validation) {
	for _, n := range []struct {
		path string
		n    int64
	}{
		{"limits.response_bytes", c.Limits.ResponseBytes}, {"limits.ratio", c.Limits.Ratio},
		{"limits.record_bytes", int64(c.Limits.RecordBytes)}, {"limits.depth", int64(c.Limits.Depth)},
		{"limits.columns", int64(c.Limits.Columns)}, {"rate.burst", int64(c.Rate.Burst)},
		{"retry.wait_min", int64(c.Retry.WaitMin)}, {"retry.wait_max", int64(c.Retry.WaitMax)},
		{"timeouts.connect", int64(c.Timeouts.Connect)}, {"timeouts.tls", int64(c.Timeouts.TLS)},
		{"timeouts.header", int64(c.Timeouts.Header)}, {"timeouts.idle", int64(c.Timeouts.Idle)},
		{"timeouts.total", int64(c.Timeouts.Total)},
	} {
		if n.n < 1 {
			v.add(n.path, "must be more than zero", "")
		}
	}
	if c.Retry.Max < 0 || c.Rate.PerSecond < 0 {
		v.add("retry", "max and rate.per_second must not be negative", "")
	}
}
