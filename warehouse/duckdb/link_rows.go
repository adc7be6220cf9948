package duckdb

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"onegrid/event"
	"onegrid/warehouse"
)

// The forms in which a chunk of a linkage unit reaches the engine.
var (
	linkSchema = arrow.NewSchema([]arrow.Field{
		uuidField("from_event"), {Name: "from_day", Type: arrow.FixedWidthTypes.Date32}, uuidField("to_event"), {Name: "to_day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "type", Type: arrow.BinaryTypes.String}, {Name: "method", Type: arrow.BinaryTypes.String}, {Name: "rule", Type: arrow.BinaryTypes.String},
		{Name: "band", Type: arrow.BinaryTypes.String}, {Name: "weight", Type: arrow.PrimitiveTypes.Float64}, {Name: "probability", Type: arrow.PrimitiveTypes.Float64},
		{Name: "levels", Type: arrow.ListOf(arrow.BinaryTypes.String)}, {Name: "gamma", Type: arrow.ListOf(arrow.PrimitiveTypes.Int8)},
		{Name: "level_bits", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)}, {Name: "model", Type: arrow.BinaryTypes.String},
		{Name: "decided_by", Type: arrow.BinaryTypes.String}, {Name: "action", Type: arrow.BinaryTypes.String}, {Name: "note", Type: arrow.BinaryTypes.String},
	}, nil)
	// An event without an incident is to be its own again.
	memberSchema = arrow.NewSchema([]arrow.Field{
		uuidField("event_id"), {Name: "event_day", Type: arrow.FixedWidthTypes.Date32}, uuidField("incident_id"),
		{Name: "incident_role", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "is_countable", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "alarm", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	featureSchema = arrow.NewSchema([]arrow.Field{
		uuidField("event_id"), {Name: "event_day", Type: arrow.FixedWidthTypes.Date32}, {Name: "reported_at", Type: event.Timestamp},
		{Name: "digest", Type: arrow.PrimitiveTypes.Uint64}, {Name: "keys", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint64)},
		{Name: "refs", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint64)}, {Name: "data", Type: arrow.BinaryTypes.Binary},
	}, nil)
	aliasSchema = arrow.NewSchema([]arrow.Field{uuidField("old_id"), uuidField("new_id"), {Name: "reason", Type: arrow.BinaryTypes.String}}, nil)
)

func putRef(b *array.RecordBuilder, at int, r warehouse.EventRef) {
	b.Field(at).(*array.FixedSizeBinaryBuilder).Append(r.ID[:])
	b.Field(at + 1).(*array.Date32Builder).Append(arrow.Date32(r.Day))
}

func putText(b *array.RecordBuilder, at int, values ...string) {
	for i, v := range values {
		b.Field(at + i).(*array.StringBuilder).Append(v)
	}
}

func linkBatch(links []warehouse.Link) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(allocator, linkSchema)
	defer b.Release()
	for i := range links {
		l := &links[i]
		switch {
		case l.From.ID == l.To.ID:
			return nil, fmt.Errorf("%w: a link of an event with itself", warehouse.ErrLinks)
		case l.Action != warehouse.Assert && l.Action != warehouse.Revoke:
			return nil, fmt.Errorf("%w: a link with action %q", warehouse.ErrLinks, l.Action)
		case l.Band != warehouse.BandLink && l.Band != warehouse.BandReview:
			return nil, fmt.Errorf("%w: a link in band %q", warehouse.ErrLinks, l.Band)
		}
		putRef(b, 0, l.From)
		putRef(b, 2, l.To)
		putText(b, 4, l.Type, l.Method, l.Rule, l.Band)
		b.Field(8).(*array.Float64Builder).Append(l.Weight)
		b.Field(9).(*array.Float64Builder).Append(l.Probability)
		names, gamma, bits := b.Field(10).(*array.ListBuilder), b.Field(11).(*array.ListBuilder), b.Field(12).(*array.ListBuilder)
		names.Append(true)
		gamma.Append(true)
		bits.Append(true)
		for _, v := range l.Levels {
			names.ValueBuilder().(*array.StringBuilder).Append(v.Name)
			gamma.ValueBuilder().(*array.Int8Builder).Append(v.Gamma)
			bits.ValueBuilder().(*array.Float32Builder).Append(v.Bits)
		}
		putText(b, 13, l.Model, l.DecidedBy, l.Action, l.Note)
	}
	return b.NewRecordBatch(), nil
}

func memberBatch(members []warehouse.Member, singles []warehouse.EventRef) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(allocator, memberSchema)
	defer b.Release()
	for i := range members {
		m := &members[i]
		if !event.IncidentRoles.Has(m.Role) {
			return nil, fmt.Errorf("%w: a member with role %q", warehouse.ErrLinks, m.Role)
		}
		putRef(b, 0, m.Event)
		b.Field(2).(*array.FixedSizeBinaryBuilder).Append(m.Incident[:])
		putText(b, 3, m.Role)
		b.Field(4).(*array.BooleanBuilder).Append(m.Countable)
		if m.Alarm == "" {
			b.Field(5).AppendNull()
		} else {
			putText(b, 5, m.Alarm)
		}
	}
	for _, r := range singles {
		putRef(b, 0, r)
		for at := 2; at < 6; at++ {
			b.Field(at).AppendNull()
		}
	}
	return b.NewRecordBatch(), nil
}

func featureBatch(features []warehouse.Feature) arrow.RecordBatch {
	b := array.NewRecordBuilder(allocator, featureSchema)
	defer b.Release()
	for i := range features {
		f := &features[i]
		putRef(b, 0, f.Event)
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(f.Reported))
		b.Field(3).(*array.Uint64Builder).Append(digest(f))
		for at, keys := range [][]uint64{f.Keys, f.Refs} {
			l := b.Field(4 + at).(*array.ListBuilder)
			l.Append(true)
			l.ValueBuilder().(*array.Uint64Builder).AppendValues(distinct(keys), nil)
		}
		b.Field(6).(*array.BinaryBuilder).Append(f.Data)
	}
	return b.NewRecordBatch()
}

// distinct sorts keys and drops repeats: an event holds a key once.
func distinct(keys []uint64) []uint64 {
	out := slices.Clone(keys)
	slices.Sort(out)
	return slices.Compact(out)
}

// digest tells whether a feature is the one that is stored.
func digest(f *warehouse.Feature) uint64 {
	var b []byte
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Reported))
	for _, keys := range [][]uint64{distinct(f.Keys), distinct(f.Refs)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(keys)))
		for _, k := range keys {
			b = binary.LittleEndian.AppendUint64(b, k)
		}
	}
	return xxh3.Hash(append(b, f.Data...))
}

func aliasBatch(aliases []warehouse.Alias) arrow.RecordBatch {
	b := array.NewRecordBuilder(allocator, aliasSchema)
	defer b.Release()
	for _, a := range aliases {
		b.Field(0).(*array.FixedSizeBinaryBuilder).Append(a.Old[:])
		b.Field(1).(*array.FixedSizeBinaryBuilder).Append(a.New[:])
		putText(b, 2, a.Reason)
	}
	return b.NewRecordBatch()
}
