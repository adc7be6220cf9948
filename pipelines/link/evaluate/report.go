package evaluate

// Pairwise are the counts and rates of pairs of rows that are in one cluster.
type Pairwise struct {
	Pairs     int64   `json:"pairs"`       // predicted
	Truth     int64   `json:"truth_pairs"` // true
	Correct   int64   `json:"correct_pairs"`
	Precision float64 `json:"precision"` // 1 if nothing is predicted
	Recall    float64 `json:"recall"`    // 1 if nothing is true
	F1        float64 `json:"f1"`
	// LowerBound: labels are incomplete, so that pairs without a label count as wrong and the real precision is higher.
	LowerBound bool `json:"precision_is_lower_bound,omitempty"`
}

// B3 is B-cubed: per row, averaged over rows.
type B3 struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Bin is one bar of the histogram of cluster sizes.
type Bin struct {
	Size     int `json:"size"`
	Clusters int `json:"clusters"`
}

// RuleCount are the candidates of one blocking rule.
type RuleCount struct {
	Rule       string `json:"rule"`
	Candidates int64  `json:"candidates"`
}

// Report is the result of `link eval` for one clustering.
type Report struct {
	Name string `json:"name,omitempty"` // of the data set or method
	Rows int    `json:"rows"`
	Pairwise
	B3               B3          `json:"b3"`
	Clusters         int         `json:"clusters"`
	LargestCluster   int         `json:"largest_cluster"`
	LargestTrue      int         `json:"largest_true_cluster,omitempty"`
	Sizes            []Bin       `json:"sizes,omitempty"`
	Candidates       int64       `json:"candidates"`
	CandidatesByRule []RuleCount `json:"candidates_by_rule,omitempty"`
	Seconds          float64     `json:"seconds"`
	PeakRSSMiB       float64     `json:"peak_rss_mib"`
}
