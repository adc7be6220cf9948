package duckdb

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
)

// stageName is the in-memory database to which the store is attached. The driver's RegisterView makes an ordinary, persistent view that
// holds a pointer: in the store's own catalog it would be written to disk and crash whoever reads it after a restart. In
// the temporary schema it is refused. So the views live here, are made outside of transactions, and vanish with the
// process. A transaction may read several databases but write one, hence they are made once and fed again and again.
const stageName = "memory"

// feed is a view over whatever batch it was given last. It implements array.RecordReader with a fixed schema.
type feed struct {
	schema *arrow.Schema
	view   string
	next   arrow.RecordBatch // to be delivered
	cur    arrow.RecordBatch // delivered
	stop   func()
}

// newFeed makes the view on a connection that is not in a transaction.
func newFeed(ar *duckdb.Arrow, exec func(string) error, view string, schema *arrow.Schema) (*feed, error) {
	f := &feed{schema: schema, view: stageName + "." + view}
	if err := exec("USE " + stageName); err != nil {
		return nil, err
	}
	stop, err := ar.RegisterView(f, view)
	if uerr := exec("USE " + catalogName); err == nil {
		err = uerr
	}
	if err != nil {
		return nil, fmt.Errorf("making the view %s: %w", view, err)
	}
	f.stop = stop
	return f, nil
}

// give sets the batch that the next scan of the view delivers, once. The caller keeps its reference.
func (f *feed) give(rec arrow.RecordBatch) error {
	if !rec.Schema().Equal(f.schema) {
		return fmt.Errorf("batch for %s has schema %s, view has %s", f.view, rec.Schema(), f.schema)
	}
	f.drop()
	rec.Retain()
	f.next = rec
	return nil
}

// drop forgets what was given.
func (f *feed) drop() {
	if f.next != nil {
		f.next.Release()
		f.next = nil
	}
	if f.cur != nil {
		f.cur.Release()
		f.cur = nil
	}
}

func (f *feed) close() {
	if f != nil && f.stop != nil {
		f.drop()
		f.stop()
		f.stop = nil
	}
}

// Retain and Release are array.RecordReader's: the feed lives as long as its view.
func (f *feed) Retain()                        {}
func (f *feed) Release()                       {}
func (f *feed) Schema() *arrow.Schema          { return f.schema }
func (f *feed) Err() error                     { return nil }
func (f *feed) RecordBatch() arrow.RecordBatch { return f.cur }
func (f *feed) Record() arrow.RecordBatch      { return f.cur }

// Next hands over the batch, once.
func (f *feed) Next() bool {
	if f.cur != nil {
		f.cur.Release()
	}
	f.cur, f.next = f.next, nil
	return f.cur != nil
}

var _ array.RecordReader = (*feed)(nil)

// feeds are the views of the writer connection.
type feeds struct {
	chunk, probe, update, ids, transitions, tokens, rejects *feed
	links, members, features, aliases                       *feed
}

func (s *Store) openFeeds(ctx context.Context) error {
	exec := func(q string) error { return s.exec(ctx, q) }
	ar, err := duckdb.NewArrowFromConn(s.writer)
	if err != nil {
		return err
	}
	for _, v := range []struct {
		to     **feed
		name   string
		schema *arrow.Schema
	}{
		{&s.feeds.chunk, "chunk", chunkSchema()}, {&s.feeds.probe, "probe", idSchema}, {&s.feeds.update, "upd", updateSchema}, {&s.feeds.ids, "renewed", idSchema},
		{&s.feeds.transitions, "transitions_in", transitionSchema}, {&s.feeds.tokens, "tokens_in", tokenSchema}, {&s.feeds.rejects, "rejects_in", rejectSchema},
		{&s.feeds.links, "links_in", linkSchema}, {&s.feeds.members, "members_in", memberSchema}, {&s.feeds.features, "features_in", featureSchema}, {&s.feeds.aliases, "aliases_in", aliasSchema},
	} {
		if *v.to, err = newFeed(ar, exec, v.name, v.schema); err != nil {
			return err
		}
	}
	return nil
}

func (f *feeds) close() {
	for _, v := range []*feed{f.chunk, f.probe, f.update, f.ids, f.transitions, f.tokens, f.rejects, f.links, f.members, f.features, f.aliases} {
		v.close()
	}
	*f = feeds{}
}

// probeNumber makes the view names of concurrent readers distinct.
type probeNumber struct{ n atomic.Int64 }

func (p *probeNumber) next() string { return fmt.Sprintf("known_%d", p.n.Add(1)) }
