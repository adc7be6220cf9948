package normalize_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/pipelines/normalize"
)

func readCSV(t *testing.T, path string) arrow.RecordBatch {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records(rows[0], rows[1:]...)
}

// TestShippedMappings maps invented rows with the defects of the domain notes by every mapping that is shipped.
func TestShippedMappings(t *testing.T) {
	files, err := filepath.Glob("../../configs/*/mappings/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d mappings, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			m, err := normalize.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			n, err := m.Compile(nil, normalize.WithAllocator(checked(t)))
			if err != nil {
				t.Fatal(err)
			}
			rec := readCSV(t, "testdata/golden/"+name+".csv")
			defer rec.Release()
			d, rejects := apply(t, n, rec)
			golden(t, "testdata/golden/"+name+".txt", render(d, rejects)+"\n"+renderReport(n.Report()))
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the code gives (run go test -update and look at the difference):\n%s", path, diff)
	}
}

// TestRealFiles maps the real files where they are present. Their numbers are known from the files themselves.
func TestRealFiles(t *testing.T) {
	for _, tc := range []struct {
		mapping, file string
		events        int
		flags         map[string]int64
	}{
		{"chicago_311", "chicago311_day1/chicago_311_day1.csv", 2953, nil},
		{"baltimore_311", "baltimore311/311_sample.csv", 10000, nil},
	} {
		t.Run(tc.mapping, func(t *testing.T) {
			path := "../../../shared/data/" + tc.file
			f, err := os.Open(path)
			if err != nil {
				t.Skip("the real data is not beside the repository: ../shared/data is absent")
			}
			defer f.Close()
			m, err := normalize.Load("../../configs/real/mappings/" + tc.mapping + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			n, err := m.Compile(nil, normalize.WithAllocator(checked(t)))
			if err != nil {
				t.Fatal(err)
			}
			r := csv.NewReader(f)
			header, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			header[0] = strings.TrimPrefix(header[0], "\ufeff")
			b := connectors.NewBuilder(header...)
			rows, err := r.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for i, v := range row {
					b.Set(i, v)
				}
				b.EndRow()
			}
			rec := b.Take()
			defer rec.Release()
			d, rejects := apply(t, n, rec)
			rep := n.Report()
			if d.Rows != tc.events || len(rejects) != 0 {
				t.Errorf("%d events, %d rejects", d.Rows, len(rejects))
			}
			if len(rep.Unmapped) > 0 || len(rep.Codes) > 0 {
				t.Errorf("the mapping leaves something out:\n%s", renderReport(rep))
			}
			t.Log("\n" + renderReport(rep))
		})
	}
}

// TestRealPetitions maps 附件3: of 4,326 times 129 are Excel serials, the rest is text.
func TestRealPetitions(t *testing.T) {
	path := "../../../shared/data/petitions_cn/附件3.xlsx"
	if _, err := os.Stat(path); err != nil {
		t.Skip("the real data is not beside the repository: ../shared/data is absent")
	}
	x, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	rows, err := x.GetRows(x.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := normalize.Load("../../configs/real/mappings/petitions_cn.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Compile(nil, normalize.WithAllocator(checked(t)))
	if err != nil {
		t.Fatal(err)
	}
	rec := records(rows[0], rows[1:]...)
	defer rec.Release()
	d, rejects := apply(t, n, rec)
	if d.Rows != 4326 || len(rejects) != 0 {
		t.Errorf("%d events, %d rejects", d.Rows, len(rejects))
	}
	for row := range d.Rows {
		if at := cell(d.Col("reported_at"), row); at < "2017" || at > "2020-12" {
			t.Errorf("row %d: reported_at lies outside 2017 to 2020", row)
		}
	}
	t.Log("\n" + renderReport(n.Report()))
}

func TestItems(t *testing.T) {
	m, err := normalize.Parse("m.yaml", []byte(minimal+"  title: {cel: 'src[\"a\"]'}\n  x: {from: p, crs: wgs84}\n  y: {from: q}\n  status: {first: [{from: s, codes: {\"1\": closed}}, {concat: [u, a]}]}\n"+
		"parties: [{kind: phone, role: reporter, from: tel}]\ncaller: {x: cx, y: cy}\next: {allow: {k: e}}\ndrop: [d]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []normalize.Item{{"a", "status"}, {"a", "title"}, {"cx", "caller"}, {"cy", "caller"}, {"d", ""}, {"e", "ext"}, {"id", "source_record_id"}, {"p", "coord_src_x"},
		{"q", "coord_src_y"}, {"s", "status"}, {"t", "reported_at"}, {"tel", "party"}, {"u", "status"}}
	if diff := cmp.Diff(want, m.Items()); diff != "" {
		t.Error(diff)
	}
}

// TestNothingLeaks maps rows whose every value is a marker and looks for it in everything that may be logged or stored
// readable: rejects, errors and the report (invariant 4).
func TestNothingLeaks(t *testing.T) {
	files, err := filepath.Glob("../../configs/*/mappings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	const name, phone = "甄某某", "19900000007"
	for _, file := range files {
		m, err := normalize.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Compile(nil, normalize.WithAllocator(checked(t)))
		if err != nil {
			t.Fatal(err)
		}
		cols := append(n.Columns(), "未映射列", phone)
		row := func(v string) []string {
			out := make([]string, len(cols))
			for i := range out {
				out[i] = v
			}
			return out
		}
		rows := [][]string{row(name), row(phone), row(name + phone)}
		// Rows that are mapped, so that codes are looked up too.
		valid := map[string]string{"BJSJ": "2024-03-05", "来电时间": "2024-03-05", "create_time": "2024-03-05", "requested_datetime": "2024-03-05", "created_date": "2024-03-05", "CreatedDate": "03/05/2024", "留言时间": "2024-03-05"}
		for _, v := range []string{name, phone} {
			r := row(v)
			for i, c := range cols {
				if at, ok := valid[c]; ok {
					r[i] = at
				}
			}
			rows = append(rows, r)
		}
		rec := records(cols, rows...)
		d, rejects := apply(t, n, rec)
		rec.Release()
		if d.Rows == 0 || len(rejects) == 0 {
			t.Errorf("%s: %d events, %d rejects: the test looks at nothing", file, d.Rows, len(rejects))
		}
		said := renderReport(n.Report())
		for _, r := range rejects {
			said += r.Message + r.MessageZH + r.Column + r.Rule + r.Position + r.Stream
		}
		for _, secret := range []string{name, phone} {
			if strings.Contains(said, secret) {
				t.Errorf("%s: %s is readable in\n%s", file, secret, said)
			}
		}
	}
}

// TestCallerPositionStaysOut makes sure that the position of a caller is nowhere but in CallerX and CallerY.
func TestCallerPositionStaysOut(t *testing.T) {
	m, err := normalize.Load("../../configs/city/mappings/police_110.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Compile(nil, normalize.WithAllocator(checked(t)))
	if err != nil {
		t.Fatal(err)
	}
	rec := records([]string{"JJDBH", "BJSJ", "ZDDWXZB", "ZDDWYZB", "SDDWXZB", "SDDWYZB"},
		[]string{"99010124030514050001", "2024-03-05 14:05:00", "119.111", "32.222", "0", "0"})
	defer rec.Release()
	d, _ := apply(t, n, rec)
	if d.CallerX == nil || d.CallerX.ValueStr(0) != "119.111" || d.CallerY.ValueStr(0) != "32.222" {
		t.Error("no caller position")
	}
	for i, c := range event.Columns() {
		if v := cell(d.Cols[i], 0); strings.Contains(v, "119.111") || strings.Contains(v, "32.222") {
			t.Errorf("%s holds the caller's position", c.Name)
		}
	}
	if got := cell(d.Col("coord_origin"), 0); got != "none" {
		t.Errorf("coord_origin = %s for 0,0", got)
	}
	if d.Col("coord_src_crs") != nil {
		t.Error("a coordinate system without a point")
	}
}

func TestMeta(t *testing.T) {
	n := compile(t, minimal+"  source_updated_at: {from: '@as_of'}\n", nil)
	rec := records([]string{"id", "t"}, []string{"1", "2024-01-01"})
	defer rec.Release()
	d, _, err := n.Apply(rec, normalize.Meta{AsOf: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Release()
	if got := cell(d.Col("source_updated_at"), 0); got != "2024-05-01T08:00:00" {
		t.Error(got)
	}
}
