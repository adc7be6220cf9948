package http

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/query"
)

const (
	maxPageRows  = 50_000
	pagesPerUser = 4 // answers of one user kept at the same time; the oldest goes
)

// kept is an answer whose later pages are still to come. It is the answer as it was computed once, so that all its pages
// belong to one generation, whatever is published meanwhile.
type kept struct {
	id      [16]byte
	who     query.Principal
	head    head
	batches []arrow.RecordBatch
	rows    int64
	bytes   int64
	cut     bool // the answer itself was cut by a limit
	until   time.Time
	timer   *time.Timer
}

// pages keeps answers for a while, within a memory limit.
type pages struct {
	cfg   Config
	mu    sync.Mutex
	all   map[[16]byte]*kept
	order []*kept // oldest first
	bytes int64
}

func newPages(cfg Config) *pages { return &pages{cfg: cfg, all: map[[16]byte]*kept{}} }

func errCursor() *query.Error {
	return &query.Error{Code: query.Invalid, Rule: "cursor", Message: "this cursor is not known any more; its answer was dropped", ZH: "翻页游标已失效",
		Hint: "ask the question again; it is answered from the current generation", HintZH: "请重新查询,将使用当前数据版本"}
}

// keep takes over the batches. An answer that does not fit alone is refused.
func (p *pages) keep(k *kept) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k.bytes > p.cfg.PageMemory {
		return &query.Error{Code: query.TooLarge, Rule: "page_memory", Message: "the answer is too large for paging", ZH: "结果过大,无法分页",
			Hint: "ask for fewer columns, or for CSV or Arrow, which are streamed", HintZH: "请减少列,或改用 CSV、Arrow 流式格式"}
	}
	rand.Read(k.id[:]) // never fails since Go 1.24
	mine := 0
	for i := len(p.order) - 1; i >= 0; i-- {
		if o := p.order[i]; o.who.User == k.who.User {
			if mine++; mine >= pagesPerUser {
				p.drop(o)
			}
		}
	}
	for p.bytes+k.bytes > p.cfg.PageMemory && len(p.order) > 0 {
		p.drop(p.order[0])
	}
	k.until = time.Now().Add(p.cfg.PageTime)
	k.timer = time.AfterFunc(p.cfg.PageTime, func() { p.forget(k.id) })
	p.all[k.id], p.order, p.bytes = k, append(p.order, k), p.bytes+k.bytes
	return nil
}

func (p *pages) forget(id [16]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.all[id]; k != nil {
		p.drop(k)
	}
}

// drop releases an answer. mu is held.
func (p *pages) drop(k *kept) {
	k.timer.Stop()
	delete(p.all, k.id)
	for i, o := range p.order {
		if o == k {
			p.order = append(p.order[:i:i], p.order[i+1:]...)
			break
		}
	}
	p.bytes -= k.bytes
	for _, b := range k.batches {
		b.Release()
	}
}

func (p *pages) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.order) > 0 {
		p.drop(p.order[0])
	}
}

// page appends rows from..from+n of a kept answer as JSON, with a cursor for what follows. Only the principal who asked the
// question gets it, with the same role, scope and token.
func (p *pages) page(b []byte, id [16]byte, from, n int64, who query.Principal, began time.Time) ([]byte, head, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.all[id]
	if k == nil || k.who != who || from < 0 || from > k.rows {
		return b, head{}, errCursor()
	}
	to := min(from+n, k.rows)
	b, err := appendHead(b, k.head)
	if err != nil {
		return b, head{}, err
	}
	b = append(b, `,"rows":[`...)
	first := true
	rowsOf(k.batches, from, to, func(rec arrow.RecordBatch, i int) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendRow(append(b, '\n'), rec, i)
	})
	t := tail{RowCount: to - from, Truncated: k.cut && to == k.rows, ElapsedMS: float64(time.Since(began).Microseconds()) / 1000}
	if to < k.rows {
		t.Next = cursor(id, to)
	}
	if b, err = appendTail(append(b, "\n]"...), t); err != nil {
		return b, head{}, err
	}
	if to == k.rows {
		// The last page stays until its time is over: a client may have lost it on the way.
		k.timer.Reset(min(time.Minute, time.Until(k.until)))
	}
	return append(b, '\n'), k.head, nil
}

func cursor(id [16]byte, from int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(id[:], uint64(from)))
}

func parseCursor(s string) (id [16]byte, from int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 24 {
		return id, 0, errCursor()
	}
	return [16]byte(b[:16]), int64(binary.BigEndian.Uint64(b[16:])), nil
}

// keepAll reads an answer to its end for paging.
func (s *stream) keepAll(who query.Principal) (*kept, error) {
	k := &kept{who: who, head: head{s.id, s.answer.Generation(), s.answer.Columns()}}
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			for _, b := range k.batches {
				b.Release()
			}
			return nil, err
		}
		k.batches = append(k.batches, rec)
		k.rows += rec.NumRows()
	}
	st := s.answer.Stats()
	k.bytes, k.cut = st.Bytes, st.Truncated
	return k, nil
}
