// Package query is the contract of the query surface: who asks, what is asked, what is answered, and how a refusal looks.
// query/front is the one path from a question to its answer; query/http and query/pgwire are doors before it; query/gate
// decides, query/worker executes, query/publish makes the snapshots that workers read, query/audit keeps the record and
// query/identity knows the users.
//
// It is no way into the live store: nothing below query/ opens it, and analyst SQL never runs in the process, instance
// or file that ingests (docs/invariants.md, invariant 5).
package query
