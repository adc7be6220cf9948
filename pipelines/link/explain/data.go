package explain

import "time"

// Report is the content of a page about one run. Empty parts are left out of the page.
type Report struct {
	Title   string    `json:"title"`
	TitleZH string    `json:"title_zh"`
	At      time.Time `json:"at"`
	Zone    *time.Location

	Figures    []Figure     `json:"figures"`     // the run in numbers
	Curve      []CurvePoint `json:"curve"`       // precision and recall over thresholds, by falling threshold
	Threshold  Thresholds   `json:"thresholds"`  // drawn into the curve
	Sizes      []Bar        `json:"sizes"`       // clusters by number of records
	Candidates []Bar        `json:"candidates"`  // pairs by blocking rule
	Certain    []Bar        `json:"certain"`     // links by evidence code
	Weights    []Comparison `json:"weights"`     // m and u of every level
	Pairs      []Pair       `json:"pairs"`       // some links, taken apart
	Refused    []Bar        `json:"refused"`     // merges by the guard that refused them
	Sources    []SourceRow  `json:"sources"`     // the wrong-source table
	Methods    []Method     `json:"methods"`     // results beside the baselines
	LowerBound bool         `json:"lower_bound"` // labels are incomplete: precision is a lower bound
	Notes      []Note       `json:"notes"`
}

// Figure is one number of the run.
type Figure struct {
	EN, ZH string
	Value  float64
	Unit   string // "", s, MiB, share, records, pairs
}

// CurvePoint is the result at one threshold.
type CurvePoint struct {
	Threshold float64 `json:"threshold"` // probability from which pairs are linked
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	Pairs     int64   `json:"pairs"`   // predicted
	Correct   int64   `json:"correct"` // of these
	Truth     int64   `json:"truth"`   // true pairs
}

// Thresholds are the limits between link, review and drop, as probabilities.
type Thresholds struct {
	Link   float64 `json:"link"`
	Review float64 `json:"review"`
}

// Bar is one bar of a chart. ZH is EN where it is empty.
type Bar struct {
	EN    string
	ZH    string
	Count int64
}

// Comparison holds the weights of one comparison.
type Comparison struct {
	EN     string
	ZH     string
	Levels []Level
}

// Level is one level of a comparison: its share among pairs of one thing and of different things.
type Level struct {
	EN   string
	ZH   string
	M, U float64
	Bits float64 // log2(M/U)
}

// SourceRow counts pairs of clustered records by the sources of the two.
type SourceRow struct {
	A, B    string // source ids
	Pairs   int64  // linked
	Correct int64  // of these, one thing
	Truth   int64  // pairs that are one thing
}

// Method is one line of the table of results.
type Method struct {
	EN, ZH                string
	Pairs, Correct, Truth int64
	Precision, Recall, F1 float64
	Largest               int
	Candidates            int64
	Seconds, PeakMiB      float64
}

// Note is a sentence below the figures.
type Note struct{ EN, ZH string }
