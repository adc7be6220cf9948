package link

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/table"
)

// sample is a table with every kind of column, one full row and one of nulls only.
func sample(t testing.TB) (*table.Table, []certain.Record) {
	t.Helper()
	b := table.NewBuilder(table.Def{Name: "text", Kind: table.KindText}, table.Def{Name: "number", Kind: table.KindNumber}, table.Def{Name: "date", Kind: table.KindDate},
		table.Def{Name: "time", Kind: table.KindTime}, table.Def{Name: "spot", Kind: table.KindPoint, Geographic: true}, table.Def{Name: "words", Kind: table.KindSet, Words: true},
		table.Def{Name: "grams", Kind: table.KindSet})
	b.Text(0, "05.03")
	b.Number(1, 12.5)
	b.Date(2, 20260301)
	b.Time(3, 1_772_323_200_000_000)
	b.Point(4, 119.4, 32.3)
	b.Words(5, []string{"松林新村", "文昌路"})
	b.Hashes(6, []uint32{3, 7, 11})
	b.EndRow("full")
	b.Time(3, table.NoTime)
	b.EndRow("empty")
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return tab, []certain.Record{
		{Source: "police_110", Kind: "police_110", Number: "99010226030100010001", Alt: "7", Parent: "99010226030100010000", UpstreamKind: "hotline_12345", Upstream: "1",
			Tickets: []feature.Ticket{{Number: "260301000100000001", Kind: feature.TicketHotline, Named: true}}, Cues: feature.CueAgain, Copy: 5, Runes: 30, At: 1_772_323_200_000_000,
			Purpose: "actual", Invalid: true},
		{At: certain.NoTime},
	}
}

// What is stored beside an event comes back as it was.
func TestFeaturesComeBack(t *testing.T) {
	tab, records := sample(t)
	c := newCodec(tab)
	b := table.NewBuilder(c.defs...)
	var rows [][]byte
	for i, r := range records {
		data := c.append(nil, tab, int32(i), &r)
		rows = append(rows, data)
		got, err := c.decode(b, tab.ID(int32(i)), data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Errorf("row %d (-stored +read):\n%s", i, d)
		}
	}
	back, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if d := cmp.Diff(rows[i], c.append(nil, back, int32(i), &r)); d != "" {
			t.Errorf("row %d is stored otherwise the second time:\n%s", i, d)
		}
	}
}

// Bytes that are cut, longer or of another version are told from a row, so that the runner rebuilds.
func TestDamagedFeaturesAreRefused(t *testing.T) {
	tab, records := sample(t)
	c := newCodec(tab)
	data := c.append(nil, tab, 0, &records[0])
	other := append([]byte{codecVersion + 1}, data[1:]...)
	for name, bad := range map[string][]byte{"empty": {}, "cut": data[:len(data)-1], "longer": append(data[:len(data):len(data)], 0), "version": other} {
		if _, err := c.decode(table.NewBuilder(c.defs...), "x", bad); !errors.Is(err, errRow) {
			t.Errorf("%s: %v, want %v", name, err, errRow)
		}
	}
}

func FuzzDecode(f *testing.F) {
	tab, records := sample(f)
	c := newCodec(tab)
	for i, r := range records {
		f.Add(c.append(nil, tab, int32(i), &r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := table.NewBuilder(c.defs...)
		r, err := c.decode(b, "x", data)
		if err != nil {
			if !errors.Is(err, errRow) {
				t.Fatal(err)
			}
			return
		}
		back, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		again := c.append(nil, back, 0, &r)
		twice := table.NewBuilder(c.defs...)
		if _, err := c.decode(twice, "x", again); err != nil {
			t.Fatalf("what was read cannot be stored and read again: %v", err)
		}
	})
}

// Frequencies come back as they were, and every damage is seen.
func TestCorpusComesBack(t *testing.T) {
	b := table.NewBuilder(table.Def{Name: "words", Kind: table.KindSet, Words: true}, table.Def{Name: "matter", Kind: table.KindText})
	for i, words := range [][]string{{"松林新村", "文昌路"}, {"松林新村"}, {"月亮湾"}} {
		b.Words(0, words)
		b.Text(1, []string{"05.03", "05.03", "05.07"}[i])
		b.EndRow([]string{"a", "b", "c"}[i])
	}
	tab, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want := newCorpus(tab)
	if n := len(want.columns["words"].hash); n != 1 {
		t.Errorf("%d words stand in two records, want 1", n)
	}
	if err := want.save(dir, "one"); err != nil {
		t.Fatal(err)
	}
	got, err := loadCorpus(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(corpus{}, counted{})); d != "" {
		t.Errorf("-saved +read:\n%s", d)
	}
	if _, err := loadCorpus(dir, "two"); !errors.Is(err, errCorpus) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := want.save(dir, "two"); err != nil {
		t.Fatal(err)
	}
	if err := tidyCorpus(dir, "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCorpus(dir, "one"); !errors.Is(err, errCorpus) {
		t.Errorf("the file of an older run: %v", err)
	}
}
