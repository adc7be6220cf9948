package http

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"onegrid/query"
)

// runningQuery is a statement between its request and the end of its answer.
type runningQuery struct {
	ID      string    `json:"id"`
	Tag     string    `json:"tag,omitempty"`
	User    string    `json:"user"`
	Started time.Time `json:"started"`
	cancel  context.CancelFunc
}

type registry struct {
	mu  sync.Mutex
	all map[string]*runningQuery
}

func newRegistry() *registry { return &registry{all: map[string]*runningQuery{}} }

func (g *registry) add(q *runningQuery) (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[q.ID] = q
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.all, q.ID)
	}
}

// of lists what a principal may see and cancel: his own, and an administrator everybody's.
func (g *registry) of(who query.Principal) []*runningQuery {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := []*runningQuery{}
	for _, q := range g.all {
		if q.User == who.User || who.Role == query.Admin {
			out = append(out, q)
		}
	}
	slices.SortFunc(out, func(a, b *runningQuery) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// listRunning answers GET /v1/sql.
func (s *Server) listRunning(w http.ResponseWriter, _ *http.Request, who query.Principal) {
	writeJSON(w, http.StatusOK, map[string]any{"running": s.running.of(who)})
}

// cancel answers DELETE /v1/sql/{id}; id is the number of a query or a tag of the caller's own. One that is unknown, over,
// or somebody else's is answered in the same way.
func (s *Server) cancel(w http.ResponseWriter, r *http.Request, who query.Principal) {
	id := r.PathValue("id")
	found := false
	for _, q := range s.running.of(who) {
		if q.ID == id || (q.Tag == id && q.Tag != "" && q.User == who.User) {
			q.cancel()
			found = true
		}
	}
	if !found {
		writeProblem(w, r, http.StatusNotFound, "no statement of yours with this id or tag is running", "没有正在运行的此编号或标签的查询")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
