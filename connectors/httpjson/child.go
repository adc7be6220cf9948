package httpjson

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/connectors"
)

// childReader asks for the children of each record of a batch.
type childReader struct {
	c       Child
	plan    *plan
	builder *connectors.Builder
	dec     *decoder
	rules   []Rule
	free    *answer
}

func newChildReader(c Child, all Config) *childReader {
	if c.Records == "" && c.As != "stream" {
		c.Records = "." // the whole answer becomes the text
	}
	paths := []string{strings.Trim(c.Records, ".")}
	for _, rule := range all.Rules {
		paths = append(paths, rule.When.JSON)
	}
	r := &childReader{c: c, plan: newPlan(c.Records, paths...), builder: connectors.NewBuilder(), free: &answer{}}
	r.dec = newDecoder(r.builder, all.Limits, "")
	// A record that went away between the two requests is no failure.
	r.rules = append(append(r.rules, all.Rules...), Rule{When: When{Status: []string{"404", "410"}}, Then: "empty"})
	return r
}

// expand adds the children to a batch: as a column of JSON text, or as a batch of their own that goes before it. The
// checkpoint of the children's batch is the one before this batch, so that parent and children are asked for again
// together if the run ends between them.
func (r *reading) expand(ctx context.Context, b *connectors.Batch) error {
	k := r.child
	rows := int(b.Records.NumRows())
	texts := array.NewStringBuilder(memory.DefaultAllocator)
	defer texts.Release()
	out := connectors.Batch{Stream: k.c.Name, Resume: connectors.Checkpoint{Version: positionVersion, Data: []byte(r.sent)}}
	missing, spoilt := 0, 0
	for row := range rows {
		values := rowValues(b.Records, row)
		ok := k.complete(values)
		var a *answer
		var err error
		if ok {
			a, err = r.children(ctx, values)
		}
		switch {
		case err != nil:
			return err
		case !ok || a == nil || a.empty:
			missing++
			texts.AppendNull()
		case k.c.As == "stream":
			k.add(a, values, &out)
			out.Origin = a.url.EscapedPath()
		default:
			if !k.text(a, texts) {
				spoilt++
			}
		}
		if a != nil {
			k.free = a
		}
	}
	if missing > 0 {
		r.note("no_children", fmt.Sprintf("%d of %d records have no children to ask for or the upstream knows none", missing, rows))
	}
	if k.c.As == "stream" {
		return r.yieldChildren(out)
	}
	if spoilt > 0 { // not a reject: the record itself is kept, and the counts must add up
		r.note("children_dropped", fmt.Sprintf("the children of %d records are too large or no text; the records are kept without them", spoilt))
	}
	withColumn(b, k.c.Name, texts)
	return nil
}

func (r *reading) yieldChildren(out connectors.Batch) error {
	if r.child.builder.Rows() > 0 {
		out.Records = r.child.builder.Take()
	}
	if out.Records == nil && len(out.Rejects) == 0 {
		return nil
	}
	if !r.yield(out, nil) {
		return errStop
	}
	return nil
}

// children makes the request for one record.
func (r *reading) children(ctx context.Context, values map[string]string) (*answer, error) {
	u, err := r.source.c.address(r.child.c.Path, r.child.c.Query, values)
	if err != nil {
		return nil, fmt.Errorf("building the child request: %w", err)
	}
	return r.do(ctx, request{method: "GET", url: u, plan: r.child.plan, records: r.child.c.Records, rules: r.child.rules}, r.child.free)
}

// complete reports whether a record has every column that the request names, with values that stay within the path.
func (k *childReader) complete(values map[string]string) bool {
	templates := []string{k.c.Path}
	for _, q := range k.c.Query {
		templates = append(templates, q)
	}
	for _, t := range templates {
		for _, part := range strings.Split(t, "{")[1:] {
			name, _, _ := strings.Cut(part, "}")
			if v := values[name]; v == "" || v == "." || v == ".." {
				return false
			}
		}
	}
	return true
}

// add decodes the children of one record as records of their own.
func (k *childReader) add(a *answer, values map[string]string, out *connectors.Batch) {
	for i, it := range a.env.items {
		p := k.dec.decode(a.text.body, it, a.text.dubious, a.text.replaced)
		if p.is() {
			raw := a.text.body[it.start:it.end]
			out.Rejects = append(out.Rejects, connectors.Reject{Position: fmt.Sprintf("child item %d", i+1), Rule: p.rule, Message: p.message,
				MessageZH: p.messageZH, Raw: slices.Clone(raw[:min(len(raw), maxRaw)])})
			continue
		}
		for _, child := range slices.Sorted(maps.Keys(k.c.Copy)) {
			if v, ok := values[k.c.Copy[child]]; ok {
				k.builder.Set(k.builder.Column(child), v)
			}
		}
		k.dec.endRow()
	}
}

// text appends the children of one record as JSON text; ok is false if they cannot be kept as such.
func (k *childReader) text(a *answer, texts *array.StringBuilder) (ok bool) {
	raw := a.text.body
	if path := strings.Trim(k.c.Records, "."); path != "" {
		raw = a.env.values[path]
	}
	ok = len(raw) <= k.dec.limits.RecordBytes && !a.text.replaced && utf8.Valid(raw)
	if !ok || len(raw) == 0 || string(raw) == "null" {
		texts.AppendNull()
		return ok
	}
	texts.BinaryBuilder.Append(raw)
	return true
}

// rowValues is one row as text by column name.
func rowValues(rec arrow.RecordBatch, row int) map[string]string {
	out := make(map[string]string, rec.NumCols())
	for i, f := range rec.Schema().Fields() {
		if col, ok := rec.Column(i).(*array.String); ok && col.IsValid(row) {
			out[f.Name] = col.Value(row)
		}
	}
	return out
}

// withColumn replaces the records of a batch by the same with one more column; a column of that name gives way.
func withColumn(b *connectors.Batch, name string, texts *array.StringBuilder) {
	extra := texts.NewArray()
	defer extra.Release()
	var fields []arrow.Field
	var cols []arrow.Array
	for i, f := range b.Records.Schema().Fields() {
		if f.Name != name {
			fields, cols = append(fields, f), append(cols, b.Records.Column(i))
		}
	}
	fields, cols = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}), append(cols, extra)
	old := b.Records
	b.Records = array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, old.NumRows())
	old.Release()
}
