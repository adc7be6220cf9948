package spec

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"onegrid/connectors"
	"onegrid/pipelines/link/feature"
)

// readAliases reads the alias files that the spec names. Errors name the file and line, never what stands there.
func (s *Spec) readAliases(dir string) error {
	for _, name := range sorted(s.Aliases) {
		a := s.Aliases[name]
		if a.File == "" {
			continue
		}
		table, err := readAlias(filepath.Join(dir, a.File))
		if err != nil {
			var fe *FileError
			if errors.As(err, &fe) {
				return fe
			}
			return s.Problem("aliases."+name+".file", err.Error(), "relative to the mapping file")
		}
		a.Inline = table
		s.Aliases[name] = a
	}
	return nil
}

func readAlias(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading aliases: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord, r.Comment, r.TrimLeadingSpace = 2, '#', true
	out := map[string]string{}
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			var pe *csv.ParseError
			p := connectors.Problem{Message: "not a table of two columns: text, what it stands for"}
			if errors.As(err, &pe) {
				p.Line = pe.Line
			}
			return nil, &FileError{Name: path, Problems: connectors.Problems{p}}
		}
		out[strings.TrimSpace(rec[0])] = strings.TrimSpace(rec[1])
	}
}

// cleaner is the cleaning steps of a column, compiled.
type cleaner []func(string) string

// clean applies the steps until nothing is left.
func (c cleaner) clean(s string) string {
	for _, step := range c {
		if s == "" {
			return ""
		}
		s = step(s)
	}
	return s
}

// newCleaner compiles steps. They were validated, so that expressions compile.
func newCleaner(s *Spec, steps []Step) cleaner {
	var out cleaner
	for _, st := range steps {
		switch st.Op {
		case "trim":
			out = append(out, func(s string) string { return strings.TrimFunc(s, isSpace) })
		case "squeeze":
			out = append(out, func(s string) string { return strings.Join(strings.FieldsFunc(s, isSpace), " ") })
		case "lower":
			out = append(out, strings.ToLower)
		case "upper":
			out = append(out, strings.ToUpper)
		case "nfkc":
			out = append(out, norm.NFKC.String)
		case "unaccent":
			out = append(out, unaccent)
		case "simplify":
			out = append(out, feature.Normalise)
		case "digits":
			out = append(out, keep(func(r rune) bool { return r >= '0' && r <= '9' }))
		case "letters":
			out = append(out, keep(func(r rune) bool { return unicode.IsLetter(r) || unicode.Is(unicode.Mn, r) }))
		case "alnum":
			out = append(out, keep(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) }))
		case "first_word":
			out = append(out, func(s string) string { return word(strings.Fields(s), false) })
		case "last_word":
			out = append(out, func(s string) string { return word(strings.Fields(s), true) })
		case "sort_words":
			out = append(out, func(s string) string {
				w := strings.Fields(s)
				slices.Sort(w)
				return strings.Join(w, " ")
			})
		case "prefix":
			out = append(out, func(s string) string { return prefix(s, st.N) })
		case "suffix":
			out = append(out, func(s string) string {
				if k := utf8.RuneCountInString(s) - st.N; k > 0 {
					return s[len(prefix(s, k)):]
				}
				return s
			})
		case "extract":
			re := regexp.MustCompile(st.Text)
			out = append(out, func(s string) string { return extract(re, s) })
		case "replace":
			re, with := regexp.MustCompile(st.Text), st.New
			out = append(out, func(s string) string { return re.ReplaceAllString(s, with) })
		case "alias":
			table := s.Aliases[st.Text].Inline
			out = append(out, func(s string) string {
				if to, ok := table[s]; ok {
					return to
				}
				return s
			})
		}
	}
	return out
}

func isSpace(c rune) bool {
	return unicode.IsSpace(c) || c == 0xFEFF || c == 0x200B || c < ' '
}

func keep(want func(rune) bool) func(string) string {
	return func(s string) string {
		return strings.Map(func(r rune) rune {
			if want(r) {
				return r
			}
			return -1
		}, s)
	}
}

func word(w []string, last bool) string {
	switch {
	case len(w) == 0:
		return ""
	case last:
		return w[len(w)-1]
	}
	return w[0]
}

// prefix is the first n characters.
func prefix(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// unaccent drops the marks of letters: é becomes e.
func unaccent(s string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s)))
}

// extract is the first group of a match, the whole match without groups, "" without a match.
func extract(re *regexp.Regexp, s string) string {
	m := re.FindStringSubmatch(s)
	switch {
	case m == nil:
		return ""
	case len(m) > 1:
		return m[1]
	}
	return m[0]
}

// soundex is the American Soundex code (US National Archives, General Information Leaflet 55): the first letter and three
// digits. Letters that are not from A to Z are left out; "" without any.
func soundex(s string) string {
	const codes = "01230120022455012623010202" // a to z; 0 is a vowel, h and w are told apart below
	out := make([]byte, 0, 4)
	last := byte('0')
	for _, r := range strings.ToLower(unaccent(s)) {
		if r < 'a' || r > 'z' {
			continue
		}
		c := codes[r-'a']
		switch {
		case len(out) == 0:
			out = append(out, byte(r)-'a'+'A')
		case r == 'h' || r == 'w':
			continue // letters of one code around h or w count once
		case c != '0' && c != last:
			out = append(out, c)
		}
		last = c
		if len(out) == 4 {
			return string(out)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return (string(out) + "000")[:4]
}
