package filedrop_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

var gbkEncoding = simplifiedchinese.GBK

// TestBombs: what unpacks to far more than it is, is refused in bounded memory, and the other files are read.
func TestBombs(t *testing.T) {
	const size = 256 << 20
	flat := bytes.Repeat([]byte("a"), size)
	rows := append([]byte("id\n"), bytes.Repeat([]byte("1\n"), size/2)...)
	sheet := `<?xml version="1.0"?><worksheet><sheetData>` + strings.Repeat(`<row><c><v>1</v></c></row>`, size/8/26) + `</sheetData></worksheet>`
	book := func(shared, sheet []byte) []byte {
		return zipOf(t,
			zipped{"xl/workbook.xml", []byte(`<workbook xmlns:r="r"><sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>`)},
			zipped{"xl/_rels/workbook.xml.rels", []byte(`<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`)},
			zipped{"xl/sharedStrings.xml", shared}, zipped{"xl/worksheets/sheet1.xml", sheet})
	}
	var many []zipped
	for range 1001 {
		many = append(many, zipped{"a.csv", nil})
	}
	for name, b := range map[string]struct {
		file    string
		content []byte
		limit   bool
	}{
		"gz":            {"b.csv.gz", gz(t, rows), true},
		"gz one line":   {"b.csv.gz", gz(t, flat), false},
		"zip":           {"b.zip", zipOf(t, zipped{"b.csv", rows}), true},
		"zip entries":   {"b.zip", zipOf(t, many...), true},
		"xlsx sheet":    {"b.xlsx", book([]byte("<sst></sst>"), []byte(sheet)), true},
		"xlsx shared":   {"b.xlsx", book([]byte("<sst><si><t>"+string(flat[:size/4])+"</t></si></sst>"), []byte("<worksheet><sheetData/></worksheet>")), true},
		"xml text":      {"b.xml", []byte("<r><c>" + string(flat[:64<<20]) + "</c></r>"), true},
		"xml nesting":   {"b.xml", bytes.Repeat([]byte("<a>"), 2<<20), false},
		"xml entities":  {"b.xml", []byte(`<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("x", 1000) + `"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>`), false},
		"xml external":  {"b.xml", []byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a><c>&b;</c></a>`), false},
		"xml 1e6 attrs": {"b.xml", []byte("<r><c " + strings.Repeat(`a="1" `, 2<<20) + "/></r>"), true},
		"json nesting":  {"b.jsonl", append(bytes.Repeat([]byte(`{"a":`), 90_000), '1'), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop(t, dir, b.file, b.content, 0)
			drop(t, dir, "good.csv", []byte("id\n1\n"), 1)
			s := openWith(t, dir, 1000, "")
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var peak uint64
			var last error
			good := false
			for batch, err := range s.Read(t.Context(), connectors.Checkpoint{}) {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
				if err != nil {
					last = err
					break
				}
				good = good || batch.Origin == "good.csv"
				if batch.Records != nil {
					batch.Records.Release()
				}
			}
			if !good {
				t.Error("the good file was not read")
			}
			if name != "json nesting" && last == nil {
				t.Error("no error")
			}
			if b.limit != errors.Is(last, connectors.ErrLimit) {
				t.Errorf("error %v", last)
			}
			if grown := int64(peak) - int64(before.HeapAlloc); grown > 160<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}
