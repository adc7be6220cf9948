package sqltable

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// plainName is an identifier that needs no quotes in a settings file. Letters of any script are letters: Chinese table
// and column names are common in department systems.
var plainName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_$#]*$`)

var errName = errors.New("not a table name")

// parseName splits schema.table into its parts and folds unquoted parts the way the database does.
func parseName(s string, fold func(string) string) ([]string, error) {
	var parts []string
	for rest := s; ; {
		var part string
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 1 {
				return nil, fmt.Errorf("%q: %w", s, errName)
			}
			part, rest = rest[1:end+1], rest[end+2:]
			if err := printable(part); err != nil {
				return nil, err
			}
		} else {
			part, _, _ = strings.Cut(rest, ".")
			rest = rest[len(part):]
			if !plainName.MatchString(part) {
				return nil, fmt.Errorf("%q: %w", s, errName)
			}
			part = fold(part)
		}
		parts = append(parts, part)
		if rest == "" {
			break
		}
		if rest[0] != '.' || len(parts) == 3 {
			return nil, fmt.Errorf("%q: %w", s, errName)
		}
		rest = rest[1:]
	}
	return parts, nil
}

// parseColumn checks a column name. Columns are looked up in what the database says it has and are always quoted, so
// any printable name is safe.
func parseColumn(s string) (string, error) {
	if s == "" || len(s) > 256 {
		return "", errors.New("not a column name")
	}
	return s, printable(s)
}

func printable(s string) error {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return errors.New("a name holds no control characters")
		}
	}
	return nil
}

// quoteWith returns a quoting function that doubles the closing mark.
func quoteWith(open, shut string) func(string) string {
	return func(s string) string { return open + strings.ReplaceAll(s, shut, shut+shut) + shut }
}

func quoteAll(parts []string, quote func(string) string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quote(p)
	}
	return strings.Join(out, ".")
}
