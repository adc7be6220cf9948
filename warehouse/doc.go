// Package warehouse is the contract between the pipelines and the store: what one transaction takes, what it answers,
// and what any engine must guarantee. warehouse/duckdb is the embedded engine; warehouse/warehousetest holds the tests
// that every engine passes.
//
// It is not a query layer: analysts never reach the live store (see docs/invariants.md, invariant 5).
package warehouse
