package linkage

import (
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"onegrid/pipelines/link"
)

// WriteClusters writes one row for each record: its number, the number of the record that its cluster is named after,
// whether it is that record, and how many records the cluster has. The form follows the name: .csv or .parquet. The file
// appears when it is complete.
func (r *Run) WriteClusters(path string) (err error) {
	names := r.Result.Names(r.Spec)
	tmp := path + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("writing clusters: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(tmp)
			err = fmt.Errorf("writing clusters: %w", err)
		}
	}()
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		err = clustersParquet(f, names)
	} else {
		err = writeCSV(f, []string{"record_id", "incident_id", "founder", "size"}, clusterRows(names))
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func clusterRows(names []link.Named) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, n := range names {
			if !yield([]string{n.ID, n.Cluster, strconv.FormatBool(n.Founder), strconv.Itoa(n.Size)}) {
				return
			}
		}
	}
}

func clustersParquet(w io.Writer, names []link.Named) error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "record_id", Type: arrow.BinaryTypes.String}, {Name: "incident_id", Type: arrow.BinaryTypes.String},
		{Name: "founder", Type: arrow.FixedWidthTypes.Boolean}, {Name: "size", Type: arrow.PrimitiveTypes.Int32}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, n := range names {
		b.Field(0).(*array.StringBuilder).Append(n.ID)
		b.Field(1).(*array.StringBuilder).Append(n.Cluster)
		b.Field(2).(*array.BooleanBuilder).Append(n.Founder)
		b.Field(3).(*array.Int32Builder).Append(int32(n.Size))
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	if err := out.Write(rec); err != nil {
		return err
	}
	return out.Close()
}
