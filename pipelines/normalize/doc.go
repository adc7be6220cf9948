// Package normalize turns source-shaped records into governance events: a mapping file per source says which target
// field comes from which source columns, and with which transforms. It works column-wise on Arrow.
//
//	m, err := normalize.Load("mappings/hotline_12345.yaml")   // every problem at once, with file and line
//	n, err := m.Compile(lists)                                 // code lists by name, checked against the event model
//	draft, rejects, err := n.Apply(batch.Records, normalize.Meta{SourceID: "hotline", ReadAt: now})
//
// A record becomes an event or a reject with a rule, never both and never neither (invariant 3). What a mapping does
// not name is dropped and counted in the Report (invariant 4). Defects are flagged, not repaired, except where the
// mapping says so.
//
// What it is not for: text in a Draft is still clear, hiding it is the work of pipelines/privacy; coordinates, areas
// and hub categories are the work of pipelines/enrich; a mapping never holds code for one department. The reference of
// mapping files is docs/mapping-reference.md, generated from this package.
package normalize
