// Package engine opens one snapshot in DuckDB, locks it, and runs one statement at a time, each on a connection of its
// own. It works on the driver's mapping of the C interface and not on database/sql, for three reasons: a prepared
// statement is then exactly one statement (the driver's PrepareContext executes all but the last while preparing),
// results stream instead of being materialised before the first row, and an interrupt can be repeated at our own pace.
//
// It is used within a worker process only: it decides nothing about who may ask what, and what it locks holds for the
// whole process (docs/invariants.md, invariant 5).
package engine
