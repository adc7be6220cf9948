package normalize_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"onegrid/event"
	"onegrid/pipelines/normalize"
)

func TestChecks(t *testing.T) {
	for _, tc := range []struct {
		name    string
		mapping string
		row     []string // a, b, c
		want    event.Flag
	}{
		{"category changed", "  category_src_code: {from: a}\n  category_end_code: {from: b}\n", []string{"1", "2"}, event.CategoryChanged},
		{"category kept", "  category_src_code: {from: a}\n  category_end_code: {from: b}\n", []string{"1", "1"}, 0},
		{"category open", "  category_src_code: {from: a}\n  category_end_code: {from: b}\n", []string{"1", absent}, 0},
		{"due missing", "  dispatched_at: {from: a}\n  due_at: {from: b}\n", []string{"2024-01-02", ""}, event.DueMissing},
		{"due given", "  dispatched_at: {from: a}\n  due_at: {from: b}\n", []string{"2024-01-02", "2024-01-03"}, 0},
		{"not dispatched", "  dispatched_at: {from: a}\n  due_at: {from: b}\n", []string{"", ""}, 0},
		{"source without deadlines", "  dispatched_at: {from: a}\n", []string{"2024-01-02"}, 0},
		{"order skips what is missing", "  accepted_at: {from: a}\n  closed_at: {from: b}\n", []string{"", "2023-01-01"}, event.TimeOrder},
		{"order of others", "  occurred_at: {from: a}\nchecks: {order: [occurred_at, reported_at]}\n", []string{"2024-02-01"}, event.TimeOrder},
		{"order off", "  closed_at: {from: a}\nchecks: {order: []}\n", []string{"2023-01-01"}, 0},
		{"future within tolerance", "  closed_at: {from: a}\n", []string{"2024-12-31 08:09:00"}, 0},
		{"future beyond tolerance", "  closed_at: {from: a}\n", []string{"2024-12-31 08:11:00"}, event.TimeFuture},
		{"future tolerance", "  closed_at: {from: a}\nchecks: {future: 1m}\n", []string{"2024-12-31 08:09:00"}, event.TimeFuture},
		{"header drift", "expect: [id, gone]\n", nil, event.HeaderDrift},
		{"range", "checks: {ranges: [{column: a, min: 100, max: 200}]}\n", []string{"31.2"}, event.ColumnShift},
		{"range of text", "checks: {ranges: [{column: a, min: 100, max: 200}]}\n", []string{"x"}, event.ColumnShift},
		{"range empty", "checks: {ranges: [{column: a, min: 100, max: 200}]}\n", []string{" "}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := compile(t, minimal+tc.mapping, nil)
			row := append([]string{"1", "2024-01-01"}, tc.row...)
			for len(row) < 5 {
				row = append(row, absent)
			}
			rec := records([]string{"id", "t", "a", "b", "c"}, row)
			defer rec.Release()
			d, _ := apply(t, n, rec)
			if d.Flags[0] != tc.want {
				t.Errorf("flags %v, want %v", d.Flags[0], tc.want)
			}
		})
	}
}

func TestIDTime(t *testing.T) {
	for _, tc := range []struct {
		id, reported, repair string
		flags                event.Flag
		want                 string
	}{
		{"240305140500", "2024-03-05 14:11:00", "true", 0, "2024-03-05T14:11:00"},
		{"240305140500", "2024-03-05 02:05:00", "true", event.Time12H, "2024-03-05T14:05:00"},
		{"240305140500", "2024-03-05 02:12:00", "false", event.Time12H, "2024-03-05T02:12:00"},
		{"240305001000", "2024-03-05 12:11:00", "true", event.Time12H, "2024-03-05T00:11:00"},
		{"240305140500", "2024-03-05 15:05:00", "true", event.TimeSkew, "2024-03-05T15:05:00"},
		{"240305140500", "2024-03-06 15:05:00", "true", event.IDTimeMismatch, "2024-03-06T15:05:00"},
		{"240305235900", "2024-03-06 00:01:00", "true", 0, "2024-03-06T00:01:00"},
		{"249905140500", "2024-03-05 14:05:00", "true", event.IDFormat, "2024-03-05T14:05:00"},
		{"24030514", "2024-03-05 14:05:00", "true", event.IDFormat, "2024-03-05T14:05:00"},
		{"24030514050x", "2024-03-05 14:05:00", "true", event.IDFormat, "2024-03-05T14:05:00"},
	} {
		n := compile(t, minimal+"checks: {id_time: {layout: yyMMddHHmmss, at: 0, repair: "+tc.repair+"}}\n", nil)
		rec := records([]string{"id", "t"}, []string{tc.id, tc.reported})
		d, _ := apply(t, n, rec)
		rec.Release()
		if got := cell(d.Col("reported_at"), 0); d.Flags[0] != tc.flags || got != tc.want {
			t.Errorf("%s %s: %v %s, want %v %s", tc.id, tc.reported, d.Flags[0], got, tc.flags, tc.want)
		}
	}
}

func TestColumnsDifferFromBatchToBatch(t *testing.T) {
	n := compile(t, minimal+"  title: {from: a}\n  owner_org_name: {from: b}\ndrop: [d, e*]\n", nil)
	for i, cols := range [][]string{{"id", "t", "a", "b"}, {"b", "zz", "t", "id"}, {"t", "id", "a", "a", "d", "extra"}} {
		var row []string
		for _, c := range cols {
			row = append(row, map[string]string{"id": "1", "t": "2024-01-01", "a": "A", "b": "B", "zz": "Z", "d": "D", "extra": "E"}[c])
		}
		if i == 2 {
			row[3] = "second column of one name"
		}
		rec := array.NewRecordBatch(schemaOf(cols), records(numbered(cols), row).Columns(), 1)
		d, _ := apply(t, n, rec)
		rec.Release()
		got := cell(d.Col("title"), 0) + cell(d.Col("owner_org_name"), 0)
		if want := []string{"AB", "B", "A"}[i]; got != want {
			t.Errorf("batch %d: %q, want %q", i, got, want)
		}
	}
	if diff := cmp.Diff(map[string]int64{"zz": 1}, n.Report().Unmapped); diff != "" {
		t.Error(diff)
	}
}

func numbered(cols []string) []string {
	out := make([]string, len(cols))
	for i := range cols {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func schemaOf(cols []string) *arrow.Schema {
	var fields []arrow.Field
	for _, c := range cols {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func TestSlicedAndEmptyBatches(t *testing.T) {
	n := compile(t, minimal+"  title: {from: a}\n  owner_org_name: {from: a}\next: {allow: {k: a}}\n", nil)
	rec := records([]string{"id", "t", "a"}, []string{"1", "2024-01-01", "one"}, []string{"2", "2024-01-01", " two "}, []string{"3", "2024-01-01", ""}, []string{"4", "2024-01-01", "four"})
	defer rec.Release()
	part := rec.NewSlice(1, 4)
	defer part.Release()
	d, _ := apply(t, n, part)
	for row, want := range []string{"two", "", "four"} {
		if got := cell(d.Col("title"), row); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
		if got := cell(d.Col("owner_org_name"), row); got != want {
			t.Errorf("owner_org_name %q, want %q", got, want)
		}
	}
	none := rec.NewSlice(0, 0)
	defer none.Release()
	if d, rejects := apply(t, n, none); d.Rows != 0 || len(rejects) != 0 {
		t.Errorf("%d rows, %d rejects of nothing", d.Rows, len(rejects))
	}
}

func TestDraftOutlivesTheBatch(t *testing.T) {
	mem := checked(t)
	m, err := normalize.Parse("m.yaml", []byte(minimal+"  title: {from: a}\n  owner_org_name: {from: a}\n"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Compile(nil, normalize.WithAllocator(mem))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"first", "other"} {
		rec := records([]string{"id", "t", "a"}, []string{"1", "2024-01-01", v})
		d, _, err := n.Apply(rec, normalize.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		if got := cell(d.Col("title"), 0) + cell(d.Col("owner_org_name"), 0); got != v+v {
			t.Errorf("%q, want %q twice", got, v)
		}
		d.Release()
	}
}

func TestTooManyValues(t *testing.T) {
	b := make([][]string, 33000)
	for i := range b {
		b[i] = []string{fmt.Sprint(i), "2024-01-01", fmt.Sprint("org ", i)}
	}
	rec := records([]string{"id", "t", "a"}, b...)
	defer rec.Release()
	n := compile(t, minimal+"  owner_org_name: {from: a}\n", nil)
	if _, _, err := n.Apply(rec, normalize.Meta{}); !errors.Is(err, normalize.ErrTooManyValues) {
		t.Error(err)
	}
	half := rec.NewSlice(0, 32768)
	defer half.Release()
	if d, _ := apply(t, n, half); cell(d.Col("owner_org_name"), 32767) != "org 32767" {
		t.Error("32768 values do not fit")
	}
}

func TestNonTextColumn(t *testing.T) {
	b := array.NewInt64Builder(checked(t))
	b.Append(1)
	col := b.NewArray()
	b.Release()
	rec := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil), []arrow.Array{col}, 1)
	col.Release()
	defer rec.Release()
	if _, _, err := compile(t, minimal, nil).Apply(rec, normalize.Meta{}); err == nil {
		t.Error("a column of numbers is taken as text")
	}
}

// TestClones runs clones of one Normalizer beside each other and adds their reports up; -race watches.
func TestClones(t *testing.T) {
	n := compile(t, minimal+"  channel: {from: a, codes: {\"1\": phone}}\n  title: {cel: 'src[\"a\"] + \"!\"'}\n", nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var total normalize.Report
	for range 4 {
		wg.Go(func() {
			c := n.Clone()
			rec := records([]string{"id", "t", "a"}, []string{"1", "2024-01-01", "1"}, []string{"2", "2024-01-01", "2"}, []string{"", "2024-01-01", "2"})
			defer rec.Release()
			for range 20 {
				d, _, err := c.Apply(rec, normalize.Meta{})
				if err != nil {
					t.Error(err)
					return
				}
				d.Release()
			}
			mu.Lock()
			defer mu.Unlock()
			total.Merge(c.Report())
		})
	}
	wg.Wait()
	if total.Rows != 240 || total.Events != 160 || total.Rejects["id_missing"] != 80 || total.Codes["channel"].ByCode["2"] != 80 || total.Flags["CODE_UNMAPPED"] != 80 {
		t.Errorf("%+v", total)
	}
	if n.Report().Rows != 0 {
		t.Error("a clone counts for its parent")
	}
}
