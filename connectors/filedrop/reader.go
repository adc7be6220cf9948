package filedrop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// recordReader turns one stream into rows of a table. read adds records until the table is full, or returns io.EOF; at is
// the place behind what read has passed.
type recordReader interface {
	read(t *table) error
	at() position
}

// seeker is a recordReader that can go on at a place without reading what lies before it.
type seeker interface {
	seek(position) error
}

// opened is a stream ready to be read.
type opened struct {
	recordReader
	names []string // the header, nil where the format has none
}

var errEmpty = errors.New("empty") // a file without even a header

// openMember makes the reader of one stream, with its columns in t, placed behind from.
func (s *source) openMember(ctx context.Context, m member, t *table, from position) (opened, error) {
	if m.bad != nil {
		return opened{}, m.bad
	}
	var o opened
	var err error
	switch m.format {
	case "xlsx":
		o, err = s.openXLSX(m)
	case "parquet":
		o, err = s.openParquet(ctx, m)
	default:
		o, err = s.openText(m, from)
	}
	if err != nil {
		return opened{}, err
	}
	if miss := missing(s.cfg.Required, o.names); o.names != nil && len(miss) > 0 {
		return opened{}, fmt.Errorf("required columns are missing: %s", strings.Join(miss, ", "))
	}
	if len(o.names) > s.cfg.Limits.Columns {
		return opened{}, errColumns
	}
	t.columns(o.names)
	if from.Rec == 0 && from.Off == 0 {
		return o, nil
	}
	if k, ok := o.recordReader.(seeker); ok {
		return o, k.seek(from)
	}
	return o, skip(ctx, o.recordReader, t, from.Rec)
}

// skip reads n records and drops them, for formats in which a place can only be reached from the start.
func skip(ctx context.Context, r recordReader, t *table, n int64) error {
	limit := t.limit
	defer func() { t.limit = limit }()
	for left := n; left > 0; left = n - r.at().Rec {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.limit = int(min(left, int64(limit)))
		err := r.read(t)
		t.reset()
		if errors.Is(err, io.EOF) && r.at().Rec < n {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *source) openText(m member, from position) (opened, error) {
	src, err := m.open()
	if err != nil {
		return opened{}, err
	}
	enc := s.cfg.Encoding
	if from.Enc != "" && enc == encAuto {
		enc = from.Enc // what was found on the first reading; the mark, if any, is of that encoding
	}
	w := newWindow(newText(src, enc, s.gb))
	max := s.cfg.Limits.RecordSize
	switch m.format {
	case "json":
		return opened{recordReader: newJSONReader(w, s.cfg.JSON.Path, max)}, nil
	case "jsonl":
		return opened{recordReader: newJSONLReader(w, max)}, nil
	case "xml":
		return opened{recordReader: newXMLReader(w, s.cfg.XML.Record, max)}, nil
	case "fixed":
		r := newFixedReader(w, s.cfg.Fixed, max, s.gb)
		r.skipLines(s.cfg.Fixed.SkipRows)
		return opened{r, s.cfg.Fixed.names()}, nil
	}
	fallback := ","
	if m.format == "tsv" {
		fallback = "\t"
	}
	r := newCSVReader(w, s.cfg.CSV, fallback, max)
	r.skipLines(s.cfg.CSV.SkipRows)
	names := s.cfg.CSV.Columns
	if s.cfg.CSV.Header {
		names, err = r.header(s.cfg.Limits.Columns)
		if errors.Is(err, io.EOF) {
			err = errEmpty
		}
		if err != nil {
			return opened{}, err
		}
	}
	r.ncols = len(names)
	return opened{r, names}, nil
}
