package link

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// topicColumn is not stored: the leaf of the taxonomy that a record's words speak for is worked out from title and
// description, where a mapping names the column and a batch does not have it.
const topicColumn = "topic"

// Feed loads record batches into a table by a mapping, with what the mapping wants worked out from texts: places, ticket
// numbers and the topic. It is used by one goroutine.
type Feed struct {
	loader *spec.Loader
	ex     *feature.Extractor
	text   feature.Text
	last   string // text that the features are of
	fresh  bool
}

// NewFeed compiles the columns of a mapping.
func NewFeed(s *spec.Spec, ex *feature.Extractor) (*Feed, error) {
	f := &Feed{ex: ex}
	var err error
	f.loader, err = s.NewLoader(spec.WithExtractor(f.extract))
	return f, err
}

// extract gives the features of a text; the same text is not read twice.
func (f *Feed) extract(text string) *feature.Text {
	if !f.fresh || text != f.last {
		f.ex.Find(&f.text, text)
		f.last, f.fresh = text, true
	}
	return &f.text
}

// Columns are the source columns that have to be read.
func (f *Feed) Columns() []string {
	return slices.DeleteFunc(f.loader.Columns(), func(c string) bool { return c == topicColumn })
}

// Append adds the rows of a batch. It keeps nothing of the batch.
func (f *Feed) Append(rec arrow.RecordBatch) error {
	if slices.Contains(f.loader.Columns(), topicColumn) && len(rec.Schema().FieldIndices(topicColumn)) == 0 {
		rec = withTopics(rec)
		defer rec.Release()
	}
	return f.loader.Append(rec)
}

// Finish ends the table. The feed is of no use afterwards.
func (f *Feed) Finish() (*table.Table, *spec.Report, error) { return f.loader.Finish() }

// withTopics adds the column of topics to a batch. The caller releases the result.
func withTopics(rec arrow.RecordBatch) arrow.RecordBatch {
	column := func(name string) arrow.Array {
		if i := rec.Schema().FieldIndices(name); len(i) > 0 {
			return rec.Column(i[0])
		}
		return nil
	}
	title, body := column("title"), column("description")
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for row := range int(rec.NumRows()) {
		if t := feature.Topic(viewAt(title, row), viewAt(body, row)); t != "" {
			b.Append(t)
		} else {
			b.AppendNull()
		}
	}
	topics := b.NewArray()
	defer topics.Release()
	schema := arrow.NewSchema(append(slices.Clone(rec.Schema().Fields()), arrow.Field{Name: topicColumn, Type: arrow.BinaryTypes.String, Nullable: true}), nil)
	return array.NewRecordBatch(schema, append(slices.Clone(rec.Columns()), topics), rec.NumRows())
}
