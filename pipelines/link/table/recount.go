package table

import "github.com/cespare/xxhash/v2"

// TokenHash is the hash that a dictionary's text has outside of its table: xxHash64.
func TokenHash(text []byte) uint64 { return xxhash.Sum64(text) }

// EachCount calls see for every value of a text or set column with the number of rows that hold it. Values are given by
// TokenHash, hashed tokens by themselves.
func (t *Table) EachCount(column string, see func(hash uint64, rows uint32)) {
	dict := func(d *Dict) {
		for code := uint32(1); int(code) <= d.Len(); code++ {
			if n := d.Count(code); n > 0 {
				see(TokenHash(d.Bytes(code)), n)
			}
		}
	}
	switch c := t.byKey[column].(type) {
	case *Text:
		dict(c.dict)
	case *Set:
		if c.dict != nil {
			dict(c.dict)
			return
		}
		c.counted()
		for token, n := range c.df {
			see(uint64(token), n)
		}
	}
}

// Recount replaces the frequencies of a column by those of a larger collection: a table of a thousand records does not
// know which places are common. count is asked by the hash that EachCount gives; what it answers below the table's own
// count is raised to that.
func (t *Table) Recount(column string, count func(hash uint64) uint32) {
	dict := func(d *Dict) {
		for code := uint32(1); int(code) <= d.Len(); code++ {
			d.count[code-1] = max(d.count[code-1], count(TokenHash(d.Bytes(code))))
		}
	}
	switch c := t.byKey[column].(type) {
	case *Text:
		dict(c.dict)
	case *Set:
		if c.dict != nil {
			dict(c.dict)
			return
		}
		c.counted()
		for token, n := range c.df {
			c.df[token] = max(n, count(uint64(token)))
		}
	}
}
