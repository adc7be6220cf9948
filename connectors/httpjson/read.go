package httpjson

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onegrid/connectors"
)

// Flush limits beside the target rows of a batch.
const (
	batchBytes   = 16 << 20
	batchRejects = 1000
	rejectBytes  = 8 << 20
	maxRaw       = 64 << 10
)

// errStop means that the consumer has left the loop.
var errStop = errors.New("the consumer stopped")

// reading is one run over the upstream.
type reading struct {
	*source
	*session
	plan    *plan
	builder *connectors.Builder
	dec     *decoder
	child   *childReader
	pos     position
	sent    string // the data of the last checkpoint that is known to the consumer
	yield   func(connectors.Batch, error) bool
	ahead   *ahead
	free    []*answer
	rejects []connectors.Reject
	rawSize int
	notes   []connectors.Note
	origin  string
	last    string // the last value of the cursor column, and what it means
	lastOK  string
	kept    bool // a record was given
	unread  int  // values of the cursor column that are none
	upper   time.Time
}

func (s *source) open(_ context.Context, p position, yield func(connectors.Batch, error) bool) (*reading, error) {
	se, err := newSession(s.c, s.env)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	r := &reading{source: s, session: se, pos: p, yield: yield, builder: connectors.NewBuilder()}
	paths := []string{s.c.Paging.CursorPath, s.c.Paging.NextPath, s.c.Paging.MorePath, s.c.Paging.TotalPath}
	for _, rule := range s.c.Rules {
		paths = append(paths, rule.When.JSON)
	}
	r.plan = newPlan(s.c.Records, paths...)
	r.dec = newDecoder(r.builder, s.c.Limits, s.c.Cursor.Column)
	r.sent = string(p.checkpoint().Data)
	if s.c.Child != nil {
		r.child = newChildReader(*s.c.Child, s.c)
	}
	return r, nil
}

func (r *reading) close() {
	r.drop()
	r.builder.Take().Release()
	r.session.close()
}

// all reads window after window up to the present.
func (r *reading) all(ctx context.Context) error {
	for {
		resumed := r.pos.Win != nil
		if !resumed {
			r.pos.Done = false
			w := r.source.c.Cursor.nextWindow(r.pos, func(w window) time.Time { return r.present(ctx, w) })
			if w == nil {
				return ctx.Err()
			}
			w.Style = r.source.c.Paging.Style
			r.pos.Win = w
		}
		last := r.pos.Win.Last
		if err := r.window(ctx); err != nil {
			return err
		}
		// A window that was open from an earlier run ends in that run's present; ours is later.
		if last && (!resumed || r.pos.Kind != "time") {
			return nil
		}
	}
}

// present is the upper bound of this run: the upstream's clock minus the lag, asked once.
func (r *reading) present(ctx context.Context, w window) time.Time {
	if r.upper.IsZero() {
		now, ok := r.upstreamNow(ctx, w, r.zone)
		if !ok {
			now = time.Now()
			r.note("no_date", "the upstream sends no Date header; this machine's clock bounds the reading")
		}
		r.upper = now.Add(-r.source.c.Cursor.Lag)
	}
	return r.upper
}

// span reads a backfill, cut into steps.
func (r *reading) span(ctx context.Context, from, to time.Time) error {
	for !r.pos.Done {
		if r.pos.Win == nil {
			start := from
			if t, err := time.Parse(markLayout, r.pos.Next); err == nil {
				start = t
			}
			end := to
			if step := r.source.c.Cursor.Step; step > 0 && start.Add(step).Before(to) {
				end = start.Add(step)
			}
			r.pos.Win = &window{Style: r.source.c.Paging.Style, From: mark(start), To: mark(end), Fixed: true, Last: !end.Before(to)}
		}
		if err := r.window(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// window reads the open window to its end. Pages that contradict each other make it start over, once.
func (r *reading) window(ctx context.Context) error {
	for pass := 0; ; pass++ {
		err := r.pages(ctx)
		var d *drift
		if err == nil {
			if w := r.pos.Win; r.pos.Kind != "" && w.Max == "" && r.kept {
				r.note("cursor_missing", "no record has a readable value in the cursor column: the mark cannot move, every run reads the same span")
			}
			r.pos = r.pos.closed()
			return r.flush(ctx, r.pos)
		}
		if !errors.As(err, &d) {
			return err
		}
		if d.final || pass > 0 {
			return &connectors.Error{Op: r.source.c.Method + " " + r.source.c.Path, Source: r.env().SourceID, Err: fmt.Errorf("%s: %w", d.why, connectors.ErrDrift),
				Hint:   "sort by a column that does not change, page within closed windows (cursor.to_param), or set paging.total_path or more_path",
				HintZH: "请按不变的列排序、在封闭时间窗内分页（cursor.to_param），或设置 paging.total_path / more_path"}
		}
		r.drop()
		r.note("page_drift", d.why+"; the window is read again")
		w := r.pos.Win.restarted()
		r.pos.Win = &w
	}
}

// pages reads the pages of the open window from its place on.
func (r *reading) pages(ctx context.Context) error {
	t := newTrail()
	resumed := r.pos.Win.Page > 0 || r.pos.Win.Item > 0
	for first := true; ; first = false {
		w := r.pos.Win
		if w.Page >= r.source.c.Paging.MaxPages {
			return fmt.Errorf("more than %d pages in one window: %w", r.source.c.Paging.MaxPages, connectors.ErrLimit)
		}
		a, err := r.fetch(ctx, *w)
		if err != nil {
			if first && resumed && errors.Is(err, errRefused) {
				return &drift{why: "the place to resume from is not known to the upstream any more"}
			}
			return err
		}
		more, err := r.page(ctx, a, t, first && resumed)
		r.free = append(r.free, a)
		if err != nil || !more {
			return err
		}
	}
}

// page gives the records of a page and moves the window behind it.
func (r *reading) page(ctx context.Context, a *answer, t *trail, resumed bool) (more bool, err error) {
	c, w := r.source.c, r.pos.Win
	hash := hashText(a.env.hash())
	if resumed && w.Item > 0 && (w.Hash != hash || w.Item > len(a.env.items)) {
		return false, &drift{why: "the page to resume from has changed"}
	}
	if err := c.checkTotal(w, a); err != nil {
		return false, err
	}
	w.Hash = hash
	var next turn
	keyset := c.Paging.Style == "keyset" // there the next page depends on the values of this one
	if !keyset {
		if next, err = c.follow(*w, a, t); err != nil || next.skip {
			return false, err
		}
		if next.more {
			r.prefetch(ctx, next.next)
		}
	}
	if err := r.give(ctx, a, next); err != nil {
		return false, err
	}
	if keyset {
		if next, err = c.follow(*w, a, t); err != nil {
			return false, err
		}
	}
	next.next.Max = w.Max
	if next.more {
		r.pos.Win = &next.next
	}
	return next.more, nil
}

// give decodes the items of a page into batches.
func (r *reading) give(ctx context.Context, a *answer, next turn) error {
	w := r.pos.Win
	r.origin = a.url.EscapedPath()
	for w.Item < len(a.env.items) {
		it := a.env.items[w.Item]
		if p := r.dec.record(a.text.body, it, a.text.dubious, a.text.replaced); p.is() {
			r.reject(p, a.text.body[it.start:it.end], w)
		} else {
			r.kept = true
			if r.dec.marked != nil {
				r.observe(w)
			}
		}
		w.Item++
		// Children cost a request each: they are not gathered over several pages.
		if r.full() || r.child != nil && w.Item == len(a.env.items) {
			at := r.pos
			if w.Item == len(a.env.items) && next.more && !r.source.c.numbered() {
				// A token leads straight to the next page; a page number is asked again, to see that it still holds
				// the same records.
				n := next.next
				n.Max = w.Max
				at.Win = &n
			}
			if err := r.flush(ctx, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) full() bool {
	return r.builder.Rows() >= r.env().Rows() || r.builder.Bytes() >= batchBytes || len(r.rejects) >= batchRejects || r.rawSize >= rejectBytes
}

// env is the source's: session has it too.
func (r *reading) env() connectors.Env { return r.source.env }

func (r *reading) reject(p problem, raw []byte, w *window) {
	raw = append([]byte(nil), raw[:min(len(raw), maxRaw)]...)
	r.rawSize += len(raw)
	r.rejects = append(r.rejects, connectors.Reject{
		Position: fmt.Sprintf("page %d item %d", w.Page+1, w.Item+1),
		Rule:     p.rule, Message: p.message, MessageZH: p.messageZH, Raw: raw,
	})
}

// observe takes the cursor value of the last record into the window's highest.
func (r *reading) observe(w *window) {
	if string(r.dec.marked) != r.last {
		r.last = string(r.dec.marked)
		var ok bool
		if r.lastOK, ok = r.source.c.Cursor.observed(r.last, r.zone); !ok {
			r.lastOK = ""
			r.unread++
		}
	}
	switch {
	case r.lastOK == "":
	case r.pos.Kind == "id":
		if w.Max == "" || idLess(w.Max, r.lastOK) {
			w.Max = r.lastOK
		}
	default:
		w.Max = max(w.Max, r.lastOK)
	}
}

func (r *reading) note(rule, message string) {
	r.notes = append(r.notes, connectors.Note{Rule: rule, Message: message})
}

// flush yields what is ready with the checkpoint that covers it; nothing if neither rows nor checkpoint are new.
func (r *reading) flush(ctx context.Context, at position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.unread > 0 {
		r.note("cursor_unreadable", fmt.Sprintf("%d values of the cursor column are no time as configured", r.unread))
		r.unread = 0
	}
	cp := at.checkpoint()
	rows := r.builder.Rows()
	if rows == 0 && len(r.rejects) == 0 && string(cp.Data) == r.sent {
		return nil
	}
	b := connectors.Batch{Stream: r.stream(), Resume: cp, Origin: r.origin}
	if rows > 0 {
		b.Records = r.builder.Take()
	}
	if r.child != nil && rows > 0 {
		if err := r.expand(ctx, &b); err != nil {
			b.Records.Release()
			return err
		}
	}
	b.Rejects, r.rejects, r.rawSize = r.rejects, nil, 0
	b.Notes, r.notes = r.notes, nil
	r.sent = string(cp.Data)
	if !r.yield(b, nil) {
		return errStop
	}
	return nil
}
