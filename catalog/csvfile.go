package catalog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxFile bounds one configuration file: a layer of 100,000 grids is about 60 MB.
const maxFile = 256 << 20

// readFile reads a file of the configuration folder; ok is false where it cannot be read, which is a problem.
func readFile(c *collector, dir, file string) (b []byte, ok bool) {
	full := filepath.Join(dir, filepath.FromSlash(file))
	st, err := os.Stat(full)
	switch {
	case errors.Is(err, os.ErrNotExist):
		c.add(Problem{File: file, Message: "the file does not exist", MessageZH: "文件不存在"})
		return nil, false
	case err != nil || !st.Mode().IsRegular():
		c.add(Problem{File: file, Message: "cannot be read as a file", MessageZH: "无法读取该文件"})
		return nil, false
	case st.Size() > maxFile:
		c.add(Problem{File: file, Message: "is larger than 256 MiB", MessageZH: "文件超过 256 MiB"})
		return nil, false
	}
	b, err = os.ReadFile(full)
	if err != nil {
		c.add(Problem{File: file, Message: "cannot be read: permission or disk", MessageZH: "无法读取: 请检查权限"})
		return nil, false
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(b) {
		line := 1 + bytes.Count(b[:invalidAt(b)], []byte("\n"))
		c.add(Problem{File: file, Line: line, Message: "is not UTF-8", MessageZH: "不是 UTF-8 编码",
			Hint: "save the file as UTF-8", HintZH: "请另存为 UTF-8"})
		return nil, false
	}
	return b, true
}

func invalidAt(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// exists reports whether an optional file is there.
func exists(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file)))
	return err == nil
}

// csvRow is one row of a table file.
type csvRow struct {
	line int
	cols map[string]int
	vals []string
}

// get returns the trimmed value of a column, "" where the column is absent.
func (r csvRow) get(col string) string {
	if i, ok := r.cols[col]; ok && i < len(r.vals) {
		return strings.TrimSpace(r.vals[i])
	}
	return ""
}

// readCSV reads a table with a header line. Every column of required must be there, other columns must be in optional.
// Lines that begin with # are comments.
func readCSV(c *collector, dir, file string, required, optional []string) []csvRow {
	b, ok := readFile(c, dir, file)
	if !ok {
		return nil
	}
	return parseCSV(c, file, b, required, optional)
}

func parseCSV(c *collector, file string, b []byte, required, optional []string) []csvRow {
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		c.add(Problem{File: file, Line: 1, Message: "has no header line", MessageZH: "缺少表头",
			Hint: "the columns are " + strings.Join(required, ", "), HintZH: "列: " + strings.Join(required, ", ")})
		return nil
	}
	headLine, _ := r.FieldPos(0)
	cols := map[string]int{}
	bad := false
	for i, h := range head {
		h = strings.TrimSpace(h)
		if _, dup := cols[h]; dup {
			c.addf(file, headLine, h, "列名重复", "the column stands twice")
			bad = true
		}
		if !slices.Contains(required, h) && !slices.Contains(optional, h) {
			c.add(Problem{File: file, Line: headLine, Path: h, Message: "unknown column", MessageZH: "未知的列",
				Hint: "the columns are " + strings.Join(slices.Concat(required, optional), ", ")})
			bad = true
		}
		cols[h] = i
	}
	for _, want := range required {
		if _, ok := cols[want]; !ok {
			c.addf(file, headLine, want, "缺少列", "the column is missing")
			bad = true
		}
	}
	if bad {
		return nil
	}
	var rows []csvRow
	for {
		vals, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				c.addf(file, pe.Line, "", "CSV 格式错误", "not valid CSV: %v", pe.Err)
				continue
			}
			c.addf(file, 0, "", "CSV 格式错误", "not valid CSV")
			return rows
		}
		line, _ := r.FieldPos(0)
		if len(vals) != len(head) {
			c.addf(file, line, "", "列数与表头不符", "has %d columns where the header has %d", len(vals), len(head))
			continue
		}
		rows = append(rows, csvRow{line: line, cols: cols, vals: vals})
	}
}

// Day is a calendar day as days since 1970. The zero value of a validity bound means unbounded; see Validity.
type Day int32

// DayOf is the day of a time in its own zone.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Time is midnight UTC of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Validity is the half-open range of days [From, To) on which a row applies: To is the first day on which it no longer
// does. The smallest and largest Day stand for unbounded.
type Validity struct{ From, To Day }

const (
	dayMin = Day(-1 << 31)
	dayMax = Day(1<<31 - 1)
)

// Always is the unbounded validity.
func Always() Validity { return Validity{dayMin, dayMax} }

// Has reports whether the row applies on a day.
func (v Validity) Has(d Day) bool { return v.From <= d && d < v.To }

// Overlaps reports whether both apply on some day.
func (v Validity) Overlaps(o Validity) bool { return v.From < o.To && o.From < v.To }

// bounds gives the two dates as table values, nil where unbounded.
func (v Validity) bounds() (from, to any) {
	if v.From != dayMin {
		from = v.From.Time()
	}
	if v.To != dayMax {
		to = v.To.Time()
	}
	return from, to
}

func parseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("not a date such as 2026-01-31")
	}
	return DayOf(t), nil
}

// validity reads valid_from and valid_to of a row.
func (r csvRow) validity(c *collector, file string) Validity {
	return parseValidity(c, file, r.line, r.get("valid_from"), r.get("valid_to"))
}

func parseValidity(c *collector, file string, line int, from, to string) Validity {
	v := Always()
	for _, b := range []struct {
		col, val string
		out      *Day
	}{{"valid_from", from, &v.From}, {"valid_to", to, &v.To}} {
		if b.val == "" {
			continue
		}
		d, err := parseDay(b.val)
		if err != nil {
			c.addf(file, line, b.col, "日期格式应为 2026-01-31", "%v", err)
			continue
		}
		*b.out = d
	}
	if v.From >= v.To {
		c.addf(file, line, "valid_to", "失效日期早于生效日期", "must be later than valid_from")
		return Always()
	}
	return v
}
