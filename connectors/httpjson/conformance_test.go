package httpjson

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"onegrid/connectors"
	"onegrid/connectors/connectortest"
)

const timeCursor = "cursor: {column: at, from_param: from, to_param: to, start: 2024-05-01T00:00:00Z, lookback: 3m}\n"

// styles are settings of every paging style.
var styles = map[string]string{
	"page":          "paging: {style: page, param: page, size_param: size, size: 5}\n",
	"page total":    "paging: {style: page, param: page, size_param: size, size: 5, total_path: total}\n",
	"page more":     "paging: {style: page, param: page, size_param: size, size: 5, more_path: more}\n",
	"offset":        "paging: {style: offset, param: offset, size_param: size, size: 5}\n",
	"placeholders":  "paging: {style: offset, size: 5}\nquery: {offset: '{offset}', size: '{size}'}\n",
	"until_empty":   "paging: {style: until_empty, param: page, size_param: size, size: 5}\n",
	"cursor":        "paging: {style: cursor, param: cursor, size_param: size, size: 5, cursor_path: cursor}\n",
	"link":          "paging: {style: link, size_param: size, size: 5}\n",
	"next_url":      "paging: {style: next_url, size_param: size, size: 5, next_path: next}\n",
	"single":        "paging: {style: single}\n",
	"keyset":        "paging: {style: keyset, size_param: size, size: 5}\n",
	"exact pages":   "paging: {style: page, param: page, size_param: size, size: 9, total_path: total}\n",
	"query auth":    "paging: {style: link, size_param: size, size: 5}\nauth: {type: query, name: key, value: 'env:KEY'}\n",
	"stepped":       "paging: {style: page, param: page, size_param: size, size: 5}\n",
	"children":      "paging: {style: link, size_param: size, size: 5}\nchild: {path: '/notes/{id}', records: notes, name: notes}\n",
	"lowered pages": "paging: {style: page, param: page, size_param: size, size: 5000}\n",
}

func TestConformance(t *testing.T) {
	for name, settings := range styles {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, 27)
			cursor := timeCursor
			switch name {
			case "stepped":
				cursor = "cursor: {column: at, from_param: from, to_param: to, start: 2024-05-01T00:00:00Z, lookback: 3m, step: 87600h}\n"
			case "lowered pages":
				u.cap = 6
			}
			h := connectortest.Harness{
				Kind:      Kind(),
				Open:      func(t *testing.T) connectors.Source { return open(t, u, settings+cursor) },
				KeyColumn: "id", Keys: ids(1, 27), Overlap: true,
				Grow:    func(*testing.T) []string { return u.grow(7) },
				Window:  &connectortest.Window{From: epoch.Add(4 * time.Minute), To: epoch.Add(25 * time.Minute), Keys: ids(4, 24)},
				Secrets: []string{"swordfish-key"},
			}
			if name != "page" {
				h.Testdata = "-" // once is enough
			}
			if name == "keyset" {
				// Records at the edge of two pages come twice, in a window too: the keys are compared as a set there.
				h.Window = nil
				h.Keys = read(t, h.Open(t), connectors.Checkpoint{}).ids
				if got := slices.Compact(slices.Clone(h.Keys)); !slices.Equal(got, ids(1, 27)) {
					t.Fatalf("ids %v", h.Keys)
				}
			}
			h.Hang = func(t *testing.T) (connectors.Source, <-chan struct{}) {
				asked := make(chan struct{})
				slow := newUpstream(t, 1)
				slow.before = func(_ http.ResponseWriter, r *http.Request, n int) bool {
					if n == 1 {
						close(asked)
					}
					<-r.Context().Done()
					return true
				}
				return open(t, slow, settings+cursor), asked
			}
			connectortest.Run(t, h)
		})
	}
}

// TestConformanceFull is a source without a cursor: every reading gives everything.
func TestConformanceFull(t *testing.T) {
	u := newUpstream(t, 27)
	connectortest.Run(t, connectortest.Harness{
		Kind: Kind(), Testdata: "-",
		Open:      func(t *testing.T) connectors.Source { return open(t, u, styles["link"]) },
		KeyColumn: "id", Keys: ids(1, 27), Overlap: true,
		Grow: func(*testing.T) []string { return u.grow(7) },
	})
}

// TestConformanceID is a source with an id cursor.
func TestConformanceID(t *testing.T) {
	u := newUpstream(t, 27)
	connectortest.Run(t, connectortest.Harness{
		Kind: Kind(), Testdata: "-",
		Open: func(t *testing.T) connectors.Source {
			return open(t, u, styles["page"]+"cursor: {column: id, kind: id, from_param: since, lookback_ids: 2}\n")
		},
		KeyColumn: "id", Keys: ids(1, 27), Overlap: true,
		Grow: func(*testing.T) []string { return u.grow(7) },
	})
}
