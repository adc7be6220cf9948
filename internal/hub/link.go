package hub

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	rules "onegrid/configs/link"
	"onegrid/pipelines/link"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
)

// LinkRules are the linkage rules of the configuration, else those that come with the program.
func (h *Hub) LinkRules() (*spec.Spec, error) {
	if path := h.Catalog.Hub.Link.Rules; path != "" {
		return spec.Load(path)
	}
	return spec.Parse("events.yaml", rules.Events)
}

// Linker makes the runner of linkage over the store.
func (h *Hub) Linker() (*link.Runner, error) {
	if h.Store == nil {
		return nil, errors.New("linking needs the store")
	}
	s, err := h.LinkRules()
	if err != nil {
		return nil, err
	}
	var model *score.Model
	if path := h.Catalog.Hub.Link.Model; path != "" {
		if model, err = score.LoadModel(path); err != nil {
			return nil, err
		}
	}
	return link.NewRunner(link.Store{Links: h.Store, Finder: h.Store, Changes: h.Store, Decider: h.Store, Events: h.Store, Names: h.Store},
		link.Options{Spec: s, Model: model, Names: h.gazetteer(), Latitude: h.latitude(), Dir: filepath.Join(h.DataDir(), "link"), Log: h.Log})
}

// gazetteer are the names of the city's areas.
func (h *Hub) gazetteer() *feature.Gazetteer {
	var names []feature.Name
	for _, a := range h.Catalog.Areas().All() {
		names = append(names, feature.Name{Name: a.Name, Level: a.Level})
	}
	return feature.NewGazetteer(names...)
}

// latitude is the middle of the city, 32 degrees where it is not said.
func (h *Hub) latitude() float64 {
	if b := h.Catalog.Hub.City.BBox; len(b) == 4 {
		return (b[1] + b[3]) / 2
	}
	return 32
}

// linkLoop links what came, at most once in the configured time, and rebuilds on its schedule.
func (d *Daemon) linkLoop(ctx context.Context, ready func()) error {
	r, err := d.hub.Linker()
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	ready()
	tick := time.NewTicker(d.hub.Catalog.Hub.Link.Every.Std())
	defer tick.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		pending, err := r.Pending(ctx)
		if err == nil && !pending {
			continue
		}
		var rep link.Report
		if err == nil {
			rep, err = r.Run(ctx)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			failures++
			d.hub.Log.Error("linking failed; the next try takes the same events again", "error", err, "failures", failures)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(min(time.Minute, time.Duration(failures)*5*time.Second)):
			}
			continue
		}
		failures = 0
		if rep.Events > 0 {
			d.hub.Log.Info("linked", "run", rep.RunID, "trigger", rep.Trigger, "events", rep.Events, "compared", rep.Compared, "candidates", rep.Candidates,
				"joined", rep.Stored.Joined, "left", rep.Stored.Left, "largest", rep.Largest, "seconds", rep.Seconds)
		}
		if d.AfterLink != nil {
			d.AfterLink()
		}
	}
}
