package feature

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

var (
	//go:embed suffixes.txt
	suffixList string
	//go:embed leads.txt
	leadList string
	//go:embed generic.txt
	genericList string
)

// lexicon holds the word lists in the form that the scanner needs. It is immutable.
type lexicon struct {
	suffixes map[rune][]suffix // by first rune, longest first
	leads    map[rune][]lead   // by first rune, longest first
	class    [8192]byte        // one bit per first rune of a suffix
	leadBits [8192]byte        // the same of lead words
	generic  map[string]bool   // suffix + "\x00" + words before it
}

type suffix struct {
	text     string
	runes    []rune
	kind     PlaceKind
	min, max int
	weak     bool
	as       []rune // written with this instead
	not      []rune // runes that must not follow
}

type lead struct {
	runes []rune
	weak  leadKind
}

// leadKind says when a lead word counts.
type leadKind uint8

const (
	leadAlways leadKind = iota
	leadBrand           // if a name is left after it
	leadWeak            // the same, and not where the text begins a name
)

// words returns the lexicon, made when first asked for.
var words = sync.OnceValue(func() *lexicon { return newLexicon(suffixList, leadList, genericList) })

func newLexicon(suffixes, leads, generic string) *lexicon {
	l := &lexicon{suffixes: map[rune][]suffix{}, leads: map[rune][]lead{}, generic: map[string]bool{}}
	kinds := map[string]PlaceKind{"division": PlaceDivision, "town": PlaceTown, "community": PlaceCommunity, "road": PlaceRoad,
		"estate": PlaceEstate, "landmark": PlaceLandmark}
	for f := range lines(suffixes) {
		s := suffix{text: f[1], runes: []rune(f[1]), kind: kinds[f[0]], as: []rune(f[1])}
		s.min, _ = strconv.Atoi(f[2]) // the shipped list is tested
		s.max, _ = strconv.Atoi(f[3])
		for _, o := range f[4:] {
			switch {
			case o == "weak":
				s.weak = true
			case strings.HasPrefix(o, "as="):
				s.as = []rune(o[3:])
			case strings.HasPrefix(o, "not="):
				s.not = []rune(o[4:])
			}
		}
		c := s.runes[0]
		l.suffixes[c] = append(l.suffixes[c], s)
		l.class[uint16(c)>>3] |= 1 << (c & 7)
	}
	for f := range lines(leads) {
		for _, w := range f {
			weak := leadAlways
			switch w[0] {
			case '~':
				w, weak = w[1:], leadWeak
			case '+':
				w, weak = w[1:], leadBrand
			}
			r := []rune(w)
			l.leads[r[0]] = append(l.leads[r[0]], lead{r, weak})
			l.leadBits[uint16(r[0])>>3] |= 1 << (r[0] & 7)
		}
	}
	for f := range lines(generic) {
		for _, w := range f[1:] {
			l.generic[f[0]+"\x00"+w] = true
		}
	}
	for _, list := range l.suffixes {
		slices.SortStableFunc(list, func(a, b suffix) int { return len(b.runes) - len(a.runes) })
	}
	for _, list := range l.leads {
		slices.SortStableFunc(list, func(a, b lead) int { return len(b.runes) - len(a.runes) })
	}
	return l
}

// lines yields the fields of every line that is no comment.
func lines(text string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
				if !yield(f) {
					return
				}
			}
		}
	}
}

func bit(set *[8192]byte, r rune) bool {
	return r < 0x10000 && set[uint16(r)>>3]&(1<<(r&7)) != 0
}

// suffixAt returns the suffixes that stand at the start of r, longest first.
func (l *lexicon) suffixAt(r []rune) []suffix {
	if !bit(&l.class, r[0]) {
		return nil
	}
	return l.suffixes[r[0]]
}

// leadAt returns the longest lead word at the start of r.
func (l *lexicon) leadAt(r []rune) (n int, kind leadKind) {
	if !bit(&l.leadBits, r[0]) {
		return 0, 0
	}
	for i := range l.leads[r[0]] {
		w := &l.leads[r[0]][i]
		if has(r, w.runes) {
			return len(w.runes), w.weak
		}
	}
	return 0, 0
}

// isGeneric reports whether the words before a suffix make no name of it: 菜市场, 水泥路, 老旧小区. The end of a longer core
// counts where it has two runes, or where the core is so long that its beginning is another word.
func (l *lexicon) isGeneric(core []rune, s *suffix) bool {
	var buf [64]byte
	for n := 1; n <= min(len(core), 4); n++ {
		if n == 1 && len(core) != 1 && len(core) < 4 {
			continue
		}
		tail := core[len(core)-n:]
		if b := appendKey(buf[:0], s.text, tail); l.generic[string(b)] {
			return true
		}
		if n == len(core) {
			b := appendKey(buf[:0], "*", tail)
			return l.generic[string(b)]
		}
	}
	return false
}

func appendKey(b []byte, head string, core []rune) []byte {
	b = append(append(b, head...), 0)
	for _, r := range core {
		b = utf8.AppendRune(b, r)
	}
	return b
}

func has(r, prefix []rune) bool {
	return len(r) >= len(prefix) && slices.Equal(r[:len(prefix)], prefix)
}
