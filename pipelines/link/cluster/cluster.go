package cluster

// Kind says where a pair comes from.
type Kind uint8

// The kinds, weakest first.
const (
	Probable Kind = iota // weighed
	Certain              // by rule from the content: the same text from the same contact, ...
	Given                // by the source: a parent field, a quoted ticket number, a transfer
)

// Edge is a pair of different rows with evidence that they are the same. A pair may occur several times.
type Edge struct {
	A, B   int32
	Weight float64 // bits; not NaN; for Given and Certain only an order among themselves
	Kind   Kind
}

// Mode is what a class of rows allows.
type Mode uint8

// The modes, the mildest first.
const (
	Auto   Mode = iota // joined when weight and guards allow
	Review             // probable pairs always go to a person; certain ones are joined
	Never              // never joined by the program
)

// Policy are the rules of a class of rows. Between two classes the stricter value of each field holds.
type Policy struct {
	Class       string
	Mode        Mode
	FollowGiven bool // Mode Never: links given by the source are followed all the same

	Link   float64 // bits from which a probable pair may join
	Review float64 // bits from which it is shown to a person

	Support     float64 // share of cross pairs that must support a merge, 0 to 1
	SupportBits float64 // weight from which a cross pair supports
	Diameter    float64 // metres between the two farthest rows of a cluster; 0 = no limit
	Span        int64   // between the first and the last row of a cluster, in the unit of Time; 0 = no limit
	Alarm       int     // rows from which a cluster is reported; 0 = never
}

// Decision is a person's word about two rows. It outlives every run.
type Decision struct {
	A, B int32
	Must bool  // else: cannot
	At   int64 // when it was made; of several on the same pair the newest counts
}

// NoTime is the Time of a row whose time is unknown.
const NoTime = -1 << 63

// Input are the rows and the evidence of one call.
type Input struct {
	Rows      int
	Edges     []Edge
	Decisions []Decision

	Policies []Policy // at least one
	Class    []uint8  // per row, index of Policies; nil = all 0

	// Weight returns the weight in bits of any two rows, also of pairs that are no edge; it must be symmetric. It is
	// asked at most MaxSamples times for each merge that is considered.
	Weight func(a, b int32) float64

	X, Y []float64 // metres, NaN = unknown; nil = no places
	Time []int64   // NoTime = unknown; nil = no times
	// Loose marks rows whose own place and time say nothing about the incident's (follow-ups, transfers): diameter,
	// span and support leave them out. nil = none.
	Loose func(row int32) bool

	ID []uint64 // per row, a hash of the record's identity, each different; nil = row number
}

// MaxSamples is the number of cross pairs after which the support of a merge is taken from a sample.
const MaxSamples = 64

// Verdict is what became of an edge or a decision.
type Verdict uint8

// The verdicts.
const (
	Below           Verdict = iota // weight below review
	ForReview                      // in the band between review and link, not joined otherwise
	Joined                         // joined two clusters
	Inside                         // both rows are in one cluster, by other edges
	RefusedClass                   // strong enough, but the class leaves it to a person
	RefusedCannot                  // a person said no, about these or about rows already joined with them
	RefusedSupport                 // too few of the cross pairs agree
	RefusedDiameter                // the cluster would be too wide
	RefusedSpan                    // the cluster would last too long
	Apart                          // a cannot-link that holds (decisions only)
	Overruled                      // a newer decision about the same pair counts (decisions only)
	verdicts
)

// Result are the clusters of one call.
type Result struct {
	Cluster  []int32   // per row; numbered from 0 by first row
	Clusters int       // how many
	Edges    []Verdict // per edge
	Decided  []Verdict // per decision: Joined, Inside, Apart, Overruled, or RefusedCannot for a must-link that contradicts
	Alarms   []Alarm   // largest first
	Stats    Stats
}

// Alarm is a cluster of at least the size that its class reports.
type Alarm struct {
	Cluster int32 `json:"cluster"`
	Rows    int   `json:"rows"`
}

// Stats are the counts of one call.
type Stats struct {
	Edges      map[string]int64 `json:"edges"` // by Verdict
	Components int              `json:"components"`
	Largest    int              `json:"largest_cluster"`
	Weighed    int64            `json:"weighed"` // calls of Input.Weight
}
