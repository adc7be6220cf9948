package normalize

import (
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
)

// Report says what became of everything that is not in the drafts. It holds no values of records except codes that
// look like codes.
type Report struct {
	Rows    int64            `json:"rows"`              // records read
	Events  int64            `json:"events"`            // records mapped
	Rejects map[string]int64 `json:"rejects,omitempty"` // by rule
	// Unmapped are source columns that the mapping does not name: dropped, with the number of rows that had a value.
	// A name that does not look like one is shown as its position.
	Unmapped map[string]int64 `json:"unmapped_columns,omitempty"`
	// Missing are columns declared in expect that a batch did not have, with the number of its rows.
	Missing map[string]int64 `json:"missing_columns,omitempty"`
	// Codes are source codes that no list holds, by target field.
	Codes map[string]UnmappedCodes `json:"unmapped_codes,omitempty"`
	Flags map[string]int64         `json:"flags,omitempty"` // rows per quality flag
}

// UnmappedCodes are the unmapped codes of one field: rows in all, and rows by code for those that can be shown.
type UnmappedCodes struct {
	Rows   int64            `json:"rows"`
	ByCode map[string]int64 `json:"by_code,omitempty"`
}

const (
	maxCodes  = 64 // distinct codes shown per field
	hanShown  = 5  // rows before a text without digits or Latin letters is shown: a name rarely repeats
	maxLength = 16 // characters of a code
)

type unmappedKey struct{ field, code string }

// missKey keeps a code only where it may be shown (invariant 4); others count under "".
func missKey(field, code string) unmappedKey {
	if !codeLike(code) {
		code = ""
	}
	return unmappedKey{field, strings.Clone(code)}
}

// codeLike reports whether a text may be shown: short, and without the shape of a phone number, an identity number, a
// plate, an address or a sentence.
func codeLike(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > maxLength || strings.ContainsAny(s, "@*号室栋弄楼，。,;:：\r\n\t") {
		return false
	}
	run := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= '0' && c <= '9' {
			if run++; run > 6 {
				return false
			}
		} else if c != '-' && c != ' ' { // a phone number written in groups is one run
			run = 0
		}
	}
	first, n := utf8.DecodeRuneInString(s)
	return !(isHan(first) && n < len(s) && s[n] >= 'A' && s[n] <= 'Z') // a plate begins so
}

func newReport() *Report {
	return &Report{Rejects: map[string]int64{}, Unmapped: map[string]int64{}, Missing: map[string]int64{}, Codes: map[string]UnmappedCodes{}, Flags: map[string]int64{}}
}

func (p *Report) add(r *run, rows int, rejects []event.Reject) {
	p.Rows += int64(rows)
	p.Events += int64(r.rows)
	for _, j := range rejects {
		p.Rejects[j.Rule]++
	}
	for _, name := range r.drift {
		p.Missing[shownName(name, 0)] += int64(r.rows)
	}
	for k, n := range r.misses {
		c := p.Codes[k.field]
		if c.ByCode == nil {
			c.ByCode = map[string]int64{}
		}
		c.Rows += n
		if _, known := c.ByCode[k.code]; k.code != "" && (known || len(c.ByCode) < 4*maxCodes) {
			c.ByCode[k.code] += n
		}
		p.Codes[k.field] = c
	}
	var counts [64]int64
	for _, f := range r.flags {
		for f != 0 {
			low := f & -f
			f &^= low
			counts[bits.TrailingZeros64(uint64(low))]++
		}
	}
	for _, info := range event.Flags() {
		if n := counts[bits.TrailingZeros64(uint64(info.Flag))]; n > 0 {
			p.Flags[info.Name] += n
		}
	}
}

// leftovers counts the columns that nothing reads and that are not dropped on purpose.
func (p *Report) leftovers(rec arrow.RecordBatch, cols []int, drop *dropList) {
	for _, i := range cols {
		name := rec.ColumnName(i)
		if drop.has(name) {
			continue
		}
		p.Unmapped[shownName(name, i)] += int64(rec.Column(i).Len() - rec.Column(i).NullN())
	}
}

// copy is what Report hands out: codes that did not show themselves as such by repeating are left out.
func (p *Report) copy() Report {
	out := Report{Rows: p.Rows, Events: p.Events, Rejects: maps.Clone(p.Rejects), Unmapped: maps.Clone(p.Unmapped),
		Missing: maps.Clone(p.Missing), Flags: maps.Clone(p.Flags), Codes: map[string]UnmappedCodes{}}
	for field, c := range p.Codes {
		shown := UnmappedCodes{Rows: c.Rows, ByCode: map[string]int64{}}
		for _, code := range slices.SortedFunc(maps.Keys(c.ByCode), func(a, b string) int {
			if d := c.ByCode[b] - c.ByCode[a]; d != 0 {
				return int(d)
			}
			return strings.Compare(a, b)
		}) {
			if len(shown.ByCode) < maxCodes && (coded(code) || c.ByCode[code] >= hanShown) {
				shown.ByCode[code] = c.ByCode[code]
			}
		}
		out.Codes[field] = shown
	}
	return out
}

// coded reports whether a text is a code by its look: ASCII with a digit, so neither a Chinese nor a Latin name.
func coded(s string) bool {
	digit := false
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
		digit = digit || s[i] >= '0' && s[i] <= '9'
	}
	return digit
}

// shownName is a column name that is safe to show. The header line of a file without one is a record.
func shownName(name string, at int) string {
	run := 0
	for _, c := range name {
		if c >= '0' && c <= '9' {
			if run++; run > 6 {
				return "(column " + strconv.Itoa(at+1) + ")"
			}
		} else {
			run = 0
		}
	}
	if name == "" || utf8.RuneCountInString(name) > 64 || strings.ContainsAny(name, "\r\n") {
		return "(column " + strconv.Itoa(at+1) + ")"
	}
	return name
}

// Merge adds the counts of another report, for clones that ran beside each other.
func (p *Report) Merge(o Report) {
	p.Rows += o.Rows
	p.Events += o.Events
	for _, m := range []struct {
		to   *map[string]int64
		from map[string]int64
	}{{&p.Rejects, o.Rejects}, {&p.Unmapped, o.Unmapped}, {&p.Missing, o.Missing}, {&p.Flags, o.Flags}} {
		for k, n := range m.from {
			if *m.to == nil {
				*m.to = map[string]int64{}
			}
			(*m.to)[k] += n
		}
	}
	for field, c := range o.Codes {
		if p.Codes == nil {
			p.Codes = map[string]UnmappedCodes{}
		}
		mine := p.Codes[field]
		if mine.ByCode == nil {
			mine.ByCode = map[string]int64{}
		}
		mine.Rows += c.Rows
		for code, n := range c.ByCode {
			mine.ByCode[code] += n
		}
		p.Codes[field] = mine
	}
}

// dropList are columns that are left out on purpose.
type dropList struct{ names, prefixes []string }

func (d *dropList) has(name string) bool {
	if contains(d.names, name) {
		return true
	}
	for _, p := range d.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
