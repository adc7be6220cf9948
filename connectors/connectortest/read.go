package connectortest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/connectors"
)

// given is one batch reduced to what the checks compare.
type given struct {
	stream  string
	keys    []string
	rejects int
	columns []string
	texts   []string // every message for people in it
	resume  connectors.Checkpoint
}

// collect reads a sequence to its end, at most limit batches; it releases every batch.
func collect(seq iter.Seq2[connectors.Batch, error], key string, limit int) ([]given, error) {
	var out []given
	for b, err := range seq {
		if err != nil {
			return out, err
		}
		g, err := reduce(b, key)
		if err != nil {
			return out, err
		}
		out = append(out, g)
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}

func reduce(b connectors.Batch, key string) (given, error) {
	g := given{stream: b.Stream, rejects: len(b.Rejects), resume: b.Resume}
	for _, r := range b.Rejects {
		g.texts = append(g.texts, r.Message, r.MessageZH, r.Position)
	}
	for _, n := range b.Notes {
		g.texts = append(g.texts, n.Message)
	}
	g.texts = append(g.texts, b.Origin)
	if b.Records == nil {
		return g, nil
	}
	defer b.Records.Release()
	for _, f := range b.Records.Schema().Fields() {
		g.columns = append(g.columns, f.Name)
	}
	if b.Records.NumRows() == 0 {
		return g, nil
	}
	i := slices.Index(g.columns, key)
	if i < 0 {
		return g, fmt.Errorf("a batch of stream %q has no column %q", b.Stream, key)
	}
	col, ok := b.Records.Column(i).(*array.String)
	if !ok {
		return g, fmt.Errorf("column %q is %s, not utf8", key, b.Records.Column(i).DataType())
	}
	for r := range col.Len() {
		if col.IsNull(r) {
			return g, fmt.Errorf("row %d has a null key", r)
		}
		g.keys = append(g.keys, strings.Clone(col.Value(r)))
	}
	return g, nil
}

const unlimited = 1 << 30

// readAll reads from a checkpoint with a new source of the harness.
func (h Harness) readAll(ctx context.Context, src connectors.Source, from connectors.Checkpoint) ([]given, error) {
	var out []given
	err := h.within("Read", func() (err error) {
		out, err = collect(src.Read(ctx, from), h.KeyColumn, unlimited)
		return err
	})
	return out, err
}

func keysOf(gs []given) []string {
	var out []string
	for _, g := range gs {
		out = append(out, g.keys...)
	}
	return out
}

func rejectsOf(gs []given) (n int) {
	for _, g := range gs {
		n += g.rejects
	}
	return n
}

func lastResume(gs []given) connectors.Checkpoint { return gs[len(gs)-1].resume }

// sameKeys compares two multisets of keys and describes the difference by counts and one example of each sort.
func sameKeys(want, got []string) error {
	missing, extra := difference(want, got)
	if len(missing) == 0 && len(extra) == 0 {
		return nil
	}
	return describe(missing, extra)
}

// coversKeys is sameKeys for readings that may give records again: every wanted key at least once, no unknown one.
func coversKeys(want, known, got []string) error {
	missing, _ := difference(unique(want), unique(got))
	_, extra := difference(unique(known), unique(got))
	if len(missing) == 0 && len(extra) == 0 {
		return nil
	}
	return describe(missing, extra)
}

func describe(missing, extra []string) error {
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, fmt.Sprintf("%d records lost (such as key %q)", len(missing), missing[0]))
	}
	if len(extra) > 0 {
		parts = append(parts, fmt.Sprintf("%d records too many (such as key %q)", len(extra), extra[0]))
	}
	return fmt.Errorf("%s", strings.Join(parts, ", "))
}

func unique(keys []string) []string {
	s := slices.Sorted(slices.Values(keys))
	return slices.Compact(s)
}

// difference returns what is in want but not in got and the reverse, as multisets.
func difference(want, got []string) (missing, extra []string) {
	w, g := slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	for len(w) > 0 || len(g) > 0 {
		switch {
		case len(g) == 0 || (len(w) > 0 && cmp.Less(w[0], g[0])):
			missing, w = append(missing, w[0]), w[1:]
		case len(w) == 0 || cmp.Less(g[0], w[0]):
			extra, g = append(extra, g[0]), g[1:]
		default:
			w, g = w[1:], g[1:]
		}
	}
	return missing, extra
}
