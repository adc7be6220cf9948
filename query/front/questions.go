package front

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Question is a statement that is shipped with a name, so that it can be asked without writing SQL.
type Question struct {
	Name   string          `json:"name"`
	Title  string          `json:"title"`
	ZH     string          `json:"title_zh"`
	Params []QuestionParam `json:"params,omitempty"` // of $1, $2, ...
	SQL    string          `json:"sql"`
}

// QuestionParam is one parameter of a Question.
type QuestionParam struct {
	Type string `json:"type"` // name of a DuckDB type
	Doc  string `json:"doc"`
	ZH   string `json:"doc_zh,omitempty"`
}

// ParseQuestions reads a file of statements, each ended by a semicolon at the end of a line and headed by comments:
//
//	-- name: due_soon
//	-- Due within two hours · 两小时内到期
//	-- $1 TIMESTAMPTZ now · 当前时间
//	SELECT ...;
//
// The first comment behind the name is the title. Comments before the first name belong to nobody. A statement without a
// name, a name twice, and parameters out of order are errors.
func ParseQuestions(r io.Reader) ([]Question, error) {
	var out []Question
	var q Question
	var body []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		l := strings.TrimRight(lines.Text(), " \t\r")
		head, isHead := strings.CutPrefix(l, "--")
		switch {
		case isHead && len(body) == 0:
			if err := q.head(strings.TrimSpace(head)); err != nil {
				return nil, fmt.Errorf("reading questions: line %d: %w", n, err)
			}
		case l == "" && len(body) == 0, isHead:
		default:
			if body = append(body, l); !strings.HasSuffix(l, ";") {
				continue
			}
			q.SQL = same(strings.Join(body, "\n"))
			if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(q.Name) {
				return nil, fmt.Errorf("reading questions: line %d: the statement has no name of a-z, 0-9 and _", n)
			}
			if slices.ContainsFunc(out, func(o Question) bool { return o.Name == q.Name }) {
				return nil, fmt.Errorf("reading questions: line %d: %s is there twice", n, q.Name)
			}
			out = append(out, q)
			q, body = Question{}, nil
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

// head reads one comment before a statement.
func (q *Question) head(text string) error {
	if name, ok := strings.CutPrefix(text, "name:"); ok {
		*q = Question{Name: strings.TrimSpace(name)}
		return nil
	}
	en, zh, _ := strings.Cut(text, " · ")
	if spec, ok := strings.CutPrefix(en, "$"); ok && q.Name != "" {
		number, rest, _ := strings.Cut(spec, " ")
		typ, doc, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if number != strconv.Itoa(len(q.Params)+1) || typ == "" {
			return fmt.Errorf("parameter $%s of %s is out of order or has no type", number, q.Name)
		}
		q.Params = append(q.Params, QuestionParam{Type: typ, Doc: strings.TrimSpace(doc), ZH: strings.TrimSpace(zh)})
		return nil
	}
	if q.Name != "" && q.Title == "" {
		q.Title, q.ZH = strings.TrimSpace(en), strings.TrimSpace(zh)
	}
	return nil
}

// same makes texts alike that differ in white space at the ends and the final semicolon only.
func same(sql string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(sql), ";"))
}
