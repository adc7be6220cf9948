package pgwire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// flushBytes is how much is collected before it is written: fewer system calls than a message each, little memory.
const flushBytes = 64 << 10

func (x *session) rewrite(sql string) string {
	return pgcatalog.Rewrite(sql, pgcatalog.Session{User: x.who.User})
}

// active marks that something runs until done is called: a cancel request and the client's going away end it. A portal
// that only waits to be read on is not active, and a cancel request that comes late does not end it.
func (x *session) active(cancel context.CancelFunc) (done func()) {
	x.mu.Lock()
	x.running = cancel
	x.mu.Unlock()
	x.conn.watch(cancel)
	return func() {
		x.conn.unwatch()
		x.mu.Lock()
		x.running = nil
		x.mu.Unlock()
	}
}

// start asks the question of a portal, unless it was asked before.
func (x *session) start(p *portal) error {
	if x.status == 'E' {
		return errAborted()
	}
	if p.answer != nil {
		return nil
	}
	sql := p.sql
	explain := false
	if rest, ok := explained(sql); ok {
		sql, explain = rest, true
	}
	text := x.rewrite(pgcatalog.CastParams(sql, p.casts))
	ctx, cancel := context.WithCancel(x.srv.base)
	defer x.active(cancel)()
	answer, err := x.srv.run.Run(ctx, x.who, query.Request{SQL: text, Params: p.params, Surface: query.PGWire, Client: x.client, Explain: explain, Timeout: x.timeout})
	if err != nil {
		cancel()
		return translate(p.sql, text, err)
	}
	p.answer, p.cancel = answer, cancel
	x.tell(answer.Generation())
	return nil
}

// finish closes what a portal holds.
func (x *session) finish(p *portal) {
	if p.answer == nil {
		return
	}
	if p.reader != nil {
		p.reader.release()
	}
	p.answer.Close()
	p.cancel()
	p.answer, p.reader = nil, nil
	p.done = true
}

// rows sends the rows of a portal, at most limit of them if it is not 0, and what ends them. It reports whether the answer
// is exhausted.
func (x *session) rows(p *portal, limit int64) (bool, error) {
	if p.reader == nil {
		p.reader = newRowReader(p.answer, p.formats)
	}
	defer x.active(p.cancel)()
	pending := 0
	for n := int64(0); limit == 0 || n < limit; n++ {
		values, err := p.reader.next()
		if errors.Is(err, io.EOF) {
			if p.answer.Stats().Truncated {
				x.notice("WARNING", "01000", "the answer was cut at a limit: it is not complete | 结果已达上限,不完整", "ask for fewer rows or aggregate | 请缩小范围或先汇总")
			}
			x.back.Send(&pgproto3.CommandComplete{CommandTag: fmt.Appendf(nil, "SELECT %d", p.sent)})
			return true, nil
		}
		if err != nil {
			return false, err
		}
		x.back.Send(&pgproto3.DataRow{Values: values})
		p.sent++
		for _, v := range values {
			pending += len(v) + 4
		}
		if pending += 7; pending >= flushBytes {
			if err := x.back.Flush(); err != nil {
				return false, &query.Error{Code: query.Cancelled, Message: "the client went away", ZH: "客户端已断开", Cause: err}
			}
			pending = 0
		}
	}
	x.back.Send(&pgproto3.PortalSuspended{})
	return false, nil
}

// rowReader turns the batches of an answer into rows of encoded values. The values of a row are valid until the next one.
type rowReader struct {
	answer  query.Answer
	columns []column
	batch   arrow.RecordBatch
	row     int
	arena   []byte
	ends    []int
	values  [][]byte
}

func newRowReader(a query.Answer, formats []int16) *rowReader {
	// Not nil even while empty: a nil value would be sent as NULL.
	r := &rowReader{answer: a, arena: make([]byte, 0, 256)}
	for i, c := range a.Columns() {
		r.columns = append(r.columns, column{typ: pgcatalog.TypeOf(c.Type), binary: formatOf(formats, i) == 1})
	}
	r.values = make([][]byte, len(r.columns))
	r.ends = make([]int, len(r.columns))
	return r
}

func (r *rowReader) release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

func (r *rowReader) next() ([][]byte, error) {
	for r.batch == nil || r.row >= int(r.batch.NumRows()) {
		r.release()
		b, err := r.answer.Next()
		if err != nil {
			return nil, err
		}
		r.batch, r.row = b, 0
	}
	r.arena = r.arena[:0]
	for i := range r.columns {
		col := r.batch.Column(i)
		if col.IsNull(r.row) {
			r.ends[i] = -1
			continue
		}
		var err error
		if r.arena, err = r.columns[i].append(r.arena, col, r.row); err != nil {
			return nil, &query.Error{Code: query.Unsupported, Message: "a column of the answer cannot be sent in this form", ZH: "结果列无法以此格式返回", Cause: err}
		}
		r.ends[i] = len(r.arena)
	}
	// The arena may have moved while it grew: slice it once it is complete.
	from := 0
	for i, end := range r.ends {
		if end < 0 {
			r.values[i] = nil
			continue
		}
		r.values[i] = r.arena[from:end:end]
		from = end
	}
	r.row++
	return r.values, nil
}

func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 0:
		return 0
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	default:
		return 0
	}
}

// rowDescription describes result columns. Without formats, as for a prepared statement, all are text.
func rowDescription(columns []query.Column, formats []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{}
	for i, c := range columns {
		t := pgcatalog.TypeOf(c.Type)
		d.Fields = append(d.Fields, pgproto3.FieldDescription{Name: []byte(pgcatalog.ColumnName(c.Name)), DataTypeOID: t.OID, DataTypeSize: t.Size, TypeModifier: t.Mod, Format: formatOf(formats, i)})
	}
	return d
}
