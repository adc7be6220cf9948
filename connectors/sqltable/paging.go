package sqltable

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"onegrid/connectors"
)

const (
	maxBatchBytes = 16 << 20 // a batch ends here whatever its rows
	maxPageBytes  = 64 << 20 // a page ends here: pages are held in memory so that the transaction is short
)

// pages reads what lies within the bounds, page by page, and returns the last position, or before where there was no
// row.
func (r *reader) pages(ctx context.Context, p *plan, b bounds, before []value) ([]value, error) {
	last := before
	for {
		var s *sink
		b.limit = r.s.cfg.PageRows + 1 // one more, to see whether the page ends within a tie
		err := r.statement(ctx, r.s.cfg.StatementTimeout, func(ctx context.Context, c *sql.Conn, tx *sql.Tx, _ *time.Timer) error {
			s.release()
			s = newSink(r, p, b.upper)
			s.limit = b.limit
			q := p.page(b)
			err := r.s.d.fetch(ctx, c, tx, q.String(), q.args, p.cols, s.row)
			if errors.Is(err, errCut) {
				return nil
			}
			return err
		})
		if err == nil {
			err = s.finish()
		}
		if err != nil {
			s.release()
			return nil, err
		}
		if err := r.deliver(s.queue); err != nil {
			return nil, err
		}
		if s.last != nil {
			last = s.last
		}
		if s.tie {
			if err := r.group(ctx, p, b.upper, s); err != nil {
				return nil, err
			}
		}
		if !s.full {
			return last, nil
		}
		b.lower, b.inclusive = last, false
	}
}

// deliver hands out the batches of a page. Those that the consumer does not take are released.
func (r *reader) deliver(queue []queued) error {
	for i, q := range queue {
		r.st = q.after
		if !r.yield(q.batch) {
			for _, rest := range queue[i+1:] {
				rest.batch.Records.Release()
			}
			return errStopped
		}
	}
	return nil
}

// group reads every row at the position where a page ended within a tie, however many there are. Some of them were in
// the page already: the key is not unique, and twice is better than never.
func (r *reader) group(ctx context.Context, p *plan, upper *value, page *sink) error {
	done := r.st.with(p.stream.Name, newStreamState(p, page.last, upper))
	if err := r.unpaged(ctx, p, p.group(page.last)); err != nil {
		return err
	}
	r.st = done
	return nil
}

// unpaged runs a statement of any size and hands its rows out while it runs. The checkpoint does not move: a statement
// that is cut short is run again.
func (r *reader) unpaged(ctx context.Context, p *plan, q *stmt) error {
	var s *sink
	err := r.statement(ctx, r.s.cfg.SnapshotTimeout, func(ctx context.Context, c *sql.Conn, tx *sql.Tx, watch *time.Timer) error {
		s.release()
		s = newSink(r, p, nil)
		s.direct = func(b queued) error {
			watch.Stop() // the consumer may take its time
			ok := r.yield(b.batch)
			watch.Reset(r.s.cfg.SnapshotTimeout)
			if !ok {
				return errStopped
			}
			return nil
		}
		return r.s.d.fetch(ctx, c, tx, q.String(), q.args, p.cols, s.row)
	})
	if err == nil {
		err = s.finish()
		if err == nil {
			err = r.deliver(s.queue)
		}
		return err
	}
	s.release()
	return err
}

// queued is a batch and the state of the reader once it is delivered.
type queued struct {
	batch connectors.Batch
	after state
}

// sink turns the rows of one statement into batches.
type sink struct {
	r      *reader
	p      *plan
	out    *renderer
	upper  *value
	limit  int // rows of the statement; the last one is only looked at; 0: no pages
	direct func(queued) error

	safe  state   // checkpoint that covers everything before the current tie
	prev  []value // position before the current tie, nil where the statement began with it
	last  []value // position of the last row taken
	cells []int   // where the cursor columns are in a row
	n     int
	full  bool
	tie   bool
	queue []queued
	held  int // bytes in queue
}

func newSink(r *reader, p *plan, upper *value) *sink {
	s := &sink{r: r, p: p, out: newRenderer(p), upper: upper, safe: r.st}
	for _, i := range []int{p.time, p.key} {
		if i >= 0 {
			s.cells = append(s.cells, i)
		}
	}
	return s
}

func (s *sink) row(row [][]byte, tags []byte) error {
	s.n++
	if s.limit == 0 { // no position to keep
		if s.out.b.Rows() >= s.r.s.env.Rows() || s.out.b.Bytes() >= maxBatchBytes || len(s.out.rejects) >= 1000 {
			if err := s.flush(s.safe); err != nil {
				return err
			}
		}
		s.out.add(row, tags)
		return nil
	}
	moved := s.moved(row)
	if s.n == s.limit {
		s.full, s.tie = true, !moved
		return nil
	}
	if full := s.out.b.Rows() >= s.r.s.env.Rows() || s.out.b.Bytes() >= maxBatchBytes; full && moved && s.last != nil {
		if err := s.flush(s.at(s.last)); err != nil {
			return err
		}
		if s.held >= maxPageBytes {
			s.full = true
			return errCut
		}
	}
	if moved {
		s.prev = s.last
		s.last = s.position(row, tags)
	}
	s.out.add(row, tags)
	return nil
}

// moved reports whether a row has another position than the one before it.
func (s *sink) moved(row [][]byte) bool {
	if s.last == nil {
		return true
	}
	for j, i := range s.cells {
		if !bytes.Equal(row[i], s.last[j].b) {
			return true
		}
	}
	return false
}

func (s *sink) position(row [][]byte, tags []byte) []value {
	pos := make([]value, len(s.cells))
	for j, i := range s.cells {
		pos[j] = value{'s', bytes.Clone(row[i])}
		if tags != nil {
			pos[j].tag = tags[i]
		}
	}
	return pos
}

// at is the state of the reader once everything up to a position is stored.
func (s *sink) at(pos []value) state {
	return s.r.st.with(s.p.stream.Name, newStreamState(s.p, pos, s.upper))
}

// finish ends the statement's last batch.
func (s *sink) finish() error {
	after := s.safe
	switch {
	case s.limit == 0 || s.last == nil:
	case !s.tie:
		after = s.at(s.last)
	case s.prev != nil: // inside a tie only what lies before it is covered
		after = s.at(s.prev)
	}
	return s.flush(after)
}

// flush ends a batch. after is true once it and all before it are stored.
func (s *sink) flush(after state) error {
	if s.out.b.Rows() == 0 && len(s.out.rejects) == 0 {
		return nil
	}
	cp, err := after.encode()
	if err != nil {
		return err
	}
	s.held += s.out.b.Bytes()
	q := queued{after: after, batch: connectors.Batch{Stream: s.p.stream.Name, Records: s.out.b.Take(), Rejects: slices.Clip(s.out.rejects), Resume: cp, Origin: s.p.origin()}}
	s.out.rejects = nil
	if s.direct != nil && s.limit == 0 {
		return s.direct(q)
	}
	s.queue = append(s.queue, q)
	s.safe = after
	return nil
}

// release frees the batches of a page that is not delivered.
func (s *sink) release() {
	if s == nil {
		return
	}
	for _, q := range s.queue {
		q.batch.Records.Release()
	}
	s.queue = nil
	s.out.b.Take().Release()
}

// origin names the tables of a stream for provenance.
func (p *plan) origin() string {
	if p.stream.Query != "" {
		return "query " + p.stream.Name
	}
	out := p.names[0]
	for _, n := range p.names[1:] {
		out += "+" + n
	}
	return out
}

// newest is the largest value of the first cursor column at this moment, in the order of the database; nil where there
// is none.
func (p *plan) newest(ctx context.Context, c *sql.Conn, tx *sql.Tx, bound *value) (*value, error) {
	q := p.newestStmt(bound)
	var out *value
	err := p.d.fetch(ctx, c, tx, q.String(), q.args, p.cursor()[:1], func(row [][]byte, tags []byte) error {
		out = &value{'s', bytes.Clone(row[0])}
		if tags != nil {
			out.tag = tags[0]
		}
		return nil
	})
	return out, err
}
