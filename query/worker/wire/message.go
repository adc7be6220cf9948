package wire

import (
	"encoding/binary"
	"fmt"
)

// EndOfStream is what ends an Arrow IPC stream. Workers do not send it; whoever passes a stream on writes it last.
func EndOfStream() []byte { return []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0} }

// Headers of an Arrow message (Message.fbs, union MessageHeader).
const (
	headerSchema     = 1
	headerDictionary = 2
	headerRecord     = 3
)

// CheckMessage reports whether b is exactly one encapsulated Arrow message, a schema, dictionary or record batch, whose
// body is as long as its metadata says and not compressed. Arrow readers take memory for what the metadata claims; a
// worker in the hands of an attacker could claim anything.
func CheckMessage(b []byte) error {
	if len(b) < 8 || binary.LittleEndian.Uint32(b) != 0xffffffff {
		return fmt.Errorf("%w: no continuation mark", ErrMessage)
	}
	n := int64(int32(binary.LittleEndian.Uint32(b[4:])))
	if n < 4 || n > int64(len(b)-8) {
		return fmt.Errorf("%w: metadata of %d bytes", ErrMessage, n)
	}
	meta, body := flat(b[8:8+n]), int64(len(b))-8-n
	root, ok := meta.table(0)
	if !ok {
		return fmt.Errorf("%w: no message table", ErrMessage)
	}
	kind, _ := meta.scalar(root, 1, 1) // absent is 0, which no case takes
	if claimed, _ := meta.scalar(root, 3, 8); claimed != body {
		return fmt.Errorf("%w: body of %d bytes, %d claimed", ErrMessage, body, claimed)
	}
	header, ok := meta.child(root, 2)
	if !ok {
		return fmt.Errorf("%w: no header", ErrMessage)
	}
	switch kind {
	case headerSchema:
		return nil
	case headerDictionary:
		if header, ok = meta.child(header, 1); !ok {
			return fmt.Errorf("%w: a dictionary without data", ErrMessage)
		}
	case headerRecord:
	default:
		return fmt.Errorf("%w: header kind %d", ErrMessage, kind)
	}
	if meta.field(header, 3) != 0 {
		return fmt.Errorf("%w: compressed", ErrMessage)
	}
	return nil
}

// flat is a FlatBuffers buffer (flatbuffers.dev, "Internals"): just enough of it, every access within bounds.
type flat []byte

func (f flat) u32(at int) (int, bool) {
	if at < 0 || at+4 > len(f) {
		return 0, false
	}
	return int(binary.LittleEndian.Uint32(f[at:])), true
}

// table follows the offset at a position to a table.
func (f flat) table(at int) (int, bool) {
	off, ok := f.u32(at)
	if !ok || off == 0 || at+off+4 > len(f) {
		return 0, false
	}
	return at + off, true
}

// field is the position of a table's field, 0 when it is absent or out of bounds.
func (f flat) field(table, slot int) int {
	rel, ok := f.u32(table)
	if !ok {
		return 0
	}
	v := table - int(int32(rel))
	if v < 0 || v+4 > len(f) {
		return 0
	}
	size := int(binary.LittleEndian.Uint16(f[v:]))
	at := v + 4 + 2*slot
	if at+2 > v+size || at+2 > len(f) {
		return 0
	}
	off := int(binary.LittleEndian.Uint16(f[at:]))
	if off == 0 || table+off >= len(f) {
		return 0
	}
	return table + off
}

func (f flat) child(table, slot int) (int, bool) {
	at := f.field(table, slot)
	if at == 0 {
		return 0, false
	}
	return f.table(at)
}

func (f flat) scalar(table, slot, size int) (int64, bool) {
	at := f.field(table, slot)
	if at == 0 || at+size > len(f) {
		return 0, false
	}
	if size == 1 {
		return int64(f[at]), true
	}
	return int64(binary.LittleEndian.Uint64(f[at:])), true
}
