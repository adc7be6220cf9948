package publish

import (
	"context"
	"log/slog"
	"time"

	"onegrid/catalog"
	"onegrid/query"
	"onegrid/warehouse"
)

// Options of a publisher. Zero values mean the defaults.
type Options struct {
	Dir     string               // folder of the snapshots, of this publisher alone; created when absent
	Feed    warehouse.ChangeFeed // the only way to the store
	Catalog *catalog.Catalog     // areas, grids, categories, organisations, calendar, code lists
	Scopes  []query.Scope        // what is published; DefaultScopes(Catalog) unless set

	// Interval is the pause between looks for changes, 3 s; bursts are taken together.
	Interval time.Duration
	// Sensitive are the hub categories to which the small-cell rule applies; DefaultSensitive unless set.
	Sensitive []string
	// K is the least number of incidents that a published cell of a sensitive category has, 5.
	K int
	// ScrubAfter is how long a file may hold bytes of withdrawn rows outside of any table before a clean one is built, 10
	// minutes; negative for none: the next publication builds it.
	ScrubAfter time.Duration

	MemoryLimit string   // DuckDB's own memory while publishing, "768MB"
	Threads     int      // DuckDB threads while publishing, 1: ingest goes first
	MinFree     int64    // bytes that must stay free on the disk, 512 MiB; negative for none
	Group       int      // group id that may enter the folders of the scopes, which others may not; 0 for that of the process
	Record      Recorder // of what is published; nil for none
	Logger      *slog.Logger
	Now         func() time.Time
}

// Recorder is told of every generation of a scope before readers are; an error keeps the scope at the one before. The
// publisher closes it.
type Recorder interface {
	Record(ctx context.Context, m *Manifest) error
	Close() error
}

// Report says what a publication did.
type Report struct {
	Generation int64
	Changed    int64 // events changed since the generation before; -1 for a first one
	Scopes     int
	Position   warehouse.Position
	Elapsed    time.Duration
	Reading    time.Duration // the part of Elapsed in which the store told its changes
	Bytes      int64         // of the published files
	Hashed     int64         // bytes that were read to hash them
}

// Status is what the publisher knows of itself.
type Status struct {
	Generation int64
	Published  time.Time // of the last generation; zero before the first
	Checked    time.Time // last time at which nothing newer was found, or was published
	LastError  string    // "" after a success
	Failures   int       // since the last success
	Scopes     []ScopeStatus
}

// ScopeStatus is how one scope fares. A scope that fails keeps its generation while the others go on.
type ScopeStatus struct {
	Scope      query.Scope
	Generation int64     // 0 before the first
	Published  time.Time // of it
	LastError  string    // "" after a success
	Failures   int       // since the last success
	Building   bool      // a clean file is being built beside the published one
}

// DefaultScopes are the whole city in both tiers and every county of the catalog, masked.
func DefaultScopes(c *catalog.Catalog) []query.Scope {
	out := []query.Scope{{Tier: query.Masked, Area: "city"}, {Tier: query.Sensitive, Area: "city"}}
	seen := map[string]bool{}
	for _, a := range c.Areas().All() {
		if a.Level == catalog.County && !seen[a.Code] {
			seen[a.Code] = true
			out = append(out, query.Scope{Tier: query.Masked, Area: a.Code})
		}
	}
	return out
}

// DefaultSensitive are the categories of which one event alone may tell a person's misfortune: assault, vice, drugs,
// family disputes, missing persons, persons in distress, mental-health crises and self-harm (GB/T 45574-2025, 110 classes
// of personal safety).
func DefaultSensitive() []string {
	return []string{"07.03", "07.04", "07.05", "13.02", "16.01", "16.03", "16.06", "16.07"}
}

func (o Options) withDefaults() Options {
	if o.Scopes == nil && o.Catalog != nil {
		o.Scopes = DefaultScopes(o.Catalog)
	}
	if o.Interval <= 0 {
		o.Interval = 3 * time.Second
	}
	if o.Sensitive == nil {
		o.Sensitive = DefaultSensitive()
	}
	if o.K <= 0 {
		o.K = 5
	}
	if o.ScrubAfter == 0 {
		o.ScrubAfter = 10 * time.Minute
	}
	if o.MemoryLimit == "" {
		o.MemoryLimit = "768MB"
	}
	if o.Threads <= 0 {
		o.Threads = 1
	}
	if o.MinFree == 0 {
		o.MinFree = 512 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
