package filedrop

import (
	"fmt"
	"unicode/utf8"
)

// fixedReader cuts lines at fixed widths. Widths in bytes count the bytes of the file's own encoding, which a line no
// longer has after decoding; they are counted character by character, so that a cut can never fall inside of one.
type fixedReader struct {
	lines
	cfg FixedConfig
	gb  func() *gbTable
}

func newFixedReader(w *window, cfg FixedConfig, max int, gb func() *gbTable) *fixedReader {
	return &fixedReader{lines: lines{w: w, max: max}, cfg: cfg, gb: gb}
}

func (c FixedConfig) names() []string {
	var names []string
	for _, f := range c.Columns {
		if !f.Skip {
			names = append(names, f.Name)
		}
	}
	return names
}

func (r *fixedReader) read(t *table) error {
	for !t.full() {
		line, end, err := r.next(t)
		if err != nil {
			return err
		}
		if len(line) == 0 || string(line) == "\x1a" {
			r.pass(end, 1)
			continue
		}
		r.rec++
		if i := r.w.bad(r.w.r, r.w.r+len(line)); i >= 0 {
			r.badEncoding(t, i, end)
			continue
		}
		if msg, zh := r.cut(t, line); msg != "" {
			t.undo()
			r.badRow(t, end, msg, zh)
			continue
		}
		t.rows++
		t.bytes += len(line)
		r.pass(end, 1)
	}
	return nil
}

// cut adds the columns of one line to t, or says what is wrong with it. A line may end early: what is missing is empty.
func (r *fixedReader) cut(t *table, line []byte) (message, zh string) {
	col := 0
	for n, f := range r.cfg.Columns {
		used, width := 0, 0
		for width < f.Width && used < len(line) {
			c, size := utf8.DecodeRune(line[used:])
			if r.cfg.Unit == "byte" {
				width += r.bytesOf(c)
			} else {
				width++
			}
			used += size
		}
		if width > f.Width {
			return fmt.Sprintf("column %d ends inside of a character", n+1), fmt.Sprintf("第 %d 列在一个字符中间结束", n+1)
		}
		if !f.Skip {
			v := line[:used]
			if !r.cfg.KeepPad {
				v = trimPad(v)
			}
			t.cols[col].put(v)
			col++
		}
		line = line[used:]
	}
	if len(trimPad(line)) > 0 {
		return "the line is longer than its columns", "该行比各列宽度之和更长"
	}
	return "", ""
}

func (r *fixedReader) bytesOf(c rune) int {
	if c < utf8.RuneSelf && r.w.src.enc != encUTF16LE && r.w.src.enc != encUTF16BE {
		return 1
	}
	return r.gb().runeBytes(r.w.src.enc, c)
}

// trimPad cuts the spaces, also the full-width ones, that pad a value.
func trimPad(b []byte) []byte {
	for len(b) > 0 {
		if b[0] == ' ' || b[0] == '\t' {
			b = b[1:]
		} else if len(b) >= 3 && string(b[:3]) == "\u3000" {
			b = b[3:]
		} else {
			break
		}
	}
	for n := len(b); n > 0; n = len(b) {
		if b[n-1] == ' ' || b[n-1] == '\t' {
			b = b[:n-1]
		} else if n >= 3 && string(b[n-3:]) == "\u3000" {
			b = b[:n-3]
		} else {
			break
		}
	}
	return b
}
