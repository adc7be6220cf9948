package privacy

import (
	"context"
	"fmt"
	"log/slog"
)

// Handler wraps a slog.Handler: message and string-like attributes are scrubbed before they are written (invariant 4).
// It is a net under the rule that no record value is logged, not a licence to log one.
type Handler struct {
	next  slog.Handler
	guard *Guard
}

// NewHandler returns a handler that scrubs and passes on to next.
func NewHandler(next slog.Handler, g *Guard) *Handler { return &Handler{next, g} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.guard.Scrub(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(as []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(as))
	for i, a := range as {
		out[i] = h.attr(a)
	}
	return &Handler{h.next.WithAttrs(out), h.guard}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.guard}
}

func (h *Handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.guard.Scrub(v.String()))
	case slog.KindGroup:
		g := v.Group()
		out := make([]slog.Attr, len(g))
		for i := range g {
			out[i] = h.attr(g[i])
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(out...)}
	case slog.KindAny:
		if v.Any() == nil {
			return a
		}
		// An error or a struct is written as text in any case: what is scrubbed is that text.
		return slog.String(a.Key, h.guard.Scrub(fmt.Sprint(v.Any())))
	case slog.KindInt64, slog.KindUint64:
		text := v.String()
		if clean := h.guard.Scrub(text); clean != text {
			return slog.String(a.Key, clean)
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}
