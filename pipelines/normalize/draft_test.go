package normalize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/pipelines/normalize"
)

// absent stands for a null in the rows of a test.
const absent = "\x00"

func records(columns []string, rows ...[]string) arrow.RecordBatch {
	b := connectors.NewBuilder(columns...)
	for _, row := range rows {
		for i, v := range row {
			if v != absent {
				b.Set(i, v)
			}
		}
		b.EndRow()
	}
	return b.Take()
}

func readAt() time.Time { return time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC) }

// checked gives an allocator that fails the test when something is not released.
func checked(t *testing.T) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func compile(t *testing.T, mapping string, lists normalize.Lists) *normalize.Normalizer {
	t.Helper()
	m, err := normalize.Parse("test.yaml", []byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Compile(lists, normalize.WithAllocator(checked(t)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// apply maps the rows, checks what must hold for every draft and returns draft and rejects.
func apply(t *testing.T, n *normalize.Normalizer, rec arrow.RecordBatch) (*event.Draft, []event.Reject) {
	t.Helper()
	d, rejects, err := n.Apply(rec, normalize.Meta{SourceID: "test", ReadAt: readAt()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Release)
	if int64(d.Rows+len(rejects)) != rec.NumRows() {
		t.Errorf("%d events and %d rejects of %d records (invariant 3)", d.Rows, len(rejects), rec.NumRows())
	}
	if len(d.Flags) != d.Rows || len(d.Source) != d.Rows {
		t.Errorf("%d rows, %d flags, %d sources", d.Rows, len(d.Flags), len(d.Source))
	}
	for i, c := range event.Columns() {
		a := d.Cols[i]
		if a == nil {
			if c.Required && c.Setter == event.ByMapping && d.Rows > 0 {
				t.Errorf("%s is required and unset", c.Name)
			}
			continue
		}
		if a.Len() != d.Rows || !arrow.TypeEqual(a.DataType(), c.Type) {
			t.Errorf("%s: %d rows of %s, want %d of %s", c.Name, a.Len(), a.DataType(), d.Rows, c.Type)
		}
		if c.Setter != event.ByMapping {
			t.Errorf("%s is not for a mapping to set", c.Name)
		}
		if c.Required && a.NullN() > 0 {
			t.Errorf("%s is required and has %d nulls", c.Name, a.NullN())
		}
		if c.Codes != nil {
			for row := range d.Rows {
				if v := cell(a, row); v != "" && !c.Codes.Has(v) {
					t.Errorf("%s holds %q, which is not in its list", c.Name, v)
				}
			}
		}
	}
	ids, err := n.RecordIDs(rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	for row := range d.Rows {
		if got, want := ids[d.Source[row]], cell(d.Col("source_record_id"), row); got != want {
			t.Errorf("RecordIDs gives %q for row %d, Apply %q", got, d.Source[row], want)
		}
	}
	return d, rejects
}

// cell renders a value, "" for null. Times are in Shanghai.
func cell(a arrow.Array, row int) string {
	if a == nil || a.IsNull(row) {
		return ""
	}
	switch a := a.(type) {
	case *array.Dictionary:
		return a.Dictionary().(*array.String).Value(a.GetValueIndex(row))
	case *array.String:
		return a.Value(row)
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(row))).In(event.Shanghai).Format("2006-01-02T15:04:05.999999")
	case *array.Map:
		from, to := a.ValueOffsets(row)
		var out []string
		for i := from; i < to; i++ {
			out = append(out, a.Keys().(*array.String).Value(int(i))+":"+a.Items().(*array.String).Value(int(i)))
		}
		return strings.Join(out, ",")
	}
	return a.ValueStr(row)
}

// render writes every value of a draft that is not null, one line per value.
func render(d *event.Draft, rejects []event.Reject) string {
	var b strings.Builder
	for row := range d.Rows {
		fmt.Fprintf(&b, "event of row %d\n", d.Source[row])
		for i, c := range event.Columns() {
			if v := cell(d.Cols[i], row); v != "" {
				fmt.Fprintf(&b, "  %s = %s\n", c.Name, strings.ReplaceAll(strings.ReplaceAll(v, "\r", `\r`), "\n", `\n`))
			}
		}
		for _, p := range d.Parties {
			if p.Values.IsValid(row) {
				fmt.Fprintf(&b, "  party %s of %s = %s\n", p.Kind, p.Role, p.Values.Value(row))
			}
		}
		if d.CallerX != nil && d.CallerX.IsValid(row) {
			fmt.Fprintf(&b, "  caller = %s, %s\n", d.CallerX.ValueStr(row), d.CallerY.ValueStr(row))
		}
		if f := d.Flags[row]; f != 0 {
			fmt.Fprintf(&b, "  flags = %s\n", f)
		}
	}
	for _, r := range rejects {
		fmt.Fprintf(&b, "reject of row %d: %s %s %s: %s / %s\n", r.Row, r.Stage, r.Rule, r.Column, r.Message, r.MessageZH)
	}
	return b.String()
}

func renderReport(r normalize.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rows %d events %d\n", r.Rows, r.Events)
	write := func(what string, m map[string]int64) {
		var keys []string
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, "%s %s = %d\n", what, k, m[k])
		}
	}
	write("reject", r.Rejects)
	write("unmapped column", r.Unmapped)
	write("missing column", r.Missing)
	var fields []string
	for f := range r.Codes {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	for _, f := range fields {
		fmt.Fprintf(&b, "unmapped codes of %s = %d\n", f, r.Codes[f].Rows)
		write("  code", r.Codes[f].ByCode)
	}
	write("flag", r.Flags)
	return b.String()
}
