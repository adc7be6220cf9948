package filedrop

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// collect reads everything that a reader gives, in small batches, and checks what every table must hold.
func collect(t *testing.T, r recordReader, tb *table) (rows [][]string, rejects int, err error) {
	t.Helper()
	for {
		err = r.read(tb)
		n := tb.rows
		rec, rej, _ := tb.take()
		rejects += len(rej)
		for i := range n {
			var row []string
			for _, c := range rec.Columns() {
				v := c.ValueStr(i)
				if !utf8.ValidString(v) {
					t.Fatalf("a value is not valid UTF-8: %q", v)
				}
				row = append(row, v)
			}
			rows = append(rows, row)
		}
		if rec != nil {
			rec.Release()
		}
		if err != nil {
			return rows, rejects, err
		}
	}
}

// FuzzCSV holds the reader to encoding/csv: what that reads, this reads alike, whatever the sizes of the reads are.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "a,b\r\n\"x\r\ny\",2\r\n", "\"a\"\"b\",c\n", "a\"b,c\n1,2", "\"a", "\n\n#x\n,\n", "a,\"b\"c\nd,e\n", "\"\"\"\"\n", "东,西\n\xff,x\n", "a\r", "\"a\"\r", "a,\"", "\r\n\r",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, lazy bool) {
		ref := csv.NewReader(strings.NewReader(s))
		ref.FieldsPerRecord, ref.LazyQuotes, ref.Comment = -1, lazy, '#'
		want, refErr := ref.ReadAll()
		var all [2][][]string
		for i, src := range []io.Reader{strings.NewReader(s), iotest.OneByteReader(strings.NewReader(s))} {
			r := newCSVReader(newWindow(newText(src, encUTF8, nil)), CSVConfig{Quote: `"`, Comment: "#", Lazy: lazy}, ",", 1<<20)
			width := 0
			for _, rec := range want {
				width = max(width, len(rec))
			}
			if refErr != nil || width == 0 {
				width = 2
			}
			tb := newTable(3, 1000)
			names := make([]string, width)
			for k := range names {
				names[k] = "c"
			}
			tb.columns(headerNames(names))
			r.ncols = width
			rows, rejects, err := collect(t, r, tb)
			if !errors.Is(err, io.EOF) {
				t.Fatalf("reading ends with %v", err)
			}
			if int64(len(rows)+rejects) != r.rec {
				t.Fatalf("%d rows and %d rejects of %d records", len(rows), rejects, r.rec)
			}
			all[i] = rows
			if refErr != nil || !utf8.ValidString(s) {
				continue
			}
			var exact [][]string // the records that have the full width; the others are rejects here
			for _, rec := range want {
				if len(rec) == width {
					exact = append(exact, rec)
				}
			}
			for _, row := range rows {
				for k := range row {
					row[k] = strings.ReplaceAll(row[k], "\r\n", "\n") // encoding/csv changes line ends inside of quotes
				}
			}
			if !slices.EqualFunc(rows, exact, slices.Equal) || rejects != len(want)-len(exact) {
				t.Fatalf("rows %q, %d rejects; encoding/csv has %q", rows, rejects, want)
			}
		}
		if !slices.EqualFunc(all[0], all[1], slices.Equal) {
			t.Fatalf("the sizes of the reads change the result: %q and %q", all[0], all[1])
		}
	})
}

// FuzzDecode holds the GB18030 decoder to golang.org/x/text, and the offsets of illegal bytes to the bytes they are at.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("abc\xb6\xab\xce\xf7|\n"))
	f.Add([]byte("\x81\x30\x81\x30\x84\x31\xa4\x37\xff\x80"))
	f.Add([]byte("\xb6\"\n\xe3\x32\x9a\x35\x90\x30\x81\x30"))
	tab := newGBTable()
	f.Fuzz(func(t *testing.T, b []byte) {
		src := newText(iotest.HalfReader(bytes.NewReader(b)), encGB18030, func() *gbTable { return tab })
		w := newWindow(src)
		for w.fill() {
		}
		got := w.buf[:w.w]
		if strip := bytes.TrimPrefix(b, []byte("\x84\x31\x95\x33")); bytes.IndexByte(got, illegal) < 0 {
			// Where something is illegal the two differ on purpose: x/text takes the byte behind it as well, which may be a delimiter.
			want, err := simplifiedchinese.GB18030.NewDecoder().Bytes(strip)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%q decodes to %q, x/text gives %q", b, got, want)
			}
		}
		for i, c := range got {
			if c == illegal {
				if at := w.offset(i); at < 0 || at >= int64(len(b)) || b[at] < 0x80 {
					t.Fatalf("the illegal byte at %d of the text is said to be at %d", i, at)
				}
			}
		}
		if raw := w.raw(0, w.w); len(b) < maxRaw && !bytes.HasSuffix(b, raw) {
			t.Fatalf("the raw bytes %q are not those of %q", raw, b)
		}
	})
}

// FuzzReaders feeds anything to the other decoders: they end, never panic, and count every record once.
func FuzzReaders(f *testing.F) {
	for _, s := range []string{
		`<r><c a="1"><x>y</x><x/></c><c>t</c></r>`, "<r><c>\x01</c></r>", "<!DOCTYPE r><r/>", "<?xml version='1.0' encoding='GBK'?><r><c/></r>",
		`[{"a":1},{"b":{"c":[1,"]"]}}]`, `{"a":"\ud800"}`, "{\"a\":1}\n{\"a\":null}\n{}\n[]", "12东西\n\xff\n\x1a", "\xff\xfea\x00\n\x00\x00\xd8",
	} {
		f.Add([]byte(s))
	}
	tab := newGBTable()
	gb := func() *gbTable { return tab }
	f.Fuzz(func(t *testing.T, b []byte) {
		window := func() *window { return newWindow(newText(iotest.HalfReader(bytes.NewReader(b)), encAuto, gb)) }
		fixed := FixedConfig{Unit: "byte", Columns: []FixedColumn{{Name: "a", Width: 2}, {Name: "b", Width: 3}}}
		for name, r := range map[string]recordReader{
			"xml": newXMLReader(window(), "", 1000), "xml named": newXMLReader(window(), "c", 1000), "json": newJSONReader(window(), "", 1000),
			"json path": newJSONReader(window(), "a.b", 1000), "jsonl": newJSONLReader(window(), 1000), "fixed": newFixedReader(window(), fixed, 1000, gb),
		} {
			tb := newTable(3, 100)
			if name == "fixed" {
				tb.columns(fixed.names())
			}
			rows, rejects, err := collect(t, r, tb)
			if errors.Is(err, io.EOF) && int64(len(rows)+rejects) != r.at().Rec {
				t.Fatalf("%s: %d rows and %d rejects of %d records", name, len(rows), rejects, r.at().Rec)
			}
		}
	})
}
