package score

import (
	"slices"
	"unicode/utf8"
)

// letters is a text as characters: bytes where all are ASCII, else runes. Distances are counted in characters, never in
// the bytes of UTF-8, where one Chinese character would count three times.
type letters interface{ ~byte | ~rune }

// scratch is memory that distances reuse.
type scratch struct {
	ra, rb []rune
	used   []bool
	rows   [3][]int
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func runes(dst []rune, b []byte) []rune {
	for i := 0; i < len(b); {
		r, w := utf8.DecodeRune(b[i:])
		dst = append(dst, r)
		i += w
	}
	return dst
}

// ordered puts two texts into an order that does not depend on which record came first: Jaro matches greedily from its
// first argument and is not quite symmetric.
func ordered(a, b []byte) ([]byte, []byte) {
	if len(a) > len(b) || len(a) == len(b) && string(a) > string(b) {
		return b, a
	}
	return a, b
}

// jaro is the Jaro similarity (Jaro, Advances in Record-Linkage Methodology, JASA 1989) and the length of the common
// prefix, up to 4.
func (s *scratch) jaro(a, b []byte) (sim float64, prefix int) {
	a, b = ordered(a, b)
	if ascii(a) && ascii(b) {
		return jaro(s, a, b)
	}
	s.ra, s.rb = runes(s.ra[:0], a), runes(s.rb[:0], b)
	return jaro(s, s.ra, s.rb)
}

func jaro[T letters](s *scratch, a, b []T) (float64, int) {
	if len(a) == 0 || len(b) == 0 {
		return 0, 0
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	window := max(len(b)/2-1, 0)
	n := len(a) + len(b)
	s.used = append(s.used[:0], make([]bool, n)...)
	inA, inB := s.used[:len(a)], s.used[len(a):]
	common := 0
	for i, c := range a {
		for j := max(0, i-window); j < min(len(b), i+window+1); j++ {
			if !inB[j] && b[j] == c {
				inA[i], inB[j] = true, true
				common++
				break
			}
		}
	}
	prefix := 0
	for prefix < min(4, len(a)) && a[prefix] == b[prefix] {
		prefix++
	}
	if common == 0 {
		return 0, prefix
	}
	half, j := 0, 0
	for i, c := range a {
		if !inA[i] {
			continue
		}
		for !inB[j] {
			j++
		}
		if b[j] != c {
			half++
		}
		j++
	}
	m := float64(common)
	return (m/float64(len(a)) + m/float64(len(b)) + (m-float64(half/2))/m) / 3, prefix
}

// jaroWinkler adds a tenth of what is missing for every equal character at the start, up to four (Winkler, String
// Comparator Metrics and Enhanced Decision Rules, 1990), where the similarity is above 0.7 as in Winkler's own code.
func (s *scratch) jaroWinkler(a, b []byte) float64 {
	sim, prefix := s.jaro(a, b)
	if sim > 0.7 {
		sim += 0.1 * float64(prefix) * (1 - sim)
	}
	return sim
}

// edits is the edit distance up to most; more than most is most+1. With swaps, two neighbours in the other order are one
// edit (optimal string alignment: no part is edited twice).
func (s *scratch) edits(a, b []byte, most int, swaps bool) int {
	a, b = ordered(a, b)
	if ascii(a) && ascii(b) {
		return edits(s, a, b, most, swaps)
	}
	s.ra, s.rb = runes(s.ra[:0], a), runes(s.rb[:0], b)
	return edits(s, s.ra, s.rb, most, swaps)
}

func edits[T letters](s *scratch, a, b []T, most int, swaps bool) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	for k := range s.rows {
		s.rows[k] = slices.Grow(s.rows[k][:0], len(b)+1)[:len(b)+1]
	}
	before, last, now := s.rows[0], s.rows[1], s.rows[2]
	for j := range last {
		last[j] = j
	}
	for i := range a {
		now[0] = i + 1
		best := now[0]
		for j := range b {
			v := last[j]
			if a[i] != b[j] {
				v = min(last[j], last[j+1], now[j]) + 1
				if swaps && i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
					v = min(v, before[j-1]+1)
				}
			}
			now[j+1] = v
			best = min(best, v)
		}
		if best > most {
			return most + 1
		}
		before, last, now = last, now, before
	}
	return min(last[len(b)], most+1)
}

// samePrefix reports whether the first n characters are equal; texts with fewer must be equal.
func samePrefix(a, b []byte, n int) bool {
	for i, j := 0, 0; n > 0; n-- {
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		ra, wa := utf8.DecodeRune(a[i:])
		rb, wb := utf8.DecodeRune(b[j:])
		if ra != rb {
			return false
		}
		i, j = i+wa, j+wb
	}
	return true
}

// realDate reports whether y*10000 + m*100 + d is in the calendar, and its day number since 1970 (proleptic Gregorian;
// Hinnant, chrono-Compatible Low-Level Date Algorithms).
func realDate(v int32) (days int, ok bool) {
	y, m, d := int(v/10000), int(v/100%100), int(v%100)
	if m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, false
	}
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468, true
}

func monthDays(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// swapDayMonth is the date with day and month in the other order.
func swapDayMonth(v int32) int32 { return v/10000*10000 + v%100*100 + v/100%100 }

// dateDigits counts the digits of two dates that differ; two neighbours in the other order count as one.
func dateDigits(a, b int32) int {
	var da, db [8]byte
	for i := 7; i >= 0; i-- {
		da[i], db[i] = byte(a%10), byte(b%10)
		a, b = a/10, b/10
	}
	n := 0
	for i := 0; i < 8; i++ {
		if da[i] == db[i] {
			continue
		}
		n++
		if i < 7 && da[i] == db[i+1] && da[i+1] == db[i] {
			i++
		}
	}
	return n
}
