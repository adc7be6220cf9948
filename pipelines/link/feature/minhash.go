package feature

import "math"

// Rows and bands of the copy detector. A pair whose sets have Jaccard similarity s shares a band with probability
// 1-(1-s^4)^16: 0.9998 at 0.8, 0.64 at 0.5, 0.12 at 0.3.
const (
	bandRows   = 4
	BandCount  = 16
	signatures = bandRows * BandCount
)

// Signature is a min-wise sketch of a set: the share of equal places of two signatures estimates the Jaccard similarity
// of the sets (Broder, "On the resemblance and containment of documents", 1997). It is computed with one permutation
// whose range is cut into bins (Li, Owen and Zhang, "One permutation hashing", NIPS 2012); an empty bin borrows from a bin
// that a second hash picks (Shrivastava, "Optimal densification for fast and accurate minwise hashing", ICML 2017).
type Signature [signatures]uint32

// MinHash sketches a set. ok is false for an empty set, which is similar to nothing.
func MinHash(set Set) (s Signature, ok bool) {
	if len(set) == 0 {
		return s, false
	}
	const empty = math.MaxUint32
	var bins Signature
	for i := range bins {
		bins[i] = empty
	}
	for _, x := range set {
		h := mix(uint64(x) + 0x9e3779b97f4a7c15)
		if b, v := h>>(64-6), uint32(h)>>1; v < bins[b] {
			bins[b] = v
		}
	}
	for i := range s {
		j := uint64(i)
		for t := uint64(1); bins[j] == empty; t++ {
			j = mix(uint64(i)<<32|t) % signatures
		}
		s[i] = bins[j]
	}
	return s, true
}

// Similarity estimates the Jaccard similarity of the two sketched sets; its standard error is at most 0.063.
func (s *Signature) Similarity(o *Signature) float64 {
	n := 0
	for i := range s {
		if s[i] == o[i] {
			n++
		}
	}
	return float64(n) / signatures
}

// AppendBands appends BandCount keys. Two records that share a key are candidates for being copies.
func (s *Signature) AppendBands(dst []uint64) []uint64 {
	for b := range BandCount {
		h := uint64(b) + 1
		for r := range bandRows {
			h = mix(h ^ uint64(s[b*bandRows+r])*0x9e3779b97f4a7c15)
		}
		dst = append(dst, h)
	}
	return dst
}
