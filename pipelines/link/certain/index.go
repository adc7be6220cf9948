package certain

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"
)

// tidy is a number as it is compared: half-width, upper case, without blanks.
func tidy(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c <= ' ' || c >= 'a' && c <= 'z' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.ToUpper(strings.Join(strings.Fields(norm.NFKC.String(s)), ""))
}

// placeholder reports whether a number cannot be the number of a record by its shape: too short, or one character again
// and again.
func placeholder(s string) bool {
	if len(s) < 4 {
		return true
	}
	digits := false
	for i := range len(s) {
		digits = digits || s[i] >= '0' && s[i] <= '9'
	}
	return !digits || strings.Count(s, s[:1]) == len(s) || s == "123456789"[:min(len(s), 9)]
}

type entry struct {
	key uint64
	row int32
	alt bool
}

// index finds records by their numbers: one sorted slice instead of a map of slices.
type index struct {
	entries []entry
	records []Record
}

func newIndex(records []Record) *index {
	x := &index{entries: make([]entry, 0, len(records)), records: records}
	for i := range records {
		r := &records[i]
		if n := tidy(r.Number); n != "" {
			x.entries = append(x.entries, entry{xxhash.Sum64String(n), int32(i), false})
		}
		if n := tidy(r.Alt); n != "" && n != tidy(r.Number) && !placeholder(n) {
			x.entries = append(x.entries, entry{xxhash.Sum64String(n), int32(i), true})
		}
	}
	slices.SortFunc(x.entries, func(a, b entry) int {
		switch {
		case a.key != b.key:
			if a.key < b.key {
				return -1
			}
			return 1
		default:
			return int(a.row - b.row)
		}
	})
	return x
}

// find calls each for the records that carry a number, which must be tidy.
func (x *index) find(number string, each func(row int32, alt bool)) {
	key := xxhash.Sum64String(number)
	i, _ := slices.BinarySearchFunc(x.entries, key, func(e entry, k uint64) int {
		switch {
		case e.key < k:
			return -1
		case e.key > k:
			return 1
		}
		return 0
	})
	for ; i < len(x.entries) && x.entries[i].key == key; i++ {
		e := x.entries[i]
		have := x.records[e.row].Number
		if e.alt {
			have = x.records[e.row].Alt
		}
		if tidy(have) == number {
			each(e.row, e.alt)
		}
	}
}

// match is what one number resolves to.
type match struct {
	row int32
	n   int // records that fit; more than one is ambiguous
}

// resolve finds the one record of those that ok accepts. A record's own number is preferred to another's second number.
func (x *index) resolve(number string, ok func(row int32) bool) match {
	var first, second match
	x.find(number, func(row int32, alt bool) {
		if !ok(row) {
			return
		}
		m := &first
		if alt {
			m = &second
		}
		m.row, m.n = row, m.n+1
	})
	if first.n > 0 {
		return first
	}
	return second
}
