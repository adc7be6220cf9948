package connectortest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onegrid/connectors"
)

// checkCheck: a Checker is content with a healthy upstream.
func checkCheck(t *testing.T, h Harness) error {
	c, ok := h.Open(t).(connectors.Checker)
	if !ok {
		return fmt.Errorf("no Checker: %w", errNotApplicable)
	}
	return h.within("Check", func() error { return c.Check(t.Context()) })
}

// checkDiscover: a Discoverer names the streams and columns that Read gives.
func checkDiscover(t *testing.T, h Harness) error {
	d, ok := h.Open(t).(connectors.Discoverer)
	if !ok {
		return fmt.Errorf("no Discoverer: %w", errNotApplicable)
	}
	var streams []connectors.Stream
	err := h.within("Discover", func() (err error) {
		streams, err = d.Discover(t.Context())
		return err
	})
	if err != nil {
		return fmt.Errorf("discovering: %w", err)
	}
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	for _, g := range all {
		i := slices.IndexFunc(streams, func(s connectors.Stream) bool { return s.Name == g.stream })
		if i < 0 {
			return fmt.Errorf("stream %q is read, but Discover does not list it", g.stream)
		}
		if len(g.keys) > 0 && !slices.Contains(streams[i].Columns, h.KeyColumn) {
			return fmt.Errorf("column %q of stream %q is read, but Discover does not list it", h.KeyColumn, g.stream)
		}
	}
	return nil
}

// checkWindow: a Windower gives the records of a closed span, and each checkpoint of it resumes the span.
func checkWindow(t *testing.T, h Harness) error {
	if h.Window == nil {
		return fmt.Errorf("no window in the harness: %w", errNotApplicable)
	}
	read := func(at connectors.Checkpoint) (gs []given, err error) {
		w, ok := h.Open(t).(connectors.Windower)
		if !ok {
			return nil, fmt.Errorf("the harness has a window but the source is no Windower")
		}
		err = h.within("ReadWindow", func() (err error) {
			gs, err = collect(w.ReadWindow(t.Context(), h.Window.From, h.Window.To, at), h.KeyColumn, unlimited)
			return err
		})
		return gs, err
	}
	all, err := read(connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading the window: %w", err)
	}
	if err := sameKeys(h.Window.Keys, keysOf(all)); err != nil {
		return fmt.Errorf("reading the window: %w", err)
	}
	for i, g := range all {
		rest, err := read(stored(g.resume))
		if err != nil {
			return fmt.Errorf("resuming the window after batch %d: %w", i, err)
		}
		if err := coversKeys(keysOf(all[i+1:]), h.Window.Keys, keysOf(rest)); err != nil {
			return fmt.Errorf("resuming the window after batch %d: %w", i, err)
		}
	}
	return nil
}

// checkSecrets: no message of a batch shows a value that must stay hidden.
func checkSecrets(t *testing.T, h Harness) error {
	if len(h.Secrets) == 0 {
		return fmt.Errorf("no secrets in the harness: %w", errNotApplicable)
	}
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	for i, g := range all {
		for _, text := range append(g.texts, string(g.resume.Data)) {
			for j, s := range h.Secrets {
				if strings.Contains(text, s) {
					return fmt.Errorf("batch %d: secret %d of the harness occurs in a message, origin or checkpoint", i, j)
				}
			}
		}
	}
	return nil
}

// checkAcknowledge: acknowledging twice is safe, and nothing comes again afterwards.
func checkAcknowledge(t *testing.T, h Harness) error {
	src := h.Open(t)
	a, ok := src.(connectors.Acknowledger)
	if !ok {
		return fmt.Errorf("no Acknowledger: %w", errNotApplicable)
	}
	all, err := h.readAll(t.Context(), src, connectors.Checkpoint{})
	if err != nil || len(all) == 0 {
		return fmt.Errorf("reading %d batches: %w", len(all), err)
	}
	for range 2 {
		if err := a.Ack(t.Context(), stored(lastResume(all))); err != nil {
			return fmt.Errorf("acknowledging: %w", err)
		}
	}
	again, err := h.readAll(t.Context(), h.Open(t), stored(lastResume(all)))
	if err != nil {
		return fmt.Errorf("reading after the acknowledgement: %w", err)
	}
	if h.Overlap {
		return coversKeys(nil, h.Keys, keysOf(again))
	}
	return sameKeys(nil, keysOf(again))
}

// checkGrow: records that appear later are given from the last checkpoint.
func checkGrow(t *testing.T, h Harness) error {
	if h.Grow == nil {
		return fmt.Errorf("no growth in the harness: %w", errNotApplicable)
	}
	all, err := h.readAll(t.Context(), h.Open(t), connectors.Checkpoint{})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	at := connectors.Checkpoint{}
	if len(all) > 0 { // an acknowledged file drop may be empty by now
		at = lastResume(all)
	}
	fresh := h.Grow(t)
	more, err := h.readAll(t.Context(), h.Open(t), stored(at))
	if err != nil {
		return fmt.Errorf("reading what was added: %w", err)
	}
	if h.Overlap {
		return coversKeys(fresh, append(fresh, h.Keys...), keysOf(more))
	}
	return sameKeys(fresh, keysOf(more))
}
