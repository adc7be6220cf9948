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
	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/connectors/builtin"
	"onegrid/pipelines/link"
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
	f, err := link.NewFeed(s, feature.New(feature.NewGazetteer()))
	if err != nil {
		return nil, nil, err
	}
	for b, err := range batches(ctx, path, log) {
		if err != nil {
			return nil, nil, err
		}
		if err := f.Append(b); err != nil {
			return nil, nil, err
		}
	}
	return f.Finish()
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
