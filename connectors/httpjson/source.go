package httpjson

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"onegrid/connectors"
)

// Kind is the connector kind httpjson.
func Kind() connectors.Kind {
	return connectors.Define("httpjson", "REST services that answer JSON", "返回 JSON 的 REST 服务", Defaults(), New)
}

// New opens a source. It reads no file, resolves no secret and connects to nothing before Read or Check.
func New(env connectors.Env, c Config) (connectors.Source, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, connectors.Problems(ps)
	}
	return &source{c: c, env: env, zone: zoneOf(c, env)}, nil
}

type source struct {
	c    Config
	env  connectors.Env
	zone *time.Location
}

func (s *source) stream() string {
	if s.c.Stream != "" {
		return s.c.Stream
	}
	if name := path.Base(s.c.Path); name != "." && name != "/" {
		return name
	}
	return "records"
}

// Read gives what is new since the checkpoint, window by window, page by page.
func (s *source) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		p, err := readPosition(from, s.c)
		if err == nil && p.Win != nil && p.Win.Fixed {
			err = &connectors.Error{Op: "reading the checkpoint", Source: s.env.SourceID,
				Err: fmt.Errorf("it belongs to a backfill window: %w", connectors.ErrCheckpoint)}
		}
		s.run(ctx, p, err, yield, func(r *reading) error { return r.all(ctx) })
	}
}

// ReadWindow gives the records of a closed span [from, to); the upstream must take both bounds.
func (s *source) ReadWindow(ctx context.Context, from, to time.Time, at connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		p, err := readPosition(at, s.c)
		if err == nil {
			err = s.checkBackfill(p, from, to)
		}
		s.run(ctx, p, err, yield, func(r *reading) error { return r.span(ctx, from, to) })
	}
}

func (s *source) checkBackfill(p position, from, to time.Time) error {
	e := &connectors.Error{Op: "reading a window", Source: s.env.SourceID}
	k := s.c.Cursor
	switch {
	case k.kind() != "time" || k.ToParam == "" && !s.c.mentions("{to}"):
		e.Err = errors.New("the endpoint takes no upper bound of time")
		e.Hint, e.HintZH = "set cursor.to_param, or put {to} into query, path or body", "请设置 cursor.to_param，或在 query、path、body 中使用 {to}"
	case p.Win != nil && (!p.Win.Fixed || p.Win.To > mark(to) || p.Win.From < mark(from)), p.Next > mark(to), p.Mark != "":
		e.Err = fmt.Errorf("it belongs to another window: %w", connectors.ErrCheckpoint)
	default:
		return nil
	}
	return e
}

// run opens a reading, lets f read, and yields its error.
func (s *source) run(ctx context.Context, p position, err error, yield func(connectors.Batch, error) bool, f func(*reading) error) {
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		var r *reading
		if r, err = s.open(ctx, p, yield); err == nil {
			err = f(r)
			r.close()
		}
	}
	if err != nil && !errors.Is(err, errStop) {
		var e *connectors.Error
		if !errors.As(err, &e) {
			err = &connectors.Error{Op: s.c.Method + " " + s.c.Path, Source: s.env.SourceID, Err: err}
		}
		yield(connectors.Batch{}, err)
	}
}

// Check reaches the upstream, logs in and looks at one page.
func (s *source) Check(ctx context.Context) error {
	_, err := s.sample(ctx)
	return err
}

// Discover lists the stream with the columns of its first page.
func (s *source) Discover(ctx context.Context) ([]connectors.Stream, error) {
	streams, err := s.sample(ctx)
	if err != nil {
		return nil, err
	}
	return streams, nil
}

// sample reads up to the first batch.
func (s *source) sample(ctx context.Context) ([]connectors.Stream, error) {
	small := *s
	small.env.BatchRows = min(s.env.Rows(), s.c.Paging.Size)
	out := []connectors.Stream{{Name: s.stream(), Note: strings.TrimSpace(s.c.Method + " " + s.c.Path)}}
	for b, err := range small.Read(ctx, connectors.Checkpoint{}) {
		if err != nil {
			return nil, err
		}
		if b.Records == nil {
			break
		}
		i := slices.IndexFunc(out, func(st connectors.Stream) bool { return st.Name == b.Stream })
		if i < 0 {
			i = len(out)
			out = append(out, connectors.Stream{Name: b.Stream, Note: "child of " + s.stream()})
		}
		for _, f := range b.Records.Schema().Fields() {
			if !slices.Contains(out[i].Columns, f.Name) {
				out[i].Columns = append(out[i].Columns, f.Name)
			}
		}
		b.Records.Release()
		if b.Stream == s.stream() {
			break
		}
	}
	return out, nil
}
