// Package connectors is the contract between the hub and the systems it reads: Source, its optional interfaces, the
// batch and checkpoint types, the registry of kinds and the strict decoding of one source's settings.
//
// A connector turns one upstream into source-shaped Arrow batches of text columns with the checkpoint that covers them.
// It does not rename, clean, mask or store anything: that is the work of pipelines. It never sees YAML, the catalog or
// the warehouse. Each kind lives in its own folder; connectors/builtin is the only list of them; connectortest is the
// conformance suite that every kind passes.
package connectors
