package duckdb

import (
	"context"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/duckdb/duckdb-go/v2"
)

// newness answers "this id is certainly not stored" without asking the store: split-block Bloom filters over the
// stored event ids. It is derived, lives in memory only, and errs to the safe side: an id that is not in it was never
// committed, since this process is the only writer and adds an id before it is inserted. Ids are UUIDv5, so that eight of
// their bytes are a hash already.
//
// At 32 bits an id one new id in about 50,000 is asked for in vain; 10 M ids take 40 MB.
type newness struct {
	segments []segment
	total    int
}

// bloom is the part of Parquet's split-block filter that is used here; arrow-go's builder does both.
type bloom interface {
	InsertHash(hash uint64)
	CheckHash(hash uint64) bool
}

type segment struct {
	filter bloom
	free   int
}

const (
	firstSegment = 1 << 20
	bytesPerID   = 4
)

func (n *newness) grow() {
	size := max(firstSegment, n.total/2)
	// NewBloomFilter rounds up to a power of two blocks, so ask for what it will give.
	bytes := uint32(1)
	for int(bytes) < size*bytesPerID {
		bytes <<= 1
	}
	size = int(bytes) / bytesPerID
	n.segments = append(n.segments, segment{
		filter: metadata.NewBloomFilter(bytes, bytes, memory.DefaultAllocator).(bloom), free: size})
}

// hashID folds both halves: each holds fixed bits of the UUID's version or variant, which alone would leave most blocks of
// the filter unused.
func hashID(id []byte) uint64 {
	return binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:16])
}

func (n *newness) add(id []byte) {
	if len(n.segments) == 0 || n.segments[len(n.segments)-1].free == 0 {
		n.grow()
	}
	s := &n.segments[len(n.segments)-1]
	s.filter.InsertHash(hashID(id))
	s.free--
	n.total++
}

// maybe reports whether the id may be stored; false is certain.
func (n *newness) maybe(id []byte) bool {
	h := hashID(id)
	for i := range n.segments {
		if n.segments[i].filter.CheckHash(h) {
			return true
		}
	}
	return false
}

// loadNewness reads all stored ids, about 0.1 s a million.
func (s *Store) loadNewness(ctx context.Context) (*newness, error) {
	n := &newness{}
	ar, err := duckdb.NewArrowFromConn(s.writer)
	if err != nil {
		return nil, err
	}
	var count int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM event_version WHERE version = 1").Scan(&count); err != nil {
		return nil, err
	}
	if count == 0 {
		return n, nil
	}
	n.total = int(count) * 2 // one right-sized segment for what is there
	n.grow()
	n.total = 0
	// As BLOB: the Arrow form of UUID is text, twice the bytes and ten times the work.
	rdr, err := ar.QueryContext(ctx, "SELECT event_id::BLOB FROM event_version WHERE version = 1")
	if err != nil {
		return nil, err
	}
	defer rdr.Release()
	for rdr.Next() {
		col := rdr.RecordBatch().Column(0).(*array.Binary)
		for i := range col.Len() {
			n.add(col.Value(i))
		}
	}
	return n, rdr.Err()
}

func (s *Store) maybe(id []byte) bool {
	s.seenMu.RLock()
	defer s.seenMu.RUnlock()
	return s.seen.maybe(id)
}

func (s *Store) learn(id []byte) {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	s.seen.add(id)
}
