package block

import "math"

// NoOrder is the Order of a row whose time is unknown. No time limit applies to its pairs: what is unknown excludes nothing.
const NoOrder = math.MinInt64

// Defaults of Input.Window, Input.Representatives and Rule.Cap.
const (
	DefaultWindow          = 12
	DefaultRepresentatives = 4
	DefaultCap             = 200
)

// Pair is a candidate: two different rows, the older one (by Order, then ID) first, and the rule that found it.
type Pair struct {
	A, B int32
	Rule uint8 // index of Input.Rules
}

// Keys are the keys of all rows: those of row i are Hashes[Offsets[i]:Offsets[i+1]]. A row without a key is not in the rule;
// a key twice counts once.
type Keys struct {
	Offsets []uint32 // length n+1, never falling
	Hashes  []uint64
}

// Rule says which rows are compared. With Keys alone: rows that share a key. With Radius alone: rows at most Radius metres
// apart. With both: rows that share a key and are at most Radius apart.
type Rule struct {
	Name string

	// Keys is called once, when the rule is prepared; what it returns is not kept, so that only one rule's hashes need to
	// be in memory. nil = no keys (Radius must be set).
	Keys func() (Keys, error)
	// Radius in metres; 0 = place does not count. A row without a position is not in the rule.
	Radius float64
	// Within is the largest difference of Order of a pair, in its unit; 0 = no limit.
	Within int64
	// Accept is asked for pairs that passed everything else, the older row first; nil = all.
	Accept func(older, newer int32) bool

	// Cap is the number of partners above which a row is not compared with its whole block; 0 = DefaultCap.
	Cap int
	// MaxFrequency is the number of rows above which a key is a placeholder and ignored; 0 = no key is. With a Radius it
	// counts the rows of one cell (and key).
	MaxFrequency int
}

// Input are the rows and rules of one call.
type Input struct {
	Rows  int
	Rules []Rule // at most 255

	Order []int64   // per row, for example µs since 1970; nil = no order, NoOrder = unknown
	ID    []uint64  // per row, a hash of the record's identity; breaks ties; nil = row number
	X, Y  []float64 // metres in a plane, NaN = unknown; only rules with a Radius read them

	// New limits the pairs to those with at least one new row (incremental runs); nil = all pairs.
	New func(row int32) bool
	// Known returns the representatives of the known cluster that the row is in, or nothing; nil = no clusters known.
	Known func(row int32) []int32

	Window          int // next rows in time for a row in a crowded block; 0 = DefaultWindow
	Representatives int // per crowded stretch of a block; 0 = DefaultRepresentatives
}

// Stats are the counts of one call.
type Stats struct {
	Rows       int         `json:"rows"`
	Candidates int64       `json:"candidates"`
	Rules      []RuleStats `json:"rules"`
}

// RuleStats are the counts of one rule. Candidates of all rules add up to Stats.Candidates.
type RuleStats struct {
	Rule         string `json:"rule"`
	Candidates   int64  `json:"candidates"`    // pairs that this rule was the first to find
	Blocks       int    `json:"blocks"`        // with at least two rows; cells for a rule with a Radius
	CappedBlocks int    `json:"capped_blocks"` // of these, with at least one row above the cap
	CappedRows   int64  `json:"capped_rows"`   // (row, block) above the cap
	LargestBlock int    `json:"largest_block"` // rows
	IgnoredKeys  int    `json:"ignored_keys"`  // placeholders
	IgnoredRows  int64  `json:"ignored_rows"`  // (row, key) of placeholders
}
