package redact

import (
	"strings"

	"onegrid/query/gate/internal/lex"
)

// Whole stands for a text that could not be read: nothing of it is shown.
const Whole = "<redacted: text cannot be read>"

const (
	maxName   = 63 // bytes of a name that is shown
	maxDigits = 4  // digits in a row in a name that is shown: a year, not a number of a phone or a person
)

// SQL is the text with ? for every literal, without comments and with single spaces. A name that could hold a value is
// replaced as well: one with more than four digits in a row, longer than 63 bytes, or with anything but ASCII letters,
// digits and _ (dots, hyphens and single spaces too when it is quoted). A text that is not understood to its last byte is
// replaced by Whole (docs/invariants.md, invariant 4).
func SQL(text string) string {
	tokens, ok := lex.Tokens(text)
	if !ok {
		return Whole
	}
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, t := range tokens {
		part := text[t.Start:t.End]
		switch t.Kind {
		case lex.Space, lex.Comment:
			gap = b.Len() > 0
			continue
		case lex.String, lex.Number:
			part = "?"
		case lex.Ident:
			if !harmless(part, "_$") {
				part = "?"
			}
		case lex.Quoted:
			if !harmless(part[1:len(part)-1], "_ .-") {
				part = `"?"`
			}
		case lex.Param:
			if part != "?" && !harmless(part[1:], "_") {
				part = "$?"
			}
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteString(part)
	}
	return b.String()
}

// harmless reports whether a name is short, ASCII, of letters, digits and the given signs, and without a long number.
// Signs between digits do not end a number: "199 0000" is one.
func harmless(name, signs string) bool {
	if len(name) > maxName {
		return false
	}
	digits := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case '0' <= c && c <= '9':
			if digits++; digits > maxDigits {
				return false
			}
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			digits = 0
		case strings.IndexByte(signs, c) < 0:
			return false
		}
	}
	return true
}

// Name is one name as SQL shows it: itself when it can hold no value, otherwise ?.
func Name(name string) string {
	if !harmless(name, "_ .-$") {
		return "?"
	}
	return name
}
