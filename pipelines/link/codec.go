package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/table"
)

// codec writes the derived columns of a record, and what certain links need of it, as the bytes that the store keeps
// beside an event. They are computed once, when the event comes, and hold tokens and hashes; a later run compares them
// without reading the event's text again.
type codec struct {
	names []string
	defs  []table.Def
}

// codecVersion is the first byte of every row; rows of another version cannot be read, and the runner rebuilds.
const codecVersion = 1

// errRow means that stored bytes are not a row of this codec.
var errRow = errors.New("stored features are of another form")

// newCodec describes the columns of a table that a loader of the same mapping made.
func newCodec(t *table.Table) *codec {
	c := &codec{names: t.Names()}
	for _, n := range c.names {
		d := table.Def{Name: n, Kind: t.Kind(n)}
		if s := t.Set(n); s != nil {
			d.Words = s.Dict() != nil
		}
		if p := t.Point(n); p != nil {
			d.Geographic = p.Geographic()
		}
		c.defs = append(c.defs, d)
	}
	return c
}

// append writes row of t.
func (c *codec) append(dst []byte, t *table.Table, row int32, rec *certain.Record) []byte {
	dst = append(dst, codecVersion)
	for i, n := range c.names {
		switch c.defs[i].Kind {
		case table.KindText:
			v, _ := t.Text(n).Value(row)
			dst = appendText(dst, v)
		case table.KindNumber:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(t.Number(n).At(row)))
		case table.KindDate:
			dst = binary.AppendVarint(dst, int64(t.Date(n).At(row)))
		case table.KindTime:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Time(n).At(row)))
		case table.KindPoint:
			x, y := t.Point(n).At(row)
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(y))
		case table.KindSet:
			s := t.Set(n)
			tokens := s.At(row)
			dst = binary.AppendUvarint(dst, uint64(len(tokens)))
			for _, tok := range tokens {
				if s.Dict() != nil {
					dst = appendText(dst, s.Dict().At(tok))
				} else {
					dst = binary.LittleEndian.AppendUint32(dst, tok)
				}
			}
		}
	}
	for _, s := range []string{rec.Source, rec.Kind, rec.Number, rec.Alt, rec.Parent, rec.UpstreamKind, rec.Upstream, rec.Purpose} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(rec.Tickets)))
	for _, t := range rec.Tickets {
		dst = appendText(dst, t.Number)
		dst = append(dst, byte(t.Kind), flag(t.Named))
	}
	dst = append(dst, byte(rec.Cues), flag(rec.Invalid))
	dst = binary.LittleEndian.AppendUint64(dst, rec.Copy)
	dst = binary.AppendUvarint(dst, uint64(rec.Runes))
	return binary.LittleEndian.AppendUint64(dst, uint64(rec.At))
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decode appends a stored row to a table under construction.
func (c *codec) decode(b *table.Builder, id string, data []byte) (rec certain.Record, err error) {
	r := reader{data: data}
	if r.byte() != codecVersion {
		return rec, errRow
	}
	var words []string
	var hashes []uint32
	for i, d := range c.defs {
		switch d.Kind {
		case table.KindText:
			b.Text(i, r.text())
		case table.KindNumber:
			b.Number(i, math.Float64frombits(r.fixed()))
		case table.KindDate:
			b.Date(i, int32(r.varint()))
		case table.KindTime:
			b.Time(i, int64(r.fixed()))
		case table.KindPoint:
			x, y := math.Float64frombits(r.fixed()), math.Float64frombits(r.fixed())
			b.Point(i, x, y)
		case table.KindSet:
			n := r.count()
			if d.Words {
				words = words[:0]
				for range n {
					words = append(words, r.text())
				}
				b.Words(i, words)
			} else {
				hashes = hashes[:0]
				for range n {
					hashes = append(hashes, r.fixed32())
				}
				b.Hashes(i, hashes)
			}
		}
	}
	for _, s := range []*string{&rec.Source, &rec.Kind, &rec.Number, &rec.Alt, &rec.Parent, &rec.UpstreamKind, &rec.Upstream, &rec.Purpose} {
		*s = r.text()
	}
	for range r.count() {
		t := feature.Ticket{Number: r.text()}
		t.Kind, t.Named = feature.TicketKind(r.byte()), r.byte() == 1
		rec.Tickets = append(rec.Tickets, t)
	}
	rec.Cues, rec.Invalid = feature.Cue(r.byte()), r.byte() == 1
	rec.Copy = r.fixed()
	rec.Runes = int(r.uvarint())
	rec.At = int64(r.fixed())
	if r.bad || r.at != len(data) {
		return rec, fmt.Errorf("%w: %d bytes", errRow, len(data))
	}
	b.EndRow(id)
	return rec, nil
}

// reader reads stored bytes; bad is set once they end early.
type reader struct {
	data []byte
	at   int
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.data)-r.at {
		r.bad = true
		return nil
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) fixed() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) fixed32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data[min(r.at, len(r.data)):])
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data[min(r.at, len(r.data)):])
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

// count is a number of things that follow: never more than the bytes that are left.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)-r.at) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return string(r.take(r.count())) }
