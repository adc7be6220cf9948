package score

import (
	"math/bits"
	"unicode/utf8"

	"onegrid/pipelines/link/table"
)

// signature is a text in 16 bytes: which characters stand in it, spread over 64 bits, and how many. It bounds how alike
// two texts can be, so that most pairs of different values need no comparison at all.
type signature struct {
	chars uint64
	n     int32
}

// signatures of all values of a column, by code.
func signatures(c *table.Text) []signature {
	d := c.Dict()
	out := make([]signature, d.Len()+1)
	for code := 1; code < len(out); code++ {
		s := &out[code]
		for b := d.Bytes(uint32(code)); len(b) > 0; s.n++ {
			r, w := rune(b[0]), 1
			if r >= utf8.RuneSelf {
				r, w = utf8.DecodeRune(b)
			}
			s.chars |= 1 << (uint32(r) & 63)
			b = b[w:]
		}
	}
	return out
}

// common is at least the number of characters that two texts can share.
func (s signature) common(o signature) int {
	return min(int(s.n)-bits.OnesCount64(s.chars&^o.chars), int(o.n)-bits.OnesCount64(o.chars&^s.chars))
}

// jaro is at least the Jaro similarity; with winkler at least that of Jaro-Winkler.
func (s signature) jaro(o signature, winkler bool) float64 {
	m := float64(s.common(o))
	if m <= 0 {
		return 0
	}
	j := (m/float64(s.n) + m/float64(o.n) + 1) / 3
	if winkler && j > 0.7 {
		j += 0.4 * (1 - j)
	}
	return j
}

// edits is at most the edit distance, with or without swaps: an edit brings or takes one character of each text.
func (s signature) edits(o signature) int {
	return max(bits.OnesCount64(s.chars&^o.chars), bits.OnesCount64(o.chars&^s.chars), int(s.n-o.n), int(o.n-s.n))
}
