package http

import (
	_ "embed"
	"encoding/json"
	"net/http"

	"onegrid/query"
)

//go:embed openapi.json
var document []byte

// openapi answers GET /v1/openapi.json. It needs a login as everything does: it would tell a stranger what to try.
func (s *Server) openapi(w http.ResponseWriter, r *http.Request, _ query.Principal) {
	var doc map[string]any
	if err := json.Unmarshal(document, &doc); err != nil {
		s.fail(w, r, err)
		return
	}
	if info, ok := doc["info"].(map[string]any); ok && s.deps.Version != "" {
		info["version"] = s.deps.Version
	}
	writeJSON(w, http.StatusOK, doc)
}
