// Package docgen renders the configuration reference from the settings structs, so that it cannot say anything else than the
// code. Its tests also hold docs/invariants.md against the tree: every file and every test that it names must exist.
//
// It is not for the mapping reference (pipelines/normalize writes that one) or for the verbs (cmd/onegrid does).
package docgen
