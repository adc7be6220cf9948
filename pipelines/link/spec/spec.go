package spec

import "time"

// Spec is a linkage mapping file. The keys are described in docs/link-mapping.md.
type Spec struct {
	Version int    `yaml:"version"`
	Doc     string `yaml:"doc"`
	DocZH   string `yaml:"doc_zh"`
	ID      string `yaml:"id"`     // source column with the record's number
	Source  string `yaml:"source"` // source column that names where the record comes from; optional
	Truth   *Truth `yaml:"truth"`
	Zone    string `yaml:"zone"` // of times that carry none; Asia/Shanghai unless written

	Drop         []Filter           `yaml:"drop"`
	Aliases      map[string]Alias   `yaml:"aliases"`
	Columns      map[string]*Column `yaml:"columns"`
	Placeholders []Placeholder      `yaml:"placeholders"`

	Comparisons []*Comparison `yaml:"comparisons"`
	Blocking    []*Rule       `yaml:"blocking"`
	Certain     []*Certain    `yaml:"certain"`
	Classes     *Classes      `yaml:"classes"`
	Bands       Bands         `yaml:"bands"`
	Cluster     Cluster       `yaml:"cluster"`
	Train       Train         `yaml:"train"`

	lines map[string]int // line of every dotted path of the file
	name  string         // of the file, for messages
}

// Truth says which records are one, for evaluation only: it is never a feature.
type Truth struct {
	Column string `yaml:"column"`
	Regexp string `yaml:"regexp"` // its group, or the whole match, is the cluster; "" takes the value
	Parent bool   `yaml:"parent"` // the column holds the number of another record instead of a cluster
}

// Filter drops records.
type Filter struct {
	Column string `yaml:"column"`
	In     Names  `yaml:"in"`
	NotIn  Names  `yaml:"not_in"`
	Empty  bool   `yaml:"empty"`
}

// Alias is a table of texts that stand for another: nicknames, abbreviations, old names.
type Alias struct {
	File   string            `yaml:"file"`   // CSV without header: text, what it stands for; relative to the mapping file
	Inline map[string]string `yaml:"inline"` // the same in place
}

// Column is one derived column.
type Column struct {
	From   Names   `yaml:"from"`   // source column; of several, the first with a value
	Of     string  `yaml:"of"`     // another derived text column
	Concat Names   `yaml:"concat"` // source columns put together
	Sep    *string `yaml:"sep"`
	Lon    string  `yaml:"lon"` // source columns of a point in degrees
	Lat    string  `yaml:"lat"`
	X      string  `yaml:"x"` // source columns of a point in a plane
	Y      string  `yaml:"y"`
	Unit   string  `yaml:"unit"` // of x and y: m, km, ft, us_ft

	Clean   []Step `yaml:"clean"`
	NullIf  Names  `yaml:"null_if"`
	As      string `yaml:"as"`      // text unless written
	Layouts Names  `yaml:"layouts"` // of dates and times
	Zone    string `yaml:"zone"`
	N       int    `yaml:"n"`     // of ngrams
	Max     int    `yaml:"max"`   // tokens kept of a set: those with the smallest hashes
	Range   *Range `yaml:"range"` // of a number; outside it is null
	Split   string `yaml:"split"` // of set: separator
}

// Placeholder nulls values that stand in too many records to mean anything.
type Placeholder struct {
	Columns Names   `yaml:"columns"`
	Share   float64 `yaml:"share"` // of the records that have a value
	Min     int     `yaml:"min"`   // and at least so many records
}

// Comparison turns a pair of records into one level.
type Comparison struct {
	Name    string   `yaml:"name"`
	Label   string   `yaml:"label"`    // in words; the name unless written
	LabelZH string   `yaml:"label_zh"` // the same in Chinese
	Columns Names    `yaml:"columns"`
	Levels  []*Level `yaml:"levels"` // the first that holds counts; the last is else
}

// Level is one outcome of a comparison: a condition and what may be said about it before any data is seen.
type Level struct {
	Test
	Label   string   `yaml:"label"`
	LabelZH string   `yaml:"label_zh"`
	TF      Weight   `yaml:"tf"` // weight of the term-frequency adjustment: 0 none, 1 full
	M       *float64 `yaml:"m"`  // prior share of this level among matching pairs
	U       *float64 `yaml:"u"`  // prior share among pairs of different things
}

// Test is one condition on a pair. Exactly one of the conditions is set.
type Test struct {
	On string `yaml:"on"` // column of the comparison, the first unless written

	Exact       bool     `yaml:"exact"`
	JaroWinkler float64  `yaml:"jaro_winkler"`        // at least
	Jaro        float64  `yaml:"jaro"`                // at least
	Levenshtein int      `yaml:"levenshtein"`         // at most
	Damerau     int      `yaml:"damerau_levenshtein"` // at most
	Prefix      int      `yaml:"prefix"`              // first characters equal
	Contains    int      `yaml:"contains"`            // the shorter text, of at least so many characters, is part of the longer
	Jaccard     float64  `yaml:"jaccard"`             // of sets, at least
	Cosine      float64  `yaml:"cosine"`              // of sets, weighted by rarity, at least
	Shared      int      `yaml:"shared"`              // tokens in common, at least
	SharedToken *Shared  `yaml:"shared_token"`        // a token in common that is rare
	Diff        *float64 `yaml:"diff"`                // of numbers, at most
	Percent     float64  `yaml:"percent"`             // of numbers, at most, of the larger
	Days        *int     `yaml:"days"`                // of dates, at most
	DayMonth    bool     `yaml:"day_month_swapped"`
	DateDigits  int      `yaml:"date_digits"` // digits of two dates that differ, at most
	Lag         Duration `yaml:"lag"`         // of times, at most
	Metres      *float64 `yaml:"metres"`      // of points, at most
	Swapped     bool     `yaml:"swapped"`     // the first two columns hold each other's values
	Open        *Open    `yaml:"open"`        // the older record was open when the newer began
	All         []*Test  `yaml:"all"`
	Any         []*Test  `yaml:"any"`
	Else        bool     `yaml:"else"`
}

// Shared asks for one token that at most DF records hold.
type Shared struct {
	DF int `yaml:"df"`
}

// Open asks whether the older of two records was still open, or closed less than Grace ago, when the newer began.
type Open struct {
	Began  string   `yaml:"began"`  // time column
	Closed string   `yaml:"closed"` // time column; null is open
	Grace  Duration `yaml:"grace"`
}

// Rule is one blocking rule: records that agree in all keys are compared.
type Rule struct {
	Name      string  `yaml:"name"`
	Keys      []Key   `yaml:"keys"`
	Cap       int     `yaml:"cap"` // members of a block above which it is not taken as a whole; 200 unless written
	Near      *Near   `yaml:"near"`
	Within    *Within `yaml:"within"`
	WhileOpen *Open   `yaml:"while_open"`
	NoTrain   bool    `yaml:"no_train"` // m is not estimated on this rule's pairs
}

// Key is one part of a block's key. Of a set column every token is a key of its own.
type Key struct {
	Column string `yaml:"column"`
	Prefix int    `yaml:"prefix"` // first characters of a text
	Part   string `yaml:"part"`   // of a date or time: year, month, day (of the month), date
	DF     int    `yaml:"df"`     // of a set: only tokens that at most so many records hold
}

// Near joins a rule's records by distance.
type Near struct {
	Point  string  `yaml:"point"`
	Metres float64 `yaml:"metres"`
}

// Within joins a rule's records by time.
type Within struct {
	Time string   `yaml:"time"`
	Lag  Duration `yaml:"lag"`
}

// Certain is a link that is known, not estimated. Exactly one of Parent, Quoted and Same is set.
type Certain struct {
	Type       string  `yaml:"type"`        // child_of, followup_of, transferred_from, duplicate_of, repeat_contact
	Parent     string  `yaml:"parent"`      // text column with the number of another record
	Quoted     string  `yaml:"quoted"`      // set column with numbers of other records
	Same       Names   `yaml:"same"`        // columns that are all equal and present
	MinLength  int     `yaml:"min_length"`  // of the first column of same, in characters
	Within     *Within `yaml:"within"`      // how far apart
	SameSource bool    `yaml:"same_source"` // both records come from the same source
}

// Classes says what kind of thing a record is about and what may be done with it.
type Classes struct {
	Column  string             `yaml:"column"`
	Default string             `yaml:"default"`
	Map     []ClassRule        `yaml:"map"`    // the first that fits counts
	Policy  map[string]*Policy `yaml:"policy"` // per class
}

// ClassRule gives values of the class column a class.
type ClassRule struct {
	Class  string `yaml:"class"`
	Exact  Names  `yaml:"exact"`
	Prefix Names  `yaml:"prefix"`
}

// Policy is what may be done with records of a class.
type Policy struct {
	Mode          string   `yaml:"mode"`         // auto, review, never
	FollowGiven   bool     `yaml:"follow_given"` // of never: links that a source gives hold all the same
	Link          float64  `yaml:"link"`         // probability from which pairs are linked; that of bands unless written
	Review        float64  `yaml:"review"`       // probability from which pairs are shown; that of bands unless written
	Support       float64  `yaml:"support"`      // that of cluster unless written
	Diameter      float64  `yaml:"diameter"`     // metres; 0 = no limit
	Span          Duration `yaml:"span"`         // between the first and the last record; 0 = no limit
	Grace         Duration `yaml:"grace"`        // after closing, in which a new report is still the same thing
	SuppressPlace bool     `yaml:"suppress_place"`
}

// Bands cut the probability into link, review and drop. Each is a probability or bits of match weight.
type Bands struct {
	Link       float64  `yaml:"link"`
	Review     float64  `yaml:"review"`
	LinkBits   *float64 `yaml:"link_bits"`
	ReviewBits *float64 `yaml:"review_bits"`
}

// Cluster guards the growth of clusters.
type Cluster struct {
	Support  float64  `yaml:"support"`  // share of cross pairs that must support a merge; 0.35 unless written
	Weight   float64  `yaml:"weight"`   // probability from which a cross pair supports; 0.5 unless written
	Point    string   `yaml:"point"`    // point column for diameters
	Time     string   `yaml:"time"`     // time column for spans
	Diameter float64  `yaml:"diameter"` // metres; 0 = no limit
	Span     Duration `yaml:"span"`     // 0 = no limit
	Alarm    int      `yaml:"alarm"`    // members above which a cluster is reported; 50 unless written
}

// Train says where the weights come from.
type Train struct {
	Mode       string   `yaml:"mode"`  // auto, prior, or file
	File       string   `yaml:"file"`  // model file, relative to the mapping file
	Prior      *float64 `yaml:"prior"` // share of matching pairs among all pairs; estimated where not written
	Pairs      int      `yaml:"pairs"` // random pairs for u; 1,000,000 unless written
	Seed       uint64   `yaml:"seed"`
	Iterations int      `yaml:"iterations"` // of EM at most; 100 unless written
}

// Duration is a time.Duration written as 90m, 36h or 7d.
type Duration time.Duration

// D is the duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Names is a text or a list of texts.
type Names []string

// Weight is a number, or true for 1.
type Weight float64

// Range is a closed range of numbers; a side left out is open.
type Range struct {
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
}

// Step is one cleaning step, such as lower or {prefix: 3}.
type Step struct {
	Op   string
	Text string // of replace and alias
	New  string // of replace
	N    int    // of prefix and words
}
