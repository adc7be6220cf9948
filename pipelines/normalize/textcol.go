package normalize

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// texts makes a text column. Where nothing has to change, it shares the buffers of the source column.
func (r *run) texts(f *field) arrow.Array {
	if r.absent(f) {
		return nil
	}
	var out *array.String
	if a := f.alts[0]; len(f.alts) == 1 && a.plain() && !f.hasDef && r.cols[a.cols[0]].arr != nil {
		out = r.cleaned(&r.cols[a.cols[0]], !a.noTrim, func(row int, s string) {
			if s == "" {
				r.missing(f, row)
			} else {
				r.formatted(f, row, s)
			}
		})
	} else {
		out = r.built(f)
	}
	if out.NullN() == r.rows && r.rows > 0 {
		out.Release()
		return nil
	}
	if f.class == event.P2 {
		flagMojibake(out, r.flags)
	}
	return out
}

// built makes a text column value by value.
func (r *run) built(f *field) *array.String {
	b := array.NewStringBuilder(r.n.mem)
	defer b.Release()
	b.Reserve(r.rows)
	for row := range r.rows {
		s, o := r.value(f, row)
		switch {
		case o == isOK:
			r.formatted(f, row, s)
			b.Append(s)
			continue
		case o == isUnmapped:
			r.unmapped(f, row, s)
		case o != isNull || f.require:
			r.failed(f, row, o, 0, "missing_required")
		}
		b.AppendNull()
	}
	return b.NewStringArray()
}

// cleaned is a source column with blanks as nulls and, with trim, without space at the ends. see is called with the
// text of every row, "" for null.
func (r *run) cleaned(v *view, trim bool, see func(row int, s string)) *array.String {
	var valid validity
	same := v.arr.Data().Offset() == 0
	for row := range r.rows {
		if v.null(row) {
			valid.clear(r.n.mem, r.rows, row)
			see(row, "")
			continue
		}
		raw := v.at(row)
		s, ok := clean(raw, trim)
		if !ok {
			valid.clear(r.n.mem, r.rows, row)
		} else if len(s) != len(raw) {
			same = false
		}
		see(row, s)
	}
	if same {
		if valid.nulls == v.arr.NullN() {
			if valid.buf != nil {
				valid.buf.Release()
			}
			v.arr.Retain()
			return v.arr
		}
		b := v.arr.Data().Buffers()
		b[1].Retain()
		b[2].Retain()
		return valid.finish(arrow.BinaryTypes.String, r.rows, b[1], b[2]).(*array.String)
	}
	return r.copied(v, trim, &valid)
}

// copied writes the cleaned texts into new buffers.
func (r *run) copied(v *view, trim bool, valid *validity) *array.String {
	offsets, data := memory.NewResizableBuffer(r.n.mem), memory.NewResizableBuffer(r.n.mem)
	offsets.Resize((r.rows + 1) * 4)
	data.Resize(len(v.values))
	at := arrow.GetData[int32](offsets.Bytes())
	b, n := data.Bytes(), 0
	at[0] = 0
	for row := range r.rows {
		if !v.null(row) {
			if s, ok := clean(v.at(row), trim); ok {
				n += copy(b[n:], s)
			}
		}
		at[row+1] = int32(n)
	}
	data.Resize(n)
	return valid.finish(arrow.BinaryTypes.String, r.rows, offsets, data).(*array.String)
}

// partyColumns collects identifiers: one column per source column, without what an earlier one already says.
func (r *run) partyColumns(p party) {
	var made []*array.String
	for _, c := range p.cols {
		v := &r.cols[c]
		if v.arr == nil {
			continue
		}
		a := r.cleaned(v, true, func(int, string) {})
		if len(made) > 0 {
			a = r.withoutRepeats(a, made)
		}
		if a.NullN() == a.Len() {
			a.Release()
			continue
		}
		made = append(made, a)
		r.parties = append(r.parties, event.PartyColumn{Kind: p.kind, Role: p.role, Values: a})
	}
}

// withoutRepeats releases a and returns it without the values that stand in the same row of earlier columns.
func (r *run) withoutRepeats(a *array.String, earlier []*array.String) *array.String {
	defer a.Release()
	b := array.NewStringBuilder(r.n.mem)
	defer b.Release()
	b.Reserve(a.Len())
rows:
	for row := range a.Len() {
		if a.IsNull(row) {
			b.AppendNull()
			continue
		}
		for _, e := range earlier {
			if e.IsValid(row) && e.Value(row) == a.Value(row) {
				b.AppendNull()
				continue rows
			}
		}
		b.Append(a.Value(row))
	}
	return b.NewStringArray()
}

// extras makes ext. A row without any extra is null.
func (r *run) extras() {
	if len(r.p.ext) == 0 || r.rows == 0 {
		return
	}
	cols := make([]*view, 0, len(r.p.ext))
	keys := make([]string, 0, len(r.p.ext))
	for _, e := range r.p.ext {
		if v := &r.cols[e.col]; v.arr != nil {
			cols, keys = append(cols, v), append(keys, e.key)
		}
	}
	kb, vb := array.NewStringBuilder(r.n.mem), array.NewStringBuilder(r.n.mem)
	defer kb.Release()
	defer vb.Release()
	offsets := memory.NewResizableBuffer(r.n.mem)
	offsets.Resize((r.rows + 1) * 4)
	at := arrow.GetData[int32](offsets.Bytes())
	at[0] = 0
	var valid validity
	for row := range r.rows {
		before := kb.Len()
		for i, v := range cols {
			if v.null(row) {
				continue
			}
			if s, ok := clean(v.at(row), true); ok {
				kb.Append(keys[i])
				vb.Append(s)
			}
		}
		if kb.Len() == before {
			valid.clear(r.n.mem, r.rows, row)
		}
		at[row+1] = int32(kb.Len())
	}
	if valid.nulls == r.rows {
		offsets.Release()
		valid.buf.Release()
		return
	}
	n := kb.Len()
	k, v := kb.NewArray(), vb.NewArray()
	defer k.Release()
	defer v.Release()
	entries := array.NewData(event.Extras.Elem(), n, []*memory.Buffer{nil}, []arrow.ArrayData{k.Data(), v.Data()}, 0, 0)
	defer entries.Release()
	data := array.NewData(event.Extras, r.rows, []*memory.Buffer{valid.buf, offsets}, []arrow.ArrayData{entries}, valid.nulls, 0)
	defer data.Release()
	offsets.Release()
	if valid.buf != nil {
		valid.buf.Release()
	}
	r.out[event.Index("ext")] = array.NewMapData(data)
}
