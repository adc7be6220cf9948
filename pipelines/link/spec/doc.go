// Package spec reads the mapping file of a linkage: which columns of any table become what, how two records are compared,
// which pairs are looked at, which links are certain, and what may be merged. A file needs no Go code; docs/link-mapping.md
// is its reference, generated from this package.
//
// Spec is the file as written. Parse refuses a file with all its problems at once, each with its line. Loader applies the
// columns to Arrow record batches and gives a table.
//
// The package compares nothing and forms no pairs: see pipelines/link/score and pipelines/link/block.
package spec
