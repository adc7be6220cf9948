package http

import (
	"reflect"
	"slices"
	"strings"
)

// Routes are "METHOD /path" of every route.
func Routes(s *Server) (out []string) {
	for _, r := range s.routes() {
		out = append(out, r.method+" "+r.path)
	}
	return out
}

func members(vs ...any) (out []string) {
	for _, v := range vs {
		t := reflect.TypeOf(v)
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func QuestionMembers() []string { return members(question{}) }

func AnswerMembers() []string {
	out := append(members(head{}, tail{}), "rows")
	slices.Sort(out)
	return out
}

func ProblemMembers() []string { return members(problem{}) }
