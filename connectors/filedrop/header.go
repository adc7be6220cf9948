package filedrop

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var errColumns = errors.New("there are more columns than limits.columns allows")

// headerNames makes column names of a header: spaces of every width around them are cut, a forgotten byte order mark and
// line breaks inside go, an empty one becomes col_N and a repeated one gets _2, _3 and so on.
func headerNames(cells []string) []string {
	names := make([]string, len(cells))
	seen := make(map[string]bool, len(cells))
	next := map[string]int{} // the suffix to try for a repeated name: ten thousand equal names must not take a square of steps
	for i, c := range cells {
		n := cleanName(c)
		if n == "" {
			n = "col_" + strconv.Itoa(i+1)
		}
		name := n
		for k := max(2, next[n]); seen[name]; k++ {
			name = n + "_" + strconv.Itoa(k)
			next[n] = k + 1
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func cleanName(s string) string {
	return strings.TrimFunc(strings.Map(func(r rune) rune {
		if r == '\uFEFF' || r == '\u200B' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s), func(r rune) bool { return unicode.IsSpace(r) || r == '\u3000' })
}

// missing returns the required columns that are not among names.
func missing(required, names []string) []string {
	var out []string
	for _, r := range required {
		if !slices.Contains(names, r) {
			out = append(out, r)
		}
	}
	return out
}

// drift describes how a header differs from the one before, or returns "".
func drift(before, now []string) string {
	if len(before) == 0 || slices.Equal(before, now) {
		return ""
	}
	added, removed := missing(now, before), missing(before, now)
	if len(removed) == len(before) {
		// What stands in the header's place may be a record: its values must not get into a report (invariant 4).
		return fmt.Sprintf("none of the %d columns of the file before is there; the file has %d: is its header row missing?", len(before), len(now))
	}
	var renamed []string
	for _, r := range removed {
		if i := slices.Index(before, r); i < len(now) && slices.Contains(added, now[i]) {
			renamed = append(renamed, shown(r)+" → "+shown(now[i]))
			added = slices.DeleteFunc(added, func(a string) bool { return a == now[i] })
		}
	}
	gone := slices.DeleteFunc(slices.Clone(removed), func(r string) bool {
		return slices.ContainsFunc(renamed, func(p string) bool { return strings.HasPrefix(p, shown(r)+" → ") })
	})
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"renamed", renamed}, {"added", showAll(added)}, {"removed", showAll(gone)}} {
		if len(p.names) > 0 {
			if len(p.names) > 20 {
				p.names = append(p.names[:20:20], fmt.Sprintf("and %d more", len(p.names)-20))
			}
			parts = append(parts, p.what+": "+strings.Join(p.names, ", "))
		}
	}
	if len(parts) == 0 {
		return "the same columns in another order"
	}
	return strings.Join(parts, "; ")
}

func showAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = shown(n)
	}
	return out
}

// shown is a column name as a report may show it. What looks more like a value than like a name is withheld
// (invariant 4): a long text or a run of digits.
func shown(name string) string {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits > 4 || utf8.RuneCountInString(name) > 40 {
		return "(name withheld)"
	}
	return name
}
