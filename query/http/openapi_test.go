package http_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	queryhttp "onegrid/query/http"
)

func TestOpenAPIListsEveryRoute(t *testing.T) {
	d := open(t)
	var doc struct {
		OpenAPI    string
		Info       struct{ Version string }
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
			}
		}
	}
	r := d.do("GET", "/v1/openapi.json", "")
	if err := json.Unmarshal(r.body, &doc); err != nil || doc.OpenAPI != "3.1.0" || doc.Info.Version != "test" {
		t.Fatalf("%v %s", err, r.Status)
	}
	var listed []string
	for path, item := range doc.Paths {
		for method, op := range item {
			listed = append(listed, strings.ToUpper(method)+" "+path)
			for _, ref := range regexp.MustCompile(`"#/components/schemas/(\w+)"`).FindAllSubmatch(op, -1) {
				if _, ok := doc.Components.Schemas[string(ref[1])]; !ok {
					t.Errorf("%s %s names schema %s, which is not there", method, path, ref[1])
				}
			}
		}
	}
	routes := queryhttp.Routes(d.Server)
	slices.Sort(listed)
	slices.Sort(routes)
	if d := cmp.Diff(routes, listed); d != "" {
		t.Errorf("(-routes +document):\n%s", d)
	}
	members := func(name string) (out []string) {
		for k := range doc.Components.Schemas[name].Properties {
			out = append(out, k)
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(queryhttp.QuestionMembers(), members("Ask")); d != "" {
		t.Errorf("members of a question (-program +document):\n%s", d)
	}
	if d := cmp.Diff(queryhttp.AnswerMembers(), members("Answer")); d != "" {
		t.Errorf("members of an answer (-program +document):\n%s", d)
	}
	if d := cmp.Diff(queryhttp.ProblemMembers(), members("Problem")); d != "" {
		t.Errorf("members of a problem (-program +document):\n%s", d)
	}
}
