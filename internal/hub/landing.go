package hub

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"onegrid/connectors"
	"onegrid/internal/faultpoint"
	"onegrid/pipelines"
	"onegrid/pipelines/landing"
	"onegrid/warehouse"
)

// LandingDir is the folder of sealed batches.
func (h *Hub) LandingDir() string { return filepath.Join(h.DataDir(), "landing") }

// recipients are the public keys of the configuration.
func (h *Hub) recipients() ([]age.Recipient, error) {
	set := h.Catalog.Hub.Landing
	keys := append([]string(nil), set.Recipients...)
	if set.RecipientsFile != "" {
		path := set.RecipientsFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(h.Catalog.Dir, path)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%w: reading landing.recipients_file: %w", ErrConfig, err)
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				keys = append(keys, line)
			}
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	rs, err := landing.ParseRecipients(keys...)
	if err != nil {
		return nil, fmt.Errorf("%w: landing.recipients: %w", ErrConfig, err)
	}
	return rs, nil
}

// openLanding opens the landing where there is a recipient. Without one nothing is landed: it is never written unsealed.
func (h *Hub) openLanding() error {
	rs, err := h.recipients()
	if err != nil || rs == nil || h.opts.NoStore || h.opts.ReadOnly {
		return err
	}
	if err := os.MkdirAll(h.DataDir(), 0o750); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	var opt landing.Options
	if faultpoint.Enabled {
		opt.Fault = func(step string) { _ = faultpoint.Hit(step) }
	}
	h.Landing, err = landing.Open(h.LandingDir(), rs, opt)
	return err
}

// ExpireLanding deletes sealed batches past their days.
func (h *Hub) ExpireLanding(now time.Time) (int, error) {
	if h.Landing == nil {
		return 0, nil
	}
	return h.Landing.Expire(now, func(source string) int {
		if s, ok := h.Catalog.Source(source); ok && s.Landing.KeepDays > 0 {
			return s.Landing.KeepDays
		}
		return h.Catalog.Hub.Landing.KeepDays
	})
}

// sealer gives pipelines the landing.
type sealer struct{ l *landing.Landing }

func (s sealer) Begin(ctx context.Context, source, run string, unit int) (pipelines.Landing, error) {
	w, err := s.l.Begin(ctx, source, run, unit)
	if err != nil {
		return nil, err
	}
	return sealing{w}, nil
}

type sealing struct{ w *landing.Writer }

func (s sealing) Append(b connectors.Batch, readAt time.Time) error { return s.w.Append(b, readAt) }

func (s sealing) End(keep bool) (warehouse.Landed, error) {
	if !keep {
		return warehouse.Landed{}, s.w.Abort()
	}
	ref, err := s.w.Close()
	return warehouse.Landed{Path: ref.Path, SHA256: ref.SHA256, Rows: ref.Rows, Bytes: ref.Bytes}, err
}

// segments reads a sealed unit for a replay.
func segments(l *landing.Landing, landed warehouse.Landed, id age.Identity) iter.Seq2[pipelines.Segment, error] {
	return func(yield func(pipelines.Segment, error) bool) {
		if landed.Path == "" {
			return
		}
		for s, err := range l.Replay(landing.Ref{Path: landed.Path, SHA256: landed.SHA256, Rows: landed.Rows, Bytes: landed.Bytes}, id) {
			if err != nil {
				yield(pipelines.Segment{}, err)
				return
			}
			if !yield(pipelines.Segment{Batch: s.Batch(), ReadAt: s.ReadAt}, nil) {
				return
			}
		}
	}
}
