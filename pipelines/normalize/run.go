package normalize

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

func newView(a *array.String) view {
	v := view{arr: a, nulls: a.NullN() > 0}
	if a.Len() == 0 {
		return v
	}
	v.offsets = a.ValueOffsets()
	v.base = v.offsets[0]
	if b := a.ValueBytes(); len(b) > 0 {
		v.values = unsafe.String(&b[0], len(b)) // Arrow buffers are immutable, and rec outlives the view
	}
	return v
}

// run maps one batch.
type run struct {
	n       *Normalizer
	p       *program
	cols    []view
	rows    int
	meta    Meta
	source  []int32 // row of the batch for each row of the run, nil when they are the same
	cut     []*array.String
	out     []arrow.Array
	caller  [2]arrow.Array
	parties []event.PartyColumn
	flags   []event.Flag
	rejects []event.Reject
	bad     []bool // rows with a reject, nil when there is none
	misses  map[unmappedKey]int64
	drift   []string
	scratch []byte
}

func newRun(n *Normalizer, cols []view, rows int, meta Meta) *run {
	return &run{n: n, p: n.p, cols: cols, rows: rows, meta: meta,
		out: make([]arrow.Array, len(event.Columns())), flags: make([]event.Flag, rows)}
}

// fields makes the target columns of fields[from:to].
func (r *run) fields(from, to int) error {
	for i, f := range r.p.fields[from:to] {
		a, err := r.field(from+i, f)
		if err != nil {
			return err
		}
		r.out[f.col] = a
	}
	return nil
}

func (r *run) field(i int, f *field) (arrow.Array, error) {
	if len(f.alts) == 1 && f.alts[0].sel == fromConst && len(f.alts[0].conds) == 0 && f.kind == dictTarget {
		return r.n.shared.constant(f.alts[0].konst, r.rows), nil
	}
	switch f.kind {
	case dictTarget:
		return r.dict(i, f)
	case timeTarget:
		return fixed(r, f, arrow.DataType(event.Timestamp), event.TimeUnparsed, "bad_time", func(a *alt, s string) (int64, outcome) { return a.times.parse(s) }), nil
	case int8Target:
		return integers[int8](r, f, arrow.PrimitiveTypes.Int8), nil
	case int16Target:
		return integers[int16](r, f, arrow.PrimitiveTypes.Int16), nil
	case int32Target:
		return integers[int32](r, f, arrow.PrimitiveTypes.Int32), nil
	case float32Target:
		return floats[float32](r, f, arrow.PrimitiveTypes.Float32), nil
	case float64Target:
		return floats[float64](r, f, arrow.PrimitiveTypes.Float64), nil
	case boolTarget:
		return r.booleans(f), nil
	case listTarget:
		return r.lists(f), nil
	}
	return r.texts(f), nil
}

// value gives the text of a row: the first alternative that has one, else the default.
func (r *run) value(f *field, row int) (string, outcome) {
	var missed string
	last := isNull
	for _, a := range f.alts {
		s, o := a.text(r, row)
		if o == isOK {
			return s, isOK
		}
		if o == isUnmapped {
			missed = s
		}
		last = max(last, o)
	}
	if last != isError && f.hasDef && last != isUnmapped {
		return f.def, isOK
	}
	return missed, last
}

// reject marks a row; the first reason counts. It never takes a value (invariant 4).
func (r *run) reject(row int, rule, column string) {
	if r.bad == nil {
		r.bad = make([]bool, r.rows)
	}
	if r.bad[row] {
		return
	}
	r.bad[row] = true
	en, zh := ruleMessage(rule, column)
	r.rejects = append(r.rejects, event.Reject{Row: r.sourceRow(row), Stage: "map", Rule: rule, Column: column, Message: en, MessageZH: zh})
}

func (r *run) sourceRow(row int) int32 {
	if r.source != nil {
		return r.source[row]
	}
	return int32(row)
}

// missing handles a row without a value; it reports whether the row was rejected.
func (r *run) missing(f *field, row int) {
	if !f.require {
		return
	}
	if f.name == "source_record_id" {
		r.reject(row, "id_missing", f.name)
		return
	}
	r.reject(row, "missing_required", f.name)
}

// failed handles what is there but cannot be used.
func (r *run) failed(f *field, row int, o outcome, flag event.Flag, rule string) {
	switch o {
	case isBad:
		if f.require || f.strict {
			r.reject(row, rule, f.name)
			return
		}
		r.flags[row] |= flag
	case isSentinel:
		if f.kind == timeTarget {
			r.flags[row] |= event.TimeSentinel
		}
		r.missing(f, row)
	case isError:
		for _, a := range f.alts {
			if a.cel != nil && a.cel.reject {
				r.reject(row, "expression_failed", f.name)
				return
			}
		}
		r.missing(f, row)
	default:
		r.missing(f, row)
	}
}

// unmapped handles a code that its list does not hold.
func (r *run) unmapped(f *field, row int, code string) {
	if f.strict {
		r.reject(row, "bad_code", f.name)
		return
	}
	r.flags[row] |= f.unknown
	r.countMiss(f, code)
	if f.require && f.unmapped() == "" {
		r.reject(row, "bad_code", f.name)
	}
}

func (r *run) countMiss(f *field, code string) {
	if r.misses == nil {
		r.misses = map[unmappedKey]int64{}
	}
	r.misses[missKey(f.name, code)]++
}

// formatted checks the format of a text; false means that the row was rejected.
func (r *run) formatted(f *field, row int, s string) bool {
	if f.format == nil || f.format.MatchString(s) {
		return true
	}
	if f.strict {
		r.reject(row, "bad_format", f.name)
		return false
	}
	r.flags[row] |= f.miss
	return true
}

// keep lists the rows without a reject.
func (r *run) keep() []int32 {
	out := make([]int32, 0, r.rows-len(r.rejects))
	for row, bad := range r.bad {
		if !bad {
			out = append(out, int32(row))
		}
	}
	return out
}

// without is a run over the kept rows only.
func (r *run) without(kept []int32) (*run, error) {
	cols := make([]view, len(r.cols))
	next := newRun(r.n, cols, len(kept), r.meta)
	next.source = kept
	for i := range r.cols {
		v := &r.cols[i]
		if v.arr == nil {
			cols[i] = *v
			continue
		}
		b := array.NewStringBuilder(r.n.mem)
		b.Reserve(len(kept))
		for _, row := range kept {
			if v.null(int(row)) {
				b.AppendNull()
			} else {
				b.Append(v.at(int(row)))
			}
		}
		a := b.NewStringArray()
		b.Release()
		next.cut = append(next.cut, a)
		cols[i] = newView(a)
	}
	return next, nil
}

// rest makes what is no plain field: constants, defaults, identifiers, extras, the caller's position.
func (r *run) rest() error {
	for _, k := range r.p.consts {
		r.out[k.col] = r.n.shared.constant(k.value, r.rows)
	}
	r.coordinates()
	for i, c := range event.Columns() {
		if r.out[i] != nil || c.Setter != event.ByMapping || !c.Required {
			continue
		}
		if c.Codes != nil {
			r.out[i] = r.n.shared.constant(c.Codes.Unknown, r.rows)
		} else {
			r.out[i] = r.n.shared.zeros(r.rows) // the counts
		}
	}
	for _, p := range r.p.parties {
		r.partyColumns(p)
	}
	for i, f := range r.p.caller {
		if f != nil {
			r.caller[i] = floats[float64](r, f, arrow.PrimitiveTypes.Float64)
		}
	}
	r.extras()
	return nil
}

// take hands the columns over to a draft.
func (r *run) take() *event.Draft {
	d := event.NewDraft(r.rows)
	d.Cols, r.out = r.out, nil
	d.Flags = r.flags
	if r.source != nil {
		d.Source = r.source
	} else {
		for i := range d.Source {
			d.Source[i] = int32(i)
		}
	}
	d.Parties, r.parties = r.parties, nil
	d.CallerX, d.CallerY = r.caller[0], r.caller[1]
	r.caller = [2]arrow.Array{}
	return d
}

// release frees what was not taken.
func (r *run) release() {
	for i, a := range r.out {
		if a != nil {
			a.Release()
			r.out[i] = nil
		}
	}
	for _, p := range r.parties {
		p.Values.Release()
	}
	for i, a := range r.caller {
		if a != nil {
			a.Release()
			r.caller[i] = nil
		}
	}
	for _, a := range r.cut {
		a.Release()
	}
	r.parties, r.cut = nil, nil
}

// sharedArrays keeps the arrays that repeat in every batch. They live on the Go heap, so nobody needs to release them.
type sharedArrays struct {
	dicts   map[string]arrow.Array
	indices *array.Int16 // zeros
}

func newSharedArrays() *sharedArrays { return &sharedArrays{dicts: map[string]arrow.Array{}} }

// constant is a dictionary column with one value in every row.
func (s *sharedArrays) constant(value string, rows int) arrow.Array {
	d, ok := s.dicts[value]
	if !ok {
		d = dictionaryOf([]string{value})
		s.dicts[value] = d
	}
	idx := s.zeros(rows)
	defer idx.Release()
	return array.NewDictionaryArray(event.Dict, idx, d)
}

// zeros is an int16 column of zeros.
func (s *sharedArrays) zeros(rows int) arrow.Array {
	if s.indices == nil || s.indices.Len() < rows {
		n := max(rows, 8192)
		data := array.NewData(arrow.PrimitiveTypes.Int16, n, []*memory.Buffer{nil, memory.NewBufferBytes(make([]byte, 2*n))}, nil, 0, 0)
		s.indices = array.NewInt16Data(data)
	}
	return array.NewSlice(s.indices, 0, int64(rows))
}

// dictionaryOf makes a dictionary on the Go heap.
func dictionaryOf(values []string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendStringValues(values, nil)
	return b.NewStringArray()
}
