package event

// Reject is a record that did not become an event. It holds no value of the record: Message is redacted, and the
// record itself lies in the encrypted landing at Batch and Row.
type Reject struct {
	Stream    string
	Row       int32  // row in the source batch, -1 where the connector could not decode it
	Position  string // where in the source: "line 17", "item 3"
	Stage     string // decode, map, privacy, quality
	Rule      string // stable short code: missing_required, bad_time, ...
	Column    string // target or source column, where it is about one
	Message   string // English, no values
	MessageZH string // Chinese, no values
}
