package city

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/xuri/excelize/v2"
)

// The sizes of dropped files: a first drop of a long history is cut into parts.
const (
	csvPartRows  = 100_000
	xlsxPartRows = 20_000
)

// dropState is what the 12345 folder has had so far.
type dropState struct {
	last    int64 // city time of the last drop, 0 before the first
	pending []halfFile
}

// halfFile is a file of which a part still waits to be written.
type halfFile struct {
	path string
	rest []byte
}

// DropFiles writes every ticket that is new or was updated since the last call into dir, and returns the paths of the
// files, oldest first. Most tickets come as GB18030 CSV; one county sends its own workbook, with a title row above the
// header and with times partly as text, partly as serial dates. Files appear whole under their name, except for those that
// a half_file fault cuts: the next call completes them.
func (c *City) DropFiles(dir string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.dropped.pending {
		if err := appendFile(h.path, h.rest); err != nil {
			return nil, fmt.Errorf("completing a half file: %w", err)
		}
	}
	c.dropped.pending = nil
	d := &drop{c: c, dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the drop folder: %w", err)
	}
	var (
		l    layout
		rec  record
		w    row
		line []byte
	)
	own := len(c.counties) - 1 // the county with workbooks of its own
	to := c.blocksAt(c.now)
	for b := c.changedSince(c.dropped.last); b < to; b++ {
		c.plan(b, &l)
		for slot := hotlineAt; slot < urbanAt; slot++ {
			c.build(&l, slot, &rec)
			n := rec.at(c.now)
			if n == 0 || c.dropped.last > 0 && rec.at(c.dropped.last) == n {
				continue
			}
			sheet := rec.in.where.county == own && len(c.counties) > 1
			if err := d.open(sheet); err != nil {
				return nil, err
			}
			c.hotline(&w, &rec, n, rec.steps[n-1].t+d.shift(sheet))
			if sheet {
				if err := d.addSheet(&w, rec.h); err != nil {
					return nil, err
				}
				continue
			}
			line = w.appendCSV(line[:0])
			d.csv.add(line)
			d.csvRows++
		}
	}
	if err := d.closeCSV(); err != nil {
		return nil, err
	}
	if err := d.closeSheet(); err != nil {
		return nil, err
	}
	c.dropped.last = c.now
	return d.paths, nil
}

// changedSince is the first block that may hold a change after a time; 0 is the beginning.
func (c *City) changedSince(t int64) int64 {
	if t == 0 {
		return 0
	}
	return c.settledAt(t)
}

func appendFile(path string, rest []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(rest); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// drop is one DropFiles call: at most one CSV and one workbook are open.
type drop struct {
	c         *City
	dir       string
	paths     []string
	csv       *lines
	csvBuf    bytes.Buffer
	csvRows   int
	csvPart   int
	csvFaults []Fault
	book      *excelize.File
	sheet     *excelize.StreamWriter
	dateStyle int
	bookRows  int
	bookPart  int
	bkFaults  []Fault
}

func (d *drop) shift(sheet bool) int64 {
	if sheet {
		return skew(d.bkFaults)
	}
	return skew(d.csvFaults)
}

// open makes sure that the file a row goes to is open and has room.
func (d *drop) open(sheet bool) error {
	if sheet {
		if d.book != nil && d.bookRows >= xlsxPartRows {
			if err := d.closeSheet(); err != nil {
				return err
			}
		}
		if d.book == nil {
			return d.openSheet()
		}
		return nil
	}
	if d.csv != nil && d.csvRows >= csvPartRows {
		if err := d.closeCSV(); err != nil {
			return err
		}
	}
	if d.csv == nil {
		d.csvRows, d.csvFaults = 0, d.faults()
		d.csvPart++
		d.csvBuf.Reset()
		d.csv = &lines{w: &d.csvBuf, gb: d.c.gbTable()}
		var w row
		for _, h := range renamed(HotlineColumns(), d.csvFaults) {
			w.text(h)
		}
		d.csv.add(w.appendCSV(nil))
	}
	return nil
}

// faults counts a file and returns what happens to it.
func (d *drop) faults() []Fault {
	d.c.script.files++
	return d.c.script.due("files", d.c.script.files)
}

func (d *drop) closeCSV() error {
	if d.csv == nil {
		return nil
	}
	d.csv.flush()
	d.csv = nil
	return d.put(d.name("12345", d.csvPart, "csv"), d.csvBuf.Bytes(), d.csvFaults)
}

func (d *drop) name(prefix string, part int, ext string) string {
	b := appendCompact(append([]byte(prefix), '_'), d.c.now, 0, 14)
	b = appendPadded(append(b, '_'), part, 3)
	return filepath.Join(d.dir, string(b)+"."+ext)
}

func (d *drop) openSheet() error {
	d.bookRows, d.bkFaults = 0, d.faults()
	d.bookPart++
	d.book = excelize.NewFile()
	style, err := d.book.NewStyle(&excelize.Style{NumFmt: 22})
	if err != nil {
		return fmt.Errorf("making a workbook: %w", err)
	}
	d.dateStyle = style
	if d.sheet, err = d.book.NewStreamWriter("Sheet1"); err != nil {
		return fmt.Errorf("making a workbook: %w", err)
	}
	county := d.c.counties[len(d.c.counties)-1]
	if err := d.sheet.SetRow("A1", []any{county.name + "12345热线工单明细表"}); err != nil {
		return fmt.Errorf("making a workbook: %w", err)
	}
	var head []any
	for _, h := range renamed(HotlineColumns(), d.bkFaults) {
		head = append(head, h)
	}
	return d.sheet.SetRow("A2", head)
}

// addSheet adds a ticket. Some clerks' tickets have their times as serial dates, the others' as text.
func (d *drop) addSheet(w *row, h uint64) error {
	cells := make([]any, len(w.ends))
	serial := h>>40&3 == 0
	for i := range cells {
		f := w.field(i)
		switch {
		case w.isNull(i) || len(f) == 0:
		case serial && hotlineTimes>>i&1 == 1:
			cells[i] = excelize.Cell{StyleID: d.dateStyle, Value: serialDate(f)}
		case i >= 28:
			v, err := strconv.ParseFloat(string(f), 64)
			if err != nil {
				return fmt.Errorf("writing a workbook: %w", err)
			}
			cells[i] = v
		default:
			cells[i] = string(f)
		}
	}
	d.bookRows++
	return d.sheet.SetRow("A"+strconv.Itoa(d.bookRows+2), cells)
}

// serialDate turns 2006-01-02 15:04:05 into days since 1899-12-30.
func serialDate(f []byte) float64 {
	n := func(i, k int) int {
		v := 0
		for _, b := range f[i : i+k] {
			v = v*10 + int(b-'0')
		}
		return v
	}
	y, m := n(0, 4), n(5, 2)
	if m <= 2 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + n(8, 2) - 1 - 719468
	return float64(days+25569) + float64(n(11, 2)*3600+n(14, 2)*60+n(17, 2))/daySeconds
}

func (d *drop) closeSheet() error {
	if d.book == nil {
		return nil
	}
	book := d.book
	d.book = nil
	defer book.Close()
	if err := d.sheet.Flush(); err != nil {
		return fmt.Errorf("writing a workbook: %w", err)
	}
	buf, err := book.WriteToBuffer()
	if err != nil {
		return fmt.Errorf("writing a workbook: %w", err)
	}
	county := d.c.counties[len(d.c.counties)-1]
	return d.put(d.name("12345_"+county.code, d.bookPart, "xlsx"), buf.Bytes(), d.bkFaults)
}

// put makes a file appear: whole by a rename, or its first half at once where the script says so.
func (d *drop) put(path string, text []byte, faults []Fault) error {
	if _, ok := find(faults, FaultHalfFile); ok {
		half := len(text) / 2
		d.c.dropped.pending = append(d.c.dropped.pending, halfFile{path, bytes.Clone(text[half:])})
		if err := os.WriteFile(path, text[:half], 0o644); err != nil {
			return fmt.Errorf("dropping a file: %w", err)
		}
		d.paths = append(d.paths, path)
		return nil
	}
	part := filepath.Join(d.dir, "."+filepath.Base(path)+".part")
	if err := os.WriteFile(part, text, 0o644); err != nil {
		return fmt.Errorf("dropping a file: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("dropping a file: %w", err)
	}
	d.paths = append(d.paths, path)
	return nil
}
