// Package pipelines takes one source from end to end: it reads batches from the stored resume point, recognises what is
// already stored, seals the rest in the landing, maps, enriches and protects it, and commits units. Runner.Run is the one
// place that moves progress: resume point, range over Read, Commit.
//
// The steps live in their own packages (normalize, enrich, privacy, landing); when sources run is the business of
// pipelines/schedule; how units are stored is that of warehouse.
package pipelines
