package certain

import (
	"math"
	"time"

	"onegrid/pipelines/link/feature"
)

// NoTime is the At of a record whose time is unknown.
const NoTime = math.MinInt64

// Record is what is read of one record. Strings are as the source gives them; "" is null.
type Record struct {
	Source string // catalog id of the feed; numbers are unique within it
	Kind   string // event.SourceKinds: police_110, hotline_12345, urban_mgmt, ...
	Number string // the record's own number
	Alt    string // its second number
	Parent string // number of another record of the same source

	UpstreamKind string // kind of the feed that it was handed over from
	Upstream     string // and its number there

	Tickets []feature.Ticket // numbers that its text quotes
	Cues    feature.Cue
	Copy    uint64 // feature.CopyKey of its text, 0 without one
	Runes   int    // length of that text
	Contact uint64 // opaque token of the contact, 0 = unknown; it only tells a repeated contact from a copy
	At      int64  // when it was reported, microseconds since 1970 UTC, or NoTime

	Purpose string // event.RecordPurposes: records of different purposes are never linked
	Invalid bool   // a call that reported nothing: its text is no copy of another
}

// Type says what a link means for the record that it comes from. The values are those of event_link.
type Type uint8

const (
	FollowupOf      Type = iota // a later call about a record that is already there
	TransferredFrom             // the same matter, handed over by another department
	ChildOf                     // attached to another record by the source
	DuplicateOf                 // the same report again
	RepeatContact               // the same report again from the same contact
)

// String is the type as the ledger stores it.
func (t Type) String() string {
	return [...]string{"followup_of", "transferred_from", "child_of", "duplicate_of", "repeat_contact"}[t]
}

// Role is the role that a link of this type gives the record that it comes from: event.IncidentRoles.
func (t Type) Role() string {
	return [...]string{"followup", "transfer", "duplicate", "duplicate", "duplicate"}[t]
}

// Given reports whether the source itself, or the text of the record, names the other record. The others are concluded
// from equal texts.
func (t Type) Given() bool { return t <= ChildOf }

// Method says how a link was found: the values of event_link.
type Method uint8

const (
	SourceField Method = iota // a column names the other record
	IDInText                  // the text does
	Copy                      // the texts are the same
)

// String is the method as the ledger stores it.
func (m Method) String() string { return [...]string{"source_field", "id_in_text", "copy"}[m] }

// Edge is a link from one record to another, by position in the input. From is the record that refers to To.
type Edge struct {
	From, To int32
	Type     Type
	Method   Method
	// Code says what the evidence was, never its value: parent_field, upstream_field, upstream_field_again,
	// quoted_call_110, quoted_hotline_12345, quoted_task, quoted_request_311, quoted_named, same_text, same_text_contact.
	Code string
}

// Options are the limits. The zero value of a field means its default.
type Options struct {
	CopyRunes  int           // least length of a text that can be a copy; 20
	CopyWithin time.Duration // longest time between two copies; 90 days
	FormCopies int           // records with one text above which it is a form, not a report; 50
	MaxClaims  int           // claims of one number above which it is a placeholder, if they are spread over ...
	ClaimSpan  time.Duration // ... more than this; 100 claims and 14 days
}

// Counts are what was found and what was left alone.
type Counts struct {
	Links        map[string]int64 `json:"links"`        // by evidence code
	Unresolved   int64            `json:"unresolved"`   // numbers that no record of the input has
	Ambiguous    int64            `json:"ambiguous"`    // numbers that fit more than one record
	Several      int64            `json:"several"`      // texts that quote records of different matters
	Placeholders int64            `json:"placeholders"` // claims of a number that is no number of a record
	Forms        int64            `json:"forms"`        // records whose text is a form
}

// Result is the links, each pair once, in the order of From.
type Result struct {
	Edges  []Edge
	Counts Counts
}
