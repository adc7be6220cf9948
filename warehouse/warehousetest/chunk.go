package warehousetest

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"onegrid/event"
	"onegrid/warehouse"
)

// Rec is one invented state of a record.
type Rec struct {
	ID       string
	Status   string
	Reported time.Time
	Updated  time.Time // the source's clock
	Text     string
	Token    string // clear party value stand-in; stored as given
}

// Base is the time around which the invented records lie.
var Base = time.Date(2025, 9, 12, 2, 11, 8, 0, time.UTC)

// R makes a record with sane times; n is minutes after Base.
func R(id, status string, n int) Rec {
	return Rec{ID: id, Status: status, Reported: Base, Updated: Base.Add(time.Duration(n) * time.Minute), Text: "路灯不亮 " + id}
}

// Chunk builds a chunk of records of one source, as the pipeline does.
func Chunk(source string, read time.Time, recs ...Rec) *warehouse.Chunk {
	mem := memory.DefaultAllocator
	ids := array.NewFixedSizeBinaryBuilder(mem, &arrow.FixedSizeBinaryType{ByteWidth: 16})
	hash := array.NewFixedSizeBinaryBuilder(mem, event.Hash)
	str := func() *array.StringBuilder { return array.NewStringBuilder(mem) }
	ts := func() *array.TimestampBuilder { return array.NewTimestampBuilder(mem, event.Timestamp) }
	src, rid, status, text := str(), str(), str(), str()
	reported, ingested, updated := ts(), ts(), ts()
	c := &warehouse.Chunk{}
	mk := event.NewIDs(source)
	for i, r := range recs {
		id := mk.Of(r.ID)
		ids.Append(id[:])
		h := sha256.Sum256(fmt.Append(nil, r.ID, "|", r.Status, "|", r.Reported.UnixMicro(), "|", r.Text))
		hash.Append(h[:])
		src.Append(source)
		rid.Append(r.ID)
		status.Append(r.Status)
		text.Append(r.Text)
		reported.Append(arrow.Timestamp(r.Reported.UnixMicro()))
		ingested.Append(arrow.Timestamp(read.UnixMicro()))
		updated.Append(arrow.Timestamp(r.Updated.UnixMicro()))
		c.ValidFrom = append(c.ValidFrom, r.Updated.UnixMicro())
		c.Fingerprint = append(c.Fingerprint, Fingerprint(r))
		if r.Token != "" {
			c.Tokens = append(c.Tokens, warehouse.Token{Row: i, Kind: "phone", Role: "reporter", KeyID: "k1", Epoch: 1, Token: []byte(r.Token), Expires: 20600})
		}
	}
	names := []string{"event_id", "source_id", "source_record_id", "description", "reported_at", "status", "source_updated_at", "ingested_at", "content_hash"}
	cols := []arrow.Array{ids.NewArray(), src.NewArray(), rid.NewArray(), text.NewArray(), reported.NewArray(), status.NewArray(), updated.NewArray(), ingested.NewArray(), hash.NewArray()}
	fields := make([]arrow.Field, len(names))
	for i, n := range names {
		fields[i] = arrow.Field{Name: n, Type: cols[i].DataType()}
	}
	c.Events = array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(len(recs)))
	return c
}

// Fingerprint is the invented fingerprint of a record.
func Fingerprint(r Rec) uint64 {
	return xxh3.Hash(fmt.Append(nil, r.ID, r.Status, r.Reported.UnixMicro(), r.Text, r.Updated.UnixMicro()))
}

// Unit makes a unit of chunks; every record that is not rejected is in one of them.
func Unit(source string, base int64, rejects []warehouse.Reject, chunks ...*warehouse.Chunk) *warehouse.Unit {
	return &warehouse.Unit{Source: source, RunID: fmt.Sprintf("run-%s-%d", source, base), Base: base,
		Chunks: Seq(chunks...),
		Final: func() (warehouse.Final, error) {
			var n int64
			for _, c := range chunks {
				n += c.Events.NumRows()
			}
			return warehouse.Final{Resume: warehouse.Checkpoint{Version: 1, Data: fmt.Appendf(nil, `{"after":%d}`, base+1)},
				Read: n + int64(len(rejects)), Rejects: rejects, ReadAt: Base.Add(time.Hour),
				Run: warehouse.Run{Trigger: "manual", Started: Base, Status: "running"}}, nil
		}}
}

// Seq yields chunks.
func Seq(chunks ...*warehouse.Chunk) iter.Seq2[*warehouse.Chunk, error] {
	return func(yield func(*warehouse.Chunk, error) bool) {
		for _, c := range chunks {
			if !yield(c, nil) {
				return
			}
		}
	}
}
