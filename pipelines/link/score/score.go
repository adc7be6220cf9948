package score

import "math"

// Pattern is the levels of all comparisons of a pair, packed: see Program.Level. 0 in a place is null.
type Pattern uint64

// Score is the result for one pair.
type Score struct {
	Bits    float64 // log2 of the posterior odds: prior, level weights and term-frequency adjustments
	Pattern Pattern
}

// Probability of a match weight in bits: 1/(1+2^-bits).
func Probability(bits float64) float64 { return 1 / (1 + math.Exp2(-bits)) }

// Bits of a probability: its log2 odds.
func Bits(p float64) float64 { return math.Log2(p / (1 - p)) }

// Part is one comparison's share of a score.
type Part struct {
	Comparison string
	Level      string  // the level's condition, as in jaro_winkler >= 0.92; null, or else
	Index      int     // of the level from 1; 0 is null
	Bits       float64 // log2(m/u)
	TF         float64 // term-frequency adjustment in bits, 0 without
	EN, ZH     string  // in plain words, with the measured value where that is no record value
}

// Explanation is a score taken apart. Prior and the bits of the parts add up to Bits.
type Explanation struct {
	Prior       float64
	Parts       []Part
	Bits        float64
	Probability float64
}
