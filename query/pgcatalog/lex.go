package pgcatalog

import "strings"

type kind uint8

const (
	space   kind = iota // white space and comments
	word                // unquoted identifier or keyword
	quoted              // "identifier"
	literal             // string, in any of PostgreSQL's forms
	number
	param // $1
	other // one operator or punctuation character, or ::
)

type token struct {
	kind kind
	text string
}

// is reports whether the token is this keyword, whatever its case.
func (t token) is(w string) bool { return t.kind == word && strings.EqualFold(t.text, w) }

// name is the identifier that the token spells, "" if it is none.
func (t token) name() string {
	switch t.kind {
	case word:
		return strings.ToLower(t.text)
	case quoted:
		return strings.ReplaceAll(t.text[1:len(t.text)-1], `""`, `"`)
	default:
		return ""
	}
}

// lex splits a text into tokens whose texts, put together, are the text again. An unfinished string, quoted name or
// comment reaches to the end. The forms are those of PostgreSQL 15, section 4.1.
func lex(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		k, n := next(s[i:])
		out = append(out, token{k, s[i : i+n]})
		i += n
	}
	return out
}

func next(s string) (kind, int) {
	c := s[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		n := 1
		for n < len(s) && strings.IndexByte(" \t\n\r\f\v", s[n]) >= 0 {
			n++
		}
		return space, n
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return space, n + 1
		}
		return space, len(s)
	case strings.HasPrefix(s, "/*"):
		return space, comment(s)
	case c == '\'':
		return literal, closing(s, 0, '\'', false)
	case c == '"':
		n := closing(s, 0, '"', false)
		if n < 2 || s[n-1] != '"' {
			return other, n
		}
		return quoted, n
	case (c == 'e' || c == 'E') && len(s) > 1 && s[1] == '\'':
		return literal, closing(s, 1, '\'', true)
	case (c == 'b' || c == 'B' || c == 'x' || c == 'X' || c == 'n' || c == 'N') && len(s) > 1 && s[1] == '\'':
		return literal, closing(s, 1, '\'', false)
	case c == '$':
		return dollar(s)
	case c >= '0' && c <= '9':
		n := 1
		for n < len(s) && (isDigit(s[n]) || s[n] == '.' || s[n] == 'e' || s[n] == 'E' || s[n] == '_') {
			n++
		}
		return number, n
	case isLetter(c):
		n := 1
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '$') {
			n++
		}
		return word, n
	case strings.HasPrefix(s, "::"):
		return other, 2
	default:
		return other, 1
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// closing is the length of a quoted text whose opening quote is at s[at]. Doubled quotes belong to it.
func closing(s string, at int, q byte, escapes bool) int {
	for i := at + 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

// comment is the length of a block comment; they nest in PostgreSQL.
func comment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// dollar reads $1, a dollar-quoted string, or a lone dollar sign.
func dollar(s string) (kind, int) {
	n := 1
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n > 1 {
		return param, n
	}
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	if n < len(s) && s[n] == '$' {
		tag := s[:n+1]
		if end := strings.Index(s[n+1:], tag); end >= 0 {
			return literal, n + 1 + end + len(tag)
		}
		return literal, len(s)
	}
	return other, 1
}

// Split separates the statements of a simple query at semicolons outside strings, names and comments. Statements that
// are empty but for comments are left out.
func Split(s string) []string {
	var out []string
	var b strings.Builder
	filled := false
	flush := func() {
		if filled {
			out = append(out, strings.TrimSpace(b.String()))
		}
		b.Reset()
		filled = false
	}
	for _, t := range lex(s) {
		if t.kind == other && t.text == ";" {
			flush()
			continue
		}
		b.WriteString(t.text)
		filled = filled || t.kind != space
	}
	flush()
	return out
}

// Words are the first n words of a statement in upper case, quoted names and literals as they are; comments are skipped.
func Words(s string, n int) []string {
	var out []string
	for i := 0; i < len(s) && len(out) < n; {
		k, size := next(s[i:])
		switch {
		case k == word:
			out = append(out, strings.ToUpper(s[i:i+size]))
		case k != space:
			out = append(out, s[i:i+size])
		}
		i += size
	}
	return out
}
