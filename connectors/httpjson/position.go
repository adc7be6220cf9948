package httpjson

import (
	"encoding/json"
	"fmt"
	"strconv"

	"onegrid/connectors"
)

// positionVersion is the format of position in a checkpoint.
const positionVersion = 1

// position is the progress of a stream. Bounds and marks are canonical: times as markLayout in UTC, ids as given.
type position struct {
	Column string  `json:"column,omitempty"` // what the marks are values of
	Kind   string  `json:"kind,omitempty"`
	Mark   string  `json:"mark,omitempty"` // everything up to here was read
	Next   string  `json:"next,omitempty"` // where the next window begins while catching up, without look-back
	Win    *window `json:"win,omitempty"`  // the window being read
	Done   bool    `json:"done,omitempty"` // without a cursor: the last reading was complete
}

// window is a span being read and the place within its pages. Its upper bound is frozen: what changes after it belongs to
// the next window, so that pages do not shift while they are read.
type window struct {
	Style string `json:"style"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Last  bool   `json:"last,omitempty"`  // ends at the present
	Fixed bool   `json:"fixed,omitempty"` // a backfill: marks do not move
	Page  int    `json:"page,omitempty"`  // pages before this one
	Token string `json:"token,omitempty"` // cursor, or address without origin and credentials
	Item  int    `json:"item,omitempty"`  // items of this page that were given
	Hash  string `json:"hash,omitempty"`  // what this page held, if items of it were given
	Total string `json:"total,omitempty"`
	Seen  int    `json:"seen,omitempty"` // items of the pages before this one
	Max   string `json:"max,omitempty"`  // highest cursor value met
	Big   int    `json:"big,omitempty"`  // items of the largest page
}

func (w window) restarted() window {
	return window{Style: w.Style, From: w.From, To: w.To, Last: w.Last, Fixed: w.Fixed}
}

// after is the place behind a page of n items.
func (w window) after(n int, token string) window {
	w.Page++
	w.Token, w.Item, w.Hash = token, 0, ""
	w.Seen += n
	w.Big = max(w.Big, n)
	return w
}

func hashText(h uint64) string { return strconv.FormatUint(h, 16) }

func (p position) checkpoint() connectors.Checkpoint {
	data, err := json.Marshal(p)
	if err != nil {
		data = []byte("{}") // cannot be: strings, numbers and booleans only
	}
	return connectors.Checkpoint{Version: positionVersion, Data: data}
}

// readPosition reads a checkpoint. One that belongs to another cursor column is refused; an open window of another paging
// style starts over, because its place means nothing now.
func readPosition(at connectors.Checkpoint, c Config) (position, error) {
	fresh := position{Column: c.Cursor.Column, Kind: c.Cursor.kind()}
	if at.IsZero() {
		return fresh, nil
	}
	var p position
	refuse := func(why string) (position, error) {
		return fresh, &connectors.Error{Op: "reading the checkpoint", Err: fmt.Errorf("%s: %w", why, connectors.ErrCheckpoint),
			Hint: "set the checkpoint of this source anew, or restore the settings it was made with", HintZH: "请重置该数据源的断点，或恢复生成断点时的设置"}
	}
	switch {
	case at.Version != positionVersion:
		return refuse(fmt.Sprintf("version %d is not known", at.Version))
	case json.Unmarshal(at.Data, &p) != nil:
		return refuse("it is not readable")
	case p.Column != fresh.Column || p.Kind != fresh.Kind:
		return refuse("it belongs to another cursor column")
	}
	if p.Win != nil && p.Win.Style != c.Paging.Style {
		w := p.Win.restarted()
		w.Style = c.Paging.Style
		p.Win = &w
	}
	return p, nil
}

func (c Cursor) kind() string {
	switch {
	case c.Column == "":
		return ""
	case c.Kind == "":
		return "time"
	default:
		return c.Kind
	}
}
