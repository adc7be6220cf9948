package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"

	"onegrid/pipelines/link/block"
	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/cluster"
	"onegrid/pipelines/link/feature"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
	"onegrid/warehouse"
)

// Store is what a Runner needs of a store.
type Store struct {
	Links   warehouse.LinkCommitter
	Finder  warehouse.LinkFinder
	Changes warehouse.ChangeFeed
	Decider warehouse.LinkDecider
	Events  warehouse.EventReader
	Names   warehouse.IncidentReader
}

// Options of a Runner. The zero value of a field takes the default named beside it.
type Options struct {
	Spec     *spec.Spec
	Model    *score.Model // nil: the prior of the rules. Weights of the store are never trained on the way
	Names    *feature.Gazetteer
	Latitude float64 // middle of the city in degrees, for cells
	Dir      string  // folder of the frequencies
	Workers  int     // 0 = one for each processor

	Increment int           // events above which a run becomes a rebuild, 100,000
	Window    time.Duration // how far back a partner is looked for, 30 days; certain links look 90 days back
	Cap       int           // members of a key that are looked at, 200
	Log       *slog.Logger
}

// Runner links the events of a store.
type Runner struct {
	store Store
	o     Options
	ex    *feature.Extractor
	stats *corpus // of the last rebuild, once read
	run   string  // whose frequencies stats are
	since int     // events linked with them since
	alias map[uuid.UUID]uuid.UUID
	upto  int64 // aliases of runs up to this are in alias

	rules, version string // digest of the rules, and version of the weights
}

// NewRunner checks the options.
func NewRunner(store Store, o Options) (*Runner, error) {
	if o.Spec == nil {
		return nil, errors.New("linking: no rules")
	}
	if o.Spec.ID != "event_id" {
		return nil, o.Spec.Problem("id", "rules over the store have id: event_id", "start from the rules that come with the program: onegrid link rules")
	}
	if o.Increment <= 0 {
		o.Increment = 100_000
	}
	if o.Window <= 0 {
		o.Window = 30 * 24 * time.Hour
	}
	if o.Cap <= 0 {
		o.Cap = block.DefaultCap
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{store: store, o: o, ex: feature.New(o.Names), alias: map[uuid.UUID]uuid.UUID{}}
	own := o.Spec.Digest()
	b, err := json.Marshal(o.Spec)
	if err != nil {
		return nil, fmt.Errorf("linking: describing the rules: %w", err)
	}
	r.rules = fmt.Sprintf("%s/%s/%016x/%.3f", form, own[:16], table.TokenHash(b), o.Latitude)
	r.version = "prior/" + own[:12]
	if o.Model != nil {
		if b, err = json.Marshal(o.Model); err != nil {
			return nil, fmt.Errorf("linking: describing the weights: %w", err)
		}
		r.version = fmt.Sprintf("trained/%012x", table.TokenHash(b)&(1<<48-1))
	}
	return r, nil
}

// copiesBack is how far back certain links look; certain.Options.CopyWithin is the same.
const copiesBack = 90

// keepDays is how long features are kept: what no window reaches is dropped at a rebuild.
const keepDays = 120

// Report is what a run did.
type Report struct {
	RunID      string                `json:"run_id"`
	Trigger    string                `json:"trigger"` // incremental or rebuild
	Why        string                `json:"why,omitempty"`
	Events     int                   `json:"events"`   // new or changed
	Compared   int                   `json:"compared"` // rows in the table, with partners and neighbours
	Candidates int64                 `json:"candidates"`
	Rules      []block.RuleStats     `json:"rules,omitempty"`
	Certain    certain.Counts        `json:"certain"`
	Largest    int                   `json:"largest_cluster"`
	Clusters   int                   `json:"clusters"` // with at least two members
	Verdicts   map[string]int64      `json:"verdicts,omitempty"`
	Capped     int                   `json:"capped_keys"`
	Moved      int                   `json:"moved"` // events whose incident changed
	Stored     warehouse.LinkReceipt `json:"stored"`
	Seconds    float64               `json:"seconds"`
	Took       map[string]float64    `json:"took,omitempty"`
}

// Run takes the events that changed since the last run. It becomes a rebuild when there was none, when the rules or the
// form of stored features changed, when frequencies are lost or of a store that has grown by half since, or when so much
// changed that a rebuild is cheaper.
func (r *Runner) Run(ctx context.Context) (Report, error) {
	state, err := r.store.Links.LinkState(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("linking: %w", err)
	}
	why := ""
	switch {
	case state.Seq == 0:
		why = "first run"
	case state.Spec != r.digest():
		why = "rules changed"
	default:
		if err := r.loadStats(state); err != nil {
			why = "no frequencies"
		} else if r.since > int(r.stats.rows)/2 {
			why = "frequencies are of a much smaller store"
		}
	}
	if why == "" {
		rep, err := r.increment(ctx, state)
		if !errors.Is(err, errRow) && !errors.Is(err, errTooMany) && !errors.Is(err, warehouse.ErrPosition) {
			return rep, err
		}
		why = err.Error()
	}
	rep, err := r.rebuild(ctx, state)
	rep.Why = why
	return rep, err
}

// Rebuild links all events anew. Only differences are stored.
func (r *Runner) Rebuild(ctx context.Context) (Report, error) {
	state, err := r.store.Links.LinkState(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("linking: %w", err)
	}
	return r.rebuild(ctx, state)
}

// Pending reports whether there is something to do; false is certain.
func (r *Runner) Pending(ctx context.Context) (bool, error) {
	state, err := r.store.Links.LinkState(ctx)
	if err != nil {
		return false, err
	}
	if state.Seq == 0 || state.Spec != r.digest() {
		return true, nil
	}
	if ds, err := r.store.Decider.Decisions(ctx, state.Decision); err != nil || len(ds) > 0 {
		return true, err
	}
	return r.store.Changes.Poll(ctx, warehouse.ChangeQuery{From: state.Position, StatesOnly: true})
}

// errTooMany ends an increment that is cheaper as a rebuild.
var errTooMany = errors.New("more events changed than an increment takes")

// form is the version of what this package stores beside events; a change of it makes every store rebuild.
const form = "2"

// digest identifies everything that stored features and links depend on.
func (r *Runner) digest() string { return r.rules }

// model is the version of the weights, as the ledger names it.
func (r *Runner) model() string { return r.version }

// note is kept with every run: whose frequencies it used.
type note struct {
	Corpus string `json:"corpus"`
	Since  int    `json:"since"` // events linked with these frequencies after the rebuild that counted them
	Report
}

func (r *Runner) loadStats(state warehouse.LinkState) error {
	var n note
	if err := json.Unmarshal(state.Last.Counts, &n); err != nil || n.Corpus == "" {
		return errCorpus
	}
	if r.stats != nil && r.run == n.Corpus {
		r.since = n.Since
		return nil
	}
	c, err := loadCorpus(r.o.Dir, n.Corpus)
	if err != nil {
		return err
	}
	r.stats, r.run, r.since = c, n.Corpus, n.Since
	return nil
}

// rebuild links everything.
func (r *Runner) rebuild(ctx context.Context, state warehouse.LinkState) (Report, error) {
	rep := Report{RunID: uuid.Must(uuid.NewV7()).String(), Trigger: "rebuild", Took: map[string]float64{}}
	started := time.Now()
	g, err := newGatherer(r.o.Spec, r.ex)
	if err != nil {
		return rep, err
	}
	set, err := r.store.Changes.Changes(ctx, warehouse.ChangeQuery{Columns: g.columns()}, g.add)
	if err != nil {
		return rep, fmt.Errorf("reading events: %w", err)
	}
	all, err := g.finish()
	if err != nil {
		return rep, err
	}
	rep.Events, rep.Compared = all.table.Rows(), all.table.Rows()
	lap := laps(rep.Took, started)
	lap("read")
	w := &work{r: r, rep: &rep, all: all, fresh: nil}
	decisions, err := r.store.Decider.Decisions(ctx, 0)
	if err != nil {
		return rep, fmt.Errorf("reading decisions: %w", err)
	}
	stats := newCorpus(all.table)
	lap("count")
	if err := w.link(ctx, decisions, nil, nil); err != nil {
		return rep, err
	}
	lap("link")
	if err := r.readAliases(ctx); err != nil {
		return rep, err
	}
	if err := w.name(nil); err != nil {
		return rep, err
	}
	lap("name")
	if err := stats.save(r.o.Dir, rep.RunID); err != nil {
		return rep, err
	}
	oldest := int32(math.MaxInt32)
	if n := len(all.refs); n > 0 {
		newest := slices.MaxFunc(all.refs, func(a, b warehouse.EventRef) int { return int(a.Day) - int(b.Day) }).Day
		oldest = newest - keepDays
	}
	unit := &warehouse.LinkUnit{RunID: rep.RunID, Base: state.Seq, Whole: true, Started: started, Model: r.model(), Spec: r.digest(), Position: set.To,
		Decision: lastDecision(decisions, 0)}
	unit.Chunks = w.whole(oldest)
	unit.Final = func() (warehouse.LinkFinal, error) {
		rep.Seconds = time.Since(started).Seconds()
		counts, err := json.Marshal(note{rep.RunID, 0, rep})
		return warehouse.LinkFinal{Counts: counts, FeaturesFrom: oldest}, err
	}
	if rep.Stored, err = r.store.Links.CommitLinks(ctx, unit); err != nil {
		return rep, fmt.Errorf("storing links: %w", err)
	}
	lap("store")
	r.stats, r.run = stats, rep.RunID
	if err := tidyCorpus(r.o.Dir, rep.RunID); err != nil {
		r.o.Log.Warn("removing old frequencies", "error", err)
	}
	rep.Seconds = time.Since(started).Seconds()
	return rep, nil
}

// laps measures stages one after the other.
func laps(into map[string]float64, from time.Time) func(string) {
	return func(name string) {
		now := time.Now()
		into[name] = now.Sub(from).Seconds()
		from = now
	}
}

func lastDecision(ds []warehouse.Decision, floor int64) int64 {
	for _, d := range ds {
		floor = max(floor, d.No)
	}
	return floor
}

// increment links what changed since the last run against what is stored.
func (r *Runner) increment(ctx context.Context, state warehouse.LinkState) (Report, error) {
	rep := Report{RunID: uuid.Must(uuid.NewV7()).String(), Trigger: "incremental", Took: map[string]float64{}}
	started := time.Now()
	lap := laps(rep.Took, started)
	g, err := newGatherer(r.o.Spec, r.ex)
	if err != nil {
		return rep, err
	}
	set, err := r.store.Changes.Changes(ctx, warehouse.ChangeQuery{From: state.Position, Columns: g.columns(), StatesOnly: true}, func(b arrow.RecordBatch) error {
		if len(g.out.refs)+int(b.NumRows()) > r.o.Increment {
			return errTooMany
		}
		return g.add(b)
	})
	if err != nil {
		return rep, fmt.Errorf("reading changes: %w", err)
	}
	decisions, err := r.store.Decider.Decisions(ctx, state.Decision)
	if err != nil {
		return rep, fmt.Errorf("reading decisions: %w", err)
	}
	changed := map[warehouse.EventID]bool{}
	for _, e := range g.out.refs {
		changed[e.ID] = true
	}
	// Events that a person decided about are looked at again, with their text as it is now.
	var again []warehouse.EventRef
	for _, d := range decisions {
		for _, e := range []warehouse.EventRef{d.From, d.To} {
			if !changed[e.ID] {
				changed[e.ID] = true
				again = append(again, e)
			}
		}
	}
	if len(again) > 0 {
		if err := r.store.Events.Events(ctx, again, g.columns(), g.add); err != nil {
			return rep, fmt.Errorf("reading decided events: %w", err)
		}
	}
	rep.Events = len(g.out.refs)
	lap("read")
	if rep.Events == 0 && set.To == state.Position {
		return rep, nil
	}
	fresh, err := g.finish()
	if err != nil {
		return rep, err
	}
	s := &surroundings{r: r, rep: &rep, fresh: fresh}
	if err := s.collect(ctx); err != nil {
		return rep, err
	}
	lap("find")
	w := &work{r: r, rep: &rep, all: s.all, fresh: s.isFresh, data: s.data, ledger: s.near.Links}
	opts := r.stats.lend(s.all.table)
	if err := w.link(ctx, append(s.near.Decisions, decisions...), s.stored(), opts); err != nil {
		return rep, err
	}
	lap("link")
	if err := r.readAliases(ctx); err != nil {
		return rep, err
	}
	touched := w.touched(s.isFresh)
	if err := w.name(touched); err != nil {
		return rep, err
	}
	lap("name")
	chunk, err := w.difference(touched)
	if err != nil {
		return rep, err
	}
	unit := &warehouse.LinkUnit{RunID: rep.RunID, Base: state.Seq, Started: started, Model: r.model(), Spec: r.digest(), Position: set.To,
		Decision: lastDecision(decisions, state.Decision)}
	unit.Chunks = func(yield func(*warehouse.LinkChunk, error) bool) { yield(chunk, nil) }
	unit.Final = func() (warehouse.LinkFinal, error) {
		rep.Seconds = time.Since(started).Seconds()
		counts, err := json.Marshal(note{r.run, r.since + rep.Events, rep})
		return warehouse.LinkFinal{Counts: counts}, err
	}
	if rep.Stored, err = r.store.Links.CommitLinks(ctx, unit); err != nil {
		return rep, fmt.Errorf("storing links: %w", err)
	}
	lap("store")
	rep.Seconds = time.Since(started).Seconds()
	return rep, nil
}

// readAliases keeps the aliases of the store in memory: there is one for each merge that ever was.
func (r *Runner) readAliases(ctx context.Context) error {
	rows, err := r.store.Names.Aliases(ctx, r.upto)
	if err != nil {
		return fmt.Errorf("reading aliases: %w", err)
	}
	for _, a := range rows {
		r.alias[a.Old] = a.New
		r.upto = max(r.upto, a.Seq)
	}
	return nil
}

// clusterKind is how a stored link takes part in clustering.
func clusterKind(l *warehouse.Link) cluster.Kind {
	switch l.Method {
	case certain.SourceField.String(), certain.IDInText.String():
		return cluster.Given
	case certain.Copy.String():
		return cluster.Certain
	}
	return cluster.Probable
}
