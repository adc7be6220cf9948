package feature

import "slices"

// Set is a sorted set of hashes without duplicates.
type Set = []uint32

// Common is the number of elements that two sorted sets share.
func Common(a, b Set) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n++
			i++
			j++
		}
	}
	return n
}

// Jaccard is the share of common elements in two sorted sets, 0 to 1. Two empty sets have nothing in common: 0.
func Jaccard(a, b Set) float64 {
	n := Common(a, b)
	if all := len(a) + len(b) - n; all > 0 {
		return float64(n) / float64(all)
	}
	return 0
}

// unique sorts dst from position at on and removes duplicates there.
func unique(dst Set, at int) Set {
	slices.Sort(dst[at:])
	return dst[:at+len(slices.Compact(dst[at:]))]
}

// mix spreads 64 bits (the finaliser of SplitMix64: Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
