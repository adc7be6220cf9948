package warehouse

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// EventID is an event's UUID.
type EventID = [16]byte

// EventRef names an event by id and partition day (days since 1970-01-01): the day lets the store skip what is older.
type EventRef struct {
	ID  EventID
	Day int32
}

// LinkCommitter stores what a linkage run decided.
//
// LinkState is where linkage stands. CommitLinks stores a unit in one transaction or none of it: ledger, membership,
// aliases, features, position and run row. It refuses with ErrFenced when another run was first, and with ErrLinks when
// the incidents that the unit touches would not each have exactly one countable member. After any other error but
// ErrUnknownOutcome nothing is stored. A unit never changes or deletes an event (invariant 7).
type LinkCommitter interface {
	LinkState(ctx context.Context) (LinkState, error)
	CommitLinks(ctx context.Context, u *LinkUnit) (LinkReceipt, error)
}

// LinkState is what the last linkage run left. Seq is 0 before the first one.
type LinkState struct {
	Seq      int64    // runs stored
	Position Position // changes seen, for ChangeFeed with StatesOnly
	Decision int64    // last decision heeded
	Model    string   // version of the model of the last run
	Spec     string   // digest of the rules of the last run: when it differs, features and keys have to be rebuilt
	Last     LinkRun
}

// LinkRun is a stored linkage run.
type LinkRun struct {
	Seq     int64           `json:"seq"`
	RunID   string          `json:"run_id"`
	Trigger string          `json:"trigger"` // incremental or rebuild
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended"`
	Model   string          `json:"model"`
	Spec    string          `json:"spec"`
	Counts  json.RawMessage `json:"counts"`
}

// LinkUnit is what one transaction of linkage stores.
//
// Chunks is ranged over once, inside the transaction; Final is called after it. With Whole set the chunks hold the
// complete result of a rebuild and the store finds the difference: links that are stored and not in it are revoked by
// new ledger rows (those of method manual are left to decisions), membership that is the same is not touched, features
// are replaced. Without it, chunks hold what the run changes and nothing else is touched; equal links, members and
// features are not stored again either way.
type LinkUnit struct {
	RunID    string
	Base     int64 // LinkState.Seq that the unit builds on
	Whole    bool
	Started  time.Time
	Model    string
	Spec     string
	Position Position // changes seen; LinkState returns it to the next run
	Decision int64    // decisions heeded
	Chunks   iter.Seq2[*LinkChunk, error]
	Final    func() (LinkFinal, error)
}

// LinkChunk is a part of a unit that fits in memory. Whether a row comes in this chunk or that makes no difference, but an event, a pair
// and an alias may occur once in a unit.
type LinkChunk struct {
	Links    []Link
	Members  []Member
	Singles  []EventRef // events that leave their incident and are their own again; not needed with Whole
	Features []Feature
	Aliases  []Alias
}

// LinkFinal ends a unit.
type LinkFinal struct {
	Counts json.RawMessage // of the run, for people; a JSON object or empty
	// FeaturesFrom drops features and keys of events of earlier days, 0 keeps all: what no window reaches.
	FeaturesFrom int32
}

// LinkReceipt is the answer to a stored unit.
type LinkReceipt struct {
	Seq      int64 `json:"seq"`
	Asserted int64 `json:"asserted"` // ledger rows
	Revoked  int64 `json:"revoked"`
	Joined   int64 `json:"joined"`   // membership rows begun
	Left     int64 `json:"left"`     // membership rows ended
	Features int64 `json:"features"` // stored anew or replaced
}

// Bands of a link.
const (
	BandLink   = "link"   // linked
	BandReview = "review" // proposed: a person decides
)

// Actions of a ledger row.
const (
	Assert = "assert"
	Revoke = "revoke"
)

// Link is a row of the ledger. The pair is one pair whichever way round; From is the later report where the type has a
// direction. The latest row of a pair holds.
type Link struct {
	From, To    EventRef
	Type        string // duplicate_of, followup_of, transferred_from, child_of, related, repeat_contact
	Method      string // source_field, id_in_text, token, spatial_text, copy, manual, …
	Rule        string // blocking rule or certain rule that found the pair
	Band        string
	Weight      float64 // bits
	Probability float64 // 0..1
	Levels      []Level // evidence by comparison, in the order of the model
	Model       string
	DecidedBy   string // "engine", or who decided
	Action      string
	Note        string
}

// Level is the evidence of one comparison.
type Level struct {
	Name  string  // comparison and level: "distance<=50m"
	Gamma int8    // number of the level; -1 where a side is null
	Bits  float32 // weight; 0 where a side is null
}

// LedgerRow is a Link as stored.
type LedgerRow struct {
	Link
	Seq   int64 // of the run; 0 has no meaning
	RunID string
	At    time.Time
}

// Member says that an event belongs to an incident. Exactly one member of an incident is countable.
type Member struct {
	Event     EventRef
	Incident  EventID
	Role      string // event.IncidentRoles
	Countable bool
	Alarm     string // why a person should look at the incident, on its countable member; "" for no reason
}

// Feature is what the engine keeps of an event to find and compare it again.
type Feature struct {
	Event    EventRef
	Reported int64    // reported_at, microseconds
	Keys     []uint64 // blocking keys: hashes of rule and value
	Refs     []uint64 // hashes of record numbers: its own, and those that it quotes
	Data     []byte   // the engine's own, opaque here
}

// Alias says that an incident id is now another one.
type Alias struct {
	Old, New EventID
	Reason   string // merge, split, rebuild, decision
}

// LinkFinder finds what a run has to look at.
//
// Candidates returns stored events that share a key with the probes. Neighbourhood returns the incidents of the given
// events as they are now, the links that touch any of their members, and the decisions about these.
type LinkFinder interface {
	Candidates(ctx context.Context, q CandidateQuery) (*Candidates, error)
	Neighbourhood(ctx context.Context, events []EventRef) (*Neighbourhood, error)
}

// CandidateQuery asks for earlier events. Events that are probes themselves are not candidates: the caller has them.
type CandidateQuery struct {
	Probes []Probe
	// From and To bound event_day of candidates that share a key, inclusive; RefsFrom and RefsTo of those that share a
	// record number.
	From, To         int32
	RefsFrom, RefsTo int32
	// Cap is the most members of a key that are returned: of a key with more, the newest Cap and the countable members of
	// the incidents that its members are in, Cap of them at most.
	Cap int
	// Columns of the view event, as in ChangeQuery; event_id always comes first and is not named.
	Columns []string
}

// Probe is an event that looks for others.
type Probe struct {
	Event EventRef
	Keys  []uint64
	Refs  []uint64
}

// Candidates of a query. Rows are numbered over all batches of Events, from 0. Release frees the batches.
type Candidates struct {
	Events []arrow.RecordBatch // event_id, then the columns asked for
	Data   [][]byte            // Feature.Data by row
	Pairs  []CandidatePair     // ordered by probe, then row; one entry for each key that the two share
	Capped []CappedKey         // keys with more than Cap members in the window
}

// Release frees the batches.
func (c *Candidates) Release() {
	for _, b := range c.Events {
		b.Release()
	}
	c.Events = nil
}

// CandidatePair says that a probe and a candidate share a key.
type CandidatePair struct {
	Probe int32 // index in CandidateQuery.Probes
	Row   int32 // row of the candidate
	Key   uint64
	Ref   bool // a record number, not a blocking key
}

// CappedKey is a key that was too common.
type CappedKey struct {
	Key     uint64
	Members int64
	Ref     bool
}

// Neighbourhood is the surroundings of some events.
type Neighbourhood struct {
	Members   []Member    // of the incidents of the events; an event without a row is its own incident
	Links     []LedgerRow // latest row of each pair that touches the events or the members and is asserted
	Decisions []Decision  // that hold for such pairs
}

// LinkDecider keeps what people decided. Decisions are never changed; a later one about the same pair holds.
type LinkDecider interface {
	// Decide stores decisions, all or none, and returns the number of the last one.
	Decide(ctx context.Context, decisions []Decision) (int64, error)
	// Decisions returns those with a number above after, in order.
	Decisions(ctx context.Context, after int64) ([]Decision, error)
}

// What a decision says.
const (
	MustLink   = "must_link"
	CannotLink = "cannot_link"
	Withdrawn  = "withdrawn" // an earlier decision about the pair no longer holds
)

// Decision is what a person said about a pair.
type Decision struct {
	No     int64 // set by the store
	From   EventRef
	To     EventRef
	Says   string
	Actor  string
	Reason string
	At     time.Time // set by the store where zero
}

// LinkReviewer answers questions of people about links.
type LinkReviewer interface {
	// Review returns open pairs of the middle band: proposed, and without a decision that holds. Highest weight first.
	Review(ctx context.Context, limit int) ([]LedgerRow, error)
	// History returns all ledger rows of a pair, oldest first.
	History(ctx context.Context, a, b EventID) ([]LedgerRow, error)
}

// IncidentReader looks up incidents.
type IncidentReader interface {
	// Incident returns the id that holds now for an incident or event id, following aliases, and its members. An event in no
	// incident with another is the one member of its own. ErrNoEvent means that neither is stored.
	Incident(ctx context.Context, id EventID) (EventID, []Member, error)
	// Aliases returns the aliases of runs above after, in order.
	Aliases(ctx context.Context, after int64) ([]AliasRow, error)
}

// AliasRow is an Alias as stored.
type AliasRow struct {
	Alias
	Seq   int64
	RunID string
	At    time.Time
}

// EventReader reads current events by id. Batches are as in ChangeFeed; ids that are not stored are left out. A Day of 0
// is not known and makes the look-up slower.
type EventReader interface {
	Events(ctx context.Context, events []EventRef, columns []string, each func(arrow.RecordBatch) error) error
}
