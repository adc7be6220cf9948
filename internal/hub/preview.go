package hub

import (
	"context"

	"onegrid/connectors"
	"onegrid/pipelines"
	"onegrid/pipelines/normalize"
)

// Preview reads the first limit records of a source from a checkpoint and shows what would become of them. It stores
// nothing. Values as received are masked unless unmask is set. With an error the preview holds what came before it.
func (h *Hub) Preview(ctx context.Context, id string, from connectors.Checkpoint, limit int, unmask bool) (pipelines.Preview, error) {
	src, err := h.Source(id)
	if err != nil {
		return pipelines.Preview{}, err
	}
	env := h.Env(src)
	env.BatchRows = limit // asks the source for no more than is shown
	conn, err := h.Registry.Open(src.Kind, env, &src.Connection)
	if err != nil {
		return pipelines.Preview{}, err
	}
	p, err := h.pipeline(src, conn, true)
	if err != nil {
		return pipelines.Preview{}, err
	}
	m, err := normalize.Load(h.MappingPath(src))
	if err != nil {
		return pipelines.Preview{}, err
	}
	mask := p.MaskFor(m.Items())
	if unmask {
		mask = nil
	}
	return p.Preview(ctx, from, limit, mask)
}
