package normalize

import (
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// dictWriter makes one dictionary column batch after batch and remembers what each text became, so that a repeated
// value costs a comparison.
type dictWriter struct {
	f     *field
	seen  map[string]*dictEntry
	slots [256]dictSlot
	fixed arrow.Array // the dictionary of a code list
	index map[string]int16

	batch  uint32
	values []string // dictionary of the batch, where there is no code list
}

type dictSlot struct {
	key   string
	entry *dictEntry
}

// dictEntry is what a text became.
type dictEntry struct {
	key       string
	value     string // of the target; the source code where o is isUnmapped
	o         outcome
	idx       int16
	batch     uint32 // for which idx holds
	misformed bool
	mojibake  bool
}

// maxSeen bounds the memory of a writer between batches.
const maxSeen = 8192

func (n *Normalizer) dictWriter(i int, f *field) *dictWriter {
	w := n.dicts[i]
	if w == nil {
		w = &dictWriter{f: f, seen: map[string]*dictEntry{}, index: map[string]int16{}}
		if f.list != nil {
			values := f.list.Values()
			w.fixed = dictionaryOf(values)
			for i, v := range values {
				w.index[v] = int16(i)
			}
		}
		n.dicts[i] = w
	}
	if len(w.seen) > maxSeen {
		clear(w.seen)
		w.slots = [256]dictSlot{}
	}
	w.batch++
	w.values = w.values[:0]
	if w.fixed == nil {
		clear(w.index)
	}
	return w
}

// entry finds what a text became. Texts are copied before they are kept: the batch they point into is released.
func (w *dictWriter) entry(s string) *dictEntry {
	h := uint(len(s))
	if len(s) > 0 {
		h = h*31 + uint(s[0]) + uint(s[len(s)-1])*7 + uint(s[len(s)/2])*13
	}
	slot := &w.slots[h%uint(len(w.slots))]
	if slot.entry != nil && slot.key == s {
		return slot.entry
	}
	e, ok := w.seen[s]
	if !ok {
		s = strings.Clone(s)
		e = w.outcome(s)
		e.key = s
		w.seen[s] = e
	}
	slot.key, slot.entry = e.key, e
	return e
}

func (w *dictWriter) outcome(s string) *dictEntry {
	e := &dictEntry{value: s, o: isOK}
	if w.f.cached {
		e.value, e.o = w.f.alts[0].refine(s)
	}
	if e.o != isOK {
		return e
	}
	if w.fixed != nil {
		e.idx = w.index[e.value]
		return e
	}
	e.misformed = w.f.format != nil && !w.f.format.MatchString(e.value)
	e.mojibake = mojibake(e.value)
	return e
}

// number gives the index of an entry in the dictionary of this batch.
func (w *dictWriter) number(e *dictEntry) (int16, error) {
	if w.fixed != nil || e.batch == w.batch {
		return e.idx, nil
	}
	i, ok := w.index[e.value]
	if !ok {
		if len(w.values) > math.MaxInt16 {
			return 0, fmt.Errorf("mapping %s: %w; lower batch_rows or map another column", w.f.name, ErrTooManyValues)
		}
		i = int16(len(w.values))
		w.values = append(w.values, e.value)
		w.index[e.value] = i
	}
	e.idx, e.batch = i, w.batch
	return i, nil
}

// dict makes a dictionary column.
func (r *run) dict(i int, f *field) (arrow.Array, error) {
	if r.absent(f) {
		return nil, nil
	}
	w := r.n.dictWriter(i, f)
	buf := memory.NewResizableBuffer(r.n.mem)
	buf.Resize(r.rows * 2)
	idx := arrow.GetData[int16](buf.Bytes())
	var valid validity
	fill := "" // of a row without a value
	if f.hasDef {
		fill = f.def
	} else if f.needed && f.list != nil {
		fill = f.list.Unknown
	}
	var v *view
	if f.cached {
		v = &r.cols[f.alts[0].cols[0]]
	}
	var last *dictEntry
	lastKey := ""
	for row := range idx {
		var e *dictEntry
		o := isNull
		if v != nil {
			if !v.null(row) {
				if s := v.at(row); last != nil && s == lastKey {
					e = last
				} else {
					e = w.entry(s)
					last, lastKey = e, s
				}
				o = e.o
			}
		} else {
			var s string
			if s, o = r.value(f, row); o == isOK {
				e = w.entry(s)
			} else if o == isUnmapped {
				e = &dictEntry{value: s, o: o}
			}
		}
		if o == isOK {
			n, err := w.number(e)
			if err != nil {
				buf.Release()
				if valid.buf != nil {
					valid.buf.Release()
				}
				return nil, err
			}
			idx[row] = n
			if e.misformed {
				r.formatted(f, row, e.value)
			}
			if e.mojibake {
				r.flags[row] |= event.EncodingReplaced
			}
			continue
		}
		value := fill
		if o == isUnmapped {
			r.unmapped(f, row, e.value)
			value = f.unmapped()
		} else if (o != isNull || f.require) && !f.hasDef {
			r.failed(f, row, o, 0, "bad_code")
		}
		if value == "" {
			idx[row] = 0
			valid.clear(r.n.mem, r.rows, row)
			continue
		}
		n, err := w.number(w.filled(value))
		if err != nil {
			buf.Release()
			return nil, err
		}
		idx[row] = n
	}
	if valid.nulls == r.rows && r.rows > 0 {
		buf.Release()
		valid.buf.Release()
		return nil, nil
	}
	indices := valid.finish(arrow.PrimitiveTypes.Int16, r.rows, buf)
	defer indices.Release()
	dict := w.fixed
	if dict == nil {
		b := array.NewStringBuilder(r.n.mem)
		defer b.Release()
		b.AppendStringValues(w.values, nil)
		dict = b.NewArray()
		defer dict.Release()
	}
	return array.NewDictionaryArray(event.Dict, indices, dict), nil
}

// filled is the entry of a value of the target, as against one of the source.
func (w *dictWriter) filled(value string) *dictEntry {
	return &dictEntry{value: value, o: isOK, idx: w.index[value]}
}

// coordinates sets the coordinate system and what the point is the position of. Both hold only where there is a point:
// 0,0 is a missing one.
func (r *run) coordinates() {
	xi, yi, crs, origin := event.Index("coord_src_x"), event.Index("coord_src_y"), event.Index("coord_src_crs"), event.Index("coord_origin")
	x, _ := r.out[xi].(*array.Float64)
	y, _ := r.out[yi].(*array.Float64)
	mapped := r.out[origin]
	r.out[origin] = nil
	if mapped != nil {
		defer mapped.Release()
	}
	if x == nil || y == nil || r.rows == 0 {
		r.out[origin] = r.n.shared.constant(event.CoordOrigins.Unknown, r.rows)
		return
	}
	values := event.CoordOrigins.Values()
	index := func(v string) int16 {
		for i := range values {
			if values[i] == v {
				return int16(i)
			}
		}
		return 0
	}
	none, incident := index("none"), index("incident")
	given := func(int) int16 { return incident }
	if d, ok := mapped.(*array.Dictionary); ok {
		names := d.Dictionary().(*array.String)
		trans := make([]int16, names.Len())
		for i := range trans {
			trans[i] = index(names.Value(i))
		}
		given = func(row int) int16 {
			if d.IsNull(row) {
				return none
			}
			return trans[d.GetValueIndex(row)]
		}
	}
	origins, systems := memory.NewResizableBuffer(r.n.mem), memory.NewResizableBuffer(r.n.mem)
	origins.Resize(r.rows * 2)
	systems.Resize(r.rows * 2)
	memory.Set(systems.Bytes(), 0)
	o := arrow.GetData[int16](origins.Bytes())
	var all, valid validity
	xs, ys := x.Float64Values(), y.Float64Values()
	for row := range o {
		if x.IsNull(row) || y.IsNull(row) || xs[row] == 0 && ys[row] == 0 {
			o[row] = none
			valid.clear(r.n.mem, r.rows, row)
			continue
		}
		o[row] = given(row)
	}
	oi := all.finish(arrow.PrimitiveTypes.Int16, r.rows, origins)
	defer oi.Release()
	ci := valid.finish(arrow.PrimitiveTypes.Int16, r.rows, systems)
	defer ci.Release()
	r.out[origin] = array.NewDictionaryArray(event.Dict, oi, r.n.shared.dictionary("coord_origin", values))
	if r.p.crs != "" && r.out[crs] == nil && ci.NullN() < r.rows {
		r.out[crs] = array.NewDictionaryArray(event.Dict, ci, r.n.shared.dictionary("crs", []string{r.p.crs}))
	}
}

// dictionary is the shared dictionary called name.
func (s *sharedArrays) dictionary(name string, values []string) arrow.Array {
	key := "\x00" + name
	d, ok := s.dicts[key]
	if !ok {
		d = dictionaryOf(values)
		s.dicts[key] = d
	}
	return d
}
