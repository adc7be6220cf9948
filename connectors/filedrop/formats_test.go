package filedrop_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"onegrid/connectors"
)

type fixture struct {
	name, settings string
	content        []byte
	rows           []string
}

func encode(t testing.TB, e encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gz(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zipped struct {
	name    string
	content []byte
}

func zipOf(t testing.TB, members ...zipped) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Deflate, NonUTF8: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// workbookOf writes a workbook with rows of values, nil for an empty cell; styled cells are excelize.Cell.
func workbookOf(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	for r, row := range rows {
		for c, v := range row {
			cell, err := excelize.CoordinatesToCellName(c+1, r+1)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := v.(styled); ok {
				id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &s.format})
				if err == nil {
					err = f.SetCellStyle("Sheet1", cell, cell, id)
				}
				if err != nil {
					t.Fatal(err)
				}
				v = s.value
			}
			if v == nil {
				continue
			}
			if err := f.SetCellValue("Sheet1", cell, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type styled struct {
	value  any
	format string
}

func parquetOf(t testing.TB) []byte {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "pos", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true}), Nullable: true},
		{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i := range 5 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		if i == 1 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("文%d", i))
		}
		b.Field(2).(*array.Float64Builder).Append(12345678.5)
		b.Field(3).(*array.TimestampBuilder).AppendTime(past)
		s := b.Field(4).(*array.StructBuilder)
		s.Append(true)
		s.FieldBuilder(0).(*array.Int32Builder).Append(int32(i))
		l := b.Field(5).(*array.ListBuilder)
		l.Append(true)
		l.ValueBuilder().(*array.StringBuilder).Append("甲")
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithAllocator(mem)), pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(mem)))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const csvText = "id,内容\n1,东西南北\n2,\"换\n行,逗号\"\n3,\n4,\"引\"\"号\"\n5,末行\n"

var csvRows = []string{"id=1|内容=东西南北", "id=2|内容=换\n行,逗号", "id=3|内容=", "id=4|内容=引\"号", "id=5|内容=末行"}

// everyFormat has a file of each format and encoding with at least five records.
func everyFormat(t *testing.T) map[string]fixture {
	t.Helper()
	gbk := simplifiedchinese.GBK
	le := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	be := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	out := map[string]fixture{
		"csv utf-8":          {"a.csv", "", []byte(csvText), csvRows},
		"csv utf-8 bom":      {"a.csv", "", []byte("\uFEFF" + csvText), csvRows},
		"csv crlf":           {"a.csv", "", []byte(strings.NewReplacer("\n", "\r\n", "换\n行", "换\n行").Replace(csvText)), csvRows},
		"csv gbk":            {"a.csv", "", encode(t, gbk, csvText), csvRows},
		"csv gbk declared":   {"a.csv", "encoding: gb18030\n", encode(t, gbk, csvText), csvRows},
		"csv gbk pipe":       {"a.csv", "csv: {delimiter: '|'}\n", encode(t, gbk, strings.ReplaceAll(csvText, ",", "|")), pipe(csvRows)},
		"csv two characters": {"a.csv", "csv: {delimiter: '||'}\n", []byte(strings.ReplaceAll(csvText, ",", "||")), double(csvRows)},
		"csv utf-16le bom":   {"a.csv", "", encode(t, le, csvText), csvRows},
		"csv utf-16be":       {"a.csv", "encoding: utf-16be\n", encode(t, be, csvText), csvRows},
		"csv gb18030 bom":    {"a.csv", "", append([]byte("\x84\x31\x95\x33"), encode(t, gbk, csvText)...), csvRows},
		"csv gz":             {"a.csv.gz", "", gz(t, []byte(csvText)), csvRows},
		"csv gbk gz":         {"a.csv.gz", "", gz(t, encode(t, gbk, csvText)), csvRows},
		"tsv":                {"a.tsv", "", []byte("id\t内容\n1\t甲\n2\t乙\n3\t丙\n4\t丁\n5\t戊\n"), []string{"id=1|内容=甲", "id=2|内容=乙", "id=3|内容=丙", "id=4|内容=丁", "id=5|内容=戊"}},
		"csv titles":         {"a.csv", "csv: {skip_rows: 2, comment: '#'}\n", []byte("某系统导出,,,\n\"统计日期\n" + strings.Replace(csvText, "3,", "# 注释\n3,", 1)), csvRows},
		"csv no header":      {"a.txt", "csv: {header: false, columns: [a, b], quote: none}\n", []byte("1,\"x\n2,y\n3,z\n4,z\n5,z"), []string{`a=1|b="x`, "a=2|b=y", "a=3|b=z", "a=4|b=z", "a=5|b=z"}},
		"parquet": {"a.parquet", "", parquetOf(t), []string{
			`id=0|text=文0|x=12345678.5|at=2024-05-06T07:08:09Z|pos.a=0|tags=["甲"]`, `id=1|x=12345678.5|at=2024-05-06T07:08:09Z|pos.a=1|tags=["甲"]`,
			`id=2|text=文2|x=12345678.5|at=2024-05-06T07:08:09Z|pos.a=2|tags=["甲"]`, `id=3|text=文3|x=12345678.5|at=2024-05-06T07:08:09Z|pos.a=3|tags=["甲"]`,
			`id=4|text=文4|x=12345678.5|at=2024-05-06T07:08:09Z|pos.a=4|tags=["甲"]`,
		}},
		"zip gbk names": {"a.zip", "", zipOf(t,
			zipped{string(encode(t, gbk, "工单.csv")), []byte("id\n1\n2\n3\n")}, zipped{"sub/", nil}, zipped{"sub/b.jsonl", []byte("{\"id\":4}\n{\"id\":5}\n{\"id\":6}\n")}, zipped{"readme.doc", []byte("x")}),
			[]string{"id=1", "id=2", "id=3", "id=4", "id=5", "id=6"}},
	}
	var items, xml, fixed []string
	var rows, xmlRows, fixedRows []string
	for i := range 6 {
		items = append(items, fmt.Sprintf(`{"id":%d,"o":{"p":"东\u0041\"","q":null},"l":[1,{"x":"]"}],"b":true,"n":1.50}`, i))
		rows = append(rows, fmt.Sprintf(`id=%d|o.p=东A"|l=[1,{"x":"]"}]|b=true|n=1.50`, i))
		xml = append(xml, fmt.Sprintf(`<case no="%d"><text>东 &amp; 西</text><pos lon="1"><x>2</x></pos><pic>a</pic><pic>b</pic></case>`, i))
		xmlRows = append(xmlRows, fmt.Sprintf(`@no=%d|text=东 & 西|pos.@lon=1|pos.x=2|pic=["a","b"]`, i))
		fixed = append(fixed, fmt.Sprintf("%04d东西  xx%-6s", i, "末"))
		fixedRows = append(fixedRows, fmt.Sprintf("id=%04d|text=东西|end=末", i))
	}
	doc := `{"code":0,"data":{"skip":[{"a":"]}"}],"items":[` + strings.Join(items, ",\n") + `],"n":1},"z":2}`
	out["json path"] = fixture{"a.json", "json: {path: data.items}\n", []byte(doc), rows}
	out["json gbk gz"] = fixture{"a.json.gz", "json: {path: data.items}\n", gz(t, encode(t, gbk, doc)), rows}
	out["json array"] = fixture{"a.json", "", []byte(" [" + strings.Join(items, " , ") + "]\n"), rows}
	out["jsonl"] = fixture{"a.jsonl", "", []byte(strings.Join(items, "\n\n")), rows}
	out["jsonl utf-16"] = fixture{"a.jsonl", "", encode(t, le, strings.Join(items, "\n")), rows}
	body := "<cases><head>x</head>" + strings.Join(xml, "\n") + "</cases>"
	out["xml"] = fixture{"a.xml", "xml: {record: cases/case}\n", []byte(`<?xml version="1.0" encoding="UTF-8"?>` + body), xmlRows}
	out["xml gb18030"] = fixture{"a.xml", "xml: {record: case}\n", encode(t, simplifiedchinese.GB18030, `<?xml version="1.0" encoding="GB18030"?>`+body), xmlRows}
	out["xml zip"] = fixture{"a.zip", "xml: {record: case}\n", zipOf(t, zipped{"a.xml", []byte(body)}), xmlRows}
	fixedCfg := "format: fixed\nfixed: {unit: %s, columns: [{name: id, width: 4}, {name: text, width: %d}, {width: 2, skip: true}, {name: end, width: %d}]}\n"
	out["fixed runes"] = fixture{"a.dat", fmt.Sprintf(fixedCfg, "rune", 4, 6), []byte(strings.Join(fixed, "\n")), fixedRows}
	gbFixed := strings.ReplaceAll(strings.Join(fixed, "\n"), "末     ", "末    ")
	out["fixed gbk bytes"] = fixture{"a.dat", fmt.Sprintf(fixedCfg, "byte", 6, 6), encode(t, gbk, gbFixed), fixedRows}
	when := time.Date(2020, 1, 15, 12, 30, 5, 0, time.UTC)
	sheet := [][]any{{"某系统统计表"}, {}, {"编号", " 时间\u3000", "内容", "内容", nil, "数"}}
	var sheetRows []string
	for i := range 6 {
		var at any = "2020/1/15 12:30"
		text := "2020/1/15 12:30"
		switch i % 3 {
		case 1:
			at, text = styled{when, `yyyy\-mm\-dd\ hh:mm:ss`}, "2020-01-15 12:30:05"
		case 2:
			at, text = styled{43845.5, "General"}, "43845.5"
		}
		sheet = append(sheet, []any{i, at, "东西", nil, true, 0.25})
		sheetRows = append(sheetRows, fmt.Sprintf("编号=%d|时间=%s|内容=东西|col_5=true|数=0.25", i, text))
	}
	book := workbookOf(t, sheet...)
	out["xlsx"] = fixture{"a.xlsx", "", book, sheetRows}
	out["xlsx required"] = fixture{"a.xlsx", "required: [编号, 时间]\n", book, sheetRows}
	out["xlsx row"] = fixture{"a.xlsx", "xlsx: {header_row: \"3\", sheet: Sheet1}\n", book, sheetRows}
	out["xlsx in zip"] = fixture{"a.zip", "", zipOf(t, zipped{"x.xlsx", book}), sheetRows}
	out["xlsx in gz"] = fixture{"a.xlsx.gz", "", gz(t, book), sheetRows}
	return out
}

func pipe(rows []string) (out []string) {
	for _, r := range rows {
		out = append(out, strings.ReplaceAll(r, "行,逗", "行|逗"))
	}
	return out
}

func double(rows []string) (out []string) {
	for _, r := range rows {
		out = append(out, strings.ReplaceAll(r, "行,逗", "行||逗"))
	}
	return out
}

// TestIllegalBytes: an illegal byte costs its record, whose position and bytes are given, and no neighbour.
func TestIllegalBytes(t *testing.T) {
	gbk := simplifiedchinese.GBK
	for name, c := range map[string]struct {
		file, settings string
		content        []byte
		rows           []string
		position       string
		raw            string
	}{
		"utf-8":        {"a.csv", "", []byte("id,v\n1,东\n2,\xe4\xb8\n3,西\n"), []string{"id=1|v=东", "id=3|v=西"}, "byte 13", "2,\xe4\xb8\n"},
		"utf-8 quoted": {"a.csv", "", []byte("id,v\n1,东\n2,\"\xff\nb\"\n3,\"西\n\"\n"), []string{"id=1|v=东", "id=3|v=西\n"}, "byte 14", "2,\"\xff\nb\"\n"},
		"utf-8 bom":    {"a.csv", "", []byte("\xef\xbb\xbfid,v\n1,东\n2,\xff\n3,西\n"), []string{"id=1|v=东", "id=3|v=西"}, "byte 16", "2,\xff\n"},
		"gbk": {"a.csv", "", cat(encode(t, gbk, "id,v\n1,东西\n2,"), []byte("\xff"), encode(t, gbk, ",\n3,西\n")),
			[]string{"id=1|v=东西", "id=3|v=西"}, "byte 14", "2,\xff,\n"},
		"gbk cut character before a quote": {"a.csv", "", cat(encode(t, gbk, "id,v\n1,东西\n2,\"东"), []byte("\xb6\"\n"), encode(t, gbk, "3,西\n")),
			[]string{"id=1|v=东西", "id=3|v=西"}, "byte 17", "2,\"\xb6\xab\xb6\"\n"},
		"utf-16 lone surrogate": {"a.csv", "encoding: utf-16le\n", cat(utf16le("id,v\n1,东\n2,"), []byte{0x00, 0xd8}, utf16le("\n3,西\n")),
			[]string{"id=1|v=东", "id=3|v=西"}, "byte 22", string(cat(utf16le("2,"), []byte{0x00, 0xd8}, utf16le("\n")))},
		"jsonl":       {"a.jsonl", "", []byte("{\"v\":\"东\"}\n{\"v\":\"\xff\"}\n{\"v\":\"西\"}"), []string{"v=东", "v=西"}, "byte 18", "{\"v\":\"\xff\"}\n"},
		"json":        {"a.json", "", []byte("[{\"v\":\"东\"},{\"v\":\"\xff\"},{\"v\":\"西\"}]"), []string{"v=东", "v=西"}, "byte 19", "{\"v\":\"\xff\"}"},
		"xml":         {"a.xml", "", []byte("<r><c><v>东</v></c><c><v>\xff</v></c><c><v>西</v></c></r>"), []string{"v=东", "v=西"}, "byte 26", "{\"v\":\"\uFFFD\"}"},
		"xml control": {"a.xml", "", []byte("<r><c><v>东</v></c><c><v>\x01</v></c><c><v>西</v></c></r>"), []string{"v=东", "v=西"}, "byte 26", "{\"v\":\"\uFFFD\"}"},
		"fixed":       {"a.dat", "format: fixed\nfixed: {columns: [{name: v, width: 3}]}\n", []byte("东\nx\xff\n西\n"), []string{"v=东", "v=西"}, "byte 5", "x\xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, c.file, c.content, 0)
			g := read(t, openWith(t, dir, 100, c.settings), connectors.Checkpoint{})
			if g.err != nil {
				t.Error(g.err)
			}
			g.wantRows(t, c.rows...)
			if len(g.rejects) != 1 {
				t.Fatalf("rejects %+v", g.rejects)
			}
			if r := g.rejects[0]; r.Rule != "bad_encoding" || r.Position != c.position || string(r.Raw) != c.raw {
				t.Errorf("reject %s at %s, raw %q; want bad_encoding at %s, raw %q", r.Rule, r.Position, r.Raw, c.position, c.raw)
			}
		})
	}
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func utf16le(s string) []byte {
	b, err := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(err) // the texts above are valid
	}
	return b
}

// TestBadRows: a record that is out of shape costs itself, also when it opens a quote that nobody closes.
func TestBadRows(t *testing.T) {
	big := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		file, settings, content string
		rows                    []string
		rejects                 []string // position and rule
	}{
		"field count":     {"a.csv", "", "a,b\n1,2\n1\n1,2,3\n3,4\n", []string{"a=1|b=2", "a=3|b=4"}, []string{"line 3 bad_row", "line 4 bad_row"}},
		"bare quote":      {"a.csv", "", "a,b\n1,x\"y\n2,\"x\"y\n3,4\n", []string{"a=3|b=4"}, []string{"line 2 bad_row", "line 3 bad_row"}},
		"lazy":            {"a.csv", "csv: {lazy: true}\n", "a,b\n1,x\"y\n2,\"x\"y\"\n3,4\n", []string{"a=1|b=x\"y", "a=2|b=x\"y", "a=3|b=4"}, nil},
		"open quote":      {"a.csv", "", "a,b\n1,\"x\n2,y\n3,z\n", []string{"a=2|b=y", "a=3|b=z"}, []string{"line 2 bad_row"}},
		"giant line":      {"a.csv", "limits: {record_size: 1000}\n", "a,b\n1," + big + "\n2,y\n", []string{"a=2|b=y"}, []string{"line 2 too_large"}},
		"giant last line": {"a.csv", "limits: {record_size: 1000}\n", "a,b\n2,y\n1," + big, []string{"a=2|b=y"}, []string{"line 3 too_large"}},
		"giant quoted":    {"a.csv", "limits: {record_size: 1000}\n", "a,b\n1,\"" + strings.Repeat("x\n", 1500) + "\n2,y\n", []string{"a=2|b=y"}, nil},
		"jsonl":           {"a.jsonl", "limits: {record_size: 1000}\n", "{\"a\":1}\n{\"a\":\n[1]\n{\"a\":\"" + big + "\"}\n{\"a\":2}", []string{"a=1", "a=2"}, []string{"line 2 bad_row", "line 3 bad_row", "line 4 too_large"}},
		"json":            {"a.json", "limits: {record_size: 1000}\n", "[{\"a\":1},{\"a\":},7,{\"a\":\"" + big + "\"},{\"a\":2}]", []string{"a=1", "a=2"}, []string{"item 2 bad_row", "item 3 bad_row", "item 4 too_large"}},
		"xml":             {"a.xml", "limits: {record_size: 1000}\n", "<r><c><a>1</a></c><c><a>" + big + "</a></c><c><a>2</a></c></r>", []string{"a=1", "a=2"}, []string{"record 2 too_large"}},
		"fixed":           {"a.dat", "format: fixed\nfixed: {unit: byte, columns: [{name: a, width: 2}]}\n", "12\n1东\n123\n4\n", []string{"a=12", "a=4"}, []string{"line 2 bad_row", "line 3 bad_row"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, c.file, []byte(c.content), 0)
			g := read(t, openWith(t, dir, 2, c.settings), connectors.Checkpoint{})
			if g.err != nil {
				t.Error(g.err)
			}
			g.wantRows(t, c.rows...)
			var rejects []string
			for _, r := range g.rejects {
				rejects = append(rejects, r.Position+" "+r.Rule)
				if strings.Contains(r.Message+r.MessageZH, "xxx") {
					t.Error("the message quotes the record")
				}
			}
			if name == "giant quoted" { // every line of it is its own reject
				if len(rejects) != 1500 {
					t.Errorf("%d rejects", len(rejects))
				}
				return
			}
			if strings.Join(rejects, ",") != strings.Join(c.rejects, ",") {
				t.Errorf("rejects %v, want %v", rejects, c.rejects)
			}
		})
	}
}

func TestManyColumns(t *testing.T) {
	var head, row strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&head, "c%d,", i)
		fmt.Fprintf(&row, "%d,", i)
	}
	text := func(cut int) []byte {
		h, r := strings.TrimSuffix(head.String(), ","), strings.TrimSuffix(row.String(), ",")
		return []byte(h + strings.Repeat(",x", cut) + "\n" + r + strings.Repeat(",1", cut) + "\n")
	}
	dir := t.TempDir()
	drop(t, dir, "ok.csv", text(0), 0)
	g := read(t, openWith(t, dir, 100, ""), connectors.Checkpoint{})
	if g.err != nil || len(g.rows) != 1 || strings.Count(g.rows[0], "|") != 9999 {
		t.Fatalf("%d rows, error %v", len(g.rows), g.err)
	}
	dir = t.TempDir()
	drop(t, dir, "over.csv", text(1), 0)
	if g := read(t, openWith(t, dir, 100, ""), connectors.Checkpoint{}); g.err == nil || len(g.rows) != 0 {
		t.Errorf("10,001 columns: %d rows, error %v", len(g.rows), g.err)
	}
}
