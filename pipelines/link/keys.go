package link

import (
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// keyer makes block keys that mean the same in every run, so that the store can find partners of a new event by them:
// spec.Rule.Hashes are of one table only. A rule with a distance gives the cell of the record's place; a probe asks for the
// cells around as well.
type keyer struct{ rules []keyRule }

type keyRule struct {
	salt  uint64
	parts []func(row int32, dst []uint64) []uint64
	cells *cells
}

// cells cut the map into squares of the rule's distance. Rows of squares are as wide as at the middle latitude of the
// city, which is fixed: cells must not move when other events come.
type cells struct {
	point  *table.Point
	dx, dy float64 // degrees, or metres of a plane
	hidden func(row int32) bool
}

const metresPerDegree = 111_194.93 // 6371008.8 m * pi / 180

func newKeyer(s *spec.Spec, t *table.Table, latitude float64, hidden func(int32) bool) *keyer {
	k := &keyer{}
	for _, rule := range s.Blocking {
		r := keyRule{salt: xxhash.Sum64String(rule.Name)}
		for _, key := range rule.Keys {
			r.parts = append(r.parts, keyPart(t, key))
		}
		if rule.Near != nil {
			p := t.Point(rule.Near.Point)
			c := &cells{point: p, dx: rule.Near.Metres, dy: rule.Near.Metres, hidden: hidden}
			if p.Geographic() {
				c.dy = rule.Near.Metres / metresPerDegree
				c.dx = c.dy / math.Max(0.1, math.Cos(latitude*math.Pi/180))
			}
			r.cells = c
		}
		k.rules = append(k.rules, r)
	}
	return k
}

// keys appends the keys of a row, or with probe those that its partners may have.
func (k *keyer) keys(row int32, probe bool, dst []uint64) []uint64 {
	var now, next, tokens []uint64
	for _, r := range k.rules {
		now = append(now[:0], r.salt)
		for _, p := range r.parts {
			tokens = p(row, tokens[:0])
			next = next[:0]
			for _, h := range now {
				for _, tok := range tokens {
					next = append(next, mix(h^tok))
				}
			}
			now, next = next, now
		}
		if r.cells != nil {
			tokens = r.cells.of(row, probe, tokens[:0])
			next = next[:0]
			for _, h := range now {
				for _, c := range tokens {
					next = append(next, mix(h^c))
				}
			}
			now, next = next, now
		}
		dst = append(dst, now...)
	}
	return dst
}

func (c *cells) of(row int32, around bool, dst []uint64) []uint64 {
	if c.point.Null(row) || c.hidden != nil && c.hidden(row) {
		return dst
	}
	x, y := c.point.At(row)
	cx, cy := int64(math.Floor(x/c.dx)), int64(math.Floor(y/c.dy))
	if !around {
		return append(dst, cell(cx, cy))
	}
	for i := int64(-1); i <= 1; i++ {
		for j := int64(-1); j <= 1; j++ {
			dst = append(dst, cell(cx+i, cy+j))
		}
	}
	return dst
}

func cell(x, y int64) uint64 { return mix(uint64(x)<<32 ^ uint64(uint32(y))) }

// mix spreads a key over 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// keyPart is one part of a rule's key; nothing for null.
func keyPart(t *table.Table, k spec.Key) func(row int32, dst []uint64) []uint64 {
	date := func(v int32, dst []uint64) []uint64 {
		switch k.Part {
		case "year":
			v /= 10000
		case "month":
			v = v / 100 % 100
		case "day":
			v %= 100
		}
		return append(dst, uint64(v))
	}
	switch t.Kind(k.Column) {
	case table.KindText:
		c := t.Text(k.Column)
		byCode := make([]uint64, c.Dict().Len()+1)
		for code := 1; code < len(byCode); code++ {
			b := c.Dict().Bytes(uint32(code))
			if k.Prefix > 0 {
				b = firstRunes(b, k.Prefix)
			}
			byCode[code] = table.TokenHash(b)
		}
		return func(row int32, dst []uint64) []uint64 {
			code := c.Code(row)
			if code == 0 || k.DF > 0 && int(c.Dict().Count(code)) > k.DF {
				return dst
			}
			return append(dst, byCode[code])
		}
	case table.KindDate:
		c := t.Date(k.Column)
		return func(row int32, dst []uint64) []uint64 {
			if v := c.At(row); v != 0 {
				return date(v, dst)
			}
			return dst
		}
	case table.KindTime:
		c := t.Time(k.Column)
		return func(row int32, dst []uint64) []uint64 {
			if c.Null(row) {
				return dst
			}
			y, m, d := time.UnixMicro(c.At(row)).UTC().Date()
			return date(int32(y*10000+int(m)*100+d), dst)
		}
	case table.KindSet:
		c := t.Set(k.Column)
		var byToken []uint64
		if c.Dict() != nil {
			byToken = make([]uint64, c.Dict().Len()+1)
			for code := 1; code < len(byToken); code++ {
				byToken[code] = table.TokenHash(c.Dict().Bytes(uint32(code)))
			}
		}
		return func(row int32, dst []uint64) []uint64 {
			for _, tok := range c.At(row) {
				if k.DF > 0 && int(c.DF(tok)) > k.DF {
					continue
				}
				if byToken != nil {
					dst = append(dst, byToken[tok])
				} else {
					dst = append(dst, uint64(tok))
				}
			}
			return dst
		}
	}
	return func(_ int32, dst []uint64) []uint64 { return dst }
}

func firstRunes(b []byte, n int) []byte {
	for i := range string(b) {
		if n == 0 {
			return b[:i]
		}
		n--
	}
	return b
}

// Salts keep a record number apart from a text that is the same as another's.
const (
	numberSalt = 0x6e756d62
	copySalt   = 0x636f7079
)

// refs appends what an event can be found by for certain: hashes of its numbers, of the numbers that it names, and of its
// whole text. Both sides of a link hold the same one, whichever comes first.
func refs(rec *certain.Record, dst []uint64) []uint64 {
	number := func(s string) {
		if s != "" {
			dst = append(dst, mix(xxhash.Sum64String(s)^numberSalt))
		}
	}
	number(rec.Number)
	number(rec.Alt)
	number(rec.Parent)
	number(rec.Upstream)
	for _, t := range rec.Tickets {
		number(t.Number)
	}
	if rec.Copy != 0 {
		dst = append(dst, mix(rec.Copy^copySalt))
	}
	return dst
}
