// Package publish turns changes of the live store into snapshots that analysts may read: per scope (a tier and an area)
// one immutable DuckDB file per generation, and a manifest that names the current one.
//
// Masks and scopes are physical: what a scope may not show is not in its file (columns.go lists every published column
// with its reason, cells.go coarsens sensitive categories until no cell is small). Publishing costs what changed: two
// files per scope take turns, and each is brought up to date with the changes it missed. A file in use by a reader (see
// Acquire) is never touched.
//
// The live store is read only through warehouse.ChangeFeed; snapshot files are written by a DuckDB instance of this
// package alone (invariant 5). It answers no queries and knows no users.
package publish
