package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"onegrid/catalog"
	"onegrid/connectors"
	"onegrid/connectors/builtin"
	"onegrid/event"
	"onegrid/pipelines"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/normalize"
	"onegrid/pipelines/privacy"
	"onegrid/warehouse/duckdb"
)

// Options of a hub.
type Options struct {
	Config string // configuration folder
	Data   string // data directory; replaces the one of onegrid.yaml when set
	Logger *slog.Logger
	// ReadOnly opens the store for reading; there must be one.
	ReadOnly bool
	// NoStore opens no store: for check, preview and doctor.
	NoStore bool
	Observe func(source string, u pipelines.Stored)
}

// Hub is an opened configuration.
type Hub struct {
	Catalog  *catalog.Catalog
	Registry *connectors.Registry
	Store    *duckdb.Store // nil with NoStore
	Landing  *landing.Landing
	Guard    *privacy.Guard
	Runner   *pipelines.Runner
	Log      *slog.Logger
	// Lost are acknowledged commits that the store does not hold any more; see duckdb.LostError.
	Lost []duckdb.Lost

	opts   Options
	rich   *enrich.Enricher
	seed   []byte
	mu     sync.Mutex
	shared map[string]any

	manifests map[string]landing.Ref
}

// Open loads and checks the configuration and opens what it names. A configuration error is a *catalog.Error or
// wraps ErrConfig.
func Open(ctx context.Context, opts Options) (*Hub, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hub{opts: opts, Log: opts.Logger, shared: map[string]any{}}
	var err error
	if h.Catalog, err = catalog.Load(opts.Config); err != nil {
		return nil, err
	}
	if h.Registry, err = builtin.Registry(); err != nil {
		return nil, err
	}
	if ps := h.Catalog.CheckConnections(h.Registry); len(ps) > 0 {
		return nil, &catalog.Error{Dir: h.Catalog.Dir, Problems: ps}
	}
	if h.rich, err = enrich.New(h.Catalog); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	set := h.Catalog.Hub
	secret := catalog.Secrets(h.Catalog.Dir)
	keys, err := privacy.LoadKeys(resolveFile(h.Catalog.Dir, set.Privacy.Key), secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if h.Guard, err = privacy.New(privacy.Config{TokenDays: set.Privacy.TokenDays}, keys); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if h.seed, err = fingerprintSeed(keys); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := h.openLanding(); err != nil {
		return nil, err
	}
	if opts.NoStore {
		return h, nil
	}
	if err := h.openStore(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// fingerprintSeed derives the key of record fingerprints from that of the tokens.
func fingerprintSeed(keys privacy.Keys) ([]byte, error) {
	return keys.Derive("onegrid record fingerprint", 32)
}

// resolveFile makes a relative file: reference relative to the configuration folder.
func resolveFile(dir, ref string) string {
	if path, ok := strings.CutPrefix(ref, "file:"); ok && path != "" && !filepath.IsAbs(path) {
		return "file:" + filepath.Join(dir, path)
	}
	return ref
}

// DataDir is the absolute data directory.
func (h *Hub) DataDir() string {
	dir := h.Catalog.Hub.Data
	if h.opts.Data != "" {
		dir = h.opts.Data
		if abs, err := filepath.Abs(dir); err == nil {
			return abs
		}
		return dir
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(h.Catalog.Dir, dir)
	}
	return dir
}

func (h *Hub) openStore(ctx context.Context) error {
	set := h.Catalog.Hub.Store
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: h.DataDir(), MemoryLimit: fmt.Sprintf("%dB", int64(set.MemoryLimit)), Threads: set.Threads,
		ReadOnly: h.opts.ReadOnly, Logger: h.Log})
	var lost *duckdb.LostError
	if errors.As(err, &lost) {
		h.Lost = lost.Sources
		h.Log.Error("acknowledged commits are missing from the store: run onegrid recover", "sources", len(lost.Sources))
	} else if err != nil {
		return err
	}
	h.Store = s
	lim := pipelines.DefaultLimits()
	if set.UnitRows > 0 {
		lim.Rows = set.UnitRows
		lim.Stream = min(lim.Stream, set.UnitRows)
	}
	if set.UnitWait > 0 {
		lim.Wait = set.UnitWait.Std()
	}
	h.Runner = &pipelines.Runner{Store: s, Progress: s, Memory: s, Limits: lim, Log: h.Log, Observe: h.opts.Observe}
	if h.opts.ReadOnly {
		return nil
	}
	var tables []duckdb.Table
	for _, t := range h.Catalog.Tables(h.items()...) {
		d := duckdb.Table{Name: t.Name, Rows: t.Rows}
		for _, c := range t.Columns {
			d.Columns = append(d.Columns, duckdb.TableColumn{Name: c.Name, Type: c.Type})
		}
		tables = append(tables, d)
	}
	if err := s.ReplaceTables(ctx, h.Catalog.Digest(), tables); err != nil {
		s.Close()
		return fmt.Errorf("storing the catalog: %w", err)
	}
	return nil
}

// Close closes the store.
func (h *Hub) Close() error {
	if h.Store == nil {
		return nil
	}
	if h.Landing != nil {
		h.Landing.Close()
	}
	return h.Store.Close()
}

// Env is what a source is lent. Relative paths of every file resolve against the configuration folder.
func (h *Hub) Env(src *catalog.Source) connectors.Env {
	return connectors.Env{SourceID: src.ID, Logger: h.Log.With("source", src.ID), Dir: h.Catalog.Dir, Secret: catalog.Secrets(h.Catalog.Dir), Zone: h.Catalog.Hub.Location(), Shared: h.share, BatchRows: batchRows}
}

// batchRows is the size of a batch. Several are on their way at a time, so it decides what a run holds in memory.
const batchRows = 8_192

// share gives all sources one value per key.
func (h *Hub) share(key string, create func() any) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.shared[key]
	if !ok {
		v = create()
		h.shared[key] = v
	}
	return v
}

// Connector opens the connector of a source.
func (h *Hub) Connector(src *catalog.Source) (connectors.Source, error) {
	return h.Registry.Open(src.Kind, h.Env(src), &src.Connection)
}

// Normalizer loads and compiles the mapping of a source.
func (h *Hub) Normalizer(src *catalog.Source) (*normalize.Normalizer, error) {
	m, err := normalize.Load(h.MappingPath(src))
	if err != nil {
		return nil, err
	}
	return m.Compile(h.Catalog)
}

// MappingPath is the absolute path of a source's mapping file.
func (h *Hub) MappingPath(src *catalog.Source) string {
	if filepath.IsAbs(src.Mapping) {
		return src.Mapping
	}
	return filepath.Join(src.Dir, src.Mapping)
}

// Pipeline puts the steps of a source together.
func (h *Hub) Pipeline(src *catalog.Source) (*pipelines.Pipeline, error) {
	conn, err := h.Connector(src)
	if err != nil {
		return nil, err
	}
	return h.pipeline(src, conn, false)
}

// Replay is the pipeline of a source without its connector: for what is read from the landing.
func (h *Hub) Replay(src *catalog.Source) (*pipelines.Pipeline, error) {
	return h.pipeline(src, nil, true)
}

func (h *Hub) pipeline(src *catalog.Source, conn connectors.Source, replay bool) (*pipelines.Pipeline, error) {
	norm, err := h.Normalizer(src)
	if err != nil {
		return nil, err
	}
	days := src.RetentionDays
	if days == 0 {
		days = h.Catalog.Hub.Retention.EventDays
	}
	var lander pipelines.Lander
	if !replay && h.Landing != nil && src.Landing.Mode != "off" {
		lander = sealer{h.Landing}
	}
	return pipelines.New(pipelines.Settings{ID: src.ID, RetentionDays: days, MaxPercent: src.Errors.MaxPercent, MaxRejects: src.Errors.MaxRejects,
		Seed: h.seed, Revision: h.Catalog.Digest(), NoSkip: replay}, conn, norm, h.rich, h.Guard, lander), nil
}

// Source returns a source of the catalog or an error that names the ones there are.
func (h *Hub) Source(id string) (*catalog.Source, error) {
	if s, ok := h.Catalog.Source(id); ok {
		return s, nil
	}
	var names []string
	for _, s := range h.Catalog.Sources() {
		names = append(names, s.ID)
	}
	return nil, fmt.Errorf("%w: no source %q; there are %v", ErrConfig, id, names)
}

// ErrConfig marks errors that a change of the configuration mends.
var ErrConfig = errors.New("configuration")

// items are the source columns of every mapping, for the catalog tables.
func (h *Hub) items() []catalog.Item {
	var out []catalog.Item
	for _, src := range h.Catalog.Sources() {
		m, err := normalize.Load(h.MappingPath(src))
		if err != nil {
			continue // reported by check; a source with a broken mapping does not run
		}
		for _, it := range m.Items() {
			out = append(out, catalog.Item{SourceID: src.ID, Name: it.Column, Target: it.Target, Class: classOf(it.Target)})
		}
	}
	return out
}

func classOf(target string) string {
	if c, ok := event.Lookup(target); ok {
		return c.Class.String()
	}
	return "dropped"
}
