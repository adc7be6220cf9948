package identity

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/google/uuid"
)

// Namespace is the UUID namespace of the further ids of a founding event: UUIDv5(DNS, "incident.onegrid").
var Namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("incident.onegrid"))

// Of returns the n-th id that an event can found an incident with, from 0. The first is the event's own id, itself a UUIDv5
// of its source record (event.ID): an event that stands alone is its own incident, and stays in it when others join. The
// n-th after it is UUIDv5 (RFC 9562, section 5.5) of the event's id, a unit separator (U+001F) and n in decimal digits.
func Of(founder uuid.UUID, n int) uuid.UUID {
	if n == 0 {
		return founder
	}
	var buf [64]byte // namespace, founder, separator, digits: uuid.NewSHA1 without its allocations
	b := append(append(buf[:0], Namespace[:]...), founder[:]...)
	b = append(b, 0x1f)
	b = strconv.AppendInt(b, int64(n), 10)
	sum := sha1.Sum(b)
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// compareIDs orders ids by their bytes.
func compareIDs(a, b uuid.UUID) int {
	if x, y := prefix(a), prefix(b); x != y {
		return cmp.Compare(x, y)
	}
	return bytes.Compare(a[8:], b[8:])
}

func prefix(id uuid.UUID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// Relation is what a certain link says about an event by itself.
type Relation uint8

// The relations.
const (
	Report    Relation = iota // a report of its own
	Followup                  // a later call about another record
	Transfer                  // another system's record, handed over
	Connected                 // belongs to the matter without reporting it
)

// Role is an event's part in its incident. Its String is a value of event.IncidentRoles.
type Role uint8

// The roles.
const (
	Single Role = iota
	Primary
	Duplicate
	FollowupCall
	TransferRecord
	Related
	roles
)

// String is the code of event.IncidentRoles.
func (r Role) String() string {
	names := [roles]string{"single", "primary", "duplicate", "followup", "transfer", "related"}
	if r >= roles {
		return "single"
	}
	return names[r]
}

// Event is one event that takes part.
type Event struct {
	ID       uuid.UUID
	At       int64     // µs since 1970
	Relation Relation  // from certain links
	Previous uuid.UUID // the incident it was in after the last run; Nil = none
}

// Entry is what the store knows of an incident id that was ever used.
type Entry struct {
	Founder   uuid.UUID // the event that the id is derived from
	FoundedAt int64     // its time when the id was first used
	Into      uuid.UUID // Nil = in use; else the incident it was merged into
	Members   int       // events that carry it now
}

// Input are all events of the touched incidents, new events, and their clusters.
type Input struct {
	Events  []Event
	Cluster []int32 // per event, any numbering from 0
	// Known returns what is known of an id, false for one that was never used. nil = an empty store.
	Known func(id uuid.UUID) (Entry, bool)
	// Revive gives an alias back to the part of an undone merge that its founding event founds. Without it an alias is one
	// for ever, and that part takes the next id of its founding event: for stores that cannot revoke an alias row.
	Revive bool
}

// Reason says why an id changed.
type Reason uint8

// The reasons.
const (
	Minted   Reason = iota // New is used for the first time; Old is Nil
	SplitOff               // New is used for the first time, by events that left Old, which may still be in use
	Revived                // New was an alias of Old and is in use again: its alias row is revoked
	Merged                 // Old leads to New from now on: an alias row
	reasons
)

// String is the word for a reason in alias rows.
func (r Reason) String() string {
	names := [reasons]string{"minted", "split", "revived", "merged"}
	if r >= reasons {
		return "unknown"
	}
	return names[r]
}

// Change is one row for the incident or alias table.
type Change struct {
	Reason    Reason
	Old, New  uuid.UUID
	Founder   uuid.UUID // of New
	FoundedAt int64     // of New
}

// Output are the names. Slices are per event of the input.
type Output struct {
	Incident  []uuid.UUID
	Role      []Role
	Countable []bool
	Changes   []Change // Minted, SplitOff, Revived, then Merged; each by ids
	Moved     int      // events that had an incident and have another one now
}

// Resolve follows aliases from an id that was ever used to the one in use.
func Resolve(id uuid.UUID, known func(uuid.UUID) (Entry, bool)) (uuid.UUID, error) {
	const hops = 1 << 16 // a store with so long a way has a loop
	for range hops {
		e, ok := known(id)
		if !ok {
			return uuid.Nil, fmt.Errorf("resolving an incident id: %w: it was never used", ErrInput)
		}
		if e.Into == uuid.Nil {
			return id, nil
		}
		id = e.Into
	}
	return uuid.Nil, fmt.Errorf("resolving an incident id: %w", ErrLoop)
}
