package http

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"onegrid/query"
)

const (
	bufferBytes = 64 << 10
	groupRows   = 122_880 // rows of a Parquet row group, as the engine makes them
)

// stream is an answer whose first batch was read already, so that an early error still has its own status.
type stream struct {
	id     string
	answer query.Answer
	first  arrow.RecordBatch // nil: none
	began  time.Time
}

// next returns the batches in order; the caller releases them.
func (s *stream) next() (arrow.RecordBatch, error) {
	if s.first != nil {
		rec := s.first
		s.first = nil
		return rec, nil
	}
	return s.answer.Next()
}

// open reads the first batch.
func (s *stream) open() error {
	rec, err := s.answer.Next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	s.first = rec
	return err
}

func (s *stream) close() error {
	if s.first != nil {
		s.first.Release()
		s.first = nil
	}
	return s.answer.Close()
}

// head is what an answer in JSON begins with.
type head struct {
	QueryID    string           `json:"query_id"`
	Generation query.Generation `json:"generation"`
	Columns    []query.Column   `json:"columns"`
}

// tail is what it ends with.
type tail struct {
	RowCount  int64   `json:"row_count"`
	Truncated bool    `json:"truncated"` // a limit cut the answer
	ElapsedMS float64 `json:"elapsed_ms"`
	Next      string  `json:"next,omitempty"` // cursor of the next page
}

func (s *stream) tail() tail {
	st := s.answer.Stats()
	return tail{RowCount: st.Rows, Truncated: st.Truncated, ElapsedMS: float64(time.Since(s.began).Microseconds()) / 1000}
}

// appendRow appends row i as a JSON array.
func appendRow(b []byte, rec arrow.RecordBatch, i int) []byte {
	b = append(b, '[')
	for c, col := range rec.Columns() {
		if c > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, col, i)
	}
	return append(b, ']')
}

// appendHead appends the members of v without the closing brace, and appendTail those of v without the opening one.
func appendHead(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	return append(b, text[:len(text)-1]...), nil
}

func appendTail(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	return append(append(b, ','), text[1:]...), nil
}

// jsonRows writes the rows of a whole answer in JSON.
func (s *stream) writeJSON(w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferBytes)
	buf, err := appendHead(nil, head{s.id, s.answer.Generation(), s.answer.Columns()})
	if err != nil {
		return err
	}
	buf = append(buf, `,"rows":[`...)
	n := 0
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i := range int(rec.NumRows()) {
			if n++; n > 1 {
				buf = append(buf, ',')
			}
			buf = appendRow(append(buf, '\n'), rec, i)
			if len(buf) >= bufferBytes {
				if _, err := out.Write(buf); err != nil {
					rec.Release()
					return err
				}
				buf = buf[:0]
			}
		}
		rec.Release()
	}
	if buf, err = appendTail(append(buf, "\n]"...), s.tail()); err != nil {
		return err
	}
	if _, err := out.Write(append(buf, '\n')); err != nil {
		return err
	}
	return out.Flush()
}

// writeNDJSON writes one line for the head, one for every row and one for the end: {"end": ...}, or {"error": ...} when
// the answer broke off.
func (s *stream) writeNDJSON(w io.Writer, zh bool) error {
	out := bufio.NewWriterSize(w, bufferBytes)
	line := json.NewEncoder(out)
	if err := line.Encode(head{s.id, s.answer.Generation(), s.answer.Columns()}); err != nil {
		return err
	}
	var buf []byte
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(line.Encode(map[string]problem{"error": problemOf(err, zh)}), out.Flush())
		}
		for i := range int(rec.NumRows()) {
			buf = append(appendRow(buf[:0], rec, i), '\n')
			if _, err := out.Write(buf); err != nil {
				rec.Release()
				return err
			}
		}
		rec.Release()
	}
	if err := line.Encode(map[string]tail{"end": s.tail()}); err != nil {
		return err
	}
	return out.Flush()
}

// dangerous are the signs at the beginning of a text that make a spreadsheet take it for a formula, full-width ones too.
const dangerous = "=+-@\t\r\n＝＋－＠"

// guard makes a text harmless for spreadsheets: one that would be a formula begins with an apostrophe. What a citizen
// wrote must not run on the desk of whoever opens the file.
func guard(s string) string {
	if t := strings.TrimLeft(s, " \u00a0\u3000\ufeff"); t != "" && strings.ContainsAny(t[:min(len(t), 3)], dangerous) && strings.IndexAny(t, dangerous) == 0 {
		return "'" + s
	}
	return s
}

// writeCSV writes RFC 4180 with a header line; NULL is an empty field.
func (s *stream) writeCSV(w io.Writer, bom bool) error {
	out := bufio.NewWriterSize(w, bufferBytes)
	if bom {
		if _, err := out.WriteString("\ufeff"); err != nil {
			return err
		}
	}
	c := csv.NewWriter(out)
	c.UseCRLF = true
	var fields []string
	for _, col := range s.answer.Columns() {
		fields = append(fields, guard(col.Name))
	}
	if err := c.Write(fields); err != nil {
		return err
	}
	var scratch []byte
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i := range int(rec.NumRows()) {
			for j, col := range rec.Columns() {
				var text bool
				if fields[j], text, scratch = cellText(scratch, col, i); text {
					fields[j] = guard(fields[j])
				}
			}
			if err := c.Write(fields); err != nil {
				rec.Release()
				return err
			}
		}
		rec.Release()
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return out.Flush()
}

// writeArrow passes the bytes of the worker on; an answer that cannot do that is encoded anew.
func (s *stream) writeArrow(w io.Writer) error {
	if p, ok := s.answer.(io.WriterTo); ok && s.first == nil {
		_, err := p.WriteTo(w)
		return err
	}
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := ipc.NewWriter(out, ipc.WithSchema(s.answer.Schema()))
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = enc.Write(rec)
			rec.Release()
		}
		if err != nil {
			return err // without the end mark: a reader must not take it for whole
		}
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return out.Flush()
}

func (s *stream) writeParquet(w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferBytes)
	enc, err := pqarrow.NewFileWriter(s.answer.Schema(), out,
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithMaxRowGroupLength(groupRows), parquet.WithCreatedBy("onegrid")),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return unsupportedColumns(err)
	}
	if err := enc.AppendKeyValueMetadata("onegrid.generation", strconv.FormatInt(s.answer.Generation().Number, 10)); err != nil {
		return err
	}
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = enc.WriteBuffered(rec)
			rec.Release()
		}
		if err != nil {
			return err
		}
	}
	if err := enc.Close(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return nil
}

func unsupportedColumns(err error) error {
	return &query.Error{Code: query.Unsupported, Rule: "parquet", Message: "a column of this answer has a type that Parquet does not have", ZH: "结果中有 Parquet 不支持的列类型",
		Hint: "cast the column to VARCHAR, or ask for Arrow", HintZH: "请将该列转换为 VARCHAR,或改用 Arrow 格式", Cause: err}
}

// parquetFits reports the first column that Parquet cannot hold, before anything is written.
func parquetFits(schema *arrow.Schema) error {
	if _, err := pqarrow.ToParquet(schema, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps()); err != nil {
		return unsupportedColumns(err)
	}
	if i := slices.IndexFunc(schema.Fields(), func(f arrow.Field) bool {
		return f.Type.ID() == arrow.INTERVAL_MONTH_DAY_NANO || f.Type.ID() == arrow.NULL
	}); i >= 0 {
		return unsupportedColumns(errors.New(schema.Field(i).Type.String()))
	}
	return nil
}

// rowsOf cuts rows out of batches that are kept for paging.
func rowsOf(batches []arrow.RecordBatch, from, to int64, each func(rec arrow.RecordBatch, i int)) {
	var at int64
	for _, rec := range batches {
		n := rec.NumRows()
		for i := max(from-at, 0); i < min(to-at, n); i++ {
			each(rec, int(i))
		}
		if at += n; at >= to {
			return
		}
	}
}
