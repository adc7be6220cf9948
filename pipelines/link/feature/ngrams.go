package feature

import (
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// MaxGrams bounds the set of one text, so that a message as long as a book costs no more than a long message.
const MaxGrams = 4096

// Ngrams returns the set of hashed n-grams of runes of a normalised text, for n from 1 to 8. A text shorter than n is one
// gram of its own. At most the first MaxGrams grams count.
func Ngrams(normal string, n int) Set { return AppendNgrams(nil, []byte(normal), n) }

// AppendNgrams appends the set to dst, sorted and unique among themselves.
func AppendNgrams(dst Set, normal []byte, n int) Set {
	n = min(max(n, 1), 8)
	at, runes := len(dst), 0
	var ring [8]uint64
	for i := 0; i < len(normal) && len(dst)-at < MaxGrams; {
		r, w := rune(normal[i]), 1
		switch {
		case r < 0x80:
		case r >= 0xe4 && r <= 0xe9 && i+2 < len(normal): // normal is valid UTF-8
			r, w = (r&0x0f)<<12|rune(normal[i+1]&0x3f)<<6|rune(normal[i+2]&0x3f), 3
		default:
			r, w = utf8.DecodeRune(normal[i:])
		}
		i += w
		ring[runes&7] = uint64(r)
		runes++
		if runes >= n {
			dst = append(dst, gram(&ring, runes, n))
		}
	}
	if runes > 0 && runes < n {
		dst = append(dst, gram(&ring, runes, runes))
	}
	return unique(dst, at)
}

// gram hashes the last n runes of the ring.
func gram(ring *[8]uint64, runes, n int) uint32 {
	h := uint64(n)
	for k := runes - n; k < runes; k++ {
		h = h*0x9e3779b97f4a7c15 + ring[k&7] + 1
	}
	return uint32(mix(h) >> 32)
}

// Words returns the set of hashed Latin words and numbers of a normalised text. Chinese runs give none.
func Words(normal string) Set { return AppendWords(nil, []byte(normal)) }

// AppendWords appends the set to dst, sorted and unique among themselves.
func AppendWords(dst Set, normal []byte) Set {
	at, start := len(dst), -1
	for i := 0; i <= len(normal) && len(dst)-at < MaxGrams; i++ {
		switch latin := i < len(normal) && normal[i] < 0x80 && normal[i] != ' '; {
		case latin && start < 0:
			start = i
		case !latin && start >= 0:
			dst = append(dst, uint32(xxhash.Sum64(normal[start:i])))
			start = -1
		}
	}
	return unique(dst, at)
}

// CopyKey identifies a normalised text: two records with the same key and length hold the same words in the same order.
// runes is the length, so that a caller can ask for a minimum; the key of an empty text is 0.
func CopyKey(normal string) (key uint64, runes int) { return copyKey([]byte(normal)) }

func copyKey(normal []byte) (key uint64, runes int) {
	if len(normal) == 0 {
		return 0, 0
	}
	return xxhash.Sum64(normal), utf8.RuneCount(normal)
}
