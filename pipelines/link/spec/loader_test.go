package spec_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"onegrid/connectors"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// texts makes a batch of text columns; "" is null.
func texts(header string, rows ...string) arrow.RecordBatch {
	b := connectors.NewBuilder(strings.Split(header, ",")...)
	for _, r := range rows {
		for i, v := range strings.Split(r, ",") {
			if v != "" {
				b.Set(i, v)
			}
		}
		b.EndRow()
	}
	return b.Take()
}

const allHeader = " no,from,same_as,kind,name,alias,road,house,born,at,closed,lon,lat,x,y,age,text,refs"

func loadAll(t *testing.T, rows ...string) (*spec.Spec, *table.Table, *spec.Report) {
	t.Helper()
	s, err := spec.Load("testdata/good/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.NewLoader()
	if err != nil {
		t.Fatal(err)
	}
	rec := texts(allHeader, rows...)
	defer rec.Release()
	if err := l.Append(rec); err != nil {
		t.Fatal(err)
	}
	tab, rep, err := l.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return s, tab, rep
}

func TestLoader(t *testing.T) {
	_, tab, rep := loadAll(t,
		"1,a,g7-x,leak, unknown,Bob!,LONG Lane,1,24.12.1990,07/04/2024 3:00:00 PM,2024-07-05T00:00:00Z,121.5,31.25,1,2,44,water main broke,5|6|5",
		"2,b,g7-y,leak,ＡＮＮ,,,,31.13.1990,nonsense,,0,0,,,130,broke,",
		"3,,,test,,,,,,,,,,,,,dropped,",
		"4,,,leak,,,,,,,,,,,,,,",
		"5,b,,lamp,n,,,,1990-12-24,,,190,95,1,x,x,main,",
	)
	if d := cmp.Diff([]int{1, 1}, rep.Dropped); d != "" || rep.Rows != 5 || rep.Kept != 3 || tab.Rows() != 3 {
		t.Errorf("%+v %s", rep, d)
	}
	if d := cmp.Diff(map[string]int{"at": 1, "spot": 1, "grid": 1, "age": 1, "born": 1}, rep.Unreadable); d != "" {
		t.Error(d)
	}
	text := func(col string, row int32) string { v, _ := tab.Text(col).Value(row); return v }
	for _, c := range []struct {
		col  string
		row  int32
		want string
	}{
		{"name", 0, "robert"}, {"name", 1, "ａｎｎ"}, {"sound", 0, "R163"}, {"road", 0, "long ln 1"}, {"road", 1, ""},
		{spec.SourceColumn, 1, "b"}, {spec.TruthColumn, 0, "7"}, {spec.TruthColumn, 2, ""},
	} {
		if got := text(c.col, c.row); got != c.want {
			t.Errorf("%s of row %d is %q, want %q", c.col, c.row, got, c.want)
		}
	}
	if tab.Date("born").At(0) != 19901224 || tab.Date("born").At(1) != 19901331 || !tab.Null("born", 2) {
		t.Errorf("dates %d %d %d", tab.Date("born").At(0), tab.Date("born").At(1), tab.Date("born").At(2))
	}
	if want := time.Date(2024, 7, 4, 20, 0, 0, 0, time.UTC).UnixMicro(); tab.Time("at").At(0) != want || !tab.Null("at", 1) {
		t.Errorf("time %d, want %d", tab.Time("at").At(0), want)
	}
	if x, y := tab.Point("grid").At(0); x != 1000 || y != 2000 || !tab.Null("spot", 1) || !tab.Null("spot", 2) || !tab.Null("grid", 2) {
		t.Errorf("points %v %v", x, y)
	}
	if tab.Number("age").At(0) != 44 || !tab.Null("age", 1) || !tab.Null("age", 2) {
		t.Error("age outside its range or unreadable is not null")
	}
	refs := tab.Set("refs")
	if got := refs.At(0); len(got) != 2 || refs.Dict().At(got[0]) != "5" || refs.DF(got[0]) != 1 || !refs.Null(1) {
		t.Errorf("refs %v", got)
	}
	if g := tab.Set("grams").At(0); len(g) != 8 || !slices.IsSorted(g) {
		t.Errorf("grams %v", g)
	}
	// "broke" and "main" stand in two of three records: more than half.
	if d := cmp.Diff([]table.Nulled{{Column: "words", Values: 2, Rows: 3}}, rep.Nulled); d != "" {
		t.Error(d)
	}
	if n := len(tab.Set("words").At(0)); n != 1 || !tab.Null("words", 1) {
		t.Errorf("%d words left", n)
	}
	if row, ok := tab.Find("5"); !ok || row != 2 || tab.ID(2) != "5" {
		t.Error("record 5 is not found")
	}
	if _, ok := tab.Find("3"); ok {
		t.Error("a dropped record is found")
	}
}

func TestLoaderRefuses(t *testing.T) {
	s, err := spec.Load("testdata/good/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.NewLoader()
	if err != nil {
		t.Fatal(err)
	}
	rec := texts("no,from", "1,a")
	defer rec.Release()
	var fe *spec.FileError
	if err := l.Append(rec); !errors.As(err, &fe) || !strings.Contains(err.Error(), `testdata/good/all.yaml:6: truth.column: the data has no column "same_as"`) {
		t.Errorf("absent column: %v", err)
	}
	for rows, want := range map[string]error{"1,1": table.ErrDuplicateID, "1,": table.ErrNoID} {
		s, err := spec.Parse("m.yaml", []byte(minimal))
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.NewLoader()
		if err != nil {
			t.Fatal(err)
		}
		ids := strings.Split(rows, ",")
		rec := texts("no,a,b", ids[0]+",x,", ids[1]+",y,")
		if err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
		if _, _, err := l.Finish(); !errors.Is(err, want) {
			t.Errorf("ids %s: %v", rows, err)
		}
	}
}

// TestTypedColumns loads what a store holds: dictionaries, timestamps, numbers and lists.
func TestTypedColumns(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "kind", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_ms}, {Name: "x", Type: arrow.PrimitiveTypes.Float64}, {Name: "y", Type: arrow.PrimitiveTypes.Float32},
		{Name: "grams", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint32)}, {Name: "places", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint64)},
		{Name: "refs", Type: arrow.ListOf(arrow.BinaryTypes.String)},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for _, row := range []string{
		`{"id":"a","kind":"leak","at":"2024-01-02T03:04:05Z","x":10.5,"y":2,"grams":[9,3],"places":[18446744073709551615],"refs":["7"]}`,
		`{"id":"b","kind":"leak","at":null,"x":null,"y":null,"grams":null,"places":[],"refs":null}`,
	} {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	s, err := spec.Parse("m.yaml", []byte(`version: 1
id: id
columns:
  kind: {from: kind}
  at: {from: at, as: time}
  day: {from: at, as: date, zone: Asia/Shanghai}
  spot: {x: x, y: y}
  x: {from: x, as: number}
  grams: {from: grams, as: ngrams}
  places: {from: places, as: places}
  refs: {from: refs, as: tickets}
comparisons: [{name: kind, columns: [kind], levels: [exact, else]}]
blocking: [{keys: [kind]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.NewLoader()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(rec); err != nil {
		t.Fatal(err)
	}
	tab, _, err := l.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if at := tab.Time("at").At(0); at != time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro() || tab.Date("day").At(0) != 20240102 {
		t.Errorf("%d %d", at, tab.Date("day").At(0))
	}
	if x, y := tab.Point("spot").At(0); x != 10.5 || y != 2 || tab.Number("x").At(0) != 10.5 {
		t.Errorf("%v %v", x, y)
	}
	if d := cmp.Diff([]uint32{3, 9}, tab.Set("grams").At(0)); d != "" {
		t.Error(d)
	}
	pl := tab.Set("places")
	if v := pl.Dict().At(pl.At(0)[0]); v != "\xff\xff\xff\xff\xff\xff\xff\xff" {
		t.Errorf("a 64-bit token is %q", v)
	}
	for _, name := range tab.Names() {
		if name != "kind" && !tab.Null(name, 1) {
			t.Errorf("%s of row 1 is not null", name)
		}
	}
	if code := tab.Text("kind").Codes(); code[0] != code[1] || tab.Text("kind").Dict().Count(code[0]) != 2 {
		t.Error("equal texts have different codes")
	}
}

func TestKeys(t *testing.T) {
	s, tab, _ := loadAll(t,
		"1,,,leak,Robert,,aa,1,24.12.1990,07/04/2024 3:00:00 PM,07/04/2024,121.5,31.25,,,,one two,",
		"2,,,leak,Rupert,,aa,9,01.01.1990,07/04/2024 5:00:00 PM,,121.5,31.25,,,,two three,",
		"3,,,leak,,,ab,,,,,,,,,,three,",
	)
	blocks := func(rule int) (offs []uint32, hashes []uint64) { return s.Blocking[rule].Hashes(tab) }
	offs, h := blocks(0) // sound and year
	if d := cmp.Diff([]uint32{0, 1, 2, 2}, offs); d != "" || h[0] != h[1] {
		t.Errorf("%v %s", h, d)
	}
	offs, _ = blocks(2) // a rare word and the first two letters of the road; frequent words are placeholders
	if n := len(offs); n != 4 {
		t.Errorf("%v", offs)
	}
	open := s.Blocking[1].WhileOpen.Holds(tab)
	if !open(0, 1) || !open(1, 0) || !open(0, 2) {
		t.Error("closed later, or unknown: still open")
	}
	class, names := s.ClassOf(tab)
	if d := cmp.Diff([]string{"person", "point"}, names); d != "" || class[0] != 1 {
		t.Errorf("%v %v", class, names)
	}
	if d := cmp.Diff([]bool{false, false, false, true, false, false}, s.Excluded(s.Blocking[0])[0:6]); d == "" {
		t.Error("a comparison that reads the rule's name column is not left out")
	}
	if d := cmp.Diff([]bool{true, false, false, true, false, false}, s.Excluded(s.Blocking[0])); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]bool{false, true, true, false, false, false}, s.Excluded(s.Blocking[1])); d != "" {
		t.Error(d)
	}
}

func TestPointsAndPlane(t *testing.T) {
	b := table.NewBuilder(table.Def{Name: "p", Kind: table.KindPoint, Geographic: true})
	for _, p := range [][2]float64{{121.5, 31.25}, {121.501, 31.25}, {121.5, 31.251}, {math.NaN(), 1}, {179.9995, 0}, {-179.9995, 0}} {
		b.Point(0, p[0], p[1])
		b.EndRow(string(rune('a' + b.Rows())))
	}
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := tab.Point("p")
	// Haversine on the same sphere gives 95.06, 111.19 and 111.19 m.
	for _, c := range []struct {
		a, b int32
		want float64
	}{{0, 1, 95.06}, {0, 2, 111.19}, {4, 5, 111.19}} {
		if d := p.Metres(c.a, c.b); math.Abs(d-c.want) > 0.02 {
			t.Errorf("%d to %d: %.3f m, want %.2f", c.a, c.b, d, c.want)
		}
	}
	if !math.IsNaN(p.Metres(0, 3)) {
		t.Error("a distance to nowhere")
	}
	x, y := p.Plane()
	if d := math.Hypot(x[0]-x[2], y[0]-y[2]); math.Abs(d-111.19) > 0.02 || !math.IsNaN(x[3]) {
		t.Errorf("%.3f m in the plane", d)
	}
}
