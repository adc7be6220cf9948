package filedrop

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// headerWithin is how many filled rows are looked at for the header.
const headerWithin = 50

// xlsxReader streams the rows of one worksheet. Cells that are dates by their style come as canonical text, other
// numbers as the workbook has them, so that texts and serial numbers of one column can be told apart downstream.
type xlsxReader struct {
	book  *workbook
	x     *xmlReader
	max   int
	names []string
	ahead []xlsxRow // read while looking for the header
	rec   int64
	row   int // number of the last row
	over  bool
}

// xlsxRow is one row that has a value.
type xlsxRow struct {
	number int
	cells  []xlsxCell
	size   int
	fault  string // rule of a reject
	at     int64  // raw offset in the sheet of an illegal byte
}

type xlsxCell struct {
	col   int
	value []byte
}

func (r *xlsxReader) at() position { return position{Rec: r.rec} }

// header finds the row with the column names: the configured one, else the first that has the required columns, else the
// first that is filled like the table below it (titles are one merged cell).
func (r *xlsxReader) header(configured string, required []string) ([]string, error) {
	fixed := 0
	if configured != "auto" {
		fixed, _ = strconv.Atoi(configured) // validated with the settings
	}
	widest := 0
	for len(r.ahead) < headerWithin {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		r.ahead = append(r.ahead, row)
		widest = max(widest, len(row.cells))
		if fixed > 0 && row.number >= fixed {
			break
		}
	}
	if len(r.ahead) == 0 {
		return nil, errEmpty
	}
	for i, row := range r.ahead {
		names := row.names()
		switch {
		case row.fault != "":
			continue
		case fixed > 0:
			if row.number != fixed {
				continue
			}
		case len(required) > 0:
			if len(missing(required, names)) > 0 {
				continue
			}
		case len(row.cells) < min(2, widest) || 2*len(row.cells) < widest:
			continue
		}
		r.names, r.ahead = names, r.ahead[i+1:]
		return names, nil
	}
	if len(required) > 0 {
		return nil, fmt.Errorf("none of the first %d rows has the required columns", len(r.ahead))
	}
	return nil, errors.New("the header row is not there")
}

func (w xlsxRow) names() []string {
	var cells []string
	for _, c := range w.cells {
		for len(cells) <= c.col {
			cells = append(cells, "")
		}
		cells[c.col] = string(c.value)
	}
	return headerNames(cells)
}

func (r *xlsxReader) read(t *table) error {
	for !t.full() {
		var row xlsxRow
		if len(r.ahead) > 0 {
			row, r.ahead = r.ahead[0], r.ahead[1:]
		} else {
			var err error
			if row, err = r.next(); err != nil {
				return err
			}
		}
		r.rec++
		where := "row " + strconv.Itoa(row.number)
		switch row.fault {
		case "":
			r.add(t, row, where)
		case "too_large":
			t.reject(where, row.fault, fmt.Sprintf("the record is larger than %d bytes", r.max), fmt.Sprintf("记录超过 %d 字节", r.max), nil)
		case "bad_encoding":
			t.reject(where, row.fault, fmt.Sprintf("the row has characters that are illegal, at byte %d of the sheet", row.at), fmt.Sprintf("该行有不合法的字符，位于工作表第 %d 字节", row.at), row.raw())
		default:
			t.reject(where, row.fault, "a cell refers to a shared text that is not there", "单元格引用了不存在的共享文本", row.raw())
		}
	}
	return nil
}

func (r *xlsxReader) add(t *table, row xlsxRow, where string) {
	for _, c := range row.cells {
		name := "col_" + strconv.Itoa(c.col+1) // a cell beyond the header
		if c.col < len(r.names) {
			name = r.names[c.col]
		}
		if !t.set([]byte(name), c.value) {
			t.undo()
			t.reject(where, "bad_row", errColumns.Error(), "列数超过 limits.columns 的上限", row.raw())
			return
		}
	}
	t.endRow()
}

// raw is the row's cells separated by tabs: a workbook has no bytes of its own for a row.
func (w xlsxRow) raw() []byte {
	var b []byte
	for _, c := range w.cells {
		b = append(append(b, c.value...), '\t')
	}
	return b[:min(len(b), maxRaw)]
}

// next reads on to the next row that has a value.
func (r *xlsxReader) next() (xlsxRow, error) {
	for {
		if r.over {
			return xlsxRow{}, r.drain()
		}
		tok, err := r.x.token()
		if errors.Is(err, io.EOF) {
			return xlsxRow{}, io.ErrUnexpectedEOF // the sheet's data were not closed
		}
		if err != nil {
			return xlsxRow{}, err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			if e.Name.Local != "row" {
				continue
			}
			r.row++
			if n, err := strconv.Atoi(attr(e, "r")); err == nil {
				r.row = n
			}
			row, err := r.cells()
			if err != nil {
				return xlsxRow{}, err
			}
			if len(row.cells) > 0 || row.fault != "" {
				return row, nil
			}
		case xml.EndElement:
			r.over = e.Name.Local == "sheetData"
		}
	}
}

// drain reads the sheet to its end, so that its checksum is checked.
func (r *xlsxReader) drain() error {
	for {
		if _, err := r.x.token(); err != nil {
			return err
		}
	}
}

// cells reads one row.
func (r *xlsxReader) cells() (xlsxRow, error) {
	row := xlsxRow{number: r.row}
	start := r.x.dec.InputOffset()
	col := -1
	for {
		tok, err := r.x.token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return row, err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			if e.Name.Local != "c" {
				continue
			}
			if col++; attr(e, "r") != "" {
				if n := columnOf(attr(e, "r")); n >= 0 {
					col = n
				}
			}
			v, fault, err := r.cell(e)
			if err != nil {
				return row, err
			}
			if fault != "" {
				row.fault = fault
			}
			if row.size += len(v); row.size > r.max {
				row.fault, row.cells = "too_large", nil
			}
			if v != nil && row.fault != "too_large" {
				row.cells = append(row.cells, xlsxCell{col, v})
			}
		case xml.EndElement:
			if e.Name.Local != "row" {
				continue
			}
			end := r.x.dec.InputOffset()
			if raw, bad := r.x.feed.illegal(start, end); bad && row.fault == "" {
				row.fault, row.at = "bad_encoding", raw
			}
			r.x.feed.forget(end)
			slices.SortStableFunc(row.cells, func(a, b xlsxCell) int { return a.col - b.col })
			return row, nil
		}
	}
}

// cell reads one cell; nil when it is empty.
func (r *xlsxReader) cell(c xml.StartElement) (v []byte, fault string, err error) {
	kind, style := attr(c, "t"), attr(c, "s")
	var text []byte
	in, depth, phonetic, got := "", 1, 0, false
	for depth > 0 {
		tok, err := r.x.token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, "", err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, "", errXMLDeep
			}
			in = e.Name.Local
			if in == "rPh" {
				phonetic++
			}
			got = got || in == "v" || in == "t"
		case xml.EndElement:
			depth--
			in = ""
			if e.Name.Local == "rPh" {
				phonetic--
			}
		case xml.CharData:
			if (in == "v" || in == "t") && phonetic == 0 && len(text) <= r.max {
				text = append(text, e...)
			}
		}
	}
	if !got {
		return nil, "", nil
	}
	switch kind {
	case "s":
		i, err := strconv.Atoi(string(text))
		shared, ok := r.book.text(i)
		if err != nil || !ok {
			return text, "bad_row", nil
		}
		if r.book.spoiled[i] {
			fault = "bad_encoding"
		}
		if shared == nil {
			shared = []byte{}
		}
		return shared, fault, nil
	case "str", "inlineStr":
		return append([]byte{}, unescapeCell(text)...), "", nil
	case "b":
		return strconv.AppendBool(nil, string(text) == "1"), "", nil
	case "e", "d":
		return text, "", nil
	}
	if len(text) == 0 {
		return nil, "", nil
	}
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(r.book.dates) && r.book.dates[i] != notDate {
		if s, ok := serialText(string(text), r.book.dates[i], r.book.date1904); ok {
			return []byte(s), "", nil
		}
	}
	return text, "", nil
}

// columnOf is the index of the column of a cell reference such as AB12, or -1.
func columnOf(ref string) int {
	n := 0
	for i := 0; i < len(ref) && i < 4; i++ {
		c := ref[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	if n > 1<<14 {
		return -1
	}
	return n - 1
}
