package httpjson

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"onegrid/connectors"
)

// markLayout orders as text like the times it writes.
const markLayout = "2006-01-02T15:04:05.000000000Z"

func mark(t time.Time) string { return t.UTC().Format(markLayout) }

// zoneOf is the zone of times that carry none.
func zoneOf(c Config, env connectors.Env) *time.Location {
	if c.Cursor.Zone != "" {
		if l, err := time.LoadLocation(c.Cursor.Zone); err == nil {
			return l
		}
	}
	if env.Zone != nil {
		return env.Zone
	}
	return time.FixedZone("Asia/Shanghai", 8*3600)
}

// nextWindow opens the window after a position, or says that there is none. upper gives the frozen upper bound; it is
// asked only where a window has one.
func (c Cursor) nextWindow(p position, upper func(window) time.Time) *window {
	switch p.Kind {
	case "":
		return &window{Last: true}
	case "id":
		w := &window{From: p.Mark, Last: true}
		if w.From == "" {
			w.From = c.Start
		} else if n, err := strconv.ParseInt(w.From, 10, 64); err == nil && c.LookbackIDs > 0 {
			w.From = strconv.FormatInt(max(0, n-c.LookbackIDs), 10)
		}
		return w
	}
	from, known := c.lower(p)
	w := &window{Last: true}
	if known {
		w.From = mark(from)
	}
	top := upper(*w)
	w.To = mark(top)
	if known {
		if !from.Before(top) {
			return nil
		}
		if end := from.Add(c.Step); c.Step > 0 && end.Before(top) {
			w.To, w.Last = mark(end), false
		}
	}
	return w
}

func (c Cursor) lower(p position) (time.Time, bool) {
	if t, err := time.Parse(markLayout, p.Next); err == nil {
		return t, true
	}
	if t, err := time.Parse(markLayout, p.Mark); err == nil {
		return t.Add(-c.Lookback), true
	}
	t, err := time.Parse(time.RFC3339, c.Start)
	return t, err == nil
}

// closed moves the marks behind a window that was read to its end.
func (p position) closed() position {
	w := *p.Win
	p.Win = nil
	switch {
	case w.Fixed:
		p.Next = w.To
		p.Done = w.Last
	case p.Kind == "":
		p.Done = true
	case p.Kind == "id":
		if p.Mark == "" || idLess(p.Mark, w.Max) {
			p.Mark = w.Max
		}
	case !w.Last:
		p.Mark, p.Next = max(p.Mark, w.To), w.To
	default:
		// Not the upper bound itself but the highest value met below it: a source whose column runs behind its own
		// HTTP clock (another zone, a slow database clock) loses nothing this way.
		p.Mark, p.Next = max(p.Mark, min(w.Max, w.To)), ""
	}
	return p
}

// idLess orders ids as numbers where both are, else as text.
func idLess(a, b string) bool {
	if digits(a) && digits(b) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return len(a) < len(b)
		}
	}
	return a < b
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}

// bound writes a canonical bound as the upstream expects it.
func (c Cursor) bound(canonical string, zone *time.Location) string {
	if canonical == "" || c.kind() == "id" {
		return canonical
	}
	t, err := time.Parse(markLayout, canonical)
	if err != nil {
		return ""
	}
	layout := c.Layout
	if layout == "" || layout == "rfc3339" {
		layout = time.RFC3339Nano
	}
	if layout == "unix" || layout == "unix_ms" {
		return stamp(t, layout)
	}
	return t.In(zone).Format(layout)
}

// observed reads a value of the cursor column as a canonical mark; false if it is none.
func (c Cursor) observed(v string, zone *time.Location) (string, bool) {
	if c.kind() == "id" {
		return v, v != ""
	}
	layout := c.RecordLayout
	if layout == "" {
		layout = c.Layout
	}
	switch layout {
	case "unix", "unix_ms":
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n < 0 || n > 1e14 {
			return "", false
		}
		if layout == "unix" {
			return mark(time.UnixMicro(int64(n * 1e6))), n < 1e11
		}
		return mark(time.UnixMilli(int64(n))), true
	case "", "rfc3339":
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return mark(t), true
		}
		for _, l := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
			if t, err := time.ParseInLocation(l, v, zone); err == nil {
				return mark(t), true
			}
		}
		return "", false
	default:
		t, err := time.ParseInLocation(layout, v, zone)
		return mark(t), err == nil
	}
}

// upstreamNow is the upstream's clock by its HTTP Date header; false if it does not tell. It asks the endpoint itself, as
// for its first record, because a gateway in front of it may have another clock. What the answer says besides the time
// does not matter: the request for the first page meets it again and reports it.
func (s *session) upstreamNow(ctx context.Context, w window, zone *time.Location) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeouts.Header)
	defer cancel()
	one := s.c
	one.Paging.Size, one.Body = 1, ""
	r, err := one.pageRequest(w, nil, zone)
	if err != nil {
		return time.Time{}, false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.url.String(), nil)
	if err != nil {
		return time.Time{}, false
	}
	if err := s.auth.authorize(ctx, req, nil); err != nil {
		return time.Time{}, false
	}
	req.Header.Set("User-Agent", "onegrid")
	resp, err := s.client.Do(req)
	if err != nil {
		return time.Time{}, false
	}
	resp.Body.Close()
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, false
	}
	if age, err := strconv.Atoi(resp.Header.Get("Age")); err == nil && age > 0 { // from a cache
		t = t.Add(time.Duration(min(age, 1<<30)) * time.Second)
	}
	return t, true
}
