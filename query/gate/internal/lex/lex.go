package lex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind of a token.
type Kind uint8

const (
	Space Kind = iota
	Comment
	String // '…', e'…', x'…', b'…', n'…', $tag$…$tag$
	Number // with whatever letters stand directly behind it
	Ident  // unquoted: a keyword or a name
	Quoted // "…"
	Param  // ?, $1, $name
	Op     // one character
	Semicolon
)

// Token is text[Start:End].
type Token struct {
	Kind       Kind
	Start, End int
}

// Tokens covers the whole text without gaps. It reports false when any byte is not understood, or when the engine could
// see a token boundary elsewhere; the tokens are then of no use.
func Tokens(text string) ([]Token, bool) {
	if !utf8.ValidString(text) {
		return nil, false
	}
	s := scanner{text: text, tokens: make([]Token, 0, len(text)/4+8)}
	for s.pos < len(text) {
		start := s.pos
		kind, ok := s.next()
		if !ok || s.pos <= start {
			return nil, false
		}
		s.tokens = append(s.tokens, Token{kind, start, s.pos})
	}
	// The engine makes foreign spaces plain before it scans, by an approximate idea of what is quoted. Together with
	// backslashes in strings the two views could part.
	if s.escapes && s.foreignSpace {
		return nil, false
	}
	return s.tokens, true
}

type scanner struct {
	text         string
	pos          int
	tokens       []Token
	escapes      bool // an e'…' was seen
	foreignSpace bool // a no-break or ideographic space was seen outside quotes
	lastEscape   bool // the last token that is neither space nor comment was an e'…'
}

func (s *scanner) next() (Kind, bool) {
	c := s.text[s.pos]
	if n := s.spaces(); n > 0 {
		s.pos += n
		return Space, true
	}
	rest := s.text[s.pos:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
			s.pos += i
		} else {
			s.pos = len(s.text)
		}
		return Comment, true
	case strings.HasPrefix(rest, "/*"):
		return Comment, s.blockComment()
	}
	afterEscape := s.lastEscape
	s.lastEscape = false
	switch {
	case c == '\'':
		// A string behind an e'…' and a line break continues it, escapes included.
		return String, !afterEscape && s.quoted('\'', false)
	case c == '"':
		return Quoted, s.quoted('"', false)
	case c == '$':
		return s.dollar()
	case c == '?':
		s.pos++
		return Param, true
	case c == ';':
		s.pos++
		return Semicolon, true
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return Number, s.number()
	case isIdentStart(c):
		return s.word()
	case strings.IndexByte("~!@#^&|`+-*/%<>=.,()[]{}:", c) >= 0:
		s.pos++
		return Op, true
	}
	return 0, false
}

// spaces is the length of the white space at the position.
func (s *scanner) spaces() int {
	n := 0
	for n < len(s.text)-s.pos {
		rest := s.text[s.pos+n:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			n++
		default:
			foreign := 0
			for _, space := range foreignSpaces() {
				if strings.HasPrefix(rest, space) {
					foreign = len(space)
				}
			}
			if foreign == 0 {
				return n
			}
			s.foreignSpace = true
			n += foreign
		}
	}
	return n
}

// foreignSpaces are the spaces beyond ASCII that are read as spaces: the no-break space, which text copied from a page
// has, and the ideographic one, which a Chinese keyboard makes. The engine knows more; a text with those is not understood.
func foreignSpaces() [2]string { return [2]string{"\u00a0", "\u3000"} }

// blockComment skips /* … */, which nests.
func (s *scanner) blockComment() bool {
	depth := 0
	for s.pos < len(s.text) {
		switch rest := s.text[s.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			s.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			s.pos += 2
			if depth == 0 {
				return true
			}
		default:
			s.pos++
		}
	}
	return false
}

// quoted skips from one quote to its end; a doubled quote stands for itself.
func (s *scanner) quoted(quote byte, escapes bool) bool {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '\\' && escapes:
			s.pos++
		case c != quote:
		case s.pos+1 < len(s.text) && s.text[s.pos+1] == quote:
			s.pos++
		default:
			s.pos++
			return true
		}
	}
	return false
}

// dollar is $1, $name or $tag$…$tag$.
func (s *scanner) dollar() (Kind, bool) {
	end := s.pos + 1
	for end < len(s.text) && isIdentPart(s.text[end]) && s.text[end] != '$' {
		end++
	}
	tag := s.text[s.pos+1 : end]
	if tag != "" && isDigit(tag[0]) {
		for end = s.pos + 1; isDigit(s.text[end]); {
			if end++; end == len(s.text) {
				break
			}
		}
		s.pos = end
		return Param, true
	}
	if end < len(s.text) && s.text[end] == '$' {
		delimiter := s.text[s.pos : end+1]
		i := strings.Index(s.text[end+1:], delimiter)
		if i < 0 {
			return 0, false
		}
		s.pos = end + 1 + i + len(delimiter)
		return String, true
	}
	s.pos = end
	return Param, tag != "" && plain(tag)
}

// number takes the letters behind it as well: the engine makes a name of them, which would be shown otherwise.
func (s *scanner) number() bool {
	letters := false
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c >= utf8.RuneSelf || !isIdentPart(c) && c != '.' {
			break
		}
		letters = letters || !isDigit(c) && c != '.'
		s.pos++
	}
	// 1e'…' is the number 1 and a string with escapes.
	return !letters || s.pos == len(s.text) || strings.IndexByte(`'"&$`, s.text[s.pos]) < 0
}

// word is a name, a keyword or a string with a letter before it.
func (s *scanner) word() (Kind, bool) {
	end := s.pos
	for end < len(s.text) && isIdentPart(s.text[end]) {
		end++
	}
	for _, space := range foreignSpaces() {
		if i := strings.Index(s.text[s.pos:end], space); i > 0 {
			end = s.pos + i
		}
	}
	name := s.text[s.pos:end]
	s.pos = end
	if end < len(s.text) {
		switch next := s.text[end]; {
		case next == '\'' && strings.EqualFold(name, "e"):
			s.escapes, s.lastEscape = true, true
			return String, s.quoted('\'', true)
		case next == '\'' && len(name) == 1 && strings.ContainsAny(name, "xXbBnN"):
			return String, s.quoted('\'', false)
		case next == '&' && strings.EqualFold(name, "u"):
			if rest := s.text[end+1:]; rest != "" && (rest[0] == '\'' || rest[0] == '"') {
				return 0, false // u&'…' and u&"…" have an escape character of the writer's choice
			}
		}
	}
	return Ident, plain(name)
}

// plain reports whether a name has no space-like, invisible or control character in it.
func plain(name string) bool {
	for _, r := range name {
		if r >= utf8.RuneSelf && (unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc, unicode.Z)) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isIdentStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }
