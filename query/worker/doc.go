// Package worker runs SQL of analysts in processes of their own and keeps a pool of those processes.
//
// A worker is this same program, started again with an empty environment. Before it reads any SQL it gives up what it
// could do harm with (query/worker/sandbox), opens one snapshot file read-only, locks the engine and proves by trying
// that it can neither read another file, nor write, nor change a setting (query/worker/engine). It then takes one
// statement at a time over a socket (query/worker/wire), asks the gate, and streams the rows back as Arrow IPC messages.
// The parent sets the deadline, kills a worker that misses it by more than a second, and starts another.
//
// The pool keeps workers per scope, queues in order of arrival and moves on to a new generation of a snapshot without
// stopping what runs on the old one.
//
// It is no authority on who may ask what: identity, rates, concurrency per user and the audit are query/front's. It
// never opens the live store (docs/invariants.md, invariant 5).
package worker
