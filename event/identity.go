package event

import (
	"crypto/sha1"
	"time"

	"github.com/google/uuid"
)

// Namespace is the UUID namespace of event ids: UUIDv5(DNS, "event.onegrid").
var Namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("event.onegrid"))

// ID is the identity of a source record in every rebuild: UUIDv5 (RFC 9562, section 5.5) of
// source_id, a unit separator (U+001F), source_record_id.
func ID(sourceID, recordID string) uuid.UUID { return NewIDs(sourceID).Of(recordID) }

// IDs makes the ids of one source without allocating for each record.
type IDs struct {
	buf []byte
	n   int
}

// NewIDs returns an id maker for a source.
func NewIDs(sourceID string) *IDs {
	b := make([]byte, 0, 128)
	b = append(b, Namespace[:]...)
	b = append(b, sourceID...)
	b = append(b, 0x1f)
	return &IDs{buf: b, n: len(b)}
}

// Of returns the id of a record. It is not safe for concurrent use.
func (s *IDs) Of(recordID string) uuid.UUID {
	s.buf = append(s.buf[:s.n], recordID...)
	sum := sha1.Sum(s.buf)
	var id uuid.UUID
	copy(id[:], sum[:16])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Shanghai is the zone of every source time without one: Asia/Shanghai is UTC+8 all year since 1991. A fixed zone
// needs no tzdata and makes the partition day a plain division; older records are outside any feed that the hub reads.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

const dayMicros = 86_400_000_000

// Day is the partition day of a time in microseconds since 1970 UTC: days since 1970 in Asia/Shanghai.
func Day(us int64) int32 {
	us += 8 * 3600 * 1_000_000
	d := us / dayMicros
	if us%dayMicros < 0 {
		d--
	}
	return int32(d)
}
