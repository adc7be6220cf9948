package table_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/table"
)

func defs() []table.Def {
	return []table.Def{
		{Name: "text", Kind: table.KindText}, {Name: "number", Kind: table.KindNumber}, {Name: "date", Kind: table.KindDate}, {Name: "time", Kind: table.KindTime},
		{Name: "words", Kind: table.KindSet, Words: true}, {Name: "hashes", Kind: table.KindSet}, {Name: "point", Kind: table.KindPoint},
	}
}

func TestEveryKindAndNull(t *testing.T) {
	b := table.NewBuilder(defs()...)
	b.Text(0, "路灯")
	b.Number(1, 1.5)
	b.Date(2, 20240229)
	b.Time(3, 7)
	b.Words(4, []string{"b", "a", "", "b"})
	b.Hashes(5, []uint32{9, 2, 9})
	b.Point(6, 3, 4)
	b.EndRow("x")
	b.EndRow("y") // nothing is set
	b.Text(0, "")
	b.Number(1, math.Inf(1))
	b.Words(4, nil)
	b.Hashes(5, nil)
	b.Point(6, math.NaN(), 1)
	b.EndRow("z")
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tab.Names() {
		if tab.Null(name, 0) || !tab.Null(name, 1) || !tab.Null(name, 2) {
			t.Errorf("%s: null is %v %v %v", name, tab.Null(name, 0), tab.Null(name, 1), tab.Null(name, 2))
		}
	}
	if v, ok := tab.Text("text").Value(0); v != "路灯" || !ok || tab.Number("number").At(0) != 1.5 || tab.Date("date").At(0) != 20240229 || tab.Time("time").At(0) != 7 {
		t.Error("values are not those that were set")
	}
	if d := cmp.Diff([]uint32{2, 9}, tab.Set("hashes").At(0)); d != "" || tab.Set("hashes").DF(9) != 1 || tab.Set("hashes").DF(5) != 0 {
		t.Error(d)
	}
	if w := tab.Set("words"); len(w.At(0)) != 2 || w.Dict().At(w.At(0)[0]) != "b" {
		t.Error("words are not a set in the order of arrival")
	}
	if tab.Text("number") != nil || tab.Number("nothing") != nil || tab.Kind("nothing") != 0 || !tab.Null("nothing", 0) {
		t.Error("a column of another kind, or none, is found")
	}
	if tab.Bytes() <= 0 || tab.ID(1) != "y" {
		t.Error(tab.Bytes(), tab.ID(1))
	}
}

// TestFrequentValues nulls what more than half of the rows hold, in columns of every kind.
func TestFrequentValues(t *testing.T) {
	b := table.NewBuilder(defs()...)
	for i := range 10 {
		v := float64(i)
		if i < 6 {
			v = 0.5
		}
		b.Text(0, fmt.Sprint(v))
		b.Number(1, v)
		b.Date(2, 20240101+int32(v*2))
		b.Time(3, int64(v*2))
		b.Words(4, []string{"all", fmt.Sprint(v), fmt.Sprint("own", i)})
		b.Hashes(5, []uint32{1, uint32(2 * v * 10), uint32(1000 + i)})
		b.Point(6, v, 1)
		b.EndRow(fmt.Sprint("r", i))
	}
	for col := range 7 {
		b.NullFrequent(col, 0.5, 3)
	}
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	want := []table.Nulled{
		{Column: "text", Values: 1, Rows: 6}, {Column: "number", Values: 1, Rows: 6}, {Column: "date", Values: 1, Rows: 6}, {Column: "time", Values: 1, Rows: 6},
		{Column: "words", Values: 2, Rows: 10}, {Column: "hashes", Values: 2, Rows: 10}, {Column: "point", Values: 1, Rows: 6},
	}
	if d := cmp.Diff(want, b.Nulled()); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"text", "number", "date", "time", "point"} {
		if !tab.Null(name, 5) || tab.Null(name, 6) {
			t.Errorf("%s: the wrong rows are null", name)
		}
	}
	for row, n := range map[int32]int{0: 1, 9: 2} {
		if len(tab.Set("words").At(row)) != n || len(tab.Set("hashes").At(row)) != n {
			t.Errorf("row %d holds %v and %v", row, tab.Set("words").At(row), tab.Set("hashes").At(row))
		}
	}
	// The same with fewer rows than the least number: nothing goes.
	b = table.NewBuilder(table.Def{Name: "text", Kind: table.KindText})
	b.Text(0, "only")
	b.EndRow("1")
	b.NullFrequent(0, 0.1, 2)
	if tab, err = b.Build(); err != nil || tab.Null("text", 0) || len(b.Nulled()) > 0 {
		t.Error("one record is no crowd", err)
	}
}

func TestIDs(t *testing.T) {
	for ids, want := range map[string]error{"aa": table.ErrDuplicateID, "a ": table.ErrNoID} {
		b := table.NewBuilder()
		for _, r := range ids {
			if r == ' ' {
				b.EndRow("")
			} else {
				b.EndRow(string(r))
			}
		}
		if _, err := b.Build(); !errors.Is(err, want) {
			t.Errorf("%q: %v", ids, err)
		}
	}
	b := table.NewBuilder()
	for i := range 5000 {
		b.EndRow(fmt.Sprint(i))
	}
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i := range int32(5000) {
		if row, ok := tab.Find(fmt.Sprint(i)); !ok || row != i {
			t.Fatalf("%d is found at %d %v", i, row, ok)
		}
	}
	if _, ok := tab.Find("5000"); ok {
		t.Error("what is not there is found")
	}
}

// BenchmarkBuild makes rows like those of city events and reports what a row costs in memory.
func BenchmarkBuild(b *testing.B) {
	const rows = 200_000
	kinds := []string{"leak", "lamp", "noise", "refuse", "parking"}
	var bytes int
	for b.Loop() {
		rng := rand.New(rand.NewPCG(1, 2))
		tb := table.NewBuilder(table.Def{Name: "kind", Kind: table.KindText}, table.Def{Name: "at", Kind: table.KindTime}, table.Def{Name: "closed", Kind: table.KindTime},
			table.Def{Name: "spot", Kind: table.KindPoint, Geographic: true}, table.Def{Name: "grams", Kind: table.KindSet}, table.Def{Name: "places", Kind: table.KindSet, Words: true})
		grams := make([]uint32, 32)
		for i := range rows {
			tb.Text(0, kinds[rng.IntN(len(kinds))])
			tb.Time(1, int64(i))
			tb.Time(2, int64(i+1))
			tb.Point(3, rng.Float64(), rng.Float64())
			for k := range grams {
				grams[k] = rng.Uint32()
			}
			slices.Sort(grams)
			tb.Hashes(4, grams)
			tb.Words(5, []string{fmt.Sprint("place", rng.IntN(20000))})
			tb.EndRow(fmt.Sprintf("%020d", i))
		}
		tab, err := tb.Build()
		if err != nil {
			b.Fatal(err)
		}
		bytes = tab.Bytes()
	}
	b.ReportMetric(float64(bytes)/rows, "B/row")
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
