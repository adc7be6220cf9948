package front

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Question is a statement that is shipped with a name, so that it can be asked without writing SQL.
type Question struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	ZH     string   `json:"title_zh"`
	Params []string `json:"params,omitempty"` // what $1, $2, ... stand for
	SQL    string   `json:"sql"`
}

// ParseQuestions reads a file of statements, each ended by a semicolon at the end of a line and headed by comments:
//
//	-- name: open_by_district
//	-- en: Open events by district
//	-- zh: 各区未办结事件
//	-- param: county code
//	SELECT ...;
//
// Other comments belong to nobody. A statement without a name, and a name twice, are errors.
func ParseQuestions(r io.Reader) ([]Question, error) {
	var out []Question
	var q Question
	var body []string
	seen := map[string]bool{}
	valid := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	finish := func(n int) error {
		q.SQL = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.Join(body, "\n")), ";"))
		switch {
		case !valid.MatchString(q.Name):
			return fmt.Errorf("reading questions: line %d: the statement has no name of a-z, 0-9 and _", n)
		case seen[q.Name]:
			return fmt.Errorf("reading questions: line %d: %s is there twice", n, q.Name)
		}
		seen[q.Name] = true
		out = append(out, q)
		q, body = Question{}, nil
		return nil
	}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		l := strings.TrimRight(lines.Text(), " \t\r")
		head, isHead := strings.CutPrefix(l, "--")
		if isHead && len(body) == 0 {
			key, value, _ := strings.Cut(strings.TrimSpace(head), ":")
			value = strings.TrimSpace(value)
			switch key {
			case "name":
				q.Name = value
			case "en":
				q.Title = value
			case "zh":
				q.ZH = value
			case "param":
				q.Params = append(q.Params, value)
			}
			continue
		}
		if l == "" && len(body) == 0 {
			continue
		}
		if !isHead {
			body = append(body, l)
		}
		if !isHead && strings.HasSuffix(l, ";") {
			if err := finish(n); err != nil {
				return nil, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading questions: %w", err)
	}
	if len(body) > 0 {
		return nil, errors.New("reading questions: the last statement has no semicolon")
	}
	return out, nil
}

// same makes texts alike that differ in white space at the ends and the final semicolon only.
func same(sql string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(sql), ";"))
}
