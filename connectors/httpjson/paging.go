package httpjson

import (
	"fmt"
	"strconv"

	"onegrid/connectors"
)

// drift means that the pages of one window contradict each other.
type drift struct {
	why   string
	final bool // reading the window again would not help
}

func (d *drift) Error() string { return d.why }
func (d *drift) Unwrap() error { return connectors.ErrDrift }

// trail is what the pages of one pass over a window were, to notice repetition.
type trail struct {
	hashes map[uint64]bool
	tokens map[string]bool
}

func newTrail() *trail { return &trail{hashes: map[uint64]bool{}, tokens: map[string]bool{}} }

// turn is what follows a page.
type turn struct {
	next window
	more bool
	skip bool // the page repeats the one before it, whose shortness shows that it was the last
}

// follow decides what comes after a page.
func (c Config) follow(w window, a *answer, t *trail) (turn, error) {
	n := len(a.env.items)
	// Keyset pages share the records at their edge; there the growing bound is what shows progress.
	if n > 0 && c.Paging.Style != "single" && c.Paging.Style != "keyset" {
		h := a.env.hash()
		if t.hashes[h] {
			// Many paging libraries answer a page number beyond the end with the last page.
			if w.Big > 0 && n < c.Paging.Size && c.numbered() && c.Paging.TotalPath == "" {
				return turn{skip: true}, nil
			}
			return turn{}, &drift{why: fmt.Sprintf("page %d holds the same records as a page before it", w.Page+1), final: true}
		}
		t.hashes[h] = true
	}
	more, token, err := c.more(w, a, n, t)
	if err != nil {
		return turn{}, err
	}
	next := w.after(n, token)
	if !more && w.Total != "" {
		if total, err := strconv.Atoi(w.Total); err == nil && next.Seen < total {
			return turn{}, &drift{why: fmt.Sprintf("the pages end after %d of %d records", next.Seen, total)}
		}
	}
	return turn{next: next, more: more}, nil
}

func (c Config) numbered() bool {
	s := c.Paging.Style
	return s == "page" || s == "offset" || s == "until_empty"
}

// checkTotal compares the total of a page with that of the pages before it.
func (c Config) checkTotal(w *window, a *answer) error {
	total, ok := scalar(a.env.values[c.Paging.TotalPath])
	if c.Paging.TotalPath == "" || !ok {
		return nil
	}
	if w.Total != "" && w.Total != total {
		return &drift{why: fmt.Sprintf("the total changed from %s to %s while paging", w.Total, number(total))}
	}
	if _, err := strconv.Atoi(total); err == nil {
		w.Total = total
	}
	return nil
}

// number shows what an upstream gave as a number, and nothing else it may have given there.
func number(s string) string {
	if _, err := strconv.Atoi(s); err != nil {
		return "no number"
	}
	return s
}

// more says whether another page follows, and its token.
func (c Config) more(w window, a *answer, n int, t *trail) (bool, string, error) {
	flag, flagged := scalar(a.env.values[c.Paging.MorePath])
	if flagged && (flag == "false" || flag == "0") {
		return false, "", nil
	}
	switch c.Paging.Style {
	case "single":
		return false, "", nil
	case "until_empty":
		return n > 0, "", nil
	case "page", "offset":
		return c.moreNumbered(w, n, flagged), "", nil
	case "keyset":
		return c.moreKeyset(w, n)
	}
	token, err := c.token(a)
	if err != nil || token == "" {
		return false, "", err
	}
	if t.tokens[token] || token == w.Token {
		if n == 0 {
			return false, "", nil
		}
		return false, "", &drift{why: fmt.Sprintf("page %d leads back to a page that was read", w.Page+1), final: true}
	}
	t.tokens[token] = true
	return true, token, nil
}

// moreNumbered does not trust a short page by itself: a server may give fewer records than were asked for on every page.
// The end is an empty page, the total, or a page shorter than one before it.
func (c Config) moreNumbered(w window, n int, flagged bool) bool {
	if n == 0 {
		return false
	}
	if flagged {
		return true
	}
	if total, err := strconv.Atoi(w.Total); err == nil {
		return w.Seen+n < total
	}
	return n >= w.Big
}

// moreKeyset asks on from the highest value met. A page full of one value cannot be passed this way.
func (c Config) moreKeyset(w window, n int) (bool, string, error) {
	from := w.Token
	if from == "" {
		from = w.From
	}
	switch {
	case n == 0:
		return false, "", nil
	case w.Max == "" || w.Max == from:
		if n < c.Paging.Size {
			return false, "", nil
		}
		return false, "", &drift{why: "a whole page holds one value of the cursor column: raise paging.size", final: true}
	default:
		return true, w.Max, nil
	}
}

func (c Config) token(a *answer) (string, error) {
	var next string
	switch c.Paging.Style {
	case "cursor":
		next, _ = scalar(a.env.values[c.Paging.CursorPath])
		return next, nil
	case "link":
		next = nextLink(a.header.Values("Link"))
	case "next_url":
		next, _ = scalar(a.env.values[c.Paging.NextPath])
	}
	if next == "" {
		return "", nil
	}
	token, err := c.keep(next, a.url)
	if err != nil {
		return "", &outcome{err: connectors.ErrDecode, message: err.Error(),
			hint: "if the service stands behind a proxy, set paging.next_origin: ignore", hintZH: "若服务在代理之后，请设置 paging.next_origin: ignore"}
	}
	return token, nil
}
