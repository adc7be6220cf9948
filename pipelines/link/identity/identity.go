package identity

import (
	"github.com/google/uuid"
)

// Namespace is the UUID namespace of incident ids: UUIDv5(DNS, "incident.onegrid").
var Namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("incident.onegrid"))

// Relation is what a certain link says about an event by itself.
type Relation uint8

// The relations.
const (
	Report    Relation = iota // a report of its own
	Followup                  // a later call about another record
	Transfer                  // another system's record, handed over
	Connected                 // belongs to the matter without reporting it
)

// Role is an event's part in its incident: event.IncidentRoles.
type Role uint8

// The roles.
const (
	Single Role = iota
	Primary
	DuplicateReport
	FollowupCall
	TransferRecord
	Related
)

// Event is one event that takes part.
type Event struct {
	ID       uuid.UUID
	At       int64     // µs since 1970; the older of two is the founder
	Relation Relation  // from certain links
	Previous uuid.UUID // the incident it was in after the last run; Nil = none
}

// Entry is what the store knows of an incident id that was ever used.
type Entry struct {
	Founder   uuid.UUID // the event that the id is derived from
	FoundedAt int64     // its time when the id was minted
	Into      uuid.UUID // Nil = in use; else the incident it was merged into
	Members   int       // events that carry it now, to check that all of them are given; 0 = not checked
}

// Input are the events of the touched incidents and their new clusters.
type Input struct {
	Events  []Event
	Cluster []int32 // per event
	// Known returns what is known of an id, false for one that was never used. nil = an empty store.
	Known func(id uuid.UUID) (Entry, bool)
}

// Reason says why an id changed.
type Reason uint8

// The reasons.
const (
	Minted  Reason = iota // a new id: Old is Nil
	Merged                // Old leads to New from now on: an alias row
	SplitOff              // New was minted for events that left Old, which stays in use
	Revived               // Old was an alias of New and is in use again: the alias row is revoked
)

// Change is one row for the incident or alias table.
type Change struct {
	Reason    Reason
	Old, New  uuid.UUID
	Founder   uuid.UUID // of the id that begins to be used (Minted, SplitOff, Revived)
	FoundedAt int64
}

// Output are the names. Slices are per event of the input.
type Output struct {
	Incident  []uuid.UUID
	Role      []Role
	Countable []bool
	Changes   []Change
	Moved     int // events that had an incident and have another one now
}
