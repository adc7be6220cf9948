package httpjson

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// pageRequest makes the request of a window's current page.
func (c Config) pageRequest(w window, plan *plan, zone *time.Location) (request, error) {
	r := request{method: c.Method, plan: plan, lines: c.Format, records: c.Records, rules: c.Rules}
	values := map[string]string{
		"from": c.Cursor.bound(w.From, zone), "to": c.Cursor.bound(w.To, zone),
		"page": strconv.Itoa(c.Paging.First + w.Page), "offset": strconv.Itoa(w.Seen),
		"size": strconv.Itoa(c.Paging.Size), "cursor": w.Token,
	}
	if c.Paging.Style == "keyset" && w.Token != "" {
		values["from"] = c.Cursor.bound(w.Token, zone)
	}
	var err error
	if (c.Paging.Style == "link" || c.Paging.Style == "next_url") && w.Token != "" {
		r.url, err = c.kept(w.Token)
	} else {
		r.url, err = c.address(c.Path, c.pageQuery(w, values), values)
	}
	if c.Body != "" {
		r.body = []byte(fill(c.Body, values, func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				return ""
			}
			return string(b[1 : len(b)-1])
		}))
	}
	return r, err
}

// pageQuery is the query of the settings with the parameters of window and page.
func (c Config) pageQuery(w window, values map[string]string) map[string]string {
	q := map[string]string{}
	for k, v := range c.Query {
		q[k] = v
	}
	put := func(name, placeholder string) {
		if name != "" && values[placeholder] != "" {
			q[name] = "{" + placeholder + "}"
		}
	}
	put(c.Cursor.FromParam, "from")
	put(c.Cursor.ToParam, "to")
	put(c.Paging.SizeParam, "size")
	switch c.Paging.Style {
	case "page", "until_empty":
		put(c.Paging.Param, "page")
	case "offset":
		put(c.Paging.Param, "offset")
	case "cursor":
		put(c.Paging.Param, "cursor")
	}
	return q
}

var errNoAddress = errors.New("the address cannot be built from the settings")

// address joins base_url, a path and a query, both with placeholders.
func (c Config) address(path string, query, values map[string]string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(c.BaseURL, "/") + "/" + strings.TrimLeft(fill(path, values, url.PathEscape), "/"))
	if err != nil {
		return nil, errNoAddress
	}
	if strings.TrimLeft(path, "/") == "" {
		if u, err = url.Parse(c.BaseURL); err != nil {
			return nil, errNoAddress
		}
	}
	q := u.Query()
	for k, v := range query {
		q.Set(k, fill(v, values, func(s string) string { return s }))
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// fill replaces the placeholders that are known; other braces, as of JSON, stay.
func fill(template string, values map[string]string, escape func(string) string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(template, '{')
		if i < 0 {
			b.WriteString(template)
			return b.String()
		}
		b.WriteString(template[:i])
		template = template[i:]
		end := strings.IndexByte(template, '}')
		if end > 0 {
			if v, ok := values[template[1:end]]; ok {
				b.WriteString(escape(v))
				template = template[end+1:]
				continue
			}
		}
		b.WriteByte('{')
		template = template[1:]
	}
}

// keep turns an address that the upstream gave into what a checkpoint may hold: path and query, without origin and
// credentials. An address of another origin is refused unless the settings say to ignore it.
func (c Config) keep(next string, from *url.URL) (string, error) {
	ref, err := url.Parse(next)
	if err != nil {
		return "", errors.New("the address of the next page is none")
	}
	u := from.ResolveReference(ref)
	if c.Paging.NextOrigin != "ignore" && !sameOrigin(u, from) {
		return "", errors.New("the next page lies on another origin")
	}
	q := u.Query()
	for _, name := range c.Auth.queryNames() {
		q.Del(name)
	}
	kept := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: q.Encode()}
	return kept.String(), nil
}

// kept is the address that keep has reduced.
func (c Config) kept(token string) (*url.URL, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, errNoAddress
	}
	ref, err := url.Parse(token)
	if err != nil || ref.Host != "" || ref.Scheme != "" {
		return nil, errNoAddress
	}
	return base.ResolveReference(ref), nil
}
