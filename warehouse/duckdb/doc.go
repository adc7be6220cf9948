// Package duckdb is the store on DuckDB: it implements the contract of package warehouse and is the only importer of
// the DuckDB driver for writing. It needs cgo and the build tag duckdb_arrow (see require_tag.go); the Makefile sets it.
//
// It is not for readers: analysts get published snapshots, because nothing but the one writing process may open the
// live file (invariant 5).
package duckdb
