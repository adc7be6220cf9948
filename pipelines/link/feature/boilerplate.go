package feature

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed boilerplate.txt
var boilerplate string

// phrases returns what messages to a hotline open and end with; it says nothing about the matter.
var phrases = sync.OnceValue(func() *phraseList { return newPhraseList(boilerplate) })

// phraseList finds phrases by their first rune. It is immutable.
type phraseList struct {
	first  map[[3]byte][]string // first rune, always three bytes → phrases, longest first
	starts [256]bool            // last byte of a first rune: rules out most positions at once
}

func newPhraseList(text string) *phraseList {
	l := &phraseList{first: map[[3]byte][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		_, w := utf8.DecodeRuneInString(line)
		if w != 3 {
			continue
		}
		k := [3]byte([]byte(line[:3]))
		l.first[k] = append(l.first[k], line)
		l.starts[line[2]] = true
	}
	for _, list := range l.first {
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	}
	return l
}

// at returns the length of the longest phrase at the start of b, 0 without one.
func (l *phraseList) at(b []byte) int {
	if len(b) < 6 || !l.starts[b[2]] {
		return 0
	}
	for _, p := range l.first[[3]byte(b)] {
		if len(b) >= len(p) && string(b[:len(p)]) == p {
			return len(p)
		}
	}
	return 0
}

// strip removes the phrases from b[at:].
func (l *phraseList) strip(b []byte, at int) []byte {
	w := at
	for r := at; r < len(b); {
		if b[r] < 0x80 {
			b[w] = b[r]
			r, w = r+1, w+1
			continue
		}
		if n := l.at(b[r:]); n > 0 {
			r += n
			continue
		}
		n := 3
		if b[r] < 0xe0 || b[r] >= 0xf0 {
			_, n = utf8.DecodeRune(b[r:])
		}
		w += copy(b[w:], b[r:r+n])
		r += n
	}
	return b[:w]
}
