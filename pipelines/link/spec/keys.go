package spec

import (
	"hash/maphash"
	"slices"
	"time"

	"onegrid/pipelines/link/table"
)

// Hashes are the block keys of every row under a rule: those of row i are hashes[offsets[i]:offsets[i+1]]. A row that
// has no value for one of the keys has none, and so is in no block: null is never a key. A set column gives one key per
// token, and two of them every combination.
//
// Hashes are equal within one process for one table only. Rules without keys give no hashes.
func (r *Rule) Hashes(t *table.Table) (offsets []uint32, hashes []uint64) {
	offsets = make([]uint32, 1, t.Rows()+1)
	if len(r.Keys) == 0 {
		return append(offsets, make([]uint32, t.Rows())...), nil
	}
	parts := make([]part, len(r.Keys))
	for i, k := range r.Keys {
		parts[i] = newPart(t, k)
	}
	var now, next, tokens []uint64
	for row := range int32(t.Rows()) {
		now = append(now[:0], 0x9e3779b97f4a7c15)
		for _, p := range parts {
			tokens = p(row, tokens[:0])
			next = next[:0]
			for _, h := range now {
				for _, tok := range tokens {
					next = append(next, mix(h^tok))
				}
			}
			now, next = next, now
		}
		hashes = append(hashes, now...)
		offsets = append(offsets, uint32(len(hashes)))
	}
	return offsets, hashes
}

// mix spreads a key over 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// part appends what one key says of a row; nothing for null.
type part func(row int32, dst []uint64) []uint64

func newPart(t *table.Table, k Key) part {
	one := func(v uint64, ok bool, dst []uint64) []uint64 {
		if ok {
			dst = append(dst, v)
		}
		return dst
	}
	switch t.Kind(k.Column) {
	case table.KindText:
		c := t.Text(k.Column)
		if k.Prefix == 0 {
			return func(row int32, dst []uint64) []uint64 {
				code := c.Code(row)
				return one(uint64(code), code != 0 && (k.DF == 0 || int(c.Dict().Count(code)) <= k.DF), dst)
			}
		}
		seed := maphash.MakeSeed()
		byCode := make([]uint64, c.Dict().Len()+1)
		for code := uint32(1); int(code) < len(byCode); code++ {
			byCode[code] = maphash.String(seed, prefix(c.Dict().At(code), k.Prefix))
		}
		return func(row int32, dst []uint64) []uint64 { code := c.Code(row); return one(byCode[code], code != 0, dst) }
	case table.KindDate:
		c := t.Date(k.Column)
		return func(row int32, dst []uint64) []uint64 {
			v := c.At(row)
			return one(uint64(datePart(v, k.Part)), v != 0, dst)
		}
	case table.KindTime:
		c := t.Time(k.Column)
		return func(row int32, dst []uint64) []uint64 {
			if c.Null(row) {
				return dst
			}
			y, m, d := time.UnixMicro(c.At(row)).UTC().Date()
			return append(dst, uint64(datePart(int32(y*10000+int(m)*100+d), k.Part)))
		}
	case table.KindSet:
		c := t.Set(k.Column)
		return func(row int32, dst []uint64) []uint64 {
			for _, tok := range c.At(row) {
				if k.DF == 0 || int(c.DF(tok)) <= k.DF {
					dst = append(dst, uint64(tok))
				}
			}
			return dst
		}
	}
	return func(_ int32, dst []uint64) []uint64 { return dst }
}

func datePart(v int32, part string) int32 {
	switch part {
	case "year":
		return v / 10000
	case "month":
		return v / 100 % 100
	case "day":
		return v % 100
	}
	return v
}

// Holds reports whether the older of two rows was open, or closed less than grace ago, when the newer began. A row without
// a beginning excludes nothing, and one without an end is open.
func (o *Open) Holds(t *table.Table) func(a, b int32) bool {
	began, closed, grace := t.Time(o.Began), t.Time(o.Closed), o.Grace.D().Microseconds()
	return func(a, b int32) bool {
		ta, tb := began.At(a), began.At(b)
		if ta == table.NoTime || tb == table.NoTime {
			return true
		}
		older, at := a, tb
		if tb < ta {
			older, at = b, ta
		}
		end := closed.At(older)
		return end == table.NoTime || at <= end+grace
	}
}

// ClassOf gives the place in names (sorted) of every row's class, and the names. Without classes every row is of the one
// class "".
func (s *Spec) ClassOf(t *table.Table) (class []uint8, names []string) {
	class = make([]uint8, t.Rows())
	if s.Classes == nil {
		return class, []string{""}
	}
	names = sorted(s.Classes.Policy)
	col := t.Text(s.Classes.Column)
	byCode := make([]uint8, col.Dict().Len()+1)
	for code := range byCode {
		byCode[code] = uint8(slices.Index(names, s.Classes.of(col.Dict().At(uint32(code)))))
	}
	for row := range class {
		class[row] = byCode[col.Code(int32(row))]
	}
	return class, names
}

// of is the class of a value, "" for null.
func (c *Classes) of(v string) string {
	for _, m := range c.Map {
		if v != "" && m.fits(v) {
			return m.Class
		}
	}
	return c.Default
}

func (m ClassRule) fits(v string) bool {
	if slices.Contains(m.Exact, v) {
		return true
	}
	for _, p := range m.Prefix {
		if len(v) >= len(p) && v[:len(p)] == p {
			return true
		}
	}
	return false
}

// Excluded are the comparisons, by place, that a rule decides or nearly so: those that read a source column of one of its
// keys or limits. They are left out when m is estimated on the rule's pairs, where they hardly vary.
func (s *Spec) Excluded(r *Rule) []bool {
	var srcs []string
	for _, k := range r.Keys {
		srcs = append(srcs, s.Sources(k.Column)...)
	}
	if r.Near != nil {
		srcs = append(srcs, s.Sources(r.Near.Point)...)
	}
	if r.Within != nil {
		srcs = append(srcs, s.Sources(r.Within.Time)...)
	}
	var ends []string
	if r.WhileOpen != nil { // says when the older one ended, and little about the time between
		ends = s.Sources(r.WhileOpen.Closed)
	}
	out := make([]bool, len(s.Comparisons))
	for i, c := range s.Comparisons {
		for _, col := range c.Columns {
			for _, src := range s.Sources(col) {
				out[i] = out[i] || slices.Contains(srcs, src)
			}
		}
		for _, l := range c.Levels {
			l.eachOpen(func(o *Open) {
				for _, src := range s.Sources(o.Closed) {
					out[i] = out[i] || slices.Contains(ends, src)
				}
			})
		}
	}
	return out
}

func (t *Test) eachOpen(see func(*Open)) {
	if t.Open != nil {
		see(t.Open)
	}
	for _, sub := range slices.Concat(t.All, t.Any) {
		sub.eachOpen(see)
	}
}
