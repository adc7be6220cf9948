package pipelines

import (
	"crypto/sha256"
	"encoding/binary"

	"onegrid/connectors"
	"onegrid/event"
	"onegrid/pipelines/enrich"
	"onegrid/pipelines/normalize"
	"onegrid/pipelines/privacy"
)

// Settings of one source's pipeline.
type Settings struct {
	ID            string
	RetentionDays int
	MaxPercent    float64 // share of rejects in a unit that stops the source; 0 for no limit
	MaxRejects    int     // rejects in a unit that stop the source; 0 for no limit
	Seed          []byte  // secret from which fingerprints are keyed
	Revision      string  // digest of the catalog: a changed crosswalk or polygon maps records again
	NoSkip        bool    // map every record, for a replay
}

// Pipeline is one source with its steps. It is used by one run at a time.
type Pipeline struct {
	ID         string
	source     connectors.Source
	norm       *normalize.Normalizer
	lander     Lander // nil: nothing is landed
	prep       *preparer
	digest     string
	maxPercent float64
	maxRejects int
	noSkip     bool
}

// New puts the steps of a source together. source may be nil for a replay.
func New(set Settings, source connectors.Source, norm *normalize.Normalizer, rich *enrich.Enricher, guard *privacy.Guard, lander Lander) *Pipeline {
	digest := norm.Digest()
	h := sha256.New()
	h.Write(set.Seed)
	h.Write([]byte("fingerprint\x1f" + set.ID + "\x1f" + digest + "\x1f" + set.Revision))
	seed := binary.LittleEndian.Uint64(h.Sum(nil))
	var columns map[string]bool
	if names := norm.Columns(); len(names) > 0 {
		columns = make(map[string]bool, len(names))
		for _, n := range names {
			columns[n] = true
		}
	}
	return &Pipeline{ID: set.ID, source: source, norm: norm, lander: lander, digest: digest, maxPercent: set.MaxPercent, maxRejects: set.MaxRejects, noSkip: set.NoSkip,
		prep: &preparer{sourceID: set.ID, seed: seed, ids: event.NewIDs(set.ID), norm: norm, rich: rich, guard: guard,
			asm: newAssembler(set.ID, set.RetentionDays), columns: columns}}
}
