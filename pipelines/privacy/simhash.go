package privacy

import (
	"math/bits"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// SimHash returns the 64-bit similarity hash of a text: texts that share most of their character trigrams differ in few
// bits. The text is normalised first: NFKC, lower case, only letters and digits; redaction marks 〔…〕 are left out. The
// value is stored, so its definition must not change. It is 0 for a text without a letter or digit.
func SimHash(text string) uint64 {
	var h simHasher
	return h.hash([]byte(text))
}

// simHasher counts the bits of trigram hashes in bit-sliced counters: 64 counters are 64 lanes of a few words, and eight
// hashes at a time are reduced by carry-save adders, as in fast population counts.
type simHasher struct {
	buf    []byte
	planes [32]uint64 // planes[k] holds bit k of all 64 counters
	n      int
	batch  [8]uint64
	top    int
}

func (h *simHasher) hash(b []byte) uint64 {
	h.n, h.top = 0, 0
	clear(h.planes[:])
	runes, a, c, ok := h.run(b)
	if !ok {
		// Outside plain Han and ASCII: normalise the whole text, then nothing is left that normalisation would change.
		h.buf = norm.NFKC.Append(h.buf[:0], b...)
		h.n, h.top = 0, 0
		clear(h.planes[:])
		runes, a, c = h.runNormalised(h.buf)
	}
	switch runes {
	case 0:
		return 0
	case 1, 2:
		return mix(a<<21 | c)
	}
	for k := range h.n & 7 {
		h.ripple(h.batch[k], 0)
	}
	return h.majority()
}

// run hashes a text of plain characters and reports false at the first one that needs normalisation.
func (h *simHasher) run(b []byte) (runes int, a, c uint64, ok bool) {
	for i := 0; i < len(b); {
		ch := b[i]
		var r uint64
		switch {
		case ch < 0x80:
			i++
			switch {
			case ch >= 'a' && ch <= 'z', ch >= '0' && ch <= '9':
				r = uint64(ch)
			case ch >= 'A' && ch <= 'Z':
				r = uint64(ch) + 32
			default:
				continue
			}
		case ch >= 0xe4 && ch <= 0xe9 && i+2 < len(b):
			r = uint64(ch&0x0f)<<12 | uint64(b[i+1]&0x3f)<<6 | uint64(b[i+2]&0x3f)
			i += 3
		case ch == 0xe3 && i+2 < len(b) && b[i+1] == 0x80: // U+3000 to U+303F: CJK punctuation
			if b[i+2] == 0x94 {
				if end := markEnd(b, i+3); end > 0 {
					i = end
					continue
				}
			}
			if b[i+2] == 0x87 {
				return runes, a, c, false
			}
			i += 3
			continue
		case ch == 0xef && i+2 < len(b) && b[i+1] == 0xbc && (b[i+2] <= 0x8f || b[i+2] >= 0x9a && b[i+2] <= 0xa0): // full-width punctuation
			i += 3
			continue
		default:
			return runes, a, c, false
		}
		if runes >= 2 {
			h.add(mix(a<<42 | c<<21 | r))
		}
		a, c = c, r
		runes++
	}
	return runes, a, c, true
}

func (h *simHasher) runNormalised(b []byte) (runes int, a, c uint64) {
	for i := 0; i < len(b); {
		r, w := utf8.DecodeRune(b[i:])
		if r == '〔' {
			if end := markEnd(b, i+w); end > 0 {
				i = end
				continue
			}
		}
		i += w
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			continue
		}
		v := uint64(unicode.ToLower(r))
		if runes >= 2 {
			h.add(mix(a<<42 | c<<21 | v))
		}
		a, c = c, v
		runes++
	}
	return runes, a, c
}

// markEnd returns the end of a redaction mark whose inside starts at p, or 0.
func markEnd(b []byte, p int) int {
	for k := p; k+2 < len(b) && k <= p+12; k += 3 {
		if b[k] == 0xe3 && b[k+1] == 0x80 && b[k+2] == 0x95 {
			return k + 3
		}
	}
	return 0
}

func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>29
}

func (h *simHasher) add(x uint64) {
	h.batch[h.n&7] = x
	h.n++
	if h.n&7 == 0 {
		h.reduce()
	}
}

// reduce adds eight hashes: seven carry-save adders leave one word each of weight 1, 2, 4 and 8.
func (h *simHasher) reduce() {
	v := &h.batch
	p := &h.planes
	t1, s1 := csa(p[0], v[0], v[1])
	t2, s2 := csa(s1, v[2], v[3])
	f1, u1 := csa(p[1], t1, t2)
	t1, s1 = csa(s2, v[4], v[5])
	t2, s2 = csa(s1, v[6], v[7])
	f2, u2 := csa(u1, t1, t2)
	e, w := csa(p[2], f1, f2)
	p[0], p[1], p[2] = s2, u2, w
	h.ripple(e, 3)
}

func csa(a, b, c uint64) (carry, sum uint64) {
	u := a ^ b
	return a&b | u&c, u ^ c
}

// ripple adds x with weight 1<<k.
func (h *simHasher) ripple(x uint64, k int) {
	for ; x != 0; k++ {
		h.planes[k], x = h.planes[k]^x, h.planes[k]&x
	}
	h.top = max(h.top, k)
}

// majority returns the lanes that count more than half of the hashes, comparing all lanes at once from the top bit.
func (h *simHasher) majority() uint64 {
	half := uint64(h.n / 2)
	above, equal := uint64(0), ^uint64(0)
	for k := max(bits.Len64(half), h.top, 3); k >= 0; k-- {
		if half>>k&1 == 1 {
			equal &= h.planes[k]
		} else {
			above |= equal & h.planes[k]
			equal &^= h.planes[k]
		}
	}
	return above
}
