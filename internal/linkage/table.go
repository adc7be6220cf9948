package linkage

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/connectors/builtin"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// ErrEmpty means that a file holds no records.
var ErrEmpty = errors.New("file holds no records")

// batches reads a file of any format of filedrop: CSV, TSV, XLSX, JSON, XML or Parquet, also packed.
func batches(ctx context.Context, path string, log *slog.Logger) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		abs, err := filepath.Abs(path)
		if err != nil {
			yield(nil, err)
			return
		}
		reg, err := builtin.Registry()
		if err != nil {
			yield(nil, err)
			return
		}
		var doc yaml.Node
		if err := doc.Encode(map[string]any{"dir": filepath.Dir(abs), "patterns": []string{literal(filepath.Base(abs))}, "settle": "0s"}); err != nil {
			yield(nil, err)
			return
		}
		src, err := reg.Open("filedrop", connectors.Env{SourceID: "input", Logger: log, Dir: filepath.Dir(abs)}, &doc)
		if err != nil {
			yield(nil, err)
			return
		}
		rows := int64(0)
		for b, err := range src.Read(ctx, connectors.Checkpoint{}) {
			if err != nil {
				yield(nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err))
				return
			}
			if b.Records == nil {
				continue
			}
			rows += b.Records.NumRows()
			ok := yield(b.Records, nil)
			b.Records.Release()
			if !ok {
				return
			}
		}
		if rows == 0 {
			yield(nil, fmt.Errorf("reading %s: %w", filepath.Base(path), ErrEmpty))
		}
	}
}

// literal makes a file name a pattern that fits itself only.
func literal(name string) string {
	var out []rune
	for _, r := range name {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

// Load reads a file into a table by a mapping.
func Load(ctx context.Context, s *spec.Spec, path string, log *slog.Logger) (*table.Table, *spec.Report, error) {
	ex := feature.New(feature.NewGazetteer())
	var text feature.Text
	var last string
	fresh := false
	l, err := s.NewLoader(spec.WithExtractor(func(t string) *feature.Text {
		if !fresh || t != last {
			ex.Extract(&text, t)
			last, fresh = t, true
		}
		return &text
	}))
	if err != nil {
		return nil, nil, err
	}
	for b, err := range batches(ctx, path, log) {
		if err != nil {
			return nil, nil, err
		}
		b, release := withTopic(b, l.Columns())
		err := l.Append(b)
		release()
		if err != nil {
			return nil, nil, err
		}
	}
	return l.Finish()
}

// withTopic adds the column topic, which is worked out and not read, where a mapping over events asks for it.
func withTopic(b arrow.RecordBatch, wanted []string) (arrow.RecordBatch, func()) {
	none := func() {}
	asked := false
	for _, w := range wanted {
		asked = asked || w == "topic"
	}
	if !asked || len(b.Schema().FieldIndices("topic")) > 0 {
		return b, none
	}
	text := func(name string) *array.String {
		if i := b.Schema().FieldIndices(name); len(i) > 0 {
			c, _ := b.Column(i[0]).(*array.String)
			return c
		}
		return nil
	}
	title, body := text("title"), text("description")
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	at := func(c *array.String, row int) string {
		if c == nil || c.IsNull(row) {
			return ""
		}
		return c.Value(row)
	}
	for row := range int(b.NumRows()) {
		if t := feature.Topic(at(title, row), at(body, row)); t != "" {
			out.Append(t)
		} else {
			out.AppendNull()
		}
	}
	col := out.NewArray()
	defer col.Release()
	fields := append(append([]arrow.Field(nil), b.Schema().Fields()...), arrow.Field{Name: "topic", Type: arrow.BinaryTypes.String, Nullable: true})
	with := array.NewRecordBatch(arrow.NewSchema(fields, nil), append(append([]arrow.Array(nil), b.Columns()...), col), b.NumRows())
	return with, with.Release
}

// rowsOf reads a small file of labels as text: its header and its rows.
func rowsOf(ctx context.Context, path string, log *slog.Logger) (header []string, rows [][]string, err error) {
	for b, err := range batches(ctx, path, log) {
		if err != nil {
			return nil, nil, err
		}
		if header == nil {
			for _, f := range b.Schema().Fields() {
				header = append(header, f.Name)
			}
		}
		for row := range int(b.NumRows()) {
			r := make([]string, len(header))
			for i := range min(len(header), int(b.NumCols())) {
				if c := b.Column(i); !c.IsNull(row) {
					r[i] = c.ValueStr(row)
				}
			}
			rows = append(rows, r)
		}
	}
	return header, rows, nil
}

// writeCSV writes rows with a header.
func writeCSV(w io.Writer, header []string, rows iter.Seq[[]string]) error {
	c := csv.NewWriter(w)
	if err := c.Write(header); err != nil {
		return err
	}
	for r := range rows {
		if err := c.Write(r); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
