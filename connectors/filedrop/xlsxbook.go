package filedrop

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"onegrid/connectors"
)

// workbook is what a worksheet's cells refer to: shared texts and which styles are dates.
type workbook struct {
	zip      *zip.Reader
	budget   *budget
	limits   Limits
	date1904 bool
	dates    []dateKind // by style
	shared   []byte
	ends     []uint32 // of the shared texts in shared
	spoiled  map[int]bool
}

func (s *source) openXLSX(m member) (opened, error) {
	at, size, err := m.random(s.cfg.Limits.Held)
	if err != nil {
		return opened{}, err
	}
	z, err := openZip(at, size, s.cfg.Limits.Entries)
	if err != nil {
		return opened{}, err
	}
	b := &workbook{zip: z, budget: newBudget(s.cfg.Limits, size), limits: s.cfg.Limits, spoiled: map[int]bool{}}
	sheet, err := b.sheetPath(s.cfg.XLSX.Sheet)
	if err != nil {
		return opened{}, err
	}
	if err := b.styles(); err != nil {
		return opened{}, inMember(member{name: "styles"}, err)
	}
	if err := b.sharedTexts(); err != nil {
		return opened{}, inMember(member{name: "shared texts"}, err)
	}
	x, err := b.tokens(sheet)
	if err != nil {
		return opened{}, err
	}
	r := &xlsxReader{book: b, x: x, max: s.cfg.Limits.RecordSize}
	names, err := r.header(s.cfg.XLSX.HeaderRow, s.cfg.Required)
	return opened{r, names}, err
}

// part opens one part of the workbook; nil when it is not there.
func (b *workbook) part(name string) (io.Reader, error) {
	for _, f := range b.zip.File {
		if strings.EqualFold(strings.TrimPrefix(f.Name, "/"), name) {
			r, err := f.Open()
			if err != nil {
				return nil, err
			}
			return b.budget.reader(r), nil
		}
	}
	return nil, nil
}

// tokens opens a part as XML; nil when it is not there. It is the reader of dropped XML, with its limits.
func (b *workbook) tokens(name string) (*xmlReader, error) {
	r, err := b.part(name)
	if r == nil || err != nil {
		return nil, err
	}
	x := newXMLReader(newWindow(newText(r, encUTF8, nil)), "", b.limits.RecordSize)
	return x, nil
}

// each calls start for every element of a part and text for every text in it, with the names of the open elements.
func (b *workbook) each(name string, start func(open []string, e xml.StartElement) error, end func(open []string), text func(open []string, v []byte) error) error {
	x, err := b.tokens(name)
	if x == nil || err != nil {
		return err
	}
	for {
		tok, err := x.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch v := tok.(type) {
		case xml.StartElement:
			if len(x.open) >= maxDepth {
				return errXMLDeep
			}
			x.open = append(x.open, v.Name.Local)
			err = start(x.open, v)
		case xml.EndElement:
			if end != nil {
				end(x.open)
			}
			x.open = x.open[:len(x.open)-1]
		case xml.CharData:
			if text != nil {
				err = text(x.open, v)
			}
		}
		if err != nil {
			return err
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// sheetPath finds the part of a worksheet by its name.
func (b *workbook) sheetPath(want string) (string, error) {
	id, sheets, found := "", 0, false
	err := b.each("xl/workbook.xml", func(_ []string, e xml.StartElement) error {
		found = true
		switch e.Name.Local {
		case "workbookPr":
			v := attr(e, "date1904")
			b.date1904 = v == "1" || v == "true"
		case "sheet":
			if sheets++; id == "" && (attr(e, "name") == want || want == "") {
				id = attr(e, "id")
			}
		}
		return nil
	}, nil, nil)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", errors.New("it is not an XLSX workbook")
	case id == "":
		return "", fmt.Errorf("the workbook has no worksheet %q among its %d", want, sheets)
	}
	target := ""
	err = b.each("xl/_rels/workbook.xml.rels", func(_ []string, e xml.StartElement) error {
		if e.Name.Local == "Relationship" && attr(e, "Id") == id {
			target = attr(e, "Target")
		}
		return nil
	}, nil, nil)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(target, "/") {
		target = strings.TrimPrefix(target, "/")
	} else {
		target = path.Join("xl", target)
	}
	for _, f := range b.zip.File {
		if strings.EqualFold(f.Name, target) {
			return target, nil
		}
	}
	return "", errors.New("the workbook's worksheet is missing")
}

// styles finds out which cell styles show a number as a date.
func (b *workbook) styles() error {
	custom := map[int]dateKind{}
	return b.each("xl/styles.xml", func(open []string, e xml.StartElement) error {
		switch {
		case e.Name.Local == "numFmt":
			id, err := strconv.Atoi(attr(e, "numFmtId"))
			if err == nil {
				custom[id] = dateFormat(attr(e, "formatCode"))
			}
		case e.Name.Local == "xf" && len(open) > 1 && open[len(open)-2] == "cellXfs":
			id, err := strconv.Atoi(attr(e, "numFmtId"))
			kind, ok := custom[id]
			if err == nil && !ok {
				kind = builtinFormat(id)
			}
			if len(b.dates) > 1<<16 {
				return fmt.Errorf("%w: more than 65,536 cell styles", connectors.ErrLimit)
			}
			b.dates = append(b.dates, kind)
		}
		return nil
	}, nil, nil)
}

// sharedTexts loads the texts that cells share; cells refer to them in any order, so they have to be held.
func (b *workbook) sharedTexts() error {
	x, err := b.tokens("xl/sharedStrings.xml")
	if x == nil || err != nil {
		return err
	}
	from := int64(0)
	phonetic := 0
	for {
		tok, err := x.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch v := tok.(type) {
		case xml.StartElement:
			if len(x.open) >= maxDepth {
				return errXMLDeep
			}
			x.open = append(x.open, v.Name.Local)
			switch v.Name.Local {
			case "si":
				from = x.dec.InputOffset()
			case "rPh":
				phonetic++
			}
		case xml.EndElement:
			x.open = x.open[:len(x.open)-1]
			switch v.Name.Local {
			case "si":
				end := x.dec.InputOffset()
				if _, bad := x.feed.illegal(from, end); bad {
					b.spoiled[len(b.ends)] = true
				}
				x.feed.forget(end)
				b.ends = append(b.ends, uint32(len(b.shared)))
			case "rPh":
				phonetic--
			}
		case xml.CharData:
			if phonetic == 0 && len(x.open) > 0 && x.open[len(x.open)-1] == "t" {
				b.shared = append(b.shared, unescapeCell(v)...)
			}
		}
		if int64(len(b.shared))+4*int64(len(b.ends)) > b.limits.Held {
			return fmt.Errorf("%w: they are larger than limits.held_size", connectors.ErrLimit)
		}
	}
}

// text is shared text number i.
func (b *workbook) text(i int) ([]byte, bool) {
	if i < 0 || i >= len(b.ends) {
		return nil, false
	}
	from := uint32(0)
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.shared[from:b.ends[i]], true
}

// unescapeCell resolves _x000D_, the way workbooks write characters that XML forbids.
func unescapeCell(v []byte) []byte {
	s := string(v)
	if !strings.Contains(s, "_x") {
		return v
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] == '_' && i+7 <= len(s) && s[i+1] == 'x' && s[i+6] == '_' {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil && (n < 0xD800 || n > 0xDFFF) {
				out = append(out, string(rune(n))...)
				i += 7
				continue
			}
		}
		out = append(out, s[i])
		i++
	}
	return out
}
