package sqltable

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

// maxRaw is the most that a reject carries of a record.
const maxRaw = 64 << 10

// renderer appends rows to a builder in canonical text.
type renderer struct {
	p       *plan
	b       *connectors.Builder
	at      []int // builder column of each selected column
	table   int   // builder column of _table, -1 for a query
	check   bool  // some column may hold bytes that are no text
	rejects []connectors.Reject
	buf     []byte
	texts   [][]byte // decoded cells of a row with a charset
	rows    int      // rows seen, for the position in a reject
}

func newRenderer(p *plan) *renderer {
	r := &renderer{p: p, b: connectors.NewBuilder(), table: -1, texts: make([][]byte, len(p.cols))}
	for _, c := range p.cols {
		r.at = append(r.at, r.b.Column(c.name))
		r.check = r.check || !p.d.utf8 || c.class == rawText || c.class == hexText
	}
	if p.stream.Query == "" {
		r.table = r.b.Column(tableColumn)
	}
	return r
}

// add appends one row; a row with bytes that are no text becomes a reject.
func (r *renderer) add(row [][]byte, tags []byte) {
	r.rows++
	source := 0
	if r.p.tagged() {
		for _, d := range row[len(r.p.cols)] {
			source = source*10 + int(d-'0')
		}
	}
	cells := row[:len(r.p.cols)]
	if r.check && !r.decode(cells, tags, source) {
		return
	}
	for i, v := range cells {
		if v == nil {
			continue
		}
		if r.texts[i] != nil {
			v = r.texts[i]
		}
		switch c := r.p.cols[i].class; c {
		case plain, naive, date, integer, decimal, rawText, hexText, clockTime:
			r.b.SetBytes(r.at[i], v)
		default:
			r.b.SetBytes(r.at[i], r.canonical(c, v, tags, i))
		}
	}
	if r.table >= 0 {
		r.b.Set(r.table, r.p.names[source])
	}
	r.b.EndRow()
}

// canonical turns the wire form of the classes that differ from it into canonical text. The result is valid until the
// next call.
func (r *renderer) canonical(c class, v []byte, tags []byte, i int) []byte {
	switch c {
	case boolean:
		switch string(v) {
		case "t":
			r.buf = append(r.buf[:0], "true"...)
			return r.buf
		case "f":
			r.buf = append(r.buf[:0], "false"...)
			return r.buf
		}
	case zoned:
		// The session's zone is UTC: "2024-01-31 08:00:00+00", or without an offset on MySQL.
		if len(v) < 19 || v[10] != ' ' || string(v[:4]) == "0000" {
			return v // already RFC 3339, infinity, BC, or the zero date
		}
		r.buf = append(append(append(r.buf[:0], v[:10]...), 'T'), v[11:]...)
		if n := len(r.buf); string(r.buf[n-3:]) == "+00" {
			r.buf = r.buf[:n-3]
		} else if strings.ContainsAny(string(r.buf[10:]), "+- ") {
			return v
		}
		r.buf = append(r.buf, 'Z')
		return r.buf
	case hexed:
		if len(v) >= 2 && v[0] == '\\' && v[1] == 'x' {
			return r.declared(v[2:])
		}
	case binary:
		if tags == nil || tags[i] == 'b' {
			r.buf = hex.AppendEncode(r.buf[:0], v)
			return r.buf
		}
	case guid:
		if len(v) == 16 {
			r.buf = fmt.Appendf(r.buf[:0], "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%X", v[3], v[2], v[1], v[0], v[5], v[4], v[7], v[6], v[8], v[9], v[10:])
			return r.buf
		}
	}
	return v
}

// declared renders a PostgreSQL bytea: text where the stream declares a charset and the bytes are text in it, else hex.
func (r *renderer) declared(digits []byte) []byte {
	if r.p.stream.Charset == "" {
		return digits
	}
	raw, err := hex.AppendDecode(r.buf[:0], digits)
	if err != nil {
		return digits
	}
	r.buf = raw
	if r.p.stream.Charset == "gb18030" {
		if t, ok := fromGB18030(raw); ok {
			return t
		}
	} else if valid(raw) {
		return raw
	}
	return digits
}

// decode checks every text cell and decodes those with a declared charset. It reports false after turning the row into
// a reject.
func (r *renderer) decode(cells [][]byte, tags []byte, source int) bool {
	for i, v := range cells {
		r.texts[i] = nil
		if v == nil {
			continue
		}
		c := r.p.cols[i]
		switch c.class {
		case hexText:
			raw, err := hex.DecodeString(string(v[min(2, len(v)):]))
			if err != nil {
				return r.reject(cells, i, source)
			}
			t, ok := fromGB18030(raw)
			if !ok {
				return r.reject(cells, i, source)
			}
			r.texts[i] = t
		case rawText:
			if ascii(v) {
				continue
			}
			t, ok := fromGB18030(v)
			if !ok {
				return r.reject(cells, i, source)
			}
			r.texts[i] = t
		case binary, guid, hexed:
			if (tags == nil || tags[i] == 's') && !valid(v) {
				return r.reject(cells, i, source)
			}
		default:
			if !r.p.d.utf8 && !valid(v) {
				return r.reject(cells, i, source)
			}
		}
	}
	return true
}

func (r *renderer) reject(cells [][]byte, col, source int) bool {
	var raw []byte
	for i, v := range cells {
		raw = append(append(raw, r.p.cols[i].name...), '=')
		raw = append(append(raw, v...), '\n')
		if len(raw) > maxRaw {
			raw = raw[:maxRaw]
			break
		}
	}
	where := r.p.names[source]
	if where == "" {
		where = "the query"
	}
	name := r.p.cols[col].name
	// invariant 4: the message names the column, never its value.
	r.rejects = append(r.rejects, connectors.Reject{
		Position: fmt.Sprintf("row %d of this reading, from %s", r.rows, where), Rule: "bad_encoding",
		Message:   fmt.Sprintf("column %q holds bytes that are no text in its character set", name),
		MessageZH: fmt.Sprintf("列“%s”含有与字符集不符的字节", name),
		Raw:       raw,
	})
	return false
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// fromGB18030 decodes strictly: an illegal sequence is an error, not a replacement character.
func fromGB18030(b []byte) ([]byte, bool) {
	t, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	if err != nil || strings.ContainsRune(string(t), '\uFFFD') {
		return nil, false
	}
	if t == nil {
		t = noBytes
	}
	return t, true
}
