package normalize

import (
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// Meta is what the batch says about all of its records.
type Meta struct {
	SourceID string
	// ReadAt is when the hub read the batch; a replay passes the time of the first reading. Times later than ReadAt plus
	// the tolerance are flagged TIME_FUTURE.
	ReadAt time.Time
	// AsOf is when the source made the statement, zero where it does not say. The pseudo-column "@as_of" holds it.
	AsOf time.Time
}

// asOfColumn lets a mapping read Meta.AsOf. The value changes with every file, so a field made from it makes every
// re-delivered record a new version: only for sources that deliver each state once.
const asOfColumn = "@as_of"

// ErrTooManyValues means that a batch holds more distinct values of a dictionary column than its index can number.
var ErrTooManyValues = errors.New("more than 32767 distinct values in one batch")

// Normalizer applies a compiled mapping. It is not safe for concurrent use; Clone gives another one cheaply.
type Normalizer struct {
	p         *program
	mem       memory.Allocator
	report    *Report
	celCaches []map[string]celResult
	dicts     map[int]*dictWriter // by position of the field in p.fields
	shared    *sharedArrays
	bound     *arrow.Schema // schema of the last batch
	binding   []int         // column of bound for each column of the program, -1 where it is absent
	leftover  []int         // columns of bound that nothing reads
	lastRows  int
}

// Option changes a Normalizer.
type Option func(*Normalizer)

// WithAllocator makes columns in mem instead of the Go heap.
func WithAllocator(mem memory.Allocator) Option { return func(n *Normalizer) { n.mem = mem } }

// Compile resolves the code lists that the mapping names. lists may be nil when it names none. A *FileError-like
// connectors.Problems holds every problem.
func (m *Mapping) Compile(lists Lists, opts ...Option) (*Normalizer, error) {
	c := newCompiler(m, lists, true)
	c.compile()
	if len(c.problems) > 0 {
		return nil, fmt.Errorf("compiling mapping: %w", c.problems)
	}
	c.p.digest = m.Digest(lists)
	n := &Normalizer{p: c.p, mem: memory.DefaultAllocator}
	for _, o := range opts {
		o(n)
	}
	return n.Clone(), nil
}

// Clone returns a Normalizer with the same mapping, an empty report and caches of its own.
func (n *Normalizer) Clone() *Normalizer {
	out := &Normalizer{p: n.p, mem: n.mem, report: newReport(), dicts: map[int]*dictWriter{}, shared: newSharedArrays()}
	slots := 0
	for _, f := range n.p.fields {
		for _, a := range f.alts {
			if a.cel != nil {
				slots = max(slots, a.cel.slot+1)
			}
		}
	}
	out.celCaches = make([]map[string]celResult, slots)
	for i := range out.celCaches {
		out.celCaches[i] = map[string]celResult{}
	}
	return out
}

// Digest is Mapping.Digest with the lists that it was compiled with.
func (n *Normalizer) Digest() string { return n.p.digest }

// Columns returns the source columns that the mapping reads, for a connector that can select columns.
func (n *Normalizer) Columns() []string {
	var out []string
	for _, c := range n.p.columns {
		if c != asOfColumn {
			out = append(out, c)
		}
	}
	return out
}

// Apply maps a batch of text columns. Every row becomes one event of the draft or one reject (invariant 3). The caller
// releases the draft; rec may be released at once. An error is about the batch as a whole, never about a record.
func (n *Normalizer) Apply(rec arrow.RecordBatch, meta Meta) (*event.Draft, []event.Reject, error) {
	cols, err := n.bind(rec, meta)
	if err != nil {
		return nil, nil, err
	}
	rows := int(rec.NumRows())
	r := newRun(n, cols, rows, meta)
	defer r.release()
	if err := r.fields(0, n.p.early); err != nil {
		return nil, nil, err
	}
	rejects := r.rejects
	if len(rejects) > 0 {
		kept := r.keep()
		r.release()
		if r, err = r.without(kept); err != nil {
			return nil, nil, err
		}
		defer r.release()
		if err := r.fields(0, n.p.early); err != nil {
			return nil, nil, err
		}
		if len(r.rejects) > 0 {
			return nil, nil, errors.New("mapping: a kept record was rejected again")
		}
	}
	if err := r.fields(n.p.early, len(n.p.fields)); err != nil {
		return nil, nil, err
	}
	if err := r.rest(); err != nil {
		return nil, nil, err
	}
	r.check()
	n.report.add(r, rows, rejects)
	n.report.leftovers(rec, n.leftover, &n.p.drop)
	n.lastRows = rows
	return r.take(), rejects, nil
}

// RecordIDs appends the source_record_id of every row to out, exactly as Apply gives it, "" where Apply would reject
// the row for its id. It reads nothing else, so that records which did not change can be skipped before mapping. The
// texts are valid until rec is released.
func (n *Normalizer) RecordIDs(rec arrow.RecordBatch, out []string) ([]string, error) {
	cols, err := n.bind(rec, Meta{})
	if err != nil {
		return out, err
	}
	r := newRun(n, cols, int(rec.NumRows()), Meta{})
	f := n.p.id
	if a := f.alts[0]; len(f.alts) == 1 && a.plain() && !f.hasDef && f.format == nil {
		v := &r.cols[a.cols[0]]
		for row := range r.rows {
			s := ""
			if !v.null(row) {
				s, _ = clean(v.at(row), !a.noTrim)
			}
			out = append(out, s)
		}
		return out, nil
	}
	for row := range r.rows {
		s, o := r.value(f, row)
		if o != isOK || !r.formatted(f, row, s) {
			s = ""
		}
		out = append(out, s)
	}
	return out, nil
}

// Report returns what was dropped, unmapped and flagged since the Normalizer was made or ResetReport was called.
func (n *Normalizer) Report() Report { return n.report.copy() }

// ResetReport starts the report anew.
func (n *Normalizer) ResetReport() { n.report = newReport() }

// bind finds the program's columns in a batch.
func (n *Normalizer) bind(rec arrow.RecordBatch, meta Meta) ([]view, error) {
	schema := rec.Schema()
	if n.bound == nil || n.bound != schema && !n.bound.Equal(schema) {
		n.binding = make([]int, len(n.p.columns))
		for i := range n.binding {
			n.binding[i] = -1
		}
		n.leftover = nil
		for i, f := range schema.Fields() {
			at, ok := n.p.index[f.Name]
			switch {
			case !ok:
				n.leftover = append(n.leftover, i)
			case n.binding[at] < 0: // of two columns with one name the first counts
				n.binding[at] = i
			}
		}
	}
	n.bound = schema
	out := make([]view, len(n.binding))
	for i, at := range n.binding {
		switch {
		case at >= 0:
			s, ok := rec.Column(at).(*array.String)
			if !ok {
				return nil, fmt.Errorf("mapping column %s: source batches hold text columns, got %s", shownName(n.p.columns[i], at), rec.Column(at).DataType())
			}
			out[i] = newView(s)
		case n.p.columns[i] == asOfColumn && !meta.AsOf.IsZero():
			out[i] = view{konst: meta.AsOf.UTC().Format(time.RFC3339Nano)}
		}
	}
	return out, nil
}

// view reads one source column. Without an array it is konst in every row, "" being null.
type view struct {
	arr     *array.String
	offsets []int32
	values  string
	base    int32
	nulls   bool
	konst   string
}

func (v *view) null(row int) bool {
	if v.arr == nil {
		return v.konst == ""
	}
	return v.nulls && v.arr.IsNull(row)
}

func (v *view) at(row int) string {
	if v.arr == nil {
		return v.konst
	}
	return v.values[v.offsets[row]-v.base : v.offsets[row+1]-v.base]
}
