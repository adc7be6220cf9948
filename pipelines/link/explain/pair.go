package explain

// Lang is the language of words.
type Lang string

const (
	EN Lang = "en"
	ZH Lang = "zh"
)

// Pair is everything there is to say about one pair of records.
type Pair struct {
	A string `json:"a"` // ids, shown as they are
	B string `json:"b"`

	Prior       float64 `json:"prior_bits"` // log2 of the odds before anything is compared
	Steps       []Step  `json:"steps"`      // in the order of the comparisons
	Total       float64 `json:"total_bits"`
	Probability float64 `json:"probability"` // 0 to 1
	Rule        string  `json:"rule,omitempty"`
	Model       string  `json:"model,omitempty"`

	Certain []Evidence `json:"certain,omitempty"` // comes before any weight
	Class   string     `json:"class,omitempty"`   // point, address, object, person, ...
	Policy  string     `json:"policy,omitempty"`  // auto, review, never
	Band    Band       `json:"band"`
	Guards  []Guard    `json:"guards,omitempty"`
	Decided string     `json:"decided,omitempty"` // must_link or cannot_link, by a person

	SameIncident bool   `json:"same_incident"`
	Incident     string `json:"incident,omitempty"` // id, where the two are one
}

// Step is one comparison's part.
type Step struct {
	Name  string  `json:"name"` // of the comparison
	Level string  `json:"level"`
	EN    string  `json:"en"` // in plain words, such as "12 m apart"; never a value of a record
	ZH    string  `json:"zh"`
	Bits  float64 `json:"bits"`
	TF    float64 `json:"tf_bits"` // for a rare or a frequent value
	Null  bool    `json:"null,omitempty"`
}

// Evidence is a certain link between the two.
type Evidence struct {
	Type   string `json:"type"`   // followup_of, transferred_from, child_of, duplicate_of, repeat_contact
	Method string `json:"method"` // source_field, id_in_text, copy
	Code   string `json:"code"`   // parent_field, quoted_call_110, same_text, ...
}

// Band is what the weight alone says.
type Band string

const (
	BandLink   Band = "link"
	BandReview Band = "review"
	BandDrop   Band = "drop"
)

// Guard is one check of a merge: whether the whole of both clusters allows it.
type Guard struct {
	Name string  `json:"name"` // support, diameter, span, cannot_link, class
	OK   bool    `json:"ok"`
	Got  float64 `json:"got"`
	Max  float64 `json:"limit"`
	Unit string  `json:"unit"` // share, m, h, "" where Got and Max say nothing
}
