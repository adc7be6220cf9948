package privacy

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// maxPasses bounds how often a changed text is searched again: what is left after a replacement may read differently.
const maxPasses = 5

type redacted struct {
	text    []byte // valid until the next call; the input where nothing changed
	hits    int
	changed bool
	bad     bool // the input was not valid UTF-8
	ok      bool // the second detector agrees
	digits  int
}

// redact returns the text without personal data and not longer than limit characters (0: any length).
func (w *worker) redact(b []byte, limit int, cards bool) redacted {
	s := &w.scan
	s.scan(b)
	res := redacted{text: b, ok: true, bad: s.bad}
	sensitive := s.sensitive
	if s.bad {
		res.text, res.changed = bytes.ToValidUTF8(b, []byte("\uFFFD")), true
		s.scan(res.text)
		sensitive = sensitive || s.sensitive
	}
	which := 0
	for pass := 0; ; pass++ {
		long := limit > 0 && len(res.text) > limit && utf8.RuneCount(res.text) > limit
		if len(s.spans) == 0 && !long {
			break
		}
		if pass == maxPasses {
			res.ok = false
			break
		}
		res.changed = true
		if len(s.spans) > 0 {
			res.hits += len(s.spans)
			w.text[which] = s.appendRedacted(w.text[which][:0], res.text)
			res.text = w.text[which]
			which = 1 - which
		} else {
			res.text = cut(res.text, limit)
		}
		s.scan(res.text)
	}
	s.sensitive = sensitive
	res.digits = s.digits
	if res.ok && (res.changed || s.digits >= 7) {
		res.ok = !w.residual.found(res.text, cards)
	}
	return res
}

// cut shortens b to limit characters, and before a number that it would cut through: a record number that is cut to 11
// digits reads as a phone.
func cut(b []byte, limit int) []byte {
	p := 0
	for n := 0; n < limit && p < len(b); n++ {
		_, w := decode(b, p)
		p += w
	}
	if r, _ := nextRune(b, p); digitValue(r) >= 0 {
		q := p
		for q > 0 {
			r, w := prevRune(b, q)
			if digitValue(r) < 0 {
				break
			}
			q -= w
		}
		if q > 0 {
			p = q
		}
	}
	return b[:p]
}

type edit struct {
	row        int
	start, end int // of the new text in worker.out
}

// column returns the array without personal data: a itself, unretained, where nothing had to change.
func (g *Guard) column(w *worker, d *event.Draft, a arrow.Array, c textColumn) (arrow.Array, error) {
	w.scan.mode = c.mode
	switch x := a.(type) {
	case *array.String:
		w.strings(x, c, func(row int) int { return row }, d)
		return g.rewritten(w, x), nil
	case *array.Dictionary:
		return g.dictionary(w, d, x, c)
	case *array.Map:
		return g.extras(w, d, x, c)
	case *array.List:
		return g.list(w, d, x, c)
	}
	return nil, fmt.Errorf("no rule for type %s", a.DataType())
}

// strings searches every value of a, collects the edits, and books findings on the row that rowOf names.
func (w *worker) strings(a *array.String, c textColumn, rowOf func(int) int, d *event.Draft) {
	w.edits, w.out = w.edits[:0], w.out[:0]
	v := asText(a)
	cards := c.mode != modeCode
	for i := range a.Len() {
		// A null slot may hide bytes in the buffer: it is searched like any other.
		b := v.raw(i)
		if len(b) == 0 {
			continue
		}
		res := w.redact(b, c.limit, cards)
		row := rowOf(i)
		if w.scan.sensitive && c.mode != modeCode {
			w.sensitive[row] = true
		}
		if res.bad {
			d.Flags[row] |= event.EncodingReplaced
		}
		w.hits[row] += int32(res.hits)
		if !res.ok {
			w.refuse(row, "pii_residual", c.name)
			res.text, res.changed = nil, true
		}
		if res.changed {
			start := len(w.out)
			w.out = append(w.out, res.text...)
			w.edits = append(w.edits, edit{i, start, len(w.out)})
		}
	}
}

// rewritten returns a with w.edits applied, or a itself. The runs between edits are copied as blocks.
func (g *Guard) rewritten(w *worker, a *array.String) arrow.Array {
	if len(w.edits) == 0 {
		return a
	}
	v := asText(a)
	n := a.Len()
	base, size := int(v.offsets[0]), int(v.offsets[n]-v.offsets[0])
	for _, e := range w.edits {
		size += e.end - e.start - int(v.offsets[e.row+1]-v.offsets[e.row])
	}
	data, offs := memory.NewResizableBuffer(g.mem), memory.NewResizableBuffer(g.mem)
	defer data.Release()
	defer offs.Release()
	data.Resize(size)
	offs.Resize((n + 1) * arrow.Int32SizeBytes)
	to, pos := data.Bytes(), 0
	out := arrow.Int32Traits.CastFromBytes(offs.Bytes())
	from, row := base, 0
	run := func(until int) { // rows up to until stay as they are
		stop := int(v.offsets[until])
		delta := int32(pos - from)
		for ; row < until; row++ {
			out[row] = v.offsets[row] + delta
		}
		pos += copy(to[pos:], v.data[from:stop])
		from = stop
	}
	for _, e := range w.edits {
		run(e.row)
		out[row] = int32(pos)
		pos += copy(to[pos:], w.out[e.start:e.end])
		from = int(v.offsets[e.row+1])
		row++
	}
	run(n)
	out[n] = int32(pos)
	var valid *memory.Buffer
	if a.NullN() > 0 {
		valid = memory.NewResizableBuffer(g.mem)
		defer valid.Release()
		copyBits(valid, a)
	}
	nd := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{valid, offs, data}, nil, a.NullN(), 0)
	defer nd.Release()
	return array.NewStringData(nd)
}

func copyBits(dst *memory.Buffer, a arrow.Array) {
	n := a.Len()
	dst.Resize((n + 7) / 8)
	b := dst.Bytes()
	clear(b)
	for i := range n {
		if a.IsValid(i) {
			b[i/8] |= 1 << (i % 8)
		}
	}
}

// dictionary works on the distinct values only.
func (g *Guard) dictionary(w *worker, d *event.Draft, a *array.Dictionary, c textColumn) (arrow.Array, error) {
	values, ok := a.Dictionary().(*array.String)
	if !ok {
		return nil, fmt.Errorf("no rule for a dictionary of %s", a.Dictionary().DataType())
	}
	// The findings of a value are booked on a scratch row and then on every row that uses the value.
	n := values.Len()
	saveHits, saveSens, saveRej, saveN, flags := w.hits, w.sensitive, w.reject, w.rejected, d.Flags
	w.hits, w.sensitive, w.reject, d.Flags = make([]int32, n), make([]bool, n), make([]rejection, n), make([]event.Flag, n)
	w.strings(values, c, func(i int) int { return i }, d)
	vHits, vSens, vRej, vFlags, any := w.hits, w.sensitive, w.reject, d.Flags, w.rejected > saveN
	w.hits, w.sensitive, w.reject, w.rejected, d.Flags = saveHits, saveSens, saveRej, saveN, flags
	for i := range n {
		any = any || vHits[i] > 0 || vSens[i] || vFlags[i] != 0
	}
	if any {
		for row := range a.Len() {
			if a.IsNull(row) {
				continue
			}
			i := a.GetValueIndex(row)
			w.hits[row] += vHits[i]
			w.sensitive[row] = w.sensitive[row] || vSens[i]
			d.Flags[row] |= vFlags[i]
			if vRej[i].rule != "" {
				w.refuse(row, vRej[i].rule, vRej[i].column)
			}
		}
	}
	clean := g.rewritten(w, values)
	if clean == arrow.Array(values) {
		return a, nil
	}
	defer clean.Release()
	return array.NewDictionaryArray(a.DataType(), a.Indices(), clean), nil
}

// extras works on the values of the map; its keys come from the mapping file.
func (g *Guard) extras(w *worker, d *event.Draft, a *array.Map, c textColumn) (arrow.Array, error) {
	values, ok := a.Items().(*array.String)
	if !ok {
		return nil, fmt.Errorf("no rule for a map to %s", a.Items().DataType())
	}
	return g.nested(w, d, a, values, c, func(clean arrow.Array) arrow.ArrayData {
		entries := a.Data().Children()[0]
		fresh := array.NewData(entries.DataType(), entries.Len(), entries.Buffers(), []arrow.ArrayData{entries.Children()[0], clean.Data()}, entries.NullN(), entries.Offset())
		return fresh
	}, a.ListValues().Data().Offset())
}

// list works on the values of a list of strings.
func (g *Guard) list(w *worker, d *event.Draft, a *array.List, c textColumn) (arrow.Array, error) {
	values, ok := a.ListValues().(*array.String)
	if !ok {
		return nil, fmt.Errorf("no rule for a list of %s", a.ListValues().DataType())
	}
	return g.nested(w, d, a, values, c, func(clean arrow.Array) arrow.ArrayData {
		clean.Data().Retain()
		return clean.Data()
	}, 0)
}

// listLike is what a list and a map have in common.
type listLike interface {
	arrow.Array
	ValueOffsets(i int) (start, end int64)
}

func (g *Guard) nested(w *worker, d *event.Draft, a listLike, values *array.String, c textColumn, child func(arrow.Array) arrow.ArrayData, offset int) (arrow.Array, error) {
	if offset != 0 || values.Data().Offset() != 0 {
		return nil, fmt.Errorf("the child of %s is a slice", a.DataType())
	}
	owner := make([]int32, values.Len())
	for row := range a.Len() {
		start, end := a.ValueOffsets(row)
		for k := start; k < end; k++ {
			owner[k] = int32(row)
		}
	}
	if a.Len() == 0 {
		return a, nil
	}
	w.strings(values, c, func(i int) int { return int(owner[i]) }, d)
	clean := g.rewritten(w, values)
	if clean == arrow.Array(values) {
		return a, nil
	}
	defer clean.Release()
	ch := child(clean)
	defer ch.Release()
	data := array.NewData(a.DataType(), a.Len(), a.Data().Buffers(), []arrow.ArrayData{ch}, a.NullN(), a.Data().Offset())
	defer data.Release()
	return array.MakeFromData(data), nil
}

// text gives the bytes of a string array without a call per value.
type text struct {
	a       *array.String
	offsets []int32
	data    []byte
	nulls   bool
}

func asText(a arrow.Array) text {
	s, ok := a.(*array.String)
	if !ok || s.Len() == 0 {
		return text{offsets: []int32{0}}
	}
	d := s.Data()
	t := text{a: s, nulls: s.NullN() > 0}
	t.offsets = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+s.Len()+1]
	if b := d.Buffers()[2]; b != nil {
		t.data = b.Bytes()
	}
	return t
}

// raw returns the bytes of slot i, whether it is null or not.
func (t *text) raw(i int) []byte {
	return t.data[t.offsets[i]:t.offsets[i+1]:t.offsets[i+1]]
}

// at returns the value of row i, nil where it is null or the column is unset.
func (t *text) at(i int) []byte {
	if t.a == nil || t.nulls && t.a.IsNull(i) {
		return nil
	}
	return t.raw(i)
}
