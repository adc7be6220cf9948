package normalize

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nullWords are ways in which exports write a missing value; see NullWords in the reference.
func nullWords() []string {
	return []string{"NULL", "null", "(null)", "(NULL)", `\N`, "NaN", "nan", "undefined"}
}

// clean trims s and reports false where nothing is left or a null word stands there.
func clean(s string, trim bool) (string, bool) {
	if len(s) == 0 {
		return "", false
	}
	if trim && (s[0] <= ' ' || s[len(s)-1] <= ' ' || s[0] >= 0x80 && wideSpaceAt(s, 0) || s[len(s)-1] >= 0x80 && wideSpaceEnd(s)) {
		s = strings.TrimFunc(s, isSpace)
		if len(s) == 0 {
			return "", false
		}
	}
	if len(s) <= 9 && isNullWord(s) {
		return "", false
	}
	return s, true
}

func isNullWord(s string) bool {
	switch s[0] {
	case 'N':
		return s == "NULL" || s == "NaN"
	case 'n':
		return s == "null" || s == "nan"
	case 'u':
		return s == "undefined"
	case '(':
		return s == "(null)" || s == "(NULL)"
	case '\\':
		return s == `\N`
	case ' ', '\t', '\r', '\n':
		return strings.TrimFunc(s, isSpace) == ""
	}
	return false
}

// isSpace adds the byte order mark and the zero-width space to Unicode's white space: both lead a copied cell.
func isSpace(c rune) bool {
	return unicode.IsSpace(c) || c == 0xFEFF || c == 0x200B || c < ' '
}

// wideSpaceAt reports whether a space outside ASCII may begin at i; no Chinese character does.
func wideSpaceAt(s string, i int) bool {
	switch s[i] {
	case 0xC2:
		return true
	case 0xE2, 0xE3:
		return i+1 < len(s) && s[i+1] == 0x80
	case 0xEF:
		return i+1 < len(s) && s[i+1] == 0xBB
	}
	return false
}

func wideSpaceEnd(s string) bool {
	n := len(s)
	return n >= 2 && s[n-2] == 0xC2 || n >= 3 && wideSpaceAt(s, n-3)
}

// steps compiles the text steps of a field in their documented order.
func steps(f *Field, re *regexp.Regexp) []func(string) string {
	var out []func(string) string
	if len(f.StripPrefix) > 0 {
		prefixes := slices.Clone([]string(f.StripPrefix))
		slices.SortFunc(prefixes, func(a, b string) int { return len(b) - len(a) }) // the longest wins
		out = append(out, func(s string) string {
			for _, p := range prefixes {
				if after, ok := strings.CutPrefix(s, p); ok {
					return strings.TrimFunc(after, isSpace)
				}
			}
			return s
		})
	}
	if re != nil {
		out = append(out, capture(re))
	}
	if len(f.Replace) > 0 {
		var pairs []string
		for _, r := range f.Replace {
			pairs = append(pairs, r.Old, r.New)
		}
		r := strings.NewReplacer(pairs...)
		out = append(out, r.Replace)
	}
	if f.Upper {
		out = append(out, strings.ToUpper)
	}
	if f.Lower {
		out = append(out, strings.ToLower)
	}
	if f.Substring != nil {
		start, length := f.Substring.Start, f.Substring.Length
		out = append(out, func(s string) string { return substring(s, start, length) })
	}
	return out
}

// capture gives the first group of a match, the whole match where the expression has no group, "" without a match.
func capture(re *regexp.Regexp) func(string) string {
	group := min(re.NumSubexp(), 1)
	prefix, anchored := literalPrefix(re.String())
	return func(s string) string {
		// Most narratives do not match: a plain search says so at a hundredth of the cost.
		if prefix != "" && (anchored && !strings.HasPrefix(s, prefix) || !anchored && !strings.Contains(s, prefix)) {
			return ""
		}
		m := re.FindStringSubmatchIndex(s)
		if m == nil || m[2*group] < 0 {
			return ""
		}
		return s[m[2*group]:m[2*group+1]]
	}
}

// literalPrefix is the text that every match begins with, and whether it must stand at the start.
func literalPrefix(expr string) (string, bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", false
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	anchored := parts[0].Op == syntax.OpBeginText
	if anchored {
		parts = parts[1:]
	}
	if len(parts) == 0 || parts[0].Op != syntax.OpLiteral || parts[0].Flags&syntax.FoldCase != 0 {
		return "", false
	}
	return string(parts[0].Rune), anchored
}

func substring(s string, start, length int) string {
	i := 0
	for ; start > 0 && i < len(s); start-- {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	if length == 0 {
		return s[i:]
	}
	j := i
	for ; length > 0 && j < len(s); length-- {
		_, n := utf8.DecodeRuneInString(s[j:])
		j += n
	}
	return s[i:j]
}

// matcher checks a format. Record numbers are mostly a fixed row of character classes, for which a table is thirty
// times faster than the general engine.
type matcher interface{ MatchString(string) bool }

type classes []*[256]bool

// MatchString implements matcher.
func (c classes) MatchString(s string) bool {
	if len(s) != len(c) {
		return false
	}
	for i := range c {
		if !c[i][s[i]] {
			return false
		}
	}
	return true
}

// newMatcher compiles a format.
func newMatcher(expr string) (matcher, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if p, err := syntax.Parse(expr, syntax.Perl); err == nil {
		if c, ok := fixedClasses(p.Simplify()); ok {
			return c, nil
		}
	}
	return re, nil
}

// fixedClasses turns ^ab\d{3}$ into one ASCII class per character.
func fixedClasses(re *syntax.Regexp) (classes, bool) {
	var flat []*syntax.Regexp
	var flatten func(*syntax.Regexp)
	flatten = func(r *syntax.Regexp) {
		if r.Op == syntax.OpConcat || r.Op == syntax.OpCapture {
			for _, s := range r.Sub {
				flatten(s)
			}
			return
		}
		flat = append(flat, r)
	}
	flatten(re)
	n := len(flat)
	if n < 3 || flat[0].Op != syntax.OpBeginText || flat[n-1].Op != syntax.OpEndText {
		return nil, false
	}
	var out classes
	for _, r := range flat[1 : n-1] {
		switch {
		case r.Op == syntax.OpLiteral && r.Flags&syntax.FoldCase == 0:
			for _, c := range r.Rune {
				if c >= utf8.RuneSelf {
					return nil, false
				}
				var t [256]bool
				t[c] = true
				out = append(out, &t)
			}
		case r.Op == syntax.OpCharClass:
			var t [256]bool
			for i := 0; i+1 < len(r.Rune); i += 2 {
				if r.Rune[i+1] >= utf8.RuneSelf {
					return nil, false
				}
				for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
					t[c] = true
				}
			}
			out = append(out, &t)
		default:
			return nil, false
		}
	}
	return out, true
}
